//! What is on the reader, and what of it stays, goes, or comes.

use std::time::Duration;

use super::access::{describe, plan_access};
use super::compare::{holds_access_spec, holds_rospec};
use super::config::ForeignRoSpecs;
use super::error::ClientError;
use super::event::ClientEvent;
use super::refusal::{Extra, Refusal};
use super::rospec::{Plan, Terms, plan};
use super::step::Step;
use super::{Client, State};
use crate::codec::code::ROSpecState;
use crate::codec::param::{AccessSpec, ROSpec};
use crate::codec::{Parameter, Params};

/// How often to look, where the ROSpec ends by itself and begins again, or its end is not told.
const CHECK_PERIOD: Duration = Duration::from_secs(60);
/// How often to look elsewhere: a ROSpec that ends as soon as it is started must not keep both sides busy.
const CHECK_PAUSE: Duration = Duration::from_secs(1);

/// ROSpecs and AccessSpecs on the reader.
#[derive(Debug, Default)]
pub(super) struct Stock {
    /// The reader has told its ROSpecs.
    pub(super) known: bool,
    pub(super) own: Option<ROSpec>,
    pub(super) foreign: Vec<u32>,
    pub(super) access: Vec<AccessSpec>,
}

impl Client {
    pub(super) fn take_stock(&mut self, params: &Params) {
        let own_id = self.config.rospec_id;
        let stock = &mut self.setup.stock;
        stock.known = true;
        stock.own = None;
        stock.foreign.clear();
        for spec in params.all::<ROSpec>() {
            if spec.rospec_id != own_id {
                stock.foreign.push(spec.rospec_id);
            } else if stock.own.is_none() {
                stock.own = Some(spec.clone());
            }
        }
    }

    /// Makes the ROSpec that is wanted, without what has been refused. False if that ends the session.
    pub(super) fn replan(&mut self) -> bool {
        let terms = Terms {
            capabilities: &self.setup.capabilities,
            version: self.version,
            extensions: self.setup.extensions,
            refused: &self.memory.refused,
        };
        match plan(&self.config, terms) {
            Ok(plan) => {
                self.setup.planned = Some(plan);
                true
            }
            Err(why) => {
                self.fail(ClientError::Misconfigured(why));
                false
            }
        }
    }

    /// What the ROSpecs on the reader still need.
    pub(super) fn plan_rospecs(&mut self) {
        self.notice_reboot();
        let own_id = self.config.rospec_id;
        let mut steps = Vec::new();
        if !self.setup.stock.foreign.is_empty() {
            match self.config.foreign_rospecs {
                ForeignRoSpecs::Keep => {
                    let list = id_list(&self.setup.stock.foreign);
                    self.warn(format!("the reader also holds {list} of other software"));
                }
                ForeignRoSpecs::Replace => {
                    for &id in &self.setup.stock.foreign {
                        steps.extend([Step::Disable { id }, Step::Delete { id, known: true }]);
                    }
                    self.setup.stock.foreign.clear();
                }
            }
        }
        let state = self.reusable_state();
        self.setup.kept = true;
        match state {
            Some(ROSpecState::Active) => {}
            Some(ROSpecState::Inactive) if self.starts_by_itself() => {}
            Some(ROSpecState::Inactive) => steps.push(Step::Start),
            _ => {
                self.setup.kept = false;
                self.memory.rospec_id = None;
                let Stock { own, known, .. } = &self.setup.stock;
                if own.is_some() || !known {
                    let (id, known) = (own_id, *known);
                    steps.extend([Step::Disable { id }, Step::Delete { id, known }]);
                }
                steps.extend([Step::Add, Step::Enable]);
                if !self.starts_by_itself() {
                    steps.push(Step::Start);
                }
            }
        }
        self.setup.steps.extend(steps);
        if self.setup.kept {
            self.plan_access_specs();
        }
    }

    /// State of our ROSpec on the reader, if it is what is wanted.
    fn reusable_state(&self) -> Option<ROSpecState> {
        let (planned, own) = (self.setup.planned.as_ref()?, self.setup.stock.own.as_ref()?);
        let exact = own.priority == planned.rospec.priority && own.params == planned.rospec.params;
        // What was added to it may be defaults of the reader, or somebody's doing, or left of an older configuration. Only
        // where a session of this configuration made the ROSpec is it defaults; else one that a reader has filled in is
        // replaced, once.
        let defaults = self.memory.set_up;
        let antennas = self.setup.capabilities.antennas;
        let holds = || holds_rospec(&planned.rospec, own, antennas, defaults);
        (exact || (!self.was_changed() && holds())).then_some(own.current_state)
    }

    /// Whether the reader's configuration is not the one we left.
    fn was_changed(&self) -> bool {
        match (self.memory.state_value, self.setup.state_before) {
            (Some(left), Some(found)) => left != found,
            _ => false,
        }
    }

    fn notice_reboot(&mut self) {
        let expected = self.memory.rospec_id == Some(self.config.rospec_id);
        let gone = self.setup.stock.known && self.setup.stock.own.is_none();
        if self.setup.restarted || (expected && gone) {
            self.emit(ClientEvent::Rebooted);
        } else if expected && self.was_changed() {
            self.warn(
                "other software has changed the reader's configuration since the last session"
                    .to_owned(),
            );
        }
    }

    /// Whether our ROSpec is started by its trigger, not by us.
    fn starts_by_itself(&self) -> bool {
        use crate::codec::code::ROSpecStartTriggerType as Trigger;
        use crate::codec::param::{ROBoundarySpec, ROSpecStartTrigger};
        let start = |plan: &Plan| {
            plan.rospec
                .params
                .first::<ROBoundarySpec>()
                .and_then(|boundary| boundary.params.first::<ROSpecStartTrigger>())
                .is_some_and(|start| start.trigger_type != Trigger::Null)
        };
        self.setup.planned.as_ref().is_some_and(start)
    }

    /// ADD_ROSPEC was refused: less is asked for. False if that ends the session.
    pub(super) fn add_less(&mut self, why: &Refusal) -> bool {
        let foreign = self.setup.stock.foreign.len();
        let most = self.setup.capabilities.max_rospecs.unwrap_or(0);
        let full = foreign > 0
            && (why.is_full(ROSpec::TYPE)
                || usize::try_from(most).is_ok_and(|most| most == foreign));
        let used = self.setup.planned.as_ref().map(|plan| plan.used.as_slice());
        match why.give_up(used.unwrap_or_default()).filter(|_| !full) {
            Some(extra) => {
                self.leave_out(extra, why);
                if self.state == State::Ready {
                    self.warn(format!(
                        "the ROSpec is refused as it was: {}",
                        why.explanation
                    ));
                }
                self.setup.steps.push_front(Step::Add);
                self.replan()
            }
            None => {
                self.refused("ADD_ROSPEC", why.explanation.clone());
                false
            }
        }
    }

    /// What the AccessSpecs on the reader still need; before anything else that is planned.
    pub(super) fn plan_access_specs(&mut self) {
        let tid = self.setup.planned.as_ref().is_some_and(|p| p.tid_by_access);
        let (wanted, limits) = plan_access(&self.config, &self.setup.capabilities, tid);
        limits.into_iter().for_each(|text| self.limit(text));
        let mut steps = Vec::new();
        for spec in &self.setup.stock.access {
            let id = spec.access_spec_id;
            let ours = spec.rospec_id == self.config.rospec_id;
            if ours && !wanted.iter().any(|wanted| holds_access_spec(wanted, spec)) {
                steps.extend([Step::DisableAccess { id }, Step::DeleteAccess { id }]);
            }
        }
        for spec in &wanted {
            let id = spec.access_spec_id;
            let mut told = self.setup.stock.access.iter();
            match told.find(|told| holds_access_spec(spec, told)) {
                Some(told) if told.active => {}
                Some(_) => steps.push(Step::EnableAccess { id }),
                None => steps.extend([Step::AddAccess { id }, Step::EnableAccess { id }]),
            }
        }
        self.setup.access = wanted;
        for step in steps.into_iter().rev() {
            self.setup.steps.push_front(step);
        }
    }

    pub(super) fn access_spec(&self, id: u32) -> Option<&AccessSpec> {
        self.setup
            .access
            .iter()
            .find(|spec| spec.access_spec_id == id)
    }

    /// An AccessSpec of ours is on the reader now.
    pub(super) fn access_added(&mut self, id: u32, active: bool) {
        let stock = &mut self.setup.stock.access;
        stock.retain(|spec| spec.access_spec_id != id);
        let added = self
            .setup
            .access
            .iter()
            .find(|spec| spec.access_spec_id == id);
        stock.extend(added.cloned().map(|spec| AccessSpec { active, ..spec }));
    }

    /// A memory read is not to be had; tags are read all the same.
    pub(super) fn access_refused(&mut self, id: u32, why: &Refusal) {
        let what = self.access_spec(id).map(describe).unwrap_or_default();
        self.setup
            .steps
            .retain(|step| *step != Step::EnableAccess { id });
        self.limit(format!(
            "{what} left out, as the reader refuses: {}",
            why.explanation
        ));
    }

    /// Our ROSpec has ended, or may have: see to it that it runs.
    pub(super) fn check_reading(&mut self, now: Duration) {
        // During set-up the ROSpec ends because we replace it, or something else stops it as soon as it is started.
        if self.state != State::Ready || self.is_setting_up() || !self.setup.steps.is_empty() {
            self.setup.check_due = Some(now.saturating_add(CHECK_PAUSE));
            return;
        }
        let pause = if self.starts_by_itself() {
            CHECK_PERIOD
        } else {
            CHECK_PAUSE
        };
        let earliest = self.setup.checked.map(|at| at.saturating_add(pause));
        if let Some(earliest) = earliest.filter(|earliest| now < *earliest) {
            self.setup.check_due = Some(earliest);
            return;
        }
        self.setup.checked = Some(now);
        self.check_unasked(now);
        self.setup.steps.push_back(Step::Check);
        self.advance(now);
    }

    /// A reader that does not tell of the end of ROSpecs is looked at from time to time.
    pub(super) fn check_unasked(&mut self, now: Duration) {
        let mut refused = self.memory.refused.iter();
        let silent = refused.any(|(extra, _)| *extra == Extra::Notifications);
        self.setup.check_due = silent.then(|| now.saturating_add(CHECK_PERIOD));
    }

    /// After [`Step::Check`]: brings our ROSpec back if something has stopped it.
    pub(super) fn mend(&mut self) {
        let state = self.setup.stock.own.as_ref().map(|own| own.current_state);
        let by_itself = self.starts_by_itself();
        if state == Some(ROSpecState::Active) || (by_itself && state == Some(ROSpecState::Inactive))
        {
            return;
        }
        let how = state.map_or("gone", ROSpecState::text);
        self.warn(format!(
            "our ROSpec is {how}, something else has stopped it: started again"
        ));
        let steps: &[Step] = match state {
            Some(ROSpecState::Inactive) => &[Step::Start],
            Some(_) => &[Step::Enable, Step::Start],
            None => &[Step::Add, Step::Enable, Step::Start],
        };
        let wanted = steps
            .iter()
            .filter(|step| !by_itself || **step != Step::Start);
        self.setup.steps.extend(wanted.cloned());
        if state.is_none() {
            self.setup.steps.push_back(Step::StateAfter);
        }
    }

    pub(super) fn refused(&mut self, request: &'static str, explanation: String) {
        // What was left out did not help: the next session asks for it again.
        let left_out = std::mem::take(&mut self.setup.left_out);
        self.memory
            .refused
            .retain(|(extra, _)| !left_out.contains(extra));
        let foreign = &self.setup.stock.foreign;
        let about_ours = matches!(request, "ADD_ROSPEC" | "ENABLE_ROSPEC" | "START_ROSPEC");
        let hint = if about_ours && !foreign.is_empty() {
            let list = id_list(foreign);
            format!(
                "; the reader also holds {list} of other software, which may be why: remove it, or let it be replaced"
            )
        } else {
            String::new()
        };
        self.fail(ClientError::Refused {
            request,
            explanation,
            hint,
        });
    }
}

fn id_list(ids: &[u32]) -> String {
    let ids: Vec<String> = ids.iter().take(8).map(u32::to_string).collect();
    let word = if ids.len() == 1 { "ROSpec" } else { "ROSpecs" };
    format!("{word} {}", ids.join(", "))
}
