use std::time::Duration;

use rumqttc::v5::{
    AsyncClient, Event, EventLoop, Incoming, MqttOptions,
    mqttbytes::{
        QoS,
        v5::{ConnectReturnCode, DisconnectReasonCode, LastWill, PubAckReason, Publish},
    },
};
use tokio::time::timeout;

use super::{Answer, Broker, Conduct, Terms, Welcome, hub::matches};

const PATIENCE: Duration = Duration::from_secs(60);

fn options(broker: &Broker, name: &str) -> MqttOptions {
    let mut network = rumqttc::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    let mut options = MqttOptions::new(name, broker.addr().ip().to_string(), broker.addr().port());
    options
        .set_clean_start(true)
        .set_network_options(network)
        .set_keep_alive(Duration::from_secs(5));
    options
}

/// Polls until `wanted` picks something out of an incoming packet.
async fn until<T>(events: &mut EventLoop, mut wanted: impl FnMut(&Incoming) -> Option<T>) -> T {
    let hunt = async {
        loop {
            if let Event::Incoming(packet) = events.poll().await.expect("connection holds")
                && let Some(found) = wanted(&packet)
            {
                return found;
            }
        }
    };
    timeout(PATIENCE, hunt)
        .await
        .expect("the packet comes in time")
}

fn publish(packet: &Incoming) -> Option<Publish> {
    if let Incoming::Publish(publish) = packet {
        Some(publish.clone())
    } else {
        None
    }
}

fn puback(packet: &Incoming) -> Option<PubAckReason> {
    if let Incoming::PubAck(ack) = packet {
        Some(ack.reason)
    } else {
        None
    }
}

fn suback(packet: &Incoming) -> Option<()> {
    matches!(packet, Incoming::SubAck(_)).then_some(())
}

async fn subscriber(broker: &Broker, name: &str, filter: &str) -> (AsyncClient, EventLoop) {
    let (client, mut events) = AsyncClient::new(options(broker, name), 10);
    client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
    until(&mut events, suback).await;
    (client, events)
}

#[tokio::test]
async fn a_publish_reaches_its_subscribers_and_is_acknowledged() {
    let broker = Broker::start().await.unwrap();
    let (_store, mut store_events) = subscriber(&broker, "store", "tracegate/+/events/#").await;
    let (gateway, mut events) = AsyncClient::new(options(&broker, "gateway"), 10);
    for number in 0..200 {
        gateway
            .publish(
                "tracegate/p/events/dock_1",
                QoS::AtLeastOnce,
                false,
                format!("{number}"),
            )
            .await
            .unwrap();
        assert_eq!(until(&mut events, puback).await, PubAckReason::Success);
        let got = until(&mut store_events, publish).await;
        assert_eq!(
            (got.payload, got.qos, got.retain),
            (number.to_string().into(), QoS::AtLeastOnce, false)
        );
    }
    assert_eq!(broker.stats().delivered, 200);
}

#[tokio::test]
async fn nobody_subscribed_is_said_in_the_acknowledgement() {
    let broker = Broker::start().await.unwrap();
    let (_other, _events) = subscriber(&broker, "other", "elsewhere/#").await;
    let (gateway, mut events) = AsyncClient::new(options(&broker, "gateway"), 10);
    gateway
        .publish("tracegate/x", QoS::AtLeastOnce, false, "1")
        .await
        .unwrap();
    assert_eq!(
        until(&mut events, puback).await,
        PubAckReason::NoMatchingSubscribers
    );
}

#[tokio::test]
async fn retained_messages_wait_for_subscribers_until_deleted() {
    let broker = Broker::start().await.unwrap();
    let (gateway, mut events) = AsyncClient::new(options(&broker, "gateway"), 10);
    gateway
        .publish("status", QoS::AtLeastOnce, true, "online")
        .await
        .unwrap();
    until(&mut events, puback).await;
    let (store, mut store_events) = AsyncClient::new(options(&broker, "store"), 10);
    store.subscribe("#", QoS::AtMostOnce).await.unwrap();
    let got = until(&mut store_events, publish).await;
    assert_eq!(
        (got.payload, got.retain, got.qos),
        ("online".into(), true, QoS::AtMostOnce)
    );
    gateway
        .publish("status", QoS::AtLeastOnce, true, "")
        .await
        .unwrap();
    until(&mut events, puback).await;
    let (_late, mut late_events) = subscriber(&broker, "late", "#").await;
    gateway
        .publish("after", QoS::AtLeastOnce, false, "")
        .await
        .unwrap();
    until(&mut events, puback).await;
    assert_eq!(until(&mut late_events, publish).await.topic, "after");
}

#[tokio::test]
async fn a_will_is_published_for_the_lost_but_not_for_those_who_say_goodbye() {
    let broker = Broker::start().await.unwrap();
    let (_store, mut store_events) = subscriber(&broker, "store", "status/#").await;
    let with_will = |name: &str| {
        let mut with_will = options(&broker, name);
        with_will.set_last_will(LastWill::new(
            format!("status/{name}"),
            "offline",
            QoS::AtLeastOnce,
            true,
            None,
        ));
        AsyncClient::new(with_will, 10)
    };
    let (polite, mut events) = with_will("polite");
    until(&mut events, |packet| {
        matches!(packet, Incoming::ConnAck(_)).then_some(())
    })
    .await;
    polite.disconnect().await.unwrap();
    timeout(PATIENCE, async { while events.poll().await.is_ok() {} })
        .await
        .unwrap();
    let (_killed, mut events) = with_will("killed");
    until(&mut events, |packet| {
        matches!(packet, Incoming::ConnAck(_)).then_some(())
    })
    .await;
    drop(events);
    assert_eq!(
        until(&mut store_events, publish).await.topic,
        "status/killed"
    );
}

#[tokio::test]
async fn a_second_connection_of_the_same_name_takes_over() {
    let broker = Broker::start().await.unwrap();
    let (_first, mut first_events) = subscriber(&broker, "twin", "a").await;
    let (_second, _events) = subscriber(&broker, "twin", "b").await;
    let ended = async { while first_events.poll().await.is_ok() {} };
    timeout(PATIENCE, ended)
        .await
        .expect("the first is sent away");
    assert_eq!(broker.stats().sessions, 1);
}

#[tokio::test]
async fn a_cut_ends_connections_and_a_restart_takes_the_same_port() {
    let broker = Broker::start().await.unwrap();
    let (_client, mut events) = subscriber(&broker, "store", "a").await;
    broker.cut();
    timeout(PATIENCE, async { while events.poll().await.is_ok() {} })
        .await
        .expect("the cut is noticed");
    let (_client, _events) = subscriber(&broker, "store", "a").await;
    let addr = broker.addr();
    drop(broker);
    let mut again = Broker::bind(addr).await;
    for _ in 0..100 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        again = Broker::bind(addr).await;
    }
    let broker = again.expect("the port is free again");
    subscriber(&broker, "store", "a").await;
}

#[tokio::test]
async fn garbage_costs_only_its_own_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let broker = Broker::start().await.unwrap();
    for garbage in [
        &[0x40, 2, 0, 1][..],
        &[0x10, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x10, 2, 0, 9],
        &[0xe0, 0],
    ] {
        let mut socket = tokio::net::TcpStream::connect(broker.addr()).await.unwrap();
        socket.write_all(garbage).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, socket.read_to_end(&mut answer))
            .await
            .expect("it is hung up on");
    }
    subscriber(&broker, "store", "a").await;
}

#[test]
fn filters_match_as_the_standard_says() {
    for (topic, filter, expect) in [
        ("a/b/c", "a/b/c", true),
        ("a/b/c", "a/+/c", true),
        ("a/b/c", "a/#", true),
        ("a", "a/#", true),
        ("a/b", "a", false),
        ("a", "a/+", false),
        ("a/", "a/+", true),
        ("$SYS/x", "#", false),
        ("$SYS/x", "$SYS/#", true),
        ("ä/b", "+/b", true),
    ] {
        assert_eq!(matches(topic, filter), expect, "{topic} under {filter}");
    }
}

/// Does what it was told for each publish, from the first.
#[derive(Debug)]
struct Told(Terms, std::sync::Mutex<Vec<Answer>>);

impl Conduct for Told {
    fn welcome(&self, connection: usize) -> Welcome {
        match connection {
            1 => Welcome::No(ConnectReturnCode::ServerBusy),
            _ => Welcome::Yes(self.0),
        }
    }

    fn publish(&self, _: usize, _: &Publish) -> Answer {
        self.1.lock().unwrap().remove(0)
    }
}

/// A broker that refuses the first connection, and a client of the second.
async fn told(terms: Terms, answers: Vec<Answer>) -> (Broker, AsyncClient, EventLoop) {
    let conduct = std::sync::Arc::new(Told(terms, answers.into()));
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let broker = Broker::bind_with(any, conduct).await.unwrap();
    let (_, mut refused) = AsyncClient::new(options(&broker, "gateway"), 10);
    let refusal = refused.poll().await.unwrap_err().to_string();
    assert!(refusal.contains("ServerBusy"), "{refusal}");
    let (client, mut events) = AsyncClient::new(options(&broker, "gateway"), 10);
    until(&mut events, |packet| {
        matches!(packet, Incoming::ConnAck(_)).then_some(())
    })
    .await;
    (broker, client, events)
}

async fn say(client: &AsyncClient, count: usize) {
    for _ in 0..count {
        let sent = client.publish("a", QoS::AtLeastOnce, false, "x").await;
        sent.unwrap();
    }
}

#[tokio::test]
async fn answers_come_as_told() {
    let late = Duration::from_millis(20);
    let answers = vec![
        Answer::Later(late),
        Answer::Because(PubAckReason::NotAuthorized),
        Answer::Silence,
        Answer::Goodbye(DisconnectReasonCode::ServerBusy),
    ];
    let (_broker, client, mut events) = told(Terms::default(), answers).await;
    say(&client, 3).await;
    let id = |packet: &Incoming| match packet {
        Incoming::PubAck(ack) => Some((ack.pkid, ack.reason)),
        _ => None,
    };
    assert_eq!(
        until(&mut events, id).await,
        (2, PubAckReason::NotAuthorized)
    );
    assert_eq!(until(&mut events, id).await, (1, PubAckReason::Success));
    say(&client, 1).await;
    let ended = async { while events.poll().await.is_ok() {} };
    timeout(PATIENCE, ended).await.expect("sent away");
}

#[tokio::test]
async fn terms_are_kept_or_the_client_must_go() {
    // More publishes than may be under way; a topic alias that was not allowed.
    let terms = Terms {
        receive_maximum: Some(1),
        ..Terms::default()
    };
    let (broker, ..) = told(terms, Vec::new()).await;
    let mut raw = tokio::net::TcpStream::connect(broker.addr()).await.unwrap();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let connect = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x05\x00\x00\x00";
    raw.write_all(connect).await.unwrap();
    // PUBLISH to `a` with topic alias 1.
    raw.write_all(b"\x32\x09\x00\x01a\x00\x01\x03\x23\x00\x01")
        .await
        .unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, raw.read_to_end(&mut answer))
        .await
        .expect("sent away")
        .unwrap();
    assert!(answer.ends_with(&[0xe0, 2, 0x94, 0]), "{answer:?}");
}

#[tokio::test]
async fn clients_of_mqtt_3_1_1_are_served() {
    use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
    let broker = Broker::start().await.unwrap();
    let (_store, mut store_events) = subscriber(&broker, "store", "a/#").await;
    let addr = broker.addr();
    let options = MqttOptions::new("old", addr.ip().to_string(), addr.port());
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe("a/b", QoS::AtLeastOnce).await.unwrap();
    let (mut subscribed, mut acknowledged, mut heard) = (false, false, false);
    while !(acknowledged && heard) {
        let event = timeout(PATIENCE, events.poll()).await.expect("in time");
        match event.unwrap() {
            Event::Incoming(Packet::SubAck(_)) => {
                subscribed = true;
                let sent = client.publish("a/b", QoS::AtLeastOnce, false, "x").await;
                sent.unwrap();
            }
            Event::Incoming(Packet::PubAck(_)) => acknowledged = true,
            Event::Incoming(Packet::Publish(publish)) => heard = publish.payload == "x",
            _ => {}
        }
    }
    assert!(subscribed);
    assert_eq!(until(&mut store_events, publish).await.topic, "a/b");
}
