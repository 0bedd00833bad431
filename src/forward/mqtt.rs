//! The MQTT session: connect, announce, send the outbox, start again.

use std::path::PathBuf;
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::Event;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::connect::{Connection, connect};
use super::patience::Patience;
use super::session::Session;
use super::subscribe::{self, Downlink};
use super::window::WindowError;
use super::words;
use crate::buffer::{BufferError, OutboxReader, Request, Trouble};
use crate::config::Template;
use crate::downlink::order::Directory;
use crate::health::{Beat, BrokerState, Health, tame};
use crate::tls::{self, TlsError};

/// The loop wakes at least this often, for its deadlines and the watchdog.
const WAKE: Duration = Duration::from_millis(500);

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
    /// TLS; `None` connects without.
    pub tls: Option<tls::Setup>,
    /// Topic template of events.
    pub topic: Template,
    /// Topic of the retained status.
    pub status_topic: String,
    /// Site, for templates.
    pub site: String,
    /// MQTT keep-alive, at least 5 s.
    pub keep_alive: Duration,
    /// Publishes under way at most.
    pub window: u16,
    /// So often an event may be refused for what it is before it is set aside; 0: for ever.
    pub attempts: u32,
    /// Whether "nobody is subscribed" counts as delivered.
    pub accept_without_subscriber: bool,
    /// What comes back from the broker.
    pub downlink: subscribe::Settings,
    /// Deadlines and waits.
    pub timing: Timing,
}

/// Deadlines and waits of the session; independent of the keep-alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// For TCP, TLS and CONNACK together.
    pub connect: Duration,
    /// Something is under way and the broker has answered nothing for this long: the link is dead.
    pub progress: Duration,
    /// Between connections: the first and the last ceiling of a random wait.
    pub backoff: (Duration, Duration),
    /// A connection that lasted so long, and on which the broker acknowledged something, was good: the ceiling starts
    /// afresh. Two clients with the same client id would otherwise throw each other out without a pause.
    pub steady: Duration,
    /// After a refusal that somebody must act on: at least half of it.
    pub refused: Duration,
    /// After an event was not taken.
    pub hold: Duration,
    /// At stop, what waits may still be sent for this long.
    pub drain: Duration,
    /// For the last status and DISCONNECT.
    pub farewell: Duration,
    /// The status message is renewed this often.
    pub status: Duration,
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
            drain: Duration::from_secs(5),
            farewell: Duration::from_secs(2),
            status: Duration::from_secs(60),
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
    SentAway { why: String, passing: bool },
    #[error("the connection was lost: {0}")]
    Lost(String),
    #[error("the broker has acknowledged nothing for {0:?}")]
    NoProgress(Duration),
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
    /// Devices that commands are for.
    pub devices: Directory,
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
    let mut patience = Patience::new(settings.attempts);
    let known = (*links.acknowledged.borrow(), *links.committed.borrow());
    let mut downlink = Downlink::new(&settings.downlink, known, links.health.epoch());
    while !links.stop.is_cancelled() {
        links.beat.touch();
        let mut answered = false;
        let started = Instant::now();
        // Asked for before: an old file's damage must not be told of the one in its place.
        let epoch = links.health.epoch();
        let parts = (&mut patience, &mut downlink);
        let Err(end) = attempt(&settings, &mut links, parts, &mut answered).await else {
            break;
        };
        if let SessionEnd::Buffer(error) = &end
            && error.trouble() == Trouble::Damaged
        {
            // With a full queue it has been said already.
            let _ = links.requests.try_send(Request::Damaged { epoch });
        }
        if answered && started.elapsed() >= settings.timing.steady {
            ceiling = first;
        }
        let wait = if end.needs_people() {
            settings.timing.refused.mul_f64(0.5 + fastrand::f64() / 2.0)
        } else {
            let wait = ceiling.mul_f64(fastrand::f64());
            ceiling = (ceiling * 2).min(last);
            wait
        };
        let reason = tame(&crate::error_chain(&end));
        let news = links.health.broker(BrokerState::Down(reason.clone()));
        links.health.counters().broker_disconnects.add(1);
        // Once per change of reason, not once per attempt.
        let delay_ms = wait.as_millis();
        if news {
            warn!(reason, delay_ms, "Broker not connected");
        } else {
            debug!(reason, delay_ms, "Broker not connected");
        }
        links.beat.pause(wait, &links.stop).await;
    }
    links.beat.finish();
}

/// One connection; `Ok` when the gateway stops. `answered` tells whether the broker acknowledged anything: connecting
/// alone is no success, a broker can refuse everything afterwards.
async fn attempt(
    settings: &Settings,
    links: &mut Links,
    (patience, downlink): (&mut Patience, &mut Downlink),
    answered: &mut bool,
) -> Result<(), SessionEnd> {
    let connecting = connect(settings, &links.health);
    let mut connection = tokio::select! {
        connection = connecting => connection?,
        () = links.stop.cancelled() => return Ok(()),
    };
    links.health.broker(BrokerState::Up);
    let from = downlink.connected(Instant::now());
    let from = from.unwrap_or(*links.acknowledged.borrow());
    let mut session = Session::new(settings, (patience, downlink), &connection, from);
    let end = serve(&mut session, &mut connection, links).await;
    *answered = session.answered();
    end?;
    farewell(&mut session, &mut connection, links).await;
    Ok(())
}

/// Sends the outbox; `Ok` when the gateway stops and what could be sent is.
async fn serve(
    session: &mut Session<'_>,
    connection: &mut Connection,
    links: &mut Links,
) -> Result<(), SessionEnd> {
    let timing = session.timing();
    let mut changes = links.health.subscribe();
    let mut renew = interval(timing.status);
    renew.reset();
    let mut core_is_there = true;
    let mut stopping: Option<Instant> = None;
    loop {
        links.beat.touch();
        session.check_progress()?;
        session.fill(links).await?;
        session.replay(links, stopping.is_some()).await?;
        if stopping.is_some_and(|deadline| session.is_done() || Instant::now() >= deadline) {
            return Ok(());
        }
        let may_ask = session.may_ask();
        let wait = session.pause().map_or(WAKE, |pause| pause.min(WAKE));
        tokio::select! {
            () = session.answers(&links.health) => {}
            event = connection.events.recv() => match event {
                None => return Err(SessionEnd::Lost("the client stopped".to_owned())),
                Some(Err(error)) => return Err(words::loss(&error)),
                Some(Ok(event)) => session.event(event, links)?,
            },
            changed = links.committed.changed(), if core_is_there && may_ask => {
                // Without the core there is nothing new; its end is for the service to tell.
                core_is_there = changed.is_ok();
            }
            _ = changes.changed() => session.renew_status(),
            _ = renew.tick() => session.renew_status(),
            () = sleep(wait) => {}
            () = links.stop.cancelled(), if stopping.is_none() => stopping = Some(Instant::now() + timing.drain),
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
            asked = connection.client.try_disconnect().is_ok();
        }
        let heard = timeout_at(deadline, connection.events.recv()).await;
        let Ok(Some(Ok(event))) = heard else { break };
        if event == Event::Outgoing(Outgoing::Disconnect) {
            return info!("Disconnected from the broker");
        }
        if session.event(event, links).is_err() {
            break;
        }
    }
    warn!("The broker did not take our goodbye; it publishes our Last Will");
}
