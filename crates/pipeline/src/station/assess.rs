//! What guards say of what is open at a station, and who has looked at it.

use super::job::{Ack, Entry, Job, MAX_ENTRIES};
use super::past::Past;
use super::task::{TaskConfig, TaskKind};
use crate::guard::{Asked, Finding, GuardConfig, Judgement, Level, Rule, judge};
use crate::movement::Zone;
use crate::reference::{Quantity, References};
use crate::time::Time;

/// What a job is judged with.
#[derive(Clone, Copy)]
pub(crate) struct Bench<'a> {
    pub task: &'a TaskConfig,
    pub guard: Option<&'a GuardConfig>,
    pub zone: &'a Zone,
    pub facts: &'a References,
    /// What was issued here.
    pub past: &'a Past,
}

impl Bench<'_> {
    pub fn issued(&self, order: &str, item: &str, version: u64) -> Option<Quantity> {
        self.past.issued(order, item, version)
    }

    fn gone(&self, instance: &str) -> Option<Time> {
        self.past.gone(instance)
    }
}

/// What guards say of a job as it stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assessment {
    /// All that was found.
    pub judgement: Judgement,
    /// What nobody has looked at yet: the thing and the finding.
    pub open: Vec<(String, Finding)>,
}

impl Assessment {
    /// What of it refuses or warns.
    pub fn of(&self, level: Level) -> impl Iterator<Item = &(String, Finding)> {
        self.open.iter().filter(move |it| it.1.level == level)
    }

    /// For the operator.
    pub fn text(&self, level: Level) -> String {
        let mut texts: Vec<&str> = self.of(level).map(|it| it.1.text.as_str()).collect();
        texts.dedup();
        texts.join("; ")
    }
}

impl Job {
    /// What guards say of it.
    pub fn assess(&self, bench: &Bench<'_>, at: Time) -> Assessment {
        let mut all = Assessment::default();
        let Some(guard) = bench
            .guard
            .filter(|_| bench.task.kind != TaskKind::Inspection)
        else {
            return all;
        };
        let back = bench.task.kind == TaskKind::Return;
        let order = self.order.as_ref().map(|order| order.uri.as_str());
        let mut add = |about: &str, judgement: Judgement| {
            for finding in judgement.findings {
                let is_orders = matches!(finding.rule, Rule::OrderClosed | Rule::OrderUnknown);
                let about = match order {
                    Some(order) if is_orders => order,
                    // Nothing was scanned yet that could be known.
                    _ if self.entries.is_empty() => continue,
                    _ => about,
                };
                let known = |ack: &Ack| ack.about == about && ack.rule == finding.rule;
                if !self.acks.iter().any(known) {
                    let open = (about.to_owned(), finding.clone());
                    if !all.open.contains(&open) {
                        all.open.push(open);
                    }
                }
                if !all.judgement.findings.contains(&finding) {
                    all.judgement.findings.push(finding);
                }
            }
            let versions = &mut all.judgement.data_version;
            *versions = versions.or(judgement.data_version);
            all.judgement.data_age = judgement.data_age;
        };
        let asked = Asked {
            order,
            back,
            ..Asked::at(at, bench.zone)
        };
        if self.entries.is_empty()
            && let Some(order) = order
        {
            add(order, judge(guard, bench.facts, &asked));
        }
        for entry in &self.entries {
            let thing = &entry.thing;
            let quantity = self.total(bench, entry);
            let issued = thing
                .instance
                .as_deref()
                .filter(|_| bench.task.kind == TaskKind::Issue);
            let judgement = judge(
                guard,
                bench.facts,
                &Asked {
                    item: thing.item.as_deref(),
                    lot: thing.lot.as_deref(),
                    serial: thing.instance.as_deref(),
                    expiry: thing.expiry.as_deref(),
                    quantity: quantity.as_ref(),
                    issued: issued.and_then(|uri| bench.gone(uri)),
                    ..asked
                },
            );
            add(thing.uri(), judgement);
        }
        all
    }

    /// How much of an entry's item goes to the order, with what went there since its record was made; only the entry's own
    /// amount where the units are not one.
    fn total(&self, bench: &Bench<'_>, entry: &Entry) -> Option<Quantity> {
        let (own, item) = (entry.counted()?, entry.thing.item.as_deref());
        let of_item = self
            .entries
            .iter()
            .filter(|it| it.thing.item.as_deref() == item);
        let issued = self.order.as_ref().and_then(|order| {
            let (_, version) = bench.facts.order(&order.uri)?;
            bench.issued(&order.uri, item?, version)
        });
        let mut amounts = of_item.filter_map(Entry::counted).chain(issued);
        let first = amounts.next()?;
        let sum = amounts.try_fold(first, |sum, more| sum.plus(&more));
        Some(sum.unwrap_or(own))
    }

    /// Somebody has looked at what is open.
    pub fn acknowledge(&mut self, open: &[(String, Finding)], by: Option<&str>, supervisor: bool) {
        for (about, finding) in open {
            let is_known = |ack: &Ack| ack.about == *about && ack.rule == finding.rule;
            if self.acks.len() < MAX_ENTRIES && !self.acks.iter().any(is_known) {
                self.acks.push(Ack {
                    about: about.clone(),
                    rule: finding.rule,
                    by: by.map(str::to_owned),
                    supervisor,
                });
            }
        }
    }

    /// An answer warns of this: it can be acknowledged from now on.
    pub fn tell(&mut self, assessment: &Assessment) {
        let told = |it: &(String, Finding)| (it.0.clone(), it.1.rule);
        self.told = assessment.of(Level::Warn).map(told).collect();
    }

    /// Notes what refuses the job as it stands; true if some of that was not told yet. What no longer refuses it is told anew
    /// when it does again.
    pub fn refuse(&mut self, assessment: &Assessment) -> bool {
        let found = |it: &(String, Finding)| (it.0.clone(), it.1.rule);
        let refused: Vec<(String, Rule)> = assessment.of(Level::Refuse).map(found).collect();
        let is_news = refused.iter().any(|it| !self.refused.contains(it));
        self.refused = refused;
        is_news
    }

    /// Something warns that no answer has told yet.
    pub fn is_untold(&self, assessment: &Assessment) -> bool {
        let is_told = |it: &(String, Finding)| {
            let mut told = self.told.iter();
            told.any(|told| told.0 == it.0 && told.1 == it.1.rule)
        };
        !assessment.of(Level::Warn).all(is_told)
    }
}
