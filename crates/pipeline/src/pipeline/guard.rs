//! Guarded doors: what may not leave is told as soon as it moves towards the way out.

use tracegate_gs1::TagIdentity;
use tracegate_gs1::epc::decode_bank;

use super::book::Books;
use super::{Pipeline, Place};
use crate::association::{Load, Member};
use crate::config::{Direction, GateConfig, ReadPointKind};
use crate::filter::TagClass;
use crate::gate::{Cause, EpcKey, Exits, Gate, Leaving};
use crate::guard::{Asked, GuardConfig, Judgement, Level, judge};
use crate::input::{Alert, Output};
use crate::movement;
use crate::passage::Decision;
use crate::stats::Stats;
use crate::time::Time;

/// Findings told of one load at most, the worst first.
const MOST_FINDINGS: usize = 16;

impl Pipeline {
    /// Tells what was found to leave until `until`, at all gates, in order of its time.
    pub(super) fn tell_leaving(&mut self, until: Time, outputs: &mut Vec<Output>) {
        let gates = self.state.places.iter_mut().enumerate();
        let mut leaving: Vec<(Leaving, usize)> = gates
            .filter_map(|(index, place)| match place {
                Place::Gate(gate) => Some((index, gate.take_leaving(until))),
                Place::Station(_) | Place::Zone => None,
            })
            .flat_map(|(index, leaving)| leaving.into_iter().map(move |it| (it, index)))
            .collect();
        leaving.sort_unstable();
        for (leaving, index) in leaving {
            let Some(Place::Gate(gate)) = self.state.places.get_mut(index) else {
                continue;
            };
            let mut gate = std::mem::take(gate);
            if let Some(read_point) = self.state.config.read_points.get(index)
                && let ReadPointKind::Gate(config) = &read_point.kind
                && let Some(guard) = read_point.guard.as_deref()
            {
                let own = gate.loudness(&config.tuning, &leaving.key, leaving.at);
                let is_louder = self
                    .gates()
                    .any(|it| it.loudness(&config.tuning, &leaving.key, leaving.at) > own);
                if is_louder {
                    gate.ask_again(&leaving.key);
                } else {
                    let books = Books::new(
                        read_point,
                        &self.zone,
                        &self.state.config,
                        &self.state.references,
                    );
                    let door = Door {
                        books,
                        config,
                        guard,
                    };
                    let told = door.alert(&mut gate, &leaving, false, &mut self.stats, outputs);
                    if let Some(alert) = told.alert {
                        // Also when another of its lot was told: the light is for this one.
                        outputs.push(Output::Alert(alert));
                    }
                }
            }
            if let Some(place) = self.state.places.get_mut(index) {
                *place = Place::Gate(gate);
            }
        }
    }
}

/// A gate that is guarded.
pub(super) struct Door<'a> {
    pub books: Books<'a>,
    pub config: &'a GateConfig,
    pub guard: &'a GuardConfig,
}

/// What came of one thing that leaves.
struct Told {
    alert: Option<Alert>,
    is_news: bool,
}

impl Door<'_> {
    /// Tells what goes out with a load and was not told before: what was never seen leaving, or known too late.
    pub fn alert_load(
        &self,
        gate: &mut Gate,
        decision: &Decision,
        stats: &mut Stats,
        outputs: &mut Vec<Output>,
    ) {
        if decision.direction != Direction::Out || decision.refused.is_some() {
            return;
        }
        let mut light = None;
        for (key, pc) in &decision.members {
            let leaving = Leaving {
                at: decision.at,
                key: key.clone(),
                pc: *pc,
                uncertainty: decision.uncertainty,
            };
            let told = self.alert(gate, &leaving, true, stats, outputs);
            light = light.or(told.alert.filter(|_| told.is_news));
        }
        outputs.extend(light.map(Output::Alert));
    }

    /// Tells of one thing, if it may not leave: an event for what was not told within `rearm`. Before its passage is decided
    /// one tag is not enough where others of the same cause are heard that stay where they are.
    fn alert(
        &self,
        gate: &mut Gate,
        leaving: &Leaving,
        is_decided: bool,
        stats: &mut Stats,
        outputs: &mut Vec<Output>,
    ) -> Told {
        let tag = decode_bank(leaving.pc, &leaving.key.epc, leaving.key.bit_len.into());
        let judgement = self.books.judge_tag(self.guard, &tag, leaving.at);
        let mut told = Told {
            alert: None,
            is_news: false,
        };
        let Some(worst) = judgement.worst().filter(|it| it.level == Level::Refuse) else {
            return told;
        };
        let rearm = self.config.tuning.rearm;
        let refusals = judgement.findings.iter();
        let refusals = refusals.filter(|it| it.level == Level::Refuse);
        let causes: Vec<Cause> = refusals
            .map(|it| (it.rule, it.about.clone().unwrap_or_else(|| tag.uri())))
            .collect();
        let is_certain = |gate: &mut Gate, cause: &Cause| {
            if is_decided || gate.exits.is_told(rearm, leaving.at, cause) {
                return true;
            }
            let needed = Exits::needed(self.heard_with(gate, leaving, cause));
            gate.exits.turns(leaving.at, cause, &leaving.key, needed)
        };
        // All of them are counted.
        let certain = causes.iter().filter(|it| is_certain(gate, it)).count();
        if certain == 0 {
            gate.ask_again(&leaving.key);
            return told;
        }
        told.alert = Some(Alert {
            read_point: self.books.read_point.name.clone(),
            at: leaving.at,
            thing: tag.uri(),
            rule: worst.rule,
            text: judgement.text(),
            data_version: judgement.data_version,
        });
        for cause in causes {
            told.is_news |= gate.exits.is_news(rearm, leaving.at, cause);
        }
        if told.is_news {
            stats.guard_alerts += 1;
            let context = self.books.context(&self.guard.alert, leaving.at);
            let event = movement::alert(context, &tag, &judgement);
            let member = [(leaving.key.clone(), leaving.pc)];
            let when = (leaving.at, leaving.uncertainty);
            self.books.emit_alone(event, when, &member, stats, outputs);
        }
        told
    }
}

impl Door<'_> {
    /// How many tags that were heard here lately may not leave for the same cause; not counted on beyond what matters.
    fn heard_with(&self, gate: &Gate, leaving: &Leaving, cause: &Cause) -> usize {
        let has_cause = |(key, pc): &(&EpcKey, Option<u16>)| {
            if **key == leaving.key {
                return true;
            }
            let tag = decode_bank(*pc, &key.epc, key.bit_len.into());
            let judgement = self.books.judge_tag(self.guard, &tag, leaving.at);
            let mut findings = judgement.findings.iter();
            findings.any(|it| it.rule == cause.0 && it.about.as_deref() == Some(cause.1.as_str()))
        };
        let heard = gate.heard(&self.config.tuning, leaving.at);
        heard.filter(has_cause).take(Exits::MANY).count()
    }
}

impl Books<'_> {
    /// What the guard of a door says of one tag: only what needs no order.
    fn judge_tag(&self, guard: &GuardConfig, tag: &TagIdentity, at: Time) -> Judgement {
        let member = Member::new(tag, TagClass::Cargo, at);
        self.judge_member(guard, &member, at)
    }

    fn judge_member(&self, guard: &GuardConfig, member: &Member, at: Time) -> Judgement {
        self.judge_thing(
            guard,
            &member.uri,
            (member.item.as_deref(), member.lot.as_deref()),
            at,
        )
    }

    fn judge_thing(
        &self,
        guard: &GuardConfig,
        uri: &str,
        (item, lot): (Option<&str>, Option<&str>),
        at: Time,
    ) -> Judgement {
        let asked = Asked {
            item,
            lot,
            serial: Some(uri),
            ..Asked::at(at, self.zone)
        };
        let mut judgement = judge(guard, self.references, &asked);
        judgement
            .findings
            .retain(|finding| finding.rule.is_about_the_thing());
        judgement
    }

    /// What the guard of the door says of a load; `None` if there is nothing to say.
    pub(super) fn judge_load(
        &self,
        direction: Direction,
        load: &Load,
        at: Time,
        stats: &mut Stats,
    ) -> Option<Judgement> {
        let guard = self.read_point.guard.as_deref()?;
        if direction != Direction::Out {
            return None;
        }
        let parents = load.parents.iter();
        let parents = parents.map(|uri| self.judge_thing(guard, uri, (None, None), at));
        let children = load.children.iter();
        let all = parents.chain(children.map(|it| self.judge_member(guard, it, at)));
        let mut whole = Judgement::default();
        for judgement in all {
            whole.data_age = whole.data_age.or(judgement.data_age);
            if judgement.findings.is_empty() {
                continue;
            }
            whole.data_version = whole.data_version.or(judgement.data_version);
            for finding in judgement.findings {
                if !whole.findings.contains(&finding) {
                    whole.findings.push(finding);
                }
            }
        }
        whole
            .findings
            .sort_by(|a, b| b.level.cmp(&a.level).then(a.rule.cmp(&b.rule)));
        whole.findings.truncate(MOST_FINDINGS);
        stats.judged(whole.level());
        (whole.level() > Level::Accept).then_some(whole)
    }
}
