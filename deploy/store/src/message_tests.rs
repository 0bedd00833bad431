use super::*;
use tracegate_epcis::{Action, Event, EventData, EventTime};

fn event(serial: &str) -> String {
    let time = EventTime::new(1_795_338_930_123_000, 60).unwrap();
    let uri = format!("https://id.gs1.org/01/09506000134352/21/{serial}");
    let mut data = EventData::object(time, Action::Observe, vec![uri], Vec::new());
    data.biz_step = Some("receiving".to_owned());
    Event::new(data).unwrap().to_json()
}

fn message(topic: &str, payload: impl Into<Vec<u8>>, properties: &[(&str, &str)]) -> Message {
    let properties = properties.iter();
    Message {
        topic: topic.to_owned(),
        payload: payload.into().into(),
        content_type: None,
        properties: properties
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn taken(payload: impl Into<Vec<u8>>, properties: &[(&str, &str)]) -> Taken {
    let message = message("tracegate/plant-3/events/dock_1", payload, properties);
    take(&message, "tracegate", &[])
}

#[test]
fn an_event_keeps_its_bytes_and_its_place() {
    let text = event("1");
    let taken = taken(
        text.clone(),
        &[("epoch", "e"), ("seq", "7"), ("previous", "5")],
    );
    assert_eq!(taken.site, "plant-3");
    let place = taken.place.unwrap();
    assert_eq!((place.seqs, place.previous), (vec![7], Some(5)));
    assert_eq!(
        (taken.events[0].body.as_str(), taken.events[0].seq),
        (text.as_str(), Some(7))
    );
    assert!(taken.rejected.is_empty());
}

#[test]
fn of_a_document_each_event_stands_for_itself() {
    let wrong = event("2").replace("receiving", "shipping");
    let document = format!(
        r#"{{"@context":["x",{{"gw":"tracegate:event/"}}],"type":"EPCISDocument","gw:epoch":"e","gw:seq":[4,5,9],"epcisBody":{{"eventList":[{},{wrong},{}]}}}}"#,
        event("1"),
        event("3"),
    );
    let batch = [
        ("epoch", "e"),
        ("first_seq", "4"),
        ("last_seq", "9"),
        ("events", "3"),
    ];
    for properties in [&batch[..], &[]] {
        let taken = taken(document.clone(), properties);
        assert_eq!(taken.place.unwrap().seqs, [4, 5, 9]);
        let seqs: Vec<_> = taken.events.iter().map(|it| it.seq).collect();
        assert_eq!(seqs, [Some(4), Some(9)]);
        let [rejected] = taken.rejected.as_slice() else {
            panic!("{:?}", taken.rejected)
        };
        assert_eq!(rejected.payload, wrong.as_bytes());
        assert!(
            rejected.reason.starts_with("`eventID` is not the hash"),
            "{}",
            rejected.reason
        );
    }
}

#[test]
fn garbage_is_kept_with_its_reason_and_its_place() {
    let long = format!(r#"{{"type":"ObjectEvent","x":"{}"}}"#, "a".repeat(2000));
    let nested = "[".repeat(10_000);
    let time = r#""eventTime":"2026-11-22T10:00:00Z","eventTimeZoneOffset":"+00:00""#;
    let nul =
        format!(r#"{{"type":"ObjectEvent",{time},"action":"OBSERVE","epcList":["urn:x:\u0000"]}}"#);
    let wide = format!(
        r#"{{"type":"ObjectEvent",{time},"action":"OBSERVE","epcList":["urn:x:{}"]}}"#,
        "a".repeat(2000)
    );
    for (payload, reason) in [
        (&b"\xff\x00"[..], "not JSON"),
        (b"", "not JSON"),
        (nested.as_bytes(), "not JSON"),
        (b"3", "`event` is not an object"),
        (b"[]", "no event in it"),
        (br#"{"epcisBody":{"eventList":[]}}"#, "no event in it"),
        (br#"{"type":"CakeEvent"}"#, ""),
        (long.as_bytes(), ""),
        (
            wide.as_bytes(),
            "the name of a thing is longer than 1024 bytes",
        ),
        (nul.as_bytes(), ""),
    ] {
        let taken = taken(payload, &[("epoch", "e"), ("seq", "3"), ("previous", "2")]);
        let [rejected] = taken.rejected.as_slice() else {
            panic!("{reason}: {taken:?}")
        };
        assert!(
            rejected.reason.contains(reason),
            "{reason:?}: {}",
            rejected.reason
        );
        assert_eq!(rejected.payload, payload);
        assert_eq!(taken.place.map(|it| it.seqs), Some(vec![3]));
        assert!(taken.events.is_empty());
    }
}

#[test]
fn places_that_cannot_be_are_none() {
    for properties in [
        &[("epoch", ""), ("seq", "1")][..],
        &[("epoch", "e"), ("seq", "0")],
        &[("epoch", "e"), ("seq", "-1")],
        &[("epoch", "e"), ("seq", "9223372036854775807")],
        &[("epoch", "e"), ("seq", "99999999999999999999")],
        &[
            ("epoch", "e"),
            ("first_seq", "1"),
            ("last_seq", "9000000000000000000"),
        ],
        &[("epoch", "e\0"), ("seq", "1")],
        &[("seq", "1")],
    ] {
        assert_eq!(taken(event("1"), properties).place, None, "{properties:?}");
    }
    // The gateway never says so; a link to itself would never be reached, and one to later ones neither.
    let later = taken(
        event("1"),
        &[("epoch", "e"), ("seq", "3"), ("previous", "3")],
    );
    assert_eq!(later.place.unwrap().previous, None);
}

#[test]
fn non_events_gaps_and_other_topics() {
    let of = |topic: &str, payload: &str| {
        take(
            &message(topic, payload, &[("epoch", "e"), ("seq", "9")]),
            "tracegate",
            &[],
        )
    };
    let load =
        r#"{"id":"6b","at":"2026-11-22T13:00:00.000000Z","read_point":"dock_1","reason":"ratio"}"#;
    let taken = of("tracegate/p/nonevents/dock_1", load);
    assert_eq!(taken.non_events[0].reason.as_deref(), Some("ratio"));
    let gap = r#"{"epoch":"e","from_seq":3,"to_seq":9,"count":5,"reason":"share"}"#;
    let taken = of("tracegate/p/gaps", gap);
    assert_eq!(taken.gap.unwrap().to, 9);
    for (topic, payload) in [
        ("tracegate/p/nonevents/dock_1", "{}"),
        ("tracegate/p/gaps", r#"{"from_seq":3,"to_seq":1,"count":1}"#),
        ("tracegate/p/status", "{}"),
        ("elsewhere/p/events/x", "{}"),
        ("tracegate", "{}"),
    ] {
        assert_eq!(of(topic, payload).rejected.len(), 1, "{topic}");
    }
}
