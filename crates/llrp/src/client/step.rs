//! The requests that a set-up is made of.

use super::Client;
use crate::codec::Params;
use crate::codec::code::{CapabilitiesRequest, ConfigRequest, ROSpecState};
use crate::codec::impinj::EnableExtensions;
use crate::codec::message::{self, Message};

/// One request of the set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    AskVersions,
    SetVersion {
        wanted: u8,
        current: u8,
    },
    Capabilities,
    /// Switch Impinj's extensions on, anew on each connection.
    Extensions,
    /// The configuration state value before we change anything.
    StateBefore,
    TakeStock,
    TakeAccessStock,
    Configure,
    Disable {
        id: u32,
    },
    Delete {
        id: u32,
        known: bool,
    },
    Add,
    DisableAccess {
        id: u32,
    },
    DeleteAccess {
        id: u32,
    },
    AddAccess {
        id: u32,
    },
    EnableAccess {
        id: u32,
    },
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
    /// Levels of the inputs, which may have changed while nobody was connected.
    Inputs,
    /// Start reading although the input had its level already.
    StartNow,
    /// The configuration state value of what we have set up.
    StateAfter,
    Release,
    FetchHeld,
}

impl Step {
    pub(super) fn request_type(&self) -> u16 {
        match self {
            Self::AskVersions => message::GetSupportedVersion::TYPE,
            Self::SetVersion { .. } => message::SetProtocolVersion::TYPE,
            Self::Capabilities => message::GetReaderCapabilities::TYPE,
            Self::Extensions => message::CustomMessage::TYPE,
            Self::StateBefore | Self::StateAfter | Self::Inputs => message::GetReaderConfig::TYPE,
            Self::TakeStock | Self::Verify { .. } | Self::Check => message::GetROSpecs::TYPE,
            Self::TakeAccessStock => message::GetAccessSpecs::TYPE,
            Self::Configure => message::SetReaderConfig::TYPE,
            Self::Disable { .. } => message::DisableROSpec::TYPE,
            Self::Delete { .. } => message::DeleteROSpec::TYPE,
            Self::Add => message::AddROSpec::TYPE,
            Self::DisableAccess { .. } => message::DisableAccessSpec::TYPE,
            Self::DeleteAccess { .. } => message::DeleteAccessSpec::TYPE,
            Self::AddAccess { .. } => message::AddAccessSpec::TYPE,
            Self::EnableAccess { .. } => message::EnableAccessSpec::TYPE,
            Self::Enable => message::EnableROSpec::TYPE,
            Self::Start | Self::StartNow => message::StartROSpec::TYPE,
            Self::Release => message::EnableEventsAndReports::TYPE,
            Self::FetchHeld => message::GetReport::TYPE,
        }
    }

    pub(super) fn has_response(&self) -> bool {
        !matches!(self, Self::Release | Self::FetchHeld)
    }

    /// Whether the session goes on without an answer.
    pub(super) fn is_optional(&self) -> bool {
        matches!(
            self,
            Self::AskVersions
                | Self::SetVersion { .. }
                | Self::Extensions
                | Self::StateBefore
                | Self::TakeAccessStock
                | Self::DisableAccess { .. }
                | Self::DeleteAccess { .. }
                | Self::AddAccess { .. }
                | Self::EnableAccess { .. }
                | Self::Inputs
                | Self::StartNow
                | Self::StateAfter
        )
    }
}

impl Client {
    /// The message of a step.
    pub(super) fn step_message(&self, step: &Step) -> Message {
        let rospec_id = self.config.rospec_id;
        let ask = |requested_data| message::GetReaderConfig {
            antenna_id: 0,
            requested_data,
            gpi_port_num: 0,
            gpo_port_num: 0,
            params: Params::default(),
        };
        match step {
            Step::AskVersions => message::GetSupportedVersion {}.into(),
            Step::SetVersion { wanted, .. } => message::SetProtocolVersion {
                protocol_version: *wanted,
            }
            .into(),
            Step::Capabilities => message::GetReaderCapabilities {
                requested_data: CapabilitiesRequest::All,
                params: Params::default(),
            }
            .into(),
            Step::Extensions => EnableExtensions.into(),
            Step::StateBefore | Step::StateAfter => {
                ask(ConfigRequest::ConfigurationStateValue).into()
            }
            Step::Inputs => ask(ConfigRequest::GpiPortCurrentState).into(),
            Step::TakeStock | Step::Verify { .. } | Step::Check => message::GetROSpecs {}.into(),
            Step::TakeAccessStock => message::GetAccessSpecs {}.into(),
            Step::Configure => self.reader_config().0.into(),
            Step::Disable { id } => message::DisableROSpec { rospec_id: *id }.into(),
            Step::Delete { id, .. } => message::DeleteROSpec { rospec_id: *id }.into(),
            Step::Add => message::AddROSpec {
                params: self
                    .setup
                    .planned
                    .iter()
                    .map(|p| p.rospec.clone())
                    .collect(),
            }
            .into(),
            &Step::DisableAccess { id } => message::DisableAccessSpec { access_spec_id: id }.into(),
            &Step::DeleteAccess { id } => message::DeleteAccessSpec { access_spec_id: id }.into(),
            &Step::AddAccess { id } => message::AddAccessSpec {
                params: self.access_spec(id).cloned().into_iter().collect(),
            }
            .into(),
            &Step::EnableAccess { id } => message::EnableAccessSpec { access_spec_id: id }.into(),
            Step::Enable => message::EnableROSpec { rospec_id }.into(),
            Step::Start | Step::StartNow => message::StartROSpec { rospec_id }.into(),
            Step::Release => message::EnableEventsAndReports {}.into(),
            Step::FetchHeld => message::GetReport {}.into(),
        }
    }
}
