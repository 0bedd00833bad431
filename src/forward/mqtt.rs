//! The MQTT session: connect, announce, send the outbox, start again.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{LastWill, Packet, PubAck, PubAckReason, PublishProperties};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::tls::{self, TlsError};
use super::window::{Item, Window, WindowError};
use super::words;
use crate::buffer::{BufferError, OutboxReader};
use crate::config::{Secret, Template};
use crate::health::{Beat, BrokerState, Health, Status};

/// TCP, TLS and CONNACK together.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Something is under way and the broker has answered nothing for this long: the link is dead.
const PROGRESS_DEADLINE: Duration = Duration::from_secs(10);
/// Backoff between connections.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// After "nobody is subscribed" or "quota exceeded".
const HOLD: Duration = Duration::from_secs(2);
/// At stop, what is under way may still be acknowledged.
const DRAIN: Duration = Duration::from_secs(5);
/// The status message is renewed this often.
const STATUS_EVERY: Duration = Duration::from_secs(60);
/// Rows read from the outbox at a time.
const READ_ROWS: usize = 64;

/// Everything the session needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Broker host.
    pub host: String,
    /// Broker port.
    pub port: u16,
    /// Client identifier.
    pub client_id: String,
    /// User name and where its password is read, on every connection.
    pub credentials: Option<(String, Option<PathBuf>)>,
    /// Trust for TLS; `None` connects without.
    pub tls: Option<tls::Trust>,
    /// Topic template of events.
    pub topic: Template,
    /// Topic of the retained status.
    pub status_topic: String,
    /// Site, for templates.
    pub site: String,
    /// MQTT keep-alive.
    pub keep_alive: Duration,
    /// Publishes under way at most.
    pub window: u16,
    /// Whether "nobody is subscribed" counts as delivered.
    pub accept_without_subscriber: bool,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum SessionEnd {
    #[error("cannot reach the broker at {0}: {1}")]
    Unreachable(String, String),
    #[error("the broker refused the connection: {0}")]
    Refused(&'static str),
    #[error("the connection was lost: {0}")]
    Lost(String),
    #[error("the broker has acknowledged nothing for {} s", PROGRESS_DEADLINE.as_secs())]
    NoProgress,
    #[error("cannot read the password file {0}: {1}")]
    Password(PathBuf, std::io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Window(#[from] WindowError),
    #[error(transparent)]
    Buffer(#[from] BufferError),
}

/// What the forwarder shares with the rest.
#[derive(Debug)]
pub struct Links {
    /// The outbox.
    pub reader: OutboxReader,
    /// Newest committed sequence number.
    pub committed: watch::Receiver<i64>,
    /// Newest acknowledged sequence number, for the buffer to delete up to.
    pub acknowledged: watch::Sender<i64>,
    /// Conditions and counters.
    pub health: Health,
    /// Sign of life.
    pub beat: Beat,
    /// Ends the forwarder.
    pub stop: CancellationToken,
}

/// Runs until stopped; sends what is committed and tells what is acknowledged.
pub async fn run(settings: Settings, mut links: Links) {
    let mut delay = BACKOFF.0;
    while !links.stop.is_cancelled() {
        links.beat.touch();
        let before = *links.acknowledged.borrow();
        let Err(end) = session(&settings, &mut links).await else {
            break;
        };
        let news = links.health.broker(BrokerState::Down(end.to_string()));
        links.health.counters().broker_disconnects.add(1);
        if *links.acknowledged.borrow() > before {
            delay = BACKOFF.0;
        }
        let wait = delay.mul_f64(fastrand::f64());
        // Once per change of reason, not once per attempt.
        let delay_ms = wait.as_millis();
        if news {
            warn!(error = %end, delay_ms, "Broker not connected");
        } else {
            debug!(error = %end, delay_ms, "Broker not connected");
        }
        delay = match end {
            SessionEnd::Refused(_) => BACKOFF.1,
            _ => (delay * 2).min(BACKOFF.1),
        };
        let until = Instant::now() + wait;
        while Instant::now() < until {
            links.beat.touch();
            let nap = (until - Instant::now()).min(Duration::from_secs(2));
            tokio::select! {
                () = sleep(nap) => {}
                () = links.stop.cancelled() => return,
            }
        }
    }
}

/// One connection; `Ok` when the gateway stops.
async fn session(settings: &Settings, links: &mut Links) -> Result<(), SessionEnd> {
    let address = format!("{}:{}", settings.host, settings.port);
    let options = options(settings, &links.health)?;
    let (client, event_loop) = AsyncClient::new(options, usize::from(settings.window) + 8);
    let (events_in, mut events) = mpsc::channel(256);
    let poller = AbortOnDrop(tokio::spawn(poll(event_loop, events_in)));
    let connack = loop {
        match timeout(CONNECT_DEADLINE, events.recv()).await {
            Err(_) => {
                return Err(SessionEnd::Unreachable(
                    address,
                    format!("no answer within {} s", CONNECT_DEADLINE.as_secs()),
                ));
            }
            Ok(None) => return Err(SessionEnd::Lost("the client stopped".to_owned())),
            Ok(Some(Err(error))) => return Err(connect_failure(address, &error)),
            Ok(Some(Ok(Event::Incoming(Packet::ConnAck(connack))))) => break connack,
            Ok(Some(Ok(_))) => {}
        }
    };
    let receive_maximum = connack
        .properties
        .and_then(|properties| properties.receive_max)
        .unwrap_or(u16::MAX);
    info!(broker = address, receive_maximum, "Connected to the broker");
    links.health.broker(BrokerState::Up);
    let mut session = Session {
        settings,
        client,
        window: Window::new(*links.acknowledged.borrow()),
        limit: usize::from(settings.window.min(receive_maximum)),
        cursor: *links.acknowledged.borrow(),
        held_until: None,
        refused: false,
        progress: Instant::now(),
    };
    session.announce(&links.health.status())?;
    let mut changes = links.health.subscribe();
    let mut renew = tokio::time::interval(STATUS_EVERY);
    renew.reset();
    let mut stopping: Option<Instant> = None;
    loop {
        links.beat.touch();
        session.fill(links).await?;
        if let Some(deadline) = stopping
            && (session.window.in_flight() == 0 || Instant::now() >= deadline)
        {
            let status = Status {
                state: "offline".into(),
                reason: Some("stopped".into()),
                ..links.health.status()
            };
            session.announce(&status)?;
            return session.farewell(&mut events, &poller).await;
        }
        tokio::select! {
            event = events.recv() => match event {
                None => return Err(SessionEnd::Lost("the client stopped".to_owned())),
                Some(Err(error)) => return Err(SessionEnd::Lost(words::client(&error))),
                Some(Ok(event)) => session.event(event, links)?,
            },
            changed = links.committed.changed(), if session.may_ask() => if changed.is_err() {
                return Ok(());
            },
            _ = changes.changed() => session.announce(&links.health.status())?,
            _ = renew.tick() => session.announce(&links.health.status())?,
            () = sleep(Duration::from_millis(500)) => session.check_progress()?,
            () = links.stop.cancelled(), if stopping.is_none() => stopping = Some(Instant::now() + DRAIN),
        }
    }
}

struct Session<'a> {
    settings: &'a Settings,
    client: AsyncClient,
    window: Window,
    limit: usize,
    cursor: i64,
    held_until: Option<Instant>,
    refused: bool,
    progress: Instant,
}

impl Session<'_> {
    fn may_ask(&self) -> bool {
        self.held_until.is_none() && self.window.in_flight() < self.limit
    }

    /// Hands the client as much of the outbox as the window takes.
    async fn fill(&mut self, links: &mut Links) -> Result<(), SessionEnd> {
        if let Some(until) = self.held_until {
            if Instant::now() < until || self.window.in_flight() > 0 {
                return Ok(());
            }
            // Everything from the first refused row on is sent again, in order.
            self.held_until = None;
            self.window.rewind();
            self.cursor = self.window.acknowledged();
        }
        while self.may_ask() && *links.committed.borrow_and_update() > self.cursor {
            let room = (self.limit - self.window.in_flight()).min(READ_ROWS);
            let rows = links.reader.after(self.cursor, room).await?;
            if rows.is_empty() {
                // Sequence numbers may have gaps; all that is committed has been asked for.
                return Ok(());
            }
            for row in rows {
                self.cursor = row.seq;
                if !row.intact {
                    warn!(
                        seq = row.seq,
                        event_id = row.event_id,
                        "Stored event is damaged; it is sent as it is, marked"
                    );
                }
                let topic = self
                    .settings
                    .topic
                    .render(&self.settings.site, &row.read_point);
                let properties = PublishProperties {
                    payload_format_indicator: Some(1),
                    content_type: Some("application/ld+json".to_owned()),
                    user_properties: vec![
                        ("event_id".to_owned(), row.event_id),
                        ("epoch".to_owned(), links.health.epoch().to_owned()),
                        ("seq".to_owned(), row.seq.to_string()),
                        ("intact".to_owned(), row.intact.to_string()),
                    ],
                    ..PublishProperties::default()
                };
                self.publish(
                    Item::Event(row.seq),
                    topic,
                    false,
                    row.payload.into(),
                    properties,
                )?;
            }
        }
        Ok(())
    }

    fn publish(
        &mut self,
        item: Item,
        topic: String,
        retain: bool,
        payload: Bytes,
        properties: PublishProperties,
    ) -> Result<(), SessionEnd> {
        if self.window.in_flight() == 0 {
            self.progress = Instant::now();
        }
        self.client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties)
            .map_err(|error| SessionEnd::Lost(error.to_string()))?;
        self.window.ask(item);
        Ok(())
    }

    /// Renews the retained status; skipped while the window is full, the next renewal says the same.
    fn announce(&mut self, status: &Status) -> Result<(), SessionEnd> {
        if self.window.in_flight() >= self.limit {
            return Ok(());
        }
        let topic = self.settings.status_topic.clone();
        let properties = PublishProperties {
            content_type: Some("application/json".to_owned()),
            ..PublishProperties::default()
        };
        self.publish(
            Item::Status,
            topic,
            true,
            status.to_json().into(),
            properties,
        )
    }

    fn event(&mut self, event: Event, links: &Links) -> Result<(), SessionEnd> {
        match event {
            Event::Outgoing(Outgoing::Publish(id)) => self.window.sent(id)?,
            Event::Incoming(Packet::PubAck(PubAck { pkid, reason, .. })) => {
                self.progress = Instant::now();
                let taken = match reason {
                    PubAckReason::Success => true,
                    PubAckReason::NoMatchingSubscribers => self.settings.accept_without_subscriber,
                    _ => false,
                };
                let item = self.window.answered(pkid, taken)?;
                match item {
                    Item::Event(seq) if taken => self.taken(seq, links),
                    Item::Event(seq) => self.hold(seq, reason, links),
                    Item::Status => {}
                }
            }
            other => debug!(?other, "MQTT"),
        }
        Ok(())
    }

    fn taken(&mut self, seq: i64, links: &Links) {
        links.health.counters().forwarded.add(1);
        if self.refused && seq == self.window.acknowledged() {
            self.refused = false;
            links.health.broker(BrokerState::Up);
            info!("The broker takes events again");
        }
        links.acknowledged.send_if_modified(|mark| {
            let newer = self.window.acknowledged() > *mark;
            *mark = (*mark).max(self.window.acknowledged());
            newer
        });
    }

    /// The broker did not take an event: keep it, wait, send it again.
    fn hold(&mut self, seq: i64, reason: PubAckReason, links: &Links) {
        self.held_until = Some(Instant::now() + HOLD);
        links.health.counters().refused.add(1);
        if !self.refused {
            self.refused = true;
            let why = words::refusal(reason);
            warn!(
                seq,
                reason = why,
                "The broker did not take an event; it is kept and sent again"
            );
            links.health.broker(BrokerState::Refuses(why.to_owned()));
        }
    }

    fn check_progress(&self) -> Result<(), SessionEnd> {
        if self.window.in_flight() > 0 && self.progress.elapsed() >= PROGRESS_DEADLINE {
            return Err(SessionEnd::NoProgress);
        }
        Ok(())
    }

    /// Sends what is asked for and DISCONNECT, so that the broker does not publish our Last Will.
    async fn farewell(
        mut self,
        events: &mut mpsc::Receiver<Result<Event, ConnectionError>>,
        _poller: &AbortOnDrop,
    ) -> Result<(), SessionEnd> {
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut asked = false;
        while let Ok(Some(Ok(event))) = tokio::time::timeout_at(deadline, events.recv()).await {
            match event {
                Event::Outgoing(Outgoing::Publish(id)) => self.window.sent(id)?,
                Event::Incoming(Packet::PubAck(ack)) => {
                    self.window.answered(ack.pkid, true)?;
                }
                Event::Outgoing(Outgoing::Disconnect) => break,
                _ => {}
            }
            if self.window.in_flight() == 0 && !asked {
                asked = self.client.try_disconnect().is_ok();
            }
        }
        info!("Disconnected from the broker");
        Ok(())
    }
}

fn options(settings: &Settings, health: &Health) -> Result<MqttOptions, SessionEnd> {
    let mut options = MqttOptions::new(&settings.client_id, &settings.host, settings.port);
    options.set_keep_alive(settings.keep_alive);
    options.set_clean_start(true);
    options.set_connection_timeout(CONNECT_DEADLINE.as_secs());
    options.set_outgoing_inflight_upper_limit(settings.window);
    if let Some(trust) = &settings.tls {
        // Read anew for every connection, so that renewed certificates need no restart.
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(
            tls::client_config(trust)?,
        )));
    }
    let will = Status {
        state: "offline".into(),
        reason: Some("connection lost".into()),
        ..health.status()
    };
    options.set_last_will(LastWill::new(
        &settings.status_topic,
        will.to_json(),
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
async fn poll(mut event_loop: EventLoop, events: mpsc::Sender<Result<Event, ConnectionError>>) {
    loop {
        let event = event_loop.poll().await;
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

fn connect_failure(address: String, error: &ConnectionError) -> SessionEnd {
    let code = match error {
        ConnectionError::ConnectionRefused(code) => Some(*code),
        ConnectionError::MqttState(StateError::ConnFail { reason }) => Some(*reason),
        _ => None,
    };
    match code {
        Some(code) => SessionEnd::Refused(words::connect_refusal(code)),
        None => SessionEnd::Unreachable(address, words::client(error)),
    }
}
