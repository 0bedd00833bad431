//! Active tags from the receiver to the broker: the real binary, receivers over TCP and MQTT, junk, a receiver that
//! restarts, and the gateway killed in between. Each change is one event.

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{Event, EventLoop};
use support::{Gateway, store};
use tokio::time::timeout;
use tracegate_sim::broker::Broker;
use tracegate_sim::receiver::{Outlet, SimReceiver, SimTag};

const PATIENCE: Duration = Duration::from_secs(60);
/// How often tags beacon.
const PACE: Duration = Duration::from_millis(200);

fn config(receiver: SocketAddr, broker: SocketAddr, buffer: &Path) -> String {
    let buffer = buffer.display().to_string();
    let place = |name: &str| {
        format!(
            r#"
[read_point.{name}]
mode = "presence"
sgln = "urn:epc:id:sgln:4012345.00001.{name}"
antennas = ["{name}/1"]
arrive = {{ biz_step = "storing" }}
depart = {{ biz_step = "staging_outbound" }}
events_per = "tag"
"#
        )
    };
    format!(
        r#"
[gateway]
site = "plant-3"
[buffer]
directory = {buffer:?}
[mqtt]
url = "mqtt://{broker}"
[receiver.store]
tcp = "{receiver}"
epc = "urn:epc:id:giai:4012345.{{tag_id}}"
[receiver.line]
mqtt = "beacons/line"
epc = "urn:epc:id:giai:4012345.{{tag_id}}"
{}{}
"#,
        place("store"),
        place("line"),
    )
}

/// The next event, as place, what happened, and to what; the same one sent again is passed over.
async fn next(events: &mut EventLoop, seen: &mut Vec<String>, gateway: &Gateway) -> String {
    let told = timeout(PATIENCE, async {
        loop {
            let Event::Incoming(Packet::Publish(publish)) = events.poll().await.expect("up") else {
                continue;
            };
            let event: serde_json::Value = serde_json::from_slice(&publish.payload).expect("JSON");
            let id = event["eventID"].as_str().expect("an id").to_owned();
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            let place = event["readPoint"]["id"].as_str().expect("a place");
            let what = [&event["gw:presence"], &event["gw:alarm"]];
            let what = what
                .iter()
                .find_map(|it| it.as_str())
                .expect("what happened");
            let thing = event["epcList"][0].as_str().expect("a thing");
            let name = |uri: &str| uri.rsplit(['.', '/']).next().unwrap_or_default().to_owned();
            return format!("{} {what} {}", name(place), name(thing));
        }
    });
    told.await
        .unwrap_or_else(|_| panic!("no event came; the gateway's log:\n{}", gateway.log()))
}

async fn start(at: SocketAddr, seed: u64) -> SimReceiver {
    // The port of the one before is free as soon as its task has ended.
    let started = timeout(PATIENCE, async {
        loop {
            match SimReceiver::start(Outlet::Serve, at, seed).await {
                Ok(receiver) => return receiver,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    started.await.expect("the port is free")
}

#[tokio::test]
async fn a_tool_comes_raises_an_alarm_and_goes_once_each() {
    let broker = Broker::start().await.expect("a broker");
    let (_store, mut events) = store(broker.addr()).await;
    let receiver = start(([127, 0, 0, 1], 0).into(), 7).await;
    let at = receiver.addr().expect("it listens");
    let line = Outlet::Publish(broker.addr(), "beacons/line".to_owned());
    let line = SimReceiver::start(line, at, 8).await.expect("a receiver");
    let mut gateway = Gateway::new(|buffer| config(at, broker.addr(), buffer));
    gateway.start();
    let mut seen = Vec::new();
    let good = SimTag {
        loss: 0.2,
        ..SimTag::new("wrench", PACE)
    };

    receiver.put(good.clone());
    assert_eq!(
        next(&mut events, &mut seen, &gateway).await,
        "store arrive 4012345wrench"
    );
    receiver.send(b"\xff\xfe\x00 junk {\n{\"tag_id\":\"wrench\",\"rssi_dbm\":\"loud\"}\n");
    receiver.put(SimTag {
        tamper: true,
        ..good.clone()
    });
    assert_eq!(
        next(&mut events, &mut seen, &gateway).await,
        "store tamper 4012345wrench"
    );

    // Neither a dead gateway nor a receiver that restarts makes it come again, leave, or raise its alarm again.
    gateway.kill();
    gateway.start();
    let (heard, _) = receiver.counts();
    let beacons = |receiver: &SimReceiver, more: u64| receiver.counts().0 >= more;
    let after = heard + 20;
    tracegate_sim::wait_until("20 beacons", PATIENCE, || beacons(&receiver, after))
        .await
        .expect("beacons");
    drop(receiver);
    let receiver = start(at, 9).await;
    receiver.put(SimTag {
        tamper: true,
        ..good.clone()
    });
    tracegate_sim::wait_until("20 beacons", PATIENCE, || beacons(&receiver, 20))
        .await
        .expect("beacons");

    receiver.take("wrench");
    assert_eq!(
        next(&mut events, &mut seen, &gateway).await,
        "store depart 4012345wrench"
    );
    line.put(good);
    assert_eq!(
        next(&mut events, &mut seen, &gateway).await,
        "line arrive 4012345wrench"
    );
    assert_eq!(seen.len(), 4);
    assert!(gateway.stop().success());
}
