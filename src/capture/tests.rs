//! Lines, files, the tap, and replays against the pipeline itself.

mod lines;
mod witness;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use tracegate_pipeline::input::MovementEvent;
use tracegate_pipeline::{Input, Output, Pipeline, PipelineConfig, Read, ReaderTime, Time};

use super::diff::{Change, Run, compare};
use super::*;
use crate::{config, topology};

const T0: i64 = 1_795_341_600_000_000;
const GATEWAY: &str = r#"
[gateway]
site = "plant-3"
[llrp.dock_1]
host = "127.0.0.1"
[scanner.pack_1]
tcp = "127.0.0.1:9"
[read_point.dock_1]
mode = "dock"
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
inside = ["dock_1/2"]
outside = ["dock_1/1"]
in = { biz_step = "receiving" }
out = { biz_step = "shipping" }
[read_point.pack_1]
mode = "station"
sgln = "urn:epc:id:sgln:4012345.00001.pack1"
scanners = ["pack_1"]
scan = { biz_step = "packing" }
[tag_sensor.box]
tags = ["hex:33*"]
measure = "Temperature"
[mqtt]
url = "mqtt://127.0.0.1"
"#;

fn configured(change: impl Fn(String) -> String) -> PipelineConfig {
    let text = change(GATEWAY.to_owned());
    let loaded = config::from_bytes(
        Path::new("gateway.toml"),
        text.as_bytes(),
        std::iter::empty(),
    )
    .unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human)));
    let devices = topology::devices(&loaded.config).unwrap();
    topology::pipeline(&loaded.config, &devices)
}

fn gateway() -> PipelineConfig {
    // Not even a load that clearly passed is booked with one tag.
    configured(|text| text.replace("mode = \"dock\"", "mode = \"dock\"\nmin_tags = 3"))
}

fn epc(number: u8) -> Vec<u8> {
    let uri = format!("urn:epc:tag:sgtin-96:1.4012345.000100.{number}");
    tracegate_gs1::epc::encode_tag_uri(&uri).unwrap().bytes
}

/// `tags` tags in by the door, three seconds from one antenna to the other; the reader's clock is two seconds behind.
fn load(at: i64, tags: u8, ahead: bool) -> Vec<Input> {
    (0..60)
        .map(|step| {
            let at = at + step * 100_000;
            let antenna = if (step < 30) == ahead { 1 } else { 2 };
            let read = |number| Read {
                epc: epc(number),
                bit_len: 96,
                pc: Some(0x3000),
                antenna,
                rssi_dbm: Some(-55),
                device_time: Some(ReaderTime::Utc((at - 2_000_000) as u64)),
                waited_us: 7,
                ..Read::default()
            };
            Input::Reads {
                device: 0,
                at: Time(at),
                reads: (1..=tags).map(read).collect(),
            }
        })
        .collect()
}

/// As the gateway runs: ticks when the pipeline wants them.
fn live(pipeline: &mut Pipeline, inputs: Vec<Input>) -> (Vec<Input>, Vec<Output>) {
    let (mut taken, mut outputs) = (Vec::new(), Vec::new());
    for input in inputs {
        if let Some(at) = input.at() {
            while let Some(tick) = pipeline.next_tick().filter(|tick| *tick <= at) {
                taken.push(Input::Tick { at: tick });
                outputs.extend(pipeline.handle(Input::Tick { at: tick }));
            }
        }
        taken.push(input.clone());
        outputs.extend(pipeline.handle(input));
    }
    (taken, outputs)
}

fn events(outputs: &[Output]) -> Vec<&MovementEvent> {
    let mut events = Vec::new();
    for output in outputs {
        if let Output::Event(event) = output {
            events.push(&**event);
        }
    }
    events
}

fn written(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn played(path: &Path, options: &Options) -> Result<(Vec<Output>, Played), CaptureError> {
    let mut all = Vec::new();
    let played = play(path, options, &mut |_, outputs| all.extend(outputs))?;
    Ok((all, played))
}

fn up(at: i64) -> Vec<Input> {
    vec![
        Input::Configure(Box::new(gateway())),
        Input::Start { at: Time(at) },
        Input::Device {
            device: 0,
            at: Time(at),
            up: true,
            reader_time: Some(ReaderTime::Utc((at - 2_000_000) as u64)),
        },
    ]
}

#[test]
fn a_capture_from_the_middle_of_a_load_gives_the_same_events() {
    let mut pipeline = Pipeline::default();
    let (mut before, mut after) = (up(T0), load(T0 + 1_000_000, 5, true));
    after.extend(load(T0 + 40_000_000, 1, true));
    after.push(Input::Tick {
        at: Time(T0 + 70_000_000),
    });
    before.extend(after.drain(..25));
    live(&mut pipeline, before);
    let state = postcard::to_stdvec(pipeline.state()).unwrap();
    let mut text = header("plant-3", pipeline.now(), pipeline.config()).to_text();
    text += &record::state_line(&state).to_text();
    let (taken, made) = live(&mut pipeline, after);
    let config = gateway();
    for input in &taken {
        text += &line_of(input, &config).to_text();
    }
    let folder = tempfile::tempdir().unwrap();
    let (replayed, all) = played(&written(&folder, "a", &text), &Options::default()).unwrap();
    assert_eq!(replayed, made);
    assert_eq!(events(&made).len(), 1);
    let refused = |it: &Output| matches!(it, Output::NonEvent(_));
    assert!(made.iter().any(refused), "a load of one tag is not booked");
    assert!(all.has_state && all.skipped == 0);
    // Compressed, and without its state: the load is cut in two.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap();
    let path = folder.path().join("no-matter-how-it-is-called");
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(played(&path, &Options::default()).unwrap().0, made);
    let stateless: Vec<&str> = text
        .lines()
        .filter(|it| !it.contains("\"state\""))
        .collect();
    let path = written(&folder, "b", &stateless.join("\n"));
    assert_ne!(played(&path, &Options::default()).unwrap().0, made);
    // Cut off, as by a full disk.
    std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    assert!(matches!(
        played(&path, &Options::default()),
        Err(CaptureError::Cut { .. })
    ));
    let lenient = Options {
        skip_bad: true,
        ..Options::default()
    };
    assert_eq!(played(&path, &lenient).unwrap().1.skipped, 1);
}

#[test]
fn a_file_written_by_hand_needs_little() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "{\"type\":\"capture\",\"format\":1}\n\n".to_owned();
    for step in 0..60 {
        let antenna = if step < 30 { 1 } else { 2 };
        for number in [1, 2] {
            let (at, epc) = (T0 + step * 100_000 + number, hex(&epc(number as u8)));
            text += &format!(
                "{{\"type\":\"read\",\"device\":\"dock_1\",\"at\":{at},\"epc\":\"{epc}\",\"antenna\":{antenna},\"phase\":1.5}}\n"
            );
        }
    }
    text += "{\"type\":\"scan\",\"device\":\"pack_1\",\"at\":\"2026-11-22T10:30:00Z\",\"text\":\"]d20100340123450017\\u001d\"}";
    let path = written(&folder, "a", &text);
    let error = played(&path, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("give one: --config"), "{error}");
    let options = Options {
        config: Some(gateway()),
        ..Options::default()
    };
    let (outputs, all) = played(&path, &options).unwrap();
    let events = events(&outputs);
    assert_eq!(events.len(), 2, "{outputs:?}");
    assert!(events[0].summary.starts_with("in "));
    assert_eq!(all.inputs, 121);
    // What is still open at its end is decided.
    let reads: Vec<&str> = text.lines().filter(|line| !line.contains("scan")).collect();
    let path = written(&folder, "b", &reads.join("\n"));
    assert_eq!(
        super::tests::events(&played(&path, &options).unwrap().0).len(),
        1
    );
}

#[test]
fn a_mistake_is_told_with_its_line_and_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        config: Some(gateway()),
        ..Options::default()
    };
    let epc = hex(&epc(1));
    for (line, expected) in [
        ("{\"type\":\"tick\"}", "missing field `at`"),
        (
            "{\"type\":\"tik\",\"at\":1}",
            "unknown type `tik`; did you mean `tick`?",
        ),
        ("{\"at\":1}", "`type` is missing"),
        ("[1]", "a line is a JSON object"),
        ("{", "this is not JSON"),
        (
            "{\"type\":\"device\",\"device\":\"dock_2\",\"at\":1}",
            "unknown device `dock_2`; did you mean `dock_1`?",
        ),
        (
            "{\"type\":\"read\",\"device\":\"dock_1\",\"at\":1,\"epc\":\"30\",\"antena\":1}",
            "unknown key `antena`; did you mean `antenna`?",
        ),
        (
            "{\"type\":\"reads\",\"device\":\"dock_1\",\"at\":1,\"reads\":[{\"epc\":\"30\",\"antenna\":1,\"rsi\":-5}]}",
            "unknown key `rsi`; did you mean `rssi`?",
        ),
        (
            "{\"type\":\"read\",\"device\":\"dock_1\",\"at\":1,\"epc\":\"3\",\"antenna\":1}",
            "`epc` has an even number of hexadecimal digits, and not \"3\"",
        ),
        (
            "{\"type\":\"read\",\"device\":\"dock_1\",\"at\":1,\"epc\":\"30\",\"antenna\":1,\"rssi\":-128.5}",
            "`rssi` is in dBm, from -128 to 127, and not -128.5",
        ),
        (
            "{\"type\":\"read\",\"device\":\"dock_1\",\"at\":\"today\",\"epc\":\"30\",\"antenna\":1}",
            "\"today\" is no time; write it as",
        ),
        (
            "{\"type\":\"read\",\"device\":\"dock_1\",\"at\":1,\"epc\":\"30\",\"antenna\":1,\"time\":1,\"uptime_us\":1}",
            "give one of `time` and `uptime_us`",
        ),
        (
            "{\"type\":\"scan\",\"device\":\"pack_1\",\"at\":1}",
            "give one of `text` and `hex`",
        ),
        (
            "{\"type\":\"state\",\"version\":-1,\"data\":\"\"}",
            "this state has version -1",
        ),
        (
            "{\"type\":\"capture\",\"format\":2}",
            "this capture has format 2",
        ),
    ] {
        let read = format!(
            "{{\"type\":\"read\",\"device\":\"dock_1\",\"at\":{T0},\"epc\":\"{epc}\",\"antenna\":1}}"
        );
        let text = format!("{{\"type\":\"capture\",\"format\":1}}\n{line}\n{read}\n");
        let path = written(&folder, "a", &text);
        let error = crate::error_chain(&played(&path, &options).unwrap_err());
        assert!(
            error.starts_with(&format!("{}:2: {expected}", path.display())),
            "{line}: {error}"
        );
        let lenient = Options {
            config: Some(gateway()),
            skip_bad: true,
            ..Options::default()
        };
        let all = played(&path, &lenient).unwrap().1;
        assert_eq!((all.skipped, all.inputs), (1, 1), "{line}");
    }
}

#[test]
fn another_configuration_shows_what_it_changes() {
    let mut pipeline = Pipeline::default();
    let mut inputs = up(T0);
    inputs.extend(load(T0 + 1_000_000, 1, true));
    inputs.extend(load(T0 + 40_000_000, 3, false));
    inputs.push(Input::Tick {
        at: Time(T0 + 80_000_000),
    });
    let (taken, _) = live(&mut pipeline, inputs);
    let config = gateway();
    let mut text = header("plant-3", Time(T0), &config).to_text();
    for input in &taken[1..] {
        text += &line_of(input, &config).to_text();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "a", &text);
    let run = |config: Option<PipelineConfig>| {
        let known = config.clone().unwrap_or_else(gateway);
        let options = Options {
            config,
            run_on: true,
            ..Options::default()
        };
        let mut run = Run::default();
        play(&path, &options, &mut |_, outputs| {
            run.take(&outputs, &known)
        })
        .unwrap();
        run
    };
    let with = |line: &str| {
        Some(configured(|text| {
            text.replace("mode = \"dock\"", &format!("mode = \"dock\"\n{line}"))
        }))
    };
    let before = run(None);
    assert!(before.counts().0 == 1 && before.counts().1 > 0);
    assert_eq!(compare(&before, &run(Some(gateway()))), (vec![], 1));
    let (changes, same) = compare(&before, &run(with("min_tags = 1")));
    let [Change::Gained { event, why }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!((same, event.things.len()), (1, 1));
    let text = why.as_deref().unwrap();
    assert!(text.starts_with("few_tags: only 1 tag"), "{text}");
    let (changes, same) = compare(&before, &run(with("min_tags = 4")));
    let [Change::Lost { why, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(same, 0);
    assert!(why.as_deref().unwrap().contains("min_tags is 4"), "{why:?}");
    // The same load, a little later or earlier by another rule, is one movement.
    let mut moved = before.clone();
    moved.shift(700_000);
    let (changes, _) = compare(&before, &moved);
    let [Change::Changed { added, removed, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert!(added.is_empty() && removed.is_empty());
}
