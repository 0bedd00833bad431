//! A small plant for the tests: one dock door with two antennas a side, one scanner, pallets that drive through.

#![allow(dead_code, reason = "each test binary uses its own part")]

use tracegate_gs1::epc::encode_tag_uri;
use tracegate_pipeline::association::LoadRules;
use tracegate_pipeline::config::{
    GateAntenna, GateConfig, ReadPointConfig, ReadPointKind, Side, StationConfig, StationScanner,
    Step, Tuning,
};
use tracegate_pipeline::filter::{Pattern, TagRules};
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Output, Pipeline, PipelineConfig, Read, ReaderTime, Time};

pub const S: i64 = 1_000_000;
pub const MS: i64 = 1_000;
/// 2026-11-22T10:00:00Z.
pub const T0: i64 = 1_795_341_600 * S;

pub fn step(biz_step: &str, disposition: &str) -> Step {
    Step {
        biz_step: biz_step.into(),
        disposition: Some(disposition.into()),
        ..Step::default()
    }
}

pub fn config() -> PipelineConfig {
    let antenna = |antenna, side| GateAntenna {
        device: 0,
        antenna,
        side,
    };
    PipelineConfig {
        sensors: Vec::new(),
        time_zone: "Europe/Berlin".into(),
        devices: vec!["dock_1".into(), "line_1".into()],
        read_points: vec![
            ReadPointConfig {
                name: "dock_1".into(),
                uri: "urn:epc:id:sgln:4012345.00001.dock1".into(),
                guard: None,
                kind: ReadPointKind::Gate(GateConfig {
                    antennas: vec![
                        antenna(1, Side::Outside),
                        antenna(2, Side::Outside),
                        antenna(3, Side::Inside),
                        antenna(4, Side::Inside),
                    ],
                    inward: Some(step("receiving", "in_progress")),
                    outward: Some(step("shipping", "in_transit")),
                    tuning: Tuning::dock(),
                    loads: LoadRules::default(),
                    stay: None,
                    eyes: Vec::new(),
                }),
            },
            ReadPointConfig {
                name: "line_1".into(),
                uri: "urn:epc:id:sgln:4012345.00002.line1".into(),
                guard: None,
                kind: ReadPointKind::Station(StationConfig {
                    scanners: vec![StationScanner {
                        device: 1,
                        duplicate_window: Span::millis(3000),
                        assume_gs1: false,
                        gs_substitutes: vec!["|".into()],
                        keep_unknown_ais: false,
                    }],
                    step: step("picking", "in_progress"),
                    task: None,
                    marks: None,
                }),
            },
        ],
        tags: TagRules {
            ignore: vec![Pattern::parse("hex:e2*").unwrap()],
            ..TagRules::default()
        },
    }
}

pub fn sscc(serial: u64) -> Vec<u8> {
    encode_tag_uri(&format!("urn:epc:tag:sscc-96:0.4012345.{serial:010}"))
        .unwrap()
        .bytes
}

pub fn sgtin(item: u32, serial: u64) -> Vec<u8> {
    encode_tag_uri(&format!(
        "urn:epc:tag:sgtin-96:1.4012345.{item:06}.{serial}"
    ))
    .unwrap()
    .bytes
}

/// A pallet with `items` tags.
pub fn pallet(serial: u64, items: u64) -> Vec<Vec<u8>> {
    let goods = (0..items).map(|item| sgtin(100 + (item % 2) as u32, serial * 1000 + item));
    std::iter::once(sscc(serial)).chain(goods).collect()
}

/// A read at reader time `at_us` (the reader's clock is right unless a test says otherwise).
pub fn read(epc: &[u8], antenna: u16, rssi: i8, at_us: i64) -> Read {
    Read {
        epc: epc.to_vec(),
        bit_len: epc.len() as u16 * 8,
        pc: Some(0x3000),
        antenna,
        rssi_dbm: Some(rssi),
        device_time: Some(ReaderTime::Utc(at_us as u64)),
        ..Read::default()
    }
}

/// Where the load is over time, in metres from the line; negative is outside.
pub type Path<'a> = &'a dyn Fn(f64) -> Option<f64>;

/// Sightings of tags that move along a path from `start_us` for `seconds`, in order of time.
pub fn sightings(tags: &[Vec<u8>], start_us: i64, seconds: f64, path: Path<'_>) -> Vec<Read> {
    let mut reads = Vec::new();
    let rounds = (seconds / 0.1) as i64;
    for round in 0..rounds {
        let at = round as f64 * 0.1;
        let Some(position) = path(at) else { continue };
        for (index, tag) in tags.iter().enumerate() {
            let antenna = 1 + (round as u16 + index as u16) % 4;
            let aerial = if antenna <= 2 { -0.8 } else { 0.8 };
            let own = position + (index as f64 % 5.0 - 2.0) * 0.1;
            let distance = ((own - aerial) * (own - aerial) + 1.5).sqrt();
            let rssi = -48.0 - 30.0 * distance.log10() - (index % 3) as f64 * 2.0;
            if rssi > -72.0 {
                let jitter = index as i64 * 700;
                reads.push(read(
                    tag,
                    antenna,
                    rssi as i8,
                    start_us + (at * S as f64) as i64 + jitter,
                ));
            }
        }
    }
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    reads
}

/// Through the door in `seconds`, inwards or outwards.
pub fn crossing(tags: &[Vec<u8>], start_us: i64, seconds: f64, inward: bool) -> Vec<Read> {
    let sign = if inward { 1.0 } else { -1.0 };
    sightings(tags, start_us, seconds, &|at| {
        Some(sign * (at / seconds * 8.0 - 4.0))
    })
}

/// Tags that pass in 6 s, loudest after 3 s, and change sides at `crossed` s.
pub fn passing(tags: &[Vec<u8>], start: i64, crossed: f64) -> Vec<Read> {
    let mut reads = Vec::new();
    for tenth in 0..60 {
        let at = f64::from(tenth) / 10.0;
        for (index, tag) in (0..).zip(tags) {
            let time = start + i64::from(tenth) * 100 * MS + index * 700;
            for (antenna, is_near) in [(1, at < crossed), (3, at >= crossed)] {
                let rssi = -50.0 - 5.0 * (at - 3.0).abs() - if is_near { 0.0 } else { 14.0 };
                if rssi > -74.0 {
                    reads.push(read(tag, antenna, rssi as i8, time));
                }
            }
        }
    }
    reads
}

/// The reader, whose clock is right, connects or is lost.
pub fn link(at: i64, up: bool) -> Input {
    Input::Device {
        device: 0,
        at: Time(at),
        up,
        reader_time: up.then_some(ReaderTime::Utc(at as u64)),
    }
}

/// Connects the devices.
pub fn start() -> Vec<Input> {
    vec![
        Input::Configure(Box::new(config())),
        Input::Start { at: Time(T0) },
        Input::Device {
            device: 0,
            at: Time(T0),
            up: true,
            reader_time: Some(ReaderTime::Utc(T0 as u64)),
        },
        Input::Device {
            device: 1,
            at: Time(T0),
            up: true,
            reader_time: None,
        },
    ]
}

/// Connects the devices, and a second gate like the first beside it: `dock_2`, at device 2.
pub fn start_with_two(tuning: Tuning) -> Vec<Input> {
    let mut config = config();
    config.devices.push("dock_2".into());
    if let ReadPointKind::Gate(gate) = &mut config.read_points[0].kind {
        gate.tuning = tuning;
    }
    let mut second = config.read_points[0].clone();
    second.name = "dock_2".into();
    if let ReadPointKind::Gate(gate) = &mut second.kind {
        for antenna in &mut gate.antennas {
            antenna.device = 2;
        }
    }
    config.read_points.insert(1, second);
    let mut inputs = start();
    inputs[0] = Input::Configure(Box::new(config));
    inputs.push(Input::Device {
        device: 2,
        at: Time(T0),
        up: true,
        reader_time: Some(ReaderTime::Utc(T0 as u64)),
    });
    inputs
}

/// The same reports from another device.
pub fn of_device(device: u16, reports: Vec<Input>) -> impl Iterator<Item = Input> {
    reports.into_iter().map(move |input| match input {
        Input::Reads { at, reads, .. } => Input::Reads { device, at, reads },
        other => other,
    })
}

/// Reads in order arrive in reports of up to `chunk`, 20 ms after the newest of them, none waiting for long.
pub fn reports(reads: &[Read], chunk: usize) -> Vec<Input> {
    let time = |read: &Read| read.device_time.unwrap().micros();
    let mut inputs: Vec<Input> = Vec::new();
    for part in reads.chunk_by(|a, b| time(b) - time(a) < 200 * MS) {
        for reads in part.chunks(chunk) {
            let newest = reads.iter().map(time).max().unwrap();
            inputs.push(Input::Reads {
                device: 0,
                at: Time(newest + 20 * MS),
                reads: reads.to_vec(),
            });
        }
    }
    inputs
}

/// Runs inputs, with the ticks that the pipeline asks for in between, and `after` seconds of silence behind them.
pub fn run(pipeline: &mut Pipeline, inputs: &[Input], after: i64) -> Vec<Output> {
    let mut outputs = Vec::new();
    for input in inputs {
        if let Some(at) = arrival(input) {
            outputs.extend(tick_until(pipeline, at));
        }
        outputs.extend(pipeline.handle(input.clone()));
    }
    let end = Time(pipeline.now().0 + after * S);
    outputs.extend(tick_until(pipeline, end));
    outputs
}

pub fn tick_until(pipeline: &mut Pipeline, until: Time) -> Vec<Output> {
    let mut outputs = Vec::new();
    while let Some(at) = pipeline.next_tick().filter(|at| *at <= until) {
        outputs.extend(pipeline.handle(Input::Tick { at }));
    }
    outputs
}

pub fn arrival(input: &Input) -> Option<Time> {
    match input {
        Input::Reads { at, .. }
        | Input::Gpi { at, .. }
        | Input::Scan { at, .. }
        | Input::Device { at, .. }
        | Input::References { at, .. }
        | Input::Wall { at, .. }
        | Input::Tick { at } => Some(*at),
        Input::Mark(report) => Some(report.at),
        Input::Configure(_) | Input::Start { .. } => None,
    }
}

/// The JSON of all events.
pub fn events(outputs: &[Output]) -> Vec<String> {
    let json = |output: &Output| match output {
        Output::Event(event) => Some(event.json.clone()),
        _ => None,
    };
    outputs.iter().filter_map(json).collect()
}

/// What is told of these reads.
pub fn told_events(reads: &[Read]) -> Vec<serde_json::Value> {
    let inputs = [start(), reports(reads, 8)].concat();
    let told = events(&run(&mut Pipeline::default(), &inputs, 60));
    let told = told.iter().map(|json| serde_json::from_str(json).unwrap());
    told.collect()
}

/// The summaries of all events, and when each was told: seconds from T0.
pub fn told_when(reads: &[Read]) -> Vec<(String, i64)> {
    let inputs = [start(), reports(reads, 8)].concat();
    let (journal, _) = with_ticks(&inputs, 60);
    let mut pipeline = Pipeline::default();
    let mut told = Vec::new();
    for input in journal {
        for output in pipeline.handle(input) {
            if let Output::Event(event) = output {
                told.push((event.summary, (pipeline.now().0 - T0) / S));
            }
        }
    }
    told
}

/// Seconds from T0 of all events.
pub fn times(outputs: &[Output]) -> Vec<f64> {
    let time = |output: &Output| match output {
        Output::Event(event) => Some((event.at.0 - T0) as f64 / S as f64),
        _ => None,
    };
    outputs.iter().filter_map(time).collect()
}

/// One line per output, for tables.
pub fn lines(outputs: &[Output]) -> Vec<String> {
    let line = |output: &Output| match output {
        Output::Event(event) => format!("{} {}", event.read_point, event.summary),
        Output::NonEvent(load) => format!(
            "{} not booked: {} ({} tags)",
            load.read_point,
            load.reason.as_str(),
            load.tags
        ),
        Output::Verdict(verdict) => format!("{:?}", verdict.kind),
        Output::Alert(alert) => format!("{} alert: {}", alert.read_point, alert.text),
        Output::Learned(fact) => format!("learned of {}", fact.key),
        Output::ClockStepped { device, by, .. } => {
            format!("clock of device {device} set back by {} ms", by.0 / MS)
        }
    };
    outputs.iter().map(line).collect()
}

/// The inputs with the ticks that a live run would have taken, so that a replay needs no driver.
pub fn with_ticks(inputs: &[Input], after: i64) -> (Vec<Input>, Vec<String>) {
    let mut pipeline = Pipeline::default();
    let (mut journal, mut outputs) = (Vec::new(), Vec::new());
    let mut take = |pipeline: &mut Pipeline, input: Input, outputs: &mut Vec<Output>| {
        journal.push(input.clone());
        outputs.extend(pipeline.handle(input));
    };
    for input in inputs {
        while let Some(at) = pipeline
            .next_tick()
            .filter(|at| arrival(input).is_some_and(|next| *at <= next))
        {
            take(&mut pipeline, Input::Tick { at }, &mut outputs);
        }
        take(&mut pipeline, input.clone(), &mut outputs);
    }
    let end = Time(pipeline.now().0 + after * S);
    while let Some(at) = pipeline.next_tick().filter(|at| *at <= end) {
        take(&mut pipeline, Input::Tick { at }, &mut outputs);
    }
    (journal, events(&outputs))
}

/// The events of inputs that hold their ticks.
pub fn fold(pipeline: &mut Pipeline, inputs: &[Input]) -> Vec<String> {
    let outputs: Vec<Output> = inputs
        .iter()
        .flat_map(|input| pipeline.handle(input.clone()))
        .collect();
    events(&outputs)
}
