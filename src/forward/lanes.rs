//! The head of the outbox, a lane per topic: what may be sent next, and how far everything is done.
//!
//! Rows are taken in as they stand in the outbox. Order is kept per topic. A row that the broker does not take holds its
//! lane and no other: once nothing of the lane is under way any more and the wait is over, the row goes again, alone, until
//! it is taken; rows of the lane that were under way behind it and overtook it are sent again. Other lanes run ahead
//! meanwhile, but not without end: [`AHEAD_ROWS`], [`AHEAD_BYTES`]. Whatever the order in which rows are done, the mark is
//! where the outbox may be deleted up to: the newest row such that it and all before it are done.
//!
//! [In order](Lanes::in_order) of the outbox, as a store needs it that tells how far it has everything, no lane runs ahead: a
//! row that is not taken holds everything behind it, and what overtook it is sent again.
//!
//! Telemetry is in lanes of its own. It goes in its place, but while movements wait at most one message in [`TELEMETRY_TURN`]
//! is telemetry, and it leaves a quarter of the window free for those that may come. No more of it is taken in than [`TELEMETRY_ROWS`]; what
//! movements overtake is [left behind](Lanes::leave_behind) in the outbox and taken in later, and the mark waits for it.
//!
//! No I/O, no clock: time comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

mod choose;
#[cfg(test)]
mod tests;

/// Rows from the mark on that are kept in mind; then nothing more is read until the oldest is done.
pub const AHEAD_ROWS: usize = 16_384;
/// Payload of rows that are not done, in bytes; likewise.
pub const AHEAD_BYTES: usize = 16 << 20;

/// Rows of telemetry that are kept in mind; further ones are read once these are done.
pub const TELEMETRY_ROWS: usize = 1_024;
/// Their payload, in bytes; likewise.
pub const TELEMETRY_BYTES: usize = 1 << 20;
/// While movements wait, of so many messages one may be telemetry.
pub const TELEMETRY_TURN: u32 = 2;

/// Which rows make way for which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Class {
    /// Nothing holds them up but their own topic.
    #[default]
    Movement,
    /// They go when there is time.
    Telemetry,
}

impl Class {
    const fn of<'a>(self, movements: &'a mut Load, telemetry: &'a mut Load) -> &'a mut Load {
        match self {
            Self::Movement => movements,
            Self::Telemetry => telemetry,
        }
    }
}

/// Rows of a class that are kept in mind.
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    rows: usize,
    /// Payload of those that are not done.
    bytes: usize,
    under_way: usize,
}

/// The rows from the mark on.
#[derive(Debug)]
pub struct Lanes<R> {
    mark: i64,
    rows: BTreeMap<i64, Row<R>>,
    lanes: BTreeMap<Arc<str>, Lane>,
    movements: Load,
    telemetry: Load,
    /// Telemetry under way at most.
    telemetry_window: usize,
    /// Messages without telemetry in a row.
    without_telemetry: u32,
    /// Telemetry behind this row is not taken in yet, at least not all of it.
    left_behind: Option<i64>,
    done: usize,
    in_order: bool,
}

#[derive(Debug)]
struct Row<R> {
    topic: Arc<str>,
    class: Class,
    bytes: usize,
    state: State,
    content: Option<Arc<R>>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Waiting,
    UnderWay,
    Done,
    Hopeless { why: String, attempts: u32 },
}

#[derive(Debug, Default)]
struct Lane {
    class: Class,
    waiting: BTreeSet<i64>,
    under_way: usize,
    held: Option<Held>,
    /// Up to here rows go one by one: they were refused together.
    alone_until: i64,
}

#[derive(Debug)]
struct Held {
    row: i64,
    until: Instant,
    why: String,
}

impl Lane {
    fn may_send(&self, now: Instant) -> bool {
        let held = self.held.as_ref();
        held.is_none_or(|held| self.under_way == 0 && now >= held.until)
    }
}

impl<R> Lanes<R> {
    /// Everything up to `mark` is done.
    #[must_use]
    pub fn new(mark: i64) -> Self {
        Self {
            mark,
            rows: BTreeMap::new(),
            lanes: BTreeMap::new(),
            movements: Load::default(),
            telemetry: Load::default(),
            telemetry_window: usize::MAX,
            without_telemetry: 0,
            left_behind: None,
            done: 0,
            in_order: false,
        }
    }

    /// The same, but all rows go in the order of the outbox, and a message has rows that follow each other.
    #[must_use]
    pub fn in_order(mark: i64) -> Self {
        Self {
            in_order: true,
            ..Self::new(mark)
        }
    }

    /// The newest row such that it and all before it are done.
    #[must_use]
    pub const fn mark(&self) -> i64 {
        self.mark
    }

    /// Rows that are done but stand behind one that is not.
    #[must_use]
    pub const fn ahead(&self) -> usize {
        self.done
    }

    /// Whether everything that was taken in is done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether no row is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.lanes.values().all(|lane| lane.under_way == 0)
    }

    /// Telemetry leaves a quarter of so many messages under way to movements.
    pub const fn set_window(&mut self, messages: usize) {
        self.telemetry_window = messages - messages / 4;
    }

    /// Whether another movement may be taken in; in order of the outbox, another row.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let Load { rows, bytes, .. } = self.movements;
        if self.in_order {
            let bytes = bytes.saturating_add(self.telemetry.bytes);
            return self.rows.is_empty() || (self.rows.len() < AHEAD_ROWS && bytes < AHEAD_BYTES);
        }
        rows == 0 || (rows < AHEAD_ROWS && bytes < AHEAD_BYTES)
    }

    /// Whether another row of telemetry may be taken in.
    #[must_use]
    pub const fn has_room_for_telemetry(&self) -> bool {
        let Load { rows, bytes, .. } = self.telemetry;
        self.in_order || rows == 0 || (rows < TELEMETRY_ROWS && bytes < TELEMETRY_BYTES)
    }

    /// Telemetry behind this row is not taken in, but movements are; the mark stays there.
    pub fn leave_behind(&mut self, seq: i64) {
        self.left_behind.get_or_insert(seq);
    }

    /// Behind which row telemetry is left behind, if any is.
    #[must_use]
    pub const fn left_behind(&self) -> Option<i64> {
        self.left_behind
    }

    /// Telemetry is left behind only after this row now; or none is.
    pub fn caught_up(&mut self, left_behind: Option<i64>) {
        self.left_behind = left_behind;
        self.advance();
    }

    const fn load(&mut self, class: Class) -> &mut Load {
        class.of(&mut self.movements, &mut self.telemetry)
    }

    /// Takes in the next row of the outbox, that is of its class. Rows of a class come in rising order.
    pub fn admit(&mut self, seq: i64, (class, topic): (Class, &str), bytes: usize, content: R) {
        let topic = self.topic(topic, class);
        if let Some(lane) = self.lanes.get_mut(&topic) {
            lane.waiting.insert(seq);
        }
        let load = self.load(class);
        load.bytes = load.bytes.saturating_add(bytes);
        load.rows += 1;
        let row = Row {
            topic,
            class,
            bytes,
            state: State::Waiting,
            content: Some(Arc::new(content)),
        };
        self.rows.insert(seq, row);
    }

    /// Takes in the next row of the outbox, which the broker took on an earlier connection.
    pub fn admit_done(&mut self, seq: i64, class: Class) {
        self.rows.insert(seq, Row::without(State::Done, class));
        self.load(class).rows += 1;
        self.done += 1;
        self.advance();
    }

    /// Takes in the next row of the outbox, which cannot be sent.
    pub fn admit_hopeless(&mut self, seq: i64, class: Class, why: String, attempts: u32) {
        let state = State::Hopeless { why, attempts };
        self.rows.insert(seq, Row::without(state, class));
        self.load(class).rows += 1;
    }

    fn topic(&mut self, topic: &str, class: Class) -> Arc<str> {
        if let Some((known, _)) = self.lanes.get_key_value(topic) {
            return known.clone();
        }
        let topic: Arc<str> = topic.into();
        let lane = Lane {
            class,
            ..Lane::default()
        };
        self.lanes.insert(topic.clone(), lane);
        topic
    }

    /// Rows that could be sent now, of this class or of both.
    #[must_use]
    pub fn sendable(&self, now: Instant, class: Option<Class>) -> usize {
        let lanes = self.lanes.values();
        let lanes = lanes.filter(|lane| self.in_order || class.is_none_or(|it| lane.class == it));
        if self.in_order {
            // Also those that others hold: nothing is gained by reading ahead.
            return lanes.map(|lane| lane.waiting.len()).sum();
        }
        let open = lanes.filter(|lane| lane.may_send(now));
        open.map(|lane| match lane.held {
            Some(_) => 1,
            None => lane.waiting.len(),
        })
        .sum()
    }

    /// Whether anything waits to be sent, or to be set aside.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        let mut lanes = self.lanes.values();
        lanes.any(|lane| !lane.waiting.is_empty()) || self.to_set_aside().is_some()
    }

    /// When the first held lane may be tried again, if nothing of it is under way.
    #[must_use]
    pub fn next_try(&self) -> Option<Instant> {
        let lanes = self.lanes.values().filter(|lane| lane.under_way == 0);
        lanes
            .filter_map(|lane| Some(lane.held.as_ref()?.until))
            .min()
    }

    /// Why the oldest row that holds its lane was not taken.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        let held = self.lanes.values().filter_map(|lane| lane.held.as_ref());
        held.min_by_key(|held| held.row)
            .map(|held| held.why.as_str())
    }

    /// Topic and content of a row that is not done.
    #[must_use]
    pub fn content(&self, seq: i64) -> Option<(Arc<str>, Arc<R>)> {
        let row = self.rows.get(&seq)?;
        Some((row.topic.clone(), row.content.clone()?))
    }

    /// The broker took these rows, which went together.
    pub fn taken(&mut self, group: &[i64]) {
        for &seq in group {
            let overtook = self.overtook(seq);
            let Some((row, lane)) = self.under_way(seq) else {
                continue;
            };
            let held = lane.held.as_ref().map(|held| held.row);
            if overtook || held.is_some_and(|held| held < seq) {
                row.state = State::Waiting;
                lane.waiting.insert(seq);
                continue;
            }
            if held == Some(seq) {
                lane.held = None;
            }
            self.finish(seq);
        }
    }

    /// The broker did not take these rows, which went together: they wait until `until`, and then go one by one.
    pub fn refused(&mut self, group: &[i64], why: &str, until: Instant) {
        for &seq in group {
            let Some((row, lane)) = self.under_way(seq) else {
                continue;
            };
            row.state = State::Waiting;
            lane.waiting.insert(seq);
            if group.len() > 1 {
                lane.alone_until = lane.alone_until.max(seq);
            }
            match &mut lane.held {
                Some(held) => {
                    held.row = held.row.min(seq);
                    held.until = held.until.max(until);
                }
                held => {
                    *held = Some(Held {
                        row: seq,
                        until,
                        why: why.to_owned(),
                    });
                }
            }
        }
    }

    /// A row that waits and should wait until `until`, and then go alone; false if it does not wait.
    pub fn hold(&mut self, seq: i64, why: &str, until: Instant) -> bool {
        let row = self.rows.get(&seq);
        let lane = row.and_then(|row| self.lanes.get_mut(&row.topic));
        let Some(lane) = lane.filter(|lane| lane.waiting.contains(&seq)) else {
            return false;
        };
        lane.held = Some(Held {
            row: seq,
            until,
            why: why.to_owned(),
        });
        true
    }

    /// A row that waits will never be taken: its lane goes on without it, and it waits to be set aside.
    pub fn give_up(&mut self, seq: i64, why: String, attempts: u32) {
        let Some(row) = self.rows.get_mut(&seq) else {
            return;
        };
        if row.state != State::Waiting {
            return;
        }
        row.state = State::Hopeless { why, attempts };
        row.content = None;
        let load = row.class.of(&mut self.movements, &mut self.telemetry);
        load.bytes = load.bytes.saturating_sub(row.bytes);
        if let Some(lane) = self.lanes.get_mut(&row.topic) {
            lane.waiting.remove(&seq);
            if lane.held.as_ref().is_some_and(|held| held.row == seq) {
                lane.held = None;
            }
        }
    }

    /// The row to set aside, why, and how often it was tried: when everything before it is done.
    #[must_use]
    pub fn to_set_aside(&self) -> Option<(i64, &str, u32)> {
        let (seq, row) = self.rows.first_key_value()?;
        // Telemetry that is not taken in yet may stand before it.
        let is_next = self.left_behind.is_none_or(|behind| *seq <= behind);
        match &row.state {
            State::Hopeless { why, attempts } if is_next => Some((*seq, why, *attempts)),
            _ => None,
        }
    }

    /// The row is done with, whatever became of it.
    pub fn finish(&mut self, seq: i64) {
        let Some(row) = self.rows.get_mut(&seq) else {
            return;
        };
        if row.state == State::Done {
            return;
        }
        if row.content.take().is_some() {
            let load = row.class.of(&mut self.movements, &mut self.telemetry);
            load.bytes = load.bytes.saturating_sub(row.bytes);
        }
        row.state = State::Done;
        self.done += 1;
        let topic = row.topic.clone();
        let idle = |lane: &Lane| lane.waiting.is_empty() && lane.under_way == 0;
        if self.lanes.get(&topic).is_some_and(idle) {
            self.lanes.remove(&topic);
        }
        self.advance();
    }

    fn advance(&mut self) {
        let end = self.left_behind.unwrap_or(i64::MAX);
        while let Some(first) = self.rows.first_entry()
            && first.get().state == State::Done
            && *first.key() <= end
        {
            self.mark = *first.key();
            let class = first.remove().class;
            self.load(class).rows -= 1;
            self.done -= 1;
        }
    }

    /// Ends being under way, for a row that is.
    fn under_way(&mut self, seq: i64) -> Option<(&mut Row<R>, &mut Lane)> {
        let row = self.rows.get_mut(&seq)?;
        let lane = self.lanes.get_mut(&row.topic)?;
        if row.state != State::UnderWay {
            return None;
        }
        lane.under_way = lane.under_way.saturating_sub(1);
        let load = row.class.of(&mut self.movements, &mut self.telemetry);
        load.under_way = load.under_way.saturating_sub(1);
        Some((row, lane))
    }

    /// Rows under way, rising; walks over all.
    pub fn all_under_way(&self) -> impl Iterator<Item = i64> {
        let rows = self.rows.iter();
        rows.filter(|(_, row)| row.state == State::UnderWay)
            .map(|(seq, _)| *seq)
    }

    /// Rows that are done but stand behind one that is not; walks over all.
    pub fn all_ahead(&self) -> impl Iterator<Item = i64> {
        let rows = self.rows.iter();
        rows.filter(|(_, row)| row.state == State::Done)
            .map(|(seq, _)| *seq)
    }
}

impl<R> Row<R> {
    fn without(state: State, class: Class) -> Self {
        Self {
            class,
            topic: "".into(),
            bytes: 0,
            state,
            content: None,
        }
    }
}
