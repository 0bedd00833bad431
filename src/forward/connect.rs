//! A connection to the broker: options, the task that owns the client's event loop, and CONNACK.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, LastWill, Packet};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::info;

use super::mqtt::{SessionEnd, Settings};
use super::subscribe::MOST_BYTES;
use super::words;
use crate::config::Secret;
use crate::health::Health;

/// Client events waiting for the session; then the event loop waits, and with it the socket.
const EVENTS: usize = 256;

/// A connection that the broker accepted. Dropping it closes the socket.
pub(super) struct Connection {
    pub(super) client: AsyncClient,
    pub(super) events: mpsc::Receiver<Result<Event, ConnectionError>>,
    /// Unacknowledged publishes that the broker accepts at once, at least 1.
    pub(super) receive_maximum: u16,
    /// Largest packet that the broker accepts, in bytes.
    pub(super) packet_maximum: Option<u32>,
    _poller: AbortOnDrop,
}

/// Connects with a fresh event loop.
pub(super) async fn connect(
    settings: &Settings,
    health: &Health,
) -> Result<Connection, SessionEnd> {
    let address = format!("{}:{}", settings.host, settings.port);
    let options = options(settings, health)?;
    let (client, event_loop) = AsyncClient::new(options, usize::from(settings.window) + 8);
    let (events_in, mut events) = mpsc::channel(EVENTS);
    let poller = AbortOnDrop(tokio::spawn(poll(
        event_loop,
        events_in,
        settings.keep_alive,
    )));
    let connack = match timeout(settings.timing.connect, connack(&mut events)).await {
        Ok(Some(Ok(connack))) => connack,
        Ok(Some(Err(error))) => return Err(words::connect_failure(settings, address, &error)),
        Ok(None) => return Err(SessionEnd::Lost("the client stopped".to_owned())),
        Err(_) => {
            return Err(SessionEnd::Unreachable(
                address,
                format!("no answer within {:?}", settings.timing.connect),
            ));
        }
    };
    let properties = connack.properties.as_ref();
    let receive_maximum = properties
        .and_then(|given| given.receive_max)
        .unwrap_or(u16::MAX);
    if receive_maximum == 0 {
        return Err(SessionEnd::Lost(
            "the broker allows no publishes (receive maximum 0)".to_owned(),
        ));
    }
    info!(broker = address, receive_maximum, "Connected to the broker");
    Ok(Connection {
        client,
        events,
        receive_maximum,
        packet_maximum: properties.and_then(|given| given.max_packet_size),
        _poller: poller,
    })
}

async fn connack(
    events: &mut mpsc::Receiver<Result<Event, ConnectionError>>,
) -> Option<Result<ConnAck, ConnectionError>> {
    loop {
        match events.recv().await? {
            Err(error) => return Some(Err(error)),
            Ok(Event::Incoming(Packet::ConnAck(connack))) => return Some(Ok(connack)),
            Ok(_) => {}
        }
    }
}

fn options(settings: &Settings, health: &Health) -> Result<MqttOptions, SessionEnd> {
    let mut options = MqttOptions::new(&settings.client_id, &settings.host, settings.port);
    options.set_keep_alive(settings.keep_alive);
    options.set_clean_start(true);
    options.set_max_packet_size(Some(MOST_BYTES));
    // The deadline is ours; the client's own must not come first.
    options.set_connection_timeout(settings.timing.connect.as_secs() + 60);
    options.set_outgoing_inflight_upper_limit(settings.window);
    // Small packets that wait for each other: delaying them would only add latency.
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    if let Some(setup) = &settings.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(
            setup.client()?.config,
        )));
    }
    options.set_last_will(LastWill::new(
        &settings.status_topic,
        health.last_will().to_json(),
        QoS::AtLeastOnce,
        true,
        None,
    ));
    if let Some((user, file)) = &settings.credentials {
        let password = match file {
            Some(file) => {
                Secret::read(file).map_err(|error| SessionEnd::Password(file.clone(), error))?
            }
            None => Secret::new(""),
        };
        options.set_credentials(user, password.expose());
    }
    Ok(options)
}

/// Owns the event loop; it is dropped as a whole when the session ends.
async fn poll(
    mut event_loop: EventLoop,
    events: mpsc::Sender<Result<Event, ConnectionError>>,
    keep_alive: Duration,
) {
    loop {
        let event = event_loop.poll().await;
        if event_loop.options.keep_alive().is_zero() {
            // The broker asked for none (MQTT 5 §3.2.2.3.14); the client would then ping without a pause.
            event_loop.options.set_keep_alive(keep_alive);
        }
        let failed = event.is_err();
        if events.send(event).await.is_err() || failed {
            return;
        }
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
