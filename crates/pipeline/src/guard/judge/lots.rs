//! What is wrong with the lot itself.

use std::collections::BTreeMap;

use super::{Case, Found, LotAsked, gtin, lot_key};
use crate::association::class_uri;
use crate::guard::rule::Rule;
use crate::guard::status::Status;
use crate::reference::Content;

/// Of one pallet so many lots are told at most, the worst first.
const MOST_TOLD: usize = 8;

impl Case<'_> {
    /// The lots in question: of the pallet's known contents, else what the code says, and what the site says of the serial
    /// number where that is another.
    pub(super) fn lots(&self) -> Vec<LotAsked> {
        let asked = self.asked;
        let contents = asked.serial.and_then(|serial| self.facts.contents(serial));
        let item = asked.item.map(str::to_owned);
        let item = item.or_else(|| class_uri(gtin(asked.serial?)?, None));
        let batch = asked.serial.and_then(|serial| self.facts.batch(serial));
        let expiry = asked.expiry.map(str::to_owned);
        let of_batch = batch.and_then(|batch| batch.expiry.clone());
        let lot = |lot: Option<&str>| LotAsked {
            key: lot.and_then(|lot| lot_key(item.as_deref()?, lot)),
            lot: lot.map(str::to_owned),
            item: item.clone(),
            expiries: expiry.iter().chain(&of_batch).cloned().collect(),
        };
        let known = batch.map(|batch| batch.lot.as_str());
        if let Some(contents) = contents {
            let mut lots = self.lots_of(contents);
            if asked.lot.is_some() || expiry.is_some() {
                lots.insert(0, lot(asked.lot));
            }
            return lots;
        }
        let mut lots = vec![lot(asked.lot.or(known))];
        if asked.lot.is_some() && known.is_some() && asked.lot != known {
            lots.push(lot(known));
        }
        lots
    }

    fn lots_of(&self, contents: &[Content]) -> Vec<LotAsked> {
        let mut lots: BTreeMap<Option<String>, LotAsked> = BTreeMap::new();
        for content in contents {
            let item = gtin(&content.item).and_then(|gtin| class_uri(gtin, None));
            let batch = self.facts.batch(&content.item);
            let named = content.item.split_once("/10/").map(|(_, lot)| lot);
            let lot = content.lot.as_deref();
            let lot = lot.or(batch.map(|batch| batch.lot.as_str()));
            let key = match lot {
                Some(lot) => item.as_deref().and_then(|item| lot_key(item, lot)),
                None => named.map(|_| content.item.clone()),
            };
            let known = lots.entry(key.clone()).or_insert_with(|| LotAsked {
                lot: lot.or(named).map(str::to_owned),
                key,
                item,
                expiries: Vec::new(),
            });
            if let Some(expiry) = batch.and_then(|batch| batch.expiry.clone())
                && !known.expiries.contains(&expiry)
            {
                known.expiries.push(expiry);
            }
        }
        lots.into_values().collect()
    }

    /// Hold, expiry, and what is not known.
    pub(super) fn judge_lots(&mut self, lots: &[LotAsked]) {
        let mut told = BTreeMap::new();
        for lot in lots {
            for (rule, mut found) in self.faults(lot) {
                found.about.clone_from(&lot.key);
                let count = told.entry(rule).or_insert(0_usize);
                *count += 1;
                if *count <= MOST_TOLD {
                    self.find(rule, found);
                }
            }
        }
        // One of several that is known is enough: the others are names of the same.
        let is_pallet = self.is_pallet();
        let mut unknown = lots.iter().filter_map(|lot| self.unknown(lot));
        let found = match (is_pallet, lots.is_empty()) {
            (true, true) => Some(Found::unverified(
                "the pallet is listed as empty".to_owned(),
            )),
            (true, false) => unknown.next(),
            (false, _) => {
                let first = unknown.next();
                first.filter(|_| unknown.count() + 1 == lots.len())
            }
        };
        if let Some(found) = found {
            self.find(Rule::LotUnknown, found);
        }
    }

    fn is_pallet(&self) -> bool {
        let contents = self.asked.serial.and_then(|it| self.facts.contents(it));
        contents.is_some()
    }

    fn faults(&self, lot: &LotAsked) -> Vec<(Rule, Found)> {
        let mut faults = Vec::new();
        let name = lot.name();
        if let Some((Status::Held, word, reason, version)) = self.status(lot) {
            let why = match reason {
                Some(reason) => format!("{word}: {reason}"),
                None => word.to_owned(),
            };
            let found = Found {
                version: Some(version),
                ..self.instead(lot, format!("{name} is not released ({why})"))
            };
            faults.push((Rule::LotHold, found));
        }
        if let (Some((expiry, version)), Some(today)) = (self.expiry(lot), self.today) {
            let days = today.until(expiry).map_or(0, |span| span.get_days());
            if expiry < today {
                let found = Found {
                    version,
                    ..self.instead(lot, format!("{name} expired on {expiry}"))
                };
                faults.push((Rule::LotExpired, found));
            } else if days < i32::from(self.config.min_remaining_days) {
                let text = match days {
                    ..=0 => format!("{name} expires today"),
                    1 => format!("{name} expires tomorrow, {expiry}"),
                    _ => format!("{name} expires on {expiry}, in {days} days"),
                };
                let found = Found {
                    version,
                    ..Found::plain(text)
                };
                faults.push((Rule::MinRemaining, found));
            }
        }
        faults
    }

    fn unknown(&self, lot: &LotAsked) -> Option<Found> {
        let text = match (self.status(lot), &lot.lot) {
            (Some((Status::Unknown, word, _, version)), Some(lot)) => {
                return Some(Found {
                    version: Some(version),
                    ..Found::unverified(format!(
                        "lot {lot} is \"{word}\", and nobody said here whether that may be used"
                    ))
                });
            }
            (Some(_), _) => return None,
            (None, Some(lot)) => format!("nothing is known of lot {lot}"),
            (None, None) if lot.item.is_none() => "nothing is known of what is in this".to_owned(),
            (None, None) => "nothing says which lot this is of".to_owned(),
        };
        Some(Found::unverified(text))
    }
}
