//! What a read point's guard looks at, and how strict it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rule::{Level, Rule};
use super::status::Status;
use crate::config::Step;
use crate::time::Span;

/// The guard of one read point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardConfig {
    /// Which rules it has; what is not here is not looked at.
    pub rules: BTreeMap<Rule, Strictness>,
    /// Data older than this is stale; so is data of which nobody told how old it is.
    pub max_age: Span,
    /// What expires within so many days is found by [`Rule::MinRemaining`]; 0 switches that off.
    pub min_remaining_days: u16,
    /// So many thousandths more than an order's line has open are taken.
    pub tolerance_permille: u32,
    /// Lots that go first ([`Rule::Fefo`], [`Rule::Fifo`]) count only if they are kept here; anywhere, without it.
    pub location: Option<String>,
    /// Words of the site for a lot on hold, beside the usual ones, in small letters.
    pub held: Vec<String>,
    /// Words of the site for a lot that may be used, beside the usual ones, in small letters.
    pub released: Vec<String>,
    /// The event of something that leaves through a door and may not: what was seen is that it stands there to leave.
    pub alert: Step,
}

/// How strict a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strictness {
    /// While the site's data is current.
    pub current: Level,
    /// While it is not.
    pub stale: Level,
}

impl Strictness {
    /// The same whether or not data is current.
    #[must_use]
    pub const fn always(level: Level) -> Self {
        Self {
            current: level,
            stale: level,
        }
    }
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            rules: Rule::ALL
                .into_iter()
                .map(|rule| (rule, rule.default_strictness()))
                .collect(),
            max_age: Span::millis(8 * 3_600_000),
            min_remaining_days: 0,
            tolerance_permille: 0,
            location: None,
            held: Vec::new(),
            released: Vec::new(),
            alert: Step {
                biz_step: "staging_outbound".to_owned(),
                disposition: Some("non_sellable_other".to_owned()),
                ..Step::default()
            },
        }
    }
}

impl GuardConfig {
    /// How bad it is when this rule finds something; nothing is said ([`Level::Accept`]) where the rule is off.
    #[must_use]
    pub fn level(&self, rule: Rule, is_stale: bool) -> Level {
        match self.rules.get(&rule) {
            None => Level::Accept,
            Some(strictness) if is_stale => strictness.stale,
            Some(strictness) => strictness.current,
        }
    }

    /// Whether the rule is looked at, now or with stale data.
    #[must_use]
    pub fn has(&self, rule: Rule) -> bool {
        self.level(rule, false).max(self.level(rule, true)) > Level::Accept
    }

    /// What a site's word for a lot means.
    #[must_use]
    pub fn status(&self, word: &str) -> Status {
        let word = status_word(word);
        if self.held.contains(&word) {
            Status::Held
        } else if self.released.contains(&word) {
            Status::Released
        } else {
            Status::of(&word)
        }
    }
}

/// A site's word as it is compared: small letters, and `_` for what separates them.
#[must_use]
pub fn status_word(word: &str) -> String {
    let letter = |c: char| {
        if c == '-' || c.is_whitespace() {
            '_'
        } else {
            c
        }
    };
    word.trim().to_lowercase().chars().map(letter).collect()
}
