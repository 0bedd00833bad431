//! The words that sites have for lots and orders.

/// What a word for a lot means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It may be used.
    Released,
    /// It may not be used.
    Held,
    /// Nobody here knows.
    Unknown,
}

const RELEASED: &[&str] = &[
    "released",
    "release",
    "ok",
    "available",
    "unrestricted",
    "approved",
    "accepted",
    "passed",
    "conformant",
    "active",
];
const HELD: &[&str] = &[
    "hold",
    "held",
    "on_hold",
    "quality_hold",
    "blocked",
    "block",
    "rejected",
    "reject",
    "quarantine",
    "quarantined",
    "quality_inspection",
    "inspection",
    "in_inspection",
    "non_conformant",
    "nonconformant",
    "failed",
    "recalled",
    "restricted",
    "scrapped",
    "expired",
];
const CLOSED: &[&str] = &[
    "closed",
    "complete",
    "completed",
    "finished",
    "done",
    "cancelled",
    "canceled",
    "technically_completed",
    "deleted",
];

impl Status {
    /// What one of the usual words means, in small letters and with `_` between its parts.
    #[must_use]
    pub fn of(word: &str) -> Self {
        if RELEASED.contains(&word) {
            Self::Released
        } else if HELD.contains(&word) {
            Self::Held
        } else {
            Self::Unknown
        }
    }
}

/// Whether a word for an order says that nothing is to be issued to it any more.
pub(super) fn is_closed(word: &str) -> bool {
    CLOSED.contains(&super::config::status_word(word).as_str())
}
