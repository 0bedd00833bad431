//! Several events in one message, topic aliases, expiry.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rumqttc::v5::mqttbytes::v5::{PubAckReason, Publish};

use super::fake::{Answer, Fake, Log};
use super::*;

fn together(events: usize, broker: &Fake) -> Settings {
    let batch = Batch {
        events,
        bytes: 64 << 10,
    };
    Settings {
        batch,
        attempts: 2,
        timing: PATIENT,
        ..settings(broker.addr)
    }
}

/// As Mosquitto: 20 unacknowledged publishes.
fn twenty() -> Answer {
    Answer::welcome_with(|given| given.receive_max = Some(20))
}

async fn drained(events: usize, batch: usize) -> Log {
    let broker = Fake::start(|_| twenty(), |_, _, publish| Answer::taken(publish)).await;
    let rig = Rig::start(together(batch, &broker), events).await;
    rig.acknowledged(events as i64).await;
    rig.stop().await;
    broker.log()
}

#[tokio::test]
async fn while_behind_batches_save_round_trips() {
    let (single, batched) = (drained(1000, 1).await, drained(1000, 50).await);
    assert_eq!(single.messages, 1000);
    // Twenty batches of fifty; towards the end, when less than a window waits, each event goes alone.
    assert!(batched.messages <= 20 + 20, "{}", batched.messages);
    in_order(&single.taken, 1000);
    in_order(&batched.taken, 1000);
    // At 100 ms a round trip: 50 of them are 5 s, 200 events a second.
    let seconds = |log: &Log| log.rounds as f64 * 0.1;
    println!(
        "1000 events: {:.1} s one by one, {:.1} s in batches",
        seconds(&single),
        seconds(&batched)
    );
    // How many it takes at the end, where events go alone, depends on what the machine has to do besides.
    assert!(
        single.rounds >= 50 && batched.rounds * 4 <= single.rounds,
        "{} and {}",
        single.rounds,
        batched.rounds
    );
}

#[tokio::test]
async fn a_batch_says_what_is_in_it() {
    let seen: Arc<Mutex<Vec<Publish>>> = Arc::default();
    let keep = seen.clone();
    let broker = Fake::start(
        |_| twenty(),
        move |_, number, publish| {
            if number > 0 {
                keep.lock().unwrap().push(publish.clone());
            }
            Answer::taken(publish)
        },
    )
    .await;
    let rig = Rig::start(together(30, &broker), 100).await;
    rig.acknowledged(100).await;
    let epoch = rig.health.epoch();
    rig.stop().await;
    let first = seen.lock().unwrap()[0].clone();
    let given = first.properties.unwrap();
    assert_eq!(given.content_type.as_deref(), Some("application/ld+json"));
    let user: BTreeMap<String, String> = given.user_properties.into_iter().collect();
    let ids: Vec<String> = (1..=30)
        .map(|n: usize| EventId::of_prehash(&n.to_string()).to_string())
        .collect();
    assert_eq!(user["event_ids"], ids.join(" "));
    assert_eq!(
        (user["first_seq"].as_str(), user["last_seq"].as_str()),
        ("1", "30")
    );
    assert_eq!((user["events"].as_str(), &user["epoch"]), ("30", &epoch));
    let document: serde_json::Value = serde_json::from_slice(&first.payload).unwrap();
    assert_eq!(
        document["gw:seq"],
        serde_json::json!(Vec::from_iter(1..=30))
    );
    assert_eq!(document["gw:epoch"], epoch);
}

#[tokio::test]
async fn an_event_refused_in_a_batch_is_found_and_only_it_is_set_aside() {
    let broker = Fake::start(
        |_| twenty(),
        |_, number, publish| match number > 0 && numbers(&publish.payload).contains(&37) {
            true => Answer::because(publish, PubAckReason::PayloadFormatInvalid),
            false => Answer::taken(publish),
        },
    )
    .await;
    let mut rig = Rig::start(together(25, &broker), 200).await;
    let (seq, why, attempts) = rig.set_aside().await;
    assert_eq!((seq, attempts), (37, 2));
    assert!(why.contains("payload format"), "{why}");
    rig.acknowledged(200).await;
    let mut taken = broker.log().taken;
    taken.sort_unstable();
    taken.dedup();
    let others = (1..=200).filter(|number| *number != 37);
    assert_eq!(taken, Vec::from_iter(others));
    rig.stop().await;
}

#[tokio::test]
async fn an_alias_saves_the_topic_and_events_expire_at_the_broker_only_if_configured() {
    for expiry in [None, Some(Duration::from_secs(7))] {
        let seen: Arc<Mutex<Vec<Publish>>> = Arc::default();
        let keep = seen.clone();
        let broker = Fake::start(
            |_| Answer::welcome_with(|given| given.topic_alias_max = Some(10)),
            move |connection, number, publish| {
                if number > 0 {
                    keep.lock().unwrap().push(publish.clone());
                }
                match (connection, number) {
                    (1, 5) => Answer::Cut,
                    _ => Answer::taken(publish),
                }
            },
        )
        .await;
        let settings = Settings {
            message_expiry: expiry,
            ..settings(broker.addr)
        };
        let rig = Rig::start(settings, 9).await;
        rig.acknowledged(9).await;
        rig.stop().await;
        let seen = seen.lock().unwrap();
        let in_full = seen.iter().filter(|publish| !publish.topic.is_empty());
        assert_eq!(in_full.count(), 2, "once for each connection");
        for publish in seen.iter() {
            let given = publish.properties.as_ref().unwrap();
            assert_eq!(given.topic_alias, Some(1));
            assert_eq!(given.message_expiry_interval.is_some(), expiry.is_some());
            assert!(
                given
                    .message_expiry_interval
                    .is_none_or(|left| (1..=7).contains(&left))
            );
        }
    }
}
