//! Stations with a task at work: `cargo bench --bench stations` runs the real daemon with 100,000 lots cached and 8 stations
//! at which material is issued, prints a table, and fails when a number that must hold does not. Without `--bench` a small
//! version only shows that it works.
//!
//! Must hold: from a scan to the operator's answer, verdict and feedback, which is sent once the scan is on disk, 20 ms in
//! 99 of 100 cases; for the scans of lots by themselves as well, which the guard judges and for which it looks for a lot
//! that should go first. Each lot is scanned once. `TMPDIR` names a folder on the disk to measure.

#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use support::{Gateway, tracegate};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracegate_sim::broker::Broker;
use tracegate_sim::scanner::wire::Wire;

/// Between two scans at one station.
const EVERY: Duration = Duration::from_millis(200);
const ANSWER_MS: f64 = 20.0;
/// Only a bench that fails waits for so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// One item for each.
    stations: usize,
    /// Of all items together; a station's are those of its item.
    lots: usize,
    /// Bookings at each station.
    bookings: usize,
}

impl Size {
    const FULL: Self = Self {
        stations: 8,
        lots: 100_000,
        bookings: 60,
    };
    const SMALL: Self = Self {
        stations: 2,
        lots: 400,
        bookings: 2,
    };
}

fn main() -> anyhow::Result<ExitCode> {
    let full = std::env::args().any(|word| word == "--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let size = if full { Size::FULL } else { Size::SMALL };
    let holds = runtime.block_on(measure(size))?;
    Ok(if holds || !full {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn measure(size: Size) -> anyhow::Result<bool> {
    let broker = Broker::start().await?;
    let mut listeners = Vec::new();
    for _ in 0..size.stations {
        listeners.push(TcpListener::bind("127.0.0.1:0").await?);
    }
    let addresses: Vec<SocketAddr> = listeners
        .iter()
        .map(TcpListener::local_addr)
        .collect::<Result<_, _>>()?;
    let mut gateway = Gateway::new(|buffer| config(&addresses, broker.addr(), buffer));
    let buffer = gateway.folder.path().join("buffer");
    std::fs::create_dir(&buffer)?;
    let file = gateway.folder.path().join("lots.csv");
    std::fs::write(&file, facts(size))?;
    let (file, buffer) = (file.display().to_string(), buffer.display().to_string());
    let now = jiff::Timestamp::now().to_string();
    let loaded = tracegate(&[
        "lots",
        "load",
        &file,
        "--as-of",
        &now,
        "--directory",
        &buffer,
    ]);
    ensure!(loaded.contains("stored"), "{loaded}");
    gateway.start();
    let mut working = JoinSet::new();
    for (number, listener) in listeners.into_iter().enumerate() {
        working.spawn(station(size, number, listener));
    }
    let (mut lots, mut all, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(done) = working.join_next().await {
        // Kept: a scanner that goes away is looked for.
        let (took, wire) = done??;
        kept.push(wire);
        for (is_lot, took) in took {
            let took = took.as_secs_f64() * 1e3;
            all.push(took);
            if is_lot {
                lots.push(took);
            }
        }
    }
    println!("| what | value | must hold |\n|---|---|---|");
    let mut holds = true;
    for (what, mut took) in [("scan of a lot", lots), ("any scan", all)] {
        took.sort_by(f64::total_cmp);
        let quantile = |share: f64| {
            let at = (took.len() as f64 * share) as usize;
            took.get(at).copied().unwrap_or(f64::INFINITY)
        };
        let p99 = quantile(0.99);
        println!(
            "| {what} to verdict and feedback, {} lots cached, {} stations: median and 99 % of {} | {:.1} and {p99:.1} ms | {ANSWER_MS} |",
            size.lots,
            size.stations,
            took.len(),
            quantile(0.5)
        );
        holds &= p99 < ANSWER_MS;
    }
    Ok(holds)
}

fn config(stations: &[SocketAddr], broker: SocketAddr, buffer: &Path) -> String {
    let mut text = format!(
        r#"[gateway]
site = "plant-3"
[buffer]
directory = {buffer:?}
[status]
listen = "off"
[mqtt]
url = "mqtt://{broker}"
on_no_subscriber = "accept"
[codes]
order = ['WO[0-9]{{6}}']
badge = ['B([0-9]{{4}})']
"#
    );
    for (number, address) in stations.iter().enumerate() {
        text += &format!(
            r#"[scanner.s{number}]
tcp = "{address}"
on_accept = "\u0006"
on_warn = "\u0007"
on_pending = "\u0016"
on_refuse = "\u0015"
[read_point.line_{number}]
mode = "station"
sgln = "urn:epc:id:sgln:4012345.00001.line{number}"
scanners = ["s{number}"]
issue = {{ verdicts = "all" }}
guard = {{ min_remaining = "30 days" }}
"#
        );
    }
    text
}

/// The item of a station: a GTIN.
fn item(station: usize) -> String {
    let digits = format!("04012345{station:05}");
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| u32::from(digit - b'0') * if at % 2 == 0 { 3 } else { 1 })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// Lots, and an order for each item. One lot of ten is on hold.
fn facts(size: Size) -> String {
    let mut text = String::from("gtin,lot,status,expiry,order,open\n");
    for station in 0..size.stations {
        let item = item(station);
        for lot in 0..size.lots / size.stations {
            let status = if lot % 10 == 9 { "hold" } else { "released" };
            let (year, month, day) = (27 + lot % 60, 1 + lot % 12, 1 + lot % 28);
            let _ = writeln!(
                text,
                "{item},L{lot},{status},20{year}-{month:02}-{day:02},,"
            );
        }
        let _ = writeln!(text, "{item},,open,,WO{station:06},100000");
    }
    text
}

/// Works at a station: whether a scan was of a lot, and how long its answer took.
async fn station(
    size: Size,
    number: usize,
    listener: TcpListener,
) -> anyhow::Result<(Vec<(bool, Duration)>, Wire)> {
    let accepted = timeout(PATIENCE, Wire::accept(&listener)).await;
    let mut wire = accepted.context("the gateway connects")??;
    scan(&mut wire, &format!("B{number:04}")).await?;
    // Operators do not scan in step.
    tokio::time::sleep(EVERY.mul_f64(number as f64 / size.stations as f64)).await;
    let mut beat = interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut took, item) = (Vec::new(), item(number));
    for booking in 0..size.bookings {
        // All over the item's lots, on hold or not, and none twice.
        let lot = booking * (size.lots / size.stations) / size.bookings + booking % 10;
        let codes = [
            format!("WO{number:06}"),
            format!("]d201{item}10L{lot}"),
            // Goes on in spite of a warning, and clears a refusal.
            "TG:CONFIRM".to_owned(),
            "1".to_owned(),
            "TG:CONFIRM".to_owned(),
        ];
        for (step, code) in codes.iter().enumerate() {
            beat.tick().await;
            took.push((step == 1, scan(&mut wire, code).await?));
        }
    }
    Ok((took, wire))
}

async fn scan(wire: &mut Wire, code: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    wire.send(format!("{code}\r").as_bytes()).await?;
    let mut byte = [0];
    let heard = timeout(PATIENCE, wire.hear(&mut byte)).await;
    heard.with_context(|| format!("{code} is answered"))??;
    Ok(began.elapsed())
}
