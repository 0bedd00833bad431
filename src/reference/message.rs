//! What a message of the site says. The JSON schemas are in `deploy/asyncapi.json`.

use jiff::Timestamp;
use serde_json::Value;
use tracegate_pipeline::Time;
use tracegate_pipeline::guard::{GuardConfig, Status};
use tracegate_pipeline::reference::{Batch, Content, Facts, Lot, Order, OrderLine, Reference};

use super::fields::{Fields, Mistake};
use super::topic::{About, Kind, about};
use super::value;

/// Largest message, in bytes.
pub const MAX_BYTES: usize = 128 << 10;
/// Entries of one pallet at most.
pub(super) const MAX_CONTENTS: usize = 10_000;
/// Lines of one order, and lots allowed for one of them, at most.
pub(super) const MAX_LINES: usize = 1_000;
/// Longest name of a snapshot, in characters.
const MAX_SNAPSHOT: usize = 100;

/// A message, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// What is known about a thing.
    Record {
        /// The record; it has facts.
        record: Reference,
        /// The snapshot that it belongs to, if it says so.
        snapshot: Option<String>,
    },
    /// Nothing is known any more about the thing with this key.
    Deleted(String),
    /// The newest snapshot.
    Snapshot(Snapshot),
    /// The site was there at this time, and had told of all changes until then.
    Heartbeat(Time),
    /// There is no snapshot any more, or no heartbeat, or nothing on a topic that means nothing.
    Withdrawn,
}

/// The data as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name.
    pub id: String,
    /// When the site made it.
    pub generated_at: Time,
    /// Records that it has.
    pub count: u64,
}

/// Reads a message; `below` is its topic below the configured one.
///
/// # Errors
/// What is wrong with it, where, and what to do.
pub fn read(below: &str, payload: &[u8]) -> Result<Said, Mistake> {
    let whole = |problem: String| Mistake {
        pointer: String::new(),
        problem,
    };
    let about = about(below).map_err(whole);
    if payload.is_empty() {
        return Ok(match about {
            Ok(About::Thing(_, key)) => Said::Deleted(key),
            // What was wrong with a topic is over when nothing is kept there any more.
            Ok(About::Meta | About::Heartbeat) | Err(_) => Said::Withdrawn,
        });
    }
    let about = about?;
    if payload.len() > MAX_BYTES {
        let problem = format!("{} bytes; at most {MAX_BYTES} are read", payload.len());
        return Err(whole(problem));
    }
    let value: Value = serde_json::from_slice(payload)
        .map_err(|error| whole(format!("it is no JSON: {error}")))?;
    let mut fields = Fields::of(&value, String::new())?;
    let said = match about {
        About::Thing(kind, key) => {
            let version = fields.whole("v", 1);
            let version = version.and_then(|version| fields.required("v", version));
            let version = version.map_err(|mistake| match kind {
                Kind::Lot if is_held(&value) => Mistake {
                    problem: mistake.problem + UNVERSIONED,
                    ..mistake
                },
                _ => mistake,
            })?;
            let snapshot = fields.text("snapshot_id", snapshot_id)?;
            let facts = match kind {
                Kind::Lot => lot(&mut fields)?,
                Kind::Order => order(&mut fields)?,
                Kind::Sscc => contents(&mut fields)?,
                Kind::Serial => serial(&mut fields)?,
            };
            let record = Reference {
                key,
                version,
                facts: Some(facts),
            };
            Said::Record { record, snapshot }
        }
        About::Meta => {
            let id = fields.text("snapshot_id", snapshot_id)?;
            let at = fields.text("generated_at", time)?;
            let count = fields.whole("count", 0)?;
            Said::Snapshot(Snapshot {
                id: fields.required("snapshot_id", id)?,
                generated_at: fields.required("generated_at", at)?,
                count: fields.required("count", count)?,
            })
        }
        About::Heartbeat => {
            let at = fields.text("at", time)?;
            Said::Heartbeat(fields.required("at", at)?)
        }
    };
    fields.end()?;
    Ok(said)
}

/// Without a version nobody can tell whether a hold is older than the release that is known, and nothing could ever follow it.
const UNVERSIONED: &str = "; it says that the lot is on hold, and that does not count without a version: what was known of the lot before stays. Publish it again with \"v\", a number larger than before";

/// Whether a message about a lot says that it is on hold, whatever else is wrong with it.
fn is_held(value: &Value) -> bool {
    let status = value.get("status").and_then(Value::as_str);
    status.is_some_and(|status| GuardConfig::default().status(status) == Status::Held)
}

fn lot(fields: &mut Fields<'_>) -> Result<Facts, Mistake> {
    let quantity = fields.amount("qty")?;
    let uom = fields.text("uom", value::unit)?;
    let quantity = quantity.map(|quantity| value::quantity(&quantity, uom.as_deref()));
    let quantity = quantity.transpose();
    Ok(Facts::Lot(Lot {
        status: fields.text("status", value::text)?,
        expiry: fields.text("expiry", value::date)?,
        received: fields.text("received", value::date)?,
        quantity: quantity.map_err(|problem| fields.mistake("qty", problem))?,
        location: fields.text("location", value::text)?,
        reason: fields.text("hold_reason", |text| Ok(value::note(text)))?,
    }))
}

/// The hold that a message about a lot tells, if it cannot be taken as a whole: what is wrong with its other fields must not
/// leave the lot released. Fields that cannot be read are as if they were not there.
pub(super) fn hold(below: &str, payload: &[u8]) -> Option<(Reference, Option<String>)> {
    let About::Thing(Kind::Lot, key) = about(below).ok()? else {
        return None;
    };
    if payload.len() > MAX_BYTES {
        return None;
    }
    let value: Value = serde_json::from_slice(payload).ok()?;
    let mut fields = Fields::of(&value, String::new()).ok()?;
    let version = fields.whole("v", 1).ok()??;
    let status = fields.text("status", value::text).ok()??;
    if GuardConfig::default().status(&status) != Status::Held {
        return None;
    }
    let snapshot = fields.text("snapshot_id", snapshot_id).ok().flatten();
    let uom = fields.text("uom", value::unit).ok().flatten();
    let quantity = fields.amount("qty").ok().flatten();
    let lot = Lot {
        status: Some(status),
        expiry: fields.text("expiry", value::date).ok().flatten(),
        received: fields.text("received", value::date).ok().flatten(),
        quantity: quantity.and_then(|it| value::quantity(&it, uom.as_deref()).ok()),
        location: fields.text("location", value::text).ok().flatten(),
        reason: fields
            .text("hold_reason", |text| Ok(value::note(text)))
            .ok()
            .flatten(),
    };
    let record = Reference {
        key,
        version,
        facts: Some(Facts::Lot(lot)),
    };
    Some((record, snapshot))
}

fn order(fields: &mut Fields<'_>) -> Result<Facts, Mistake> {
    Ok(Facts::Order(Order {
        status: fields.text("status", value::text)?,
        lines: fields.list("lines", MAX_LINES, line)?,
    }))
}

fn line(value: &Value, pointer: String) -> Result<OrderLine, Mistake> {
    let mut fields = Fields::of(value, pointer)?;
    let item = fields.text("gtin", value::item)?;
    let open = fields.amount("open_qty")?;
    let uom = fields.text("uom", value::unit)?;
    let open = open.map(|open| value::quantity(&open, uom.as_deref()));
    let open = open.transpose();
    let line = OrderLine {
        item: fields.required("gtin", item)?,
        open: open.map_err(|problem| fields.mistake("open_qty", problem))?,
        lots: fields.list("allowed_lots", MAX_LINES, allowed)?,
        line: fields.text("line", value::text)?,
    };
    fields.end()?;
    Ok(line)
}

fn allowed(value: &Value, pointer: String) -> Result<String, Mistake> {
    let lot = value.as_str().ok_or("a lot number is expected, a text");
    let lot = lot.map_err(str::to_owned).and_then(value::lot);
    lot.map_err(|problem| Mistake { pointer, problem })
}

fn contents(fields: &mut Fields<'_>) -> Result<Facts, Mistake> {
    let contents = fields.list("contents", MAX_CONTENTS, content)?;
    Ok(Facts::Contents(contents))
}

fn content(value: &Value, pointer: String) -> Result<Content, Mistake> {
    let mut fields = Fields::of(value, pointer.clone())?;
    let gtin = fields.text("gtin", |gtin| Ok(gtin.to_owned()))?;
    let gtin = fields.required("gtin", gtin)?;
    let lot = fields.text("lot", value::lot)?;
    let serial = fields.text("serial", |serial| Ok(serial.to_owned()))?;
    let pieces = fields.whole("qty", 0)?;
    if serial.is_some() && pieces.is_some_and(|pieces| pieces != 1) {
        let problem = "a serial number is one thing: leave qty away";
        return Err(fields.mistake("qty", problem));
    }
    fields.end()?;
    value::content(&gtin, lot.as_deref(), serial.as_deref(), pieces)
        .map_err(|problem| Mistake { pointer, problem })
}

fn serial(fields: &mut Fields<'_>) -> Result<Facts, Mistake> {
    let lot = fields.text("lot", value::lot)?;
    let expiry = fields.text("expiry", value::date)?;
    let lot = fields.required("lot", lot)?;
    Ok(Facts::Serial(Batch { lot, expiry }))
}

fn snapshot_id(text: &str) -> Result<String, String> {
    if text.chars().count() > MAX_SNAPSHOT || text.chars().any(char::is_control) {
        return Err(format!(
            "the name of a snapshot has at most {MAX_SNAPSHOT} characters, and no control characters"
        ));
    }
    Ok(text.to_owned())
}

fn time(text: &str) -> Result<Time, String> {
    let time: Result<Timestamp, _> = text.parse();
    time.map(|time| Time(time.as_microsecond()))
        .map_err(|_| format!("\"{text}\" is no time; write it as 2026-11-22T06:00:00Z"))
}
