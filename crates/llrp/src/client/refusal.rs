//! What a reader refuses, and what can be left out because of it.

use super::Client;
use crate::codec::code::StatusCode;
use crate::codec::param::{LLRPStatus, ParameterError};
use crate::codec::status::explain;
use crate::codec::{Parameter, Params, param};
use crate::wire::MAX_DEPTH;

/// A part of a request that the session can do without. In the order they are given up, the least needed first.
///
/// Not among them is what would make reads count that should not: antennas, their power and an input that says when to
/// read. A Select filter may go, because whoever asked for it gets more reads and can filter them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extra {
    VendorReport,
    SearchMode,
    ReportContent,
    ReportTiming,
    Sensitivity,
    Mode,
    Select,
    Singulation,
    DutyCycle,
    LinkMonitor,
    Inputs,
    Hold,
    Notifications,
}

impl Extra {
    /// What it means that it is left out.
    fn left_out(self) -> &'static str {
        match self {
            Self::VendorReport => "the vendor's report contents are left out",
            Self::SearchMode => "the reader's own search mode is used",
            Self::ReportContent => "CRC, XPC words, channel and AccessSpec id are not reported",
            Self::ReportTiming => "each read is reported at once",
            Self::Sensitivity => "the reader's own receive sensitivity is used",
            Self::Mode => "the reader's own radio mode is used",
            Self::Select => "the reader reads all tags, not only those asked for",
            Self::Singulation => "the reader's own session and tag population are used",
            Self::DutyCycle => "the reader reads without pauses",
            Self::LinkMonitor => {
                "a reader that loses the link keeps the session until it is restarted"
            }
            Self::Inputs => "changes of inputs are not told",
            Self::Hold => {
                "the reader does not hold reports: reads during a lost connection are lost"
            }
            Self::Notifications => "antenna, input and buffer events are not told",
        }
    }

    /// Types of the parameters it consists of.
    fn parameters(self) -> &'static [u16] {
        match self {
            Self::VendorReport | Self::SearchMode | Self::LinkMonitor => &[param::Custom::TYPE],
            Self::ReportContent => &[
                param::TagReportContentSelector::TYPE,
                param::C1G2EPCMemorySelector::TYPE,
            ],
            Self::ReportTiming => &[param::ROReportSpec::TYPE],
            Self::Sensitivity => &[param::RFReceiver::TYPE],
            Self::Mode => &[param::C1G2RFControl::TYPE],
            Self::Select => &[
                param::C1G2Filter::TYPE,
                param::C1G2TagInventoryMask::TYPE,
                param::C1G2TagInventoryStateUnawareFilterAction::TYPE,
            ],
            Self::Singulation => &[param::C1G2SingulationControl::TYPE],
            Self::DutyCycle => &[
                param::ROSpecStartTrigger::TYPE,
                param::PeriodicTriggerValue::TYPE,
                param::ROSpecStopTrigger::TYPE,
            ],
            Self::Inputs => &[param::GPIPortCurrentState::TYPE],
            Self::Hold => &[param::EventsAndReports::TYPE],
            Self::Notifications => &[
                param::ReaderEventNotificationSpec::TYPE,
                param::EventNotificationState::TYPE,
            ],
        }
    }
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// In words.
    pub(super) explanation: String,
    /// Types of the parameters at fault, innermost last.
    parameters: Vec<u16>,
    /// The code the reader gives; `None` if it did not answer.
    code: Option<StatusCode>,
}

impl Refusal {
    /// A failure that is no refusal by the reader.
    pub(super) fn unanswered(explanation: String) -> Self {
        Self {
            explanation,
            parameters: Vec::new(),
            code: None,
        }
    }

    /// Whether the reader has no room for one more of a parameter.
    pub(super) fn is_full(&self, parameter: u16) -> bool {
        let overflow = matches!(
            self.code,
            Some(StatusCode::OverflowParameter | StatusCode::NestedOverflowParameter)
        );
        overflow && (self.parameters.is_empty() || self.parameters.contains(&parameter))
    }

    /// What to leave out next of `used`: what the reader objects to, if it says so, else the least needed.
    pub(super) fn give_up(&self, used: &[Extra]) -> Option<Extra> {
        let named = self.parameters.iter().rev().find_map(|parameter| {
            used.iter()
                .filter(|extra| extra.parameters().contains(parameter))
                .min()
        });
        named.or_else(|| used.iter().min()).copied()
    }
}

impl From<&LLRPStatus> for Refusal {
    fn from(status: &LLRPStatus) -> Self {
        let mut refusal = Self {
            explanation: explain(status),
            parameters: Vec::new(),
            code: Some(status.status_code),
        };
        refusal.take_errors(&status.params, MAX_DEPTH);
        refusal
    }
}

impl Refusal {
    fn take_errors(&mut self, params: &Params, depth: u8) {
        let Some(deeper) = depth.checked_sub(1) else {
            return;
        };
        for error in params.all::<ParameterError>() {
            self.parameters.push(error.parameter_type);
            if error.error_code == StatusCode::NestedOverflowParameter
                || error.error_code == StatusCode::OverflowParameter
            {
                self.code = Some(error.error_code);
            }
            self.take_errors(&error.params, deeper);
        }
    }
}

impl Client {
    /// Leaves something out from now on.
    pub(super) fn leave_out(&mut self, extra: Extra, refusal: &Refusal) {
        self.setup.left_out.push(extra);
        self.memory
            .refused
            .push((extra, refusal.explanation.clone()));
    }
}

/// What is asked for of a request: what was refused before is not, and why is said.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    refused: &'a [(Extra, String)],
    pub(super) used: Vec<Extra>,
    pub(super) limits: Vec<String>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(refused: &'a [(Extra, String)]) -> Self {
        Self {
            refused,
            used: Vec::new(),
            limits: Vec::new(),
        }
    }

    /// Whether to ask for something that is wanted.
    pub(super) fn may(&mut self, extra: Extra) -> bool {
        if let Some((_, why)) = self.refused.iter().find(|(refused, _)| *refused == extra) {
            self.limit(format!("{}, as it refuses: {why}", extra.left_out()));
            return false;
        }
        if !self.used.contains(&extra) {
            self.used.push(extra);
        }
        true
    }

    /// Says what the reader cannot do, once.
    pub(super) fn limit(&mut self, text: String) {
        if !self.limits.contains(&text) {
            self.limits.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::param::FieldError;

    fn refusal(types: &[u16]) -> Refusal {
        let params = types
            .iter()
            .rev()
            .fold(Params::default(), |params, &parameter_type| {
                Params::default().with(ParameterError {
                    parameter_type,
                    error_code: StatusCode::NestedFieldError,
                    params: if params.0.is_empty() {
                        Params::default().with(FieldError::default())
                    } else {
                        params
                    },
                })
            });
        Refusal::from(&LLRPStatus {
            status_code: StatusCode::ParameterError,
            params,
            ..LLRPStatus::default()
        })
    }

    #[test]
    fn what_the_reader_names_goes_first_and_else_the_least_needed() {
        let used = [Extra::Mode, Extra::SearchMode, Extra::Select];
        let rospec = param::ROSpec::TYPE;
        let mode = param::C1G2RFControl::TYPE;
        assert_eq!(refusal(&[]).give_up(&used), Some(Extra::SearchMode));
        assert_eq!(refusal(&[rospec]).give_up(&used), Some(Extra::SearchMode));
        assert_eq!(refusal(&[rospec, mode]).give_up(&used), Some(Extra::Mode));
        assert_eq!(
            refusal(&[rospec, param::C1G2Filter::TYPE]).give_up(&used),
            Some(Extra::Select)
        );
        assert_eq!(refusal(&[mode]).give_up(&[]), None);
    }
}
