//! Records in words.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tracegate_pipeline::reference::{Facts, Order};

use crate::health::tame;
use crate::reference::{Origin, Row, Site, Table, TableError};

/// Where the names of GS1 keys begin.
const GS1: &str = "https://id.gs1.org/";

/// A line for each record, and how old the site's data is.
pub(super) fn list(rows: &[Row], site: &Site, now: Timestamp) -> String {
    let mut text = String::new();
    for row in rows {
        let from = from(row);
        let _ = writeln!(
            text,
            "{}  {}  ({from})",
            name(&row.key),
            summary(&row.facts)
        );
    }
    if rows.is_empty() {
        text.push_str("nothing is known\n");
    }
    if let Some(age) = site.as_of.and_then(|at| since(at.0, now)) {
        let _ = writeln!(text, "the site's data is {age} old");
    }
    text
}

/// All that is known about one thing.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// How the site's data is as a whole.
    site: Site,
    /// The thing's name.
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Row>,
    /// Of a GTIN, its lots that may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Facts>,
}

/// Looks for a thing under the names that it may have.
pub(super) async fn thing(table: &mut Table, text: &str) -> Result<Option<Shown>, TableError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut keys = vec![text.to_owned(), format!("{GS1}{text}"), Order::key(text)];
    if digits && text.len() == 18 {
        keys.push(format!("{GS1}00/{text}"));
    }
    for key in &keys {
        if let Some(row) = table.row(key).await? {
            return Ok(Some(Shown {
                site: table.site().await?,
                key: key.clone(),
                record: Some(row),
                item: None,
            }));
        }
    }
    let gtin = text.strip_prefix(GS1).unwrap_or(text);
    let gtin = gtin.strip_prefix("01/").unwrap_or(gtin);
    let key = format!("{GS1}01/{gtin:0>14}");
    let found = table.look(std::slice::from_ref(&key)).await?;
    let Some(facts) = found.into_iter().find_map(|it| it.facts) else {
        return Ok(None);
    };
    Ok(Some(Shown {
        site: table.site().await?,
        key,
        record: None,
        item: Some(facts),
    }))
}

impl Shown {
    pub(super) fn text(&self, now: Timestamp) -> String {
        let mut text = name(&self.key) + "\n";
        let mut say = |what: &str, how: &str| {
            if !how.is_empty() {
                let _ = writeln!(text, "  {what:<10} {}", tame(how));
            }
        };
        if let Some(row) = &self.record {
            let stored = since(row.stored_us, now).unwrap_or_default();
            say("said by", &format!("{}, stored {stored} ago", from(row)));
        }
        match self
            .record
            .as_ref()
            .map(|row| &row.facts)
            .or(self.item.as_ref())
        {
            Some(Facts::Lot(lot)) => {
                say("status", lot.status.as_deref().unwrap_or("not told"));
                say("reason", lot.reason.as_deref().unwrap_or_default());
                say("expiry", lot.expiry.as_deref().unwrap_or_default());
                say("received", lot.received.as_deref().unwrap_or_default());
                let quantity = lot.quantity.as_ref().map(ToString::to_string);
                say("quantity", &quantity.unwrap_or_default());
                say("location", lot.location.as_deref().unwrap_or_default());
            }
            Some(Facts::Serial(batch)) => {
                say("lot", &batch.lot);
                say("expiry", batch.expiry.as_deref().unwrap_or_default());
            }
            Some(Facts::Contents(contents)) => {
                for content in contents {
                    let lot = content.lot.as_ref().map(|lot| format!(", lot {lot}"));
                    let pieces = content.pieces.map(|pieces| format!(", {pieces} pieces"));
                    let more = lot.or(pieces).unwrap_or_default();
                    say("holds", &format!("{}{more}", name(&content.item)));
                }
            }
            Some(Facts::Order(order)) => {
                say("status", order.status.as_deref().unwrap_or("not told"));
                for line in &order.lines {
                    let number = line.line.as_ref().map(|line| format!("{line}: "));
                    let open = line.open.as_ref().map(|open| format!(", {open} open"));
                    let lots = match line.lots.as_slice() {
                        [] => String::new(),
                        lots => format!(", only lots {}", lots.join(" ")),
                    };
                    let (number, open) = (number.unwrap_or_default(), open.unwrap_or_default());
                    say("line", &format!("{number}{}{open}{lots}", name(&line.item)));
                }
            }
            Some(Facts::Item(item)) => {
                for lot in &item.lots {
                    let until = until(&lot.expiry);
                    let at = lot.location.as_ref().map(|at| format!(", at {at}"));
                    let at = at.unwrap_or_default();
                    say("take", &format!("lot {}{until}{at}", lot.lot));
                }
            }
            None => {}
        }
        if let Some(age) = self.site.as_of.and_then(|at| since(at.0, now)) {
            let of = self
                .site
                .snapshot
                .as_ref()
                .map(|name| format!(", snapshot {name}"));
            say("data", &format!("{age} old{}", of.unwrap_or_default()));
        }
        text
    }
}

fn name(key: &str) -> String {
    let key = key.strip_prefix(GS1).unwrap_or(key);
    tame(key.strip_prefix("tracegate:").unwrap_or(key))
}

fn from(row: &Row) -> String {
    match row.origin {
        Origin::Seen => "seen here".to_owned(),
        Origin::File => format!("version {}", row.version),
        Origin::Broker => format!("version {} of the site's messages", row.version),
    }
}

fn summary(facts: &Facts) -> String {
    let text = match facts {
        Facts::Contents(contents) => format!("{} entries", contents.len()),
        Facts::Serial(batch) => format!("lot {}{}", batch.lot, until(&batch.expiry)),
        Facts::Lot(lot) => {
            let status = lot.status.as_deref().unwrap_or("no status");
            format!("{status}{}", until(&lot.expiry))
        }
        Facts::Order(order) => {
            let status = order.status.as_deref().unwrap_or("no status");
            format!("{status}, {} lines", order.lines.len())
        }
        Facts::Item(item) => format!("{} lots", item.lots.len()),
    };
    tame(&text)
}

fn until(expiry: &Option<String>) -> String {
    expiry
        .as_ref()
        .map(|expiry| format!(", expires {expiry}"))
        .unwrap_or_default()
}

/// How long ago it was, `3 h 20 min`; `None` if it is yet to come.
fn since(at_us: i64, now: Timestamp) -> Option<String> {
    let at = Timestamp::from_microsecond(at_us).ok()?;
    let age = Duration::try_from(now.duration_since(at)).ok()?;
    Some(crate::health::spoken(age))
}
