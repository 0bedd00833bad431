//! Kept events that are asked for again; the test is the core, and keeps them.

use serde_json::{Value, json};
use tracegate_sim::broker::Broker;

use super::broker::{EVENTS, Subscriber, bind_again};
use super::commands::{Commander, commanded};
use super::*;
use crate::buffer::Keep;
use crate::downlink::command::Kind;

/// A gateway that has sent and kept `events`, and whoever takes them.
async fn kept(events: i64) -> (Broker, Rig, Commander, Subscriber) {
    let broker = Broker::start().await.unwrap();
    let mut store = Subscriber::start(broker.addr(), EVENTS).await;
    let mut rig = Rig::start(commanded(broker.addr()), events as usize).await;
    rig.store.keep_sent(Keep {
        age: PATIENCE * 100,
        bytes: 1 << 30,
    });
    store.numbers(events).await;
    rig.acknowledged(events).await;
    rig.store.acknowledged(events).await.unwrap();
    let kept = rig.store.figures().await.unwrap().kept;
    assert_eq!(kept, Some((1, events as u64)));
    rig.health.kept_from(Some(1));
    let commander = Commander::start(broker.addr()).await;
    (broker, rig, commander, store)
}

async fn asked(rig: &Rig, commander: &mut Commander, command: Value) -> Value {
    let mut command = command;
    if command["epoch"].is_null() {
        command["epoch"] = json!(rig.health.epoch());
    }
    commander.give(Kind::Replay, &command).await;
    commander.answer().await
}

#[tokio::test]
async fn kept_events_come_again_as_they_were() {
    let (_broker, mut rig, mut commander, mut store) = kept(300).await;
    let answer = asked(
        &rig,
        &mut commander,
        json!({"id": "a", "from": 101, "to": 250}),
    )
    .await;
    let expected =
        json!({"id": "a", "command": "replay", "outcome": "done", "from": 101, "to": 250});
    assert_eq!(answer, expected);
    assert_eq!(store.numbers(250).await, Vec::from_iter(101..=250));
    wait_until("the end", PATIENCE, || {
        rig.health.counters().replayed.get() == 150
    })
    .await
    .unwrap();
    // Nothing of that moves what waits; and the next replay begins.
    assert_eq!(*rig.acknowledged.borrow(), 300);
    rig.add(1).await;
    rig.acknowledged(301).await;
    let answer = asked(&rig, &mut commander, json!({"id": "b", "from": 299})).await;
    assert_eq!((&answer["from"], &answer["to"]), (&json!(299), &json!(301)));
    assert_eq!(store.numbers(299).await, [301, 299]);
    rig.stop().await;
}

#[tokio::test]
async fn what_cannot_come_again_is_refused_in_words() {
    let (_broker, rig, mut commander, _store) = kept(3000).await;
    for (command, text) in [
        (
            json!({"id": "1", "from": 1, "epoch": "other"}),
            "its numbers are others",
        ),
        (json!({"id": "2", "from": 3001}), "they come by themselves"),
        (json!({"id": "3", "from": 0}), "`from` must be at least 1"),
    ] {
        let answer = asked(&rig, &mut commander, command).await;
        assert_eq!(answer["outcome"], "refused");
        assert!(answer["text"].as_str().unwrap().contains(text), "{answer}");
    }
    rig.health.kept_from(Some(100));
    let answer = asked(
        &rig,
        &mut commander,
        json!({"id": "4", "from": 50, "to": 99}),
    )
    .await;
    assert_eq!(answer["text"], "events before 100 are no longer kept");
    let answer = asked(&rig, &mut commander, json!({"id": "5", "from": 50})).await;
    assert_eq!(
        (&answer["from"], &answer["outcome"]),
        (&json!(100), &json!("done"))
    );
    let answer = asked(&rig, &mut commander, json!({"id": "6", "from": 500})).await;
    let text = answer["text"].as_str().unwrap();
    assert!(
        text.contains("events 100 to 3000 are being sent again"),
        "{text}"
    );
    rig.health.kept_from(None);
    rig.stop().await;
}

/// A replay of seconds, and events that come meanwhile: they do not wait for its end.
#[tokio::test]
async fn live_events_go_first_and_a_stop_does_not_wait_for_a_replay() {
    let (_broker, mut rig, mut commander, mut store) = kept(5000).await;
    asked(&rig, &mut commander, json!({"id": "a", "from": 1})).await;
    let again = store.numbers(60).await;
    assert_eq!(again, Vec::from_iter(1..=60));
    rig.add(200).await;
    rig.acknowledged(5200).await;
    let replayed = rig.health.counters().replayed.get();
    assert!(replayed < 4000, "{replayed}");
    rig.stop().await;
}

/// Whoever takes them is gone for a while, and so is the broker.
#[tokio::test]
async fn a_replay_goes_on_where_the_broker_took_no_more() {
    let (broker, rig, mut commander, mut store) = kept(400).await;
    asked(&rig, &mut commander, json!({"id": "a", "from": 1})).await;
    store.numbers(40).await;
    let addr = broker.addr();
    drop((broker, store));
    rig.says("broker").await;
    let _broker = bind_again(addr).await;
    let mut store = Subscriber::start(addr, EVENTS).await;
    let rest = store.numbers(400).await;
    let first = rest[0];
    assert!(first <= 200, "{first}");
    let mut in_order = rest.clone();
    in_order.dedup();
    in_order.sort_unstable();
    in_order.dedup();
    assert_eq!(in_order, Vec::from_iter(first..=400));
    rig.stop().await;
}
