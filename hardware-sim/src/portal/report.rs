//! Scores as tables for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tracegate_pipeline::eyes::Says;

use super::air::Conditions;
use super::claim::{Claim, Method, Told};
use super::day::Day;
use super::goods::Cause;
use super::score::{Score, most_of};
use super::situation::Situation;
use super::truth::Movement;

/// Seeds for tuning: look at these days as closely as you like.
pub const TUNING_SEEDS: RangeInclusive<u64> = 1..=999;
/// Seeds that stay unused while tuning: only for the figures that are reported.
pub const HELD_BACK_SEEDS: RangeInclusive<u64> = 1000..=1999;

/// Scores of one situation over several seeds.
#[derive(Debug, Clone)]
pub struct Row {
    /// Which preset.
    pub situation: Situation,
    /// Who told it.
    pub method: Method,
    /// In which air.
    pub conditions: Conditions,
    /// One for each seed, in order.
    pub scores: Vec<Score>,
    /// Movements that nobody could have found, over all seeds.
    pub unreadable: usize,
}

impl Row {
    /// The mean over the seeds.
    #[must_use]
    pub fn mean(&self, of: impl Fn(&Score) -> f64) -> f64 {
        self.scores.iter().map(of).sum::<f64>() / self.scores.len().max(1) as f64
    }

    fn latency(&self, quantile: f64) -> String {
        let all = self.scores.iter().filter_map(|s| s.latency_s(quantile));
        let all: Vec<f64> = all.collect();
        if all.is_empty() {
            "-".to_owned()
        } else {
            format!("{:.2}", all.iter().sum::<f64>() / all.len() as f64)
        }
    }

    fn false_per_hour(&self, cause: Cause) -> f64 {
        let hours: f64 = self.scores.iter().map(|score| score.hours).sum();
        let all = self.scores.iter();
        let count: usize = all
            .filter_map(|score| score.false_by_cause.get(&cause))
            .sum();
        count as f64 / hours.max(1e-9)
    }
}

/// Scores `methods` on `situations` with `seeds` under the same conditions on `jobs` threads. The rows do not depend on `jobs`.
#[must_use]
pub fn rows(
    situations: &[Situation],
    methods: &[Method],
    seeds: &[u64],
    length_s: f64,
    conditions: Conditions,
    jobs: usize,
) -> Vec<Row> {
    let days: Vec<(Situation, u64)> = situations
        .iter()
        .flat_map(|situation| seeds.iter().map(|seed| (*situation, *seed)))
        .collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, (usize, Vec<Score>)>> = Mutex::default();
    let work = || {
        while let Some((index, (situation, seed))) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            days.get(index).map(|day| (index, *day))
        } {
            let day = Day::under(situation, seed, length_s, conditions);
            let scores = methods.iter().map(|method| day.score(&method.tell(&day)));
            let scores = (day.unreadable, scores.collect());
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(index, scores);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let done: Vec<(usize, Vec<Score>)> = done.into_values().collect();
    let mut rows = Vec::new();
    for (situation, days) in situations.iter().zip(done.chunks(seeds.len().max(1))) {
        for (number, method) in methods.iter().enumerate() {
            let scores = days.iter().filter_map(|(_, scores)| scores.get(number));
            rows.push(Row {
                situation: *situation,
                method: *method,
                conditions,
                scores: scores.cloned().collect(),
                unreadable: days.iter().map(|(unreadable, _)| unreadable).sum(),
            });
        }
    }
    rows
}

/// The table of [`rows`]: means over the seeds.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "situation      method       strict F1  precision  recall  direction  exact  dup/h  again/h  false/h  p50 s  p95 s  air\n",
    );
    let mut last = None;
    for row in rows {
        let name = if last == Some(row.situation) {
            ""
        } else {
            row.situation.as_str()
        };
        last = Some(row.situation);
        let per_hour = |of: &dyn Fn(&Score) -> usize| {
            row.mean(|score| of(score) as f64 / score.hours.max(1e-9))
        };
        let duplicates = per_hour(&|score| score.duplicates);
        let again = per_hour(&|score| score.again);
        let _ = writeln!(
            text,
            "{name:<14} {:<12} {:>9.3} {:>10.3} {:>7.3} {:>10.3} {:>6.2} {duplicates:>6.1} {again:>8.1} {:>8.1} {:>6} {:>6}  {}",
            row.method.as_str(),
            row.mean(Score::strict_f1),
            row.mean(Score::precision),
            row.mean(Score::recall),
            row.mean(Score::direction),
            row.mean(Score::exact_quantity),
            row.mean(Score::false_per_hour),
            row.latency(0.5),
            row.latency(0.95),
            row.conditions.label(),
        );
    }
    text
}

/// False movements in an hour by cause, and how many movements there were.
#[must_use]
pub fn causes(rows: &[Row]) -> String {
    const ALL: [Cause; 8] = [
        Cause::Parked,
        Cause::Handled,
        Cause::TurnBack,
        Cause::DriveBy,
        Cause::Neighbour,
        Cause::Pieces,
        Cause::Passing,
        Cause::Strangers,
    ];
    let mut text = format!("{:<14} {:<12}", "false/h", "method");
    for cause in ALL {
        let _ = write!(text, " {:>9}", cause.as_str());
    }
    text.push_str("  movements/h  unreadable\n");
    for row in rows {
        let _ = write!(
            text,
            "{:<14} {:<12}",
            row.situation.as_str(),
            row.method.as_str()
        );
        for cause in ALL {
            let _ = write!(text, " {:>9.1}", row.false_per_hour(cause));
        }
        let per_hour = row.mean(|score| score.truth as f64 / score.hours.max(1e-9));
        let _ = writeln!(text, " {per_hour:>12.0} {:>11}", row.unreadable);
    }
    text
}

/// Movements not found in an hour, by what the pipeline said of them instead. Methods that say nothing are left out.
#[must_use]
pub fn reasons(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows.iter().filter(|row| row.method == Method::Tracegate) {
        let hours: f64 = row.scores.iter().map(|score| score.hours).sum();
        let mut all: BTreeMap<&str, usize> = BTreeMap::new();
        for (reason, count) in row.scores.iter().flat_map(|s| &s.missed_by_reason) {
            *all.entry(reason).or_default() += count;
        }
        let _ = write!(text, "missed/h {:<14}", row.situation.as_str());
        for (reason, count) in all {
            let _ = write!(text, " {reason} {:.1}", count as f64 / hours.max(1e-9));
        }
        text.push('\n');
    }
    text
}

/// Tags that are rightly in the claim, those that are not, and those that are missing.
fn difference(day: &Day, claim: &Claim) -> String {
    let common = |movement: &Movement| {
        let tags = movement.tags.iter();
        tags.filter(|tag| claim.tags.contains(tag)).count()
    };
    let near = |movement: &&Movement| {
        movement.read_point == claim.read_point
            && (movement.from_s - 5.0..=movement.to_s + 5.0).contains(&claim.at_s)
    };
    let movements = day.movements.iter().filter(near);
    movements
        .max_by_key(|it| common(it))
        .map_or_else(String::new, |movement| {
            let right = common(movement);
            let wrong = claim.tags.len() + claim.unknown - right;
            format!(
                "{right} right, {wrong} wrong, {} missing",
                movement.tags.len() - right
            )
        })
}

fn eyes(says: Says) -> String {
    says.as_str()
        .map_or_else(String::new, |says| format!("; {says}"))
}

/// One day, claim by claim and movement by movement, in order of time.
#[must_use]
pub fn story(day: &Day, told: &Told) -> String {
    let mut lines: Vec<(f64, String)> = Vec::new();
    let gate = |index: usize| day.site.gates.get(index).map_or("?", |gate| &gate.name);
    for movement in &day.movements {
        let line = format!(
            "truth  {} {:<3} {:>3} tags, {:.1} to {:.1} s",
            gate(movement.read_point),
            movement.direction.as_str(),
            movement.tags.len(),
            movement.from_s,
            movement.to_s
        );
        lines.push((movement.crossed_s, line));
    }
    for refusal in &told.refusals {
        let line = format!(
            "refuse {} {:>7} tags: {}{}",
            gate(refusal.read_point),
            refusal.tags,
            refusal.reason,
            eyes(refusal.eyes)
        );
        lines.push((refusal.at_s, line));
    }
    for claim in &told.claims() {
        let alone = day.score(&Told {
            events: vec![claim.clone()],
            refusals: Vec::new(),
        });
        let verdict = if alone.strict == 1 {
            "strict".to_owned()
        } else if alone.right_way == 1 {
            format!("found, tags differ: {}", difference(day, claim))
        } else if alone.found == 1 {
            "found, wrong way".to_owned()
        } else {
            let cause = alone.false_by_cause.keys().next();
            format!("false: {}", cause.map_or("?", |cause| cause.as_str()))
        };
        let line = format!(
            "claim  {} {:<3} {:>3} tags, said at {:.1} s: {verdict}{}",
            gate(claim.read_point),
            claim.direction.as_str(),
            claim.tags.len() + claim.unknown,
            claim.said_s,
            eyes(claim.eyes)
        );
        lines.push((claim.at_s, line));
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lines = lines
        .iter()
        .map(|(at, line)| format!("{at:>8.1}  {line}\n"));
    lines.collect()
}

/// The movements that several events tell of, with these events in the order in which they were said.
#[must_use]
pub fn again(day: &Day, told: &Told) -> String {
    let mut text = String::new();
    let gate = |index: usize| day.site.gates.get(index).map_or("?", |gate| &gate.name);
    for (index, movement) in day.movements.iter().enumerate() {
        let its = told.events.iter();
        let its = its.filter(|event| most_of(&day.movements, event) == Some(index));
        let its: Vec<&Claim> = its.collect();
        if its.len() < 2 {
            continue;
        }
        let its_claims = Told {
            events: its.iter().map(|event| (*event).clone()).collect(),
            refusals: Vec::new(),
        };
        let duplicates = day.score(&its_claims).duplicates;
        let _ = writeln!(
            text,
            "{} seed {} {} {:<3} {:>3} tags, {:.1} to {:.1} s: {} events, {duplicates} duplicates",
            day.situation.as_str(),
            day.seed,
            gate(movement.read_point),
            movement.direction.as_str(),
            movement.tags.len(),
            movement.from_s,
            movement.to_s,
            its.len()
        );
        for event in its {
            let is_late = its_claims
                .events
                .iter()
                .take_while(|other| *other != event)
                .any(|other| event.is_supplement_of(other));
            let _ = writeln!(
                text,
                "    {:<3} {:>3} tags at {:.1} s, said at {:.1} s: {}{}",
                event.direction.as_str(),
                event.tags.len() + event.unknown,
                event.at_s,
                event.said_s,
                difference(day, event),
                if is_late { "; of the same passage" } else { "" }
            );
        }
    }
    text
}
