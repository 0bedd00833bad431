//! `tracegate survey`: a walk test of a read point.

mod live;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;
use tracegate_pipeline::config::Direction;
use tracegate_pipeline::movement::time_zone;
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Pipeline, PipelineConfig, Time};

use super::gateway::{Gateway, Trouble, pipeline};
use crate::capture::{self, Options};
use crate::config::{Antennas, FromText};
use crate::survey::{Pass, Walk, render, survey};

/// Around a marked time, if no other mark is nearer.
const AROUND: Span = Span::millis(15_000);

/// Walk goods through a door, say what really happened, and see which settings fit
///
/// Asks the running gateway, which goes on booking meanwhile. First stand clear, then take goods through and press i (in) or
/// o (out) and Enter after each pass; q and Enter ends it. Shows what each antenna read, what the gateway made of the passes
/// and which settings would have made fewer mistakes over the same reads. With --capture and --in, --out it does that with
/// traffic of yesterday.
///
/// Exit code: 0 done, 1 nothing to survey, 69 no gateway answers, 78 problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The read point.
    read_point: String,
    /// Take the reads from this capture.
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    capture: Option<PathBuf>,
    /// In the capture a load went in at this time: 14:02:11 by the clock of the site, or RFC 3339; may be repeated.
    #[arg(long = "in", value_name = "TIME", requires = "capture")]
    inward: Vec<String>,
    /// The same for a load that went out.
    #[arg(long = "out", value_name = "TIME", requires = "capture")]
    outward: Vec<String>,
    /// How long to stand clear at the beginning, to learn what stands about.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time, conflicts_with = "capture")]
    clear: Duration,
    #[command(flatten)]
    gateway: Gateway,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<Duration, String> {
    Duration::from_text(text).map_err(|refusal| refusal.to_string())
}

/// What was walked.
struct Walked {
    config: PipelineConfig,
    begun: Option<Pipeline>,
    inputs: Vec<Input>,
    passes: Vec<Pass>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let walked = match &arguments.capture {
        Some(path) => from_capture(path, arguments)?,
        None => {
            let runtime = super::run::runtime()?;
            let walked = runtime.block_on(live::walk(arguments))?;
            // A thread may still wait for the keyboard.
            runtime.shutdown_background();
            walked
        }
    };
    let walked = match walked {
        Ok(walked) => walked,
        Err(trouble) => return Ok(trouble.exit()),
    };
    let result = survey(&Walk {
        read_point: &arguments.read_point,
        config: &walked.config,
        begun: walked.begun.as_ref(),
        inputs: &walked.inputs,
        passes: &walked.passes,
        power_dbm: &powers(arguments),
    })?;
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&result).context("write JSON")? + "\n",
        false => render(&result),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// Configured powers; without a configuration at hand none is known.
fn powers(arguments: &Arguments) -> BTreeMap<(String, u16), f64> {
    let loaded = crate::config::load(&arguments.gateway.config, super::environment());
    let mut powers = BTreeMap::new();
    for (name, reader) in loaded.iter().flat_map(|loaded| &loaded.config.llrp) {
        if let Antennas::Ports(ports) = &reader.antennas {
            let known = ports
                .iter()
                .filter_map(|(port, power)| Some((port, (*power)?)));
            powers.extend(known.map(|(port, power)| {
                ((name.clone(), *port), f64::from(power.hundredths()) / 100.0)
            }));
        }
    }
    powers
}

fn from_capture(path: &Path, arguments: &Arguments) -> anyhow::Result<Result<Walked, Trouble>> {
    let mut options = Options::default();
    let config = match capture::config(path)? {
        Some(config) => config,
        None => match pipeline(&arguments.gateway.config) {
            Ok(config) => {
                options.config = Some(config.clone());
                config
            }
            Err(trouble) => return Ok(Err(trouble)),
        },
    };
    let mut inputs = Vec::new();
    capture::play(path, &options, &mut |input, _| {
        if !matches!(input, Input::Tick { .. } | Input::Configure(_)) {
            inputs.push(input.clone());
        }
    })?;
    let first = inputs.iter().find_map(tracegate_pipeline::Input::at);
    let first = first.context("the capture is empty")?;
    let zone = time_zone(&config.time_zone);
    let ways = [
        (Direction::In, &arguments.inward),
        (Direction::Out, &arguments.outward),
    ];
    let mut marks = Vec::new();
    for (direction, times) in ways {
        for text in times {
            marks.push((moment(text, first, &zone)?, direction));
        }
    }
    Ok(Ok(Walked {
        config,
        begun: capture::state(path)?,
        inputs,
        passes: passes(marks),
    }))
}

/// A time of day of the day on which the capture begins, or the next day if that is before it; or RFC 3339.
fn moment(text: &str, first: Time, zone: &TimeZone) -> anyhow::Result<Time> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Time(at.as_microsecond()));
    }
    let clock: civil::Time = text
        .parse()
        .with_context(|| format!("{text:?} is no time; write 14:02:11 or 2026-11-22T14:02:11Z"))?;
    let begin = Timestamp::from_microsecond(first.0).context("the capture has no date")?;
    let date = begin.to_zoned(zone.clone()).date();
    let at = |date: civil::Date| -> anyhow::Result<Time> {
        let at = date.to_datetime(clock).to_zoned(zone.clone());
        Ok(Time(
            at.context("no such time")?.timestamp().as_microsecond(),
        ))
    };
    let today = at(date)?;
    match today + AROUND < first {
        true => at(date.tomorrow().context("no such day")?),
        false => Ok(today),
    }
}

/// From marked times to spans that do not overlap.
fn passes(mut marks: Vec<(Time, Direction)>) -> Vec<Pass> {
    marks.sort_by_key(|(at, _)| *at);
    let middle = |a: Time, b: Time| Time(a.0 + (b - a).0 / 2);
    let before = std::iter::once(None).chain(marks.iter().map(Some));
    let after = marks.iter().skip(1).map(Some).chain(std::iter::once(None));
    marks
        .iter()
        .zip(before.zip(after))
        .map(|(&(at, direction), (before, after))| Pass {
            from: before
                .map_or(Time::MIN, |it| middle(it.0, at))
                .later(at - AROUND),
            to: after.map_or(at + AROUND, |it| middle(at, it.0).min(at + AROUND)),
            direction,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_spans_that_do_not_overlap() {
        let second = |s: i64| Time(s * 1_000_000);
        let spans = passes(vec![
            (second(110), Direction::Out),
            (second(100), Direction::In),
            (second(200), Direction::In),
        ]);
        let spans: Vec<_> = spans
            .iter()
            .map(|it| (it.from.0 / 1_000_000, it.to.0 / 1_000_000, it.direction))
            .collect();
        assert_eq!(
            spans,
            [
                (85, 105, Direction::In),
                (105, 125, Direction::Out),
                (185, 215, Direction::In)
            ]
        );
    }

    #[test]
    fn a_time_of_day_is_by_the_clock_of_the_site() {
        let zone = time_zone("Europe/Berlin");
        let first: Timestamp = "2026-11-22T22:30:00Z".parse().unwrap();
        let first = Time(first.as_microsecond());
        let told = |text| {
            let at = moment(text, first, &zone).unwrap();
            Timestamp::from_microsecond(at.0).unwrap().to_string()
        };
        assert_eq!(told("23:45:10"), "2026-11-22T22:45:10Z");
        assert_eq!(told("00:10"), "2026-11-22T23:10:00Z");
        assert_eq!(told("2026-11-22T22:45:10Z"), "2026-11-22T22:45:10Z");
        let error = moment("soon", first, &zone).unwrap_err().to_string();
        assert!(
            error.starts_with("\"soon\" is no time; write 14:02:11"),
            "{error}"
        );
    }
}
