//! What is said of each broken link, against simulated readers, brokers and devices.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rumqttc::v5::mqttbytes::v5::ConnectReturnCode;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tracegate_sim::broker::{Broker, Conduct, Welcome};
use tracegate_sim::reader::{SimReader, SimReaderConfig};

use super::*;
use crate::config::from_bytes;
use crate::health::{DeviceState, Health, Problem};

const BROKER: &str = "[mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n";

/// A configuration with these sections.
fn config(sections: &str) -> Config {
    let mqtt = if sections.contains("[mqtt]") {
        ""
    } else {
        BROKER
    };
    let text = format!("[gateway]\nsite = \"plant-3\"\n{mqtt}{sections}");
    let loaded = from_bytes(Path::new("x.toml"), text.as_bytes(), std::iter::empty());
    let loaded = loaded.map_err(|it| it.render(crate::config::Format::Short));
    loaded.unwrap().config
}

/// What is said of `name` without a gateway, below the first line.
async fn alone(sections: &str, name: &str) -> String {
    let found = examine(&config(sections), Some(name), None).await.unwrap();
    let text = found.to_string();
    let (first, rest) = text.split_once('\n').unwrap();
    assert_eq!(
        first,
        "No gateway is running; everything was tried from here."
    );
    assert_eq!(found.is_well(), !rest.contains("FAIL"), "{text}");
    rest.to_owned()
}

fn reader_at(host: &str, port: u16) -> String {
    format!("[llrp.dock_1]\nhost = \"{host}\"\nport = {port}\n")
}

/// A port of loopback that nobody listens at.
async fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_reader_is_visited_and_left_as_it_was() {
    let sim = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let port = sim.addr().port();
    for visit in 1..=2 {
        let expected = format!(
            "dock_1 (LLRP, 127.0.0.1:{port})
  ok    port {port} accepts a connection
  ok    opens an LLRP session
  ok    clock
  ok    antennas that it says are connected: 1, 2, 3, 4
"
        );
        assert_eq!(
            alone(&reader_at("127.0.0.1", port), "dock_1").await,
            expected
        );
        let status = sim.status();
        assert_eq!((status.connections, status.refused), (visit, 0));
        assert!(!status.connected && !status.reading, "{status:?}");
    }
    for id in 1..=4 {
        sim.set_antenna(id, false).await;
    }
    let text = alone(&reader_at("127.0.0.1", port), "dock_1").await;
    assert!(text.ends_with("  FAIL  the reader says that no antenna is connected (ANTENNA-DOWN)\n        -> check the cable between reader and antenna\n"), "{text}");
}

#[tokio::test]
async fn a_reader_that_another_client_holds() {
    let sim = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let port = sim.addr().port();
    let _holder = TcpStream::connect(sim.addr()).await.unwrap();
    while !sim.status().connected {
        tokio::task::yield_now().await;
    }
    let expected = format!(
        "dock_1 (LLRP, 127.0.0.1:{port})
  ok    port {port} accepts a connection
  FAIL  another client holds the reader; a reader serves one client at a time (READER-BUSY)
        -> close the vendor's test tool or the old gateway, or restart LLRP on the reader's page
  skip  clock, antennas: comes after what failed
"
    );
    assert_eq!(
        alone(&reader_at("127.0.0.1", port), "dock_1").await,
        expected
    );
    assert!(sim.status().connected, "the other one still has it");
}

#[tokio::test]
async fn a_reader_whose_clock_is_wrong() {
    let sim = SimReader::spawn(SimReaderConfig {
        clock_offset_us: 90_000_000,
        ..SimReaderConfig::default()
    });
    let sim = sim.await.unwrap();
    let text = alone(&reader_at("127.0.0.1", sim.addr().port()), "dock_1").await;
    assert!(text.contains("  WARN  its clock is off by 90 s, ahead: its reads are corrected; let it follow a time server (NTP) (READER-CLOCK)\n"), "{text}");
    sim.fault("clock 2000".parse().unwrap()).await;
    let text = alone(&reader_at("127.0.0.1", sim.addr().port()), "dock_1").await;
    assert!(text.contains("  WARN  its clock was never set"), "{text}");
}

#[tokio::test]
async fn a_reader_that_is_not_there_or_is_none() {
    let port = free().await;
    let expected = format!(
        "dock_1 (LLRP, 127.0.0.1:{port})
  FAIL  127.0.0.1:{port} refuses connections; is LLRP switched on at the reader, and this its port? (READER-UNREACHABLE)
        -> check its power, cable and address; ping it from the gateway
  skip  LLRP session, clock, antennas: comes after what failed
"
    );
    assert_eq!(
        alone(&reader_at("127.0.0.1", port), "dock_1").await,
        expected
    );

    let text = alone(&reader_at("no-such-reader.invalid", 5084), "dock_1").await;
    assert!(
        text.contains("  FAIL  the name no-such-reader.invalid has no address: "),
        "{text}"
    );
    assert!(
        text.contains("\n        -> check the spelling in [llrp.dock_1] host, and "),
        "{text}"
    );
    assert!(
        text.ends_with(
            "  skip  connection, LLRP session, clock, antennas: comes after what failed\n"
        )
    );

    let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = web.local_addr().unwrap().port();
    let serve = tokio::spawn(async move {
        let (mut stream, _) = web.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream
    });
    let text = alone(&reader_at("127.0.0.1", port), "dock_1").await;
    assert!(
        text.contains("what answers is not an LLRP reader"),
        "{text}"
    );
    drop(serve);
    let text = alone(
        &format!("{}tls = true\n", reader_at("127.0.0.1", port)),
        "dock_1",
    )
    .await;
    assert!(text.contains("FAIL"), "{text}");
}

#[tokio::test]
async fn scanners_and_markers_that_are_plugged_in_or_dial_in() {
    let way = |line: &str| format!("[scanner.pack]\n{line}\n");
    for (line, says) in [
        (
            "serial = \"/dev/serial/by-id/none\"".to_owned(),
            "FAIL  /dev/serial/by-id/none is not there: is the scanner plugged in and in serial mode? (DEVICE-GONE)\n        -> plug it in; tracegate discover shows the names of what is there\n  skip  what it sends: comes after what failed",
        ),
        (
            "keyboard = \"no-such-event-kbd\"".to_owned(),
            "no-such-event-kbd is not there: is the scanner plugged in and in keyboard mode? (DEVICE-GONE)",
        ),
        (
            "hid = \"ffff:fffe\"".to_owned(),
            "FAIL  ffff:fffe is not there: is the scanner plugged in? (DEVICE-GONE)",
        ),
        (
            format!("tcp = \"127.0.0.1:{}\"", free().await),
            "refuses connections; is this the scanner's TCP server and its port? (DEVICE-UNREACHABLE)",
        ),
    ] {
        let text = alone(&way(&line), "pack").await;
        assert!(text.contains(says), "{line}\n{text}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let text = alone(&way(&format!("listen = \"{at}\"")), "pack").await;
    assert!(
        text.contains(&format!("FAIL  port {at} is taken by another program")),
        "{text}"
    );
    drop(taken);
    let text = alone(&way(&format!("listen = \"{at}\"")), "pack").await;
    assert!(
        text.contains(
            "  ok    the port can be opened\n  skip  connection, what it sends: it connects"
        ),
        "{text}"
    );
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let text = alone(&way(&format!("udp = \"{at}\"")), "pack").await;
    assert!(text.contains("(PORT-TAKEN)"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("marks.csv");
    fs::write(&there, "").unwrap();
    for (key, path, says) in [
        ("tail", &there, "  ok    the log can be read\n"),
        (
            "tail",
            &folder.path().join("none"),
            "none is not there (DEVICE-GONE)",
        ),
        (
            "drop",
            &folder.path().to_owned(),
            "  ok    the folder can be read\n",
        ),
        ("drop", &there, "cannot be read: "),
    ] {
        let marker = format!(
            "[marker.laser]\n{key} = {path:?}\nformat = \"csv\"\ncolumns = {{ serial = \"1\" }}\n"
        );
        let text = alone(&marker, "laser").await;
        assert!(text.contains(says), "{text}");
    }
}

#[derive(Debug)]
struct Closed;

impl Conduct for Closed {
    fn welcome(&self, _connection: usize) -> Welcome {
        Welcome::No(ConnectReturnCode::BadUserNamePassword)
    }
}

#[tokio::test]
async fn a_broker_and_how_far_it_lets_the_gateway_in() {
    let broker = Broker::start().await.unwrap();
    let port = broker.addr().port();
    let at = |port: u16, more: &str| format!("[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\n{more}");
    let expected = format!(
        "broker (127.0.0.1:{port})
  ok    port {port} accepts a connection
  ok    MQTT
  ok    lets the gateway in
  ok    lets it subscribe
  skip  may publish: only an event shows that; tracegate status tells when the gateway runs
"
    );
    assert_eq!(
        alone(&at(port, "acknowledge = \"store\"\n"), "broker").await,
        expected
    );

    let text = alone(
        &at(
            port,
            "username = \"gw\"\npassword_file = \"/nowhere/password\"\n",
        ),
        "broker",
    )
    .await;
    assert!(
        text.contains("  FAIL  cannot read the password file /nowhere/password: "),
        "{text}"
    );

    let closed = Broker::bind_with("127.0.0.1:0".parse().unwrap(), Arc::new(Closed))
        .await
        .unwrap();
    let text = alone(&at(closed.addr().port(), ""), "broker").await;
    assert!(text.contains("  ok    MQTT\n  FAIL  the broker refused the connection: user name or password is wrong; check [mqtt] username and password_file (BROKER-DENIED)\n        -> check user, password, client id and the broker's access rules\n  skip  lets it subscribe: comes after what failed\n"), "{text}");

    let free = free().await;
    let text = alone(&at(free, ""), "broker").await;
    assert!(
        text.contains(&format!("  FAIL  cannot connect to port {free}: ")),
        "{text}"
    );
    assert!(
        text.ends_with(
            "  skip  MQTT, lets the gateway in, lets it subscribe: comes after what failed\n"
        ),
        "{text}"
    );

    // TLS to a broker without.
    let tls = format!("[mqtt]\nurl = \"mqtts://127.0.0.1:{port}\"\n");
    let text = alone(&tls, "broker").await;
    let says = "  ok    port {port} accepts a connection\n  FAIL  cannot reach the broker at ";
    let says = says.replace("{port}", &port.to_string());
    assert!(
        text.contains(&says) && text.contains("(BROKER-DOWN)"),
        "{text}"
    );
}

#[tokio::test]
async fn the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk = |at: &Path| format!("[buffer]\ndirectory = {at:?}\n");
    let new = folder.path().join("not/yet/there");
    let text = alone(&disk(&new), "disk").await;
    assert!(
        text.ends_with("  ok    may be written\n  ok    has room\n"),
        "{text}"
    );
    assert!(!new.exists(), "nothing is made");
    let mut full = Chain::new("disk", "");
    machine::room(&mut full, 3 << 20, 4 << 20);
    let text =
        "3 MiB are free, and [buffer] keep_free wants 4 MiB to stay free: sources would wait";
    assert_eq!(
        (full.steps[0].outcome, full.steps[0].text.as_str()),
        (Outcome::Fail, text)
    );
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let text = alone(&disk(&file), "disk").await;
    assert!(
        text.contains("  FAIL  ") && text.contains(" is no folder\n"),
        "{text}"
    );
}

#[tokio::test]
async fn the_running_gateway_is_asked_and_nobody_else() {
    let sim = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let port = sim.addr().port();
    let config = config(&reader_at("127.0.0.1", port));
    let health = Health::new("plant-3", "epoch");
    let ask = async |name| {
        let status = serde_json::to_value(health.status()).unwrap();
        let found = examine(&config, Some(name), Some(&status)).await.unwrap();
        found.to_string()
    };
    let head = format!("A gateway is running and was asked.\ndock_1 (LLRP, 127.0.0.1:{port})\n");
    let says = |rest: &str| format!("{head}{rest}");
    let new = "  FAIL  the running gateway does not know it
        -> the file has changed since it was taken into use: tracegate reload\n";
    assert_eq!(ask("dock_1").await, says(new));
    health.device("dock_1", DeviceState::Starting);
    assert!(
        ask("dock_1")
            .await
            .contains("  skip  connects, is trusted, ")
    );
    let reason = "another client holds the reader; a reader serves one client at a time".to_owned();
    health.device("dock_1", DeviceState::Down { reason });
    let busy = "  ok    connects
  FAIL  another client holds the reader; a reader serves one client at a time (READER-BUSY)
        -> close the vendor's test tool or the old gateway, or restart LLRP on the reader's page
  skip  clock, antennas, has no complaint of its own: comes after what failed\n";
    assert_eq!(ask("dock_1").await, says(busy));
    health.device("dock_1", DeviceState::Up);
    health.problem(
        "dock_1",
        Problem::Antenna(2),
        Some("antenna 2 is disconnected"),
    );
    let antenna = "  ok    connects
  ok    is trusted, and opens an LLRP session
  ok    clock
  FAIL  dock_1: antenna 2 is disconnected (ANTENNA-DOWN)
        -> check the cable between reader and antenna
  ok    has no complaint of its own\n";
    assert_eq!(ask("dock_1").await, says(antenna));
    assert_eq!(sim.status().connections + sim.status().refused, 0);
    let expected = format!(
        "A gateway is running and was asked.\ngateway\n  ok    answers: tracegate {} at plant-3\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(ask("gateway").await, expected);
}

/// Nobody is said to confirm whom nobody asks.
#[tokio::test]
async fn the_store_is_a_link_where_events_wait_for_its_word() {
    let status = json!({
        "version": "1", "site": "plant-3",
        "brokers": [{"address": "127.0.0.1:1", "state": "up"}],
    });
    let confirms = async |sections| {
        let found = examine(&config(sections), Some("broker"), Some(&status)).await;
        let text = found.unwrap().to_string();
        assert!(
            text.contains("  ok    lets it publish and subscribe\n"),
            "{text}"
        );
        text.contains("  ok    the store behind it confirms\n")
    };
    assert!(!confirms(BROKER).await);
    assert!(confirms(&format!("{BROKER}acknowledge = \"store\"\n")).await);
}

/// Whatever the gateway complains of, and whatever it is about, is told.
#[tokio::test]
async fn no_condition_is_left_out() {
    let config = config(&reader_at("127.0.0.1", 1));
    for code in Code::ALL {
        for subject in [
            "dock_1", "dock_1/3", "dock_2", "broker", "store", "buffer", "gateway", "lots",
        ] {
            let status = json!({
                "version": "1", "site": "plant-3",
                "conditions": [{"code": code, "subject": subject, "text": "something is odd", "severity": "error"}],
                "devices": {"dock_1": {"state": "up"}},
                "brokers": [{"address": "127.0.0.1:1", "state": "up"}],
            });
            let found = examine(&config, None, Some(&status)).await.unwrap();
            let told = format!("something is odd ({})", code.as_str());
            let times = found.to_string().matches(&told).count();
            assert_eq!(times, 1, "{} of {subject}:\n{found}", code.as_str());
            assert_eq!(found.is_well(), code.severity() == Severity::Warning);
        }
    }
}

#[tokio::test]
async fn a_name_that_is_none() {
    let unknown = examine(&config(&reader_at("127.0.0.1", 1)), Some("dok_1"), None).await;
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "`dok_1` is no device of this configuration, nor broker, disk, clock or gateway; did you mean `dock_1`?"
    );
    let unknown = examine(&config(&reader_at("127.0.0.1", 1)), Some("nope"), None).await;
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "`nope` is no device of this configuration, nor broker, disk, clock or gateway; devices are: dock_1"
    );
}
