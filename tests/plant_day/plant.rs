//! The plant: its devices, the gateway, the broker behind a network that fails, and the store.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, MqttOptions};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};
use tracegate_sim::marker::SimMarker;
use tracegate_sim::proxy::Proxy;
use tracegate_sim::reader::{SimReader, SimReaderConfig};
use tracegate_sim::scanner::wire::Wire;

use super::support::postgres::Postgres;
use super::support::store::Store;
use super::support::{Gateway, Mosquitto, dock_1, tracegate};

const PATIENCE: Duration = Duration::from_secs(90);
/// The stations with what they are for.
const STATIONS: [(&str, &str); 5] = [
    ("inspect_1", "inspection = { verdicts = \"all\" }"),
    (
        "line_1",
        "issue = { verdicts = \"all\" }\nguard = { fifo = \"off\" }",
    ),
    (
        "line_2",
        "issue = { consume = true }\nguard = { fifo = \"off\" }",
    ),
    ("label_1", "commissioning = { verdicts = \"all\" }"),
    ("pack_1", "packing = { verdicts = \"all\" }"),
];

/// What an operator hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    Accepted,
    Pending,
    Warned,
    Refused,
}

impl Hears {
    const ALL: [Self; 4] = [Self::Accepted, Self::Pending, Self::Warned, Self::Refused];

    const fn byte(self) -> u8 {
        match self {
            Self::Accepted => 0x06,
            Self::Pending => 0x16,
            Self::Warned => 0x07,
            Self::Refused => 0x15,
        }
    }
}

/// A scanner that the gateway has connected to.
pub struct Scanner {
    name: &'static str,
    wire: Wire,
    log: PathBuf,
}

impl Scanner {
    /// Scans a code, and hears what becomes of it.
    pub async fn scan(&mut self, code: &str, expected: Hears) {
        let name = self.name;
        self.wire
            .send(format!("{code}\r").as_bytes())
            .await
            .expect("the gateway is connected");
        let mut byte = [0];
        let heard = timeout(PATIENCE, self.wire.hear(&mut byte)).await;
        let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
        let Ok(heard) = heard else {
            panic!("{name}, {code}: no answer\n{}", log());
        };
        heard.expect("the gateway stays connected");
        let heard = Hears::ALL.into_iter().find(|it| [it.byte()] == byte);
        assert_eq!(heard, Some(expected), "{name}, {code}\n{}", log());
    }
}

pub struct Plant {
    pub reader: SimReader,
    pub marker: SimMarker,
    listeners: Vec<(&'static str, TcpListener)>,
    /// Between the gateway and the broker.
    pub network: Proxy,
    pub gateway: Gateway,
    site: AsyncClient,
    store: Store,
    pub database: Postgres,
    _broker: Mosquitto,
}

impl Plant {
    pub async fn start() -> Self {
        let broker = Mosquitto::start();
        let database = Postgres::start();
        let store = Store::start(store_binary(), broker.addr(), &database.url(), "store-1");
        let network = Proxy::start(broker.addr()).await.expect("a port");
        let reader = SimReader::spawn(SimReaderConfig::default()).await;
        let reader = reader.expect("a reader");
        let marker = SimMarker::start().await.expect("a marker");
        let mut listeners = Vec::new();
        for (name, _) in STATIONS {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            listeners.push((name, listener));
        }
        let door = config(&listeners, marker.addr());
        let mut gateway =
            Gateway::new(|buffer| dock_1(reader.addr(), network.addr(), buffer, &door));
        gateway.start();
        let plant = Self {
            site: site(broker.addr()),
            reader,
            marker,
            listeners,
            network,
            gateway,
            store,
            database,
            _broker: broker,
        };
        plant
            .until("the reader reads", |plant| plant.reader.status().reading)
            .await;
        plant
    }

    pub fn store_binary(&self) -> &Path {
        store_binary()
    }

    /// The site tells what it knows, as long as nothing newer comes.
    pub async fn publish(&self, below: &str, record: &Value) {
        let topic = format!("tracegate/plant-3/ref/{below}");
        let sent = self
            .site
            .publish(topic, QoS::AtLeastOnce, true, record.to_string());
        sent.await.expect("the queue has room");
    }

    /// Waits until the gateway knows it, as `tracegate lots list` shows it.
    pub async fn knows(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let buffer = self.buffer();
        let knows = |_: &Self| is_there(&tracegate(&["lots", "list", "--directory", &buffer]));
        self.until(what, knows).await;
    }

    /// The gateway's own record of what operators were told, proven.
    pub fn verdicts(&self) -> Vec<Value> {
        let record = tracegate(&["audit", "export", "--directory", &self.buffer()]);
        let file = self.gateway.folder.path().join("audit.jsonl");
        std::fs::write(&file, &record).expect("write the record");
        tracegate(&["audit", "verify", &file.display().to_string()]);
        let row = |line: &str| -> Value {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            line["row"].take()
        };
        record.lines().skip(1).map(row).collect()
    }

    fn buffer(&self) -> String {
        let buffer = self.gateway.folder.path().join("buffer");
        buffer.display().to_string()
    }

    /// The station's scanner, once the gateway has connected to it.
    pub async fn scanner(&self, name: &'static str) -> Scanner {
        let listener = self.listeners.iter().find(|it| it.0 == name);
        let (_, listener) = listener.expect("a station");
        let wire = timeout(PATIENCE, Wire::accept(listener)).await;
        Scanner {
            name,
            wire: wire.expect("the gateway connects").expect("a connection"),
            log: self.gateway.folder.path().join("gateway.log"),
        }
    }

    /// Events in the database.
    pub fn count(&self, which: &str) -> usize {
        let count = self
            .database
            .query(&format!("select count(*) from events where {which}"));
        count.parse().expect("a number")
    }

    /// Waits until so many events are in the database.
    pub async fn stored(&self, which: &str, count: usize) {
        let what = format!("{count} events with {which}");
        self.until(&what, |plant| plant.count(which) >= count).await;
    }

    /// Waits until the gateway says so.
    pub async fn logs(&self, text: &str) {
        let says = |plant: &Self| plant.gateway.log().contains(text);
        self.until(text, says).await;
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(
                Instant::now() < deadline,
                "{what}: not within {PATIENCE:?}\nthe gateway:\n{}\nthe store:\n{}",
                self.gateway.log(),
                self.store.log()
            );
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What goes on after the section of the door.
fn config(listeners: &[(&str, TcpListener)], marker: SocketAddr) -> String {
    let mut text = format!(
        r#"aggregation = "complete"
guard = {{}}
[read_point.dock_1.out]
biz_step = "shipping"
disposition = "in_transit"
destinations = {{ owning_party = "urn:epc:id:pgln:4055555.00000" }}
[reference]
topic = "tracegate/{{site}}/ref"
[status]
listen = "off"
[codes]
order = ['WO[0-9]{{6}}']
badge = ['B([0-9]{{4}})']
supervisor = ['S([0-9]{{4}})']
[marker.laser_1]
tcp = "{marker}"
gtin = "04012345000009"
[read_point.laser_1]
mode = "station"
sgln = "urn:epc:id:sgln:4012345.00001.laser1"
markers = ["laser_1"]
[read_point.laser_1.mark]
biz_step = "commissioning"
disposition = "active"
biz_transactions = {{ prodorder = "tracegate:order/WO000001" }}
"#
    );
    for ((name, listener), (_, task)) in listeners.iter().zip(STATIONS) {
        let addr = listener.local_addr().expect("its address");
        text += &format!(
            r#"[scanner.{name}]
tcp = "{addr}"
on_accept = "\u0006"
on_warn = "\u0007"
on_pending = "\u0016"
on_refuse = "\u0015"
[read_point.{name}]
mode = "station"
sgln = "urn:epc:id:sgln:4012345.00001.{place}"
scanners = ["{name}"]
{task}
"#,
            place = name.replace('_', "")
        );
    }
    text
}

/// A client for what the site publishes.
fn site(broker: SocketAddr) -> AsyncClient {
    let mut options = MqttOptions::new("site", broker.ip().to_string(), broker.port());
    options.set_keep_alive(Duration::from_secs(30));
    let (client, mut events) = AsyncClient::new(options, 32);
    tokio::spawn(async move { while events.poll().await.is_ok() {} });
    client
}

/// Built with the workspace, beside the gateway.
fn store_binary() -> &'static Path {
    static BINARY: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BINARY.get_or_init(|| {
        let binary = Path::new(env!("CARGO_BIN_EXE_tracegate")).with_file_name("tracegate-store");
        assert!(
            binary.exists(),
            "{} is missing: cargo build -p tracegate-store",
            binary.display()
        );
        binary
    })
}
