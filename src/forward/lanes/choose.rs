//! Which rows go next.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Class, Lanes, Row, State, TELEMETRY_TURN};

impl<R> Lanes<R> {
    /// What goes into the next message: at most `rows` rows of one topic with at most `bytes` of payload, unless the first
    /// alone has more. They count as under way from now on.
    pub fn next(&mut self, now: Instant, rows: usize, bytes: usize) -> Option<Vec<i64>> {
        if self.in_order {
            return self.next_in_order(now, rows, bytes);
        }
        let topic = self.next_lane(now)?;
        let lane = self.lanes.get_mut(&topic)?;
        let class = lane.class;
        let first = lane.waiting.first().copied()?;
        let alone = lane.held.is_some() || first <= lane.alone_until || class == Class::Telemetry;
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
        self.load(class).under_way += group.len();
        self.without_telemetry = match class {
            Class::Movement => self.without_telemetry.saturating_add(1),
            Class::Telemetry => 0,
        };
        Some(group)
    }

    /// The oldest row that may be sent.
    #[must_use]
    pub fn oldest_sendable(&self, now: Instant) -> Option<i64> {
        let lanes = self.lanes.values().filter(|lane| lane.may_send(now));
        lanes.filter_map(|lane| lane.waiting.first().copied()).min()
    }

    /// The lane with the oldest row that may be sent; of a movement, if another one has waited for telemetry just before.
    fn next_lane(&self, now: Instant) -> Option<Arc<str>> {
        let oldest = |class: Class| {
            let lanes = self.lanes.iter().filter(|(_, lane)| lane.class == class);
            let open = lanes.filter(|(_, lane)| lane.may_send(now));
            open.filter_map(|(topic, lane)| Some((*lane.waiting.first()?, topic)))
                .min_by_key(|(seq, _)| *seq)
        };
        let is_free = self.telemetry.under_way < self.telemetry_window;
        let (movement, telemetry) = (
            oldest(Class::Movement),
            oldest(Class::Telemetry).filter(|_| is_free),
        );
        let has_turn = self.without_telemetry >= TELEMETRY_TURN - 1;
        let first = match (movement, telemetry) {
            (Some(movement), Some(telemetry)) if has_turn => movement.min(telemetry),
            (movement, telemetry) => movement.or(telemetry)?,
        };
        Some(first.1.clone())
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
        let class = lane.class;
        let alone = held || first <= lane.alone_until || class == Class::Telemetry;
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
        self.load(class).under_way += group.len();
        Some(group)
    }

    /// In order of the outbox: whether a row before this one has still to go.
    pub(super) fn overtook(&self, seq: i64) -> bool {
        let gone = |row: &Row<R>| matches!(row.state, State::UnderWay | State::Done);
        self.in_order && !self.rows.range(..seq).all(|(_, row)| gone(row))
    }
}
