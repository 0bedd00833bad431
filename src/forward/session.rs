//! One connection's traffic: which rows are sent, what the broker says to each, and the status between them.
//!
//! Rows are read in the order of the outbox and sent in that order per topic ([`Lanes`]). While more waits than the window
//! takes, rows of a topic go together. What the broker does not take because of its state stops everything for a while; what
//! it does not take because of topic or content holds that topic. A row that the broker refuses for what it is, again and
//! again, is set aside in the buffer, and so is one that is damaged on disk: both only once everything before them is
//! acknowledged.

mod beside;
mod reading;
mod refuse;
mod trial;

use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::PubAckReason;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::debug;

use super::client::{Client, Event, Message};
use super::commands::Around;
use super::connect::Connection;
use super::document::{self, Aliases};
use super::lanes::Lanes;
use super::memory::Memory;
use super::mqtt::{Links, SessionEnd, Settings, Timing};
use super::subscribe::Downlink;
use super::suspect::UnderWay;
use super::window::{Item, Window};
use super::words::{self, Blame};
use crate::buffer::OutboxRow;
use crate::clock::GatewayClock;
use crate::failpoint::Failpoint;
use crate::health::Health;
use trial::Trial;

pub(super) struct Session<'a> {
    pub(super) settings: &'a Settings,
    memory: &'a mut Memory,
    pub(super) downlink: &'a mut Downlink,
    client: Arc<dyn Client>,
    pub(super) clock: GatewayClock,
    window: Window,
    lanes: Lanes<OutboxRow>,
    aliases: Aliases,
    /// Unacknowledged publishes at most: ours, or the broker's if that is less.
    pub(super) limit: usize,
    packet_maximum: Option<u32>,
    /// The last row read.
    pub(super) cursor: i64,
    /// The broker takes nothing for now.
    paused_until: Option<Instant>,
    /// It has taken nothing since it said so.
    cautious: bool,
    /// It has refused something that it has not taken since.
    refused: bool,
    trial: Trial,
    /// The row that the buffer is setting aside, and its answer.
    aside: Option<(i64, oneshot::Receiver<bool>)>,
    is_aside: Option<bool>,
    status_due: bool,
    answered: bool,
    /// Acknowledged up to here, as it is noted.
    noted: i64,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        (memory, downlink): (&'a mut Memory, &'a mut Downlink),
        connection: &Connection,
        acknowledged: i64,
    ) -> Self {
        let terms = connection.terms;
        let now = Instant::now();
        memory.connected(now);
        let trial = Trial::next(&memory.suspects, now + settings.timing.hold);
        let limit = usize::from(settings.window.min(terms.receive_maximum));
        let mut lanes = downlink.lanes(acknowledged);
        lanes.set_window(limit);
        Self {
            settings,
            lanes,
            memory,
            downlink,
            client: connection.client(),
            clock: GatewayClock::start(),
            window: Window::default(),
            aliases: Aliases::new(terms.alias_maximum),
            limit,
            packet_maximum: terms.packet_maximum,
            cursor: acknowledged,
            paused_until: None,
            cautious: false,
            refused: false,
            trial,
            aside: None,
            is_aside: None,
            // The birth message goes before everything else.
            status_due: true,
            answered: false,
            noted: 0,
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

    /// Whether nothing is left to wait for before the gateway stops.
    pub(super) fn is_done(&self) -> bool {
        self.is_idle() && self.downlink.is_confirmed()
    }

    /// Whether more rows may be sent now.
    pub(super) fn may_ask(&self) -> bool {
        self.paused_until.is_none() && self.room() > 0
    }

    /// When to look again, if nothing happens before.
    pub(super) fn pause(&mut self) -> Option<Duration> {
        let replay = self.downlink.commands.replay();
        let replay = replay.and_then(|replay| replay.pause());
        self.hold().into_iter().chain(replay).min()
    }

    /// How long nothing is sent because a row was not taken.
    fn hold(&self) -> Option<Duration> {
        // Once it has passed, what is under way decides: waking earlier would be in vain.
        let tries = || {
            self.lanes
                .next_try()
                .into_iter()
                .chain(self.trial.at())
                .min()
        };
        let until = self.paused_until.or_else(tries)?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Renews the retained status as soon as there is room.
    pub(super) const fn renew_status(&mut self) {
        self.status_due = true;
    }

    /// Whether nothing hinders that events are sent again that nobody waits for.
    pub(super) fn has_leisure(&self, links: &Links) -> bool {
        let idle = self.cursor >= *links.committed.borrow() && !self.lanes.has_waiting();
        let room = self.may_ask() && self.room() >= (self.limit / 2).max(1);
        idle && room && !self.refused && !self.cautious
    }

    /// In order of the outbox: what was not taken counts as not sent, and the store may have been silent for too long.
    fn begin_again(&mut self, health: &Health) {
        // A status under way does not count: what comes next names the event before it all the same.
        if !self.lanes.is_idle() {
            return;
        }
        self.downlink.back_to(self.lanes.mark());
        let free = self.aside.is_none();
        if let Some(from) = self.downlink.restart(free, health, Instant::now()) {
            self.lanes = self.downlink.lanes(from);
            self.cursor = from;
        }
    }

    /// While events are refused, or one may end the connection, one at a time goes out.
    fn limit(&self) -> usize {
        match self.cautious || self.is_careful() {
            true => 1,
            false => self.limit,
        }
    }

    fn room(&self) -> usize {
        let room = self.limit().saturating_sub(self.window.in_flight());
        room.min(self.downlink.room())
    }

    fn room_for_status(&self) -> bool {
        match self.is_careful() {
            true => self.is_idle(),
            false => self.window.in_flight() < self.limit,
        }
    }

    /// Hands the client the status, if it is due, and as much of the outbox as the window takes.
    pub(super) async fn fill(&mut self, links: &mut Links) -> Result<(), SessionEnd> {
        self.note(links);
        self.subscribe()?;
        self.status_due |= self.downlink.commands.wants_status();
        if self.status_due && self.room_for_status() {
            self.status_due = false;
            let status = links.health.status().to_json();
            self.publish_health(self.settings.status_topic.clone(), status)?;
        }
        self.publish_answers()?;
        self.conclude(links);
        self.set_first_aside(links);
        self.begin_again(&links.health);
        if let Some(until) = self.paused_until {
            if Instant::now() < until || !self.is_idle() {
                return Ok(());
            }
            self.paused_until = None;
        }
        // What the store has need not be sent: it may have got it in an earlier life.
        self.cursor = self.cursor.max(self.downlink.mark().unwrap_or(0));
        self.begin_trial(false);
        while self.may_ask() {
            let behind = self.read(links).await?;
            self.set_first_aside(links);
            let batch = self.settings.batch;
            let (rows, bytes) = match behind && self.limit() > 1 {
                true => (batch.events.min(self.downlink.room()), self.batch_bytes()),
                false => (1, 0),
            };
            let Some(group) = self.lanes.next(Instant::now(), rows, bytes) else {
                if self.begin_trial(true) {
                    continue;
                }
                return Ok(());
            };
            self.publish_rows(group, links)?;
        }
        Ok(())
    }

    /// Before anything more is sent: so what a kill repeats was under way together, and is a window at most.
    fn note(&mut self, links: &mut Links) {
        let mark = *links.acknowledged.borrow();
        if mark > self.noted {
            links.reader.note_acknowledged(&links.health.epoch(), mark);
            self.noted = mark;
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
        let is_telemetry = rows.iter().any(|(_, row)| row.stream.is_telemetry());
        let oldest = group.first().copied().unwrap_or_default();
        let age = self.memory.ages.of(oldest, now);
        let expiry = self
            .settings
            .message_expiry
            .map(|all| all.saturating_sub(age));
        let created = self.clock.now();
        let previous = self.downlink.previous().filter(|_| !is_telemetry);
        let previous = previous.map(|seq| ("previous", seq.to_string()));
        let epoch = health.epoch();
        let mut message = document::of(
            &rows,
            &topic,
            epoch,
            expiry,
            created.0,
            previous,
            self.settings.payload,
        );
        let size = message.size();
        if let Some(maximum) = self.too_large(size) {
            if is_telemetry {
                self.not_worth_it(&group, links);
                return Ok(());
            }
            let why = words::too_large(size, maximum);
            self.not_taken(&group, why, Blame::Event, health);
            return Ok(());
        }
        self.aliases.apply(&mut message);
        let again = group.iter().filter(|seq| {
            let before = self.memory.sending(**seq);
            let again = match is_telemetry {
                true => None,
                false => self.downlink.sending(**seq, health, now),
            };
            again.unwrap_or(before)
        });
        let again = again.count();
        health
            .counters()
            .resent
            .add(u64::try_from(again).unwrap_or(0));
        self.publish(Item::Events(group), message)
    }

    pub(super) fn too_large(&self, size: usize) -> Option<u32> {
        self.packet_maximum
            .filter(|&maximum| u32::try_from(size).is_ok_and(|size| size > maximum))
    }

    pub(super) fn publish(&mut self, item: Item, message: Message) -> Result<(), SessionEnd> {
        if matches!(item, Item::Events(_)) {
            Failpoint::BeforeSend.pass();
        }
        self.client
            .publish(message)
            .map_err(|error| SessionEnd::Lost(error.to_string()))?;
        if matches!(item, Item::Events(_)) {
            Failpoint::AfterSend.pass();
        }
        self.window.ask(item, Instant::now());
        Ok(())
    }

    pub(super) fn event(&mut self, event: Event, links: &Links) -> Result<(), SessionEnd> {
        match event {
            Event::Sent(id) => self.window.sent(id)?,
            Event::Answered(id, reason) => {
                self.answered = true;
                links.health.puback();
                let taken = match reason {
                    PubAckReason::Success => true,
                    PubAckReason::NoMatchingSubscribers => self.settings.accept_without_subscriber,
                    _ => false,
                };
                let item = self.window.answered(id, Instant::now())?;
                if let Item::Events(group) = &item {
                    self.heard_of(group);
                }
                match item {
                    Item::Events(group) if taken => self.taken(&group, links),
                    Item::Events(group)
                        if reason != PubAckReason::QuotaExceeded && self.is_telemetry(&group) =>
                    {
                        self.not_worth_it(&group, links);
                    }
                    Item::Events(group) => {
                        links.health.counters().refused.add(1);
                        let topic = group.first().and_then(|seq| self.lanes.content(*seq));
                        let topic = topic.map_or("unknown".into(), |(topic, _)| topic);
                        let why = format!("{} (topic {topic})", words::refusal(reason));
                        self.not_taken(&group, why, words::blame(reason), &links.health);
                    }
                    Item::Replayed(seq) => {
                        let hold = self.settings.timing.hold;
                        let commands = &mut self.downlink.commands;
                        commands.replayed(seq, taken, hold, &links.health);
                    }
                    Item::Status => {}
                }
            }
            Event::Subscribed(answer) => {
                let now = Instant::now();
                self.downlink.subscribed(answer, &links.health, now);
            }
            Event::Received(message, _) => {
                let fleet = links.fleet.borrow();
                let around = Around {
                    devices: &fleet.targets,
                    health: &links.health,
                    acknowledged: *links.acknowledged.borrow(),
                    now: Instant::now(),
                };
                if let Some(mark) = self.downlink.message(&message, around) {
                    tell(links, mark);
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
        self.cautious = false;
        self.done(group, links);
        Failpoint::AfterAck.pass();
    }

    fn is_telemetry(&self, group: &[i64]) -> bool {
        let content = group.first().and_then(|seq| self.lanes.content(*seq));
        content.is_some_and(|(_, row)| row.stream.is_telemetry())
    }

    /// Telemetry that the broker does not want, or that nobody listens to, is not sent again.
    fn not_worth_it(&mut self, group: &[i64], links: &Links) {
        let rows = u64::try_from(group.len()).unwrap_or(0);
        links.health.counters().telemetry_refused.add(rows);
        self.done(group, links);
    }

    fn done(&mut self, group: &[i64], links: &Links) {
        self.lanes.taken(group);
        self.say_what_is_refused(&links.health);
        links.health.delivered(self.lanes.mark());
        let mark = self.downlink.taken(self.lanes.mark());
        tell(links, mark);
    }

    /// Ends the connection if the broker does not answer, or not to the oldest message; says so if it answers, but the oldest event gets nowhere.
    pub(super) fn check_progress(&mut self, links: &Links) -> Result<(), SessionEnd> {
        let Timing {
            progress, stalled, ..
        } = self.settings.timing;
        let oldest = self.window.oldest();
        if let Some(oldest) = oldest.filter(|oldest| oldest.since.elapsed() >= progress) {
            return Err(match oldest.is_passed {
                true => SessionEnd::AckMissing(progress),
                false => SessionEnd::NoProgress(progress),
            });
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
        // In order of the outbox each goes out behind the one before it, whatever the broker has.
        let done = done.filter(|_| self.downlink.mark().is_none());
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
