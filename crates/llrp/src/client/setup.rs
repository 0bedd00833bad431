//! From the connection event to a reading reader, one request at a time.
//!
//! Versions, capabilities, the vendor's extensions, stock of what is on the reader, its configuration, then what our
//! ROSpec and AccessSpecs still need, at last ENABLE_EVENTS_AND_REPORTS. A ROSpec of ours that is unchanged and running is
//! left alone, so that a reconnect leaves no gap in reading. A step that is refused because things are already so counts
//! as done; of one that asks for more than the reader can do, parts are left out, one after the other.

use std::collections::VecDeque;
use std::time::Duration;

use super::capabilities::Capabilities;
use super::configure::state_value;
use super::event::ClientEvent;
use super::refusal::{Extra, Refusal};
use super::request::{Task, response_params};
use super::rospec::Plan;
use super::step::Step;
use super::stock::Stock;
use super::{Client, State};
use crate::codec::code::ROSpecState;
use crate::codec::message::Message;
use crate::codec::param::AccessSpec;

/// What the set-up has learned and what is left of it.
#[derive(Debug, Default)]
pub(super) struct Setup {
    pub(super) steps: VecDeque<Step>,
    pub(super) capabilities: Capabilities,
    /// Impinj's extensions are on.
    pub(super) extensions: bool,
    /// Our ROSpec as it is to be.
    pub(super) planned: Option<Plan>,
    /// Our AccessSpecs as they are to be.
    pub(super) access: Vec<AccessSpec>,
    pub(super) stock: Stock,
    pub(super) kept: bool,
    /// Parts left out in this session.
    pub(super) left_out: Vec<Extra>,
    /// The reader holds reports while nobody is connected.
    pub(super) holds: bool,
    pub(super) state_before: Option<u32>,
    /// The reader's uptime has gone back since the last session.
    pub(super) restarted: bool,
    /// What cannot be done, beside what the plan of the ROSpec says.
    pub(super) limits: Vec<String>,
    /// When [`Step::Check`] was last asked for.
    pub(super) checked: Option<Duration>,
    /// When it is to be done again.
    pub(super) check_due: Option<Duration>,
}

impl Client {
    pub(super) fn begin_setup(&mut self, now: Duration) {
        if self.config.max_version >= 2 && !self.memory.dislikes_versions {
            self.setup.steps.push_back(Step::AskVersions);
        } else {
            self.negotiated = true;
            self.rewrite_outputs(now);
        }
        self.setup.steps.push_back(Step::Capabilities);
        self.advance(now);
    }

    pub(super) fn advance(&mut self, now: Duration) {
        while !self.is_setting_up() && matches!(self.state, State::SettingUp | State::Ready) {
            match self.setup.steps.pop_front() {
                Some(step) => self.request(now, Task::Setup(step)),
                None if self.state == State::SettingUp => return self.ready(now),
                None => return,
            }
        }
    }

    fn ready(&mut self, now: Duration) {
        self.state = State::Ready;
        self.clock.expect_held(now);
        self.memory.rospec_id = Some(self.config.rospec_id);
        self.memory.set_up = true;
        if self.setup.check_due.is_none() {
            self.check_unasked(now);
        }
        let mut limits = std::mem::take(&mut self.setup.limits);
        for text in self.setup.planned.iter().flat_map(|plan| &plan.limits) {
            if !limits.contains(text) {
                limits.push(text.clone());
            }
        }
        self.emit(ClientEvent::Ready {
            capabilities: Box::new(self.setup.capabilities.clone()),
            kept_rospec: self.setup.kept,
            version: self.version,
            limits,
        });
    }

    /// The reader has answered a step of the set-up, or refused it.
    pub(super) fn step_done(
        &mut self,
        now: Duration,
        step: Step,
        outcome: Result<&Message, Refusal>,
    ) {
        let outcome = outcome.map(|message| (message, response_params(message)));
        match (step, outcome) {
            (Step::AskVersions, outcome) => {
                self.versions_told(outcome.map(|(message, _)| message));
                self.negotiation_goes_on(now);
            }
            (Step::SetVersion { wanted, current }, outcome) => {
                self.version = if outcome.is_ok() { wanted } else { current };
                self.negotiation_goes_on(now);
            }
            (Step::Capabilities, outcome) => {
                match outcome {
                    Ok((_, params)) => {
                        self.setup.capabilities = Capabilities::from_params(params);
                        self.memory.meet_reader(&self.setup.capabilities);
                    }
                    Err(why) => self.warn(format!(
                        "the reader does not tell its capabilities: {}",
                        why.explanation
                    )),
                }
                if self.setup.capabilities.is_impinj() {
                    self.setup.steps.push_back(Step::Extensions);
                }
                let rest = [Step::StateBefore, Step::TakeStock, Step::TakeAccessStock];
                self.setup.steps.extend(rest);
            }
            (Step::Extensions, Ok(_)) => self.setup.extensions = true,
            (Step::Extensions, Err(why)) => self.limit(format!(
                "the reader does not switch its vendor's extensions on: {}",
                why.explanation
            )),
            (Step::StateBefore, outcome) => {
                self.setup.state_before = outcome.ok().and_then(|(_, params)| state_value(params));
            }
            (Step::StateAfter, outcome) => {
                self.memory.state_value = outcome.ok().and_then(|(_, params)| state_value(params));
            }
            (Step::TakeStock, outcome) => match outcome {
                Ok((_, params)) => self.take_stock(params),
                Err(why) => self.warn(format!(
                    "the reader does not tell its ROSpecs: {}",
                    why.explanation
                )),
            },
            (Step::TakeAccessStock, outcome) => {
                if let Ok((_, params)) = outcome {
                    self.setup.stock.access = params.all().cloned().collect();
                }
                if !self.replan() {
                    return;
                }
                self.setup.steps.push_back(Step::Configure);
            }
            (Step::Configure, Ok(_)) => self.configured(),
            (Step::Configure, Err(why)) => self.configure_less(why),
            (Step::Check, Ok((_, params))) => {
                self.take_stock(params);
                self.mend();
            }
            // The ROSpec may still run; if not, its next end event brings us here again.
            (Step::Check, Err(why)) => self.warn(format!(
                "the reader does not tell its ROSpecs: {}",
                why.explanation
            )),
            (
                Step::Verify {
                    request,
                    explanation,
                    wanted,
                },
                outcome,
            ) => {
                if let Ok((_, params)) = outcome {
                    self.take_stock(params);
                }
                let state = self.setup.stock.own.as_ref().map(|own| own.current_state);
                if state != Some(ROSpecState::Active) && state != Some(wanted) {
                    return self.refused(request, explanation);
                }
            }
            (step @ (Step::Enable | Step::Start), Err(why)) => {
                let (request, wanted) = match step {
                    Step::Start => ("START_ROSPEC", ROSpecState::Active),
                    _ => ("ENABLE_ROSPEC", ROSpecState::Inactive),
                };
                self.setup.steps.push_front(Step::Verify {
                    request,
                    explanation: why.explanation,
                    wanted,
                });
            }
            (Step::Add, Err(why)) => {
                if !self.add_less(&why) {
                    return;
                }
            }
            (Step::Add, Ok(_)) => self.plan_access_specs(),
            // Not enabled, or gone: what we want. If it is there all the same, ADD_ROSPEC will say so.
            (Step::Disable { .. }, Err(_)) | (Step::Delete { known: false, .. }, Err(_)) => {}
            (Step::Delete { id, .. }, Err(why)) => self.warn(format!(
                "the reader does not delete ROSpec {id}: {}",
                why.explanation
            )),
            (Step::AddAccess { id } | Step::EnableAccess { id }, Err(why)) => {
                self.access_refused(id, &why);
            }
            (Step::AddAccess { id }, Ok(_)) => self.access_added(id, false),
            (Step::EnableAccess { id }, Ok(_)) => self.access_added(id, true),
            (Step::Inputs, Ok((_, params))) => self.inputs_told(params),
            (Step::Inputs, Err(why)) => self.limit(format!(
                "the reader does not tell the levels of its inputs, only their changes: {}",
                why.explanation
            )),
            (Step::StartNow, Err(why)) => self.warn(format!(
                "the input has the level that means reading, but the reader waits for its next change: {}",
                why.explanation
            )),
            (
                Step::Disable { .. }
                | Step::Delete { .. }
                | Step::DisableAccess { .. }
                | Step::DeleteAccess { .. }
                | Step::Enable
                | Step::Start
                | Step::StartNow
                | Step::Release
                | Step::FetchHeld,
                _,
            ) => {}
        }
        self.advance(now);
    }
}
