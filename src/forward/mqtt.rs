//! The MQTT session: connect, announce, send the outbox, start again.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::announce;
use super::client::{Endpoint, Event, Version};
use super::connect::{Connection, connect};
use super::credentials::Credentials;
use super::failover::{Next, Turn};
use super::memory::Memory;
use super::session::Session;
use super::subscribe::{self, Downlink};
use super::window::WindowError;
use super::words;
use crate::buffer::{BufferError, OutboxReader, OutboxRow, Request, Stream, Trouble};
use crate::config::{Payload, Template};
use crate::downlink::order::Fleet;
use crate::health::{Beat, BrokerState, Code, Counters, EndpointState, Health, tame};
use crate::logs;
use crate::tls::{self, TlsError};

/// The loop wakes at least this often, for its deadlines and the watchdog.
const WAKE: Duration = Duration::from_millis(500);

/// What a client that has ended had still to tell is there already.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Everything the session needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The protocol's version.
    pub version: Version,
    /// The broker, or those of a cluster; never empty.
    pub endpoints: Vec<Endpoint>,
    /// Client identifier.
    pub client_id: String,
    /// User name and where its password is read, on every connection.
    pub credentials: Option<(String, Option<PathBuf>)>,
    /// TLS; `None` connects without.
    pub tls: Option<tls::Setup>,
    /// Topic template of events.
    pub topic: Template,
    /// Topic template of loads that were not booked.
    pub non_event_topic: Template,
    /// Topic of what says that telemetry was dropped.
    pub gap_topic: String,
    /// Topic of the retained status.
    pub status_topic: String,
    /// Messages about single devices.
    pub devices: announce::Settings,
    /// Site, for templates.
    pub site: String,
    /// MQTT keep-alive, at least 5 s.
    pub keep_alive: Duration,
    /// Publishes under way at most.
    pub window: u16,
    /// Events in one message, while more than a window waits.
    pub batch: Batch,
    /// What a message with one event holds.
    pub payload: Payload,
    /// For how long the broker may keep an event.
    pub message_expiry: Option<Duration>,
    /// So often an event may be refused for what it is before it is set aside; 0: for ever.
    pub attempts: u32,
    /// Whether "nobody is subscribed" counts as delivered.
    pub accept_without_subscriber: bool,
    /// What comes back from the broker.
    pub downlink: subscribe::Settings,
    /// Deadlines and waits.
    pub timing: Timing,
}

impl Settings {
    /// Where a row of the outbox is sent to.
    #[must_use]
    pub fn topic_of(&self, row: &OutboxRow) -> String {
        match row.stream {
            Stream::Movement => self.topic.render(&self.site, &row.read_point),
            Stream::NonEvent => self.non_event_topic.render(&self.site, &row.read_point),
            Stream::Gap => self.gap_topic.clone(),
        }
    }
}

/// How much goes into one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Events at most; with 1 each goes by itself.
    pub events: usize,
    /// Bytes of payload at most, unless a single event has more.
    pub bytes: usize,
}

/// Deadlines and waits of the session; independent of the keep-alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// For TCP, TLS and CONNACK together.
    pub connect: Duration,
    /// The oldest message under way is not acknowledged although nothing before it has been awaited for this long: the link
    /// is dead, or the acknowledgement is lost.
    pub progress: Duration,
    /// Between connections: the first and the last ceiling of a random wait.
    pub backoff: (Duration, Duration),
    /// A connection that lasted so long, and on which the broker acknowledged something, was good: the ceiling starts
    /// afresh. Two clients with the same client id would otherwise throw each other out without a pause.
    pub steady: Duration,
    /// After a refusal that somebody must act on: so long, to half as long again.
    pub refused: Duration,
    /// After an event was not taken.
    pub hold: Duration,
    /// The broker answers, but the oldest event has been waiting for so long: that is a condition.
    pub stalled: Duration,
    /// At stop, what waits may still be sent for this long.
    pub drain: Duration,
    /// For the last status and DISCONNECT.
    pub farewell: Duration,
    /// The status message is renewed this often.
    pub status: Duration,
    /// Certificates and password are looked at this often.
    pub watch: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            progress: Duration::from_secs(10),
            backoff: (Duration::from_millis(500), Duration::from_secs(60)),
            steady: Duration::from_secs(2),
            refused: Duration::from_secs(60),
            hold: Duration::from_secs(2),
            stalled: Duration::from_secs(60),
            drain: Duration::from_secs(5),
            farewell: Duration::from_secs(2),
            status: Duration::from_secs(60),
            watch: Duration::from_secs(5),
        }
    }
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionEnd {
    #[error("cannot reach the broker at {0}: {1}")]
    Unreachable(String, String),
    #[error("the broker refused the connection: {why}")]
    Refused { why: &'static str, passing: bool },
    #[error("the broker ended the connection: {why}")]
    SentAway {
        why: String,
        passing: bool,
        by_message: bool,
    },
    #[error("the connection was lost: {0}")]
    HungUp(String),
    #[error("the connection was lost: {0}")]
    Lost(String),
    #[error("the broker has acknowledged nothing for {0:?}")]
    NoProgress(Duration),
    #[error(
        "the broker has left a message without acknowledgement for {0:?}, although it acknowledged later ones"
    )]
    AckMissing(Duration),
    #[error("certificates or password were renewed")]
    Renewed,
    #[error("cannot read the password file {0}: {1}")]
    Password(PathBuf, std::io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Window(#[from] WindowError),
    #[error(transparent)]
    Buffer(#[from] BufferError),
}

impl SessionEnd {
    /// Trying again soon does not help: somebody must change something first.
    const fn needs_people(&self) -> bool {
        matches!(
            self,
            Self::Refused { passing: false, .. } | Self::SentAway { passing: false, .. }
        )
    }

    /// Something that was sent may have made the broker end the connection.
    const fn may_be_our_fault(&self) -> bool {
        matches!(
            self,
            Self::HungUp(_)
                | Self::SentAway {
                    by_message: true,
                    ..
                }
        )
    }

    /// Adds one to the counter of this cause.
    fn count(&self, counters: &Counters) {
        let cause = match self {
            // Our own wish.
            Self::Renewed => return,
            Self::Unreachable(..) => &counters.broker_unreachable,
            Self::Refused { .. } => &counters.broker_refusals,
            Self::SentAway { .. } => &counters.broker_goodbyes,
            Self::HungUp(_) | Self::Lost(_) => &counters.broker_losses,
            Self::NoProgress(_) => &counters.broker_silences,
            Self::AckMissing(_) => &counters.broker_acks_missing,
            Self::Password(..) | Self::Tls(_) | Self::Window(_) | Self::Buffer(_) => {
                &counters.broker_own_faults
            }
        };
        counters.broker_disconnects.add(1);
        cause.add(1);
    }
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
    /// To the buffer: events that cannot be sent.
    pub requests: mpsc::Sender<Request>,
    /// Devices, as they are at this moment.
    pub fleet: watch::Receiver<Fleet>,
    /// Conditions and counters.
    pub health: Health,
    /// Sign of life.
    pub beat: Beat,
    /// Ends the forwarder.
    pub stop: CancellationToken,
}

/// Runs until stopped; sends what is committed and tells what is acknowledged.
pub async fn run(settings: Settings, mut links: Links) {
    let (first, last) = settings.timing.backoff;
    let mut ceiling = first;
    let mut credentials = Credentials::new(&settings, &links.health);
    let known = (*links.acknowledged.borrow(), *links.committed.borrow());
    let mut memory = Memory::new(settings.attempts, known.1);
    let mut downlink = Downlink::new(&settings.downlink, known, links.health.epoch());
    let mut turn = Turn::new(settings.endpoints.len());
    links.health.brokers(&settings.endpoints);
    while !links.stop.is_cancelled() {
        let Some(endpoint) = settings.endpoints.get(turn.current()) else {
            break;
        };
        links.beat.touch();
        let mut answered = false;
        let started = Instant::now();
        // Asked for before: an old file's damage must not be told of the one in its place.
        let epoch = links.health.epoch();
        memory.of_epoch(epoch.clone());
        memory.ages.note(*links.committed.borrow(), started);
        let attempt = attempt(
            &settings,
            endpoint,
            &mut links,
            &mut credentials,
            (&mut memory, &mut downlink),
            &mut answered,
        );
        let Err(end) = attempt.await else {
            break;
        };
        if matches!(end, SessionEnd::Renewed) {
            links.health.counters().renewals.add(1);
            continue;
        }
        if let SessionEnd::Buffer(error) = &end
            && error.trouble() == Trouble::Damaged
        {
            // With a full queue it has been said already.
            let _ = links.requests.try_send(Request::Damaged { epoch });
        }
        if answered && started.elapsed() >= settings.timing.steady {
            ceiling = first;
        }
        let wait = match turn.ended(answered, end.needs_people()) {
            Next::AtOnce => Duration::ZERO,
            Next::Wait => {
                let wait = ceiling.mul_f64(fastrand::f64());
                ceiling = (ceiling * 2).min(last);
                wait
            }
            Next::WaitForPeople => {
                let refused = settings.timing.refused;
                refused.mul_f64(1.0 + fastrand::f64() / 2.0)
            }
        };
        end.count(links.health.counters());
        links.health.counters().in_flight.set(0);
        links.health.stalled(None);
        let reason = tame(&crate::error_chain(&end));
        links
            .health
            .endpoint(endpoint, EndpointState::Down(reason.clone()));
        let (state, code) = match end.needs_people() {
            true => (BrokerState::Denied(reason.clone()), Code::BrokerDenied),
            false => (BrokerState::Down(reason.clone()), Code::BrokerDown),
        };
        let code = code.as_str();
        let news = links.health.broker(state);
        // Once per change of reason, not once per attempt.
        let (broker, delay_ms) = (endpoint.to_string(), wait.as_millis());
        if news {
            warn!(code, broker, reason, delay_ms, "Broker not connected");
        } else {
            debug!(broker, reason, delay_ms, "Broker not connected");
        }
        tokio::select! {
            _ = links.beat.pause(wait, &links.stop) => {}
            // What stood in the way may be mended.
            () = credentials.renewed() => {}
        }
    }
    links.beat.finish();
}

/// One connection; `Ok` when the gateway stops. `answered` tells whether the broker acknowledged anything: connecting
/// alone is no success, a broker can refuse everything afterwards.
async fn attempt(
    settings: &Settings,
    endpoint: &Endpoint,
    links: &mut Links,
    credentials: &mut Credentials,
    (memory, downlink): (&mut Memory, &mut Downlink),
    answered: &mut bool,
) -> Result<(), SessionEnd> {
    let ready = credentials.take()?;
    let connecting = connect(settings, endpoint, &links.health, &ready);
    let mut connection = tokio::select! {
        connection = connecting => connection?,
        () = links.stop.cancelled() => return Ok(()),
    };
    links.health.endpoint(endpoint, EndpointState::Up);
    links.health.broker(BrokerState::Up);
    let from = downlink.connected(Instant::now());
    let from = from.unwrap_or(*links.acknowledged.borrow());
    let mut session = Session::new(settings, (memory, downlink), &connection, from);
    let end = serve(&mut session, &mut connection, links, credentials).await;
    *answered = session.answered();
    if let Err(end) = end {
        let end = last_words(end, &mut session, &mut connection, links).await;
        session.over(end.may_be_our_fault());
        if matches!(end, SessionEnd::Renewed) {
            part(&mut connection, settings.timing.farewell).await;
        }
        return Err(end);
    }
    farewell(&mut session, &mut connection, links).await;
    Ok(())
}

/// Sends the outbox; `Ok` when the gateway stops and what could be sent is.
async fn serve(
    session: &mut Session<'_>,
    connection: &mut Connection,
    links: &mut Links,
    credentials: &mut Credentials,
) -> Result<(), SessionEnd> {
    let timing = session.timing();
    let mut announcer = session.announcer(&links.fleet.borrow_and_update().kinds);
    let mut changes = links.health.subscribe();
    let mut renew = interval(timing.status);
    renew.reset();
    let mut core_is_there = true;
    let mut stopping: Option<Instant> = None;
    // With renewed certificates nothing more is sent here; what is under way is waited for.
    let mut renewing: Option<Instant> = None;
    loop {
        links.beat.touch();
        session.check_progress(links)?;
        if renewing.is_none() {
            // Before events: they would take all the room there ever is while there are many.
            session.announce(&mut announcer, &links.health)?;
            session.fill(links).await?;
            session.replay(links, stopping.is_some()).await?;
        } else if renewing.is_some_and(|deadline| session.is_idle() || Instant::now() >= deadline) {
            return Err(SessionEnd::Renewed);
        }
        if stopping.is_some_and(|deadline| session.is_done() || Instant::now() >= deadline) {
            return Ok(());
        }
        let may_ask = renewing.is_none() && session.may_ask();
        let wait = session.pause().map_or(WAKE, |pause| pause.min(WAKE));
        tokio::select! {
            () = session.answers(&links.health) => {}
            event = connection.link.events.recv() => match event {
                None => return Err(SessionEnd::Lost("the client stopped".to_owned())),
                Some(Err(failure)) => return Err(words::loss(failure)),
                Some(Ok(event)) => {
                    session.event(event, links)?;
                    // What else has come is one round of sending, not many.
                    while let Ok(event) = connection.link.events.try_recv() {
                        session.event(event.map_err(words::loss)?, links)?;
                    }
                }
            },
            changed = links.committed.changed(), if core_is_there && may_ask => {
                // Without the core there is nothing new; its end is for the service to tell.
                core_is_there = changed.is_ok();
            }
            _ = changes.changed() => {
                session.renew_status();
                announcer.changed();
            }
            Ok(()) = links.fleet.changed() => {
                session.reannounce(&mut announcer, &links.fleet.borrow_and_update().kinds);
            }
            _ = renew.tick() => {
                session.renew_status();
                announcer.refresh();
            }
            () = sleep(wait) => {}
            () = credentials.renewed(), if renewing.is_none() => renewing = Some(Instant::now() + timing.drain),
            () = links.stop.cancelled(), if stopping.is_none() => stopping = Some(Instant::now() + timing.drain),
        }
    }
}

/// The client takes no more requests because it has ended. Why, and what was acknowledged before that, lies unread.
async fn last_words(
    end: SessionEnd,
    session: &mut Session<'_>,
    connection: &mut Connection,
    links: &Links,
) -> SessionEnd {
    if !matches!(end, SessionEnd::Lost(_)) {
        return end;
    }
    let deadline = Instant::now() + LAST_WORDS;
    while let Ok(Some(event)) = timeout_at(deadline, connection.link.events.recv()).await {
        match event {
            Err(failure) => return words::loss(failure),
            Ok(event) => {
                if session.event(event, links).is_err() {
                    break;
                }
            }
        }
    }
    end
}

/// DISCONNECT without a last status: the broker does not publish our Last Will, and the next connection follows at once.
async fn part(connection: &mut Connection, patience: Duration) {
    let deadline = Instant::now() + patience;
    let link = &mut connection.link;
    let asked = link.client.disconnect().is_ok();
    while asked && let Ok(Some(Ok(event))) = timeout_at(deadline, link.events.recv()).await {
        if event == Event::Left {
            return;
        }
    }
}

/// The last status, then DISCONNECT, so that the broker does not publish our Last Will. If the broker does not take the
/// status in time there is no DISCONNECT either: the Last Will then says what the status could not.
async fn farewell(session: &mut Session<'_>, connection: &mut Connection, links: &Links) {
    let deadline = Instant::now() + session.timing().farewell;
    let (mut told, mut asked) = (false, false);
    loop {
        told = told || session.say_goodbye(&links.health);
        if told && session.is_idle() && !asked {
            asked = connection.link.client.disconnect().is_ok();
        }
        let heard = timeout_at(deadline, connection.link.events.recv()).await;
        let Ok(Some(Ok(event))) = heard else { break };
        if event == Event::Left {
            return info!("Disconnected from the broker");
        }
        if session.event(event, links).is_err() {
            break;
        }
    }
    warn!(
        code = logs::GOODBYE_NOT_TAKEN,
        "The broker did not take our goodbye; it publishes our Last Will"
    );
}
