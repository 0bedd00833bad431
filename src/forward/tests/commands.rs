//! Commands over the embedded broker; the test is the device.

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use serde_json::{Value, json};
use tracegate_sim::Task;
use tracegate_sim::broker::Broker;

use super::fake::{Answer, Fake};
use super::*;
use crate::downlink::command::Kind;
use crate::downlink::order::{Action, Orders, OutputState, Target};
use crate::forward::{commands, subscribe};
use crate::health::DeviceState;

pub(super) fn commanded(broker: SocketAddr) -> Settings {
    let topic = |kind: Kind| (kind, format!("cmd/{}", kind.as_str()));
    Settings {
        downlink: subscribe::Settings {
            commands: commands::Settings {
                topics: Kind::ALL.map(topic).to_vec(),
                not_for_answers: vec!["tracegate/plant-3/events/".to_owned()],
            },
            ..subscribe::Settings::default()
        },
        ..settings(broker)
    }
}

/// Gives commands, and takes everything that comes back.
pub(super) struct Commander {
    client: AsyncClient,
    messages: mpsc::Receiver<(String, Option<Vec<u8>>, Value)>,
    _task: Task,
}

impl Commander {
    pub(super) async fn start(broker: SocketAddr) -> Self {
        let mut options = MqttOptions::new("commander", broker.ip().to_string(), broker.port());
        options.set_keep_alive(Duration::from_secs(5));
        let (client, mut events) = AsyncClient::new(options, 100);
        let (messages_in, messages) = mpsc::channel(1000);
        let (ready_in, mut ready) = mpsc::channel(1);
        for filter in ["cmd/+/answer", "me/#", "status"] {
            client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        }
        let task = Task::spawn(async move {
            while let Ok(event) = events.poll().await {
                match event {
                    Event::Incoming(Incoming::SubAck(_)) => drop(ready_in.try_send(())),
                    Event::Incoming(Incoming::Publish(publish)) => {
                        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                        let given = publish.properties.and_then(|given| given.correlation_data);
                        let text = serde_json::from_slice(&publish.payload).unwrap();
                        let given = given.map(|data| data.to_vec());
                        let _ = messages_in.send((topic, given, text)).await;
                    }
                    _ => {}
                }
            }
        });
        tokio::time::timeout(PATIENCE, ready.recv()).await.unwrap();
        Self {
            client,
            messages,
            _task: task,
        }
    }

    pub(super) async fn give(&self, kind: Kind, command: &Value) {
        self.give_with(kind, command, false, PublishProperties::default())
            .await;
    }

    async fn give_with(&self, kind: Kind, command: &Value, retain: bool, given: PublishProperties) {
        let topic = format!("cmd/{}", kind.as_str());
        self.client
            .publish_with_properties(topic, QoS::AtLeastOnce, retain, command.to_string(), given)
            .await
            .unwrap();
    }

    async fn next(&mut self) -> (String, Option<Vec<u8>>, Value) {
        let next = tokio::time::timeout(PATIENCE, self.messages.recv()).await;
        next.expect("something comes").expect("the client lives")
    }

    /// The next answer, without what else is published.
    pub(super) async fn answer(&mut self) -> Value {
        loop {
            let (topic, _, answer) = self.next().await;
            if topic != "status" {
                return answer;
            }
        }
    }
}

async fn start() -> (Broker, Rig, Commander, Orders) {
    let broker = Broker::start().await.unwrap();
    let (target, orders) = Target::new(true, vec![4]);
    let devices = Directory::from([("dock_1".to_owned(), target)]);
    let rig = Rig::with_devices(commanded(broker.addr()), 0, devices).await;
    rig.health.device("dock_1", DeviceState::Up);
    let mut commander = Commander::start(broker.addr()).await;
    // The gateway has subscribed before it says that it is there; whoever hears that may command.
    loop {
        let (topic, _, status) = commander.next().await;
        if topic == "status" && status["state"] == "online" {
            return (broker, rig, commander, orders);
        }
    }
}

#[tokio::test]
async fn a_command_reaches_its_device_once_and_is_answered_each_time() {
    let (_broker, rig, mut commander, orders) = start().await;
    let on = json!({"id": "a", "device": "dock_1", "output": 4, "state": "on"});
    for round in 0..3 {
        commander.give(Kind::Gpo, &on).await;
        if round == 0 {
            let order = orders.next().await;
            let state = OutputState::On;
            assert_eq!(order.action, Action::Output { port: 4, state });
            order.done.send(Ok(())).unwrap();
        }
        let answer = commander.answer().await;
        let expected = json!({"id": "a", "command": "gpo", "outcome": "done"});
        assert_eq!(answer, expected);
    }
    assert!(
        tokio::time::timeout(Duration::from_millis(50), orders.next())
            .await
            .is_err(),
        "it was done once"
    );
    assert_eq!(rig.health.counters().commands.get(), 3);
    rig.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_in_words() {
    let (_broker, rig, mut commander, _orders) = start().await;
    let mut refused = 0;
    for (command, text) in [
        (
            json!({"id": "1", "device": "dock_2", "output": 4, "state": "on"}),
            "there are: dock_1",
        ),
        (
            json!({"id": "2", "device": "dock_1", "output": 5, "state": "on"}),
            "these are: 4",
        ),
        (
            json!({"id": "3", "device": "dock_1"}),
            "missing field `output`",
        ),
        (json!({"device": "dock_1"}), "not a command"),
    ] {
        commander.give(Kind::Gpo, &command).await;
        let answer = commander.answer().await;
        assert_eq!(
            (&answer["outcome"], &answer["id"]),
            (&json!("refused"), &command["id"])
        );
        assert!(answer["text"].as_str().unwrap().contains(text), "{answer}");
        refused += 1;
    }
    let reason = "gone".to_owned();
    rig.health.device("dock_1", DeviceState::Down { reason });
    let identify = json!({"id": "5", "device": "dock_1"});
    commander.give(Kind::Identify, &identify).await;
    let answer = commander.answer().await;
    assert_eq!(answer["text"], "dock_1 is not connected");
    assert_eq!(rig.health.counters().commands_refused.get(), refused + 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_kept_command_is_refused_at_once_and_at_the_next_connection() {
    let (broker, rig, mut commander, orders) = start().await;
    let command = json!({"id": "a", "device": "dock_1"});
    let given = PublishProperties::default();
    commander
        .give_with(Kind::Identify, &command, true, given)
        .await;
    let refused = |answer: Value| {
        assert_eq!(answer["outcome"], "refused");
        let text = answer["text"].as_str().unwrap();
        assert!(text.contains("published with retain"), "{text}");
    };
    refused(commander.answer().await);
    rig.stop().await;
    let again = Rig::start(commanded(broker.addr()), 0).await;
    refused(commander.answer().await);
    again.stop().await;
    assert!(
        tokio::time::timeout(Duration::from_millis(20), orders.next())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_device_that_does_not_answer_is_not_waited_for_and_events_go_on() {
    let (broker, mut rig, mut commander, orders) = start().await;
    let _store = super::broker::Subscriber::start(broker.addr(), super::broker::EVENTS).await;
    let identify = json!({"id": "a", "device": "dock_1", "seconds": 3});
    commander.give(Kind::Identify, &identify).await;
    let order = orders.next().await;
    rig.add(50).await;
    rig.acknowledged(50).await;
    let answer = commander.answer().await;
    assert_eq!(answer["outcome"], "timeout");
    assert!(order.done.is_closed());
    rig.stop().await;
}

#[tokio::test]
async fn the_status_comes_when_asked_for_and_the_answer_where_asked_for() {
    let (_broker, rig, mut commander, _orders) = start().await;
    let given = |topic: &str| PublishProperties {
        response_topic: Some(topic.to_owned()),
        correlation_data: Some("42".into()),
        ..PublishProperties::default()
    };
    for (id, asked, expected) in [
        ("a", "me/here", "me/here"),
        // An answer must not be taken for an event.
        ("b", "tracegate/plant-3/events/dock_1", "cmd/status/answer"),
        ("c", "me/#", "cmd/status/answer"),
    ] {
        let command = json!({"id": id});
        commander
            .give_with(Kind::Status, &command, false, given(asked))
            .await;
        let (mut answered, mut status) = (false, false);
        while !(answered && status) {
            let (topic, correlation, text) = commander.next().await;
            if topic == "status" {
                status = true;
            } else {
                assert_eq!(
                    (topic.as_str(), correlation),
                    (expected, Some(b"42".to_vec()))
                );
                assert_eq!(
                    text,
                    json!({"id": id, "command": "status", "outcome": "done"})
                );
                answered = true;
            }
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_flood_of_commands_is_dropped_and_counted() {
    let (broker, mut rig, commander, _orders) = start().await;
    let _store = super::broker::Subscriber::start(broker.addr(), super::broker::EVENTS).await;
    for id in 0..200 {
        commander
            .give(Kind::Status, &json!({"id": id.to_string()}))
            .await;
    }
    rig.add(50).await;
    rig.acknowledged(50).await;
    wait_until("the flood to be dropped", PATIENCE, || {
        let counters = rig.health.counters();
        counters.commands.get() + counters.commands_dropped.get() >= 200
    })
    .await
    .unwrap();
    assert!(rig.health.counters().commands.get() < 60);
    rig.stop().await;
}

#[tokio::test]
async fn commands_that_the_broker_does_not_let_us_hear_are_told() {
    let broker = Fake::start(
        |_| Answer::welcome(),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let rig = Rig::start(commanded(broker.addr), 3).await;
    rig.says("the broker refuses the subscription to cmd/")
        .await;
    rig.health.shows_alone("COMMANDS-NOT-HEARD");
    rig.acknowledged(3).await;
    rig.forwarder.abort();
}
