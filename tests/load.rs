//! Sixteen simulated readers with 1,000 reads a second each, against the real binary with a broker: no read may be lost.
//!
//! In the normal suite it runs for a few seconds and looks at counts only. The figures come from a release build:
//!
//! ```sh
//! TRACEGATE_LOAD_SECONDS=60 cargo test --release --test load -- --nocapture
//! ```
//!
//! It prints the CPU seconds of the daemon per second of load, and how long the status page takes to its first byte meanwhile,
//! with four pages open that are renewed live. `TRACEGATE_BINARY` names another build of the daemon than
//! the test's own. `TRACEGATE_LOAD_VERSION=1.0.1` has readers that report every read
//! by itself; those of LLRP 1.1 gather them for a tenth of a second.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

#[path = "load/page.rs"]
mod page;
mod support;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::Event;
use rumqttc::v5::mqttbytes::v5::Packet;
use support::{Gateway, subscriber};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracegate_gs1::epc::encode_tag_uri;
use tracegate_sim::broker::Broker;
use tracegate_sim::reader::{ReaderFeed, SimReader, SimReaderConfig};
use tracegate_sim::scenario::Sighting;
use tracegate_sim::{Task, wait_until};

const READERS: usize = 16;
/// Reads of one reader in a millisecond.
const PER_MS: u64 = 1;
/// Tags of one load, and how long it takes through the door.
const LOAD: u64 = 50;
const PASSAGE_MS: u64 = 5_000;
const PATIENCE: Duration = Duration::from_secs(60);
/// CPU time in `/proc/PID/stat` is counted in hundredths of a second (proc_pid_stat(5), sysconf(_SC_CLK_TCK)).
const TICKS_PER_SECOND: f64 = 100.0;

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn config(
    readers: &[SimReader],
    broker: SocketAddr,
    page: SocketAddr,
    version: &str,
    buffer: &Path,
) -> String {
    let mut text = String::from("[gateway]\nsite = \"load\"\n");
    for (number, reader) in readers.iter().enumerate() {
        let (host, port) = (reader.addr().ip(), reader.addr().port());
        write!(
            text,
            "[llrp.dock_{number}]\nhost = \"{host}\"\nport = {port}\nmax_version = \"{version}\"\n\
             [read_point.dock_{number}]\nmode = \"dock\"\nsgln = \"urn:epc:id:sgln:4012345.00001.{number}\"\n\
             inside = [\"dock_{number}/3\", \"dock_{number}/4\"]\noutside = [\"dock_{number}/1\", \"dock_{number}/2\"]\n\
             in = {{ biz_step = \"receiving\" }}\n"
        )
        .unwrap();
    }
    let buffer = buffer.display().to_string();
    write!(
        text,
        "[buffer]\ndirectory = {buffer:?}\n[mqtt]\nurl = \"mqtt://{broker}\"\n[status]\nlisten = \"{page}\"\n"
    )
    .unwrap();
    text
}

/// What the field of a reader sees at a moment: loads follow each other through the door, from outside to inside.
fn sighting(
    reader: &Arc<str>,
    tags: &[Arc<[u8]>],
    at_ms: u64,
    random: &mut fastrand::Rng,
) -> Sighting {
    let into = at_ms % PASSAGE_MS;
    let antenna = random.u16(1..=4);
    let aerial = if antenna <= 2 { -0.8 } else { 0.8 };
    let place = into as f64 / PASSAGE_MS as f64 * 5.0 - 2.5;
    let distance = ((place - aerial) * (place - aerial) + 1.5_f64).sqrt();
    Sighting {
        at_us: at_ms * 1_000,
        reader: reader.clone(),
        antenna,
        epc: tags[random.usize(..tags.len())].clone(),
        pc: 0x3000,
        rssi_dbm: (-48.0 - 30.0 * distance.log10()) as i8,
    }
}

/// The tags of one load.
fn tags(number: usize, load: u64) -> Vec<Arc<[u8]>> {
    let tag = |serial| {
        let uri = format!("urn:epc:tag:sgtin-96:1.4012345.000100.{serial}");
        Arc::from(encode_tag_uri(&uri).unwrap().bytes)
    };
    let first = (number as u64 * 1_000 + load) * 1_000;
    (first..first + LOAD).map(tag).collect()
}

async fn feed(number: usize, reader: ReaderFeed, start: Instant, start_us: u64, total_ms: u64) {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let (name, mut load) = (Arc::from(format!("dock_{number}")), Vec::new());
    for at_ms in 0..total_ms {
        if at_ms % PASSAGE_MS == 0 {
            load = tags(number, at_ms / PASSAGE_MS);
        }
        if at_ms % 5 == 0 {
            sleep_until(start + Duration::from_millis(at_ms)).await;
        }
        for _ in 0..PER_MS {
            let seen = sighting(&name, &load, at_ms, &mut random);
            assert!(reader.see(start_us + at_ms * 1_000, seen).await);
        }
    }
}

/// The newest status message; the store's subscription too, so that events leave.
async fn listen(broker: SocketAddr) -> (watch::Receiver<serde_json::Value>, Task) {
    let (client, mut events) = subscriber("listener", broker, "tracegate/#").await;
    let (newest, status) = watch::channel(serde_json::Value::Null);
    let task = Task::spawn(async move {
        let _client = client;
        while let Ok(event) = events.poll().await {
            if let Event::Incoming(Packet::Publish(publish)) = event
                && publish.topic.ends_with(b"/status")
            {
                let told = serde_json::from_slice(&publish.payload).unwrap();
                newest.send_replace(told);
            }
        }
    });
    (status, task)
}

/// CPU seconds that a process has used, in user mode and in the kernel.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // The name of the program, in brackets, may hold anything.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 1..]
        .split_whitespace()
        .collect();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_of_sixteen_readers_is_lost() {
    let seconds: u64 = setting("TRACEGATE_LOAD_SECONDS", "5").parse().unwrap();
    let version = setting("TRACEGATE_LOAD_VERSION", "1.1");
    let broker = Broker::start().await.unwrap();
    let (mut status, _listener) = listen(broker.addr()).await;
    let page = SocketAddr::from(([127, 0, 0, 1], support::free_port()));
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(SimReader::spawn(SimReaderConfig::default()).await.unwrap());
    }
    let mut gateway =
        Gateway::new(|buffer| config(&readers, broker.addr(), page, &version, buffer));
    gateway.start();
    let reading = || readers.iter().all(|reader| reader.status().reading);
    if let Err(missed) = wait_until("all readers", PATIENCE, reading).await {
        panic!("{missed}\n{}", gateway.log());
    }

    let (start, before) = (Instant::now(), cpu_seconds(gateway.id()));
    let start_us = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let start_us = u64::try_from(start_us.as_micros()).unwrap();
    let visitors = page::Visitors::start(page).await;
    let mut feeds = Vec::new();
    for (number, reader) in readers.iter().enumerate() {
        let feed = feed(number, reader.feed(), start, start_us, seconds * 1_000);
        feeds.push(tokio::spawn(feed));
    }
    for feed in feeds {
        feed.await.unwrap();
    }
    let visits = visitors.end().await;
    let (took, used) = (
        start.elapsed().as_secs_f64(),
        cpu_seconds(gateway.id()) - before,
    );

    let shown = READERS as u64 * seconds * 1_000 * PER_MS;
    let all = || {
        readers
            .iter()
            .map(|reader| reader.status().seen)
            .sum::<u64>()
            == shown
    };
    wait_until("all sightings", PATIENCE, all).await.unwrap();
    // Each change of an antenna renews the status; the counts in it tell how far the gateway is.
    let deadline = Instant::now() + PATIENCE;
    let mut connected = true;
    while status.borrow()["counters"]["reads"] != shown && Instant::now() < deadline {
        connected = !connected;
        readers[0].set_antenna(1, connected).await;
        status.mark_unchanged();
        let _ = tokio::time::timeout(Duration::from_secs(1), status.changed()).await;
    }
    assert!(gateway.stop().success(), "{}", gateway.log());
    let stopped = || status.borrow()["state"] == "offline";
    wait_until("the last status", PATIENCE, stopped)
        .await
        .unwrap();

    let counters = status.borrow()["counters"].clone();
    let count = |name: &str| counters[name].as_u64().unwrap();
    println!("{visits}");
    println!(
        "{READERS} readers, {shown} reads in {took:.1} s (LLRP {version}): {:.3} CPU seconds of the daemon per second of load; \
         {} events, {} conflated, {} late",
        used / seconds as f64,
        count("events"),
        count("reads_conflated"),
        count("reads_late"),
    );
    let lost: u64 = readers
        .iter()
        .map(|reader| reader.status().unseen + reader.status().overflowed)
        .sum();
    assert_eq!(lost, 0, "lost before the gateway");
    assert_eq!(count("reads_dropped"), 0);
    assert_eq!(count("reads_malformed"), 0);
    assert_eq!(count("device_disconnects"), 0);
    assert_eq!(count("reads"), shown, "{counters}");
}
