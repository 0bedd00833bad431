//! One trouble after another, with the real binary and simulated devices: the condition that is meant is shown, and no other.
//! Those that take hours, or a disk that fails, are beside the code, in simulated time; `every_condition_has_a_scenario`
//! knows them all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "conditions/settings.rs"]
mod settings;
#[path = "conditions/site.rs"]
mod site;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::ConnectReturnCode;
use support::{Gateway, dock_1, free_port};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tracegate_sim::broker::{Broker, Conduct, Welcome};
use tracegate_sim::reader::{SimReader, SimReaderConfig};
use tracegate_sim::wait_until;

const PATIENCE: Duration = Duration::from_secs(120);
/// Longer than any condition of these scenarios is held back.
const SETTLED: Duration = Duration::from_secs(4);

/// A door, its reader and its broker, all well.
struct Plant {
    reader: SimReader,
    broker: Broker,
    gateway: Gateway,
}

/// A gateway with one door; `more` are sections that follow.
fn gateway(reader: SocketAddr, broker: SocketAddr, more: &str) -> Gateway {
    let mut gateway = Gateway::new(|buffer| dock_1(reader, broker, buffer, more));
    gateway.start();
    gateway
}

impl Plant {
    async fn start(config: SimReaderConfig) -> Self {
        Self::with(config, "").await
    }

    /// `more` goes on with the section of the door; whole sections may follow.
    async fn with(config: SimReaderConfig, more: &str) -> Self {
        let broker = Broker::start().await.unwrap();
        let reader = SimReader::spawn(config).await.unwrap();
        let gateway = gateway(reader.addr(), broker.addr(), more);
        wait_until("the reader", PATIENCE, || reader.status().reading)
            .await
            .unwrap();
        Self {
            reader,
            broker,
            gateway,
        }
    }
}

/// Codes and subjects that are shown, but for what the machine of the test is to blame for.
async fn shown(gateway: &Gateway) -> Option<BTreeSet<(String, String)>> {
    let config = gateway.folder.path().join("gateway.toml");
    let output = spawn_blocking(move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tracegate"));
        command.args(["status", "--json", "--config"]).arg(config);
        command.output().unwrap()
    });
    let output = output.await.unwrap();
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let conditions = status["conditions"].as_array()?.iter();
    let text = |it: &serde_json::Value, key: &str| it[key].as_str().unwrap().to_owned();
    let all = conditions.map(|it| (text(it, "code"), text(it, "subject")));
    let of_machine = |code: &str| ["CLOCK-UNSYNCED", "DISK-LOW"].contains(&code);
    Some(all.filter(|(code, _)| !of_machine(code)).collect())
}

/// It is shown, alone, and stays alone for as long as another would need to show.
async fn shows(gateway: &Gateway, code: &str, subject: &str) {
    let wanted = BTreeSet::from([(code.to_owned(), subject.to_owned())]);
    let deadline = Instant::now() + PATIENCE;
    let mut since = None;
    loop {
        let now = shown(gateway).await;
        if now.as_ref() == Some(&wanted) {
            let since = *since.get_or_insert_with(Instant::now);
            if since.elapsed() >= SETTLED {
                return;
            }
        } else {
            assert!(since.is_none(), "{code} does not stay alone: {now:?}");
            assert!(
                Instant::now() < deadline,
                "{code} is not shown, but {now:?}; the log:\n{}",
                gateway.log()
            );
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn shows_nothing(gateway: &Gateway) {
    let deadline = Instant::now() + PATIENCE;
    while shown(gateway).await.is_none_or(|all| !all.is_empty()) {
        assert!(Instant::now() < deadline, "{:?}", shown(gateway).await);
        sleep(Duration::from_millis(200)).await;
    }
}

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    ([127, 0, 0, 1], free_port()).into()
}

#[tokio::test]
async fn reader_unreachable() {
    let broker = Broker::start().await.unwrap();
    let gateway = gateway(nowhere(), broker.addr(), "");
    shows(&gateway, "READER-UNREACHABLE", "dock_1").await;
}

#[tokio::test]
async fn reader_busy_until_the_other_lets_go() {
    let broker = Broker::start().await.unwrap();
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let other = TcpStream::connect(reader.addr()).await.unwrap();
    wait_until("the other", PATIENCE, || reader.status().connected)
        .await
        .unwrap();
    let gateway = gateway(reader.addr(), broker.addr(), "");
    shows(&gateway, "READER-BUSY", "dock_1").await;
    drop(other);
    shows_nothing(&gateway).await;
}

#[tokio::test]
async fn reader_rebooted() {
    let plant = Plant::start(SimReaderConfig::default()).await;
    shows_nothing(&plant.gateway).await;
    plant.reader.reboot().await;
    wait_until("the reader", PATIENCE, || {
        let status = plant.reader.status();
        status.connections > 1 && status.reading
    })
    .await
    .unwrap();
    shows(&plant.gateway, "READER-REBOOTED", "dock_1").await;
}

#[tokio::test]
async fn reader_clock() {
    let plant = Plant::start(SimReaderConfig {
        clock_offset_us: -(850_000_000 * 1_000_000),
        ..SimReaderConfig::default()
    })
    .await;
    shows(&plant.gateway, "READER-CLOCK", "dock_1").await;
}

#[tokio::test]
async fn antenna_down_until_it_is_back() {
    let plant = Plant::start(SimReaderConfig::default()).await;
    shows_nothing(&plant.gateway).await;
    plant.reader.set_antenna(2, false).await;
    shows(&plant.gateway, "ANTENNA-DOWN", "dock_1/2").await;
    plant.reader.set_antenna(2, true).await;
    shows_nothing(&plant.gateway).await;
}

/// Something stands in its beam.
#[tokio::test]
async fn eye_ignored_until_it_is_free() {
    let eye = "photo_eyes = { outside = \"dock_1/1\", blocked_after = \"5s\" }\n";
    let plant = Plant::with(SimReaderConfig::default(), eye).await;
    shows_nothing(&plant.gateway).await;
    plant.reader.set_input(1, true).await;
    shows(&plant.gateway, "EYE-IGNORED", "dock_1/1").await;
    plant.reader.set_input(1, false).await;
    shows_nothing(&plant.gateway).await;
}

/// A scanner at a station, beside the door.
fn scanner(device: &str) -> String {
    format!(
        r#"
[scanner.pack_1]
{device}
[read_point.pack_1]
sgln = "urn:epc:id:sgln:4012345.00001.pack1"
mode = "station"
scanners = ["pack_1"]
scan = {{ biz_step = "packing" }}
"#
    )
}

async fn with_scanner(device: &str, code: &str) {
    let broker = Broker::start().await.unwrap();
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let gateway = gateway(reader.addr(), broker.addr(), &scanner(device));
    shows(&gateway, code, "pack_1").await;
}

#[tokio::test]
async fn device_gone() {
    with_scanner("serial = \"/dev/no-such-scanner\"", "DEVICE-GONE").await;
}

#[tokio::test]
async fn device_unreachable() {
    let address = nowhere();
    with_scanner(&format!("tcp = \"{address}\""), "DEVICE-UNREACHABLE").await;
}

#[tokio::test]
async fn port_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    with_scanner(&format!("listen = \"{address}\""), "PORT-TAKEN").await;
}

#[tokio::test]
async fn broker_down() {
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let gateway = gateway(reader.addr(), nowhere(), "");
    shows(&gateway, "BROKER-DOWN", "broker").await;
}

#[derive(Debug)]
struct Stern;

impl Conduct for Stern {
    fn welcome(&self, _: usize) -> Welcome {
        Welcome::No(ConnectReturnCode::BadUserNamePassword)
    }
}

/// And nothing that the gateway knows by heart, or was told in confidence, stands in the log.
#[tokio::test]
async fn broker_denied_and_no_secret_is_logged() {
    const SECRETS: [&str; 2] = ["planted-broker-9f3c", "planted-page-71ab"];
    let broker = Broker::bind_with(nowhere(), Arc::new(Stern)).await.unwrap();
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let mut gateway = Gateway::new(|buffer| {
        let folder = buffer.parent().unwrap();
        for (file, secret) in ["mqtt-password", "page-password"].iter().zip(SECRETS) {
            fs::write(folder.join(file), secret).unwrap();
            let own = fs::Permissions::from_mode(0o600);
            fs::set_permissions(folder.join(file), own).unwrap();
        }
        let page = nowhere();
        let more = format!(
            "[status]\nlisten = \"{page}\"\npassword_file = \"page-password\"\n[log]\nformat = \"json\"\nlevel = \"trace\"\n"
        );
        let text = dock_1(reader.addr(), broker.addr(), buffer, &more);
        let user = "[mqtt]\nusername = \"gateway\"\npassword_file = \"mqtt-password\"";
        text.replace("[mqtt]", user)
    });
    gateway.start();
    shows(&gateway, "BROKER-DENIED", "broker").await;
    assert!(gateway.stop().success());
    let log = gateway.log();
    let mut codes = BTreeSet::new();
    let mut lines = 0;
    // What stands before is the report of the check.
    for line in log.lines().filter(|line| line.starts_with('{')) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let level = line["level"].as_str().unwrap();
        if ["ERROR", "WARN"].contains(&level) {
            let code = line["code"].as_str();
            codes.insert(code.unwrap_or_else(|| panic!("{line}")).to_owned());
        }
        lines += 1;
    }
    assert!(lines >= 5, "{log}");
    assert!(codes.contains("BROKER-DENIED"), "{codes:?}");
    for secret in SECRETS {
        assert!(!log.contains(secret), "{log}");
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(!log.contains(bytes.trim_matches(['[', ']'])), "{log}");
    }
}

#[tokio::test]
async fn buffer_full() {
    let broker = Broker::start().await.unwrap();
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let mut gateway = Gateway::new(|buffer| {
        let text = dock_1(reader.addr(), broker.addr(), buffer, "");
        // No disk of a test has so much left.
        text.replace("[buffer]", "[buffer]\nkeep_free = \"1 TiB\"")
    });
    gateway.start();
    shows(&gateway, "BUFFER-FULL", "buffer").await;
}

#[tokio::test]
async fn buffer_damaged() {
    let mut plant = Plant::start(SimReaderConfig::default()).await;
    shows_nothing(&plant.gateway).await;
    assert!(plant.gateway.stop().success());
    let file = plant.gateway.folder.path().join("buffer/buffer.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    bytes[..64].fill(0x5a);
    fs::write(&file, bytes).unwrap();
    plant.gateway.start();
    shows(&plant.gateway, "BUFFER-DAMAGED", "buffer").await;
}
