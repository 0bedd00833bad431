//! What one connection learned that the next should know.

use std::collections::BTreeMap;

/// What was learned about a reader. Take it from a [`Client`](super::Client) that has ended
/// ([`Client::memory`](super::Client::memory)) and hand it to the next one
/// ([`Client::with_memory`](super::Client::with_memory)): what the reader refused is then not asked for again, a reboot
/// is noticed, outputs are written again. A client without one works as well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Outputs as last asked for.
    pub(super) outputs: BTreeMap<u16, bool>,
}
