//! Orders under the URI that stations give them, where the site tells of them by their number.
//!
//! `[codes] order_uri` says how a number becomes a URI. Whoever loads orders need not know of it: a record by that URI counts,
//! and where there is none, that by the number does.

use std::collections::{BTreeMap, BTreeSet};

use tracegate_pipeline::config::{PipelineConfig, ReadPointKind};
use tracegate_pipeline::reference::{Order, Reference};

use super::table::{Table, TableError};
use super::topic::decoded;

/// Stands for an order's number in a URI.
const NUMBER: &str = "{order}";

/// How numbers of orders become URIs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderUris(BTreeSet<String>);

impl OrderUris {
    /// Those of the stations of a configuration.
    #[must_use]
    pub fn of(config: &PipelineConfig) -> Self {
        let stations = config.read_points.iter().filter_map(|it| match &it.kind {
            ReadPointKind::Station(station) => station.task.as_ref(),
            _ => None,
        });
        Self(stations.map(|task| task.codes.order_uri.clone()).collect())
    }

    /// The key that the record of this order has under its number, if that is another.
    fn by_number(&self, key: &str) -> Option<String> {
        self.0.iter().find_map(|uri| {
            let (before, after) = uri.split_once(NUMBER)?;
            let number = key.strip_prefix(before)?.strip_suffix(after)?;
            let number = decoded(number).filter(|it| !it.is_empty())?;
            Some(Order::key(&number)).filter(|by_number| by_number != key)
        })
    }
}

impl Table {
    /// How stations name orders from now on.
    pub fn order_uris(&mut self, uris: OrderUris) {
        self.orders = uris;
    }

    /// Adds to `found` the records of orders among `keys` that the site tells of by their number, and that have changed since
    /// this generation.
    pub(super) async fn add_by_number(
        &mut self,
        keys: &[String],
        generation: i64,
        found: &mut Vec<Reference>,
    ) -> Result<(), TableError> {
        let named = |key: &String| Some((key.clone(), self.orders.by_number(key)?));
        let (own, numbers): (Vec<String>, Vec<String>) = keys.iter().filter_map(named).unzip();
        if own.is_empty() {
            return Ok(());
        }
        let keyed = |all: Vec<Reference>| {
            let all = all.into_iter().map(|it| (it.key.clone(), it));
            all.collect::<BTreeMap<String, Reference>>()
        };
        let is_own = keyed(self.rows(&own, 0).await?);
        let known = keyed(self.rows(&numbers, 0).await?);
        let mut changed = keyed(self.rows(&numbers, generation).await?);
        for (key, number) in own.into_iter().zip(numbers) {
            if !is_own.contains_key(&key) {
                let record = changed.remove(&number);
                found.extend(record.map(|it| Reference { key, ..it }));
            } else if let Some(own) = found.iter_mut().find(|it| it.key == key) {
                // That by the number may be what is known yet.
                let before = known.get(&number).map_or(0, |it| it.version);
                own.version = own.version.max(before);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_its_uri() {
        let uris = [
            "urn:x:bt:{order}",
            "https://id.example/{order}/a",
            "tracegate:order/{order}",
        ];
        let uris = OrderUris(uris.map(str::to_owned).into());
        for (key, by_number) in [
            ("urn:x:bt:4711", Some("tracegate:order/4711")),
            (
                "https://id.example/47%2F11/a",
                Some("tracegate:order/47%2F11"),
            ),
            // What looks like a URI is kept as it is.
            ("urn:x:bt:PO%3A7", Some("PO:7")),
            ("tracegate:order/PO%3A7", Some("PO:7")),
            ("tracegate:order/4711", None),
            ("urn:x:bt:", None),
            ("urn:x:bt:4%F", None),
            ("https://id.example/4711", None),
            ("https://id.gs1.org/01/04012345000016/10/L1", None),
        ] {
            assert_eq!(uris.by_number(key).as_deref(), by_number, "{key}");
        }
        assert_eq!(OrderUris::default().by_number("urn:x:bt:4711"), None);
    }
}
