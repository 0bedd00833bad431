//! Guards: may this lot, serial number or pallet be used here?
//!
//! [`judge`] answers from what is known ([`References`](crate::reference::References)) and what the code itself says, never
//! from a clock or a table, so an answer can be given at once and is the same in a replay. A [`GuardConfig`] says which
//! rules a read point has and how strict each is.
//!
//! Invariant: what is refused because of a hold or an expiry is refused however old the data is, and whatever else is
//! known besides.

mod config;
mod day;
mod judge;
mod rule;
mod status;
mod tell;

pub use config::{GuardConfig, Strictness, status_word};
pub use day::best_before;
pub use judge::{Asked, judge, lot_key};
pub use rule::{Level, Rule};
pub use status::Status;
pub(crate) use tell::alert;
pub use tell::remark;

#[cfg(test)]
mod tests;

use crate::time::Span;

/// What the guard says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judgement {
    /// What it found, in order of [`Rule`]; nothing if all is well.
    pub findings: Vec<Finding>,
    /// Version of the record that it judged by: the lot's, else the order's.
    pub data_version: Option<u64>,
    /// How old the site's data is; `None` if nobody told.
    pub data_age: Option<Span>,
}

/// One thing that a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// How bad it is here.
    pub level: Level,
    /// What is wrong and what to do, for the operator.
    pub text: String,
    /// The lot that it is about, as class URI.
    pub about: Option<String>,
    /// The lot to take instead.
    pub take: Option<String>,
    /// It could not be checked: too little is known.
    pub unverified: bool,
    /// Version of the record that says so; `None` if the code itself does, or nothing.
    pub version: Option<u64>,
}

impl Judgement {
    /// The worst of what was found.
    #[must_use]
    pub fn level(&self) -> Level {
        let levels = self.findings.iter().map(|finding| finding.level);
        levels.max().unwrap_or_default()
    }

    /// The worst finding, the first of them; `None` if all is well.
    #[must_use]
    pub fn worst(&self) -> Option<&Finding> {
        let level = self.level();
        self.findings.iter().find(|finding| finding.level == level)
    }

    /// What was found, the worst first, for the operator; empty if all is well.
    #[must_use]
    pub fn text(&self) -> String {
        let mut findings: Vec<&Finding> = self.findings.iter().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        let texts: Vec<&str> = findings.iter().map(|it| it.text.as_str()).collect();
        texts.join("; ")
    }
}
