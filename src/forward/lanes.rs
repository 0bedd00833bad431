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
//! No I/O, no clock: time comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// Rows from the mark on that are kept in mind; then nothing more is read until the oldest is done.
pub const AHEAD_ROWS: usize = 16_384;
/// Payload of rows that are not done, in bytes; likewise.
pub const AHEAD_BYTES: usize = 16 << 20;

/// The rows from the mark on.
#[derive(Debug)]
pub struct Lanes<R> {
    mark: i64,
    rows: BTreeMap<i64, Row<R>>,
    lanes: BTreeMap<Arc<str>, Lane>,
    bytes: usize,
    done: usize,
    in_order: bool,
}

#[derive(Debug)]
struct Row<R> {
    topic: Arc<str>,
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
    pub const fn new(mark: i64) -> Self {
        Self {
            mark,
            rows: BTreeMap::new(),
            lanes: BTreeMap::new(),
            bytes: 0,
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

    /// Whether another row may be taken in.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.rows.is_empty() || (self.rows.len() < AHEAD_ROWS && self.bytes < AHEAD_BYTES)
    }

    /// Takes in the next row of the outbox. Rows come in rising order.
    pub fn admit(&mut self, seq: i64, topic: &str, bytes: usize, content: R) {
        let topic = self.topic(topic);
        if let Some(lane) = self.lanes.get_mut(&topic) {
            lane.waiting.insert(seq);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        let row = Row {
            topic,
            bytes,
            state: State::Waiting,
            content: Some(Arc::new(content)),
        };
        self.rows.insert(seq, row);
    }

    /// Takes in the next row of the outbox, which the broker took on an earlier connection.
    pub fn admit_done(&mut self, seq: i64) {
        self.rows.insert(seq, Row::without(State::Done));
        self.done += 1;
        self.advance();
    }

    /// Takes in the next row of the outbox, which cannot be sent.
    pub fn admit_hopeless(&mut self, seq: i64, why: String, attempts: u32) {
        let state = State::Hopeless { why, attempts };
        self.rows.insert(seq, Row::without(state));
    }

    fn topic(&mut self, topic: &str) -> Arc<str> {
        if let Some((known, _)) = self.lanes.get_key_value(topic) {
            return known.clone();
        }
        let topic: Arc<str> = topic.into();
        self.lanes.insert(topic.clone(), Lane::default());
        topic
    }

    /// Rows that could be sent now.
    #[must_use]
    pub fn sendable(&self, now: Instant) -> usize {
        let lanes = self.lanes.values();
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

    /// What goes into the next message: at most `rows` rows of one topic with at most `bytes` of payload, unless the first
    /// alone has more. They count as under way from now on.
    pub fn next(&mut self, now: Instant, rows: usize, bytes: usize) -> Option<Vec<i64>> {
        if self.in_order {
            return self.next_in_order(now, rows, bytes);
        }
        let open = self.lanes.values_mut().filter(|lane| lane.may_send(now));
        let ready = open.filter(|lane| !lane.waiting.is_empty());
        let lane = ready.min_by_key(|lane| lane.waiting.first().copied())?;
        let first = lane.waiting.first().copied()?;
        let alone = lane.held.is_some() || first <= lane.alone_until;
        let most = if alone { 1 } else { rows.max(1) };
        let (mut group, mut total) = (Vec::new(), 0_usize);
        for &seq in lane.waiting.iter().take(most) {
            let row = self.rows.get_mut(&seq)?;
            total = total.saturating_add(row.bytes);
            if !group.is_empty() && total > bytes {
                break;
            }
            row.state = State::UnderWay;
            group.push(seq);
        }
        for seq in &group {
            lane.waiting.remove(seq);
        }
        lane.under_way += group.len();
        Some(group)
    }

    fn next_in_order(&mut self, now: Instant, rows: usize, bytes: usize) -> Option<Vec<i64>> {
        let pending = |row: &Row<R>| matches!(row.state, State::Waiting | State::Hopeless { .. });
        let (first, row) = self.rows.iter().find(|(_, row)| pending(row))?;
        if row.state != State::Waiting {
            // Everything waits until it is set aside.
            return None;
        }
        let (first, topic) = (*first, row.topic.clone());
        let lane = self.lanes.get(&topic)?;
        let held = lane.held.is_some();
        if held && (!self.is_idle() || !lane.may_send(now)) {
            return None;
        }
        let alone = held || first <= lane.alone_until;
        let most = if alone { 1 } else { rows.max(1) };
        let (mut group, mut total) = (Vec::new(), 0_usize);
        for (seq, row) in self.rows.range_mut(first..).take(most) {
            total = total.saturating_add(row.bytes);
            let fits = group.is_empty() || total <= bytes;
            if !fits || row.state != State::Waiting || row.topic != topic {
                break;
            }
            row.state = State::UnderWay;
            group.push(*seq);
        }
        let lane = self.lanes.get_mut(&topic)?;
        for seq in &group {
            lane.waiting.remove(seq);
        }
        lane.under_way += group.len();
        Some(group)
    }

    /// In order of the outbox: whether a row before this one has still to go.
    fn overtook(&self, seq: i64) -> bool {
        let gone = |row: &Row<R>| matches!(row.state, State::UnderWay | State::Done);
        self.in_order && !self.rows.range(..seq).all(|(_, row)| gone(row))
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

    /// A row that waits and should wait until `until`, and then go alone.
    pub fn hold(&mut self, seq: i64, why: &str, until: Instant) {
        let row = self.rows.get(&seq);
        let lane = row.and_then(|row| self.lanes.get_mut(&row.topic));
        if let Some(lane) = lane.filter(|lane| lane.waiting.contains(&seq)) {
            lane.held = Some(Held {
                row: seq,
                until,
                why: why.to_owned(),
            });
        }
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
        self.bytes = self.bytes.saturating_sub(row.bytes);
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
        match &row.state {
            State::Hopeless { why, attempts } => Some((*seq, why, *attempts)),
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
            self.bytes = self.bytes.saturating_sub(row.bytes);
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
        while let Some(first) = self.rows.first_entry()
            && first.get().state == State::Done
        {
            self.mark = *first.key();
            first.remove();
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
    fn without(state: State) -> Self {
        Self {
            topic: "".into(),
            bytes: 0,
            state,
            content: None,
        }
    }
}
