//! One connection's traffic: which rows are sent, what the broker says to each, and the status between them.
//!
//! Rows are read in the order of the outbox and sent in that order per topic ([`Lanes`]). While more waits than the window
//! takes, rows of a topic go together. What the broker does not take because of its state stops everything for a while; what
//! it does not take because of topic or content holds that topic. A row that the broker refuses for what it is, again and
//! again, is set aside in the buffer, and so is one that is damaged on disk: both only once everything before them is
//! acknowledged.

mod refuse;

use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::PubAckReason;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::announce::Announcer;
use super::client::{Client, Event, Message, Properties};
use super::connect::Connection;
use super::document::{self, Aliases};
use super::lanes::Lanes;
use super::memory::Memory;
use super::mqtt::{Links, SessionEnd, Settings, Timing};
use super::suspect::UnderWay;
use super::window::{Item, Window};
use super::words::{self, Blame};
use crate::buffer::OutboxRow;
use crate::clock::GatewayClock;
use crate::failpoint::Failpoint;
use crate::health::{Health, Status};

/// Rows read from the outbox at a time.
const READ_ROWS: usize = 64;
/// Why an event that is not what was stored is set aside.
const DAMAGED: &str = "damaged on disk";

pub(super) struct Session<'a> {
    settings: &'a Settings,
    memory: &'a mut Memory,
    client: Arc<dyn Client>,
    clock: GatewayClock,
    window: Window,
    lanes: Lanes<OutboxRow>,
    aliases: Aliases,
    /// Unacknowledged publishes at most: ours, or the broker's if that is less.
    limit: usize,
    packet_maximum: Option<u32>,
    /// The last row read.
    cursor: i64,
    /// The broker takes nothing for now.
    paused_until: Option<Instant>,
    /// It has taken nothing since it said so.
    cautious: bool,
    /// It has refused something that it has not taken since.
    refused: bool,
    /// Until then a row that probably ends the connection is not tried again, so that others get through.
    trial_at: Option<Instant>,
    /// The row that the buffer is setting aside, and its answer.
    aside: Option<(i64, oneshot::Receiver<bool>)>,
    is_aside: Option<bool>,
    status_due: bool,
    progress: Instant,
    answered: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        memory: &'a mut Memory,
        connection: &Connection,
        acknowledged: i64,
    ) -> Self {
        let terms = connection.terms;
        memory.connected(Instant::now());
        let prime = memory.suspects.prime();
        let trial_at = prime.map(|_| Instant::now() + settings.timing.hold);
        Self {
            settings,
            memory,
            client: connection.client(),
            clock: GatewayClock::start(),
            window: Window::default(),
            lanes: Lanes::new(acknowledged),
            aliases: Aliases::new(terms.alias_maximum),
            limit: usize::from(settings.window.min(terms.receive_maximum)),
            packet_maximum: terms.packet_maximum,
            cursor: acknowledged,
            paused_until: None,
            cautious: false,
            refused: false,
            trial_at,
            aside: None,
            is_aside: None,
            // The birth message goes before everything else.
            status_due: true,
            progress: Instant::now(),
            answered: false,
        }
    }

    pub(super) const fn timing(&self) -> Timing {
        self.settings.timing
    }

    /// Whether the broker has acknowledged anything.
    pub(super) const fn answered(&self) -> bool {
        self.answered
    }

    /// Whether everything handed to the client is acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        self.window.in_flight() == 0
    }

    /// Whether more rows may be sent now.
    pub(super) fn may_ask(&self) -> bool {
        self.paused_until.is_none() && self.room() > 0
    }

    /// How long nothing is sent because a row was not taken.
    pub(super) fn hold(&self) -> Option<Duration> {
        // Once it has passed, what is under way decides: waking earlier would be in vain.
        let until = self.paused_until.or_else(|| self.lanes.next_try())?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Renews the retained status as soon as there is room.
    pub(super) const fn renew_status(&mut self) {
        self.status_due = true;
    }

    /// Whether what comes next may end the connection.
    fn is_careful(&self) -> bool {
        let next = self.lanes.mark().saturating_add(1);
        let is_trial = self.trial_at.is_none_or(|at| Instant::now() >= at);
        is_trial && self.memory.suspects.is_careful(next)
    }

    /// While events are refused, or one may end the connection, one at a time goes out.
    fn limit(&self) -> usize {
        match self.cautious || self.is_careful() {
            true => 1,
            false => self.limit,
        }
    }

    fn room(&self) -> usize {
        self.limit().saturating_sub(self.window.in_flight())
    }

    fn room_for_status(&self) -> bool {
        match self.is_careful() {
            true => self.is_idle(),
            false => self.window.in_flight() < self.limit,
        }
    }

    /// Hands the client the status, if it is due, and as much of the outbox as the window takes.
    pub(super) async fn fill(&mut self, links: &mut Links) -> Result<(), SessionEnd> {
        if self.status_due && self.room_for_status() {
            self.status_due = false;
            let status = links.health.status().to_json();
            self.publish_health(self.settings.status_topic.clone(), status)?;
        }
        self.conclude(links);
        self.set_first_aside(links);
        if let Some(until) = self.paused_until {
            if Instant::now() < until || !self.is_idle() {
                return Ok(());
            }
            self.paused_until = None;
        }
        while self.may_ask() {
            let behind = self.read(links).await?;
            self.set_first_aside(links);
            let batch = self.settings.batch;
            let (rows, bytes) = match behind && self.limit() > 1 {
                true => (batch.events, self.batch_bytes()),
                false => (1, 0),
            };
            let Some(group) = self.lanes.next(Instant::now(), rows, bytes) else {
                return Ok(());
            };
            self.publish_rows(group, links)?;
        }
        Ok(())
    }

    /// Payload of a message with several events, at most.
    fn batch_bytes(&self) -> usize {
        let maximum = self
            .packet_maximum
            .and_then(|maximum| usize::try_from(maximum).ok());
        // Event ids and the rest of the packet never take more than the events themselves.
        let room = maximum.map_or(usize::MAX, |maximum| maximum / 2);
        let around = document::AROUND;
        self.settings.batch.bytes.min(room).saturating_sub(around)
    }

    /// Reads rows until the window or a batch can be filled; returns whether more than a window waits.
    async fn read(&mut self, links: &mut Links) -> Result<bool, SessionEnd> {
        let (committed, now) = (*links.committed.borrow_and_update(), Instant::now());
        self.memory.ages.note(committed, now);
        let wanted = self.settings.batch.events.max(self.room());
        while self.cursor < committed && self.lanes.has_room() && self.lanes.sendable(now) < wanted
        {
            let rows = links.reader.after(self.cursor, READ_ROWS).await?;
            if rows.is_empty() {
                // Sequence numbers have gaps; what was committed when we asked is done with.
                self.cursor = committed;
            }
            for row in rows {
                self.admit(row);
            }
            self.say_what_is_refused(&links.health);
        }
        let unread = usize::try_from(committed.saturating_sub(self.cursor)).unwrap_or(0);
        Ok(self.lanes.sendable(now).saturating_add(unread) > self.limit)
    }

    fn admit(&mut self, row: OutboxRow) {
        let seq = row.seq;
        self.cursor = seq;
        if self.memory.is_done(seq) {
            self.lanes.admit_done(seq);
        } else if !row.intact {
            self.lanes.admit_hopeless(seq, DAMAGED.to_owned(), 0);
        } else if let Some(attempts) = self.memory.suspects.guilt(seq) {
            let why = words::ENDS_THE_CONNECTION.to_owned();
            self.lanes.admit_hopeless(seq, why, attempts);
        } else {
            let Settings { topic, site, .. } = self.settings;
            let topic = topic.render(site, &row.read_point);
            self.lanes.admit(seq, &topic, row.payload.len(), row);
            if let Some(at) = self.trial_at
                && self.memory.suspects.prime() == Some(seq)
            {
                self.lanes.hold(seq, words::ENDS_THE_CONNECTION, at);
                self.refused = true;
            }
        }
    }

    fn publish_rows(&mut self, group: Vec<i64>, links: &Links) -> Result<(), SessionEnd> {
        let (health, now) = (&links.health, Instant::now());
        let mut topic: Arc<str> = "".into();
        let mut rows = Vec::with_capacity(group.len());
        for &seq in &group {
            if let Some((of, content)) = self.lanes.content(seq) {
                topic = of;
                rows.push((seq, content));
            }
        }
        let oldest = group.first().copied().unwrap_or_default();
        let age = self.memory.ages.of(oldest, now);
        let expiry = self
            .settings
            .message_expiry
            .map(|all| all.saturating_sub(age));
        let created = self.clock.now();
        let mut message = document::of(&rows, &topic, health.epoch(), expiry, created.0);
        let size = message.size();
        if let Some(maximum) = self.too_large(size) {
            let why = words::too_large(size, maximum);
            self.not_taken(&group, why, Blame::Event, health);
            return Ok(());
        }
        self.aliases.apply(&mut message);
        let again = group
            .iter()
            .filter(|seq| self.memory.sending(**seq))
            .count();
        health
            .counters()
            .resent
            .add(u64::try_from(again).unwrap_or(0));
        self.publish(Item::Events(group), message)
    }

    fn too_large(&self, size: usize) -> Option<u32> {
        self.packet_maximum
            .filter(|&maximum| u32::try_from(size).is_ok_and(|size| size > maximum))
    }

    pub(super) fn announcer(&self) -> Announcer {
        Announcer::new(&self.settings.devices, &self.settings.site)
    }

    /// Hands the client a message about a device, if one is due and there is room; one at a time, so that events go on. The
    /// status goes before all of them.
    pub(super) fn announce(
        &mut self,
        announcer: &mut Announcer,
        health: &Health,
    ) -> Result<(), SessionEnd> {
        if self.status_due || !self.room_for_status() {
            return Ok(());
        }
        match announcer.next(health, self.is_idle()) {
            Some((topic, payload)) => self.publish_health(topic, payload),
            None => Ok(()),
        }
    }

    /// The status, or a message about a device.
    fn publish_health(&mut self, topic: String, payload: String) -> Result<(), SessionEnd> {
        let message = Message {
            topic,
            retain: true,
            payload: payload.into(),
            properties: Properties {
                content_type: Some("application/json".to_owned()),
                ..Properties::default()
            },
        };
        let size = message.size();
        if let Some(maximum) = self.too_large(size) {
            // Events matter more than the status: the connection goes on without.
            warn!(
                reason = words::too_large(size, maximum),
                topic = message.topic,
                "Status not sent"
            );
            return Ok(());
        }
        self.publish(Item::Status, message)
    }

    fn publish(&mut self, item: Item, message: Message) -> Result<(), SessionEnd> {
        if self.is_idle() {
            self.progress = Instant::now();
        }
        if matches!(item, Item::Events(_)) {
            Failpoint::BeforeSend.pass();
        }
        self.client
            .publish(message)
            .map_err(|error| SessionEnd::Lost(error.to_string()))?;
        if matches!(item, Item::Events(_)) {
            Failpoint::AfterSend.pass();
        }
        self.window.ask(item);
        Ok(())
    }

    /// Sends the last status; false while there is no room.
    pub(super) fn say_goodbye(&mut self, health: &Health) -> bool {
        let status = Status {
            state: "offline".into(),
            reason: Some("stopped".into()),
            ..health.status()
        };
        let topic = self.settings.status_topic.clone();
        self.room_for_status() && self.publish_health(topic, status.to_json()).is_ok()
    }

    pub(super) fn event(&mut self, event: Event, links: &Links) -> Result<(), SessionEnd> {
        match event {
            Event::Sent(id) => self.window.sent(id)?,
            Event::Answered(id, reason) => {
                self.progress = Instant::now();
                self.answered = true;
                links.health.puback();
                let taken = match reason {
                    PubAckReason::Success => true,
                    PubAckReason::NoMatchingSubscribers => self.settings.accept_without_subscriber,
                    _ => false,
                };
                match self.window.answered(id)? {
                    Item::Events(group) if taken => self.taken(&group, links),
                    Item::Events(group) => {
                        links.health.counters().refused.add(1);
                        let topic = group.first().and_then(|seq| self.lanes.content(*seq));
                        let topic = topic.map_or("unknown".into(), |(topic, _)| topic);
                        let why = format!("{} (topic {topic})", words::refusal(reason));
                        self.not_taken(&group, why, words::blame(reason), &links.health);
                    }
                    Item::Status => {}
                }
            }
            other => debug!(?other, "MQTT"),
        }
        Ok(())
    }

    fn taken(&mut self, group: &[i64], links: &Links) {
        Failpoint::BeforeAck.pass();
        let events = u64::try_from(group.len()).unwrap_or(0);
        links.health.counters().forwarded.add(events);
        for seq in group {
            if let Some((topic, _)) = self.lanes.content(*seq) {
                self.memory.taken(&topic, *seq);
            }
        }
        self.lanes.taken(group);
        self.cautious = false;
        self.say_what_is_refused(&links.health);
        tell(links, self.lanes.mark());
        Failpoint::AfterAck.pass();
    }

    /// Ends the connection if the broker answers nothing; says so if it answers, but the oldest event gets nowhere.
    pub(super) fn check_progress(&mut self, links: &Links) -> Result<(), SessionEnd> {
        let Timing {
            progress, stalled, ..
        } = self.settings.timing;
        if !self.is_idle() && self.progress.elapsed() >= progress {
            return Err(SessionEnd::NoProgress(progress));
        }
        let counters = links.health.counters();
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        counters.in_flight.set(number(self.window.in_flight()));
        counters.ahead.set(number(self.lanes.ahead()));
        let waiting = !self.lanes.is_empty() || self.cursor < *links.committed.borrow();
        let mark = self.lanes.mark();
        let since = self.memory.marked(mark, waiting, Instant::now());
        let is_stalled = since.is_some_and(|since| since.elapsed() >= stalled);
        links.health.stalled(is_stalled.then_some(stalled));
        Ok(())
    }

    /// The connection has ended. `by_broker`: perhaps because of something that was sent.
    pub(super) fn over(&mut self, by_broker: bool) {
        let mut rows = self.lanes.all_under_way();
        if let Some(oldest) = rows.next().filter(|_| by_broker) {
            let newest = rows.last().unwrap_or(oldest);
            let alone = self.answered && self.window.in_flight() == 1 && newest == oldest;
            self.memory.suspects.ended(UnderWay {
                oldest,
                newest,
                alone,
            });
        }
        let done = self.lanes.all_ahead();
        self.memory.disconnected(done, Instant::now());
    }
}

/// Everything up to `mark` is done.
fn tell(links: &Links, mark: i64) {
    links.acknowledged.send_if_modified(|known| {
        let newer = mark > *known;
        *known = mark.max(*known);
        newer
    });
}
