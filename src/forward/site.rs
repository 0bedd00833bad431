//! The site's data about lots, orders, pallets and serial numbers: retained messages, on a connection of their own, so that a
//! hundred thousand of them hold up neither movements nor acknowledgements. While the table cannot take them, the broker
//! waits; whatever ends the connection, the next one brings everything anew.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::Time;
use tracing::{debug, info, warn};

use super::client::{self, Endpoint, Event, Filter, Link, Message};
use super::listen::{PATIENCE, Subscription, lost};
use crate::health::{Beat, Code, Health, Notice, tame};
use crate::reference::{BATCH, Intake, Table};

/// The loop wakes at least this often, for its deadlines and the watchdog.
const WAKE: Duration = Duration::from_millis(500);
/// What came waits this long for company before it is stored.
const LINGER: Duration = Duration::from_millis(20);
/// How long others that write to the table are waited for.
const TABLE_PATIENCE: Duration = Duration::from_secs(5);
/// Between two batches others that write get their turn.
const PAUSE: Duration = Duration::from_millis(2);
/// Between connections: the first and the last wait, before some of it is drawn at random.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Everything that the connection needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The broker, and what is subscribed to: everything below the configured topic.
    pub subscription: Subscription,
    /// What all topics begin with, with a `/` at its end.
    pub prefix: String,
    /// Where the table is.
    pub directory: PathBuf,
    /// Records at most.
    pub max_records: u64,
}

/// Runs until stopped.
pub async fn run(settings: Settings, health: Health, beat: Beat, stop: CancellationToken) {
    let mut listener = Listener {
        intake: Intake::new(settings.max_records, Instant::now()),
        table: None,
        settings,
        health,
        beat,
        stop,
        is_up: false,
        store_at: None,
        refused: Vec::new(),
    };
    let mut wait = BACKOFF.0;
    let mut endpoints = listener
        .settings
        .subscription
        .endpoints
        .clone()
        .into_iter()
        .cycle();
    while let Some(endpoint) = endpoints.next().filter(|_| !listener.stop.is_cancelled()) {
        listener.is_up = false;
        let Err(reason) = listener.attempt(&endpoint).await else {
            break;
        };
        if listener.is_up {
            wait = BACKOFF.0;
        }
        let text = tame(&format!("the site's messages do not come: {reason}"));
        if listener.health.notice(Notice::SiteData, Some(text)) {
            warn!(
                code = Code::LotsNotHeard.as_str(),
                reason, "The site's data does not come; trying again"
            );
        }
        let pause = wait.mul_f64(0.5 + fastrand::f64() / 2.0);
        listener.beat.pause(pause, &listener.stop).await;
        wait = (wait * 2).min(BACKOFF.1);
    }
    listener.beat.finish();
}

struct Listener {
    settings: Settings,
    health: Health,
    beat: Beat,
    stop: CancellationToken,
    intake: Intake,
    table: Option<Table>,
    is_up: bool,
    /// When what waits is stored.
    store_at: Option<Instant>,
    /// Topics of messages that were refused, as many as are remembered; they come again with each connection.
    refused: Vec<String>,
}

/// Refused messages that are remembered, so that it is seen when they are mended.
const MOST_REFUSED: usize = 64;

impl Listener {
    /// One connection; `Ok` when the gateway stops.
    async fn attempt(&mut self, endpoint: &Endpoint) -> Result<(), String> {
        if self.table.is_none() {
            let Settings {
                directory,
                max_records,
                ..
            } = &self.settings;
            let table = Table::open(directory, *max_records, TABLE_PATIENCE).await;
            self.table = Some(table.map_err(|error| crate::error_chain(&error))?);
        }
        let options = self.settings.subscription.options(endpoint)?;
        let mut link = client::open(&options);
        let began = Instant::now();
        loop {
            self.beat.touch();
            if !self.is_up && began.elapsed() > PATIENCE {
                return Err(format!("the broker {endpoint} does not answer"));
            }
            let wake = Instant::now() + WAKE;
            let next = self.store_at.map_or(wake, |at| at.min(wake));
            tokio::select! {
                event = link.events.recv() => match event {
                    Some(Ok(event)) => self.heard(event, &link)?,
                    Some(Err(failure)) => return Err(lost(endpoint, failure)),
                    None => return Err("the MQTT client stopped".to_owned()),
                },
                () = sleep_until(next) => {}
                () = self.stop.cancelled() => return self.store().await,
            }
            let is_due = self.store_at.is_some_and(|at| at <= Instant::now());
            if is_due || self.intake.waiting() >= BATCH {
                self.store().await?;
            }
            if self.store_at.is_none() && self.is_up {
                self.conclude().await?;
            }
        }
    }

    fn heard(&mut self, event: Event, link: &Link) -> Result<(), String> {
        match event {
            Event::Connected(_) => {
                let asked = link.client.subscribe(vec![Filter {
                    topics: self.settings.subscription.topics.clone(),
                    retain_as_published: false,
                    at_most_once: true,
                }]);
                asked.map_err(|busy| busy.to_string())?;
                self.intake.connected(Instant::now());
                // What is still there comes again, and what is not was cleared.
                self.refused.clear();
                self.health.notice(Notice::SiteMessage, None);
            }
            Event::Subscribed(answers) => {
                let topic = &self.settings.subscription.topics;
                if let Some(Err(why)) = answers.into_iter().next() {
                    return Err(format!(
                        "the broker does not allow the subscription to {topic}: {why}; check its access list"
                    ));
                }
                info!(
                    code = Code::LotsNotHeard.as_str(),
                    topic, "Subscribed to the site's data"
                );
                self.is_up = true;
                self.health.notice(Notice::SiteData, None);
            }
            Event::Received(message, _) => self.take(&message),
            Event::Sent(_) | Event::Answered(..) | Event::Left | Event::Other => {}
        }
        Ok(())
    }

    fn take(&mut self, message: &Message) {
        let Some(below) = message.topic.strip_prefix(&self.settings.prefix) else {
            debug!(topic = message.topic, "Message on a topic of nobody");
            return;
        };
        let counters = self.health.counters();
        match self.intake.hear(below, &message.payload, Instant::now()) {
            Ok(()) => {
                counters.reference_messages.add(1);
                self.store_at.get_or_insert_with(|| Instant::now() + LINGER);
                self.mended(&message.topic);
            }
            Err(mistake) => {
                counters.reference_refused.add(1);
                // A hold is stored all the same.
                if self.intake.waiting() > 0 {
                    self.store_at.get_or_insert_with(|| Instant::now() + LINGER);
                }
                let text = format!("a message is not taken: {}: {mistake}", message.topic);
                let text = tame(&text);
                if self.refused.len() < MOST_REFUSED && !self.refused.contains(&message.topic) {
                    self.refused.push(message.topic.clone());
                }
                if self.health.site_problem(text.clone()) {
                    warn!(code = Code::LotsMessageRefused.as_str(), topic = tame(&message.topic), reason = %mistake, "Message of the site not taken");
                }
                self.health.notice(Notice::SiteMessage, Some(text));
            }
        }
    }

    /// A message on this topic was taken: if one was refused before, that is over.
    fn mended(&mut self, topic: &str) {
        if self.refused.is_empty() {
            return;
        }
        self.refused.retain(|refused| refused != topic);
        if self.refused.is_empty() {
            self.health.notice(Notice::SiteMessage, None);
        }
    }

    /// Stores what came. When that fails the connection ends: the next one brings it again.
    async fn store(&mut self) -> Result<(), String> {
        self.store_at = None;
        let Some(table) = &mut self.table else {
            return Ok(());
        };
        if self.intake.waiting() == 0 {
            return Ok(());
        }
        let stored = self.intake.store(table, wall()).await;
        let (figures, deleted) = stored.map_err(|error| crate::error_chain(&error))?;
        self.health
            .counters()
            .references_capped
            .add(figures.evicted);
        self.health.site_records(table.records());
        debug!(count = figures.stored, deleted, "Site's data stored");
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    /// Looks whether a snapshot is complete.
    async fn conclude(&mut self) -> Result<(), String> {
        let Some(table) = &mut self.table else {
            return Ok(());
        };
        let (now, before) = (Instant::now(), self.intake.as_of());
        let complete = self.intake.conclude(table, now, wall()).await;
        let complete = complete.map_err(|error| crate::error_chain(&error))?;
        if let Some(complete) = &complete {
            let (count, deleted) = (complete.count, complete.deleted);
            info!(
                code = Code::LotsIncomplete.as_str(),
                snapshot = complete.id,
                count,
                deleted,
                "The site's data is complete"
            );
        }
        if complete.is_some() || before != self.intake.as_of() {
            let site = table
                .site()
                .await
                .map_err(|error| crate::error_chain(&error))?;
            self.health.site_data(site.as_of, site.snapshot);
        }
        let overdue = self.intake.overdue(now).map(|(id, came, count)| {
            tame(&format!(
                "snapshot {id} is not complete: {came} of {count} records came; the age of the data counts from the one before. Does the broker drop messages (Mosquitto: max_queued_messages), or is the count in meta wrong?"
            ))
        });
        if self.health.notice(Notice::Snapshot, overdue.clone())
            && let Some(reason) = overdue
        {
            warn!(
                code = Code::LotsIncomplete.as_str(),
                reason, "The site's data is not complete"
            );
        }
        Ok(())
    }
}

fn wall() -> Time {
    Time(Timestamp::now().as_microsecond())
}
