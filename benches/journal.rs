//! What a busy dock costs the disk: `cargo bench --bench journal` prints the bytes written for each read, and fails when it
//! is more than must hold. A quiet dock pays more for each of its few reads: a commit writes whole pages. Without `--bench`, as `cargo test` runs it, a few seconds of the same, which must hold as well.
//!
//! A door with parked stock and a load of 40 tags every 20 s, its reports taken by the pipeline and stored as the core
//! stores them. Time is simulated, the files are real: what is counted are the bytes of all write calls (`wchar` in
//! `/proc/self/io`): journal rows with SQLite's pages and log, copying of pages, snapshots, events, and the tail, most of
//! which the disk never sees.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use tracegate::buffer::Store;
use tracegate_pipeline::association::LoadRules;
use tracegate_pipeline::config::{
    GateAntenna, GateConfig, PipelineConfig, ReadPointConfig, ReadPointKind, Side, Step, Tuning,
};
use tracegate_pipeline::{Input, Output, Pipeline, Read, ReaderTime, Time};

/// Bytes per read.
const MOST: f64 = 40.0;
const CAP: u64 = 1 << 30;
const SECOND: i64 = 1_000_000;
const T0: i64 = 1_780_000_000 * SECOND;
/// Reports of a reader, and what the core takes together.
const REPORT: i64 = 50_000;
const PARKED: u64 = 150;
const LOAD: u64 = 40;
const LOAD_EVERY: i64 = 20 * SECOND;
/// A load is in the field for this long.
const CROSSING: i64 = 6 * SECOND;

fn main() -> anyhow::Result<ExitCode> {
    let full = std::env::args().any(|argument| argument == "--bench");
    let seconds = if full { 1_200 } else { 30 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    println!("| reads/s | events | all written | of it tail | must hold |");
    println!("|---|---|---|---|---|");
    let mut holds = true;
    for (rate, bound) in [(1_000, MOST), (500, MOST), (250, f64::INFINITY)] {
        let day = runtime.block_on(dock(rate, seconds))?;
        holds &= day.per_read(day.written) <= bound;
        println!(
            "| {rate} | {} | {:.1} bytes/read | {:.1} bytes/read | {bound} |",
            day.events,
            day.per_read(day.written),
            day.per_read(day.tail),
        );
    }
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[derive(Debug, Default)]
struct Day {
    reads: u64,
    events: usize,
    tail: u64,
    written: u64,
}

impl Day {
    fn per_read(&self, bytes: u64) -> f64 {
        bytes as f64 / self.reads as f64
    }
}

async fn dock(rate: u64, seconds: i64) -> anyhow::Result<Day> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let opened = Store::open(folder.path(), CAP).await?;
    let (mut store, mut pipeline) = (opened.store, opened.pipeline);
    let (mut day, before) = (Day::default(), written()?);
    let mut random = fastrand::Rng::with_seed(rate);
    let at = Time(T0);
    let start = vec![
        Input::Configure(Box::new(config())),
        Input::Start { at },
        Input::Device {
            device: 0,
            at,
            up: true,
            reader_time: Some(ReaderTime::Utc(T0.cast_unsigned())),
        },
    ];
    take(&mut store, &mut pipeline, start, at, &mut day).await?;
    for now in (T0..T0 + seconds * SECOND).step_by(REPORT as usize) {
        let at = Time(now + REPORT);
        if let Some(tick) = pipeline.next_tick().filter(|tick| *tick <= at) {
            let tick = vec![Input::Tick { at: tick }];
            take(&mut store, &mut pipeline, tick, at, &mut day).await?;
        }
        let reads = reads(now, rate, &mut random);
        day.reads += reads.len() as u64;
        let report = vec![Input::Reads {
            device: 0,
            at,
            reads,
        }];
        take(&mut store, &mut pipeline, report, at, &mut day).await?;
    }
    store.commit(&[], &[], Time(T0)).await?;
    day.written = written()? - before;
    store.close().await?;
    ensure!(day.events > 0, "no load passed: {day:?}");
    Ok(day)
}

/// As the core does.
async fn take(
    store: &mut Store,
    pipeline: &mut Pipeline,
    batch: Vec<Input>,
    now: Time,
    day: &mut Day,
) -> anyhow::Result<()> {
    let mut events = Vec::new();
    for input in &batch {
        for output in pipeline.handle(input.clone()) {
            if let Output::Event(event) = output {
                events.push(*event);
            }
        }
    }
    let may_wait = batch
        .iter()
        .all(|input| matches!(input, Input::Reads { .. } | Input::Tick { .. }));
    let before = written()?;
    if events.is_empty() && may_wait && store.defer(&batch, now) {
        day.tail += written()? - before;
        return Ok(());
    }
    day.events += events.len();
    let seq = store.last_seq();
    store.commit(&batch, &events, now).await?;
    store.trim(pipeline).await?;
    // The broker is there.
    if store.last_seq() > seq {
        store.acknowledged(store.last_seq()).await?;
    }
    Ok(())
}

/// What a reader reports of the time from `now` on: parked tags mostly on one antenna, and what passes on all four.
fn reads(now: i64, rate: u64, random: &mut fastrand::Rng) -> Vec<Read> {
    let load = (now - T0) / LOAD_EVERY;
    let share = ((now - T0) % LOAD_EVERY) as f64 / CROSSING as f64;
    let count = rate * REPORT.cast_unsigned() / SECOND.cast_unsigned();
    let mut times: Vec<i64> = (0..count).map(|_| now + random.i64(0..REPORT)).collect();
    times.sort_unstable();
    let read = |at: i64| {
        let passing = share < 1.0 && random.u8(..10) < 9;
        let (tag, antenna) = if passing {
            let beyond = random.f64() < share;
            let antenna = if beyond { 3 } else { 1 } + random.u16(..2);
            (
                1_000 + load.cast_unsigned() * LOAD + random.u64(..LOAD),
                antenna,
            )
        } else {
            let tag = random.u64(..PARKED);
            (tag, 1 + (tag % 4) as u16)
        };
        Read {
            // SGTIN-96, company prefix of 7 digits.
            epc: [
                &[0x30, 0x74, 0xf4, 0xe7, 0x24][..],
                &(tag + (1 << 40)).to_be_bytes()[1..],
            ]
            .concat(),
            bit_len: 96,
            pc: Some(0x3000),
            antenna,
            rssi_dbm: Some(random.i8(-70..-45)),
            device_time: Some(ReaderTime::Utc(at.cast_unsigned())),
            ..Read::default()
        }
    };
    times.into_iter().map(read).collect()
}

fn config() -> PipelineConfig {
    let side = |antenna| match antenna {
        1 | 2 => Side::Outside,
        _ => Side::Inside,
    };
    let antenna = |antenna| GateAntenna {
        device: 0,
        antenna,
        side: side(antenna),
    };
    let step = Step {
        biz_step: "receiving".to_owned(),
        ..Step::default()
    };
    PipelineConfig {
        devices: vec!["dock_1".to_owned()],
        read_points: vec![ReadPointConfig {
            name: "dock_1".to_owned(),
            uri: "urn:epc:id:sgln:4012345.00001.dock1".to_owned(),
            guard: None,
            kind: ReadPointKind::Gate(GateConfig {
                antennas: (1..=4).map(antenna).collect(),
                inward: Some(step.clone()),
                outward: Some(step),
                tuning: Tuning::dock(),
                loads: LoadRules::default(),
                stay: None,
                eyes: Vec::new(),
            }),
        }],
        ..Pipeline::default().config().clone()
    }
}

/// Bytes that this process has handed to write calls.
fn written() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let fields: BTreeMap<&str, &str> = text.lines().filter_map(|it| it.split_once(": ")).collect();
    Ok(fields
        .get("wchar")
        .context("no wchar in /proc/self/io")?
        .parse()?)
}
