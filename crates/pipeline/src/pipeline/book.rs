//! From decisions to events.

use std::collections::BTreeMap;

use tracegate_epcis::SensorElement;
use tracegate_feed::active::Alarm;
use tracegate_gs1::TagIdentity;
use tracegate_gs1::epc::decode_bank;

use crate::association::{Load, Member, associate};
use crate::config::{Direction, GateConfig, PipelineConfig, ReadPointConfig, Step};
use crate::eyes::{Course, Crossing, Says};
use crate::filter::TagRules;
use crate::gate::EpcKey;
use crate::input::{MovementEvent, NonEvent, NonEventReason, Output};
use crate::movement::{self, Context, Zone};
use crate::passage::Decision;
use crate::reference::References;
use crate::remarks::Remarks;
use crate::sensing::SensorConfig;
use crate::stats::Stats;
use crate::time::{Span, Time};
use crate::zone::{Change, Noted, ZoneConfig};

/// What events are made with, beside the decision.
#[derive(Clone, Copy)]
pub(super) struct Books<'a> {
    pub read_point: &'a ReadPointConfig,
    pub zone: &'a Zone,
    pub sensors: &'a [SensorConfig],
    pub tags: &'a TagRules,
    pub references: &'a References,
}

impl<'a> Books<'a> {
    pub fn new(
        read_point: &'a ReadPointConfig,
        zone: &'a Zone,
        config: &'a PipelineConfig,
        references: &'a References,
    ) -> Self {
        Self {
            read_point,
            zone,
            sensors: &config.sensors,
            tags: &config.tags,
            references,
        }
    }
}

impl Books<'_> {
    pub(super) fn context<'a>(&'a self, step: &'a Step, at: Time) -> Context<'a> {
        Context {
            read_point: &self.read_point.name,
            uri: &self.read_point.uri,
            step,
            zone: self.zone,
            at,
            remarks: Remarks::default(),
        }
    }

    /// The events of a gate's loads.
    pub fn loads(
        &self,
        config: &GateConfig,
        decisions: &[Decision],
        stats: &mut Stats,
        outputs: &mut Vec<Output>,
    ) {
        for decision in decisions {
            if let Some(reason) = decision.refused {
                self.refuse(&Subject::of(decision), reason, stats, outputs);
                continue;
            }
            let step = match decision.direction {
                Direction::In => config.inward.as_ref(),
                Direction::Out => config.outward.as_ref(),
            };
            let Some(step) = step else { continue };
            self.load(config, step, decision, stats, outputs);
        }
    }

    fn load(
        &self,
        config: &GateConfig,
        step: &Step,
        decision: &Decision,
        stats: &mut Stats,
        outputs: &mut Vec<Output>,
    ) {
        let carriers: Vec<String> = decision
            .carriers
            .iter()
            .map(|key| decode_bank(None, &key.epc, usize::from(key.bit_len)).uri())
            .collect();
        let context = Context {
            remarks: Remarks::of(decision, &carriers),
            ..self.context(step, decision.at)
        };
        let identities: Vec<TagIdentity> = decision.members.iter().map(identity).collect();
        let mut sensed: BTreeMap<String, SensorElement> = decision
            .surroundings
            .iter()
            .filter_map(|(key, surroundings)| {
                let at = decision
                    .members
                    .binary_search_by(|(member, _)| member.cmp(key));
                let tag = identities.get(at.ok()?)?;
                let element = movement::sensor_element(context, tag, surroundings, self.sensors)?;
                Some((tag.uri(), element))
            })
            .collect();
        let mut members: Vec<Member> = decision
            .members
            .iter()
            .zip(&identities)
            .zip(&decision.crossed)
            .map(|(((key, _), tag), crossed)| {
                let class = self.tags.classify(&key.epc, usize::from(key.bit_len), tag);
                Member::new(tag, class, *crossed)
            })
            .collect();
        // Tags that say the same are one thing.
        members.sort_by(|a, b| a.uri.cmp(&b.uri));
        members.dedup_by(|a, b| a.uri == b.uri);
        let gap = Span(config.tuning.load_gap.0 / 2);
        let loads = associate(members, self.references, gap, config.loads.infer_ratio);
        for load in &loads {
            let judgement = self.judge_load(decision.direction, load, decision.at, stats);
            let context = Context {
                remarks: Remarks {
                    verdict: judgement.as_ref(),
                    ..context.remarks
                },
                ..context
            };
            let own = things(load).filter_map(|uri| sensed.remove(uri)).collect();
            let event = movement::passage(context, decision.direction, load, &config.loads, own);
            stats.late_events += u64::from(event.is_ok() && decision.late.is_some());
            self.emit(event, &Subject::of(decision), stats, outputs);
        }
    }

    /// What photo-eyes saw go through without a tag.
    pub fn untagged(&self, crossings: &[Crossing], stats: &mut Stats, outputs: &mut Vec<Output>) {
        for crossing in crossings {
            let subject = Subject {
                at: crossing.at,
                uncertainty: Span::default(),
                direction: match crossing.course {
                    Course::Through(direction) => Some(direction),
                    Course::Back | Course::Unknown => None,
                },
                members: &[],
                eyes: Says::Agrees(crossing.at),
            };
            self.refuse(&subject, NonEventReason::Untagged, stats, outputs);
        }
    }

    /// The events of what came to a zone, left it, or has stayed.
    pub fn presences(
        &self,
        config: &ZoneConfig,
        noted: &[Noted],
        stats: &mut Stats,
        outputs: &mut Vec<Output>,
    ) {
        for noted in noted {
            let step = match noted.change {
                Change::Arrive => config.arrive.as_ref(),
                Change::Depart => config.depart.as_ref(),
                Change::Dwell(_) => config.stay.as_ref(),
            };
            let Some(step) = step else { continue };
            let member = |member: &(EpcKey, Option<u16>)| {
                let (key, tag) = (&member.0, identity(member));
                let class = self.tags.classify(&key.epc, usize::from(key.bit_len), &tag);
                let found = Member::new(&tag, class, noted.at);
                let known = self.references.batch(&found.uri);
                let lot = found.lot.or_else(|| known.map(|batch| batch.lot.clone()));
                Member { lot, ..found }
            };
            let members: Vec<Member> = noted.members.iter().map(member).collect();
            let context = self.context(step, noted.at);
            let event = movement::presence(context, &noted.change, &members);
            let subject = Subject {
                at: noted.at,
                uncertainty: noted.uncertainty,
                direction: None,
                members: &noted.members,
                eyes: Says::Nothing,
            };
            self.emit(event, &subject, stats, outputs);
        }
    }

    /// The event of an active tag's alarm.
    pub fn alarm(
        &self,
        step: &Step,
        (at, uncertainty): (Time, Span),
        tag: &(EpcKey, Option<u16>),
        alarm: &Alarm,
        stats: &mut Stats,
        outputs: &mut Vec<Output>,
    ) {
        let event = movement::alarm(self.context(step, at), &identity(tag), alarm);
        let members = std::slice::from_ref(tag);
        self.emit_alone(event, (at, uncertainty), members, stats, outputs);
    }

    /// An event of something that was seen at a time, whatever became of it.
    pub(super) fn emit_alone(
        &self,
        event: Result<MovementEvent, String>,
        (at, uncertainty): (Time, Span),
        members: &[(EpcKey, Option<u16>)],
        stats: &mut Stats,
        outputs: &mut Vec<Output>,
    ) {
        let subject = Subject {
            at,
            uncertainty,
            direction: None,
            members,
            eyes: Says::Nothing,
        };
        self.emit(event, &subject, stats, outputs);
    }

    fn emit(
        &self,
        event: Result<MovementEvent, String>,
        subject: &Subject<'_>,
        stats: &mut Stats,
        outputs: &mut Vec<Output>,
    ) {
        match event {
            Ok(mut event) => {
                event.uncertainty = subject.uncertainty;
                event.eyes = subject.eyes;
                stats.events += 1;
                outputs.push(Output::Event(Box::new(event)));
            }
            Err(_) => self.refuse(subject, NonEventReason::Invalid, stats, outputs),
        }
    }

    fn refuse(
        &self,
        subject: &Subject<'_>,
        reason: NonEventReason,
        stats: &mut Stats,
        outputs: &mut Vec<Output>,
    ) {
        *stats.non_events.entry(reason).or_default() += 1;
        outputs.push(Output::NonEvent(NonEvent {
            read_point: self.read_point.name.clone(),
            at: subject.at,
            reason,
            tags: subject.members.len(),
            direction: subject.direction,
            members: subject.members.to_vec(),
            mark: None,
            eyes: subject.eyes,
        }));
    }
}

/// What an event, or the want of one, is about.
struct Subject<'a> {
    at: Time,
    uncertainty: Span,
    direction: Option<Direction>,
    members: &'a [(EpcKey, Option<u16>)],
    eyes: Says,
}

impl<'a> Subject<'a> {
    fn of(decision: &'a Decision) -> Self {
        Self {
            at: decision.at,
            uncertainty: decision.uncertainty,
            direction: Some(decision.direction),
            members: &decision.members,
            eyes: decision.eyes,
        }
    }
}

fn identity((key, pc): &(EpcKey, Option<u16>)) -> TagIdentity {
    decode_bank(*pc, &key.epc, usize::from(key.bit_len))
}

/// The names of all that was read of a load, in order.
fn things(load: &Load) -> impl Iterator<Item = &String> {
    let children = load.children.iter().map(|child| &child.uri);
    load.parents.iter().chain(children)
}
