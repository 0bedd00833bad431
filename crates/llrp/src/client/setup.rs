//! From the connection event to a reading reader, one request at a time.
//!
//! Capabilities, stock of ROSpecs, reader configuration, then what our ROSpec still needs, at last
//! ENABLE_EVENTS_AND_REPORTS. A ROSpec of ours that is unchanged and running is left alone, so that a reconnect leaves
//! no gap in reading. A step that is refused because things are already so counts as done.

use std::collections::VecDeque;
use std::time::Duration;

use super::capabilities::Capabilities;
use super::config::ForeignRoSpecs;
use super::error::ClientError;
use super::event::ClientEvent;
use super::rospec::{is_same, plan};
use super::{Client, State};
use crate::codec::Params;
use crate::codec::code::{
    CapabilitiesRequest, KeepaliveTriggerType, NotificationEventType, ROSpecState,
};
use crate::codec::message::{self, Message, message_name};
use crate::codec::param::{
    EventNotificationState, EventsAndReports, KeepaliveSpec, ROSpec, ReaderEventNotificationSpec,
};

/// Events that operators ask for.
const NOTIFICATIONS: [NotificationEventType; 5] = [
    NotificationEventType::GpiEvent,
    NotificationEventType::ROSpecEvent,
    NotificationEventType::ReportBufferFillWarning,
    NotificationEventType::ReaderExceptionEvent,
    NotificationEventType::AntennaEvent,
];

/// How much SET_READER_CONFIG asks for; less after each refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    WithoutHold,
    KeepaliveOnly,
}

/// One request of the set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Capabilities,
    TakeStock,
    Configure(Extent),
    Disable {
        id: u32,
    },
    Delete {
        id: u32,
        known: bool,
    },
    Add,
    Enable,
    Start,
    /// ENABLE or START was refused: see whether the ROSpec is in the state wanted all the same.
    Verify {
        request: &'static str,
        explanation: String,
        wanted: ROSpecState,
    },
    /// See whether our ROSpec still runs, and mend it if not.
    Check,
    Release,
    Close,
}

impl Step {
    fn request_type(&self) -> u16 {
        match self {
            Self::Capabilities => message::GetReaderCapabilities::TYPE,
            Self::TakeStock | Self::Verify { .. } | Self::Check => message::GetROSpecs::TYPE,
            Self::Configure(_) => message::SetReaderConfig::TYPE,
            Self::Disable { .. } => message::DisableROSpec::TYPE,
            Self::Delete { .. } => message::DeleteROSpec::TYPE,
            Self::Add => message::AddROSpec::TYPE,
            Self::Enable => message::EnableROSpec::TYPE,
            Self::Start => message::StartROSpec::TYPE,
            Self::Release => message::EnableEventsAndReports::TYPE,
            Self::Close => message::CloseConnection::TYPE,
        }
    }

    pub(super) fn request_name(&self) -> &'static str {
        message_name(self.request_type()).unwrap_or("a request")
    }

    pub(super) fn has_response(&self) -> bool {
        *self != Self::Release
    }

    /// Responses are numbered 10 above their requests, but for CLOSE_CONNECTION_RESPONSE.
    pub(super) fn response_type(&self) -> u16 {
        match self {
            Self::Close => message::CloseConnectionResponse::TYPE,
            _ => self.request_type() + 10,
        }
    }
}

/// What the set-up has learned and what is left of it.
#[derive(Debug, Default)]
pub(super) struct Setup {
    pub(super) steps: VecDeque<Step>,
    capabilities: Capabilities,
    /// The ROSpec to add.
    planned: Option<ROSpec>,
    stock: Stock,
    kept: bool,
}

/// ROSpecs on the reader.
#[derive(Debug, Default)]
struct Stock {
    /// The reader has told them.
    known: bool,
    own: Option<ROSpec>,
    foreign: Vec<u32>,
}

impl Client {
    pub(super) fn begin_setup(&mut self, now: Duration) {
        self.setup
            .steps
            .extend([Step::Capabilities, Step::TakeStock]);
        self.advance(now);
    }

    /// Our ROSpec has ended, or may have: see to it that it runs.
    pub(super) fn check_reading(&mut self, now: Duration) {
        // During set-up the ROSpec ends because we replace it.
        if self.state == State::Ready && self.pending.is_none() && self.setup.steps.is_empty() {
            self.setup.steps.push_back(Step::Check);
            self.advance(now);
        }
    }

    fn advance(&mut self, now: Duration) {
        while self.pending.is_none() && matches!(self.state, State::SettingUp | State::Ready) {
            match self.setup.steps.pop_front() {
                Some(step) => self.request(now, step),
                None if self.state == State::SettingUp => {
                    self.state = State::Ready;
                    let capabilities = Box::new(self.setup.capabilities.clone());
                    self.emit(ClientEvent::Ready {
                        capabilities,
                        kept_rospec: self.setup.kept,
                        version: crate::VERSION_1_0_1,
                        limits: Vec::new(),
                    });
                    return;
                }
                None => return,
            }
        }
    }

    /// The message of a step.
    pub(super) fn step_message(&self, step: &Step) -> Message {
        let rospec_id = self.config.rospec_id;
        match step {
            Step::Capabilities => message::GetReaderCapabilities {
                requested_data: CapabilitiesRequest::All,
                params: Params::default(),
            }
            .into(),
            Step::TakeStock | Step::Verify { .. } | Step::Check => message::GetROSpecs {}.into(),
            Step::Configure(extent) => self.reader_config(*extent).into(),
            Step::Disable { id } => message::DisableROSpec { rospec_id: *id }.into(),
            Step::Delete { id, .. } => message::DeleteROSpec { rospec_id: *id }.into(),
            Step::Add => message::AddROSpec {
                params: self.setup.planned.iter().cloned().collect(),
            }
            .into(),
            Step::Enable => message::EnableROSpec { rospec_id }.into(),
            Step::Start => message::StartROSpec { rospec_id }.into(),
            Step::Release => message::EnableEventsAndReports {}.into(),
            Step::Close => message::CloseConnection {}.into(),
        }
    }

    fn reader_config(&self, extent: Extent) -> message::SetReaderConfig {
        let mut params = Params::default();
        if extent != Extent::KeepaliveOnly {
            let states = NOTIFICATIONS.map(|event_type| EventNotificationState {
                event_type,
                enabled: true,
            });
            params.push(ReaderEventNotificationSpec {
                params: states.into_iter().collect(),
            });
        }
        let period_ms = u32::try_from(self.keepalive_period().as_millis()).unwrap_or(u32::MAX);
        params.push(KeepaliveSpec {
            trigger_type: KeepaliveTriggerType::Periodic,
            period_ms,
        });
        if extent == Extent::All {
            params.push(EventsAndReports {
                hold_events_and_reports_upon_reconnect: true,
            });
        }
        message::SetReaderConfig {
            reset_to_factory_default: false,
            params,
        }
    }

    /// The reader has answered: `Err` is its refusal in words.
    pub(super) fn step_done(
        &mut self,
        now: Duration,
        step: Step,
        outcome: Result<&Params, String>,
    ) {
        match (step, outcome) {
            (Step::Capabilities, Ok(params)) => {
                self.setup.capabilities = Capabilities::from_params(params)
            }
            (Step::Capabilities, Err(why)) => {
                self.warn(format!("the reader does not tell its capabilities: {why}"));
            }
            (Step::TakeStock, outcome) => {
                match outcome {
                    Ok(params) => self.take_stock(params),
                    Err(why) => self.warn(format!("the reader does not tell its ROSpecs: {why}")),
                }
                self.plan_configuration();
            }
            (Step::Configure(_), Ok(_)) => {
                self.watching = true;
                self.plan_rospecs();
                self.setup.steps.push_back(Step::Release);
            }
            (Step::Configure(extent), Err(why)) => self.configure_less(extent, why),
            (Step::Check, Ok(params)) => {
                self.take_stock(params);
                self.mend();
            }
            // The ROSpec may still run; if not, its next end event brings us here again.
            (Step::Check, Err(why)) => {
                self.warn(format!("the reader does not tell its ROSpecs: {why}"))
            }
            (
                Step::Verify {
                    request,
                    explanation,
                    wanted,
                },
                outcome,
            ) => {
                if let Ok(params) = outcome {
                    self.take_stock(params);
                }
                let state = self.setup.stock.own.as_ref().map(|own| own.current_state);
                if state != Some(ROSpecState::Active) && state != Some(wanted) {
                    return self.refused(request, explanation);
                }
            }
            (step @ (Step::Enable | Step::Start), Err(explanation)) => {
                let wanted = if step == Step::Start {
                    ROSpecState::Active
                } else {
                    ROSpecState::Inactive
                };
                let request = step.request_name();
                self.setup.steps.push_front(Step::Verify {
                    request,
                    explanation,
                    wanted,
                });
            }
            (step @ Step::Add, Err(explanation)) => {
                return self.refused(step.request_name(), explanation);
            }
            // Not enabled, or gone: what we want. If it is there all the same, ADD_ROSPEC will say so.
            (Step::Disable { .. }, Err(_)) | (Step::Delete { known: false, .. }, Err(_)) => {}
            (Step::Delete { id, .. }, Err(why)) => {
                self.warn(format!("the reader does not delete ROSpec {id}: {why}"));
            }
            (
                Step::Disable { .. }
                | Step::Delete { .. }
                | Step::Add
                | Step::Enable
                | Step::Start
                | Step::Release
                | Step::Close,
                _,
            ) => {}
        }
        self.advance(now);
    }

    fn take_stock(&mut self, params: &Params) {
        let (own, foreign): (Vec<&ROSpec>, Vec<&ROSpec>) = params
            .all::<ROSpec>()
            .partition(|spec| spec.rospec_id == self.config.rospec_id);
        self.setup.stock = Stock {
            known: true,
            own: own.first().copied().cloned(),
            foreign: foreign.iter().map(|spec| spec.rospec_id).collect(),
        };
    }

    fn plan_configuration(&mut self) {
        match plan(&self.config, &self.setup.capabilities) {
            Ok(plan) => {
                plan.warnings
                    .into_iter()
                    .for_each(|warning| self.warn(warning));
                self.setup.planned = Some(plan.rospec);
            }
            Err(why) => return self.fail(ClientError::Misconfigured(why)),
        }
        let extent = if self.setup.capabilities.can_hold_reports == Some(false) {
            self.warn(
                "the reader cannot hold reports: reads during a lost connection are lost"
                    .to_owned(),
            );
            Extent::WithoutHold
        } else {
            Extent::All
        };
        self.setup.steps.push_back(Step::Configure(extent));
    }

    fn configure_less(&mut self, extent: Extent, why: String) {
        let next = match extent {
            Extent::All => {
                self.warn(format!("the reader refuses to hold reports, reads during a lost connection are lost: {why}"));
                Extent::WithoutHold
            }
            Extent::WithoutHold => {
                self.warn(format!(
                    "the reader refuses to notify of antenna, input and buffer events: {why}"
                ));
                Extent::KeepaliveOnly
            }
            Extent::KeepaliveOnly => {
                return self.refused(Step::Configure(extent).request_name(), why);
            }
        };
        self.setup.steps.push_front(Step::Configure(next));
    }

    /// What the ROSpecs on the reader still need.
    fn plan_rospecs(&mut self) {
        let own_id = self.config.rospec_id;
        let stock = &self.setup.stock;
        let mut steps = VecDeque::new();
        let mut warning = None;
        if !stock.foreign.is_empty() {
            match self.config.foreign_rospecs {
                ForeignRoSpecs::Keep => {
                    let list = id_list(&stock.foreign);
                    warning = Some(format!("the reader also holds {list} of other software"));
                }
                ForeignRoSpecs::Replace => {
                    for &id in &stock.foreign {
                        steps.extend([Step::Disable { id }, Step::Delete { id, known: true }]);
                    }
                }
            }
        }
        let same = |own: &&ROSpec| {
            self.setup
                .planned
                .as_ref()
                .is_some_and(|planned| is_same(planned, own))
        };
        let running = stock.own.as_ref().filter(same).map(|own| own.current_state);
        let kept = match running {
            Some(ROSpecState::Active) => true,
            Some(ROSpecState::Inactive) => {
                steps.push_back(Step::Start);
                true
            }
            _ => {
                if stock.own.is_some() || !stock.known {
                    let known = stock.known;
                    steps.extend([
                        Step::Disable { id: own_id },
                        Step::Delete { id: own_id, known },
                    ]);
                }
                steps.extend([Step::Add, Step::Enable, Step::Start]);
                false
            }
        };
        self.setup.kept = kept;
        self.setup.steps.extend(steps);
        if let Some(warning) = warning {
            self.warn(warning);
        }
    }

    /// After [`Step::Check`]: brings our ROSpec back if something has stopped it.
    fn mend(&mut self) {
        let state = self.setup.stock.own.as_ref().map(|own| own.current_state);
        if state == Some(ROSpecState::Active) {
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
        self.setup.steps.extend(steps.iter().cloned());
    }

    fn refused(&mut self, request: &'static str, explanation: String) {
        let foreign = &self.setup.stock.foreign;
        let about_ours = matches!(request, "ADD_ROSPEC" | "ENABLE_ROSPEC" | "START_ROSPEC");
        let hint = if about_ours
            && !foreign.is_empty()
            && self.config.foreign_rospecs == ForeignRoSpecs::Keep
        {
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
