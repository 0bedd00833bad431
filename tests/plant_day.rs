//! The day of a plant, from the devices to the rows in PostgreSQL: the real binary, a real Mosquitto, the store; a reader,
//! scanners and a marker over sockets. The network to the broker is down for the middle third.
//!
//! Two lots of a supplier come in, one fails inspection and is put on hold by the site. At the lines it is refused, the other
//! is taken in spite of a lot that should go first, serial numbers are marked and labelled, packed and sent away. In the end
//! the store tells from the events alone what became of the lots.

#[path = "plant_day/plant.rs"]
mod plant;
mod support;

use plant::{Hears, Plant, Scanner};
use serde_json::{Value, json};
use support::schema::{mistakes, official_schema};
use support::store::ask;
use support::{epcs, pass};
use tracegate_sim::marker::Make;
use tracegate_sim::proxy::{End, Line};

/// The supplier's material, and what is made of it.
const MATERIAL: &str = "14012345001003";
const PRODUCT: &str = "04012345000009";
/// The lot that may be used, the one that fails, and one in the store that expires before them.
const GOOD: &str = "A-7";
const BAD: &str = "B-9";
const OLD: &str = "Z-1";
/// The supplier's pallets and our own.
const PALLETS: [&str; 3] = [
    "040123450000000016",
    "040123450000000023",
    "040123450000000030",
];

fn lot_code(lot: &str) -> String {
    format!("]d201{MATERIAL}10{lot}")
}

fn lot(lot: &str) -> String {
    format!("https://id.gs1.org/01/{MATERIAL}/10/{lot}")
}

fn product(serial: u32) -> String {
    format!("https://id.gs1.org/01/{PRODUCT}/21/{serial}")
}

fn pallet(index: usize) -> String {
    format!("https://id.gs1.org/00/{}", PALLETS[index])
}

/// What the site knows in the morning.
async fn publish_the_morning(plant: &Plant) {
    let day = |days: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        at.to_string().chars().take(10).collect::<String>()
    };
    let known =
        |days| json!({"v": 1, "status": "released", "expiry": day(days), "received": day(-1)});
    let on = |serials: [&str; 2], lot: &str| {
        let entry = |serial: &str| json!({"gtin": MATERIAL, "serial": serial, "lot": lot});
        json!({"v": 1, "contents": serials.map(entry)})
    };
    let order = |open: u32| json!({"v": 1, "status": "open", "lines": [{"gtin": MATERIAL, "open_qty": open}]});
    let records = [
        (format!("sscc/{}", PALLETS[0]), on(["1", "2"], GOOD)),
        (format!("sscc/{}", PALLETS[1]), on(["3", "4"], BAD)),
        (format!("lot/{MATERIAL}/{GOOD}"), known(300)),
        (format!("lot/{MATERIAL}/{BAD}"), known(200)),
        (format!("lot/{MATERIAL}/{OLD}"), known(100)),
        ("order/WO000001".to_owned(), order(40)),
        ("order/WO000002".to_owned(), order(10)),
    ];
    let count = records.len();
    for (below, mut record) in records {
        record["snapshot_id"] = json!("morning");
        plant.publish(&below, &record).await;
    }
    let generated_at = jiff::Timestamp::now().to_string();
    let meta = json!({"snapshot_id": "morning", "generated_at": generated_at, "count": count});
    plant.publish("meta", &meta).await;
    let is_complete = |text: &str| text.contains("the site's data is");
    plant.knows("the morning's data", is_complete).await;
}

/// Two pallets come in by the door; of the second a lot is found bad, and the site puts it on hold.
async fn receive_and_inspect(plant: &mut Plant) {
    for (index, serials) in [(0, [1, 2]), (1, [3, 4])] {
        let item = |serial| format!("urn:epc:tag:sgtin-96:1.4012345.100100.{serial}");
        let mut load = vec![format!("urn:epc:tag:sscc-96:0.4012345.{:010}", index + 1)];
        load.extend(serials.map(item));
        pass(&plant.reader, &epcs(&load), true).await;
        plant.stored("biz_step = 'receiving'", index + 1).await;
    }
    let mut bench = plant.scanner("inspect_1").await;
    bench.scan("B0099", Hears::Accepted).await;
    for (lot, result) in [(GOOD, "TG:PASS"), (BAD, "TG:FAIL")] {
        bench.scan(&lot_code(lot), Hears::Pending).await;
        bench.scan(result, Hears::Accepted).await;
    }
    plant.stored("biz_step = 'inspecting'", 2).await;
    let hold = json!({"v": 2, "status": "hold", "hold_reason": "failed inspection"});
    let below = format!("lot/{MATERIAL}/{BAD}");
    plant.publish(&below, &hold).await;
    plant.knows("the hold", |text| text.contains("hold")).await;
}

/// Signs on until the verdicts are by what the site told last.
async fn sign_on(plant: &Plant, line: &mut Scanner) {
    let now = jiff::Timestamp::now().as_microsecond();
    let now = jiff::Timestamp::from_microsecond(now).expect("a time of today");
    plant
        .publish("heartbeat", &json!({"at": now.to_string()}))
        .await;
    loop {
        line.scan("B0041", Hears::Accepted).await;
        line.scan("B0042", Hears::Accepted).await;
        let rows = plant.verdicts();
        let newest = rows.last().and_then(|row| row["data_as_of"].as_str());
        let as_of: Option<jiff::Timestamp> = newest.and_then(|text| text.parse().ok());
        if as_of.is_some_and(|at| at >= now) {
            return;
        }
    }
}

/// The lines are served, with nobody to ask.
async fn work_without_a_network(plant: &mut Plant, mut line: Scanner) {
    line.scan("WO000001", Hears::Pending).await;
    line.scan(&lot_code(BAD), Hears::Refused).await;
    line.scan(&lot_code(GOOD), Hears::Warned).await;
    line.scan("TG:CONFIRM", Hears::Pending).await;
    line.scan("40", Hears::Pending).await;
    line.scan("TG:CONFIRM", Hears::Accepted).await;

    // Until now the gateway need not have noticed. What is issued here is used up, and a supervisor looks at the warning.
    plant.logs("Broker not connected").await;
    let mut line = plant.scanner("line_2").await;
    line.scan("B0007", Hears::Accepted).await;
    line.scan("WO000002", Hears::Pending).await;
    line.scan(&lot_code(GOOD), Hears::Warned).await;
    line.scan("S0001", Hears::Pending).await;
    line.scan("10", Hears::Pending).await;
    line.scan("TG:CONFIRM", Hears::Accepted).await;

    for serial in ["1", "2"] {
        plant.marker.send(Make::Generic.mark(serial, None)).await;
    }
    let mut labels = plant.scanner("label_1").await;
    labels.scan("B0007", Hears::Accepted).await;
    labels.scan("WO000002", Hears::Pending).await;
    let label = format!("]d201{PRODUCT}10P1\u{1d}213");
    labels.scan(&label, Hears::Accepted).await;
}

/// One product of each order goes on a pallet, and away.
async fn pack_and_dispatch(plant: &mut Plant) {
    let mut table = plant.scanner("pack_1").await;
    table.scan("B0011", Hears::Accepted).await;
    table
        .scan(&format!("]C100{}", PALLETS[2]), Hears::Pending)
        .await;
    for serial in [1, 3] {
        let code = format!("]d201{PRODUCT}21{serial}");
        table.scan(&code, Hears::Pending).await;
    }
    table.scan("TG:CLOSE", Hears::Accepted).await;
    plant.stored("biz_step = 'packing'", 1).await;
    let load = [
        "urn:epc:tag:sscc-96:0.4012345.0000000003",
        "urn:epc:tag:sgtin-96:1.4012345.000000.1",
        "urn:epc:tag:sgtin-96:1.4012345.000000.3",
    ];
    pass(&plant.reader, &epcs(&load), false).await;
    plant.stored("biz_step = 'shipping'", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_day_of_a_plant() {
    let mut plant = Plant::start().await;
    publish_the_morning(&plant).await;
    receive_and_inspect(&mut plant).await;

    let mut line = plant.scanner("line_1").await;
    sign_on(&plant, &mut line).await;

    plant.network.set(Line::Hole);
    let before = plant.count("true");
    work_without_a_network(&mut plant, line).await;
    assert_eq!(plant.count("true"), before, "the network was not down");
    plant.network.set(Line::Open);
    plant.network.end(End::Reset);
    plant.stored("biz_step = 'commissioning'", 3).await;
    plant.stored("biz_step = 'picking'", 2).await;

    pack_and_dispatch(&mut plant).await;
    assert!(plant.gateway.stop().success(), "{}", plant.gateway.log());
    events_are_valid(&plant);
    verdicts_are_told(&plant);
    store_answers(&plant);
}

/// All that was published is EPCIS, and nothing is missing.
fn events_are_valid(plant: &Plant) {
    let query = |sql| plant.database.query(sql);
    assert_eq!(query("select count(*) from rejected"), "0");
    assert_eq!(query("select count(*) from gaps"), "0");
    let bodies = query("select json_agg(body order by id) from events");
    let bodies: Vec<Value> = serde_json::from_str(&bodies).expect("a list of events");
    assert_eq!(bodies.len(), 16, "{bodies:#?}");
    let Some(schema) = official_schema() else {
        return;
    };
    for event in &bodies {
        let mistakes = mistakes(&schema, event);
        assert!(mistakes.is_empty(), "{event:#}\n{mistakes:?}");
    }
}

/// What operators heard is in the events, and in the gateway's own record.
fn verdicts_are_told(plant: &Plant) {
    let verdicts = plant.database.query(
        "select biz_step, operator, body ->> 'gw:rule', body #>> '{gw:overrides,0,gw:by}' from events
        where biz_step like 'tracegate:%' order by event_time, id",
    );
    let expected = "tracegate:event/issue_refused|0042|lot_hold|
tracegate:event/issue_warned|0042|fefo|
tracegate:event/issue_overridden|0042|fefo|0042
tracegate:event/issue_warned|0007|fefo|
tracegate:event/issue_overridden|0007|fefo|0001";
    assert_eq!(verdicts, expected);
    let rows = plant.verdicts();
    let refused: Vec<&Value> = rows.iter().filter(|row| row["what"] == "refused").collect();
    assert_eq!(refused.len(), 1, "{refused:#?}");
    let text = refused[0]["text"].as_str().unwrap_or_default();
    assert!(text.starts_with("lot B-9 is not released"), "{text}");
    assert_eq!(refused[0]["rule"], "lot_hold", "{refused:#?}");
    assert_eq!(refused[0]["operator"], "0042", "{refused:#?}");

    // Who confirmed each issue: the events say it, and so does the record, row by row with the ids of the events.
    let issues = plant.database.query(
        "select json_agg(json_build_array(event_id,
        coalesce(body ->> 'transformationID', body #>> '{bizTransactionList,0,bizTransaction}'), operator) order by event_time)
        from events where biz_step = 'picking'",
    );
    let issues: Vec<[String; 3]> = serde_json::from_str(&issues).expect("a list of issues");
    let confirmed = |order: &str, by: &str| {
        let issue = issues.iter().find(|it| it[1] == order).expect("an issue");
        assert_eq!(issue[2], by, "{issues:#?}");
        let made = |row: &&Value| {
            row["events"]
                .as_array()
                .is_some_and(|it| it.contains(&json!(issue[0])))
        };
        let row = rows.iter().find(made).expect("a row of the record");
        let told =
            ["what", "code", "operator"].map(|field| row[field].as_str().unwrap_or_default());
        assert_eq!(told, ["accepted", "TG:CONFIRM", by], "{row:#}");
    };
    assert_eq!(issues.len(), 2);
    confirmed("tracegate:order/WO000001", "0042");
    confirmed("tracegate:order/WO000002", "0007");
}

/// Rows of an answer, with these fields only.
fn rows(answer: &Value, list: &str, fields: &[&str]) -> Value {
    let rows = answer[list].as_array().expect("a list").iter();
    let narrow = |row: &Value| {
        fields
            .iter()
            .map(|name| row[*name].clone())
            .collect::<Value>()
    };
    rows.map(narrow).collect()
}

fn store_answers(plant: &Plant) {
    let asked = |arguments: &[&str]| -> Value {
        let text = ask(plant.store_binary(), &plant.database.url(), arguments);
        serde_json::from_str(&text).expect("JSON")
    };
    // Which serial numbers contain the good lot, where they are, and who confirmed each issue.
    let recall = asked(&["recall", "--gtin", MATERIAL, "--lot", GOOD, "--json"]);
    assert_eq!(
        rows(&recall, "products", &["thing", "order", "in", "state"]),
        json!([
            [
                product(1),
                "tracegate:order/WO000001",
                pallet(2),
                "left the site"
            ],
            [product(2), "tracegate:order/WO000001", null, "on site"],
            [
                product(3),
                "tracegate:order/WO000002",
                pallet(2),
                "left the site"
            ],
        ]),
        "{recall:#}"
    );
    assert_eq!(
        rows(
            &recall,
            "orders",
            &["order", "quantity", "confirmed_by", "outputs"]
        ),
        json!([
            ["tracegate:order/WO000001", 40, "0042", 2],
            ["tracegate:order/WO000002", 10, "0007", 1],
        ]),
        "{recall:#}"
    );
    // Nothing was made of the lot that failed.
    let recall = asked(&["recall", "--gtin", MATERIAL, "--lot", BAD, "--json"]);
    assert_eq!(
        rows(&recall, "products", &["thing"]),
        json!([]),
        "{recall:#}"
    );
    assert_eq!(rows(&recall, "orders", &["order"]), json!([]), "{recall:#}");

    let trace = asked(&["trace", "--gtin", PRODUCT, "1", "--json"]);
    assert_eq!(
        rows(&trace, "inputs", &["thing", "confirmed_by"]),
        json!([[lot(GOOD), "0042"]]),
        "{trace:#}"
    );
    assert_eq!(
        rows(&trace, "receipts", &["thing", "place"]),
        json!([[lot(GOOD), "urn:epc:id:sgln:4012345.00001.dock1"]]),
        "{trace:#}"
    );
    let site = asked(&["on-site", "--gtin", PRODUCT, "--json"]);
    let list = site
        .as_object()
        .and_then(|it| it.keys().next())
        .expect("a list");
    assert_eq!(
        rows(&site, list, &["thing"]),
        json!([[product(2)]]),
        "{site:#}"
    );
}
