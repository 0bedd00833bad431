//! docs/epcis.md: what each real event is told as, with an example that is what the program makes of it.

use tracegate_gs1::epc::encode_tag_uri;
use tracegate_pipeline::Read;
use tracegate_pipeline::reference::{Content, Facts, Lot, Order, OrderLine, Quantity, Reference};

use super::*;

const PALLET: &str = "urn:epc:tag:sscc-96:0.4012345.0000000001";
const ITEMS: [&str; 2] = [
    "urn:epc:tag:sgtin-96:1.4012345.000100.1",
    "urn:epc:tag:sgtin-96:1.4012345.000100.2",
];
const SSCC: &str = "https://id.gs1.org/00/040123450000000016";
const GTIN: &str = "04012345001006";
const LOT: &str = "]d201040123450010061727033110L1";
const BAD: &str = "]d2010401234500100610BAD";
const ORDER: &str = "urn:epcglobal:cbv:bt:4012345000009:WO004711";

impl Plant {
    fn of_the_guide() -> Self {
        Self::of("tests/mapping/guide.toml")
    }

    fn know(&mut self, records: Vec<Reference>) {
        let at = Time(self.at);
        self.pipeline.handle(Input::References {
            at,
            as_of: Some(at),
            records,
        });
    }

    /// All events of some scans, the last of which is told.
    fn told(&mut self, scanner: &str, codes: &[&str]) -> Value {
        let (device, mut last) = (self.device(scanner), None);
        for code in codes {
            self.at += 10 * S;
            let (at, data) = (Time(self.at), code.replace('|', "\u{1d}").into_bytes());
            for output in self.pipeline.handle(Input::Scan { device, at, data }) {
                match output {
                    Output::Event(event) => last = Some(event.json),
                    // What a label says of a serial number.
                    Output::Learned(fact) => self.know(vec![fact]),
                    _ => {}
                }
            }
        }
        let event: Value = serde_json::from_str(&last.expect("an event")).unwrap();
        assert_valid(&event);
        event
    }

    /// Tags move from one antenna of the reader to the other, in so many seconds; all events until a minute later.
    fn moves(&mut self, tags: &[&str], from: u16, to: u16) -> Vec<Value> {
        let device = self.device("doors");
        let start = self.at + 10 * S;
        self.at = start + 65 * S;
        let tags: Vec<_> = tags.iter().map(|it| encode_tag_uri(it).unwrap()).collect();
        let up = Input::Device {
            device,
            at: Time(start - S),
            up: true,
            reader_time: None,
        };
        let mut events = self.until(start - S, up);
        for tenth in 0..60 {
            let (near, far) = if tenth < 30 { (from, to) } else { (to, from) };
            let read = |antenna, rssi| {
                tags.iter().map(move |epc| Read {
                    epc: epc.bytes.clone(),
                    bit_len: 96,
                    antenna,
                    rssi_dbm: Some(rssi),
                    ..Read::default()
                })
            };
            let mut reads: Vec<Read> = read(near, -50).collect();
            if near != far {
                reads.extend(read(far, -65));
            }
            let at = Time(start + tenth * S / 10);
            events.extend(self.until(at.0, Input::Reads { device, at, reads }));
        }
        let at = Time(self.at);
        events.extend(self.until(at.0, Input::Tick { at }));
        events
    }

    /// Ticks when the pipeline asks for it, then this.
    fn until(&mut self, at: i64, input: Input) -> Vec<Value> {
        let mut events = Vec::new();
        let mut take = |outputs: Vec<Output>| {
            for output in outputs {
                if let Output::Event(event) = output {
                    let event: Value = serde_json::from_str(&event.json).unwrap();
                    assert_valid(&event);
                    events.push(event);
                }
            }
        };
        while let Some(at) = self.pipeline.next_tick().filter(|tick| tick.0 <= at) {
            take(self.pipeline.handle(Input::Tick { at }));
        }
        take(self.pipeline.handle(input));
        events
    }
}

fn record(key: &str, facts: Facts) -> Reference {
    Reference {
        key: key.to_owned(),
        version: 7,
        facts: Some(facts),
    }
}

fn lot(name: &str, status: &str) -> Reference {
    let lot = Lot {
        status: Some(status.to_owned()),
        ..Lot::default()
    };
    record(
        &format!("https://id.gs1.org/01/{GTIN}/10/{name}"),
        Facts::Lot(lot),
    )
}

fn contents(lot: &str) -> Reference {
    let content = |serial: u32| Content {
        item: format!("https://id.gs1.org/01/{GTIN}/21/{serial}"),
        instance: true,
        lot: Some(lot.to_owned()),
        pieces: None,
    };
    record(SSCC, Facts::Contents([1, 2].map(content).to_vec()))
}

fn order() -> Reference {
    let line = OrderLine {
        item: format!("https://id.gs1.org/01/{GTIN}"),
        open: Some(Quantity::pieces(40)),
        ..OrderLine::default()
    };
    let order = Order {
        status: Some("open".to_owned()),
        lines: vec![line],
    };
    record(ORDER, Facts::Order(order))
}

fn only(events: Vec<Value>, step: &str) -> Value {
    let found = events.iter().find(|event| event["bizStep"] == step);
    found
        .unwrap_or_else(|| panic!("no {step}: {events:#?}"))
        .clone()
}

/// Everything that the guide tells of, in its order.
fn events() -> Vec<(&'static str, Value)> {
    let mut plant = Plant::of_the_guide();
    let load = [PALLET, ITEMS[0], ITEMS[1]];
    let mut told = Vec::new();
    let inbound = plant.moves(&load, 1, 2);
    told.push(("goods come in by a door", only(inbound, "receiving")));
    plant.at += 120 * S;
    plant.know(vec![contents("L1"), lot("L1", "released")]);
    let outbound = plant.moves(&load, 2, 1);
    told.push((
        "a pallet whose contents are known leaves",
        only(outbound, "shipping"),
    ));
    plant.at += 120 * S;
    plant.know(vec![contents("BAD"), lot("BAD", "hold")]);
    let held = plant.moves(&load, 2, 1);
    told.push((
        "something leaves that is on hold",
        only(held, "staging_outbound"),
    ));
    plant.at += 120 * S;
    let shelf = plant.moves(&[ITEMS[0]], 3, 3);
    told.push(("something arrives at a place", only(shelf, "stocking")));
    let receipt = plant.told("receive_1", &["]C1010401234500100610L1|400PO-7|3740"]);
    told.push(("goods are received by label", receipt));
    let inspected = plant.told("inspect_1", &["B0099", LOT, "TG:PASS"]);
    told.push(("a lot is inspected", inspected));
    let held = plant.told("hold_1", &[BAD]);
    told.push(("a lot is put on hold", held));
    told.push(("a lot is released", plant.told("release_1", &[BAD])));
    let site = || vec![order(), lot("L1", "released"), lot("BAD", "hold")];
    plant.know(site());
    let refused = plant.told("issue_1", &["B0042", "WO004711", BAD]);
    told.push(("material is refused", refused));
    plant.know(site());
    let issued = plant.told("issue_1", &["TG:CANCEL", LOT, "12", "TG:CONFIRM"]);
    told.push(("material is issued to an order", issued));
    let used = plant.told("use_1", &["B0042", "WO004711", LOT, "5", "TG:CONFIRM"]);
    told.push(("material is used up by an order", used));
    let label = "]d20104012345000009172711301013P1|217";
    let made = plant.told("label_1", &["B0042", "WO004711", label]);
    told.push(("an order's product is labelled", made));
    let item = |serial: &str| MarkedItem {
        serial: Some(serial.to_owned()),
        ..MarkedItem::default()
    };
    told.push((
        "an order's product is marked by laser",
        plant.mark("laser_1", item("8")),
    ));
    let mut alone = item("9");
    (alone.lot, alone.production) = (Some("13P1".to_owned()), Some("261122".to_owned()));
    told.push(("a product is marked by laser", plant.mark("laser_2", alone)));
    let pallet = "]C100040123450000000016";
    let product = "]d20104012345000009217";
    let packed = plant.told("pack_1", &["B0011", pallet, product, "TG:CLOSE"]);
    told.push(("products are packed", packed));
    let out = plant.told("pack_1", &[pallet, "TG:UNPACK", product, "TG:CLOSE"]);
    told.push(("products are taken out again", out));
    let back = plant.told("return_1", &["B0042", LOT, "3", "TG:CONFIRM"]);
    told.push(("material goes back to the store", back));
    told
}

/// What may change with how passages are found, and does not change what an event means.
fn masked(event: &Value) -> Value {
    let mut event = event.clone();
    for field in ["eventID", "eventTime", "gw:passage"] {
        if let Some(value) = event.get_mut(field) {
            *value = json!("…");
        }
    }
    event
}

/// The guide has a row and an example for each event, and they are what the program makes.
#[test]
fn the_guide_tells_what_each_event_is() {
    let file = path("docs/epcis.md");
    let mut guide = std::fs::read_to_string(&file).unwrap();
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let events = events();
    for (name, event) in &events {
        let heading = format!("\n### {name}\n");
        let at = guide
            .find(&heading)
            .unwrap_or_else(|| panic!("no section {name}"));
        let rest = &guide[at + heading.len()..];
        let begin = rest.find("```json\n").expect("an example") + "```json\n".len();
        let end = begin + rest[begin..].find("```").expect("its end");
        let written: Value = serde_json::from_str(&rest[begin..end]).unwrap_or_default();
        if !update {
            reads_well(&written);
        }
        if masked(&written) != masked(event) {
            assert!(
                update,
                "{name}: UPDATE_EXPECT=1 writes the example anew: {event:#}"
            );
            let text = serde_json::to_string_pretty(event).unwrap() + "\n";
            let start = at + heading.len();
            guide.replace_range(start + begin..start + end, &text);
            std::fs::write(&file, &guide).unwrap();
        }
        let link = name.replace(' ', "-").replace('\'', "");
        let text = |field: &str| event[field].as_str().unwrap_or("–").to_owned();
        let row = format!(
            "| [{name}](#{link}) | `{}` | `{}` | `{}` | `{}` |",
            text("type"),
            text("action"),
            text("bizStep"),
            text("disposition")
        );
        let row = row.replace("`–`", "–");
        if guide.contains(&row) {
            continue;
        }
        assert!(update, "no row {row}");
        let begin = format!("| [{name}](");
        let mut lines = guide.lines();
        let old = lines.find(|line| line.starts_with(&begin));
        let old = old.unwrap_or_else(|| panic!("no row {row}")).to_owned();
        let (_, place) = old.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        guide = guide.replace(&old, &format!("{row} {place} |"));
        std::fs::write(&file, &guide).unwrap();
    }
    let rows = guide.lines().filter(|line| line.starts_with("| [")).count();
    assert_eq!(rows, events.len());
}

/// Reads an event as the developer of a repository would, beyond what the schema says.
pub fn reads_well(event: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| event[name].as_array().cloned().unwrap_or_default();
    // Its id is its hash, and whoever computes it anew finds the same.
    let hash = tracegate_epcis::hash_json(event, &Value::Null).unwrap();
    assert_eq!(text(&event["eventID"]), hash.id().to_string(), "{event:#}");
    let offset = text(&event["eventTimeZoneOffset"]);
    assert!(text(&event["eventTime"]).ends_with(&offset), "{event:#}");
    // Each prefix is declared.
    let context = match &event["@context"] {
        Value::Array(several) => text(&several[0]),
        only => text(only),
    };
    assert_eq!(
        context,
        "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
    );
    let names = event.as_object().unwrap().keys();
    for prefix in names.filter_map(|name| Some(name.split_once(':')?.0)) {
        let declared = text(&event["@context"][1][prefix]);
        assert!(declared.contains(':'), "{prefix} of {event:#}");
    }
    // Words are of the vocabulary, or URIs.
    let step = text(&event["bizStep"]);
    assert!(
        tracegate_epcis::is_biz_step(&step) || step.contains(':'),
        "{step}"
    );
    if let Some(disposition) = event["disposition"].as_str() {
        assert!(tracegate_epcis::is_disposition(disposition) || disposition.contains(':'));
    }
    for (name, key) in [
        ("bizTransactionList", "bizTransaction"),
        ("sourceList", "source"),
        ("destinationList", "destination"),
    ] {
        for entry in list(name) {
            // The hash of others goes by the order of keys.
            let first = entry.as_object().unwrap().keys().next();
            assert_eq!(first.map(String::as_str), Some("type"), "{event:#}");
            let (word, uri) = (text(&entry["type"]), text(&entry[key]));
            let is_word = match name {
                "bizTransactionList" => tracegate_epcis::is_biz_transaction_type(&word),
                _ => tracegate_epcis::source_dest_types().any(|it| it == word),
            };
            assert!(is_word || word.contains(':'), "{event:#}");
            assert!(uri.contains(':'), "{event:#}");
            // CBV 2.0 §7.4: it is where the event was seen, or where the things are afterwards.
            let place = match (name, word.as_str()) {
                ("sourceList", "location") => &event["readPoint"]["id"],
                ("destinationList", "location") => &event["bizLocation"]["id"],
                _ => continue,
            };
            assert!(place.is_null() || *place == *uri, "{event:#}");
        }
    }
    // Things have one name each, and what has no unit is a whole number of pieces.
    for name in ["epcList", "childEPCs", "inputEPCList", "outputEPCList"] {
        for uri in list(name) {
            let uri = text(&uri);
            assert_eq!(tracegate_epcis::canonical_uri(&uri), uri);
        }
    }
    for name in [
        "quantityList",
        "childQuantityList",
        "inputQuantityList",
        "outputQuantityList",
    ] {
        for element in list(name) {
            let class = text(&element["epcClass"]);
            assert_eq!(tracegate_epcis::canonical_uri(&class), class);
            let is_measured = !element["uom"].is_null() || element["quantity"].is_null();
            assert!(is_measured || element["quantity"].is_u64(), "{event:#}");
        }
    }
    // What only some types have.
    let kind = text(&event["type"]);
    assert_eq!(
        event["action"].is_null(),
        kind == "TransformationEvent",
        "{event:#}"
    );
    let has_state = kind == "ObjectEvent" || kind == "TransformationEvent";
    assert!(
        has_state || event["persistentDisposition"].is_null(),
        "{event:#}"
    );
    let makes = kind == "TransformationEvent" || event["action"] == "ADD";
    assert!(makes || event["ilmd"].is_null(), "{event:#}");
}
