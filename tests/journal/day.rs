//! A day at the simulated plant as the batches that the core would commit: pallets in and out at one dock, lots at a line.

use std::time::Duration;

use tracegate_pipeline::association::LoadRules;
use tracegate_pipeline::config::{
    GateAntenna, GateConfig, PipelineConfig, ReadPointConfig, ReadPointKind, Side, StationConfig,
    StationScanner, Step, Tuning,
};
use tracegate_pipeline::filter::{Pattern, TagRules};
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Pipeline, Read, ReaderTime, Time};
use tracegate_sim::scenario::{ScannerKind, Scenario, Sighting, Timeline};

/// 2026-11-22T10:00:00Z.
const T0: i64 = 1_795_341_600_000_000;
const READER: u16 = 0;
const SCANNER: u16 = 1;
/// A report arrives so long after its newest read.
const NETWORK_US: i64 = 20_000;

/// The batches, and how many movements really happened.
pub fn day() -> (Vec<Vec<Input>>, usize) {
    let mut scenario = Scenario::empty(5)
        .dock("dock_1", 6)
        .line("line_1", ScannerKind::Pty, 6)
        .pace(
            Duration::from_millis(1500),
            Duration::from_millis(1800),
            Duration::from_secs(5),
        );
    scenario.traffic[0].items = [3, 8];
    scenario.traffic[0].dwell = Duration::from_secs(4);
    let mut timeline = scenario.timeline().unwrap();
    rest(&mut timeline);

    let mut inputs: Vec<(i64, Input)> = Vec::new();
    for part in timeline
        .sightings
        .chunk_by(|a, b| b.at_us - a.at_us < 200_000)
    {
        inputs.extend(part.chunks(12).map(report));
    }
    for scan in &timeline.scans {
        let (at, data) = (
            T0 + i64::try_from(scan.at_us).unwrap(),
            scan.text.clone().into_bytes(),
        );
        inputs.push((
            at,
            Input::Scan {
                device: SCANNER,
                at: Time(at),
                data,
            },
        ));
    }
    inputs.sort_by_key(|(at, _)| *at);
    let start = [
        vec![Input::Configure(Box::new(config(&scenario)))],
        begin(Time(T0)),
    ]
    .concat();
    (batches(&with_ticks(start, inputs)), timeline.truth.len())
}

/// A break late in the day, in the widest gap: the dock forgets its tags, and the journal can be trimmed.
fn rest(timeline: &mut Timeline) {
    const BREAK_US: u64 = 600_000_000;
    let late = timeline.sightings.len() * 3 / 5;
    let gaps = timeline.sightings[late..].windows(2);
    let from = gaps
        .max_by_key(|pair| pair[1].at_us - pair[0].at_us)
        .unwrap()[0]
        .at_us;
    let sightings = timeline.sightings.iter_mut().map(|it| &mut it.at_us);
    let scans = timeline.scans.iter_mut().map(|it| &mut it.at_us);
    for at_us in sightings.chain(scans).filter(|at_us| **at_us > from) {
        *at_us += BREAK_US;
    }
}

/// What a restarted daemon hears first.
pub fn restart(pipeline: &Pipeline) -> Vec<Input> {
    let config = Input::Configure(Box::new(pipeline.config().clone()));
    [vec![config], begin(pipeline.now())].concat()
}

fn begin(at: Time) -> Vec<Input> {
    let reader_time = Some(ReaderTime::Utc(u64::try_from(at.0).unwrap()));
    vec![
        Input::Start { at },
        Input::Device {
            device: READER,
            at,
            up: true,
            reader_time,
        },
        Input::Device {
            device: SCANNER,
            at,
            up: true,
            reader_time: None,
        },
    ]
}

fn report(sightings: &[Sighting]) -> (i64, Input) {
    let reads = sightings.iter().map(|sighting| Read {
        epc: sighting.epc.to_vec(),
        bit_len: u16::try_from(sighting.epc.len() * 8).unwrap(),
        pc: Some(sighting.pc),
        antenna: sighting.antenna,
        rssi_dbm: Some(sighting.rssi_dbm),
        device_time: Some(ReaderTime::Utc(T0 as u64 + sighting.at_us)),
        ..Read::default()
    });
    let newest = sightings
        .iter()
        .map(|sighting| sighting.at_us)
        .max()
        .unwrap();
    let at = T0 + i64::try_from(newest).unwrap() + NETWORK_US;
    let reads = reads.collect();
    (
        at,
        Input::Reads {
            device: READER,
            at: Time(at),
            reads,
        },
    )
}

/// The inputs with the ticks that the core would add.
fn with_ticks(start: Vec<Input>, inputs: Vec<(i64, Input)>) -> Vec<Input> {
    let mut pipeline = Pipeline::default();
    let mut all = Vec::new();
    let mut take = |pipeline: &mut Pipeline, input: Input| {
        drop(pipeline.handle(input.clone()));
        all.push(input);
    };
    for input in start {
        take(&mut pipeline, input);
    }
    let end = inputs.last().map_or(T0, |(at, _)| *at) + 60_000_000;
    for (at, input) in inputs
        .into_iter()
        .map(|(at, input)| (at, Some(input)))
        .chain([(end, None)])
    {
        while let Some(at) = pipeline.next_tick().filter(|tick| tick.0 <= at) {
            take(&mut pipeline, Input::Tick { at });
        }
        if let Some(input) = input {
            take(&mut pipeline, input);
        }
    }
    all
}

/// The day's start in one batch, as the core takes it; then batches of one or two.
fn batches(inputs: &[Input]) -> Vec<Vec<Input>> {
    let mut random = fastrand::Rng::with_seed(7);
    let (start, mut rest) = inputs.split_at(4);
    let mut batches = vec![start.to_vec()];
    while !rest.is_empty() {
        let (batch, more) = rest.split_at(random.usize(1..=2).min(rest.len()));
        batches.push(batch.to_vec());
        rest = more;
    }
    batches
}

fn config(scenario: &Scenario) -> PipelineConfig {
    let step = |word: &Option<String>| {
        word.as_ref().map(|word| Step {
            biz_step: word.clone(),
            disposition: Some("in_progress".into()),
            ..Step::default()
        })
    };
    let antennas = |side: Side, ports: &[u16]| -> Vec<GateAntenna> {
        let antenna = |port: &u16| GateAntenna {
            device: READER,
            antenna: *port,
            side,
        };
        ports.iter().map(antenna).collect()
    };
    let reader = &scenario.readers[0];
    let read_points = scenario
        .read_points()
        .into_iter()
        .map(|point| ReadPointConfig {
            guard: None,
            kind: match &point.scan_step {
                Some(_) => ReadPointKind::Station(StationConfig {
                    scanners: vec![StationScanner {
                        device: SCANNER,
                        duplicate_window: Span::millis(3000),
                        assume_gs1: false,
                        gs_substitutes: Vec::new(),
                        keep_unknown_ais: false,
                    }],
                    step: step(&point.scan_step).unwrap(),
                    task: None,
                    marks: None,
                }),
                None => ReadPointKind::Gate(GateConfig {
                    antennas: [
                        antennas(Side::Inside, &reader.inside),
                        antennas(Side::Outside, &reader.outside),
                    ]
                    .concat(),
                    inward: step(&point.in_step),
                    outward: step(&point.out_step),
                    tuning: brisk(),
                    loads: LoadRules::default(),
                    stay: None,
                    eyes: Vec::new(),
                }),
            },
            name: point.name,
            uri: point.sgln,
        });
    let cargo = format!("urn:epc:pat:sgtin-96:*.{}.*.*", scenario.company.prefix());
    PipelineConfig {
        sensors: Vec::new(),
        time_zone: "Europe/Berlin".into(),
        devices: vec!["dock_1".into(), "line_1".into()],
        read_points: read_points.collect(),
        tags: TagRules {
            cargo: vec![Pattern::parse(&cargo).unwrap()],
            ..TagRules::default()
        },
    }
}

/// Windows for pallets that cross in a second, as in the demo.
fn brisk() -> Tuning {
    Tuning {
        dedup: Span::millis(50),
        side_tau: Span::millis(200),
        side_hold: Span::millis(150),
        load_gap: Span::millis(500),
        settle: Span::millis(900),
        lost_after: Span::millis(800),
        rearm: Span::millis(1000),
        allowed_lateness: Span::millis(400),
        // Small loads are not booked.
        min_tags: 7,
        ..Tuning::dock()
    }
}
