//! Guarded doors: held pallets that leave are told before their passage is decided, and pallets that stay are not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tracegate_pipeline::config::Direction;
use tracegate_pipeline::guard::{GuardConfig, lot_key};
use tracegate_pipeline::reference::{Batch, Content, Facts, Lot, Reference};
use tracegate_pipeline::{Input, Output, Pipeline};

use super::claim::{claim, play};
use super::day::Day;
use super::delivery::seconds;
use super::goods::{BodyKind, Cause, TagKind};
use super::truth::{Movement, movements};

/// Of so many pallets one is held.
const HELD_OF: usize = 3;
/// An alert belongs to a pallet's way out from so long before it leaves its place inside; a truck that turns in the doorway
/// to go in again has not been told for nothing if it goes out at once.
const BEFORE_S: f64 = 2.0;
/// Alerts of one pallet within this are one.
const ONCE_S: f64 = 20.0;

/// What a guarded site told of held pallets in a day.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Alerts {
    /// Held pallets that went out, as often as each did, of which at least half of the tags were read.
    pub left: usize,
    /// Those of them that were told before their passage was decided, or before they were through.
    pub in_time: usize,
    /// Those that were told at all.
    pub told: usize,
    /// How long before the decision, in seconds, one for each that was told in time and booked.
    pub ahead_s: Vec<f64>,
    /// Alerts for pallets that did not leave then, by what these were doing.
    pub idle: BTreeMap<&'static str, usize>,
    /// Held pallets that stood, passed by, turned or came in.
    pub stayed: usize,
    /// Hours of traffic.
    pub hours: f64,
}

impl Alerts {
    /// Adds another day.
    pub fn add(&mut self, day: Self) {
        self.left += day.left;
        self.in_time += day.in_time;
        self.told += day.told;
        self.ahead_s.extend(day.ahead_s);
        for (cause, count) in day.idle {
            *self.idle.entry(cause).or_default() += count;
        }
        self.stayed += day.stayed;
        self.hours += day.hours;
    }

    /// Alerts for nothing.
    #[must_use]
    pub fn false_alerts(&self) -> usize {
        self.idle.values().sum()
    }

    /// One line.
    #[must_use]
    pub fn line(&self) -> String {
        let mut ahead = self.ahead_s.clone();
        ahead.sort_by(f64::total_cmp);
        let median = ahead.get(ahead.len() / 2).copied().unwrap_or_default();
        let mut line = format!(
            "{:.1} h: {} held pallets went out, {} told, {} in time (median {median:.1} s before the booking); {} others, {} alerts for nothing",
            self.hours,
            self.left,
            self.told,
            self.in_time,
            self.stayed,
            self.false_alerts(),
        );
        for (cause, count) in &self.idle {
            let _ = write!(line, ", {count} {cause}");
        }
        line
    }
}

/// An alert, by the pallet that it is about.
struct Told {
    at_s: f64,
    said_s: f64,
    cause: Cause,
}

/// Plays the day at guarded doors where every third pallet is held.
#[must_use]
pub fn alerts(day: &Day) -> Alerts {
    let site = Held::of(day);
    let (mut told, mut booked) = (
        BTreeMap::<usize, Vec<Told>>::new(),
        BTreeMap::<usize, Vec<f64>>::new(),
    );
    let guarded = |mut input: Input| {
        if let Input::Configure(config) = &mut input {
            for read_point in &mut config.read_points {
                read_point.guard = Some(Box::new(GuardConfig::default()));
            }
        }
        input
    };
    let look = |pipeline: &Pipeline, input: &Input| site.look(pipeline, input);
    play(day, guarded, look, &mut |pipeline, output| match output {
        Output::Alert(alert) => {
            let Some(tag) = day.tag_of(&alert.thing) else {
                return;
            };
            let Some(body) = day.body_of.get(tag as usize) else {
                return;
            };
            let at_s = seconds(alert.at);
            told.entry(*body as usize).or_default().push(Told {
                at_s,
                said_s: seconds(pipeline.now()),
                cause: day.cause(tag, at_s),
            });
        }
        Output::Event(event) => {
            let Some(claim) = claim(day, &event, pipeline.now()) else {
                return;
            };
            if claim.direction == Direction::Out {
                let bodies = claim
                    .tags
                    .iter()
                    .filter_map(|it| day.body_of.get(*it as usize));
                let bodies: BTreeSet<usize> = bodies.map(|it| *it as usize).collect();
                for body in bodies {
                    booked.entry(body).or_default().push(claim.said_s);
                }
            }
        }
        _ => {}
    });
    let mut found = Alerts {
        hours: day.length_s / 3600.0,
        ..Alerts::default()
    };
    for body in &site.bodies {
        let ways = site.ways_out(day, *body);
        let (mut told, booked) = (told.remove(body).unwrap_or_default(), booked.get(body));
        found.stayed += usize::from(ways.is_empty());
        for (way, is_readable) in ways {
            let is_of =
                |it: &Told| it.at_s >= way.from_s - BEFORE_S && it.at_s <= way.to_s + ONCE_S;
            let own: Vec<Told> = told.extract_if(.., |it| is_of(it)).collect();
            if !is_readable {
                continue;
            }
            found.left += 1;
            let said = own.iter().map(|it| it.said_s).reduce(f64::min);
            let decided = booked.and_then(|it| it.iter().copied().find(|at| *at >= way.from_s));
            if let Some(said) = said {
                found.told += 1;
                let is_before = decided.is_none_or(|decided| said <= decided);
                found.in_time += usize::from(is_before);
                let ahead = decided
                    .filter(|it| *it - way.to_s < 60.0)
                    .map(|it| it - said);
                found.ahead_s.extend(ahead.filter(|it| *it >= 0.0));
            }
        }
        told.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        let mut last = f64::NEG_INFINITY;
        for alert in told {
            if alert.at_s - last >= ONCE_S {
                *found.idle.entry(what(day, *body, &alert)).or_default() += 1;
            }
            last = alert.at_s;
        }
    }
    found
}

/// What a pallet was doing that did not leave the field of the door.
fn what(day: &Day, body: usize, alert: &Told) -> &'static str {
    let path = day.bodies.get(body).map(|body| &body.path);
    let place = |after: f64| path.and_then(|path| path.position(alert.at_s + after));
    let steps = || (-40..40).map(|half| f64::from(half) / 2.0);
    let crosses = |half: f64| matches!((place(half), place(half + 0.5)), (Some(a), Some(b)) if a.0 >= 0.0 && b.0 < 0.0);
    if steps().any(crosses) {
        return "went out of the door and were put down or turned";
    }
    let moved = match (place(-4.0), place(1.0)) {
        (Some(a), Some(b)) => (a.0 - b.0).hypot(a.1 - b.1),
        _ => 0.0,
    };
    match (alert.cause, moved > 0.5) {
        (Cause::TurnBack, _) => "turned in the doorway",
        (Cause::DriveBy, _) => "passed by",
        (_, true) => "were moved near the door",
        (_, false) => "stood",
    }
}

/// Which pallets are held, and what the site says of them.
struct Held {
    bodies: Vec<usize>,
    records: BTreeMap<String, Reference>,
}

impl Held {
    fn of(day: &Day) -> Self {
        let loads = day.bodies.iter().enumerate();
        let loads = loads.filter(|(_, body)| body.kind == BodyKind::Load);
        let mut held = Self {
            bodies: Vec::new(),
            records: BTreeMap::new(),
        };
        for (count, (index, body)) in loads.enumerate() {
            let is_held = count % HELD_OF == 0;
            let lot = format!("B{index}");
            let own = || day.tags.get(body.tags.clone()).into_iter().flatten();
            let items: Vec<&str> = own()
                .filter(|tag| tag.kind == TagKind::Item)
                .map(|tag| tag.uri.as_str())
                .collect();
            for item in &items {
                let batch = Batch {
                    lot: lot.clone(),
                    expiry: None,
                };
                held.know((*item).to_owned(), Facts::Serial(batch));
                let status = if is_held { "hold" } else { "released" };
                let facts = Facts::Lot(Lot {
                    status: Some(status.to_owned()),
                    ..Lot::default()
                });
                if let Some(key) = lot_key(item, &lot) {
                    held.know(key, facts);
                }
            }
            let content = |item: &&str| Content {
                item: (*item).to_owned(),
                instance: true,
                lot: Some(lot.clone()),
                pieces: None,
            };
            for unit in own().filter(|tag| tag.kind == TagKind::Unit) {
                let contents = items.iter().map(content).collect();
                held.know(unit.uri.clone(), Facts::Contents(contents));
            }
            if is_held && !items.is_empty() {
                held.bodies.push(index);
            }
        }
        held
    }

    fn know(&mut self, key: String, facts: Facts) {
        let record = Reference {
            key: key.clone(),
            version: 1,
            facts: Some(facts),
        };
        self.records.insert(key, record);
    }

    /// What the gateway's table says of what an input mentions.
    fn look(&self, pipeline: &Pipeline, input: &Input) -> Option<Input> {
        let at = input.at()?;
        let found = |keys: Vec<String>| -> Vec<Reference> {
            let keys = keys.iter();
            keys.filter_map(|key| self.records.get(key).cloned())
                .collect()
        };
        let mut records = found(pipeline.wanted(input));
        let mut more = records.clone();
        for _ in 0..2 {
            more = found(pipeline.implied(&more));
            records.extend(more.iter().cloned());
        }
        (!records.is_empty()).then_some(Input::References {
            at,
            as_of: None,
            records,
        })
    }

    /// A pallet's ways out of the site's doors, and whether at least half of its tags were read then.
    fn ways_out(&self, day: &Day, body: usize) -> Vec<(Movement, bool)> {
        let Some(only) = day.bodies.get(body) else {
            return Vec::new();
        };
        let all = movements(&day.site.gates, std::slice::from_ref(only), |_| vec![0]);
        let out = all.into_iter().filter(|it| it.direction == Direction::Out);
        let is_readable = |way: &Movement| {
            let same = |it: &&Movement| {
                it.read_point == way.read_point && (it.crossed_s - way.crossed_s).abs() < 5.0
            };
            let of_body = |it: &&Movement| {
                let mut tags = it.tags.iter();
                tags.any(|tag| day.body_of.get(*tag as usize) == u32::try_from(body).ok().as_ref())
            };
            day.movements.iter().filter(same).any(|it| of_body(&it))
        };
        out.map(|way| {
            let readable = is_readable(&way);
            (way, readable)
        })
        .collect()
    }
}
