//! Rows of the outbox as messages: one event as it is or as an EPCIS document, several as a document.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracegate_epcis::{CONTEXT, EventTime};
use tracegate_pipeline::remarks::{NAMESPACE, PREFIX};

use super::client::{Message, Properties};
use crate::buffer::OutboxRow;
use crate::config::Payload;

/// What a document has around its events, at most, in bytes.
pub(super) const AROUND: usize = 512;
/// A user property's text is at most so long (MQTT 5 §1.5.4), in bytes.
const PROPERTY_MAX: usize = 65_535;
/// Topic aliases in use on a connection.
pub(super) const ALIASES_MAX: u16 = 64;

/// The message for these rows of the buffer with this epoch, and one more property. What a single event comes as is for
/// `payload` to say.
pub(super) fn of(
    rows: &[(i64, Arc<OutboxRow>)],
    topic: &str,
    epoch: String,
    expiry: Option<Duration>,
    created_us: i64,
    more: Option<(&str, String)>,
    payload: Payload,
) -> Message {
    let mut user = Vec::with_capacity(6);
    let ids: Vec<&str> = rows.iter().map(|(_, row)| row.event_id.as_str()).collect();
    let content_type = match rows {
        [(_, row)] if row.stream.is_telemetry() => "application/json",
        _ => "application/ld+json",
    };
    let payload = match rows {
        [(seq, row)] => {
            let text = match payload {
                Payload::Document if !row.stream.is_telemetry() => {
                    document(rows, &epoch, created_us)
                }
                Payload::Document | Payload::Event => row.payload.clone(),
            };
            user.push(("event_id".to_owned(), row.event_id.clone()));
            user.push(("epoch".to_owned(), epoch));
            user.push(("seq".to_owned(), seq.to_string()));
            text
        }
        _ => {
            let first = rows.first().map_or(0, |(seq, _)| *seq);
            let last = rows.last().map_or(0, |(seq, _)| *seq);
            let ids = ids.join(" ");
            if ids.len() <= PROPERTY_MAX {
                user.push(("event_ids".to_owned(), ids));
            }
            let text = document(rows, &epoch, created_us);
            user.push(("epoch".to_owned(), epoch));
            user.push(("first_seq".to_owned(), first.to_string()));
            user.push(("last_seq".to_owned(), last.to_string()));
            user.push(("events".to_owned(), rows.len().to_string()));
            text
        }
    };
    user.extend(more.map(|(key, value)| (key.to_owned(), value)));
    Message {
        topic: topic.to_owned(),
        retain: false,
        payload: payload.into(),
        properties: Properties {
            is_text: true,
            content_type: Some(content_type.to_owned()),
            expiry_s: expiry.map(|left| u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1)),
            user,
            ..Properties::default()
        },
    }
}

/// An `EPCISDocument` (EPCIS 2.0 §10.2) of stored events, byte for byte; epoch and sequence numbers in their order stand
/// beside its body, where no event's hash sees them.
fn document(rows: &[(i64, Arc<OutboxRow>)], epoch: &str, created_us: i64) -> String {
    let created = EventTime::new(created_us, 0)
        .or_else(|_| EventTime::new(0, 0))
        .map(|time| time.utc())
        .unwrap_or_default();
    let seqs: Vec<String> = rows.iter().map(|(seq, _)| seq.to_string()).collect();
    let events: Vec<&str> = rows.iter().map(|(_, row)| row.payload.as_str()).collect();
    let (seqs, events) = (seqs.join(","), events.join(","));
    format!(
        "{{\"@context\":[\"{CONTEXT}\",{{\"{PREFIX}\":\"{NAMESPACE}\"}}],\"type\":\"EPCISDocument\",\"schemaVersion\":\"2.0\",\"creationDate\":\"{created}\",\"{PREFIX}:epoch\":\"{epoch}\",\"{PREFIX}:seq\":[{seqs}],\"epcisBody\":{{\"eventList\":[{events}]}}}}"
    )
}

/// Topic aliases of a connection (MQTT 5 §3.3.2.3.4): given once, as long as there are any.
#[derive(Debug)]
pub(super) struct Aliases {
    known: BTreeMap<String, u16>,
    most: u16,
}

impl Aliases {
    /// The broker allows aliases up to `maximum`.
    pub(super) fn new(maximum: u16) -> Self {
        Self {
            known: BTreeMap::new(),
            most: maximum.min(ALIASES_MAX),
        }
    }

    /// Gives the message an alias for its topic, or instead of it.
    pub(super) fn apply(&mut self, message: &mut Message) {
        if let Some(alias) = self.known.get(&message.topic) {
            message.properties.alias = Some(*alias);
            message.topic.clear();
            return;
        }
        let next = u16::try_from(self.known.len()).unwrap_or(u16::MAX);
        if next < self.most {
            let alias = next.saturating_add(1);
            self.known.insert(message.topic.clone(), alias);
            message.properties.alias = Some(alias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Stream;

    fn row(number: i64) -> (i64, Arc<OutboxRow>) {
        let row = OutboxRow {
            seq: number,
            stream: Stream::Movement,
            event_id: format!("ni:///sha-256;{number}?ver=CBV2.0"),
            read_point: "dock_1".to_owned(),
            payload: format!("{{\"type\":\"ObjectEvent\",\"eventID\":\"e{number}\"}}"),
            intact: true,
        };
        (number, Arc::new(row))
    }

    #[test]
    fn one_event_is_the_message_and_several_are_a_document() {
        let single = |payload| of(&[row(7)], "t", "e".to_owned(), None, 0, None, payload);
        let one = single(Payload::Event);
        assert_eq!(one.payload, row(7).1.payload);
        let whole = single(Payload::Document);
        assert_eq!(
            std::str::from_utf8(&whole.payload).unwrap(),
            r#"{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"gw":"tracegate:event/"}],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"1970-01-01T00:00:00.000Z","gw:epoch":"e","gw:seq":[7],"epcisBody":{"eventList":[{"type":"ObjectEvent","eventID":"e7"}]}}"#
        );
        assert_eq!(one.properties.user, whole.properties.user);
        let rows = [row(7), row(9)];
        let two = of(
            &rows,
            "t",
            "e".to_owned(),
            None,
            1_700_000_000_000_000,
            None,
            Payload::Event,
        );
        let text = std::str::from_utf8(&two.payload).unwrap();
        assert_eq!(
            text,
            r#"{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"gw":"tracegate:event/"}],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2023-11-14T22:13:20.000Z","gw:epoch":"e","gw:seq":[7,9],"epcisBody":{"eventList":[{"type":"ObjectEvent","eventID":"e7"},{"type":"ObjectEvent","eventID":"e9"}]}}"#
        );
        let around = text.len() - rows.iter().map(|(_, row)| row.payload.len()).sum::<usize>();
        assert!(around < AROUND, "{around}");
        let user: BTreeMap<_, _> = two.properties.user.iter().cloned().collect();
        let ids = "ni:///sha-256;7?ver=CBV2.0 ni:///sha-256;9?ver=CBV2.0";
        let expected = [
            ("epoch", "e"),
            ("event_ids", ids),
            ("events", "2"),
            ("first_seq", "7"),
            ("last_seq", "9"),
        ];
        assert_eq!(
            user,
            expected
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into()
        );
    }

    /// By the schema of GS1, where the shared folder is.
    #[test]
    fn a_document_is_valid_with_one_event_and_with_several() {
        let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/protocol/gs1/epcis");
        let schema = std::path::Path::new(shared).join("EPCIS-JSON-Schema.json");
        let Ok(schema) = std::fs::read_to_string(schema) else {
            return;
        };
        let schema = serde_json::from_str(&schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let made = |number: i64| {
            let time = EventTime::new(number, 60).unwrap();
            let things = vec!["https://id.gs1.org/00/340123450000000017".to_owned()];
            let action = tracegate_epcis::Action::Observe;
            let data = tracegate_epcis::EventData::object(time, action, things, Vec::new());
            let event = tracegate_epcis::Event::new(data).unwrap();
            let (seq, row) = row(number);
            let payload = event.to_json();
            let row = OutboxRow {
                payload,
                ..(*row).clone()
            };
            (seq, Arc::new(row))
        };
        for rows in [vec![made(1)], vec![made(1), made(2)]] {
            let epoch = "0b1f9a4e".to_owned();
            let message = of(&rows, "t", epoch, None, 0, None, Payload::Document);
            let document = serde_json::from_slice(&message.payload).unwrap();
            let mistakes = validator.iter_errors(&document).map(|it| it.to_string());
            assert_eq!(mistakes.collect::<Vec<_>>(), [""; 0]);
            let read = tracegate_epcis::Received::all_from_json(&document.to_string()).unwrap();
            assert_eq!(
                read.iter().filter(|event| event.is_ok()).count(),
                rows.len()
            );
        }
    }

    #[test]
    fn an_alias_stands_for_its_topic_from_the_second_message_on() {
        let mut aliases = Aliases::new(2);
        let mut apply = |topic: &str| {
            let mut message = Message {
                topic: topic.to_owned(),
                ..Message::default()
            };
            aliases.apply(&mut message);
            (message.topic, message.properties.alias)
        };
        assert_eq!(apply("a"), ("a".to_owned(), Some(1)));
        assert_eq!(apply("b"), ("b".to_owned(), Some(2)));
        assert_eq!(apply("c"), ("c".to_owned(), None));
        assert_eq!(apply("a"), (String::new(), Some(1)));
        assert_eq!(apply("b"), (String::new(), Some(2)));
    }
}
