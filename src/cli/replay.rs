//! `tracegate replay`: a capture through the pipeline, without devices.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};
use tracegate_pipeline::config::Direction;
use tracegate_pipeline::input::VerdictKind;
use tracegate_pipeline::movement::time_zone;
use tracegate_pipeline::{Output, PipelineConfig, Time};

use super::gateway::{Trouble, pipeline};
use super::progress::is_watched_apart;
use crate::capture::diff::{Change, Run, compare, tuning};
use crate::capture::{Capture, CaptureError, Lines, Options, Played, play};
use crate::health::tame;
use crate::story::{self, Moment, reason};

/// Run a capture through the gateway's pipeline, without devices, and show the movements
///
/// Without --config under the configuration that is in the capture: then the events are those that the gateway made.
/// Reads no device, stores nothing, sends nothing. docs/captures.md says how a capture is written by hand, and what --json
/// with --why looks like.
///
/// Exit code: 0 done, 1 the capture cannot be read, 78 problems in a configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The capture; - is standard input.
    file: PathBuf,
    /// Configuration file to use instead of the one in the capture.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Show what this configuration would have changed.
    #[arg(long, value_name = "FILE")]
    diff: Option<PathBuf>,
    /// So many times as fast as it was: 1 takes as long, 10 a tenth. As fast as possible without.
    #[arg(long, value_name = "X", value_parser = speed, conflicts_with = "diff")]
    speed: Option<f64>,
    /// Write events as they are published, a line of EPCIS JSON each; with --diff the differences.
    #[arg(long)]
    json: bool,
    /// Say how long after it happened each was decided; with --json also what was not booked, with its tags.
    #[arg(long, conflicts_with = "diff")]
    why: bool,
    /// Decide also what is still open at the end of the capture.
    #[arg(long)]
    to_the_end: bool,
    /// Leave lines out that cannot be read, and count them.
    #[arg(long)]
    skip_bad: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text
        .parse()
        .map_err(|_| "a number is expected".to_owned())?;
    (speed.is_finite() && speed > 0.0)
        .then_some(speed)
        .ok_or_else(|| "it must be above 0".to_owned())
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let outcome = match &arguments.diff {
        Some(other) => match pipeline(other) {
            Ok(other) => difference(arguments, other)?,
            Err(trouble) => Err(trouble),
        },
        None => show(arguments)?,
    };
    Ok(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.exit(),
    })
}

fn options(arguments: &Arguments) -> Result<Options, Trouble> {
    let config = arguments.config.as_deref().map(pipeline).transpose()?;
    let progress: fn(u64) = super::progress::percent;
    Ok(Options {
        run_on: arguments.to_the_end || config.is_some(),
        config,
        skip_bad: arguments.skip_bad,
        speed: arguments.speed,
        progress: is_watched_apart().then_some(progress),
    })
}

fn show(arguments: &Arguments) -> anyhow::Result<Result<(), Trouble>> {
    let options = match options(arguments) {
        Ok(options) => options,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut events, mut loads, mut broken) = (0_u64, 0_u64, None);
    let lines = match arguments.file.as_os_str() == "-" {
        true => Lines::stdin()?,
        false => Lines::open(&arguments.file)?,
    };
    let capture = Capture::of(lines)?;
    let mut now = capture.config().cloned().map(Box::new);
    let played = capture.play(&options, &mut |input, outputs| {
        if let tracegate_pipeline::Input::Configure(config) = input {
            now = Some(config.clone());
        }
        let decided = input.at();
        for output in &outputs {
            events += u64::from(matches!(output, Output::Event(_)));
            loads += u64::from(matches!(output, Output::NonEvent(_)));
            let line = match (output, arguments.json) {
                (output, true) if arguments.why => as_json(output, now.as_deref(), decided),
                (Output::Event(event), true) => format!("{}\n", event.json),
                (_, true) => continue,
                (output, false) => {
                    let mut line = told(output, now.as_deref());
                    if arguments.why
                        && let Some(later) = later(output, decided)
                    {
                        line = format!("{}  ({later})\n", line.trim_end());
                    }
                    line
                }
            };
            // Whoever waits for an event must not wait for the next one too.
            let written = out.write_all(line.as_bytes());
            let written = match arguments.speed {
                Some(_) => written.and_then(|()| out.flush()),
                None => written,
            };
            broken = broken.take().or(written.err());
        }
    });
    let written = out.flush();
    let played = played?;
    if let Some(error) = broken.or(written.err()) {
        return Err(error).context("write to standard output");
    }
    remark!(
        "{}, {} not booked, of {}{}",
        counted(events, "movement"),
        counted(loads, "load"),
        counted(played.inputs, "input"),
        remarks(&played)
    );
    Ok(Ok(()))
}

/// `1 movement`, `2 movements`
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn remarks(played: &Played) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    if played.skipped > 0 {
        let _ = write!(text, "; {} left out", counted(played.skipped, "bad line"));
    }
    if played.gap.inputs > 0 {
        let _ = write!(
            text,
            "; {} inputs with {} reads are missing, the capture could not keep up",
            played.gap.inputs, played.gap.reads
        );
    }
    text
}

/// A movement or a load with when it was decided, as a line of JSON; of anything else nothing.
fn as_json(output: &Output, config: Option<&PipelineConfig>, decided: Option<Time>) -> String {
    let decided = decided.map(Moment::from);
    let mut line = match (output, config) {
        (Output::Event(event), _) => {
            let event = serde_json::from_str::<Value>(&event.json).unwrap_or_default();
            json!({ "type": "event", "event": event })
        }
        (Output::NonEvent(load), Some(config)) => {
            let names = |(key, pc): &(_, _)| story::names(key, *pc).into_iter().next();
            let tags: Vec<String> = load.members.iter().filter_map(names).collect();
            json!({ "type": "not_booked", "load": story::told(load, config), "epcs": tags })
        }
        _ => return String::new(),
    };
    if let Value::Object(line) = &mut line {
        line.insert("decided".to_owned(), json!(decided));
    }
    format!("{line}\n")
}

/// How long after it happened it was decided.
fn later(output: &Output, decided: Option<Time>) -> Option<String> {
    let at = match output {
        Output::Event(event) => event.at,
        Output::NonEvent(load) => load.at,
        _ => return None,
    };
    let span = decided? - at;
    Some(format!("decided {:.1} s later", span.seconds()))
}

fn told(output: &Output, config: Option<&PipelineConfig>) -> String {
    let zone_name = config.map_or("UTC", |config| config.time_zone.as_str());
    match output {
        Output::Event(event) => format!(
            "{}  {:<12} {}\n",
            clock(event.at.into(), zone_name),
            event.read_point,
            tame(&event.summary)
        ),
        Output::NonEvent(load) => format!(
            "{}  {:<12} not booked, {}: {}: {}{}\n",
            clock(load.at.into(), zone_name),
            load.read_point,
            load.direction.map_or("here", Direction::as_str),
            load.reason.as_str(),
            reason(
                load.reason,
                load.tags,
                config.and_then(|config| tuning(config, &load.read_point))
            ),
            load.eyes
                .as_str()
                .map_or_else(String::new, |eyes| format!("; {eyes}"))
        ),
        Output::Verdict(verdict) => {
            let name = config.and_then(|it| it.devices.get(usize::from(verdict.device)));
            let name = name.map_or("?", String::as_str);
            match &verdict.kind {
                VerdictKind::Refused(why) => format!("{name}: scan refused: {}\n", tame(why)),
                VerdictKind::Warned(what) => format!("{name}: warned: {}\n", tame(what)),
                VerdictKind::Accepted | VerdictKind::Duplicate | VerdictKind::Pending(_) => {
                    String::new()
                }
            }
        }
        Output::Alert(alert) => format!(
            "{} alert: {}: {}\n",
            alert.read_point,
            tame(&alert.thing),
            tame(&alert.text)
        ),
        Output::Learned(_) => String::new(),
        Output::ClockStepped { at, by, device } => {
            let name = config.and_then(|it| it.devices.get(usize::from(*device)));
            format!(
                "{}  {:<12} its clock was set back by {:.1} s\n",
                clock((*at).into(), zone_name),
                name.map_or("?", String::as_str),
                by.seconds()
            )
        }
    }
}

fn clock(at: Moment, zone_name: &str) -> String {
    Timestamp::from_microsecond(at.0).map_or_else(
        |_| "?".to_owned(),
        |at| {
            let local = at.to_zoned(time_zone(zone_name));
            local.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
        },
    )
}

fn difference(arguments: &Arguments, other: PipelineConfig) -> anyhow::Result<Result<(), Trouble>> {
    if arguments.file.as_os_str() == "-" {
        let path = PathBuf::from("standard input");
        return Err(CaptureError::Once { path }.into());
    }
    let mut first = match options(arguments) {
        Ok(options) => options,
        Err(trouble) => return Ok(Err(trouble)),
    };
    first.run_on = true;
    let second = Options {
        config: Some(other),
        run_on: true,
        skip_bad: first.skip_bad,
        speed: None,
        progress: first.progress,
    };
    let zone_name = second
        .config
        .as_ref()
        .map_or("UTC".to_owned(), |it| it.time_zone.clone());
    let (a, b) = (collect(arguments, &first)?, collect(arguments, &second)?);
    let (changes, same) = compare(&a, &b);
    let mut text = String::new();
    for change in &changes {
        text += &match arguments.json {
            true => serde_json::to_string(change).context("write JSON")? + "\n",
            false => changed(change, &zone_name),
        };
    }
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")?;
    let ((events_a, loads_a), (events_b, loads_b)) = (a.counts(), b.counts());
    remark!(
        "before: {} and {} not booked; after: {} and {}; the same: {same}, different: {}",
        counted(events_a as u64, "movement"),
        counted(loads_a as u64, "load"),
        counted(events_b as u64, "movement"),
        counted(loads_b as u64, "load"),
        changes.len()
    );
    Ok(Ok(()))
}

fn collect(arguments: &Arguments, options: &Options) -> Result<Run, CaptureError> {
    let mut run = Run::default();
    let mut now = crate::capture::config(&arguments.file)?;
    play(&arguments.file, options, &mut |input, outputs| {
        if let tracegate_pipeline::Input::Configure(config) = input {
            now = Some((**config).clone());
        }
        if let Some(config) = &now {
            run.take(&outputs, config);
        }
    })?;
    Ok(run)
}

fn changed(change: &Change, zone_name: &str) -> String {
    let list = |sign: char, things: &std::collections::BTreeSet<String>| -> String {
        let lines = things
            .iter()
            .map(|it| format!("      {sign} {}\n", tame(it)));
        lines.collect()
    };
    let because = |why: &Option<String>| match why {
        Some(why) => format!("      {why}\n"),
        None => "      no load was seen\n".to_owned(),
    };
    let row = |sign: char, event: &crate::capture::diff::Booked| {
        let at = clock(event.at, zone_name);
        format!(
            "{sign} {at}  {:<12} {}\n",
            event.read_point,
            tame(&event.summary)
        )
    };
    match change {
        Change::Lost { event, why } => row('-', event) + &because(why),
        Change::Gained { event, why } => row('+', event) + &because(why),
        Change::Changed {
            before,
            after,
            added,
            removed,
        } => row('-', before) + &row('+', after) + &list('-', removed) + &list('+', added),
    }
}
