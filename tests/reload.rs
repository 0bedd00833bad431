//! The configuration changes while the real binary works: nothing that is read is lost, what did not change keeps its
//! connection, and a bad file stops nothing.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use support::Gateway;
use tokio::time::sleep;
use tracegate::control::client::Client;
use tracegate::control::{Request, SOCKET_NAME};
use tracegate::reload::{Outcome, Verdict};
use tracegate_gs1::epc::encode_tag_uri;
use tracegate_sim::reader::{SimReader, SimReaderConfig};
use tracegate_sim::scanner::{ScannerConfig, ScannerPlace, SimScanner};
use tracegate_sim::scenario::Sighting;
use tracegate_sim::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);
const RELOADS: usize = 1_000;

/// What the technician changes.
#[derive(Debug, Clone, Default)]
struct Settings {
    /// Of the door.
    min_rssi: Option<i32>,
    /// Scanners that are not there, beside the real ones.
    extra: Vec<String>,
    /// Of the first scanner.
    scanner: &'static str,
    /// Sections of their own.
    more: &'static str,
}

struct Plant {
    gateway: Gateway,
    reader: SimReader,
    scanners: Vec<SimScanner>,
    /// Nobody listens there for as long as this lives.
    _deaf: tokio::net::TcpSocket,
    deaf: SocketAddr,
}

impl Plant {
    async fn start() -> Self {
        let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
        let mut scanners = Vec::new();
        for _ in 0..2 {
            let config = ScannerConfig {
                ack_timeout: Some(PATIENCE),
                tries: 1,
            };
            scanners.push(SimScanner::tcp(config).await.unwrap());
        }
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let deaf = socket.local_addr().unwrap();
        let mut plant = Self {
            gateway: Gateway::new(|_| String::new()),
            reader,
            scanners,
            _deaf: socket,
            deaf,
        };
        plant.write(&Settings::default());
        plant.gateway.start();
        plant.connected().await;
        plant
    }

    async fn connected(&self) {
        for name in ["dock_1", "pack_0", "pack_1"] {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            loop {
                let status = self.status().await;
                if status.is_some_and(|it| it["devices"][name]["state"] == "up") {
                    break;
                }
                assert!(
                    tokio::time::Instant::now() < deadline,
                    "{name} is not connected\n{}",
                    self.gateway.log()
                );
                sleep(Duration::from_millis(20)).await;
            }
        }
        let reading = || self.reader.status().reading;
        wait_until("the radio", PATIENCE, reading).await.unwrap();
    }

    fn file(&self) -> PathBuf {
        self.gateway.folder.path().join("gateway.toml")
    }

    fn buffer(&self) -> PathBuf {
        self.gateway.folder.path().join("buffer")
    }

    fn text(&self, settings: &Settings) -> String {
        let mut door = String::new();
        if let Some(dbm) = settings.min_rssi {
            writeln!(door, "min_rssi = \"{dbm} dBm\"").unwrap();
        }
        let mut text = support::dock_1(self.reader.addr(), self.deaf, &self.buffer(), &door);
        for (number, scanner) in self.scanners.iter().enumerate() {
            let ScannerPlace::Addr(address) = scanner.place() else {
                panic!("it is no serial one");
            };
            let more = if number == 0 { settings.scanner } else { "" };
            write!(
                text,
                "[scanner.pack_{number}]\ntcp = \"{address}\"\non_accept = \"\\u0006\"\non_refuse = \"\\u0015\"\n{more}\n\
                 [read_point.pack_{number}]\nmode = \"station\"\nsgln = \"urn:epc:id:sgln:4012345.00001.p{number}\"\n\
                 scanners = [\"pack_{number}\"]\nscan = {{ biz_step = \"packing\" }}\n"
            )
            .unwrap();
        }
        for (number, name) in settings.extra.iter().enumerate() {
            // No two may be at one place, and nobody listens at any.
            let at = format!("127.0.1.{}:{}", number + 1, self.deaf.port());
            write!(
                text,
                "[scanner.{name}]\ntcp = \"{at}\"\n[read_point.{name}]\nmode = \"station\"\n\
                 sgln = \"urn:epc:id:sgln:4012345.00001.x{name}\"\nscanners = [\"{name}\"]\nscan = {{ biz_step = \"packing\" }}\n"
            )
            .unwrap();
        }
        support::page_off(text + settings.more)
    }

    fn write(&self, settings: &Settings) {
        std::fs::write(self.file(), self.text(settings)).unwrap();
    }

    async fn ask(&self, request: &str) -> Option<Value> {
        let mut client = Client::connect(&[self.buffer().join(SOCKET_NAME)])
            .await
            .ok()?;
        client.ask_for(&Request::new(request), PATIENCE).await.ok()
    }

    async fn status(&self) -> Option<Value> {
        self.ask("status").await
    }

    async fn reload(&self) -> Outcome {
        let answer = self.ask("reload").await;
        let answer = answer.unwrap_or_else(|| panic!("no answer\n{}", self.gateway.log()));
        serde_json::from_value(answer).unwrap()
    }

    async fn change(&self, settings: &Settings) -> Outcome {
        self.write(settings);
        self.reload().await
    }

    fn command(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tracegate"))
            .args(arguments)
            .output()
            .unwrap()
    }

    async fn count(&self, counter: &str) -> u64 {
        let status = self.status().await.unwrap();
        status["counters"][counter].as_u64().unwrap()
    }

    async fn counted(&self, counter: &str, wanted: u64) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.count(counter).await != wanted {
            let now = self.count(counter).await;
            assert!(
                tokio::time::Instant::now() < deadline && now <= wanted,
                "{counter}: {now} of {wanted}\n{}",
                self.gateway.log()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Codes of the conditions that are about the configuration.
    async fn conditions(&self) -> Vec<String> {
        let status = self.status().await.unwrap();
        let conditions = status["conditions"].as_array().unwrap().iter();
        let codes = conditions.map(|it| it["code"].as_str().unwrap().to_owned());
        codes.filter(|code| code.starts_with("CONFIG")).collect()
    }

    /// A label is scanned, and the operator hears that it is stored.
    async fn scan(&self, serial: u64) {
        let before = self.scanners[0].stats();
        assert!(self.scanners[0].feed().scan(label(serial)).await);
        let done = || self.scanners[0].stats().done() > before.done();
        wait_until("the answer", PATIENCE, done).await.unwrap();
        let accepted = self.scanners[0].stats().accepted;
        assert_eq!(accepted, before.accepted + 1, "{}", self.gateway.log());
    }

    /// The reader sees a tag `times` over.
    async fn see(&self, rssi_dbm: i8, times: u64) {
        let before = self.reader.status().seen;
        for _ in 0..times {
            assert!(self.reader.feed().see(now_us(), sighting(rssi_dbm)).await);
        }
        let seen = || self.reader.status().seen == before + times;
        wait_until("the sightings", PATIENCE, seen).await.unwrap();
    }
}

fn label(serial: u64) -> String {
    format!("]C1010401234500001621{serial}")
}

fn now_us() -> u64 {
    tracegate_sim::utc_us(tokio::time::Instant::now())
}

fn sighting(rssi_dbm: i8) -> Sighting {
    let uri = "urn:epc:tag:sgtin-96:1.4012345.000100.7";
    Sighting {
        at_us: 0,
        reader: Arc::from("dock_1"),
        antenna: 1,
        epc: Arc::from(encode_tag_uri(uri).unwrap().bytes),
        pc: 0x3000,
        rssi_dbm,
    }
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

/// Thresholds change, scanners come and go, some files are broken: the reader and the other scanners never notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_under_load_lose_nothing() {
    let plant = Plant::start().await;
    let over = Arc::new(AtomicBool::new(false));
    let radio = tokio::spawn({
        let (feed, over) = (plant.reader.feed(), over.clone());
        async move {
            while !over.load(Ordering::Relaxed) {
                for _ in 0..10 {
                    assert!(feed.see(now_us(), sighting(-50)).await);
                }
                sleep(Duration::from_millis(10)).await;
            }
        }
    });
    let operators: Vec<_> = (0_u64..2)
        .map(|number| {
            let scanner = &plant.scanners[number as usize];
            let (feed, over) = (scanner.feed(), over.clone());
            tokio::spawn(async move {
                let mut labels = 0;
                while !over.load(Ordering::Relaxed) {
                    assert!(feed.scan(label(number * 1_000_000 + labels)).await);
                    labels += 1;
                    sleep(Duration::from_millis(20)).await;
                }
                labels
            })
        })
        .collect();
    let mut applied = 0;
    for turn in 0..RELOADS {
        let settings = Settings {
            min_rssi: Some(-80 + (turn % 3) as i32),
            extra: (0..turn % 4)
                .map(|n| format!("a_{}", (turn + n) % 7))
                .collect(),
            ..Settings::default()
        };
        if turn % 10 == 9 {
            let broken = plant.text(&settings) + "[llrp.dock_2\n";
            std::fs::write(plant.file(), broken).unwrap();
            assert_eq!(plant.reload().await.verdict, Verdict::Rejected);
            continue;
        }
        let outcome = plant.change(&settings).await;
        assert_eq!(outcome.verdict, Verdict::Applied, "{}", outcome.report);
        let changed = outcome.changes.changed.iter();
        let mut anew = changed.filter(|it| it.connects_anew);
        assert!(
            anew.all(|it| it.section.starts_with("scanner.a_")),
            "{outcome}"
        );
        applied += 1;
    }
    over.store(true, Ordering::Relaxed);
    radio.await.unwrap();
    let mut labels = 0;
    for operator in operators {
        labels += operator.await.unwrap();
    }
    let all = || {
        plant
            .scanners
            .iter()
            .map(|it| it.stats().done())
            .sum::<u64>()
            == labels
    };
    wait_until("all answers", PATIENCE, all).await.unwrap();
    for scanner in &plant.scanners {
        let stats = scanner.stats();
        assert_eq!((stats.refused, stats.unanswered, stats.rescans), (0, 0, 0));
    }
    let reader = plant.reader.status();
    assert_eq!(applied, RELOADS / 10 * 9);
    println!("{applied} reloads, {} reads, {labels} scans", reader.seen);
    assert_eq!(
        (reader.connections, reader.unseen, reader.overflowed),
        (1, 0, 0)
    );
    plant.counted("reads", reader.seen).await;
    plant.counted("scans", labels).await;
    for nothing in [
        "reads_dropped",
        "reads_unassigned",
        "scans_refused",
        "scans_malformed",
    ] {
        assert_eq!(plant.count(nothing).await, 0, "{nothing}");
    }
    assert!(plant.count("events").await >= labels);
    let mut plant = plant;
    let stopped = tokio::task::block_in_place(|| plant.gateway.stop());
    assert!(stopped.success(), "{}", plant.gateway.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_is_live_and_what_waits_is_named() {
    let plant = Plant::start().await;
    plant.see(-50, 10).await;
    plant.counted("reads", 10).await;
    assert_eq!(plant.count("reads_weak").await, 0);
    plant.scan(1).await;

    let mut settings = Settings {
        min_rssi: Some(-40),
        ..Settings::default()
    };
    let outcome = plant.change(&settings).await;
    let file = plant.file().display().to_string();
    assert_eq!(
        outcome.to_string(),
        format!("{file} is in force.\n  changed  read_point.dock_1: min_rssi\n")
    );
    plant.see(-50, 10).await;
    plant.counted("reads", 20).await;
    assert_eq!(plant.count("reads_weak").await, 10, "by the new threshold");

    settings.extra = vec!["a_new".to_owned()];
    settings.scanner = "max_length = 100\n";
    settings.more = "[status]\nlisten = \"127.0.0.1:1\"\n[audit]\nkeep = \"9 d\"\n";
    let outcome = plant.change(&settings).await.to_string();
    for line in [
        "  added    scanner.a_new",
        "  added    read_point.a_new",
        "  changed  scanner.pack_0: max_length (connects anew)",
        "  changed  audit: keep",
        "  `status.listen` waits for a restart",
    ] {
        assert!(outcome.lines().any(|it| it == line), "{line} in\n{outcome}");
    }
    plant.connected().await;
    plant.scan(2).await;
    let devices = plant.status().await.unwrap()["devices"].clone();
    assert!(devices["a_new"].is_object(), "{devices}");

    // Once more the same, by hand: what waits is still named.
    let config = plant.file().display().to_string();
    let again = tokio::task::block_in_place(|| plant.command(&["reload", "--config", &config]));
    let told = format!("{file} is in force already.\n  `status.listen` waits for a restart\n");
    assert_eq!((again.status.code(), text(&again.stdout)), (Some(0), told));
    assert_eq!(plant.conditions().await, ["CONFIG-WAITS"]);

    (settings.more, settings.extra) = ("", Vec::new());
    let outcome = plant.change(&settings).await.to_string();
    assert!(outcome.contains("  removed  scanner.a_new\n"), "{outcome}");
    assert_eq!(plant.conditions().await, [""; 0]);
    let devices = plant.status().await.unwrap()["devices"].clone();
    assert!(devices["a_new"].is_null(), "{devices}");
    // What was counted before stays counted.
    assert_eq!(plant.count("reads").await, 20);
    assert_eq!(plant.count("scans").await, 2);
    assert_eq!(plant.reader.status().connections, 1);
}

/// SIGHUP asks for the same as the command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_is_a_reload() {
    let plant = Plant::start().await;
    plant.write(&Settings {
        min_rssi: Some(-40),
        ..Settings::default()
    });
    plant.gateway.signal("HUP");
    let log = || plant.gateway.log().contains("Configuration reloaded");
    wait_until("the reload", PATIENCE, log).await.unwrap();
    plant.see(-50, 10).await;
    plant.counted("reads_weak", 10).await;
}

/// The file is damaged, somebody reloads, the power fails, the gateway starts: events keep flowing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_stops_nothing_not_even_after_a_power_cut() {
    let mut plant = Plant::start().await;
    plant.scan(1).await;
    let good = std::fs::read(plant.file()).unwrap();
    std::fs::write(
        plant.file(),
        [good.as_slice(), b"[llrp.dock_2]\nhots = \"a\"\n"].concat(),
    )
    .unwrap();
    let config = plant.file().display().to_string();
    let refused = tokio::task::block_in_place(|| plant.command(&["reload", "--config", &config]));
    let checked = tokio::task::block_in_place(|| plant.command(&["check", &config]));
    assert_eq!(refused.status.code(), Some(78));
    let diagnostics = text(&checked.stdout) + &text(&checked.stderr);
    let told = text(&refused.stderr);
    assert!(
        told.contains("unknown setting `hots` in [llrp.dock_2]"),
        "{told}"
    );
    assert!(
        told.ends_with("was rejected; what was in force stays.\n"),
        "{told}"
    );
    let first = diagnostics.lines().next().unwrap();
    assert!(told.contains(first), "{told}\n{diagnostics}");
    assert_eq!(plant.conditions().await, ["CONFIG-REJECTED"]);
    plant.scan(2).await;
    assert_eq!(plant.reader.status().connections, 1);

    tokio::task::block_in_place(|| plant.gateway.kill());
    plant.gateway.start();
    plant.connected().await;
    assert_eq!(plant.conditions().await, ["CONFIG-LAST-GOOD"]);
    assert!(plant.gateway.log().contains("unknown setting `hots`"));
    plant.scan(3).await;
    assert_eq!(plant.reload().await.verdict, Verdict::Rejected);
    assert_eq!(plant.conditions().await, ["CONFIG-LAST-GOOD"]);

    std::fs::write(plant.file(), &good).unwrap();
    assert_eq!(plant.reload().await.verdict, Verdict::Applied);
    assert_eq!(plant.conditions().await, [""; 0]);
    plant.scan(4).await;
    assert_eq!(plant.count("scans").await, 2, "since the start");
}

/// Killed between two reloads at any moment: the file counts, or the copy of what was good before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_reloads_it_starts_again() {
    let mut plant = Plant::start().await;
    for turn in 0..4 {
        plant.write(&Settings {
            min_rssi: Some(-60 - turn),
            extra: (0..=turn).map(|n| format!("a_{n}")).collect(),
            ..Settings::default()
        });
        let socket = plant.buffer().join(SOCKET_NAME);
        let asked = tokio::spawn(async move {
            let mut client = Client::connect(&[socket]).await.ok()?;
            client.ask(&Request::new("reload")).await.ok()
        });
        sleep(Duration::from_millis(fastrand::u64(0..30))).await;
        tokio::task::block_in_place(|| plant.gateway.kill());
        let _ = asked.await;
        plant.gateway.start();
        plant.connected().await;
        plant.scan(turn.unsigned_abs().into()).await;
        assert_eq!(plant.conditions().await, [""; 0]);
        let copy = plant.buffer().join(tracegate::reload::FILE_NAME);
        let is_kept = |copy: &Path| {
            let copy = std::fs::read_to_string(copy).unwrap_or_default();
            copy.ends_with(&std::fs::read_to_string(plant.file()).unwrap())
        };
        wait_until("the copy", PATIENCE, || is_kept(&copy))
            .await
            .unwrap();
    }
}
