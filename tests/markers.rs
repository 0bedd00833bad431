//! Logs of markers that are rotated and cut under load, a folder of files, and the gateway killed in between: each mark is
//! exactly one event.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rumqttc::v5::Event;
use rumqttc::v5::mqttbytes::v5::Packet;
use serde_json::Value;
use support::{Gateway, store};
use tokio::time::timeout;
use tracegate_sim::broker::Broker;
use tracegate_sim::marker::log::MarkLog;

const PATIENCE: Duration = Duration::from_secs(90);
/// Marks of each log, and files in the folder.
const MARKS: u64 = 2_000;
const FILES: u64 = 40;
const KILLS: u32 = 6;

fn config(folder: &Path, broker: std::net::SocketAddr, buffer: &Path) -> String {
    let shared = "format = \"csv\"\ncolumns = { serial = \"Serial\", result = \"Result\", lot = \"Lot\" }\ngtin = \"04012345000009\"";
    let folder = folder.display();
    format!(
        r#"[gateway]
site = "plant-3"
[marker.laser_1]
tail = "{folder}/renamed/marks.csv"
begin = "beginning"
{shared}
[marker.laser_2]
tail = "{folder}/cut/marks.csv"
begin = "beginning"
{shared}
[marker.laser_3]
drop = "{folder}/files"
suffix = ".csv"
settle = "200ms"
{shared}
[read_point.mark_1]
mode = "station"
sgln = "urn:epc:id:sgln:4012345.00001.mark1"
markers = ["laser_1", "laser_2", "laser_3"]
[buffer]
directory = "{}"
[mqtt]
url = "mqtt://{broker}"
"#,
        buffer.display()
    )
}

/// Writes a log for about ten seconds, and rotates it now and then.
fn write(path: &Path, prefix: &str, rotate: impl Fn(&mut MarkLog), seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut log = MarkLog::create(path, "Serial;Result;Lot").expect("a log");
    while log.marks() < MARKS {
        let number = log.marks();
        log.mark(&format!("{prefix}{number};OK;L{prefix}"))
            .expect("a line");
        if random.u32(0..90) == 0 {
            rotate(&mut log);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn rotated_cut_and_killed_each_mark_is_one_event() {
    let broker = Broker::start().await.expect("a broker");
    let (_store, mut events) = store(broker.addr()).await;
    let plant = tempfile::tempdir().expect("a folder");
    for name in ["renamed", "cut", "files"] {
        std::fs::create_dir(plant.path().join(name)).expect("a folder");
    }
    let mut gateway = Gateway::new(|buffer| config(plant.path(), broker.addr(), buffer));
    gateway.start();
    let at = |name: &str| plant.path().join(name);
    let (renamed, cut, files) = (at("renamed/marks.csv"), at("cut/marks.csv"), at("files"));
    let writers = [
        thread::spawn(move || write(&renamed, "R", |log| log.rename().expect("rename"), 1)),
        thread::spawn(move || write(&cut, "C", |log| log.cut().expect("cut"), 2)),
        thread::spawn(move || {
            for number in 0..FILES {
                let text = format!("Serial;Result;Lot\nF{number};OK;LF\nG{number};OK;LF\n");
                let part = files.join(format!("{number}.csv.tmp"));
                std::fs::write(&part, text).expect("a file");
                std::fs::rename(part, files.join(format!("{number}.csv"))).expect("its name");
                thread::sleep(Duration::from_millis(200));
            }
        }),
    ];
    let expected = usize::try_from(2 * MARKS + 2 * FILES).expect("few");
    let (mut seen, mut kills) = (BTreeMap::<String, BTreeSet<String>>::new(), 0);
    let mut kill_at = Instant::now() + Duration::from_secs(2);
    let mut random = fastrand::Rng::with_seed(7);
    let all = timeout(PATIENCE, async {
        while seen.len() < expected || kills < KILLS {
            if kills < KILLS && Instant::now() > kill_at {
                gateway.kill();
                // Sometimes long enough for the logs to be rotated meanwhile.
                thread::sleep(Duration::from_millis(random.u64(0..1_500)));
                gateway.start();
                kills += 1;
                kill_at = Instant::now() + Duration::from_millis(random.u64(300..1_800));
            }
            let Ok(event) = timeout(Duration::from_millis(100), events.poll()).await else {
                continue;
            };
            if let Event::Incoming(Packet::Publish(publish)) = event.expect("the broker is up") {
                let event: Value = serde_json::from_slice(&publish.payload).expect("JSON");
                assert_eq!(event["bizStep"], "commissioning", "{event:#}");
                let epc = event["epcList"][0].as_str().expect("a thing").to_owned();
                let id = event["eventID"].as_str().expect("an id").to_owned();
                seen.entry(epc).or_default().insert(id);
            }
        }
    });
    let in_time = all.await.is_ok();
    for writer in writers {
        writer.join().expect("it wrote");
    }
    let missing: Vec<String> = (0..MARKS)
        .flat_map(|n| [format!("R{n}"), format!("C{n}")])
        .chain((0..FILES).flat_map(|n| [format!("F{n}"), format!("G{n}")]))
        .filter(|serial| {
            !seen.contains_key(&format!("https://id.gs1.org/01/04012345000009/21/{serial}"))
        })
        .take(20)
        .collect();
    assert!(
        in_time,
        "{} of {expected}, missing {missing:?}\n{}",
        seen.len(),
        gateway.log()
    );
    let twice: Vec<_> = seen
        .iter()
        .filter(|(_, ids)| ids.len() != 1)
        .take(5)
        .collect();
    assert!(twice.is_empty(), "{twice:?}\n{}", gateway.log());
    assert_eq!(seen.len(), expected);
    let left = std::fs::read_dir(plant.path().join("files"))
        .expect("the folder")
        .count();
    assert!(left <= 3, "{left} files were not moved");
    assert!(gateway.stop().success());
}
