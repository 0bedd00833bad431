//! `[audit]`: the record of verdicts.

use std::time::Duration;

use serde::Deserialize;

use super::check::Checker;
use super::limits::{range, show_number, show_time};
use super::units::from_text;
use crate::audit::Keep;

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Audit {
    /// For so long verdicts are kept.
    #[serde(deserialize_with = "from_text")]
    pub keep: Duration,
    /// So many at most.
    pub max_rows: u64,
}

impl Default for Audit {
    fn default() -> Self {
        let Keep { age, rows } = Keep::default();
        Self {
            keep: age,
            max_rows: rows,
        }
    }
}

impl Audit {
    /// How long rows stay.
    #[must_use]
    pub const fn keep(&self) -> Keep {
        Keep {
            age: self.keep,
            rows: self.max_rows,
        }
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let audit = &checker.config.audit;
    let day = Duration::from_secs(86_400);
    range(
        checker,
        &["audit", "keep"],
        audit.keep,
        day..=day * 3_660,
        show_time,
    );
    range(
        checker,
        &["audit", "max_rows"],
        audit.max_rows,
        1_000..=10_000_000,
        show_number,
    );
}
