//! From a label and a delivery note to the event of the pallet: the real binary, a scanner, a reader, a broker, and the
//! gateway killed in between.

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rumqttc::v5::Event;
use rumqttc::v5::mqttbytes::v5::Packet;
use serde_json::Value;
use support::{Gateway, dock_1, epcs, pass, store, tracegate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tracegate_sim::broker::Broker;
use tracegate_sim::reader::{SimReader, SimReaderConfig};
use tracegate_sim::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);
/// GTIN of the goods, and what is on the pallet: serial number 3 is listed and not there.
const GTIN: &str = "14012345001003";
const DELIVERY: &str = "sscc,gtin,serial,lot
040123450000000016,14012345001003,1,
040123450000000016,14012345001003,2,L2
040123450000000016,14012345001003,3,L2
";

fn config(reader: SocketAddr, scanner: SocketAddr, broker: SocketAddr, buffer: &Path) -> String {
    let more = format!(
        r#"
aggregation = "complete"
[scanner.label_1]
tcp = "{scanner}"
on_accept = "\u0006"
[read_point.label_1]
mode = "station"
sgln = "urn:epc:id:sgln:4012345.00001.label1"
scanners = ["label_1"]
scan = {{ biz_step = "commissioning" }}
"#
    );
    dock_1(reader, broker, buffer, &more)
}

/// The label of serial number 1 is scanned, and the scan accepted.
async fn scan(scanner: &TcpListener) {
    let (mut link, _) = timeout(PATIENCE, scanner.accept())
        .await
        .expect("the gateway connects")
        .expect("a connection");
    let label = format!("]d201{GTIN}10L1\u{1d}211\r");
    link.write_all(label.as_bytes()).await.expect("it listens");
    let answer = timeout(PATIENCE, link.read_u8()).await;
    assert_eq!(answer.expect("an answer").expect("a byte"), 6);
}

#[tokio::test]
async fn a_pallet_tells_what_is_missing_and_of_which_lots_it_is() {
    let broker = Broker::start().await.expect("a broker");
    let (_store, mut events) = store(broker.addr()).await;
    let reader = SimReader::spawn(SimReaderConfig::default()).await;
    let reader = reader.expect("a reader");
    let scanner = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let scanner_at = scanner.local_addr().expect("its address");
    let mut gateway =
        Gateway::new(|buffer| config(reader.addr(), scanner_at, broker.addr(), buffer));
    gateway.start();
    scan(&scanner).await;
    gateway.kill();

    let buffer = gateway.folder.path().join("buffer").display().to_string();
    let known = tracegate(&["lots", "list", "--directory", &buffer]);
    assert_eq!(known, format!("01/{GTIN}/21/1  lot L1  (seen here)\n"));
    gateway.start();
    let reading = || reader.status().reading;
    if let Err(missed) = wait_until("the reader", PATIENCE, reading).await {
        panic!("{missed}\n{}", gateway.log());
    }
    // Beside the running gateway.
    let delivery = gateway.folder.path().join("delivery.csv");
    std::fs::write(&delivery, DELIVERY).expect("write the file");
    let file = delivery.display().to_string();
    let loaded = tracegate(&["lots", "load", &file, "--directory", &buffer]);
    assert_eq!(loaded, "1 record stored\n");

    let epcs = epcs(&[
        "urn:epc:tag:sscc-96:0.4012345.0000000001",
        "urn:epc:tag:sgtin-96:1.4012345.100100.1",
        "urn:epc:tag:sgtin-96:1.4012345.100100.2",
    ]);
    pass(&reader, &epcs, true).await;
    let payload = timeout(PATIENCE, async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.expect("up")
                && publish.topic.ends_with(b"/dock_1")
            {
                return publish.payload;
            }
        }
    });
    let payload = payload
        .await
        .unwrap_or_else(|_| panic!("no event came; the gateway's log:\n{}", gateway.log()));
    let event: Value = serde_json::from_slice(&payload).expect("JSON");
    let item = |serial: u32| format!("https://id.gs1.org/01/{GTIN}/21/{serial}");
    let count = |lot: &str| serde_json::json!({"gw:epcClass": format!("https://id.gs1.org/01/{GTIN}/10/{lot}"), "gw:quantity": 1});
    for (field, expected) in [
        ("type", "AggregationEvent".into()),
        ("disposition", "completeness_inferred".into()),
        (
            "parentID",
            "https://id.gs1.org/00/040123450000000016".into(),
        ),
        ("childEPCs", vec![item(1), item(2)].into()),
        ("gw:missing", vec![item(3)].into()),
        ("gw:quantities", vec![count("L1"), count("L2")].into()),
    ] as [(&str, Value); 6]
    {
        assert_eq!(event[field], expected, "{event:#}");
    }
    assert!(gateway.stop().success());
}
