//! What is agreed with the reader as a whole: protocol version, keepalives, events, holding, inputs.

use std::time::Duration;

use super::Client;
use super::event::ClientEvent;
use super::refusal::{Asking, Extra, Refusal};
use super::rospec::millis;
use super::step::Step;
use crate::codec::Params;
use crate::codec::code::{GPIPortState, KeepaliveTriggerType, NotificationEventType, ROSpecState};
use crate::codec::impinj::{LinkMonitorConfiguration, Switch};
use crate::codec::message::{self, Message};
use crate::codec::param::{
    EventNotificationState, EventsAndReports, GPIPortCurrentState, KeepaliveSpec,
    LLRPConfigurationStateValue, ReaderEventNotificationSpec,
};

/// Events that operators ask for, and those that tell that our ROSpec has stopped.
const NOTIFICATIONS: [NotificationEventType; 5] = [
    NotificationEventType::GpiEvent,
    NotificationEventType::ROSpecEvent,
    NotificationEventType::ReportBufferFillWarning,
    NotificationEventType::ReaderExceptionEvent,
    NotificationEventType::AntennaEvent,
];
/// Keepalives without an answer after which the reader drops a dead session.
const LINK_DOWN_AFTER: u16 = 5;
/// Most inputs switched on; a hostile number must not make a huge message.
const INPUTS_MAX: u16 = 64;

impl Client {
    /// The reader has answered the question for its versions, or not.
    pub(super) fn versions_told(&mut self, outcome: Result<&Message, Refusal>) {
        self.memory.versions_cut = false;
        match outcome {
            Ok(Message::GetSupportedVersionResponse(told)) => {
                let wanted = self.config.max_version.min(told.supported_version).max(1);
                let current = told.current_version.clamp(1, 3);
                self.version = current;
                if wanted != current {
                    self.setup
                        .steps
                        .push_front(Step::SetVersion { wanted, current });
                }
            }
            // An old reader; it need not be asked again.
            Ok(_) | Err(_) => self.memory.dislikes_versions = true,
        }
    }

    /// Once the version is settled, outputs can be written, too.
    pub(super) fn negotiation_goes_on(&mut self, now: Duration) {
        if !matches!(self.setup.steps.front(), Some(Step::SetVersion { .. })) {
            self.negotiated = true;
            self.rewrite_outputs(now);
        }
    }

    /// SET_READER_CONFIG as it is to be asked for, and what of it could be left out.
    pub(super) fn reader_config(&self) -> (message::SetReaderConfig, Vec<Extra>, Vec<String>) {
        let capabilities = &self.setup.capabilities;
        let mut asking = Asking::new(&self.memory.refused);
        let mut params = Params::default();
        if asking.may(Extra::Notifications) {
            let states = NOTIFICATIONS.map(|event_type| EventNotificationState {
                event_type,
                enabled: true,
            });
            params.push(ReaderEventNotificationSpec {
                params: states.into_iter().collect(),
            });
        }
        params.push(KeepaliveSpec {
            trigger_type: KeepaliveTriggerType::Periodic,
            period_ms: millis(self.keepalive_period()),
        });
        let inputs = capabilities.inputs.unwrap_or(0).min(INPUTS_MAX);
        if inputs > 0 && asking.may(Extra::Inputs) {
            for gpi_port_num in 1..=inputs {
                params.push(GPIPortCurrentState {
                    gpi_port_num,
                    config: true,
                    state: GPIPortState::NotKnown,
                });
            }
        }
        if capabilities.can_hold_reports == Some(false) {
            asking.limit(
                "the reader cannot hold reports: reads during a lost connection are lost"
                    .to_owned(),
            );
        } else if asking.may(Extra::Hold) {
            params.push(EventsAndReports {
                hold_events_and_reports_upon_reconnect: true,
            });
        }
        if self.setup.extensions && asking.may(Extra::LinkMonitor) {
            // Without it the reader keeps a dead client's session for good, and refuses the next.
            params.push(LinkMonitorConfiguration {
                mode: Switch::On,
                link_down_threshold: LINK_DOWN_AFTER,
                ..LinkMonitorConfiguration::default()
            });
        }
        let message = message::SetReaderConfig {
            reset_to_factory_default: false,
            params,
        };
        (message, asking.used, asking.limits)
    }

    /// SET_READER_CONFIG has been carried out.
    pub(super) fn configured(&mut self) {
        let (_, used, limits) = self.reader_config();
        self.watching = true;
        self.setup.holds = used.contains(&Extra::Hold);
        self.setup.limits.extend(limits);
        self.plan_rospecs();
        if self.setup.capabilities.inputs != Some(0) {
            self.setup.steps.push_back(Step::Inputs);
        }
        self.setup.steps.extend([Step::StateAfter, Step::Release]);
        if !self.setup.holds {
            self.setup.steps.push_back(Step::FetchHeld);
        }
    }

    /// SET_READER_CONFIG was refused: less is asked for, if there is anything to leave out.
    pub(super) fn configure_less(&mut self, why: Refusal) {
        let (_, used, _) = self.reader_config();
        match why.give_up(&used) {
            Some(extra) => {
                self.leave_out(extra, &why);
                self.setup.steps.push_front(Step::Configure);
            }
            None => self.refused("SET_READER_CONFIG", why.explanation),
        }
    }

    /// The levels of the inputs as they are now.
    pub(super) fn inputs_told(&mut self, params: &Params) {
        let mut begins = false;
        for input in params.all::<GPIPortCurrentState>() {
            let (port, high) = match input.state {
                GPIPortState::Low => (input.gpi_port_num, false),
                GPIPortState::High => (input.gpi_port_num, true),
                _ => continue,
            };
            let trigger = self.config.trigger;
            begins |= trigger.is_some_and(|t| t.port == port && t.high == high);
            self.emit(ClientEvent::Gpi {
                port,
                high,
                reader_time: None,
            });
        }
        // A trigger is a change of level; if the level is there already, nothing would start before the next change.
        let state = self.setup.stock.own.as_ref().map(|own| own.current_state);
        if begins && !(self.setup.kept && state == Some(ROSpecState::Active)) {
            self.setup.steps.push_front(Step::StartNow);
        }
    }

    /// Says what the reader cannot do: with [`ClientEvent::Ready`] if that is to come.
    pub(super) fn limit(&mut self, text: String) {
        if self.state == super::State::Ready {
            self.warn(text);
        } else {
            self.setup.limits.push(text);
        }
    }
}

/// `LLRPConfigurationStateValue` (LLRP 1.0.1 §12.2.1): changes with every change of ROSpecs, AccessSpecs or
/// configuration, whoever makes it.
pub(super) fn state_value(params: &Params) -> Option<u32> {
    params
        .first::<LLRPConfigurationStateValue>()
        .map(|state| state.value)
}
