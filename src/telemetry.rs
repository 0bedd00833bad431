//! What is told beside movements, in the outbox's second stream.

use serde::Serialize;
use tracegate_epcis::EventId;
use tracegate_pipeline::PipelineConfig;
use tracegate_pipeline::input::NonEvent;

use crate::buffer::{NewRow, Stream};
use crate::story::{self, Moment};

/// Names of things in one message at most; how many there are is told in any case.
const MOST_THINGS: usize = 100;

/// A load that was not booked, as it is sent.
#[derive(Debug, Serialize)]
struct Message {
    id: String,
    #[serde(flatten)]
    load: Load,
}

#[derive(Debug, Serialize)]
struct Load {
    at: Moment,
    read_point: String,
    direction: String,
    reason: String,
    text: String,
    advice: String,
    tags: usize,
    things: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
}

/// A load that was not booked, as a row of the outbox. Its id is a hash of the rest, as an event's.
#[must_use]
pub fn non_event(load: &NonEvent, config: &PipelineConfig) -> NewRow<'static> {
    let told = story::told(load, config);
    let things = load.members.iter().take(MOST_THINGS);
    let content = Load {
        at: told.at,
        read_point: told.read_point,
        direction: told.direction,
        reason: told.reason,
        text: told.text,
        advice: told.advice,
        tags: told.tags,
        things: things
            .map(|(key, pc)| story::identity(key, *pc).uri())
            .chain(load.mark.iter().filter_map(|mark| mark.thing.clone()))
            .collect(),
        mark: load.mark.as_ref().map(|mark| mark.id.clone()),
    };
    // Texts and numbers only: nothing that JSON cannot say.
    let hashed = serde_json::to_string(&content).unwrap_or_default();
    let message = Message {
        id: EventId::of_prehash(&hashed).hex(),
        load: content,
    };
    NewRow {
        stream: Stream::NonEvent,
        id: message.id.clone(),
        place: load.read_point.clone().into(),
        at: load.at,
        json: serde_json::to_string(&message).unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use tracegate_pipeline::Time;
    use tracegate_pipeline::config::Direction;
    use tracegate_pipeline::eyes::Says;
    use tracegate_pipeline::input::{EpcKey, NonEventReason, RefusedMark};

    use super::*;

    #[test]
    fn a_load_is_told_with_its_reason_and_names_its_things_up_to_a_bound() {
        let key = |n: u8| EpcKey {
            epc: vec![0x30, 0x14, 0xf7, 0x33, 0x7c, 0, 0x1f, 0, 0, 0, 0, n],
            bit_len: 96,
        };
        let load = NonEvent {
            read_point: "dock_1".to_owned(),
            at: Time(1_795_352_400_000_000),
            reason: NonEventReason::Anti,
            tags: 200,
            direction: Some(Direction::In),
            members: (0..200).map(|n| (key(n), Some(0x3000))).collect(),
            mark: None,
            eyes: Says::Nothing,
        };
        let config = tracegate_pipeline::Pipeline::default().config().clone();
        let row = non_event(&load, &config);
        let message: serde_json::Value = serde_json::from_str(&row.json).unwrap();
        assert_eq!(message["at"], "2026-11-22T13:00:00.000000Z");
        assert_eq!(message["read_point"], "dock_1");
        assert_eq!(message["direction"], "in");
        assert_eq!(message["reason"], "anti");
        assert_eq!(message["tags"], 200);
        assert_eq!(message["things"].as_array().unwrap().len(), MOST_THINGS);
        assert_eq!(message["id"], row.id);
        assert_eq!(row.id.len(), 64);
        assert_eq!(non_event(&load, &config), row, "the same is the same");
        let later = NonEvent {
            at: Time(load.at.0 + 1),
            ..load
        };
        assert_ne!(non_event(&later, &config).id, row.id);
        let marked = |mark: &str| NonEvent {
            mark: Some(RefusedMark {
                id: mark.to_owned(),
                ..RefusedMark::default()
            }),
            ..later.clone()
        };
        let (one, other) = (marked("laser_1/7"), marked("laser_1/8"));
        assert_ne!(non_event(&one, &config).id, non_event(&other, &config).id);
    }
}
