//! A load that is seen and not booked, from the reader to whoever asked for it: the real binary, a simulated reader, a broker
//! that is away at first.

mod support;

use std::time::Duration;

use rumqttc::v5::Event;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use support::{Gateway, dock_1, epcs, free_port, pass, subscriber};
use tokio::time::timeout;
use tracegate::buffer::Inspector;
use tracegate_sim::broker::Broker;
use tracegate_sim::reader::{SimReader, SimReaderConfig};
use tracegate_sim::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_load_of_too_few_tags_is_told_beside_the_movements() {
    let addr = ([127, 0, 0, 1], free_port()).into();
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let text = {
        let text = dock_1(reader.addr(), addr, "BUFFER".as_ref(), "min_tags = 3");
        text.replace("[mqtt]", "[mqtt]\nnon_events = true")
    };
    let mut gateway = Gateway::new(|buffer| text.replace("BUFFER", buffer.to_str().unwrap()));
    gateway.start();
    let reading = || reader.status().reading;
    wait_until("the reader", PATIENCE, reading).await.unwrap();

    let box_of = |n: u32| format!("urn:epc:tag:sgtin-96:1.4012345.000100.{n}");
    pass(&reader, &epcs(&[box_of(1), box_of(2)]), true).await;
    let stored = timeout(PATIENCE, async {
        let mut look = Inspector::look(&gateway.folder.path().join("buffer"))
            .await
            .unwrap();
        while look.stats().await.unwrap().telemetry == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let nothing = |_| panic!("nothing is stored; the log:\n{}", gateway.log());
    stored.await.unwrap_or_else(nothing);
    // Killed with nothing sent: it is stored with the reads that it came of.
    gateway.kill();
    let broker = Broker::bind(addr).await.unwrap();
    let (_client, mut messages) = subscriber("watcher", broker.addr(), "tracegate/#").await;
    let is_subscribed = |event| matches!(event, Event::Incoming(Packet::SubAck(_)));
    while !is_subscribed(messages.poll().await.unwrap()) {}
    gateway.start();
    let mut next = async |topic: &str| -> Publish {
        let found = timeout(PATIENCE, async {
            loop {
                if let Event::Incoming(Packet::Publish(publish)) = messages.poll().await.unwrap()
                    && publish.topic.starts_with(topic.as_bytes())
                {
                    return publish;
                }
            }
        });
        found
            .await
            .unwrap_or_else(|_| panic!("nothing on {topic}; the log:\n{}", gateway.log()))
    };
    let load = next("tracegate/plant-3/nonevents/dock_1").await;
    let user = |publish: &Publish, key: &str| {
        let properties = publish.properties.clone().unwrap().user_properties;
        let found = properties.into_iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    };
    assert_eq!(user(&load, "seq").as_deref(), Some("1"));
    let said: serde_json::Value = serde_json::from_slice(&load.payload).unwrap();
    assert_eq!(
        (&said["reason"], &said["tags"]),
        (&"few_tags".into(), &2.into())
    );
    assert_eq!(said["direction"], "in");
    assert_eq!(user(&load, "event_id").as_deref(), said["id"].as_str());
    let things = said["things"].as_array().unwrap();
    assert!(things[0].as_str().unwrap().contains("/21/1"), "{said:#}");

    // A movement has the next number of the same epoch.
    wait_until("the reader", PATIENCE, reading).await.unwrap();
    pass(&reader, &epcs(&[box_of(11), box_of(12), box_of(13)]), true).await;
    let event = next("tracegate/plant-3/events/dock_1").await;
    assert_eq!(user(&event, "seq").as_deref(), Some("2"));
    assert_eq!(user(&event, "epoch"), user(&load, "epoch"));
    assert!(gateway.stop().success());
}
