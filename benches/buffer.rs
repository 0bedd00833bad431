//! What the buffer does on this machine: `cargo bench --bench buffer` prints a table, and fails when a number that must hold
//! does not. Without `--bench`, as `cargo test` runs it, a small version only shows that it works.
//!
//! Must hold: with a backlog of 1,000,000 events the first can be sent 2 s after the start, in 64 MiB of memory; 10,000
//! events a second are taken in at batches of 128. `TRACEGATE_BENCH_DIR` names a folder on the disk to measure.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tracegate::buffer::{OutboxReader, Store};
use tracegate_epcis::EventId;
use tracegate_pipeline::input::MovementEvent;
use tracegate_pipeline::{Input, Time};

const CAP: u64 = 16 << 30;
const FIRST_ROW: Duration = Duration::from_secs(2);
const MEMORY_KIB: u64 = 64 << 10;
const EVENTS_PER_SECOND: f64 = 10_000.0;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let [_, word, directory] = arguments.as_slice()
        && word == "start"
    {
        runtime.block_on(start(Path::new(directory)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let full = arguments.iter().any(|argument| argument == "--bench");
    let holds = runtime.block_on(measure(full))?;
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn measure(full: bool) -> anyhow::Result<bool> {
    let parent = std::env::var_os("TRACEGATE_BENCH_DIR")
        .unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let folder = tempfile::tempdir_in(parent).context("make a folder to measure in")?;
    let (duration, backlog) = match full {
        true => (Duration::from_secs(5), 1_000_000),
        false => (Duration::from_millis(50), 2_000),
    };
    let mut holds = true;
    println!("| what | value | must hold |\n|---|---|---|");
    for batch in [1, 16, 128] {
        let directory = folder.path().join(format!("batch-{batch}"));
        let (rate, p99) = intake(&directory, batch, duration).await?;
        let bound = if batch == 128 { "10,000" } else { "" };
        holds &= batch != 128 || rate >= EVENTS_PER_SECOND;
        println!(
            "| taken in, batches of {batch} | {rate:.0} events/s, p99 {:.1} ms | {bound} |",
            p99.as_secs_f64() * 1e3
        );
    }
    let directory = folder.path().join("backlog");
    let began = Instant::now();
    fill(&directory, backlog).await?;
    let rate = backlog as f64 / began.elapsed().as_secs_f64();
    println!("| backlog of {backlog}, batches of 1,000 | {rate:.0} events/s | |");
    for cache in ["cold", "warm"] {
        if cache == "cold" {
            forget(&directory)?;
        }
        let (first, memory) = started(&directory)?;
        holds &= first <= FIRST_ROW && memory <= MEMORY_KIB;
        println!(
            "| start with it, {cache} cache, to the first row | {:.0} ms, {:.1} MiB | 2 s, 64 MiB |",
            first.as_secs_f64() * 1e3,
            memory as f64 / 1024.0
        );
    }
    let rate = drain(&directory, backlog / 10).await?;
    println!("| acknowledged in steps of 100 | {rate:.0} events/s | |");
    Ok(holds || !full)
}

fn event(n: i64) -> MovementEvent {
    MovementEvent {
        id: EventId::of_prehash(&n.to_string()),
        read_point: "dock_1".to_owned(),
        at: Time(n),
        uncertainty: Default::default(),
        json: format!(r#"{{"n":{n},"filler":"{}"}}"#, "x".repeat(1000)),
        summary: String::new(),
        eyes: tracegate_pipeline::eyes::Says::Nothing,
        incomplete: false,
    }
}

async fn intake(
    directory: &Path,
    batch: i64,
    duration: Duration,
) -> anyhow::Result<(f64, Duration)> {
    let mut store = Store::open(directory, CAP).await?.store;
    let (mut next, mut took) = (0, Vec::new());
    while took.iter().sum::<Duration>() < duration {
        let events: Vec<_> = (next..next + batch).map(event).collect();
        let began = Instant::now();
        let tick = [Input::Tick { at: Time(next) }];
        store.commit(&tick, &events, Time(next)).await?;
        took.push(began.elapsed());
        next += batch;
    }
    let total: Duration = took.iter().sum();
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    store.close().await?;
    Ok((next as f64 / total.as_secs_f64(), p99))
}

async fn fill(directory: &Path, backlog: i64) -> anyhow::Result<()> {
    let opened = Store::open(directory, CAP).await?;
    let (mut store, pipeline) = (opened.store, opened.pipeline);
    for first in (0..backlog).step_by(1_000) {
        let events: Vec<_> = (first..first + 1_000).map(event).collect();
        store.commit(&[], &events, Time(first)).await?;
        store.trim(&pipeline).await?;
    }
    store.close().await?;
    Ok(())
}

/// The kernel may have the file in memory; after a power cut it has not.
fn forget(directory: &Path) -> anyhow::Result<()> {
    let file = std::fs::File::open(directory.join(tracegate::buffer::FILE_NAME))?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    Ok(())
}

/// A start in a process of its own: how long to the first row, and the most memory it had, in KiB.
fn started(directory: &Path) -> anyhow::Result<(Duration, u64)> {
    let output = Command::new(std::env::current_exe()?)
        .arg("start")
        .arg(directory)
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout)?;
    let (micros, kib) = text.trim().split_once(' ').context("two numbers")?;
    Ok((Duration::from_micros(micros.parse()?), kib.parse()?))
}

async fn start(directory: &Path) -> anyhow::Result<()> {
    let began = Instant::now();
    let store = Store::open(directory, CAP).await?.store;
    let mut reader = OutboxReader::open(store.path()).await?;
    let rows = reader.after(0, 64).await?;
    let first = began.elapsed();
    ensure!(!rows.is_empty() && store.waiting() > 0, "nothing waits");
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.split_whitespace().next())
        .context("no VmHWM in /proc/self/status")?;
    println!("{} {peak}", first.as_micros());
    Ok(())
}

async fn drain(directory: &Path, events: i64) -> anyhow::Result<f64> {
    let mut store = Store::open(directory, CAP).await?.store;
    let began = Instant::now();
    for seq in (100..=events).step_by(100) {
        store.acknowledged(seq).await?;
    }
    let took = began.elapsed();
    store.close().await?;
    Ok(events as f64 / took.as_secs_f64())
}
