//! The life of ROSpecs: what starts them, their parts in turn, and what ends them (LLRP 1.0.1 §10.2).

use super::Reader;
use super::inventory::Seen;
use super::refusal::{Problem, Refusal, message_field};
use crate::codec::Parameter;
use crate::codec::code::{
    AISpecEventType, AISpecStopTriggerType, NotificationEventType, ROReportTriggerType,
    ROSpecEventType, ROSpecStartTriggerType, ROSpecState, ROSpecStopTriggerType, StatusCode,
    TagObservationTriggerType,
};
use crate::codec::param::{
    AISpec, AISpecEvent, AISpecStopTrigger, GPITriggerValue, LoopSpec, PeriodicTriggerValue,
    ROBoundarySpec, ROSpec, ROSpecEvent, ROSpecStartTrigger, ROSpecStopTrigger, SpecLoopEvent,
    TagObservationTrigger, UTCTimestamp,
};
use crate::report::EpcBytes;

/// How long one attempt to see all tags takes.
const ATTEMPT_US: u64 = 10_000;
/// Most different tags remembered for a trigger that counts them.
const UNIQUE_MAX: usize = 4096;

/// A ROSpec and what it has seen since its last report.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) spec: ROSpec,
    pub(super) seen: Vec<Seen>,
    /// When what was seen is reported, if time decides.
    pub(super) report_us: Option<u64>,
    /// When the start trigger fires next.
    starts_us: Option<u64>,
    run: Option<Run>,
}

/// A ROSpec under way.
#[derive(Debug, Default)]
struct Run {
    ends_us: Option<u64>,
    /// Position among the AISpecs.
    part: usize,
    part_ends_us: Option<u64>,
    loops: u32,
    watch: Option<Watch>,
}

/// What a tag observation trigger waits for.
#[derive(Debug)]
struct Watch {
    tags_left: Option<u16>,
    quiet_us: Option<u64>,
    quiet_ends_us: Option<u64>,
    unique: Option<Vec<EpcBytes>>,
}

fn after_ms(now_us: u64, ms: u32) -> u64 {
    now_us.saturating_add(u64::from(ms.max(1)) * 1000)
}

impl Spec {
    pub(super) fn new(spec: ROSpec) -> Self {
        Self {
            spec,
            seen: Vec::new(),
            report_us: None,
            starts_us: None,
            run: None,
        }
    }

    fn start_trigger(&self) -> Option<&ROSpecStartTrigger> {
        self.spec.params.first::<ROBoundarySpec>()?.params.first()
    }

    fn stop_trigger(&self) -> Option<&ROSpecStopTrigger> {
        self.spec.params.first::<ROBoundarySpec>()?.params.first()
    }

    fn starts_immediately(&self) -> bool {
        self.start_trigger()
            .is_some_and(|t| t.trigger_type == ROSpecStartTriggerType::Immediate)
    }

    /// The AISpec whose turn it is.
    pub(super) fn part(&self) -> Option<&AISpec> {
        self.spec
            .params
            .all::<AISpec>()
            .nth(self.run.as_ref()?.part)
    }

    pub(super) fn covers(&self, antenna: u16) -> bool {
        self.part()
            .is_some_and(|ai| ai.antenna_ids.iter().any(|&id| id == 0 || id == antenna))
    }

    /// When something is due.
    pub(super) fn due_us(&self) -> Option<u64> {
        let run = self.run.as_ref();
        let watch = run.and_then(|run| run.watch.as_ref());
        [
            self.starts_us.filter(|_| run.is_none()),
            self.report_us,
            run.and_then(|run| run.ends_us),
            run.and_then(|run| run.part_ends_us),
            watch.and_then(|watch| watch.quiet_ends_us),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// When a periodic trigger fires first. `clock_us` is the reader's own time.
    fn first_start_us(&self, now_us: u64, clock_us: u64) -> Option<u64> {
        let trigger = self
            .start_trigger()
            .filter(|t| t.trigger_type == ROSpecStartTriggerType::Periodic)?;
        let value = trigger.params.first::<PeriodicTriggerValue>()?;
        let offset_us = u64::from(value.offset) * 1000;
        let Some(utc) = value.params.first::<UTCTimestamp>() else {
            return Some(now_us.saturating_add(offset_us));
        };
        let period_us = u64::from(value.period) * 1000;
        let first_us = utc.microseconds.saturating_add(offset_us);
        let ago_us = clock_us.saturating_sub(first_us);
        let wait_us = match (first_us.checked_sub(clock_us), period_us) {
            (Some(wait_us), _) => wait_us,
            (None, 0) => return None,
            (None, period_us) => period_us - ago_us % period_us,
        };
        Some(now_us.saturating_add(wait_us))
    }

    fn period_us(&self) -> Option<u64> {
        let value = self
            .start_trigger()?
            .params
            .first::<PeriodicTriggerValue>()?;
        (value.period > 0).then(|| u64::from(value.period) * 1000)
    }

    fn begin_part(&mut self, now_us: u64, part: usize) {
        let trigger = self
            .spec
            .params
            .all::<AISpec>()
            .nth(part)
            .and_then(|ai| ai.params.first::<AISpecStopTrigger>())
            .cloned()
            .unwrap_or_default();
        let timeout = |ms: u32| (ms > 0).then(|| after_ms(now_us, ms));
        let (mut part_ends_us, mut watch) = (None, None);
        match trigger.trigger_type {
            AISpecStopTriggerType::Duration => {
                part_ends_us = Some(after_ms(now_us, trigger.duration_ms))
            }
            AISpecStopTriggerType::GpiWithTimeout => {
                let gpi = trigger.params.first::<GPITriggerValue>();
                part_ends_us = gpi.and_then(|gpi| timeout(gpi.timeout));
            }
            AISpecStopTriggerType::TagObservation => {
                if let Some(value) = trigger.params.first::<TagObservationTrigger>() {
                    part_ends_us = timeout(value.timeout);
                    if value.trigger_type == TagObservationTriggerType::NAttempts {
                        let attempts = u64::from(value.number_of_attempts.max(1));
                        let ends_us = now_us.saturating_add(attempts * ATTEMPT_US);
                        part_ends_us = Some(part_ends_us.unwrap_or(u64::MAX).min(ends_us));
                    } else {
                        watch = Some(Watch::new(now_us, value));
                    }
                }
            }
            _ => {}
        }
        if let Some(run) = &mut self.run {
            (run.part, run.part_ends_us, run.watch) = (part, part_ends_us, watch);
        }
    }

    /// A tag was seen: whether that ends the part.
    pub(super) fn observe(&mut self, now_us: u64, epc: &EpcBytes) -> bool {
        let run = self.run.as_mut();
        run.and_then(|run| run.watch.as_mut())
            .is_some_and(|watch| watch.observe(now_us, epc))
    }
}

impl Watch {
    fn new(now_us: u64, value: &TagObservationTrigger) -> Self {
        use TagObservationTriggerType as Type;
        let quiet = matches!(value.trigger_type, Type::NoNewTags | Type::NoNewUniqueTags);
        let unique = matches!(
            value.trigger_type,
            Type::NUniqueTags | Type::NoNewUniqueTags
        );
        let quiet_us = quiet.then_some(u64::from(value.t.max(1)) * 1000);
        Self {
            tags_left: (!quiet).then_some(value.number_of_tags),
            quiet_us,
            quiet_ends_us: quiet_us.map(|us| now_us.saturating_add(us)),
            unique: unique.then(Vec::new),
        }
    }

    fn observe(&mut self, now_us: u64, epc: &EpcBytes) -> bool {
        if let Some(known) = &mut self.unique {
            if known.contains(epc) {
                return false;
            }
            if known.len() < UNIQUE_MAX {
                known.push(*epc);
            }
        }
        self.quiet_ends_us = self.quiet_us.map(|us| now_us.saturating_add(us));
        self.tags_left = self.tags_left.map(|left| left.saturating_sub(1));
        self.tags_left == Some(0)
    }
}

impl Reader {
    /// Starts a ROSpec that is enabled.
    pub(super) fn start(&mut self, index: usize) {
        let now_us = self.now_us;
        let Some(spec) = self.specs.get_mut(index) else {
            return;
        };
        spec.spec.current_state = ROSpecState::Active;
        let ends_us = spec.stop_trigger().and_then(|trigger| {
            let gpi = trigger.params.first::<GPITriggerValue>();
            match trigger.trigger_type {
                ROSpecStopTriggerType::Duration => Some(trigger.duration_ms),
                ROSpecStopTriggerType::GpiWithTimeout => {
                    gpi.map(|gpi| gpi.timeout).filter(|&ms| ms > 0)
                }
                _ => None,
            }
        });
        spec.run = Some(Run {
            ends_us: ends_us.map(|ms| after_ms(now_us, ms)),
            ..Run::default()
        });
        spec.begin_part(now_us, 0);
        let id = spec.spec.rospec_id;
        self.notify_rospec(ROSpecEventType::Start, id);
    }

    /// Ends an active ROSpec; what it has seen is reported.
    pub(super) fn stop(&mut self, index: usize, state: ROSpecState) {
        let Some(spec) = self.specs.get_mut(index) else {
            return;
        };
        let was_active = spec.run.take().is_some();
        spec.spec.current_state = state;
        if state == ROSpecState::Disabled {
            spec.starts_us = None;
        }
        let id = spec.spec.rospec_id;
        if was_active {
            if self.report_trigger(index).0 != ROReportTriggerType::None {
                self.report(index);
            }
            self.notify_rospec(ROSpecEventType::End, id);
        }
    }

    /// The part under way has ended: the next one begins, or the whole is over.
    pub(super) fn end_part(&mut self, index: usize) {
        let trigger = self.report_trigger(index).0;
        let Some(spec) = self.specs.get(index) else {
            return;
        };
        let (id, parts) = (
            spec.spec.rospec_id,
            spec.spec.params.all::<AISpec>().count(),
        );
        let Some((part, loops)) = spec.run.as_ref().map(|run| (run.part, run.loops)) else {
            return;
        };
        let event = AISpecEvent {
            event_type: AISpecEventType::End,
            rospec_id: id,
            spec_index: u16::try_from(part + 1).unwrap_or(u16::MAX),
            ..AISpecEvent::default()
        };
        let times = spec.spec.params.first::<LoopSpec>().map(|l| l.loop_count);
        self.notify(NotificationEventType::AISpecEvent, event);
        if matches!(
            trigger,
            ROReportTriggerType::UponNTagsOrEndOfAISpec
                | ROReportTriggerType::UponNSecondsOrEndOfAISpec
                | ROReportTriggerType::UponNMillisecondsOrEndOfAISpec
        ) {
            self.report(index);
        }
        let again = part + 1 >= parts;
        let loops = loops.saturating_add(u32::from(again));
        if again && times.is_none_or(|count| count > 0 && loops >= count) {
            self.finish(index);
            return;
        }
        if again {
            let event = SpecLoopEvent {
                rospec_id: id,
                loop_count: loops,
            };
            self.notify(NotificationEventType::SpecLoopEvent, event);
        }
        let now_us = self.now_us;
        if let Some(spec) = self.specs.get_mut(index) {
            spec.begin_part(now_us, if again { 0 } else { part + 1 });
            if let Some(run) = &mut spec.run {
                run.loops = loops;
            }
        }
    }

    /// A ROSpec has come to its own end; one that starts immediately starts again.
    fn finish(&mut self, index: usize) {
        self.stop(index, ROSpecState::Inactive);
        if self.specs.get(index).is_some_and(Spec::starts_immediately) {
            self.start(index);
        }
    }

    pub(super) fn run_due_specs(&mut self) {
        let now_us = self.now_us;
        let due = |at_us: Option<u64>| at_us.is_some_and(|at_us| at_us <= now_us);
        for index in 0..self.specs.len() {
            let Some(spec) = self.specs.get_mut(index) else {
                continue;
            };
            let report = due(spec.report_us);
            let start = due(spec.starts_us);
            if start {
                // Starts that were missed are not made up for.
                let period_us = spec.period_us();
                spec.starts_us = spec.starts_us.zip(period_us).map(|(at_us, period_us)| {
                    at_us.saturating_add(((now_us - at_us) / period_us + 1) * period_us)
                });
            }
            let run = spec.run.as_ref();
            let ends = due(run.and_then(|run| run.ends_us));
            let quiet = run.and_then(|run| run.watch.as_ref()?.quiet_ends_us);
            let part_ends = due(run.and_then(|run| run.part_ends_us)) || due(quiet);
            let running = run.is_some();
            if report {
                self.report(index);
            }
            match (running, ends, part_ends) {
                (true, true, _) => self.finish(index),
                (true, false, true) => self.end_part(index),
                (false, ..) if start => self.start(index),
                _ => {}
            }
        }
    }

    /// A general-purpose input has changed: ROSpecs that wait for it start and stop.
    pub(super) fn run_gpi_triggers(&mut self, port: u16, high: bool) {
        let fires = |gpi: Option<&GPITriggerValue>| {
            gpi.is_some_and(|gpi| gpi.gpi_port_num == port && gpi.gpi_event == high)
        };
        for index in 0..self.specs.len() {
            let Some(spec) = self.specs.get(index) else {
                continue;
            };
            let starts = spec.start_trigger().is_some_and(|trigger| {
                trigger.trigger_type == ROSpecStartTriggerType::Gpi && fires(trigger.params.first())
            });
            let stops = spec.stop_trigger().is_some_and(|trigger| {
                trigger.trigger_type == ROSpecStopTriggerType::GpiWithTimeout
                    && fires(trigger.params.first())
            });
            let part = spec
                .part()
                .and_then(|ai| ai.params.first::<AISpecStopTrigger>());
            let ends_part = part.is_some_and(|trigger| {
                trigger.trigger_type == AISpecStopTriggerType::GpiWithTimeout
                    && fires(trigger.params.first())
            });
            match spec.spec.current_state {
                ROSpecState::Inactive if starts => self.start(index),
                ROSpecState::Active if stops => self.finish(index),
                ROSpecState::Active if ends_part => self.end_part(index),
                _ => {}
            }
        }
    }

    fn notify_rospec(&mut self, event_type: ROSpecEventType, rospec_id: u32) {
        let event = ROSpecEvent {
            event_type,
            rospec_id,
            preempting_rospec_id: 0,
        };
        self.notify(NotificationEventType::ROSpecEvent, event);
    }

    pub(super) fn add_rospec(&mut self, spec: ROSpec) -> Result<(), Refusal> {
        let id = spec.rospec_id;
        if self.specs.iter().any(|known| known.spec.rospec_id == id) {
            let text = "the ROSpecID is in use";
            return Err(Problem::field::<ROSpec>(0, StatusCode::Invalid, text).into());
        }
        if self.specs.len() as u64 >= u64::from(self.config.max_rospecs) {
            let text = format!(
                "this reader holds at most {} ROSpecs",
                self.config.max_rospecs
            );
            let code = StatusCode::NestedOverflowParameter;
            return Err(Problem::parameter(ROSpec::TYPE, code, text).into());
        }
        self.specs.push(Spec::new(spec));
        Ok(())
    }

    pub(super) fn delete_rospec(&mut self, rospec_id: u32) -> Result<(), Refusal> {
        let selected = self.selected(rospec_id)?;
        let enabled = |&index: &usize| {
            self.specs
                .get(index)
                .is_some_and(|spec| spec.spec.current_state != ROSpecState::Disabled)
        };
        if self.config.refuse_delete_of_enabled && selected.iter().any(enabled) {
            let text = "disable the ROSpec before deleting it";
            return Err(message_field(0, StatusCode::Invalid, text));
        }
        // From the last to the first, so that the positions stay right.
        for index in selected.into_iter().rev() {
            self.stop(index, ROSpecState::Disabled);
            self.specs.remove(index);
        }
        Ok(())
    }

    pub(super) fn enable_rospec(&mut self, rospec_id: u32) -> Result<(), Refusal> {
        let (now_us, clock_us) = (self.now_us, self.clock_us(self.now_us));
        for index in self.selected(rospec_id)? {
            let Some(spec) = self.specs.get_mut(index) else {
                continue;
            };
            if spec.spec.current_state != ROSpecState::Disabled {
                continue;
            }
            spec.spec.current_state = ROSpecState::Inactive;
            spec.starts_us = spec.first_start_us(now_us, clock_us);
            if spec.starts_immediately() {
                self.start(index);
            }
        }
        Ok(())
    }

    pub(super) fn disable_rospec(&mut self, rospec_id: u32) -> Result<(), Refusal> {
        for index in self.selected(rospec_id)? {
            self.stop(index, ROSpecState::Disabled);
        }
        Ok(())
    }

    /// Positions of the ROSpecs an id names; 0 names all.
    fn selected(&self, rospec_id: u32) -> Result<Vec<usize>, Refusal> {
        if rospec_id == 0 {
            return Ok((0..self.specs.len()).collect());
        }
        self.position(rospec_id).map(|index| vec![index])
    }

    /// Position of the ROSpec with this id, which must be in this state.
    pub(super) fn in_state(&self, rospec_id: u32, state: ROSpecState) -> Result<usize, Refusal> {
        let index = self.position(rospec_id)?;
        let now = self.specs.get(index).map(|spec| spec.spec.current_state);
        if now == Some(state) {
            return Ok(index);
        }
        let text = format!(
            "ROSpec {rospec_id} is {}, must be {}",
            now.unwrap_or_default().text(),
            state.text()
        );
        Err(message_field(0, StatusCode::Invalid, &text))
    }

    fn position(&self, rospec_id: u32) -> Result<usize, Refusal> {
        let known = |spec: &Spec| spec.spec.rospec_id == rospec_id;
        self.specs.iter().position(known).ok_or_else(|| {
            let text = format!("there is no ROSpec {rospec_id}");
            message_field(0, StatusCode::Invalid, &text)
        })
    }
}
