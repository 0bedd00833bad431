//! What a method says has happened.

use std::collections::BTreeSet;

use tracegate_pipeline::config::Direction;
use tracegate_pipeline::eyes::Says;
use tracegate_pipeline::input::{MovementEvent, NonEvent};
use tracegate_pipeline::{Input, Output, Pipeline, Time};

use crate::ledger::event;

use super::baseline::{self, Front};
use super::day::Day;
use super::delivery::{gateway_time, seconds};
use super::goods::TagIndex;
use super::truth::Movement;

/// After the last input, methods get this much more time to speak.
const AFTERMATH_S: f64 = 180.0;

/// A movement that somebody says there was.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Which gate.
    pub read_point: usize,
    /// Which way.
    pub direction: Direction,
    /// Its tags.
    pub(super) tags: BTreeSet<TagIndex>,
    /// Tags that the day does not know.
    pub unknown: usize,
    /// Which passage it tells of: a supplement has that of the claim it belongs to.
    pub(super) passage: Option<String>,
    /// When it is said to have happened, seconds of the day.
    pub at_s: f64,
    /// When it was said.
    pub said_s: f64,
    /// What photo-eyes say of it.
    pub eyes: Says,
}

impl Claim {
    /// It tells of the same passage as one before it.
    pub(super) fn is_supplement_of(&self, earlier: &Self) -> bool {
        self.passage.is_some()
            && (self.read_point, self.direction, &self.passage)
                == (earlier.read_point, earlier.direction, &earlier.passage)
    }

    /// The truth about `movement`, at the end of it, as far as it was read.
    fn true_of(movement: &Movement) -> Self {
        Self {
            read_point: movement.read_point,
            direction: movement.direction,
            tags: movement.read.iter().copied().collect(),
            unknown: 0,
            passage: None,
            at_s: movement.crossed_s,
            said_s: movement.to_s,
            eyes: Says::Nothing,
        }
    }
}

/// A load that the pipeline noticed and did not book.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Which gate.
    pub read_point: usize,
    /// When the load was there, seconds of the day.
    pub at_s: f64,
    /// The rule, in the pipeline's word.
    pub reason: &'static str,
    /// How many tags it had.
    pub tags: usize,
    /// What photo-eyes say of it.
    pub eyes: Says,
}

/// All that a method says of a day.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// What is said to have passed, event by event.
    pub events: Vec<Claim>,
    /// What was refused; only the pipeline says.
    pub refusals: Vec<Refusal>,
}

impl Told {
    /// What is said to have passed. What has the passage of an earlier event is a supplement to that, which names what was
    /// missing: both are one claim, of the tags of both, that was said when the last of it was.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        let mut claims: Vec<Claim> = Vec::new();
        for event in &self.events {
            match claims
                .iter_mut()
                .find(|claim| event.is_supplement_of(claim))
            {
                Some(earlier) => {
                    earlier.tags.extend(&event.tags);
                    earlier.unknown += event.unknown;
                    earlier.said_s = event.said_s;
                }
                None => claims.push(event.clone()),
            }
        }
        claims
    }
}

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Method {
    /// The gateway's pipeline with its defaults.
    Tracegate,
    /// Sessions that end after 5 s of silence; the last side against the first.
    Dedup,
    /// Adaptive windows per tag and side.
    Smurf,
    /// Moving means with a threshold that decays with age.
    Edgex,
    /// Knows the truth, but names only tags that were read: the most that anybody can reach.
    Oracle,
}

impl Method {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 5] = [
        Self::Tracegate,
        Self::Dedup,
        Self::Smurf,
        Self::Edgex,
        Self::Oracle,
    ];

    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tracegate => "tracegate",
            Self::Dedup => "dedup 5 s",
            Self::Smurf => "SMURF",
            Self::Edgex => "EdgeX rules",
            Self::Oracle => "oracle",
        }
    }

    /// What this method makes of the day.
    #[must_use]
    pub fn tell(self, day: &Day) -> Told {
        let events = match self {
            Self::Tracegate => return pipeline_tells(day, |input| input),
            Self::Dedup => baseline::run(day, Front::new(day), baseline::Dedup::default()),
            Self::Smurf => baseline::run(day, Front::new(day), baseline::Smurf::default()),
            Self::Edgex => baseline::run(day, Front::new(day), baseline::Edgex::default()),
            Self::Oracle => day.movements.iter().map(Claim::true_of).collect(),
        };
        Told {
            events,
            refusals: Vec::new(),
        }
    }
}

/// The pipeline fed with the day's inputs, each changed by `change` first.
pub(super) fn pipeline_tells(day: &Day, change: impl Fn(Input) -> Input) -> Told {
    let mut told = Told::default();
    play(
        day,
        change,
        |_, _| None,
        &mut |pipeline, output| match output {
            Output::Event(event) => {
                told.events.extend(claim(day, &event, pipeline.now()));
            }
            Output::NonEvent(load) => told.refusals.extend(refusal(day, &load)),
            Output::Alert(_)
            | Output::Verdict(_)
            | Output::Learned(_)
            | Output::ClockStepped { .. } => {}
        },
    );
    told
}

/// Feeds the pipeline with the day's inputs, each changed by `change` first and after what `look` finds for it, and ticks it
/// when it asks for that.
pub(super) fn play(
    day: &Day,
    change: impl Fn(Input) -> Input,
    look: impl Fn(&Pipeline, &Input) -> Option<Input>,
    take: &mut dyn FnMut(&Pipeline, Output),
) {
    let mut pipeline = Pipeline::default();
    let mut hand = |input: Input| {
        let until = match &input {
            Input::Reads { at, .. } | Input::Device { at, .. } | Input::Gpi { at, .. } => Some(*at),
            _ => None,
        };
        tick_until(&mut pipeline, until, take);
        let found = look(&pipeline, &input);
        for input in found.into_iter().chain([input]) {
            for output in pipeline.handle(input) {
                take(&pipeline, output);
            }
        }
    };
    day.inputs().map(change).for_each(&mut hand);
    let end = gateway_time(day.length_s + AFTERMATH_S);
    tick_until(&mut pipeline, Some(end), take);
}

fn tick_until(
    pipeline: &mut Pipeline,
    until: Option<Time>,
    take: &mut dyn FnMut(&Pipeline, Output),
) {
    while let Some(at) = pipeline.next_tick().filter(|at| Some(*at) <= until) {
        for output in pipeline.handle(Input::Tick { at }) {
            take(pipeline, output);
        }
    }
}
fn refusal(day: &Day, load: &NonEvent) -> Option<Refusal> {
    let mut gates = day.site.gates.iter();
    Some(Refusal {
        read_point: gates.position(|gate| gate.name == load.read_point)?,
        at_s: seconds(load.at),
        reason: load.reason.as_str(),
        tags: load.tags,
        eyes: load.eyes,
    })
}

pub(super) fn claim(day: &Day, event: &MovementEvent, now: Time) -> Option<Claim> {
    let said = event::claims(event.json.as_bytes())
        .ok()?
        .into_iter()
        .next()?;
    let place = day
        .pipeline_config()
        .read_points
        .iter()
        .position(|point| crate::scenario::canonical_uri(&point.uri) == said.read_point)?;
    let direction = match said.biz_step.as_str() {
        "receiving" => Direction::In,
        "shipping" => Direction::Out,
        _ => return None,
    };
    let tags: BTreeSet<TagIndex> = said.epcs.iter().filter_map(|uri| day.tag_of(uri)).collect();
    Some(Claim {
        read_point: place,
        direction,
        unknown: said.epcs.len() - tags.len(),
        tags,
        passage: said.passage,
        at_s: seconds(Time(said.time?.as_microsecond())),
        said_s: seconds(now),
        eyes: event.eyes,
    })
}

/// The last moment at which a method may still speak.
pub(super) fn end_s(day: &Day) -> f64 {
    day.length_s + AFTERMATH_S
}
