//! What a message brings: pure, from bytes to what is to be stored.
//!
//! Nothing here fails: what is no event comes out as [`Rejected`], with the reason and every byte.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::event::{self, Facts};

/// Longest text that is stored in a column of its own, in bytes; PostgreSQL's indexes take no more than some 2,700.
pub const MAX_TEXT: usize = 1024;
/// Entries of one event's lists, at most.
pub const MAX_THINGS: usize = 100_000;

/// A message as it came.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Its content.
    pub payload: bytes::Bytes,
    /// Its content type.
    pub content_type: Option<String>,
    /// Its user properties.
    pub properties: Vec<(String, String)>,
}

/// What it brings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taken {
    /// Site, from the topic.
    pub site: String,
    /// Its place in the gateway's sequence; `None` if it does not say.
    pub place: Option<Place>,
    /// Valid events.
    pub events: Vec<Facts>,
    /// Loads that were not booked: id, read point, reason and the whole.
    pub non_events: Vec<NonEvent>,
    /// Telemetry that the gateway dropped.
    pub gap: Option<Gap>,
    /// What cannot be stored as an event.
    pub rejected: Vec<Rejected>,
}

/// Where a message stands in the sequence of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The buffer.
    pub epoch: String,
    /// Its numbers, rising, at least one.
    pub seqs: Vec<i64>,
    /// What the store must have before it may confirm this.
    pub previous: Option<i64>,
}

/// A load that was seen and not booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonEvent {
    /// A hash of it.
    pub id: String,
    /// Name of the read point.
    pub read_point: Option<String>,
    /// The rule that refused it.
    pub reason: Option<String>,
    /// All of it.
    pub body: String,
}

/// Numbers of telemetry that was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The first number.
    pub from: i64,
    /// The last.
    pub to: i64,
    /// How many of them.
    pub count: i64,
    /// `share` or `room`.
    pub reason: String,
}

/// What is kept aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub reason: String,
    /// The bytes.
    pub payload: Vec<u8>,
    /// Of topic and bytes: the same again is one.
    pub digest: Vec<u8>,
}

impl Rejected {
    /// Keeps these bytes of a message aside.
    pub fn new(message: &Message, payload: &[u8], reason: String) -> Self {
        let mut digest = Sha256::new();
        digest.update(message.topic.as_bytes());
        digest.update([0]);
        digest.update(payload);
        Self {
            reason: storable(&reason),
            payload: payload.to_vec(),
            digest: digest.finalize().to_vec(),
        }
    }
}

/// Without the one character that PostgreSQL cannot store in a text.
#[must_use]
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

impl Message {
    fn property(&self, name: &str) -> Option<&str> {
        let found = self.properties.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.property(name)?.parse().ok()
    }

    /// Its user properties as JSON.
    #[must_use]
    pub fn properties_text(&self) -> String {
        let map: BTreeMap<&str, &str> = self
            .properties
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        storable(&serde_json::to_string(&map).unwrap_or_default())
    }

    /// All of it set aside, its place in the sequence kept: what cannot be stored must not hold up what follows.
    #[must_use]
    pub fn aside(&self, root: &str, reason: String) -> Taken {
        let whole = take(self, root, &[]);
        Taken {
            site: whole.site,
            place: whole.place,
            rejected: vec![Rejected::new(self, &self.payload, reason)],
            ..Taken::default()
        }
    }
}

/// Reads a message below `root`; business steps `issue_steps` put things into an order.
#[must_use]
pub fn take(message: &Message, root: &str, issue_steps: &[String]) -> Taken {
    let below = message
        .topic
        .strip_prefix(root)
        .and_then(|rest| rest.strip_prefix('/'));
    let mut levels = below.unwrap_or_default().split('/');
    let site = storable(levels.next().unwrap_or_default());
    let mut taken = Taken {
        site: site.chars().take(MAX_TEXT / 4).collect(),
        ..Taken::default()
    };
    let parsed: Result<Value, String> =
        serde_json::from_slice(&message.payload).map_err(|error| format!("not JSON: {error}"));
    taken.place = place(message, parsed.as_ref().ok());
    let parsed = match parsed {
        Ok(value) => value,
        Err(reason) => {
            let rejected = Rejected::new(message, &message.payload, reason);
            taken.rejected.push(rejected);
            return taken;
        }
    };
    let outcome = match levels.next() {
        Some("events") => {
            events(&mut taken, message, &parsed, issue_steps);
            Ok(())
        }
        Some("nonevents") => non_event(&parsed).map(|it| taken.non_events.push(it)),
        Some("gaps") => gap(&parsed).map(|it| taken.gap = Some(it)),
        _ => Err("no topic of events, non-events or gaps".to_owned()),
    };
    if let Err(reason) = outcome {
        let rejected = Rejected::new(message, &message.payload, reason);
        taken.rejected.push(rejected);
    }
    taken
}

fn events(taken: &mut Taken, message: &Message, parsed: &Value, issue_steps: &[String]) {
    let context = parsed.get("@context").unwrap_or(&Value::Null);
    let list = parsed
        .pointer("/epcisBody/eventList")
        .or_else(|| parsed.pointer("/epcisBody/queryResults/resultsBody/eventList"))
        .or(Some(parsed).filter(|value| value.is_array()))
        .and_then(Value::as_array);
    let alone = [parsed.clone()];
    let (events, context, whole) = match list {
        Some(list) => (list.as_slice(), context, false),
        // Not even a document: one event, whose bytes are kept as they are.
        None => (alone.as_slice(), &Value::Null, true),
    };
    if events.is_empty() {
        let reason = "no event in it".to_owned();
        taken
            .rejected
            .push(Rejected::new(message, &message.payload, reason));
    }
    let seqs = taken.place.as_ref().map(|place| place.seqs.clone());
    let seqs = seqs.filter(|seqs| seqs.len() == events.len());
    for (index, value) in events.iter().enumerate() {
        let seq = seqs.as_ref().and_then(|seqs| seqs.get(index)).copied();
        let text = || value.to_string();
        match event::facts(value, context, issue_steps) {
            Ok(facts) => {
                let body = match std::str::from_utf8(&message.payload) {
                    Ok(text) if whole => text.to_owned(),
                    _ => text(),
                };
                taken.events.push(Facts { seq, body, ..facts });
            }
            Err(reason) => {
                let payload = match whole {
                    true => message.payload.to_vec(),
                    false => text().into_bytes(),
                };
                let rejected = Rejected::new(message, &payload, reason);
                taken.rejected.push(rejected);
            }
        }
    }
}

/// Numbers from 1 upwards; what is none names no place.
fn place(message: &Message, parsed: Option<&Value>) -> Option<Place> {
    let inside = |name: &str| {
        let fields = parsed?.as_object()?;
        let of_document = fields.contains_key("epcisBody");
        let mut found = fields.iter().filter(|_| of_document);
        let found =
            found.find(|(key, _)| key.rsplit_once(':').is_some_and(|(_, last)| last == name));
        found.map(|(_, value)| value.clone())
    };
    let epoch = match message.property("epoch") {
        Some(epoch) => epoch.to_owned(),
        None => inside("epoch")?.as_str()?.to_owned(),
    };
    let is_name = !epoch.is_empty() && epoch.len() <= 64 && !epoch.contains('\0');
    let listed = inside("seq").and_then(|seqs| {
        let numbers = seqs.as_array()?.iter().map(Value::as_i64);
        numbers.collect::<Option<Vec<i64>>>()
    });
    let range = || {
        let (first, last) = (message.number("first_seq")?, message.number("last_seq")?);
        (first <= last && last - first < MAX_THINGS as i64).then(|| (first..=last).collect())
    };
    let one = message.number("seq").map(|seq| vec![seq]);
    let seqs: Vec<i64> = one.or(listed).or_else(range)?;
    let rising = seqs.is_sorted_by(|one, next| one < next);
    let sound = is_name && rising && seqs.first().is_some_and(|first| *first > 0);
    let last = seqs.last().copied()?;
    (sound && last < i64::MAX).then(|| Place {
        epoch,
        previous: message
            .number("previous")
            .filter(|previous| *previous < last),
        seqs,
    })
}

fn text(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name)?.as_str()?;
    (text.len() <= MAX_TEXT).then(|| storable(text))
}

fn non_event(value: &Value) -> Result<NonEvent, String> {
    Ok(NonEvent {
        id: text(value, "id").ok_or("a non-event without `id`")?,
        read_point: text(value, "read_point"),
        reason: text(value, "reason"),
        body: value.to_string(),
    })
}

fn gap(value: &Value) -> Result<Gap, String> {
    let number = |name: &str| {
        let number = value.get(name).and_then(Value::as_i64);
        let number = number.filter(|number| (1..i64::MAX).contains(number));
        number.ok_or_else(|| format!("a gap without `{name}`"))
    };
    let gap = Gap {
        from: number("from_seq")?,
        to: number("to_seq")?,
        count: number("count")?,
        reason: text(value, "reason").unwrap_or_default(),
    };
    if gap.from > gap.to {
        return Err("a gap whose `from_seq` is beyond its `to_seq`".to_owned());
    }
    Ok(gap)
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
