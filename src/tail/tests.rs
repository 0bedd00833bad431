//! What those who follow are told, and what becomes of one who is too slow.

use std::path::Path;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tracegate_pipeline::fate::Fate;
use tracegate_pipeline::filter::Unfit;
use tracegate_pipeline::{Input, Output, Pipeline, PipelineConfig, Read, Time};

use super::*;
use crate::capture::tap::{Batch, Tap};
use crate::capture::witness::{Ask, Asks, Witness};
use crate::health::Health;
use crate::{config, topology};

const T0: i64 = 1_795_341_600_000_000;
const GATEWAY: &str = r#"
[gateway]
site = "plant-3"
[llrp.dock_1]
host = "127.0.0.1"
antennas = [1, 2, 3]
[scanner.pack_1]
tcp = "127.0.0.1:9"
[tags]
ignore = ["hex:e2*"]
person = ["hex:e3*"]
[read_point.door]
mode = "dock"
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
inside = ["dock_1/2"]
outside = ["dock_1/1"]
in = { biz_step = "receiving" }
[read_point.pack]
mode = "station"
sgln = "urn:epc:id:sgln:4012345.00001.pack1"
scanners = ["pack_1"]
scan = { biz_step = "packing" }
[mqtt]
url = "mqtt://127.0.0.1"
"#;

fn configured() -> PipelineConfig {
    let path = Path::new("gateway.toml");
    let loaded = config::from_bytes(path, GATEWAY.as_bytes(), std::iter::empty())
        .unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human)));
    let devices = topology::devices(&loaded.config).unwrap();
    topology::pipeline(&loaded.config, &devices)
}

struct Bench {
    tap: Tap,
    asks: Asks,
    pipeline: Pipeline,
    health: Health,
    device: u16,
    scanner: u16,
}

impl Bench {
    fn new() -> Self {
        let health = Health::new("plant-3", "e");
        let (tap, outlet) = Tap::new(health.clone());
        let config = configured();
        let number = |name| config.devices.iter().position(|it| it == name).unwrap() as u16;
        let (device, scanner) = (number("dock_1"), number("pack_1"));
        let (witness, asks) =
            Witness::new(outlet, config.clone(), "plant-3".into(), health.clone());
        tokio::spawn(witness.run());
        let mut bench = Self {
            tap,
            asks,
            pipeline: Pipeline::default(),
            health,
            device,
            scanner,
        };
        bench.take(Input::Configure(Box::new(config)));
        bench.take(Input::Start { at: Time(T0) });
        bench.take(Input::Device {
            device,
            at: Time(T0),
            up: true,
            reader_time: None,
        });
        bench
    }

    /// As the core does.
    fn take(&mut self, input: Input) {
        self.pipeline.trace(self.tap.is_followed());
        let mut batch = Batch::default();
        for output in self.pipeline.handle(input.clone()) {
            match output {
                Output::Event(event) => batch.events.push(*event),
                Output::NonEvent(load) => batch.refused.push(load),
                said => batch.said.push((0, said)),
            }
        }
        batch.inputs.push(input);
        batch.trace = self.pipeline.traced();
        self.tap.seen(batch);
    }

    fn reads(&mut self, at: i64, reads: Vec<Read>) {
        let (device, at) = (self.device, Time(at));
        self.take(Input::Reads { device, at, reads });
    }

    async fn follow(&self, wish: Wish) -> Result<Follower, String> {
        let (answer, told) = oneshot::channel();
        self.asks.send(Ask::Follow { answer }).await.unwrap();
        let following = told.await.unwrap().ok_or("full")?;
        Follower::new(wish, following, self.health.clone())
    }
}

fn read(epc: &[u8], antenna: u16, rssi: i8) -> Read {
    Read {
        epc: epc.to_vec(),
        bit_len: epc.len() as u16 * 8,
        antenna,
        rssi_dbm: Some(rssi),
        ..Read::default()
    }
}

fn goods() -> Vec<u8> {
    let tag = tracegate_gs1::epc::encode_tag_uri("urn:epc:tag:sgtin-96:1.4012345.000100.1");
    tag.unwrap().bytes
}

async fn next(follower: &mut Follower) -> String {
    let bytes = timeout(Duration::from_secs(60), follower.next()).await;
    let bytes = bytes.expect("something is told").expect("it goes on");
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.map(|line| render(&line, "UTC")).collect()
}

#[tokio::test(start_paused = true)]
async fn reads_of_a_second_are_one_line_and_say_why_they_do_not_count() {
    let mut bench = Bench::new();
    let why = Wish {
        why: true,
        ..Wish::default()
    };
    let mut follower = bench.follow(why).await.unwrap();
    let (goods, reads) = (goods(), |epc: &[u8]| read(epc, 1, -50));
    let mut all = vec![read(&goods, 1, -50), read(&goods, 1, -48)];
    all.extend([read(&goods, 1, -90), read(&goods, 3, -50)]);
    all.extend([reads(&[0xe2; 12]), reads(&[0xe3; 12]), reads(&[0; 12])]);
    bench.reads(T0 + 1_000, all);
    let text = next(&mut follower).await;
    let tag = "https://id.gs1.org/01/04012345001006/21/1";
    let expected = [
        format!("dock_1/1  door outside  {tag}  2 reads  -48 dBm  taken\n"),
        format!("dock_1/1  door outside  {tag}  1 read  -90 dBm  weak: weaker than min_rssi (-"),
        format!("dock_1/3  no read point  {tag}  1 read  -50 dBm  unassigned: antenna dock_1/3"),
        "ignored: it matches \"hex:e2*\" in [tags] ignore".to_owned(),
        "blank: its memory is empty".to_owned(),
    ];
    for expected in &expected {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert_eq!(text.lines().count(), expected.len(), "{text}");
    assert!(!text.contains("e3e3"), "a badge: {text}");
    // Lone reads: all that was seen of these tags so far. A ghost is known when its time is over.
    for second in 0..10 {
        let at = Time(T0 + second * 1_000_000);
        bench.take(Input::Tick { at });
    }
    let text = next(&mut follower).await;
    assert!(text.contains("ghost: read fewer than min_reads"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn scans_have_their_verdicts_and_filters_keep_the_rest_away() {
    let mut bench = Bench::new();
    let at_pack = Wish {
        read_point: Some("pack".into()),
        ..Wish::default()
    };
    let mut follower = bench.follow(at_pack).await.unwrap();
    let device = bench.scanner;
    let scan = |text: &str, second: i64| Input::Scan {
        device,
        at: Time(T0 + second * 1_000_000),
        data: text.into(),
    };
    bench.reads(T0, vec![read(&goods(), 1, -50)]);
    bench.take(scan("]C100340123450000000017", 1));
    let text = next(&mut follower).await;
    assert!(
        text.contains("pack_1  scan \"]C100340123450000000017\"  accepted\n"),
        "{text}"
    );
    assert!(text.contains("pack  booked: packing"), "{text}");
    assert!(!text.contains("dock_1"), "{text}");
    // A decision elsewhere does not tear apart what is being put together.
    let mut everything = bench.follow(Wish::default()).await.unwrap();
    bench.reads(T0 + 1_500_000, vec![read(&goods(), 1, -50)]);
    bench.take(scan("]C100340123450000000024", 2));
    bench.reads(T0 + 2_100_000, vec![read(&goods(), 1, -50)]);
    let mut text = next(&mut everything).await;
    while !text.contains("dock_1/1") {
        text += &next(&mut everything).await;
    }
    assert!(text.contains("  2 reads"), "{text}");
    next(&mut follower).await;
    bench.take(scan("]C100340123450000000018", 2));
    let text = next(&mut follower).await;
    assert!(text.contains("refused: "), "{text}");

    let wrong = Wish {
        device: Some("dok_1".into()),
        ..Wish::default()
    };
    let refused = bench.follow(wrong).await.unwrap_err();
    assert_eq!(
        refused,
        "there is no device `dok_1`; did you mean `dock_1`?"
    );
    let tag = |name: &str| Wish {
        epc: Some(name.into()),
        raw: true,
        ..Wish::default()
    };
    let mut follower = bench.follow(tag("(01)04012345001006(21)1")).await.unwrap();
    let both = vec![read(&[0x30; 12], 1, -50), read(&goods(), 1, -50)];
    bench.reads(T0 + 3_000_000, both);
    let text = next(&mut follower).await;
    assert!(
        text.contains("/21/1  1 read") && text.lines().count() == 1,
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_who_does_not_read_holds_nothing_up_and_is_told_how_much_is_missing() {
    let mut bench = Bench::new();
    let raw = Wish {
        raw: true,
        ..Wish::default()
    };
    let mut asleep = bench.follow(raw.clone()).await.unwrap();
    let mut awake = bench.follow(raw).await.unwrap();
    for step in 0..1_000 {
        bench.reads(T0 + step, vec![read(&goods(), 1, -50)]);
        // The witness takes each batch although one of the two does not.
        assert!(next(&mut awake).await.contains("1 read"));
    }
    assert_eq!(bench.health.counters().inputs_unwitnessed.get(), 0);
    let first = next(&mut asleep).await;
    assert!(
        first.starts_with("-- here up to 936 reads and decisions are missing"),
        "{first}"
    );
    assert_eq!(bench.health.counters().tail_gaps.get(), 936);
    let mut count = 1;
    while timeout(Duration::from_secs(5), asleep.next()).await.is_ok() {
        count += 1;
    }
    assert_eq!(count, 64, "the newest are there");
    // Places are few, and free again.
    let mut more = Vec::new();
    for _ in 0..2 {
        more.push(bench.follow(Wish::default()).await.unwrap());
    }
    assert!(bench.follow(Wish::default()).await.is_err());
    more.clear();
    drop((asleep, awake));
    bench.follow(Wish::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!bench.tap.is_followed(), "nobody does any more");
}

#[test]
fn every_word_and_every_line_is_explained() {
    let explained = include_str!("../../docs/live.md");
    let unfit = [Unfit::CutOff, Unfit::Iso, Unfit::Blank, Unfit::Unknown];
    let fates = [
        Fate::Taken,
        Fate::Parked,
        Fate::Carrier,
        Fate::Weak,
        Fate::Ignored,
        Fate::Unassigned,
        Fate::Late,
        Fate::Elsewhere,
    ];
    for fate in unfit.map(Fate::Unfit).into_iter().chain(fates) {
        let row = format!("\n| `{}` | ", super::words::word(fate));
        assert!(explained.contains(&row), "{fate:?}");
    }
    let at = crate::story::Moment(T0);
    let sighting = Sighting {
        at,
        device: "dock_1".into(),
        antenna: 1,
        read_point: Some("door".into()),
        side: Some("inside".into()),
        epc: "30".into(),
        tag: "x".into(),
        reads: 1,
        rssi: Some(-50),
        fate: Some("weak".into()),
        why: Some("y".into()),
    };
    let (device, read_point) = ("d".to_owned(), "r".to_owned());
    let lines = [
        Line::Read(Box::new(sighting)),
        Line::Gap { lost: 1 },
        Line::Device {
            at,
            device: device.clone(),
            up: true,
        },
        Line::Input {
            at,
            device: device.clone(),
            port: 1,
            high: true,
        },
        Line::Alert {
            at,
            read_point: read_point.clone(),
            thing: "t".into(),
            text: "t".into(),
        },
        Line::Ghost {
            at,
            read_point,
            epc: "30".into(),
            tag: "x".into(),
            why: "y".into(),
        },
    ];
    for line in lines {
        let json = serde_json::to_value(&line).unwrap();
        let kind = json["type"].as_str().unwrap();
        let start = format!("\n| `{kind}` | ");
        let row = explained.split(&start).nth(1).expect(kind);
        let row = row.lines().next().unwrap();
        for key in json.as_object().unwrap().keys().filter(|it| *it != "type") {
            assert!(row.contains(&format!("`{key}`")), "{kind} {key}");
        }
    }
}
