//! Conditions that nobody logs where they arise, because they are found by looking at figures: told when they begin and end.

use std::collections::BTreeSet;

use tracing::{error, info, warn};

use crate::health::{Code, Condition, Severity};

/// All others are logged by whoever notices them, with more to say.
const UNTOLD: [Code; 7] = [
    Code::BrokerStalled,
    Code::LotsStale,
    Code::BufferGrowing,
    Code::BufferNearlyFull,
    Code::DiskLow,
    Code::SecretExposed,
    Code::ConfigWaits,
];

/// Those of them that have been told.
#[derive(Debug, Default)]
pub struct Told(BTreeSet<(Code, String)>);

impl Told {
    /// Takes what is shown now; logs what is new and what is over.
    pub fn look(&mut self, shown: &[Condition]) {
        let mut now = BTreeSet::new();
        for condition in shown.iter().filter(|it| UNTOLD.contains(&it.code)) {
            let key = (condition.code, condition.subject.clone());
            if !self.0.contains(&key) {
                tell(condition);
            }
            now.insert(key);
        }
        for (code, subject) in self.0.iter().filter(|key| !now.contains(*key)) {
            info!(code = code.as_str(), subject, "It is over");
        }
        self.0 = now;
    }
}

fn tell(condition: &Condition) {
    let (code, subject) = (condition.code.as_str(), &condition.subject);
    let (text, what_to_do) = (&condition.text, condition.what_to_do);
    match condition.severity {
        Severity::Error => error!(code, subject, what_to_do, "{text}"),
        Severity::Warning => warn!(code, subject, what_to_do, "{text}"),
    }
}
