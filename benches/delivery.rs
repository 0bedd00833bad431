//! From a scan to the broker's PUBACK: `cargo bench --bench delivery` runs pipeline, buffer and forwarder as the daemon
//! does, with `synchronous=FULL`, a window of 100 and a broker in a process of its own on loopback, prints a table, and
//! fails when a number that must hold does not. Without `--bench` a small version only shows that it works.
//!
//! Must hold: 10,000 events of 1 KB a second from scan to PUBACK; with a backlog of 1,000,000 the broker has the first 2 s
//! after the start, in 64 MiB of memory, and the rest follows. `TRACEGATE_BENCH_DIR` names a folder on the disk to measure.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracegate::buffer::{OutboxReader, Store};
use tracegate::capture::tap::Tap;
use tracegate::clock::GatewayClock;
use tracegate::config::{self, Config};
use tracegate::core::{Core, DiskFailed, Wiring};
use tracegate::forward::mqtt;
use tracegate::health::Health;
use tracegate::reference::Known;
use tracegate::topology;
use tracegate_epcis::EventId;
use tracegate_pipeline::input::MovementEvent;
use tracegate_pipeline::{Input, Output, Pipeline, Time};
use tracegate_sim::broker::Broker;

/// Only a bench that fails waits for so long.
const PATIENCE: Duration = Duration::from_secs(100);
const CAP: u64 = 16 << 30;
const EVENTS_PER_SECOND: f64 = 10_000.0;
const FIRST_PUBACK: Duration = Duration::from_secs(2);
const MEMORY_KIB: u64 = 64 << 10;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match words.as_slice() {
        ["broker"] => runtime.block_on(broker())?,
        ["scans", directory, port, events] => {
            runtime.block_on(scans(Path::new(directory), port, events.parse()?))?;
        }
        ["backlog", directory, port, events] => {
            runtime.block_on(backlog(Path::new(directory), port, events.parse()?))?;
        }
        _ => {
            let full = words.contains(&"--bench");
            let holds = runtime.block_on(measure(full))?;
            return Ok(if holds {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(full: bool) -> anyhow::Result<bool> {
    let parent = std::env::var_os("TRACEGATE_BENCH_DIR")
        .unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let folder = tempfile::tempdir_in(parent).context("make a folder to measure in")?;
    let (events, waiting, sent, rounds) = match full {
        true => (100_000, 1_000_000, 50_000, 3),
        false => (1_000, 2_000, 1_000, 1),
    };
    let broker = BrokerProcess::start()?;
    println!("| what | value | must hold |\n|---|---|---|");
    let mut best: f64 = 0.0;
    for round in 0..rounds {
        let directory = folder.path().join(format!("scans-{round}"));
        let [rate, bytes, cpu_us, waited] = child("scans", &directory, &broker.port, events)?;
        println!(
            "| scan to PUBACK, {events} events of {bytes:.0} bytes | {rate:.0} events/s, {cpu_us:.0} µs of CPU each, {waited:.0} waiting at most | 10,000, in the best of {rounds} |"
        );
        best = best.max(rate);
    }
    let directory = folder.path().join("backlog");
    fill(&directory, waiting).await?;
    let file = std::fs::File::open(directory.join(tracegate::buffer::FILE_NAME))?;
    // The kernel may have the file in memory; after a power cut it has not.
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    let [first_ms, rate, peak_kib, _] = child("backlog", &directory, &broker.port, sent)?;
    println!(
        "| {waiting} waiting, start to first PUBACK | {first_ms:.0} ms | 2,000 |\n| then | {rate:.0} events/s | |\n| memory at most | {:.1} MiB | 64 |",
        peak_kib / 1024.0
    );
    let quick = first_ms <= FIRST_PUBACK.as_millis() as f64;
    let small = peak_kib <= MEMORY_KIB as f64;
    Ok((best >= EVENTS_PER_SECOND && quick && small) || !full)
}

/// Runs a part of this program by itself, for its own memory and CPU time; it prints four numbers.
fn child(what: &str, directory: &Path, port: &str, events: u64) -> anyhow::Result<[f64; 4]> {
    let output = Command::new(std::env::current_exe()?)
        .arg(what)
        .arg(directory)
        .args([port, &events.to_string()])
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout)?;
    let numbers: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    numbers?.try_into().ok().context("four numbers")
}

/// The broker of the simulator; nobody is subscribed, so that only the gateway's side is measured.
struct BrokerProcess {
    child: Child,
    port: String,
}

impl BrokerProcess {
    fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("broker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut port = String::new();
        let output = child.stdout.take().context("its output")?;
        BufReader::new(output).read_line(&mut port)?;
        let port = port.trim().to_owned();
        Ok(Self { child, port })
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn broker() -> anyhow::Result<()> {
    let broker = Broker::start().await?;
    println!("{}", broker.addr().port());
    // Until whoever started it is gone.
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()))
        .await??;
    Ok(())
}

fn configuration(directory: &Path, port: &str) -> anyhow::Result<Config> {
    // So that an event has a kilobyte.
    let order = "1234567890".repeat(43);
    let text = format!(
        r#"[gateway]
site = "plant-3"
[scanner.line_1]
tcp = "127.0.0.1:1"
[read_point.line_1]
sgln = "urn:epc:id:sgln:4012345.00001.line1"
mode = "station"
scanners = ["line_1"]
scan = {{ biz_step = "commissioning", disposition = "active", biz_location = "urn:epc:id:sgln:4012345.00001.0", biz_transaction_type = "po", biz_transaction = "https://erp.plant3.example/orders/{order}" }}
[buffer]
directory = {directory:?}
max_size = "16 GiB"
[mqtt]
url = "mqtt://127.0.0.1:{port}"
window = 100
on_no_subscriber = "accept"
"#
    );
    let loaded = config::from_bytes(Path::new("bench.toml"), text.as_bytes(), std::iter::empty());
    let loaded = loaded.map_err(|report| anyhow::anyhow!(report.render(config::Format::Human)))?;
    Ok(loaded.config)
}

/// Core and forwarder as the daemon wires them, without devices.
struct Gateway {
    inputs: mpsc::Sender<Input>,
    acknowledged: watch::Receiver<i64>,
    clock: GatewayClock,
    health: Health,
    stop: CancellationToken,
    core: JoinHandle<Result<Store, DiskFailed>>,
    forwarder: JoinHandle<()>,
}

impl Gateway {
    async fn start(directory: &Path, port: &str) -> anyhow::Result<Self> {
        let config = configuration(directory, port)?;
        let opened = Store::open(directory, CAP).await?;
        let (store, clock) = (opened.store, GatewayClock::start());
        let health = Health::new("plant-3", store.epoch());
        let (inputs, inputs_out) = mpsc::channel(256);
        let (committed_in, committed) = watch::channel(store.last_seq());
        let (acknowledged_in, acknowledged) = watch::channel(store.last_acknowledged());
        let (requests_in, requests) = mpsc::channel(4);
        let stop = CancellationToken::new();
        let links = mqtt::Links {
            reader: OutboxReader::open(store.path()).await?,
            committed,
            acknowledged: acknowledged_in,
            requests: requests_in,
            fleet: watch::channel(Default::default()).1,
            health: health.clone(),
            beat: health.beat("forwarder"),
            stop: stop.clone(),
        };
        let forwarder = tokio::spawn(mqtt::run(topology::forwarder(&config), links));
        let wiring = Wiring {
            changes: mpsc::channel(1).1,
            non_events: false,
            keep_verdicts: tracegate::audit::Keep::default(),
            inputs: inputs_out,
            feedback: BTreeMap::new(),
            lights: BTreeMap::new(),
            stored: BTreeMap::new(),
            committed: committed_in,
            acknowledged: acknowledged.clone(),
            requests,
            tap: Tap::default(),
            known: Known::default(),
            clock,
            health: health.clone(),
            beat: health.beat("core"),
            stop: stop.clone(),
            give_up_after: config.buffer.give_up_after,
        };
        let devices = topology::devices(&config)?;
        let first = vec![
            Input::Configure(Box::new(topology::pipeline(&config, &devices))),
            Input::Start { at: clock.now() },
        ];
        let core = tokio::spawn(Core::new(store, opened.pipeline, wiring).run(first));
        Ok(Self {
            inputs,
            acknowledged,
            clock,
            health,
            stop,
            core,
            forwarder,
        })
    }

    async fn until(&mut self, seq: u64) -> anyhow::Result<()> {
        let done = |mark: &i64| u64::try_from(*mark).is_ok_and(|mark| mark >= seq);
        let waited = tokio::time::timeout(PATIENCE, self.acknowledged.wait_for(done)).await;
        let mark = waited.map(|mark| mark.map(drop));
        mark.with_context(|| {
            let (counters, conditions) = (self.health.counters().snapshot(), self.health.shown());
            format!("{seq} not acknowledged within {PATIENCE:?}: {counters:?}, {conditions:?}")
        })??;
        Ok(())
    }

    async fn stop(self) -> anyhow::Result<()> {
        drop(self.inputs);
        self.stop.cancel();
        self.forwarder.await?;
        self.core.await??.close().await?;
        Ok(())
    }
}

/// Prints the rate from the first scan to the last PUBACK, the size of an event, CPU microseconds for each, and how many
/// waited in the buffer at most.
async fn scans(directory: &Path, port: &str, events: u64) -> anyhow::Result<()> {
    let mut gateway = Gateway::start(directory, port).await?;
    let (inputs, clock) = (gateway.inputs.clone(), gateway.clock);
    let health = gateway.health.clone();
    let (began, cpu) = (Instant::now(), cpu_seconds()?);
    let feed = tokio::spawn(async move {
        let mut most = 0;
        for number in 0..events {
            if inputs.send(scan(clock.now(), number)).await.is_err() {
                break;
            }
            most = most.max(health.counters().waiting.get());
        }
        most
    });
    gateway.until(events).await?;
    let (took, cpu) = (began.elapsed(), cpu_seconds()? - cpu);
    let waited = feed.await?;
    let made = gateway.health.counters().events.get();
    ensure!(made == events, "{made} events of {events} scans");
    println!(
        "{} {} {} {waited}",
        events as f64 / took.as_secs_f64(),
        event_bytes(directory, port)?,
        cpu * 1e6 / events as f64
    );
    gateway.stop().await
}

/// A label with item, expiry, lot and serial number.
fn scan(at: Time, number: u64) -> Input {
    let text = format!("]d201040123450000161728123110LOT-OF-A-LONG-DAY\u{1d}21{number:020}");
    Input::Scan {
        device: 0,
        at,
        data: text.into_bytes(),
    }
}

fn event_bytes(directory: &Path, port: &str) -> anyhow::Result<usize> {
    let config = configuration(directory, port)?;
    let devices = topology::devices(&config)?;
    let at = GatewayClock::start().now();
    let mut pipeline = Pipeline::default();
    let inputs = [
        Input::Configure(Box::new(topology::pipeline(&config, &devices))),
        Input::Start { at },
        scan(at, 1),
    ];
    let outputs = inputs.into_iter().flat_map(|input| pipeline.handle(input));
    let event = outputs.into_iter().find_map(|output| match output {
        Output::Event(event) => Some(event.json.len()),
        _ => None,
    });
    event.context("the scan makes an event")
}

/// As many events of a kilobyte, committed in the way of a long outage.
async fn fill(directory: &Path, events: i64) -> anyhow::Result<()> {
    let mut store = Store::open(directory, CAP).await?.store;
    for first in (0..events).step_by(1_000) {
        let event = |number: i64| MovementEvent {
            id: EventId::of_prehash(&number.to_string()),
            read_point: "line_1".to_owned(),
            at: Time(number),
            uncertainty: Default::default(),
            json: format!(r#"{{"number":{number},"filler":"{}"}}"#, "x".repeat(1_000)),
            summary: String::new(),
            eyes: tracegate_pipeline::eyes::Says::Nothing,
            incomplete: false,
        };
        let rows: Vec<_> = (first..events.min(first + 1_000)).map(event).collect();
        store.commit(&[], &rows, Time(first)).await?;
    }
    store.close().await?;
    Ok(())
}

/// Prints the milliseconds from the start to the first PUBACK, the rate after that, and the most memory, in KiB.
async fn backlog(directory: &Path, port: &str, events: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut gateway = Gateway::start(directory, port).await?;
    gateway.until(1).await?;
    let first = began.elapsed();
    gateway.until(events).await?;
    let rate = events as f64 / (began.elapsed() - first).as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.split_whitespace().next())
        .context("no VmHWM in /proc/self/status")?;
    println!("{} {rate} {peak} 0", first.as_secs_f64() * 1e3);
    gateway.stop().await
}

fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').context("a name in parentheses")?;
    // Fields 14 and 15 of proc(5), in hundredths of a second on every Linux.
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<u64>, _> = ticks.map(str::parse).collect();
    Ok(ticks?.iter().sum::<u64>() as f64 / 100.0)
}
