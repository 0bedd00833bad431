//! The subscriber: takes messages, stores them, and only then acknowledges them to the broker.
//!
//! Its subscription is shared: of several instances with the same group the broker gives each message to one. The session
//! is kept while an instance is away, so it has a client id of its own and gets again what it had not acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, Filter, Packet, Publish, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use sqlx::postgres::PgPool;
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::acknowledge::{self, Announcements};
use crate::event::chain;
use crate::message::{Message, Taken, take};
use crate::write::{self, Stored, WriteError};

/// Messages that the broker is asked to send ahead of our acknowledgements, at most (MQTT 5 §3.1.2.11.3).
const RECEIVE_MAX: u16 = 512;
/// Messages that wait here, and acknowledgements that wait to be sent: as many as packet identifiers can name (MQTT 5
/// §2.2.1). Mosquitto sends more than it is asked to when it takes up a session again, and whoever waited for room then
/// would wait for ever: acknowledgements leave only while messages are read.
const WAITING: usize = 65_535;
/// Messages stored in one transaction, at most.
const BATCH_MESSAGES: usize = 256;
/// Their content in bytes, about.
const BATCH_BYTES: usize = 8 << 20;
/// Larger messages are not sent by the broker (MQTT 5 §3.1.2.11.4), in bytes.
const MESSAGE_MAX: u32 = 64 << 20;
/// Requests to the client beside acknowledgements: subscription, the mark, disconnect.
const OTHER_REQUESTS: usize = 16;
/// Between attempts, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// How to subscribe.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The broker's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS; `None` connects without.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Client id; each instance needs its own, and always the same.
    pub client_id: String,
    /// User name and password.
    pub credentials: Option<(String, String)>,
    /// What the topics begin with.
    pub root: String,
    /// Name of the shared subscription.
    pub group: String,
    /// How long the broker keeps the session of an instance that is away.
    pub session: Duration,
    /// Business steps that put things into an order, beside `picking`.
    pub issue_steps: Vec<String>,
}

/// Runs until `stop` changes.
///
/// # Errors
/// Never for a broker or database that is away: it tries again.
pub async fn run(
    settings: Settings,
    pool: PgPool,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let mut pause = PAUSES.0;
    while !*stop.borrow() {
        let ended = session(&settings, &pool, &mut stop).await;
        match ended {
            Ok(()) => break,
            Err((was_up, why)) => {
                pause = if was_up {
                    PAUSES.0
                } else {
                    pause.saturating_mul(2).min(PAUSES.1)
                };
                warn!(error = %format_args!("{why:#}"), "No connection to the broker; trying again");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
    Ok(())
}

fn options(settings: &Settings) -> MqttOptions {
    let mut options = MqttOptions::new(&settings.client_id, &settings.host, settings.port);
    options.set_keep_alive(Duration::from_secs(15));
    options.set_clean_start(false);
    options.set_manual_acks(true);
    options.set_connection_timeout(10);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval =
        Some(u32::try_from(settings.session.as_secs()).unwrap_or(u32::MAX));
    properties.receive_maximum = Some(RECEIVE_MAX);
    properties.max_packet_size = Some(MESSAGE_MAX);
    options.set_connect_properties(properties);
    options.set_outgoing_inflight_upper_limit(8);
    if let Some((user, password)) = &settings.credentials {
        options.set_credentials(user, password);
    }
    if let Some(tls) = &settings.tls {
        let tls = TlsConfiguration::Rustls(tls.clone());
        options.set_transport(Transport::tls_with_config(tls));
    }
    options
}

type Ended = (bool, anyhow::Error);

/// One connection, with a fresh event loop: the broker's session is the one place that anything comes again from.
async fn session(
    settings: &Settings,
    pool: &PgPool,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), Ended> {
    let (client, event_loop) = AsyncClient::new(options(settings), WAITING + OTHER_REQUESTS);
    let (messages_in, messages) = mpsc::channel(WAITING);
    let (pubacks_in, pubacks) = mpsc::channel(OTHER_REQUESTS);
    let poller = poll(
        event_loop,
        client.clone(),
        settings,
        messages_in,
        pubacks_in,
    );
    let announcements = Arc::new(Announcements::default());
    let worker = work(
        settings,
        pool,
        client.clone(),
        messages,
        announcements.clone(),
    );
    let announcer = acknowledge::run(pool, &settings.root, client.clone(), pubacks, announcements);
    tokio::select! {
        ended = poller => Err(ended),
        () = worker => Err((true, anyhow::anyhow!("the client stopped"))),
        () = announcer => Err((true, anyhow::anyhow!("the client stopped"))),
        _ = stop.changed() => {
            // What is not acknowledged comes again, to this instance or another.
            let _ = client.try_disconnect();
            Ok(())
        }
    }
}

/// Owns the connection; ends when it ends.
async fn poll(
    mut event_loop: EventLoop,
    client: AsyncClient,
    settings: &Settings,
    messages: mpsc::Sender<Publish>,
    pubacks: mpsc::Sender<()>,
) -> Ended {
    let mut was_up = false;
    loop {
        let event = match event_loop.poll().await {
            Ok(event) => event,
            Err(error) => {
                let place = format!("broker at {}:{}", settings.host, settings.port);
                return (was_up, anyhow::Error::new(error).context(place));
            }
        };
        match event {
            Event::Incoming(Packet::ConnAck(_))
                if client.try_subscribe_many(filters(settings)).is_err() =>
            {
                return (was_up, anyhow::anyhow!("the client takes no requests"));
            }
            Event::Incoming(Packet::SubAck(suback)) => {
                let refused = suback
                    .return_codes
                    .iter()
                    .find(|code| !matches!(code, SubscribeReasonCode::Success(_)));
                if let Some(code) = refused {
                    let why = format!(
                        "the broker refuses the subscription to {}/… ({code:?}): check its access list",
                        settings.root
                    );
                    return (was_up, anyhow::anyhow!(why));
                }
                was_up = true;
                info!(
                    client_id = settings.client_id,
                    group = settings.group,
                    "Subscribed"
                );
            }
            Event::Incoming(Packet::Publish(publish)) => {
                // Only what was published with QoS 0 has no bound; nothing is promised for it.
                let is_promised = publish.qos != QoS::AtMostOnce;
                if messages.try_send(publish).is_err() && is_promised {
                    return (
                        was_up,
                        anyhow::anyhow!("more messages than packet identifiers"),
                    );
                }
            }
            // The mark is the only thing that we publish, one at a time.
            Event::Incoming(Packet::PubAck(_)) => {
                let _ = pubacks.try_send(());
            }
            _ => {}
        }
    }
}

fn filters(settings: &Settings) -> Vec<Filter> {
    let Settings { group, root, .. } = settings;
    let below = ["events/#", "nonevents/#", "gaps"];
    let filter = |below| Filter {
        path: format!("$share/{group}/{root}/+/{below}"),
        qos: QoS::AtLeastOnce,
        ..Filter::default()
    };
    below.map(filter).into()
}

/// Stores what comes, as much at a time as there is, and acknowledges it.
async fn work(
    settings: &Settings,
    pool: &PgPool,
    client: AsyncClient,
    mut messages: mpsc::Receiver<Publish>,
    announcements: Arc<Announcements>,
) {
    while let Some(first) = messages.recv().await {
        let mut bytes = first.payload.len();
        let mut publishes = vec![first];
        while publishes.len() < BATCH_MESSAGES && bytes < BATCH_BYTES {
            let Ok(next) = messages.try_recv() else { break };
            bytes = bytes.saturating_add(next.payload.len());
            publishes.push(next);
        }
        let batch: Vec<(Message, Taken)> = publishes
            .iter()
            .map(|publish| {
                let message = message(publish);
                let taken = take(&message, &settings.root, &settings.issue_steps);
                (message, taken)
            })
            .collect();
        let stored = persist(pool, &settings.root, batch).await;
        for publish in &publishes {
            if client.ack(publish).await.is_err() {
                return;
            }
        }
        if stored.rejected > 0 {
            warn!(
                count = stored.rejected,
                "Kept aside; see tracegate-store rejected"
            );
        }
        announcements.add(stored.awaited);
    }
}

fn message(publish: &Publish) -> Message {
    let given = publish.properties.clone().unwrap_or_default();
    Message {
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        payload: publish.payload.clone(),
        content_type: given.content_type,
        properties: given.user_properties,
    }
}

/// Stores a batch, however long it takes; what PostgreSQL will never take is kept aside.
async fn persist(pool: &PgPool, root: &str, batch: Vec<(Message, Taken)>) -> Stored {
    let mut sum = Stored::default();
    let mut rest = vec![batch];
    while let Some(batch) = rest.pop() {
        match stored(pool, &batch).await {
            Ok(stored) => {
                sum.events += stored.events;
                sum.repeated += stored.repeated;
                sum.rejected += stored.rejected;
                sum.awaited.extend(stored.awaited);
            }
            Err(refusal) => match batch.as_slice() {
                [] => {}
                [(message, _)] => {
                    let aside = message.aside(root, chain(&refusal));
                    let message = message.clone();
                    // Bytes and plain texts: this is taken by any database that works.
                    while stored(pool, &[(message.clone(), aside.clone())])
                        .await
                        .is_err()
                    {
                        error!(
                            topic = message.topic,
                            "Cannot even be kept aside; trying again"
                        );
                        tokio::time::sleep(PAUSES.1).await;
                    }
                    sum.rejected += 1;
                    let place = aside.place.filter(|place| place.previous.is_some());
                    sum.awaited.extend(
                        place
                            .map(|place| place.epoch)
                            .into_iter()
                            .collect::<BTreeSet<_>>(),
                    );
                }
                several => {
                    let (first, second) = several.split_at(several.len() / 2);
                    rest.push(second.to_vec());
                    rest.push(first.to_vec());
                }
            },
        }
    }
    sum
}

/// Stores a batch as soon as the database can; an error is of its content.
async fn stored(pool: &PgPool, batch: &[(Message, Taken)]) -> Result<Stored, WriteError> {
    let mut pause = PAUSES.0;
    loop {
        match write::store(pool, batch).await {
            Err(WriteError::Later(error)) => {
                warn!(error = chain(&error), "Cannot store; trying again");
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(PAUSES.1);
            }
            other => return other,
        }
    }
}

/// TLS with the certificates of this file, or of the system.
///
/// # Errors
/// There is none that can be used.
pub fn tls(ca_file: Option<&std::path::Path>) -> anyhow::Result<Arc<rustls::ClientConfig>> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    match ca_file {
        Some(file) => {
            let certificates = CertificateDer::pem_file_iter(file);
            let certificates = certificates.with_context(|| format!("read {}", file.display()))?;
            for certificate in certificates {
                roots.add(certificate.with_context(|| format!("read {}", file.display()))?)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    anyhow::ensure!(
        !roots.is_empty(),
        "there is no certificate to trust; give the broker's CA with --ca-file"
    );
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
