//! Simulated receivers of active tags: tags beacon at their own pace, some beacons are lost, batteries run down, and what
//! is heard goes out as lines of JSON over TCP (either side may connect), UDP or MQTT.
//!
//! A receiver hears what is put near it with [`SimReceiver::put`]; a tag that walks is put near another. What a gateway
//! does not read of a TCP receiver while it is away is lost, as with real ones.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, MqttOptions};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::Task;

/// Lines that wait for a slow gateway; older ones are lost.
const QUEUE: usize = 256;
/// Between looks at what is near, and between attempts to reach the gateway.
const LOOK: Duration = Duration::from_millis(20);
/// A gateway that takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// An active tag as one receiver hears it.
#[derive(Debug, Clone, PartialEq)]
pub struct SimTag {
    /// Its number.
    pub id: String,
    /// How often it beacons.
    pub interval: Duration,
    /// Share of its beacons that are not heard, 0 to 1.
    pub loss: f64,
    /// How loud it is, dBm.
    pub rssi_dbm: i8,
    /// Charge of its battery, %.
    pub battery_pct: f64,
    /// What a beacon costs of it, %.
    pub drain_pct: f64,
    /// °C, if it measures it.
    pub temperature_c: Option<f64>,
    /// Whether it was opened.
    pub tamper: bool,
    /// The marker in whose field it is.
    pub marker: Option<String>,
    /// Whether it counts its beacons.
    pub counts: bool,
}

impl SimTag {
    /// A good tag nearby that beacons every `interval`.
    #[must_use]
    pub fn new(id: &str, interval: Duration) -> Self {
        Self {
            id: id.to_owned(),
            interval,
            loss: 0.0,
            rssi_dbm: -60,
            battery_pct: 90.0,
            drain_pct: 0.0,
            temperature_c: None,
            tamper: false,
            marker: None,
            counts: true,
        }
    }
}

/// Where beacons go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlet {
    /// The receiver is a TCP server.
    Serve,
    /// It connects to the gateway.
    Dial(SocketAddr),
    /// Datagrams to the gateway.
    Datagrams(SocketAddr),
    /// Messages on this topic of this broker.
    Publish(SocketAddr, String),
}

/// A running receiver; dropping it closes its connections.
#[derive(Debug)]
pub struct SimReceiver {
    addr: Option<SocketAddr>,
    air: Arc<Mutex<Air>>,
    lines: broadcast::Sender<Vec<u8>>,
    _tasks: Vec<Task>,
}

#[derive(Debug)]
struct Air {
    tags: BTreeMap<String, Near>,
    random: fastrand::Rng,
    heard: u64,
    lost: u64,
}

#[derive(Debug)]
struct Near {
    tag: SimTag,
    due: Instant,
    sequence: u32,
}

impl SimReceiver {
    /// Starts a receiver with nothing near it. `at` is where it listens, if it does; `seed` decides which beacons are lost.
    ///
    /// # Errors
    /// No port.
    pub async fn start(outlet: Outlet, at: SocketAddr, seed: u64) -> io::Result<Self> {
        let (lines, _) = broadcast::channel(QUEUE);
        let air = Arc::new(Mutex::new(Air {
            tags: BTreeMap::new(),
            random: fastrand::Rng::with_seed(seed),
            heard: 0,
            lost: 0,
        }));
        let (mut addr, from) = (None, lines.clone());
        let out = match outlet {
            Outlet::Serve => {
                let listener = TcpListener::bind(at).await?;
                addr = Some(listener.local_addr()?);
                Task::spawn(serve(listener, from))
            }
            Outlet::Dial(to) => Task::spawn(dial(to, from)),
            Outlet::Datagrams(to) => {
                let socket = UdpSocket::bind(SocketAddr::new(at.ip(), 0)).await?;
                Task::spawn(datagrams(socket, to, from.subscribe()))
            }
            Outlet::Publish(broker, topic) => Task::spawn(publish(broker, topic, from.subscribe())),
        };
        let beacons = Task::spawn(beacons(air.clone(), lines.clone()));
        Ok(Self {
            addr,
            air,
            lines,
            _tasks: vec![out, beacons],
        })
    }

    /// Where it listens; none where it does not.
    #[must_use]
    pub const fn addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// Puts a tag near it, or changes the one with that number; its beacon counter goes on.
    pub fn put(&self, tag: SimTag) {
        let mut air = lock(&self.air);
        let due = Instant::now();
        let near = air.tags.entry(tag.id.clone()).or_insert(Near {
            tag: tag.clone(),
            due,
            sequence: 0,
        });
        near.tag = tag;
    }

    /// Takes a tag away.
    pub fn take(&self, id: &str) {
        lock(&self.air).tags.remove(id);
    }

    /// Sends bytes as they are: junk, half lines, other makers' messages.
    pub fn send(&self, bytes: &[u8]) {
        // Nobody listens: then nobody hears.
        let _ = self.lines.send(bytes.to_vec());
    }

    /// Gateways that are connected now, or tasks that would send.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.lines.receiver_count()
    }

    /// Beacons heard and lost so far.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let air = lock(&self.air);
        (air.heard, air.lost)
    }
}

fn lock(air: &Mutex<Air>) -> MutexGuard<'_, Air> {
    air.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Air {
    /// The beacons that are heard now, as lines.
    fn hear(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for near in self.tags.values_mut().filter(|near| near.due <= now) {
            near.due += near.tag.interval;
            near.sequence = near.sequence.wrapping_add(1);
            near.tag.battery_pct = (near.tag.battery_pct - near.tag.drain_pct).max(0.0);
            if self.random.f64() < near.tag.loss {
                self.lost += 1;
                continue;
            }
            self.heard += 1;
            lines.push(line(&near.tag, near.sequence));
        }
        lines
    }
}

fn line(tag: &SimTag, sequence: u32) -> Vec<u8> {
    let mut fields = serde_json::json!({
        "tag_id": tag.id,
        "rssi_dbm": tag.rssi_dbm,
        "battery_pct": tag.battery_pct,
        "tamper": tag.tamper,
    });
    if let Some(fields) = fields.as_object_mut() {
        let temperature = tag.temperature_c.map(Into::into);
        let marker = tag.marker.clone().map(Into::into);
        let sequence = tag.counts.then(|| sequence.into());
        for (name, value) in [
            ("temperature_c", temperature),
            ("marker_id", marker),
            ("beacon_seq", sequence),
        ] {
            fields.extend(value.map(|value| (name.to_owned(), value)));
        }
    }
    let mut line = fields.to_string().into_bytes();
    line.push(b'\n');
    line
}

async fn beacons(air: Arc<Mutex<Air>>, to: broadcast::Sender<Vec<u8>>) {
    let mut next = Instant::now();
    loop {
        next += LOOK;
        sleep_until(next).await;
        let lines = lock(&air).hear(Instant::now());
        for line in lines {
            // Nobody listens: then nobody hears.
            let _ = to.send(line);
        }
    }
}

async fn serve(listener: TcpListener, from: broadcast::Sender<Vec<u8>>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(stream_out(stream, from.subscribe()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn dial(to: SocketAddr, from: broadcast::Sender<Vec<u8>>) {
    loop {
        if let Ok(stream) = TcpStream::connect(to).await {
            stream_out(stream, from.subscribe()).await;
        }
        sleep(LOOK * 5).await;
    }
}

async fn stream_out(mut stream: TcpStream, mut lines: broadcast::Receiver<Vec<u8>>) {
    let (mut reader, mut writer) = stream.split();
    let mut byte = [0];
    loop {
        tokio::select! {
            // A gateway says nothing: what comes is its end.
            _ = tokio::io::AsyncReadExt::read(&mut reader, &mut byte) => return,
            line = lines.recv() => {
                let line = match line {
                    Ok(line) => line,
                    Err(broadcast::error::RecvError::Lagged(_)) => continue,
                    Err(broadcast::error::RecvError::Closed) => return,
                };
                if !matches!(timeout(PATIENCE, writer.write_all(&line)).await, Ok(Ok(()))) {
                    return;
                }
            }
        }
    }
}

async fn datagrams(socket: UdpSocket, to: SocketAddr, mut lines: broadcast::Receiver<Vec<u8>>) {
    loop {
        match lines.recv().await {
            // Refused: the gateway is away, and hears nothing.
            Ok(line) => drop(socket.send_to(&line, to).await),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn publish(broker: SocketAddr, topic: String, mut lines: broadcast::Receiver<Vec<u8>>) {
    let name = format!("receiver-{}", topic.replace('/', "-"));
    let options = MqttOptions::new(name, broker.ip().to_string(), broker.port());
    let (client, mut events) = AsyncClient::new(options, 64);
    loop {
        tokio::select! {
            event = events.poll() => if event.is_err() {
                sleep(LOOK * 5).await;
            },
            line = lines.recv() => match line {
                // Full: the broker is away.
                Ok(line) => drop(client.try_publish(topic.as_str(), QoS::AtMostOnce, false, line)),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}
