//! Receivers over real sockets and our own broker.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tracegate_feed::active::{Form, Layout, Names};
use tracegate_feed::frame::Framing;
use tracegate_pipeline::ReaderTime;
use tracegate_sim::broker::Broker;
use tracegate_sim::receiver::{Outlet, SimReceiver, SimTag};

use super::*;
use crate::forward::client::{Endpoint, Version};
use crate::source::receiver::decode::{Decoder, What};
use crate::source::receiver::mqtt::Subscription;
use crate::source::receiver::{Settings, Way, run};
use crate::source::transport::Transport;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn settings(way: Way, what: Option<What>) -> Settings {
    let form = Form::Json {
        fields: BTreeMap::new(),
        list: None,
    };
    let layout = || What::Beacons(Box::new(Layout::new(form, &[]).unwrap()));
    let names = Names {
        template: Some("urn:epc:id:giai:4012345.{tag_id}".to_owned()),
        table: BTreeMap::new(),
    };
    Settings {
        way,
        framing: Framing::lines(),
        decoder: Decoder::new(what.unwrap_or_else(layout), names, Vec::new()),
        farewell: PATIENCE,
    }
}

fn start(way: Way, what: Option<What>) -> Rig {
    let (_, stored) = watch::channel(u64::MAX);
    Rig::start(10, |context| run(settings(way, what), context, stored))
}

fn direct(transport: Transport) -> Rig {
    start(Way::Direct(transport), None)
}

/// A reader that publishes.
pub(super) fn published(subscription: Subscription) -> Settings {
    let way = Way::Mqtt(Box::new(subscription));
    settings(way, Some(What::ImpinjR700))
}

pub(super) fn subscription(broker: SocketAddr, version: Version, topics: &str) -> Subscription {
    Subscription {
        version,
        endpoints: vec![Endpoint {
            host: broker.ip().to_string(),
            port: broker.port(),
        }],
        client_id: "plant-3-receiver".to_owned(),
        credentials: None,
        tls: None,
        keep_alive: Duration::from_secs(10),
        topics: topics.to_owned(),
    }
}

fn subscribed(broker: SocketAddr, topics: &str, what: Option<What>) -> Rig {
    let subscription = subscription(broker, Version::V311, topics);
    start(Way::Mqtt(Box::new(subscription)), what)
}

/// A port of ours that is free; the kernel does not give it out again soon.
async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind(ANY).await.unwrap();
    listener.local_addr().unwrap()
}

const LINE: &str = "{\"tag_id\":\"T1\",\"rssi_dbm\":-60,\"tamper\":true}";

#[tokio::test]
async fn beacons_come_whole_byte_by_byte_and_three_at_once() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let mut rig = direct(Transport::Tcp(at));
    let (mut receiver, _) = listener.accept().await.unwrap();
    assert!(rig.link().await);
    receiver.set_nodelay(true).unwrap();
    receiver
        .write_all(format!("{LINE}\r\n").as_bytes())
        .await
        .unwrap();
    let reads = rig.reads().await;
    let beacon = reads[0]
        .extra
        .as_ref()
        .and_then(|extra| extra.beacon.as_ref());
    assert_eq!(beacon.unwrap().tamper, Some(true));
    for byte in format!("{LINE}\n").bytes() {
        receiver.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.reads().await, reads_like(&reads, 1));
    receiver
        .write_all(format!("{LINE}\n{LINE}\n{LINE}\n").as_bytes())
        .await
        .unwrap();
    let mut count = 0;
    while count < 3 {
        count += rig.reads().await.len();
    }
    assert_eq!(count, 3);
    rig.stop().await;
}

fn reads_like(reads: &[Read], count: usize) -> Vec<Read> {
    reads.iter().cycle().take(count).cloned().collect()
}

#[tokio::test]
async fn a_receiver_that_restarts_is_connected_again_and_junk_harms_nothing() {
    let mut receiver = SimReceiver::start(Outlet::Serve, ANY, 1).await.unwrap();
    let at = receiver.addr().unwrap();
    let mut rig = direct(Transport::Tcp(at.to_string()));
    receiver.put(SimTag::new("T1", Duration::from_millis(50)));
    assert!(rig.link().await);
    assert!(!rig.reads().await.is_empty());
    receiver.send(&vec![0xff; 100_000]);
    receiver.send(b"\n{\"tag_id\":\"T1\",\"tamper\":\"maybe\"}\n{\"half\":");
    receiver.send(b"\n{\"tag_id\":\"no such number of a thing, it is far too long for one\"}\n");
    let counters = rig.health.counters();
    let told = || counters.frames_unknown.get() >= 1 && counters.beacons_malformed.get() >= 2;
    wait_until("junk is counted", PATIENCE, told).await.unwrap();
    assert!(!rig.reads().await.is_empty());
    drop(receiver);
    rig.says("closed the connection").await;
    assert!(!rig.link().await);
    receiver = SimReceiver::start(Outlet::Serve, at, 1).await.unwrap();
    receiver.put(SimTag::new("T1", Duration::from_millis(50)));
    assert!(rig.link().await);
    assert!(!rig.reads().await.is_empty());
    assert!(rig.health.is_up("dock_1"));
    rig.stop().await;
}

#[tokio::test]
async fn a_receiver_may_connect_to_us() {
    let at = free_port().await;
    let mut rig = direct(Transport::Listen(at));
    rig.says("waits for the receiver to connect").await;
    let first = SimReceiver::start(Outlet::Dial(at), ANY, 1).await.unwrap();
    first.put(SimTag::new("T1", Duration::from_millis(50)));
    assert!(rig.link().await);
    assert!(!rig.reads().await.is_empty());
    // It lost power, and connects anew before we notice.
    let mut again = TcpStream::connect(at).await.unwrap();
    again.write_all(b"{\"tag_id\":\"NEW\"}\n").await.unwrap();
    loop {
        let reads = rig.reads().await;
        if reads.iter().any(|read| read.rssi_dbm.is_none()) {
            break;
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn datagrams_are_whole_messages() {
    let at = {
        let socket = UdpSocket::bind(ANY).await.unwrap();
        socket.local_addr().unwrap()
    };
    let mut rig = direct(Transport::Udp(at));
    assert!(rig.link().await);
    let socket = UdpSocket::bind(ANY).await.unwrap();
    socket.send_to(b"{\"tag_id\":", at).await.unwrap();
    socket.send_to(LINE.as_bytes(), at).await.unwrap();
    assert_eq!(rig.reads().await.len(), 1);
    assert_eq!(rig.health.counters().frames_unknown.get(), 1);
    rig.says("which has no known form").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_reader_that_publishes_is_a_reader() {
    let broker = Broker::start().await.unwrap();
    let mut rig = subscribed(broker.addr(), "readers/+/tags", Some(What::ImpinjR700));
    assert!(rig.link().await);
    let topic = "readers/dock_1/tags".to_owned();
    let reader = SimReceiver::start(Outlet::Publish(broker.addr(), topic), ANY, 1).await;
    let reader = reader.unwrap();
    let event = br#"{"eventType":"tagInventory","tagInventoryEvent":{"epcHex":"3034F4E4E400190000000001","antennaPort":3,"peakRssiCdbm":-5450,"lastSeenTime":"2026-11-22T10:00:01.25Z"}}"#;
    reader.send(
        br#"{"eventType":"inventoryStatus","inventoryStatusEvent":{"inventoryStatus":"running"}}"#,
    );
    reader.send(event);
    let reads = rig.reads().await;
    assert_eq!(
        (reads.len(), reads[0].antenna, reads[0].rssi_dbm),
        (1, 3, Some(-55))
    );
    assert_eq!(
        reads[0].device_time,
        Some(ReaderTime::Utc(1_795_341_601_250_000))
    );
    assert!(reads[0].extra.is_none() && reads[0].bit_len == 96);
    // The connection is cut: the subscription is made anew.
    broker.cut();
    assert!(!rig.link().await);
    assert!(rig.link().await);
    loop {
        reader.send(event);
        let came = timeout(Duration::from_millis(300), rig.inputs.recv()).await;
        if matches!(came, Ok(Some(Input::Reads { .. }))) {
            break;
        }
    }
    assert_eq!(rig.condition(), "");
    rig.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_a_condition() {
    let at = free_port().await;
    let mut rig = subscribed(at, "beacons", None);
    rig.says(&format!("broker {at}")).await;
    let broker = Broker::bind(at).await.unwrap();
    assert!(rig.link().await);
    assert_eq!(rig.condition(), "");
    drop(broker);
    assert!(!rig.link().await);
    rig.stop().await;
}
