//! What is known about things from elsewhere: what is on a pallet, which lot a serial number belongs to.
//!
//! The whole table lives outside the pipeline. The pipeline says which things an input mentions that it knows nothing of
//! ([`Pipeline::wanted`](crate::Pipeline::wanted)); whoever runs it looks them up and hands in an
//! [`Input::References`](crate::Input::References) before that input. So a journal holds what was known at the time, and
//! its replay gives the same events, whatever the table says by then.
//!
//! Here they are kept for as long as a read point follows the thing and for [`KEPT`] after the last mention.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::time::{Span, Time};

/// Facts held at most, an entry of a pallet's contents counting as one; beyond, those mentioned longest ago are forgotten.
const MAX_FACTS: usize = 100_000;
/// How long facts outlive the last mention of their thing.
pub const KEPT: Span = Span::millis(60_000);
/// Facts that nobody needs any more are looked for this often.
const SWEEP: Span = Span::millis(10_000);

/// What is known about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The thing as canonical URI: an SSCC or another carrier, a GTIN with serial number, a GTIN with lot.
    pub key: String,
    /// Rises with every change of the record; an older version never replaces a newer one.
    pub version: u64,
    /// The facts; `None` when the record was deleted.
    pub facts: Option<Facts>,
}

/// The kinds of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facts {
    /// What a carrier holds.
    Contents(Vec<Content>),
    /// Where a serial number comes from.
    Serial(Batch),
    /// How a lot is.
    Lot(Lot),
}

/// One entry of a carrier's contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The thing, or the class of things, as canonical URI.
    pub item: String,
    /// True for a single thing, false for some amount of a class.
    pub instance: bool,
    /// The lot of a single thing, if it is known.
    pub lot: Option<String>,
    /// How many pieces of a class, if it is known and they are pieces.
    pub pieces: Option<u64>,
}

/// The batch that a serial number belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Lot number.
    pub lot: String,
    /// Expiry as `YYMMDD`, as in AI (17).
    pub expiry: Option<String>,
}

/// How a lot is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lot {
    /// The store's word for it, such as `released` or `hold`.
    pub status: Option<String>,
    /// Expiry as `YYMMDD`, as in AI (17).
    pub expiry: Option<String>,
}

impl Facts {
    /// How much it counts against the bound.
    fn weight(&self) -> usize {
        match self {
            Self::Contents(contents) => 1 + contents.len(),
            Self::Serial(_) | Self::Lot(_) => 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    mentioned: Time,
    version: u64,
    facts: Option<Facts>,
}

/// The facts that matter now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct References {
    known: BTreeMap<String, Known>,
    by_age: BTreeSet<(Time, String)>,
    weight: usize,
    swept: Time,
    /// Facts forgotten because of the cap.
    pub capped: u64,
}

impl References {
    /// Whether something is known about the thing, be it that its record was deleted.
    pub fn knows(&self, key: &str) -> bool {
        self.known.contains_key(key)
    }

    /// What the carrier holds, if it is known.
    pub fn contents(&self, key: &str) -> Option<&[Content]> {
        match self.known.get(key)?.facts.as_ref()? {
            Facts::Contents(contents) => Some(contents),
            Facts::Serial(_) | Facts::Lot(_) => None,
        }
    }

    /// The batch of a serial number, if it is known.
    pub fn batch(&self, key: &str) -> Option<&Batch> {
        match self.known.get(key)?.facts.as_ref()? {
            Facts::Serial(batch) => Some(batch),
            Facts::Contents(_) | Facts::Lot(_) => None,
        }
    }

    /// Takes a record unless a newer one is known.
    pub fn learn(&mut self, at: Time, reference: Reference) {
        let Reference {
            key,
            version,
            facts,
        } = reference;
        if self
            .known
            .get(&key)
            .is_some_and(|known| known.version > version)
        {
            return;
        }
        self.forget(&key);
        self.weight += facts.as_ref().map_or(1, Facts::weight);
        self.by_age.insert((at, key.clone()));
        let known = Known {
            mentioned: at,
            version,
            facts,
        };
        self.known.insert(key, known);
        while self.weight > MAX_FACTS
            && let Some((_, oldest)) = self.by_age.first().cloned()
        {
            self.forget(&oldest);
            self.capped += 1;
        }
    }

    /// Forgets what was not mentioned for [`KEPT`], except about things that are still `followed`.
    pub fn sweep(&mut self, now: Time, followed: impl FnOnce() -> BTreeSet<String>) {
        let is_due = |(at, _): &(Time, String)| now - *at >= KEPT;
        if now - self.swept < SWEEP || !self.by_age.first().is_some_and(is_due) {
            return;
        }
        self.swept = now;
        let followed = followed();
        while let Some((at, key)) = self.by_age.first().filter(|entry| is_due(entry)).cloned() {
            if !followed.contains(&key) {
                self.forget(&key);
            } else if let Some(known) = self.known.get_mut(&key) {
                known.mentioned = now;
                self.by_age.remove(&(at, key.clone()));
                self.by_age.insert((now, key));
            }
        }
    }

    /// Facts held.
    pub fn len(&self) -> usize {
        self.weight
    }

    fn forget(&mut self, key: &str) {
        if let Some(known) = self.known.remove(key) {
            self.by_age.remove(&(known.mentioned, key.to_owned()));
            self.weight = self
                .weight
                .saturating_sub(known.facts.as_ref().map_or(1, Facts::weight));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(key: &str, version: u64, lot: Option<&str>) -> Reference {
        let batch = |lot: &str| {
            Facts::Serial(Batch {
                lot: lot.to_owned(),
                expiry: None,
            })
        };
        Reference {
            key: key.to_owned(),
            version,
            facts: lot.map(batch),
        }
    }

    fn lot(references: &References, key: &str) -> Option<String> {
        references.batch(key).map(|batch| batch.lot.clone())
    }

    #[test]
    fn an_older_version_never_replaces_a_newer_one_and_a_deletion_is_a_version() {
        let mut references = References::default();
        references.learn(Time(0), serial("a", 5, Some("L5")));
        references.learn(Time(1), serial("a", 4, Some("L4")));
        assert_eq!(lot(&references, "a").as_deref(), Some("L5"));
        references.learn(Time(2), serial("a", 6, None));
        references.learn(Time(3), serial("a", 5, Some("L5")));
        assert_eq!(lot(&references, "a"), None);
        assert!(references.knows("a"));
        assert_eq!(references.len(), 1);
    }

    #[test]
    fn what_is_not_followed_is_forgotten_after_a_while() {
        let mut references = References::default();
        references.learn(Time(0), serial("parked", 1, Some("L")));
        references.learn(Time(0), serial("gone", 1, Some("L")));
        let followed = || BTreeSet::from(["parked".to_owned()]);
        references.sweep(Time(0) + KEPT - Span::millis(1), followed);
        assert_eq!(references.len(), 2);
        for minute in 1..10 {
            references.sweep(Time(KEPT.0 * minute), followed);
            assert_eq!(references.len(), 1, "minute {minute}");
        }
        references.sweep(Time(KEPT.0 * 10), BTreeSet::new);
        assert_eq!(
            references,
            References {
                swept: Time(KEPT.0 * 10),
                ..References::default()
            }
        );
    }

    #[test]
    fn the_cap_holds_and_is_counted() {
        let mut references = References::default();
        let content = Content {
            item: "x".to_owned(),
            instance: true,
            lot: None,
            pieces: None,
        };
        for pallet in 0..30 {
            references.learn(
                Time(pallet),
                Reference {
                    key: format!("{pallet:02}"),
                    version: 1,
                    facts: Some(Facts::Contents(vec![content.clone(); 9_999])),
                },
            );
        }
        assert_eq!((references.len(), references.capped), (100_000, 20));
        assert!(references.knows("29") && !references.knows("19"));
    }
}
