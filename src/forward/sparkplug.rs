//! A connection of its own for Sparkplug B: its Last Will is NDEATH, and the gateway's own connection has one already.
//!
//! What is sent is a state, at QoS 0 as Sparkplug has it: after any trouble the next connection begins with births.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{LastWill, Packet};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::client::{AbortOnDrop, Endpoint};
use super::mqtt;
use crate::config::Secret;
use crate::health::{Beat, DeviceKind, Health};
use crate::logs;
use crate::sparkplug::node::{Message, Node, Snapshot};
use crate::sparkplug::payload::{Metric, Value, asks_for_rebirth};

/// Messages to the client, and its events, that wait; with more the connection is made anew.
const QUEUE: usize = 1_024;
/// Largest command, in bytes; a larger packet ends the connection.
const COMMAND_MAX: u32 = 64 << 10;

/// Everything the edge node needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Group id.
    pub group: String,
    /// Edge node id.
    pub node: String,
    /// All devices.
    pub devices: BTreeMap<String, DeviceKind>,
    /// The broker, and how it is spoken to.
    pub broker: mqtt::Settings,
    /// What has changed is told this often.
    pub every: Duration,
}

/// Runs until stopped.
pub async fn run(settings: Settings, health: Health, beat: Beat, stop: CancellationToken) {
    let mut node = Node::new(&settings.group, &settings.node);
    let (first, last) = settings.broker.timing.backoff;
    let (mut wait, mut said) = (first, String::new());
    let mut endpoints = settings.broker.endpoints.iter().cycle();
    while !stop.is_cancelled() {
        let Some(endpoint) = endpoints.next() else {
            break;
        };
        let mut was_up = false;
        let end = session(
            &settings,
            endpoint,
            &mut node,
            &health,
            &beat,
            &stop,
            &mut was_up,
        )
        .await;
        let Err(reason) = end else { break };
        health.counters().sparkplug_disconnects.add(1);
        if was_up {
            (wait, said) = (first, String::new());
        }
        if reason != said {
            warn!(code = logs::SPARKPLUG_DOWN, broker = %endpoint, reason, "Sparkplug is not connected");
            said = reason;
        }
        beat.pause(wait.mul_f64(0.5 + fastrand::f64() / 2.0), &stop)
            .await;
        wait = (wait * 2).min(last);
    }
    beat.finish();
}

/// One connection; `Ok` when the gateway stops.
async fn session(
    settings: &Settings,
    endpoint: &Endpoint,
    node: &mut Node,
    health: &Health,
    beat: &Beat,
    stop: &CancellationToken,
    was_up: &mut bool,
) -> Result<(), String> {
    let patience = settings.broker.timing.connect;
    let options = options(settings, endpoint, node)?;
    let (client, event_loop) = AsyncClient::new(options, QUEUE);
    let (events_in, mut events) = mpsc::channel(QUEUE);
    let _poller = AbortOnDrop(tokio::spawn(poll(event_loop, events_in)));
    let commands = node.commands();
    client
        .try_subscribe(&commands, QoS::AtLeastOnce)
        .map_err(|error| error.to_string())?;
    let publish = |messages: Vec<Message>| {
        for Message { topic, payload } in messages {
            health.counters().sparkplug_messages.add(1);
            let asked = client.try_publish(topic, QoS::AtMostOnce, false, payload);
            asked.map_err(|_| "the broker takes messages too slowly".to_owned())?;
        }
        Ok::<(), String>(())
    };
    let mut tick = interval(settings.every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.touch();
        // Until the subscription is confirmed, the whole of it has the time that a connection may take.
        let limit = if *was_up { Duration::MAX } else { patience };
        tokio::select! {
            event = timeout(limit, events.recv()) => match event {
                Err(_) => return Err(format!("no answer within {patience:?}")),
                Ok(None) => return Err("the client stopped".to_owned()),
                Ok(Some(Err(why))) => return Err(why),
                Ok(Some(Ok(Event::Incoming(Packet::SubAck(_))))) => {
                    *was_up = true;
                    info!(code = logs::SPARKPLUG_DOWN, broker = %endpoint, group = settings.group, "Sparkplug is connected");
                    publish(node.births(&snapshot(settings, health), now_ms()))?;
                }
                Ok(Some(Ok(Event::Incoming(Packet::Publish(command))))) => {
                    if command.topic == commands.as_bytes() && asks_for_rebirth(&command.payload) {
                        publish(node.births(&snapshot(settings, health), now_ms()))?;
                    }
                }
                Ok(Some(Ok(_))) => {}
            },
            _ = tick.tick() => if *was_up {
                publish(node.changes(&snapshot(settings, health), now_ms()))?;
            },
            () = stop.cancelled() => break,
        }
    }
    // In MQTT 5, too, a DISCONNECT keeps the broker from publishing the Last Will: so it is said.
    let said = publish(vec![node.death(now_ms())]).is_ok() && client.try_disconnect().is_ok();
    let until_gone = async { while let Some(Ok(_)) = events.recv().await {} };
    if !said
        || timeout(settings.broker.timing.farewell, until_gone)
            .await
            .is_err()
    {
        warn!(
            code = logs::GOODBYE_NOT_TAKEN,
            "The broker did not take Sparkplug's goodbye; it publishes the Last Will"
        );
    }
    Ok(())
}

fn options(
    settings: &Settings,
    endpoint: &Endpoint,
    node: &mut Node,
) -> Result<MqttOptions, String> {
    let broker = &settings.broker;
    let id = format!("{}-sparkplug", broker.client_id);
    let mut options = MqttOptions::new(id, &endpoint.host, endpoint.port);
    options.set_keep_alive(broker.keep_alive);
    options.set_clean_start(true);
    options.set_connection_timeout(broker.timing.connect.as_secs().max(1));
    options.set_max_packet_size(Some(COMMAND_MAX));
    let will = node.connect(now_ms());
    let (topic, payload) = (will.topic, will.payload);
    options.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, false, None));
    if let Some(tls) = &broker.tls {
        let client = tls.client().map_err(|error| crate::error_chain(&error))?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(
            client.config,
        )));
    }
    if let Some((user, file)) = &broker.credentials {
        let password = match file {
            Some(file) => Secret::read(file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?,
            None => Secret::new(""),
        };
        options.set_credentials(user, password.expose());
    }
    Ok(options)
}

/// Owns the event loop; it is dropped as a whole when the session ends.
async fn poll(mut event_loop: EventLoop, events: mpsc::Sender<Result<Event, String>>) {
    loop {
        let event = event_loop.poll().await;
        let event = event.map_err(|error| crate::error_chain(&error));
        let failed = event.is_err();
        if events.send(event).await.is_err() || failed {
            return;
        }
    }
}

fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

fn snapshot(settings: &Settings, health: &Health) -> Snapshot {
    let status = health.status();
    let number = |name: &str, value| Metric::new(name, Value::UInt64(value));
    let conditions: Vec<String> = status.conditions.iter().map(ToString::to_string).collect();
    let text = |name: &str, value: &str| Metric::new(name, Value::Text(value.to_owned()));
    let counted = |name: &str| status.counters.get(name).copied().unwrap_or(0);
    let devices = settings.devices.iter().filter_map(|(name, kind)| {
        let report = health.device_report(name, *kind);
        let last = report.last_read.map_or(Value::NoText, Value::Text);
        let mut metrics = vec![
            number("Reads", report.reads),
            Metric::new("Last Read", last),
            text("Problems", &report.problems.join("; ")),
        ];
        for (antenna, report) in &report.antennas {
            metrics.push(number(&format!("Antennas/{antenna}/Reads"), report.reads));
        }
        (report.state == "up").then(|| (name.clone(), metrics))
    });
    Snapshot {
        node: vec![
            text("Properties/Version", status.version),
            text("Properties/Site", &status.site),
            text("Health/Conditions", &conditions.join("; ")),
            number("Buffer/Waiting", counted("waiting")),
            number("Buffer/Percent", status.buffer.percent),
            number("Movements/Stored", counted("events")),
            number("Movements/Delivered", counted("forwarded")),
        ],
        devices: devices.collect(),
    }
}
