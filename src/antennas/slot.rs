//! What one antenna read in the piece of time that is under way.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use tracegate_pipeline::Read;
use tracegate_pipeline::filter::Pattern;
use tracegate_pipeline::input::EpcKey;

use crate::story::identity;

/// Tags remembered; with more the piece is not judged.
const MAX_TAGS: usize = 4_096;
/// Reads whose mean strength says something.
const LEAST: u64 = 10;

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Tags that came: unread here for a piece and more.
    pub(super) tags: u32,
    /// Reads of tags that came in this piece or the one before.
    pub(super) fresh: u64,
    /// Reads of tags that are fixed to the building.
    pub(super) reference: u64,
    /// Reads of all tags.
    pub(super) reads: u64,
    rssi: (i64, u64),
    known: HashMap<u64, Known>,
    full: bool,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    came: i64,
    last: i64,
    is_reference: bool,
}

impl Slot {
    pub(super) fn read(&mut self, piece: i64, read: &Read, reference: &[Pattern]) {
        let count = 1 + u64::from(read.more);
        self.reads = self.reads.saturating_add(count);
        let mut hasher = DefaultHasher::new();
        (&read.epc, read.bit_len).hash(&mut hasher);
        let key = hasher.finish();
        let is_full = self.known.len() >= MAX_TAGS;
        let known = match self.known.get_mut(&key) {
            Some(known) => {
                known.last = piece;
                *known
            }
            None if is_full => {
                self.full = true;
                return;
            }
            None => {
                let known = Known {
                    came: piece,
                    last: piece,
                    is_reference: is_reference(read, reference),
                };
                self.known.insert(key, known);
                self.tags += u32::from(!known.is_reference);
                known
            }
        };
        if known.is_reference {
            self.reference = self.reference.saturating_add(count);
        } else if piece - known.came <= 1 {
            self.fresh = self.fresh.saturating_add(count);
            if let Some(rssi) = read.rssi_dbm {
                self.rssi = (self.rssi.0 + i64::from(rssi), self.rssi.1 + 1);
            }
        }
    }

    /// A new piece begins; tags unread for the whole of the one before are forgotten.
    pub(super) fn begin(&mut self, piece: i64) {
        let mut known = std::mem::take(&mut self.known);
        known.retain(|_, tag| piece - tag.last <= 1);
        *self = Self {
            known,
            ..Self::default()
        };
    }

    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn mean_rssi(&self) -> Option<f64> {
        let (sum, count) = self.rssi;
        (count >= LEAST).then(|| sum as f64 / count as f64)
    }
}

fn is_reference(read: &Read, reference: &[Pattern]) -> bool {
    if reference.is_empty() {
        return false;
    }
    let key = EpcKey {
        epc: read.epc.clone(),
        bit_len: read.bit_len,
    };
    let identity = identity(&key, read.pc);
    let bits = usize::from(read.bit_len);
    let mut patterns = reference.iter();
    patterns.any(|pattern| pattern.matches(&read.epc, bits, &identity))
}
