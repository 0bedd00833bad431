//! Places where a test lets the process die, as `kill -9` at the worst moment does.
//!
//! Without the feature `failpoints`, which no package has, passing one is nothing. With it `TRACEGATE_DIE_AT=in_commit:3`
//! ends the process at the third passage of that place, without a destructor and without a flush.

/// A place that matters for what is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    /// A batch is about to be stored.
    BeforeCommit,
    /// It is written, and not committed.
    InCommit,
    /// It is committed, and nobody has heard of it.
    AfterCommit,
    /// An event is about to be handed to the MQTT client.
    BeforeSend,
    /// It has been.
    AfterSend,
    /// The broker's acknowledgement has arrived.
    BeforeAck,
    /// The buffer has been told of it.
    AfterAck,
    /// Acknowledged events are about to be deleted.
    BeforeDelete,
    /// They have been.
    AfterDelete,
    /// A reload is about to end the tasks of devices.
    BeforeSwap,
    /// They have ended, and the core has the old configuration.
    InSwap,
    /// The core has the new one, and nothing new has begun.
    AfterSwap,
}

impl Failpoint {
    /// Every place, with its name.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::BeforeCommit, "before_commit"),
        (Self::InCommit, "in_commit"),
        (Self::AfterCommit, "after_commit"),
        (Self::BeforeSend, "before_send"),
        (Self::AfterSend, "after_send"),
        (Self::BeforeAck, "before_ack"),
        (Self::AfterAck, "after_ack"),
        (Self::BeforeDelete, "before_delete"),
        (Self::AfterDelete, "after_delete"),
        (Self::BeforeSwap, "before_swap"),
        (Self::InSwap, "in_swap"),
        (Self::AfterSwap, "after_swap"),
    ];

    /// Whether it lies in a reload.
    #[must_use]
    pub const fn is_of_reload(self) -> bool {
        matches!(self, Self::BeforeSwap | Self::InSwap | Self::AfterSwap)
    }

    /// Dies here, if a test wants it.
    #[inline]
    pub fn pass(self) {
        #[cfg(feature = "failpoints")]
        armed::pass(self);
    }
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Failpoint;

    static WANTED: OnceLock<Option<(Failpoint, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);

    fn wanted() -> Option<(Failpoint, u64)> {
        let text = std::env::var("TRACEGATE_DIE_AT").ok()?;
        let (name, times) = text.split_once(':')?;
        let (point, _) = Failpoint::ALL.iter().find(|(_, known)| *known == name)?;
        Some((*point, times.parse().ok()?))
    }

    pub(super) fn pass(at: Failpoint) {
        let Some((point, times)) = *WANTED.get_or_init(wanted) else {
            return;
        };
        if point == at && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == times {
            std::process::abort();
        }
    }
}
