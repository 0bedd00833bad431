//! What one connection learned that the next should know.

use std::collections::BTreeMap;

use super::capabilities::Capabilities;
use super::config::ClientConfig;
use super::refusal::Extra;
use crate::report::ReaderTime;

/// What was learned about a reader. Take it from a [`Client`](super::Client) that has ended
/// ([`Client::memory`](super::Client::memory)) and hand it to the next one
/// ([`Client::with_memory`](super::Client::with_memory)): what the reader refused is then not asked for again, a reboot
/// is noticed, outputs are written again. A client without one works as well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// The configuration that [`Self::refused`] is about.
    config: Option<ClientConfig>,
    /// Maker, model and firmware that it is about.
    reader: Option<(Option<u32>, Option<u32>, Option<String>)>,
    /// The reader does not take the question for its versions well.
    pub(super) dislikes_versions: bool,
    /// The connection ended when the reader was last asked for its versions.
    pub(super) versions_cut: bool,
    /// What was left out, and why.
    pub(super) refused: Vec<(Extra, String)>,
    /// Id of the ROSpec that a session left reading.
    pub(super) rospec_id: Option<u32>,
    /// A session with [`Self::config`] got as far as reading.
    pub(super) set_up: bool,
    /// `LLRPConfigurationStateValue` when all was set up.
    pub(super) state_value: Option<u32>,
    /// Outputs as last asked for.
    pub(super) outputs: BTreeMap<u16, bool>,
    /// Latest time the reader told as the present.
    pub(super) last_time: Option<ReaderTime>,
}

impl Memory {
    /// Forgets what is only true with another configuration.
    pub(super) fn meet_config(&mut self, config: &ClientConfig) {
        if self.config.as_ref() != Some(config) {
            self.config = Some(config.clone());
            self.refused.clear();
            self.set_up = false;
        }
    }

    /// Forgets what is only true of another reader or firmware.
    pub(super) fn meet_reader(&mut self, reader: &Capabilities) {
        let id = Some((reader.manufacturer, reader.model, reader.firmware.clone()));
        if self.reader.is_some() && self.reader != id {
            self.refused.clear();
            self.dislikes_versions = false;
            self.versions_cut = false;
            self.set_up = false;
        }
        self.reader = id;
    }
}
