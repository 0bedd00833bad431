//! What eight busy doors cost: `cargo bench -p tracegate-pipeline` prints a table, and fails when a number that must hold
//! does not. Without `--bench`, as `cargo test` runs it, a small version only shows that it works.
//!
//! Must hold: 500,000 reads a second of processor time through filter, presence, passage and movement, with 10,000 tags in
//! the field of eight doors; 64 MiB of memory after 100,000 tags were seen. Every load is told, but those that were passing
//! when the gates began to hear.

use std::process::{Command, ExitCode};

use tracegate_gs1::epc::encode_tag_uri;
use tracegate_pipeline::association::LoadRules;
use tracegate_pipeline::config::{
    GateAntenna, GateConfig, PipelineConfig, ReadPointConfig, ReadPointKind, Side, Step, Tuning,
};
use tracegate_pipeline::{Input, Output, Pipeline, Read, ReaderTime, Time};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const READS_PER_SECOND: f64 = 500_000.0;
const MEMORY_KIB: u64 = 64 << 10;
const SECOND: i64 = 1_000_000;
const T0: i64 = 1_780_000_000 * SECOND;
const DOORS: u16 = 8;
/// Tags parked at each door, and those of a load.
const PARKED: u64 = 1_190;
const LOAD: u64 = 60;
/// A load comes so often and is in the field for so long.
const EVERY: i64 = 20 * SECOND;
const CROSSING: i64 = 6 * SECOND;
/// A reader reports so often, so many reads.
const REPORT: i64 = 100_000;
const READS: u64 = 100;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, seconds] = arguments.as_slice()
        && word == "seen"
    {
        let (day, _) = pass(seconds.parse()?, Doors::default())?;
        println!("{} {} {}", day.tags, day.most, memory_kib()?);
        return Ok(ExitCode::SUCCESS);
    }
    let full = arguments.iter().any(|argument| argument == "--bench");
    let seconds = if full { 180 } else { 8 };
    println!("| what | value | must hold |\n|---|---|---|");
    let (day, cpu) = pass(seconds, Doors::default())?;
    let rate = day.reads as f64 / cpu;
    println!(
        "| {} reads, {} tags in the field at most | {rate:.0} reads/s | {READS_PER_SECOND:.0} |",
        day.reads, day.most
    );
    let loads = usize::from(DOORS) * usize::try_from((seconds * SECOND / EVERY - 1).max(0))?;
    println!("| loads told | {} | {loads} |", day.events);
    // 10,000 tags are there from the start; each load brings 60 more.
    let seconds = if full { 188 * EVERY / SECOND } else { 8 };
    let output = Command::new(std::env::current_exe()?)
        .args(["seen", &seconds.to_string()])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(tags)), Some(Ok(most)), Some(Ok(kib))) =
        (numbers.next(), numbers.next(), numbers.next())
    else {
        return Err(format!("no numbers: {text}").into());
    };
    println!(
        "| memory after {tags} tags, {most} at a time | {:.1} MiB | 64 MiB |",
        kib as f64 / 1024.0
    );
    let holds = rate >= READS_PER_SECOND && kib <= MEMORY_KIB && day.events == loads;
    Ok(if holds || !full {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[derive(Debug, Default)]
struct Day {
    reads: u64,
    events: usize,
    /// Different tags in all, and in the field at a time.
    tags: u64,
    most: usize,
}

/// The day, second by second, and the processor time that the pipeline took, in seconds.
fn pass(seconds: i64, mut doors: Doors) -> Result<(Day, f64)> {
    let mut pipeline = Pipeline::default();
    for input in start() {
        pipeline.handle(input);
    }
    let (mut day, mut cpu) = (Day::default(), 0.0);
    for second in 0..seconds {
        let inputs = doors.second(T0 + second * SECOND);
        let before = cpu_seconds()?;
        for input in inputs {
            if let Input::Reads { reads, at, .. } = &input {
                day.reads += reads.len() as u64;
                let at = *at;
                if pipeline.next_tick().is_some_and(|tick| tick <= at) {
                    day.events += events(&pipeline.handle(Input::Tick { at }));
                }
            }
            day.events += events(&pipeline.handle(input));
        }
        cpu += cpu_seconds()? - before;
        day.most = day.most.max(pipeline.sizes().0);
    }
    let loads = seconds * SECOND / EVERY + 1;
    day.tags = u64::from(DOORS) * (PARKED + LOAD * loads.cast_unsigned());
    Ok((day, cpu))
}

fn events(outputs: &[Output]) -> usize {
    let is_event = |output: &&Output| matches!(output, Output::Event(_));
    outputs.iter().filter(is_event).count()
}

/// What the readers say: every parked tag in turn, and loads that pass.
struct Doors {
    random: u64,
    parked: Vec<Vec<u8>>,
    turn: u64,
}

impl Default for Doors {
    fn default() -> Self {
        let all = u64::from(DOORS) * PARKED;
        Self {
            random: 1,
            parked: (0..all).map(|serial| epc(1, serial)).collect(),
            turn: 0,
        }
    }
}

impl Doors {
    fn second(&mut self, from: i64) -> Vec<Input> {
        let mut inputs = Vec::new();
        for report in 0..SECOND / REPORT {
            let at = from + report * REPORT;
            for door in 0..DOORS {
                inputs.push(self.report(door, at));
            }
        }
        inputs
    }

    fn report(&mut self, door: u16, from: i64) -> Input {
        let load = (from - T0) / EVERY;
        let share = ((from - T0) % EVERY) as f64 / CROSSING as f64;
        let step = REPORT / READS.cast_signed();
        let reads = (0..READS).map(|n| {
            let at = from + n.cast_signed() * step;
            let passing = share < 1.0 && n % 2 == 0;
            let noise = self.next();
            let (epc, antenna, rssi_dbm) = if passing {
                let item = self.next() % LOAD;
                let serial = (load.cast_unsigned() * 8 + u64::from(door)) * LOAD + item;
                // Around the line both sides hear it; its own side hears it best.
                let beyond = (self.next() % 1000) as f64 / 1000.0 < (share - 0.5) * 4.0 + 0.5;
                (
                    epc(2, serial),
                    if beyond { 3 } else { 1 } + n as u16 / 2 % 2,
                    -50 - (noise % 20) as i8,
                )
            } else {
                self.turn += 1;
                let own = self.turn % PARKED;
                let index = u64::from(door) * PARKED + own;
                // It stands still: only what passes changes how loud it is.
                let usual = -52 - (own / 4 % 14) as i8;
                let rssi_dbm = usual - (noise % 4) as i8;
                let antenna = 1 + (own % 4) as u16;
                (self.parked[index as usize].clone(), antenna, rssi_dbm)
            };
            Read {
                epc,
                bit_len: 96,
                pc: Some(0x3000),
                antenna,
                rssi_dbm: Some(rssi_dbm),
                device_time: Some(ReaderTime::Utc(at.cast_unsigned())),
                ..Read::default()
            }
        });
        Input::Reads {
            device: door,
            reads: reads.collect(),
            at: Time(from + REPORT),
        }
    }

    /// xorshift64: the same in every run.
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

fn epc(item: u32, serial: u64) -> Vec<u8> {
    let uri = format!("urn:epc:tag:sgtin-96:1.4012345.{item:06}.{serial}");
    encode_tag_uri(&uri)
        .map(|tag| tag.bytes)
        .unwrap_or_default()
}

fn start() -> Vec<Input> {
    let step = Step {
        biz_step: "receiving".to_owned(),
        ..Step::default()
    };
    let door = |device| ReadPointConfig {
        name: format!("dock_{device}"),
        uri: format!("urn:epc:id:sgln:4012345.00001.dock{device}"),
        guard: None,
        kind: ReadPointKind::Gate(GateConfig {
            antennas: (1..=4)
                .map(|antenna| GateAntenna {
                    device,
                    antenna,
                    side: if antenna < 3 {
                        Side::Outside
                    } else {
                        Side::Inside
                    },
                })
                .collect(),
            inward: Some(step.clone()),
            outward: Some(step.clone()),
            tuning: Tuning::dock(),
            loads: LoadRules::default(),
            stay: None,
            eyes: Vec::new(),
        }),
    };
    let config = PipelineConfig {
        devices: (0..DOORS).map(|door| format!("dock_{door}")).collect(),
        read_points: (0..DOORS).map(door).collect(),
        ..Pipeline::default().config().clone()
    };
    let at = Time(T0);
    let up = |device| Input::Device {
        device,
        at,
        up: true,
        reader_time: Some(ReaderTime::Utc(T0.cast_unsigned())),
    };
    [Input::Configure(Box::new(config)), Input::Start { at }]
        .into_iter()
        .chain((0..DOORS).map(up))
        .collect()
}

/// Processor time of this thread: other programs have their share of the clock on the wall.
fn cpu_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split(' ').next().unwrap_or_default();
    Ok(nanoseconds.parse::<u64>()? as f64 / 1e9)
}

/// The most memory that this process has had.
fn memory_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    let number = line.and_then(|it| it.split_whitespace().next());
    Ok(number.ok_or("no VmHWM in /proc/self/status")?.parse()?)
}
