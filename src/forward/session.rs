//! One connection's traffic: which rows are sent, what the broker says to each, and the status between them.
//!
//! Rows go out in the order of the outbox. A row that the broker does not take holds everything behind it: once nothing is
//! under way any more, sending starts again from that row, one at a time until the broker takes it. Rows that were
//! under way behind it may have overtaken it, and are sent again. A row that the broker refuses for what it is, again and
//! again, is set aside in the buffer, and so is one that is damaged on disk: both only once everything before them is
//! acknowledged.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAck, PubAckReason, PublishProperties};
use rumqttc::v5::{AsyncClient, Event};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::commands::Around;
use super::connect::Connection;
use super::message::{packet_size, properties};
use super::mqtt::{Links, SessionEnd, Settings, Timing};
use super::patience::Patience;
use super::subscribe::Downlink;
use super::window::{Item, Window};
use super::words;
use crate::buffer::{OutboxRow, Request};
use crate::health::{BrokerState, Health, Status};

/// Rows read from the outbox at a time.
const READ_ROWS: usize = 64;
/// Why an event that is not what was stored is set aside.
const DAMAGED: &str = "damaged on disk";

pub(super) struct Session<'a> {
    pub(super) settings: &'a Settings,
    patience: &'a mut Patience,
    pub(super) downlink: &'a mut Downlink,
    client: AsyncClient,
    window: Window,
    /// Topics of what is under way, for people.
    topics: VecDeque<(i64, String)>,
    /// Unacknowledged publishes at most: ours, or the broker's if that is less.
    pub(super) limit: usize,
    packet_maximum: Option<u32>,
    /// The last row handed to the client.
    pub(super) cursor: i64,
    held_until: Option<Instant>,
    /// The broker did not take a row, and has taken none since.
    pub(super) refused: bool,
    /// The row that was refused too often, and why.
    hopeless: Option<(i64, String)>,
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
        (patience, downlink): (&'a mut Patience, &'a mut Downlink),
        connection: &Connection,
        acknowledged: i64,
    ) -> Self {
        Self {
            settings,
            patience,
            downlink,
            client: connection.client.clone(),
            window: Window::new(acknowledged),
            topics: VecDeque::new(),
            limit: usize::from(settings.window.min(connection.receive_maximum)),
            packet_maximum: connection.packet_maximum,
            cursor: acknowledged,
            held_until: None,
            refused: false,
            hopeless: None,
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

    /// Whether nothing is left to wait for before the gateway stops.
    pub(super) fn is_done(&self) -> bool {
        self.is_idle() && self.downlink.is_confirmed()
    }

    /// Whether more rows may be sent now.
    pub(super) fn may_ask(&self) -> bool {
        self.held_until.is_none() && self.aside.is_none() && self.room() > 0
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
        let left = self.held_until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Renews the retained status as soon as there is room.
    pub(super) const fn renew_status(&mut self) {
        self.status_due = true;
    }

    fn room(&self) -> usize {
        // While events are refused one at a time goes out: whoever takes them again gets them in order.
        let limit = if self.refused { 1 } else { self.limit };
        let room = limit.saturating_sub(self.window.in_flight());
        room.min(self.downlink.room())
    }

    fn room_for_status(&self) -> bool {
        self.window.in_flight() < self.limit
    }

    /// Hands the client the status, if it is due, and as much of the outbox as the window takes.
    pub(super) async fn fill(&mut self, links: &mut Links) -> Result<(), SessionEnd> {
        self.subscribe()?;
        self.status_due |= self.downlink.commands.wants_status();
        if self.status_due && self.room_for_status() {
            self.status_due = false;
            self.publish_status(&links.health.status())?;
        }
        self.publish_answers()?;
        self.conclude(links);
        let free = self.is_idle() && self.aside.is_none();
        if let Some(from) = self.downlink.restart(free, &links.health, Instant::now()) {
            self.window = Window::new(from);
            self.topics.clear();
            self.cursor = from;
        }
        if let Some(until) = self.held_until {
            if Instant::now() < until || !self.is_idle() {
                return Ok(());
            }
            self.held_until = None;
            self.window.rewind();
            self.topics.clear();
            self.cursor = self.window.acknowledged();
            self.downlink.back_to(self.cursor);
        }
        // What the store has need not be sent: it may have got it in an earlier life.
        self.cursor = self.cursor.max(self.downlink.mark().unwrap_or(0));
        while self.may_ask() {
            let committed = *links.committed.borrow_and_update();
            if committed <= self.cursor {
                return Ok(());
            }
            let rows = links
                .reader
                .after(self.cursor, self.room().min(READ_ROWS))
                .await?;
            if rows.is_empty() {
                // Sequence numbers have gaps; what was committed when we asked is done with.
                self.cursor = committed;
            }
            for row in rows {
                if !self.publish_row(row, links)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Returns false when the row cannot be sent now.
    fn publish_row(&mut self, row: OutboxRow, links: &Links) -> Result<bool, SessionEnd> {
        let (seq, health) = (row.seq, &links.health);
        let is_hopeless = self.hopeless.as_ref().is_some_and(|(of, _)| *of == seq);
        if is_hopeless || !row.intact {
            // Everything before it first: it leaves the buffer together with it.
            if self.is_done() {
                let why = self.hopeless.take().filter(|_| is_hopeless);
                let why = why.map_or_else(|| DAMAGED.to_owned(), |(_, why)| why);
                self.ask_to_set_aside(seq, why, links);
            }
            return Ok(false);
        }
        let topic = self
            .settings
            .topic
            .render(&self.settings.site, &row.read_point);
        let previous = self.downlink.previous();
        let previous = previous.map(|seq| ("previous", seq.to_string()));
        let properties = properties(seq, row.event_id, health, previous);
        let size = packet_size(&topic, row.payload.len(), &properties);
        if let Some(maximum) = self.too_large(size) {
            // What is under way first: then nothing that the broker takes contradicts what we say.
            if self.is_idle() {
                self.refuse(seq, words::too_large(size, maximum), true, health);
            }
            return Ok(false);
        }
        self.cursor = seq;
        self.downlink.sending(seq, health, Instant::now());
        self.topics.push_back((seq, topic.clone()));
        let payload = row.payload.into();
        self.publish(Item::Event(seq), topic, false, payload, properties)?;
        Ok(true)
    }

    fn too_large(&self, size: usize) -> Option<u32> {
        self.packet_maximum
            .filter(|&maximum| u32::try_from(size).is_ok_and(|size| size > maximum))
    }

    pub(super) fn is_too_large(
        &self,
        topic: &str,
        payload: usize,
        properties: &PublishProperties,
    ) -> bool {
        let size = packet_size(topic, payload, properties);
        self.too_large(size).is_some()
    }

    fn publish_status(&mut self, status: &Status) -> Result<(), SessionEnd> {
        let topic = self.settings.status_topic.clone();
        let properties = PublishProperties {
            content_type: Some("application/json".to_owned()),
            ..PublishProperties::default()
        };
        let payload = status.to_json();
        let size = packet_size(&topic, payload.len(), &properties);
        if let Some(maximum) = self.too_large(size) {
            // Events matter more than the status: the connection goes on without.
            warn!(reason = words::too_large(size, maximum), "Status not sent");
            return Ok(());
        }
        self.publish(Item::Status, topic, true, payload.into(), properties)
    }

    fn publish_answers(&mut self) -> Result<(), SessionEnd> {
        while self.room_for_status()
            && let Some((reply, payload)) = self.downlink.commands.next_answer()
        {
            let properties = PublishProperties {
                content_type: Some("application/json".to_owned()),
                correlation_data: reply.correlation,
                ..PublishProperties::default()
            };
            let payload = payload.into();
            self.publish(Item::Status, reply.topic, false, payload, properties)?;
        }
        Ok(())
    }

    pub(super) fn publish(
        &mut self,
        item: Item,
        topic: String,
        retain: bool,
        payload: Bytes,
        properties: PublishProperties,
    ) -> Result<(), SessionEnd> {
        if self.is_idle() {
            self.progress = Instant::now();
        }
        self.client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties)
            .map_err(|error| SessionEnd::Lost(error.to_string()))?;
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
        self.room_for_status() && self.publish_status(&status).is_ok()
    }

    pub(super) fn event(&mut self, event: Event, links: &Links) -> Result<(), SessionEnd> {
        match event {
            Event::Outgoing(Outgoing::Publish(id)) => self.window.sent(id)?,
            Event::Incoming(Packet::PubAck(PubAck { pkid, reason, .. })) => {
                self.progress = Instant::now();
                self.answered = true;
                let taken = match reason {
                    PubAckReason::Success => true,
                    PubAckReason::NoMatchingSubscribers => self.settings.accept_without_subscriber,
                    _ => false,
                };
                match self.window.answered(pkid, taken)? {
                    Item::Event(seq) if taken => self.taken(seq, links),
                    Item::Event(seq) => {
                        links.health.counters().refused.add(1);
                        let for_what_it_is = words::blames_the_event(reason);
                        let topic = self.topics.iter().find(|(of, _)| *of == seq);
                        let topic = topic.map_or("unknown", |(_, topic)| topic.as_str());
                        let why = format!("{} (topic {topic})", words::refusal(reason));
                        self.refuse(seq, why, for_what_it_is, &links.health);
                    }
                    Item::Replayed(seq) => {
                        let hold = self.settings.timing.hold;
                        let commands = &mut self.downlink.commands;
                        commands.replayed(seq, taken, hold, &links.health);
                    }
                    Item::Status => {}
                }
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                let now = Instant::now();
                self.downlink.subscribed(&answer, &links.health, now);
            }
            Event::Incoming(Packet::Publish(publish)) => {
                let around = Around {
                    devices: &links.devices,
                    health: &links.health,
                    acknowledged: *links.acknowledged.borrow(),
                    now: Instant::now(),
                };
                if let Some(mark) = self.downlink.message(&publish, around) {
                    tell(links, mark);
                }
            }
            other => debug!(?other, "MQTT"),
        }
        Ok(())
    }

    fn taken(&mut self, seq: i64, links: &Links) {
        links.health.counters().forwarded.add(1);
        self.patience.taken();
        let mark = self.window.acknowledged();
        while self.topics.pop_front_if(|(of, _)| *of <= mark).is_some() {}
        if self.refused && seq <= mark {
            self.refused = false;
            links.health.broker(BrokerState::Up);
            info!("The broker takes events again");
        }
        if !self.downlink.taken(mark) {
            tell(links, mark);
        }
    }

    /// Has the buffer set the first row that waits aside; nothing is sent until it has.
    fn ask_to_set_aside(&mut self, seq: i64, reason: String, links: &Links) {
        let (done, answer) = oneshot::channel();
        let attempts = self.patience.count();
        let request = Request::SetAside {
            seq,
            reason,
            attempts,
            done,
        };
        // With a full queue its answer never comes, and that is an answer too.
        let _ = links.requests.try_send(request);
        self.aside = Some((seq, answer));
    }

    /// Waits for the buffer's answer, or that of a device; for ever, if nobody was asked.
    pub(super) async fn answers(&mut self, health: &Health) {
        let awaited = self.aside.as_mut().filter(|_| self.is_aside.is_none());
        let buffer = async {
            match awaited {
                Some((_, answer)) => answer.await == Ok(true),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = buffer => self.is_aside = Some(done),
            () = self.downlink.commands.device_answers(health) => {}
        }
    }

    /// Goes on behind the row that was set aside; one that could not be is tried again.
    fn conclude(&mut self, links: &Links) {
        let Some(done) = self.is_aside.take() else {
            return;
        };
        let Some((seq, _)) = self.aside.take() else {
            return;
        };
        if !done {
            self.held_until = Some(Instant::now() + self.settings.timing.hold);
            return;
        }
        self.patience.set_aside();
        self.window.skip(seq);
        self.downlink.skip(seq, Instant::now());
        self.cursor = seq;
        self.refused = false;
        links.health.broker(BrokerState::Up);
        tell(links, seq);
    }

    /// A row was not taken: keep it, wait, send it again.
    fn refuse(&mut self, seq: i64, why: String, for_what_it_is: bool, health: &Health) {
        if for_what_it_is && self.patience.refused(seq) {
            self.hopeless = Some((seq, why.clone()));
        }
        self.held_until = Some(Instant::now() + self.settings.timing.hold);
        self.refused = true;
        if health.broker(BrokerState::Refuses(why.clone())) {
            warn!(
                seq,
                reason = why,
                "The broker did not take an event; it is kept and sent again"
            );
        }
    }

    fn subscribe(&mut self) -> Result<(), SessionEnd> {
        let now = Instant::now();
        let filters = self.downlink.subscriptions_due(now, self.is_idle());
        if filters.is_empty() {
            return Ok(());
        }
        let asked = self.client.try_subscribe_many(filters);
        asked.map_err(|error| SessionEnd::Lost(error.to_string()))
    }

    pub(super) fn check_progress(&self) -> Result<(), SessionEnd> {
        let patience = self.settings.timing.progress;
        if !self.is_idle() && self.progress.elapsed() >= patience {
            return Err(SessionEnd::NoProgress(patience));
        }
        Ok(())
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
