//! What is known about things from elsewhere: what is on a pallet, which lot a serial number belongs to.
//!
//! The whole table lives outside the pipeline. The pipeline says which things an input mentions that it knows nothing of
//! ([`Pipeline::wanted`](crate::Pipeline::wanted)); whoever runs it looks them up and hands in an
//! [`Input::References`](crate::Input::References) before that input. So a journal holds what was known at the time, and
//! its replay gives the same events, whatever the table says by then.
//!
//! Here they are kept for as long as a read point follows the thing and for [`KEPT`] after the last mention.

mod facts;
mod quantity;
mod unit;

pub use facts::{Batch, Content, Facts, Item, ItemLot, Lot, Order, OrderLine};
pub use quantity::Quantity;
pub use unit::Dimension;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::guard::lot_key;
use crate::time::{Span, Time};

/// Facts held at most, an entry of a pallet's contents counting as one; beyond, those mentioned longest ago are forgotten.
const MAX_FACTS: usize = 100_000;
/// How long facts outlive the last mention of their thing.
pub const KEPT: Span = Span::millis(60_000);
/// Facts that nobody needs any more are looked for this often.
const SWEEP: Span = Span::millis(10_000);

/// A pallet tells of serial numbers, and these of lots.
const IMPLIED_DEPTH: usize = 2;

/// What is known about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The thing as canonical URI: an SSCC or another carrier, a GTIN with serial number, a GTIN with lot, a GTIN; an order by
    /// its own URI or as `tracegate:order/…`.
    pub key: String,
    /// Rises with every change of the record; an older version never replaces a newer one.
    pub version: u64,
    /// The facts; `None` when the record was deleted.
    pub facts: Option<Facts>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    mentioned: Time,
    version: u64,
    facts: Option<Facts>,
}

/// The facts that matter now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct References {
    known: BTreeMap<String, Known>,
    by_age: BTreeSet<(Time, String)>,
    weight: usize,
    swept: Time,
    /// Until when the site's data is known to be current, by the site's clock; `None` if nobody told.
    pub as_of: Option<Time>,
    /// Facts forgotten because of the cap.
    pub capped: u64,
}

impl References {
    /// Whether something is known about the thing, be it that its record was deleted.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.known.contains_key(key)
    }

    /// The record of the thing with its version, unless there is none or it was deleted.
    #[must_use]
    pub fn facts(&self, key: &str) -> Option<(&Facts, u64)> {
        let known = self.known.get(key)?;
        Some((known.facts.as_ref()?, known.version))
    }

    /// What the carrier holds, if it is known.
    #[must_use]
    pub fn contents(&self, key: &str) -> Option<&[Content]> {
        match self.facts(key)?.0 {
            Facts::Contents(contents) => Some(contents),
            _ => None,
        }
    }

    /// The batch of a serial number, if it is known.
    #[must_use]
    pub fn batch(&self, key: &str) -> Option<&Batch> {
        match self.facts(key)?.0 {
            Facts::Serial(batch) => Some(batch),
            _ => None,
        }
    }

    /// A lot with the version of its record, by the class URI of GTIN and lot.
    #[must_use]
    pub fn lot(&self, key: &str) -> Option<(&Lot, u64)> {
        match self.facts(key)? {
            (Facts::Lot(lot), version) => Some((lot, version)),
            _ => None,
        }
    }

    /// An order with the version of its record.
    #[must_use]
    pub fn order(&self, key: &str) -> Option<(&Order, u64)> {
        match self.facts(key)? {
            (Facts::Order(order), version) => Some((order, version)),
            _ => None,
        }
    }

    /// The lots of an item that may be used, by the class URI of its GTIN.
    #[must_use]
    pub fn item(&self, key: &str) -> Option<(&Item, u64)> {
        match self.facts(key)? {
            (Facts::Item(item), version) => Some((item, version)),
            _ => None,
        }
    }

    /// Takes until when the site's data is known to be current, if somebody told; nobody knows of what comes after `now`.
    pub fn current(&mut self, as_of: Option<Time>, now: Time) {
        let told = as_of.map(|as_of| as_of.min(now));
        self.as_of = told.or(self.as_of);
    }

    /// Takes a record: whoever looked it up knows which is the newest. What only a label says (version 0) replaces nothing
    /// else.
    pub fn learn(&mut self, at: Time, reference: Reference) {
        let Reference {
            key,
            version,
            facts,
        } = reference;
        if self
            .known
            .get(&key)
            .is_some_and(|known| version == 0 && known.version > 0)
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

    /// The keys of what else is to be known of a thing before a guard can judge it: the lot of a serial number, and the lots
    /// of what is on a pallet, or its serial numbers where their lots are not listed.
    pub fn implied(&self, key: &str) -> Vec<String> {
        match self.facts(key) {
            Some((facts, _)) => implied(key, facts),
            None => Vec::new(),
        }
    }

    /// Forgets what was not mentioned for [`KEPT`], except about things that are still `followed`.
    pub fn sweep(&mut self, now: Time, followed: impl FnOnce() -> BTreeSet<String>) {
        let is_due = |(at, _): &(Time, String)| now - *at >= KEPT;
        if now - self.swept < SWEEP || !self.by_age.first().is_some_and(is_due) {
            return;
        }
        self.swept = now;
        let mut followed = followed();
        for _ in 0..IMPLIED_DEPTH {
            let implied = followed.iter().flat_map(|key| self.implied(key));
            let implied: Vec<String> = implied.filter(|key| self.knows(key)).collect();
            followed.extend(implied);
        }
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

    /// The things of which something is known.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.known.keys()
    }

    /// Facts held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.weight
    }

    /// True when nothing is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.weight == 0
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

/// The keys of what else is to be known, by the facts of the thing `key`.
pub(crate) fn implied(key: &str, facts: &Facts) -> Vec<String> {
    let mut keys: Vec<String> = match facts {
        Facts::Serial(batch) => lot_key(key, &batch.lot).into_iter().collect(),
        Facts::Contents(contents) => {
            let of = |content: &Content| match &content.lot {
                Some(lot) => lot_key(&content.item, lot),
                None => Some(content.item.clone()),
            };
            contents.iter().filter_map(of).collect()
        }
        Facts::Lot(_) | Facts::Order(_) | Facts::Item(_) => Vec::new(),
    };
    keys.sort_unstable();
    keys.dedup();
    keys
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
    fn what_is_looked_up_counts_and_a_label_replaces_only_another() {
        let mut references = References::default();
        references.learn(Time(0), serial("a", 0, Some("SEEN")));
        references.learn(Time(0), serial("a", 5, Some("FILE")));
        references.learn(Time(1), serial("a", 0, Some("SEEN")));
        assert_eq!(lot(&references, "a").as_deref(), Some("FILE"));
        // Versions of a file and of the site's messages cannot be compared: the table has decided.
        references.learn(Time(2), serial("a", 4, Some("SITE")));
        assert_eq!(lot(&references, "a").as_deref(), Some("SITE"));
        references.learn(Time(2), serial("a", 6, None));
        assert_eq!(lot(&references, "a"), None);
        assert!(references.knows("a"));
        assert_eq!(references.len(), 1);
    }

    #[test]
    fn data_of_the_future_is_of_now() {
        let mut references = References::default();
        for (told, now, expected) in [
            (None, 5, None),
            (Some(3), 5, Some(3)),
            (None, 6, Some(3)),
            (Some(i64::MAX), 7, Some(7)),
            (Some(6), 9, Some(6)),
        ] {
            references.current(told.map(Time), Time(now));
            assert_eq!(references.as_of, expected.map(Time));
        }
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
