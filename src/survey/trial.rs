//! The pipeline over the walk under some settings, compared with what really happened.

use serde::Serialize;
use tracegate_pipeline::config::{Direction, GateConfig, ReadPointKind, Step};
use tracegate_pipeline::input::DeviceIndex;
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Output, Pipeline, Time};

use super::Walk;

/// A movement this far beside a pass is still that pass.
const BESIDE: Span = Span::millis(2_000);
/// How long after the last input loads are decided at most.
const AFTERMATH: Span = Span::millis(600_000);
/// Words that tell the ways apart in the trial's events.
const STEPS: [&str; 2] = ["receiving", "shipping"];

/// What the gateway makes of the passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Outcome {
    /// By the way that goods really went, in and out: told as in, as out, not at all.
    pub told: [[usize; 3]; 2],
    /// Movements told that were none, or a second time.
    pub extra: usize,
}

impl Outcome {
    /// Passes told as they were.
    #[must_use]
    pub const fn right(&self) -> usize {
        let [[right_in, _, _], [_, right_out, _]] = self.told;
        right_in + right_out
    }

    /// Passes told as the other way.
    #[must_use]
    pub const fn wrong_way(&self) -> usize {
        let [[_, wrong_in, _], [wrong_out, _, _]] = self.told;
        wrong_in + wrong_out
    }

    /// Passes not told.
    #[must_use]
    pub const fn missed(&self) -> usize {
        let [[_, _, missed_in], [_, _, missed_out]] = self.told;
        missed_in + missed_out
    }

    /// How bad it is: a wrong movement is worse than a missing one.
    #[must_use]
    pub const fn penalty(&self) -> usize {
        2 * self.wrong_way() + self.missed() + self.extra
    }
}

/// Runs the pipeline over the walk with these settings of its read point.
pub(super) fn run(walk: &Walk<'_>, gate: &GateConfig) -> Outcome {
    let mut events = Vec::new();
    let mut feed = |pipeline: &mut Pipeline, input: Input| {
        for output in pipeline.handle(input) {
            if let Output::Event(event) = output
                && event.read_point == walk.read_point
            {
                let is_in = event
                    .json
                    .contains(&format!("\"bizStep\":\"{}\"", STEPS[0]));
                let direction = if is_in { Direction::In } else { Direction::Out };
                events.push((event.at, direction));
            }
        }
    };
    let mut pipeline = walk.begun.cloned().unwrap_or_default();
    let known = Input::Configure(Box::new(walk.config.clone()));
    feed(&mut pipeline, known);
    let mut pipeline = pipeline.tried_with(config(walk, gate));
    let mut heard: Vec<DeviceIndex> = Vec::new();
    let mut has_started = walk.begun.is_some();
    for input in walk.inputs {
        if matches!(input, Input::Configure(_) | Input::Tick { .. }) {
            continue;
        }
        let Some(at) = input.at() else { continue };
        if !has_started && !matches!(input, Input::Start { .. }) {
            feed(&mut pipeline, Input::Start { at });
        }
        has_started = true;
        while let Some(at) = pipeline.next_tick().filter(|tick| *tick <= at) {
            feed(&mut pipeline, Input::Tick { at });
        }
        match input {
            Input::Device { device, .. } => heard.push(*device),
            Input::Reads { device, .. } if walk.begun.is_none() && !heard.contains(device) => {
                heard.push(*device);
                let connected = Input::Device {
                    device: *device,
                    at,
                    up: true,
                    reader_time: None,
                };
                feed(&mut pipeline, connected);
            }
            _ => {}
        }
        feed(&mut pipeline, input.clone());
    }
    let end = pipeline.now() + AFTERMATH;
    while let Some(at) = pipeline.next_tick().filter(|tick| *tick <= end) {
        feed(&mut pipeline, Input::Tick { at });
    }
    compare(walk, events)
}

/// The walk's configuration with another gate, whose events say the way.
fn config(walk: &Walk<'_>, gate: &GateConfig) -> tracegate_pipeline::PipelineConfig {
    let mut config = walk.config.clone();
    let step = |word: &str| {
        Some(Step {
            biz_step: word.to_owned(),
            ..Step::default()
        })
    };
    for read_point in &mut config.read_points {
        if read_point.name == walk.read_point {
            read_point.kind = ReadPointKind::Gate(GateConfig {
                inward: step(STEPS[0]),
                outward: step(STEPS[1]),
                ..gate.clone()
            });
        }
    }
    config
}

fn compare(walk: &Walk<'_>, mut events: Vec<(Time, Direction)>) -> Outcome {
    let mut outcome = Outcome::default();
    events.sort_by_key(|(at, _)| *at);
    let mut told = vec![None; walk.passes.len()];
    // First what fits, so that a wrong one beside it does not take its place.
    for wants_right in [true, false] {
        events.retain(|(at, direction)| {
            let found = walk.passes.iter().zip(&mut told).find(|(pass, told)| {
                told.is_none()
                    && pass.from - BESIDE <= *at
                    && *at <= pass.to + BESIDE
                    && (pass.direction == *direction) == wants_right
            });
            match found {
                Some((_, told)) => *told = Some(*direction),
                None => return true,
            }
            false
        });
    }
    // What was told before is none of the walk's business.
    let first = walk.inputs.iter().find_map(Input::at);
    let own = events
        .iter()
        .filter(|(at, _)| first.is_none_or(|first| *at >= first));
    outcome.extra = own.count();
    for (pass, told) in walk.passes.iter().zip(told) {
        let [inward, outward] = &mut outcome.told;
        let row = match pass.direction {
            Direction::In => inward,
            Direction::Out => outward,
        };
        let [as_in, as_out, missed] = row;
        *match told {
            Some(Direction::In) => as_in,
            Some(Direction::Out) => as_out,
            None => missed,
        } += 1;
    }
    outcome
}
