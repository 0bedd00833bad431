//! Nothing is lost and nothing is there twice, whoever is killed; what is no event is kept aside and holds nothing up.

use tracegate_epcis::{Action, Event, EventData, EventTime};

use super::binary;
use super::mosquitto::Mosquitto;
use super::postgres::Postgres;
use super::publisher::{Publisher, until};
use super::store::{Store, ask};

const EVENTS: i64 = 20_000;
const EPOCH: &str = "0b1f9a4e-6a0e-4b59-9d0e-0f6f1f8f5f11";
/// Sequence numbers of one message, where several come together.
const TOGETHER: i64 = 10;
/// Each so many numbers something comes that is no event, and something again.
const GARBAGE_EVERY: i64 = 500;
const AGAIN_EVERY: i64 = 20;

/// Things come again and again, so that instances meet at their rows.
fn event(seq: i64) -> String {
    let time = EventTime::new(1_795_338_930_000_000 + seq * 1_000, 60).expect("a time");
    let serial = format!("https://id.gs1.org/01/09506000134352/21/{}", seq % 5_000);
    let pallet = format!("https://id.gs1.org/00/34012345000000{:04}", seq % 50);
    let mut data = EventData::object(time, Action::Observe, vec![pallet, serial], Vec::new());
    data.biz_step = Some("storing".to_owned());
    Event::new(data).expect("valid").to_json()
}

fn document(seqs: &[i64]) -> String {
    let events: Vec<String> = seqs.iter().map(|seq| event(*seq)).collect();
    format!(
        r#"{{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{{"gw":"tracegate:event/"}}],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-11-22T10:00:00Z","gw:epoch":"{EPOCH}","gw:seq":{seqs:?},"epcisBody":{{"eventList":[{}]}}}}"#,
        events.join(",")
    )
}

/// Sends the numbers from `first` on, one by one or together; the number behind the last.
fn send(gateway: &mut Publisher, first: i64) -> i64 {
    let common = |previous: i64| {
        vec![
            ("epoch", EPOCH.to_owned()),
            ("previous", previous.to_string()),
        ]
    };
    if first % (TOGETHER * 5) == 1 {
        let seqs: Vec<i64> = (first..first + TOGETHER).collect();
        let last = first + TOGETHER - 1;
        let mut properties = common(first - 1);
        properties.extend([
            ("first_seq", first.to_string()),
            ("last_seq", last.to_string()),
            ("events", seqs.len().to_string()),
        ]);
        gateway.send("events/dock_1", document(&seqs), &properties);
        return last + 1;
    }
    let mut properties = common(first - 1);
    properties.push(("seq", first.to_string()));
    // It has a number like any other, and the mark must get past it.
    let payload = match first % GARBAGE_EVERY {
        0 => format!("{{\"type\":\"ObjectEvent\",\"broken\":{first}"),
        _ => event(first),
    };
    gateway.send("events/line_1", payload.clone(), &properties);
    if first % AGAIN_EVERY == 0 {
        gateway.send("events/line_1", payload, &properties);
    }
    first + 1
}

#[test]
fn subscribers_killed_in_turn_lose_and_double_nothing() {
    let (broker, server) = (Mosquitto::in_memory(), Postgres::start());
    let url = server.url();
    let start = |name: &str| Store::start(binary(), broker.addr(), &url, name);
    let mut stores = [start("store-1"), start("store-2")];
    let count = || {
        server
            .query("select count(*) from events")
            .parse::<i64>()
            .expect("a number")
    };
    let mut gateway = Publisher::new(broker.addr());
    let mut next = 1;
    for round in 0..8_usize {
        let goal = EVENTS * (round as i64 + 1) / 10;
        while next <= goal {
            next = send(&mut gateway, next);
        }
        // In the middle of its work: the other goes on, and its share comes again when it is back.
        stores[round % 2].kill();
        if round == 5 {
            stores[(round + 1) % 2].kill();
        }
        let goal = goal + EVENTS / 40;
        while next <= goal {
            next = send(&mut gateway, next);
        }
        for store in stores.iter_mut().filter(|store| !store.is_running()) {
            store.restart();
        }
    }
    while next <= EVENTS {
        next = send(&mut gateway, next);
    }
    gateway.settle();
    let garbage = EVENTS / GARBAGE_EVERY;
    until("everything is stored", || count() == EVENTS - garbage);
    until("the gateway heard it", || {
        gateway.marks(EPOCH).last() == Some(&EVENTS)
    });
    let marks = gateway.marks(EPOCH);
    assert!(marks.is_sorted(), "a mark went back");
    assert_eq!(
        server.query("select count(distinct seq), min(seq), max(seq) from events"),
        format!("{}|1|{}", EVENTS - garbage, EVENTS - 1)
    );
    assert_eq!(
        server.query("select count(*) from event_things"),
        (2 * (EVENTS - garbage)).to_string()
    );
    // Instances that stored events of one thing at the same time agree on its newest.
    let wrong = "select count(*) from things t where last_event is distinct from \
        (select x.event from event_things x where x.thing = t.id order by at desc, event desc limit 1)";
    assert_eq!(server.query(wrong), "0");
    assert_eq!(
        server.query("select mark, seen from epochs"),
        format!("{EVENTS}|{{[1,{})}}", EVENTS + 1)
    );
    assert_eq!(server.query("select count(*) from links"), "0");
    assert_eq!(server.query("select count(*), count(distinct properties), bool_and(reason like 'not JSON%') from rejected"), format!("{garbage}|{garbage}|t"));
    assert_eq!(ask(binary(), &url, &["gaps"]), "gaps: 0\n");
}

#[test]
fn the_mark_waits_for_what_is_missing_and_gaps_are_told() {
    let (broker, server) = (Mosquitto::in_memory(), Postgres::start());
    let url = server.url();
    let _store = Store::start(binary(), broker.addr(), &url, "store-1");
    let mut gateway = Publisher::new(broker.addr());
    let mut send = |seq: i64, previous: i64| {
        let properties = [
            ("epoch", EPOCH.to_owned()),
            ("seq", seq.to_string()),
            ("previous", previous.to_string()),
        ];
        gateway.send("events/dock_1", event(seq), &properties);
    };
    // 5 is the first that waits for nothing; 7 comes late; 9 to 11 are telemetry, of which 9 and 10 were dropped; 14 never comes.
    send(5, 0);
    send(6, 5);
    send(8, 7);
    send(12, 8);
    until("they are stored", || {
        server.query("select count(*) from events") == "4"
    });
    until("the mark is at the gap", || {
        server.query("select mark from epochs") == "6"
    });
    send(7, 6);
    until("the mark goes on", || {
        server.query("select mark from epochs") == "12"
    });
    let gap = r#"{"epoch":"e","from_seq":9,"to_seq":11,"count":3,"reason":"share"}"#;
    gateway.send(
        "gaps",
        gap,
        &[("epoch", EPOCH.to_owned()), ("seq", "11".to_owned())],
    );
    let mut send = |seq: i64, previous: i64| {
        let properties = [
            ("epoch", EPOCH.to_owned()),
            ("seq", seq.to_string()),
            ("previous", previous.to_string()),
        ];
        gateway.send("events/dock_1", event(seq), &properties);
    };
    send(15, 12);
    until("the gateway heard it", || {
        gateway.marks(EPOCH).last() == Some(&15)
    });
    assert!(gateway.marks(EPOCH).is_sorted());
    until("the gap came", || {
        server.query("select seen from epochs") == "{[5,9),[11,13),[15,16)}"
    });
    assert_eq!(
        server.query("select from_seq, to_seq, kind, noticed_at is not null from gaps order by 1"),
        "1|4|before the first that came|t\n9|10|telemetry dropped: share|f\n13|14|missing|t"
    );
}

#[test]
fn what_postgresql_refuses_is_kept_aside_alone() {
    let (broker, server) = (Mosquitto::in_memory(), Postgres::start());
    let url = server.url();
    let mut store = Store::start(binary(), broker.addr(), &url, "store-1");
    // A rule of the site's own, which one event of a batch breaks.
    server.query("alter table events add constraint site_rule check (seq is distinct from 3)");
    store.kill();
    let mut gateway = Publisher::new(broker.addr());
    for seq in 1..=6_i64 {
        let properties = [
            ("epoch", EPOCH.to_owned()),
            ("seq", seq.to_string()),
            ("previous", (seq - 1).to_string()),
        ];
        gateway.send("events/dock_1", event(seq), &properties);
    }
    gateway.settle();
    store.restart();
    until("the mark gets past it", || {
        gateway.marks(EPOCH).last() == Some(&6)
    });
    assert_eq!(
        server.query("select string_agg(seq::text, ',' order by seq) from events"),
        "1,2,4,5,6"
    );
    let kept = server.query("select reason, convert_from(payload, 'UTF8') from rejected");
    assert!(
        kept.contains("site_rule") && kept.ends_with(&event(3)),
        "{kept}"
    );
}

#[test]
fn while_the_database_is_away_the_broker_keeps_everything() {
    let (broker, mut server) = (Mosquitto::in_memory(), Postgres::start());
    let url = server.url();
    let store = Store::start(binary(), broker.addr(), &url, "store-1");
    let mut gateway = Publisher::new(broker.addr());
    let mut next = 1;
    while next < 500 {
        next = send(&mut gateway, next);
    }
    // In the middle of its work.
    server.kill();
    while next < 1_000 {
        next = send(&mut gateway, next);
    }
    gateway.settle();
    until("it says so", || {
        store.log().contains("Cannot store; trying again")
    });
    assert!(gateway.marks(EPOCH).last().is_none_or(|mark| *mark < 500));
    server.restart();
    until("the gateway heard it", || {
        gateway.marks(EPOCH).last() == Some(&999)
    });
    // Of the numbers, 500 is garbage.
    assert_eq!(
        server.query("select count(*), count(distinct seq) from events"),
        "998|998"
    );
    assert_eq!(server.query("select count(*) from rejected"), "1");
}
