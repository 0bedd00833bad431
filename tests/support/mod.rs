//! What the end-to-end tests share: the real binary, and a real Mosquitto, as child processes that go away with the test.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses its own part"
)]

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tempfile::TempDir;
use tracegate_gs1::epc::encode_tag_uri;
use tracegate_sim::reader::SimReader;
use tracegate_sim::scenario::Sighting;

pub mod leash;
mod mosquitto;
pub mod postgres;
pub mod schema;
pub mod store;

use leash::Leashed;
pub use mosquitto::{Mosquitto, free_port};

/// A configuration without a status page, unless it has a section for it: the usual port is for a gateway that is used.
pub fn page_off(config: String) -> String {
    match config.contains("[status]") {
        true => config,
        false => config + "\n[status]\nlisten = \"off\"\n",
    }
}

/// The daemon under test.
pub struct Gateway {
    pub folder: TempDir,
    config: PathBuf,
    child: Option<Leashed>,
    starts: u32,
    /// Where the next start ends, see `tracegate::failpoint`.
    pub die_at: Option<String>,
}

impl Gateway {
    /// A gateway that is not running yet. `config` is given the buffer's folder.
    pub fn new(config: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("gateway.toml");
        let text = page_off(config(&folder.path().join("buffer")));
        fs::write(&path, text).expect("write the config");
        Self {
            folder,
            config: path,
            child: None,
            starts: 0,
            die_at: None,
        }
    }

    pub fn start(&mut self) {
        self.starts += 1;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("open the log");
        // Another build of the daemon, for figures.
        let binary = std::env::var_os("TRACEGATE_BINARY")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_tracegate").into());
        let die_at = self.die_at.take().map(|at| ("TRACEGATE_DIE_AT", at));
        let child = Leashed::spawn(
            Command::new(binary)
                .envs(die_at)
                .args(["run", "--config"])
                .arg(&self.config)
                .env_remove("RUST_LOG")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log),
        );
        self.child = Some(child.expect("start the gateway"));
    }

    /// SIGKILL: no destructor, no flush.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kill the gateway");
            child.wait().expect("wait for the gateway");
        }
    }

    /// Sends a signal. By the shell: the program `kill` is of a package that a small Debian has not.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &self.id().to_string()])
            .status()
            .expect("send a signal");
        assert!(sent.success());
    }

    /// SIGTERM, as systemd stops it.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended(Duration::from_secs(30))
    }

    /// Waits until it ends.
    pub fn ended(&mut self, patience: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("the gateway runs");
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = child.try_wait().expect("wait for the gateway") {
                return status;
            }
            if Instant::now() > deadline {
                child.kill().expect("kill the gateway");
                panic!(
                    "the gateway did not end within {patience:?}; its log:\n{}",
                    self.log()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("the gateway runs").id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| child.try_wait().expect("ask for the gateway").is_none())
    }

    /// Everything it has logged, over all starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("gateway.log")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What the program prints, for a command that ends by itself.
pub fn tracegate(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tracegate"))
        .args(arguments)
        .output()
        .expect("the binary was built");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A client that asks for `topics`; the broker has them once the loop has been polled.
pub async fn subscriber(name: &str, broker: SocketAddr, topics: &str) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(name, broker.ip().to_string(), broker.port());
    options.set_keep_alive(Duration::from_secs(30));
    let (client, events) = AsyncClient::new(options, 8);
    client
        .subscribe(topics, QoS::AtLeastOnce)
        .await
        .expect("the queue has room");
    (client, events)
}

/// A client that the broker sends all events from now on.
pub async fn store(broker: SocketAddr) -> (AsyncClient, EventLoop) {
    let (client, mut events) = subscriber("store", broker, "tracegate/+/events/#").await;
    let is_subscribed = |event| matches!(event, Event::Incoming(Packet::SubAck(_)));
    while !is_subscribed(events.poll().await.expect("the broker is there")) {}
    (client, events)
}

/// A configuration with the door `dock_1`, whose reader has antenna 1 outside and antenna 2 inside. `door` goes on with
/// the section of its read point; whole sections may follow.
pub fn dock_1(reader: SocketAddr, broker: SocketAddr, buffer: &Path, door: &str) -> String {
    let (host, port) = (reader.ip(), reader.port());
    let buffer = buffer.display().to_string();
    format!(
        r#"
[gateway]
site = "plant-3"
[buffer]
directory = {buffer:?}
[mqtt]
url = "mqtt://{broker}"
[llrp.dock_1]
host = "{host}"
port = {port}
[read_point.dock_1]
mode = "dock"
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
inside = ["dock_1/2"]
outside = ["dock_1/1"]
in = {{ biz_step = "receiving" }}
{door}
"#
    )
}

/// The memory of these tags.
pub fn epcs(uris: &[impl AsRef<str>]) -> Vec<Arc<[u8]>> {
    let epc = |uri: &_| Arc::from(encode_tag_uri(AsRef::as_ref(uri)).expect("a tag").bytes);
    uris.iter().map(epc).collect()
}

/// A load goes through the door of [`dock_1`].
pub async fn pass(reader: &SimReader, epcs: &[Arc<[u8]>], inwards: bool) {
    /// How long it takes, and how often each tag answers.
    const PASSAGE_MS: u64 = 4_000;
    const ROUND_MS: u64 = 100;
    let (start, feed) = (tokio::time::Instant::now(), reader.feed());
    let start_us = tracegate_sim::utc_us(start);
    for at_ms in (0..PASSAGE_MS).step_by(ROUND_MS as usize) {
        tokio::time::sleep_until(start + Duration::from_millis(at_ms)).await;
        let way = at_ms as f64 / PASSAGE_MS as f64 * 5.0 - 2.5;
        let place = if inwards { way } else { -way };
        for (antenna, aerial) in [(1, -0.8), (2, 0.8)] {
            let distance = ((place - aerial) * (place - aerial) + 1.5_f64).sqrt();
            for epc in epcs {
                let sighting = Sighting {
                    at_us: at_ms * 1_000,
                    reader: Arc::from("dock_1"),
                    antenna,
                    epc: epc.clone(),
                    pc: 0x3000,
                    rssi_dbm: (-48.0 - 30.0 * distance.log10()) as i8,
                };
                assert!(feed.see(start_us + at_ms * 1_000, sighting).await);
            }
        }
    }
}

/// The seed of a random test: printed, and taken from TRACEGATE_TEST_SEED to repeat a run.
pub fn seed(test: &str) -> u64 {
    let given = std::env::var("TRACEGATE_TEST_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("{test}: TRACEGATE_TEST_SEED={seed}");
    seed
}
