//! What is read from the outbox, and when.

use tokio::time::Instant;

use super::super::document;
use super::super::lanes::Class;
use super::super::mqtt::{Links, SessionEnd};
use super::super::words;
use super::Session;
use crate::buffer::{OutboxRow, Stream};

/// Rows read from the outbox at a time.
const READ_ROWS: usize = 64;
/// Why an event that is not what was stored is set aside.
const DAMAGED: &str = "damaged on disk";

impl Session<'_> {
    /// Payload of a message with several events, at most.
    pub(super) fn batch_bytes(&self) -> usize {
        let maximum = self
            .packet_maximum
            .and_then(|maximum| usize::try_from(maximum).ok());
        // Event ids and the rest of the packet never take more than the events themselves.
        let room = maximum.map_or(usize::MAX, |maximum| maximum / 2);
        let around = document::AROUND;
        self.settings.batch.bytes.min(room).saturating_sub(around)
    }

    /// Reads rows until the window or a batch can be filled; returns whether more than a window waits.
    pub(super) async fn read(&mut self, links: &mut Links) -> Result<bool, SessionEnd> {
        let (committed, now) = (*links.committed.borrow_and_update(), Instant::now());
        self.memory.ages.note(committed, now);
        let wanted = self.settings.batch.events.max(self.room());
        while self.cursor < committed
            && self.lanes.has_room()
            && self.lanes.sendable(now, Some(Class::Movement)) < wanted
        {
            let rows = match self.lanes.left_behind() {
                None => links.reader.after(self.cursor, READ_ROWS).await?,
                Some(_) => links.reader.movements_after(self.cursor, READ_ROWS).await?,
            };
            if rows.is_empty() {
                // Sequence numbers have gaps; what was committed when we asked is done with.
                self.cursor = committed;
            }
            for row in rows {
                self.admit(row);
            }
            self.say_what_is_refused(&links.health);
        }
        self.catch_up(links, wanted, now).await?;
        let unread = usize::try_from(committed.saturating_sub(self.cursor)).unwrap_or(0);
        Ok(self.lanes.sendable(now, None).saturating_add(unread) > self.limit)
    }

    /// Takes in telemetry that was left behind, as far as there is room.
    async fn catch_up(
        &mut self,
        links: &mut Links,
        wanted: usize,
        now: Instant,
    ) -> Result<(), SessionEnd> {
        while let Some(behind) = self.lanes.left_behind()
            && self.lanes.has_room_for_telemetry()
            && self.lanes.sendable(now, Some(Class::Telemetry)) < wanted
        {
            let range = (behind, self.cursor);
            let rows = links.reader.telemetry_between(range, READ_ROWS).await?;
            let last = rows.last().map(|row| row.seq);
            let is_all = rows.len() < READ_ROWS;
            for row in rows {
                self.take_in(row);
            }
            self.lanes.caught_up(last.filter(|_| !is_all));
        }
        Ok(())
    }

    fn admit(&mut self, row: OutboxRow) {
        let before = std::mem::replace(&mut self.cursor, row.seq);
        if row.stream.is_telemetry() {
            if !self.lanes.has_room_for_telemetry() {
                self.lanes.leave_behind(before);
            }
            if self.lanes.left_behind().is_some() {
                return;
            }
        }
        self.take_in(row);
    }

    fn take_in(&mut self, row: OutboxRow) {
        let seq = row.seq;
        let class = match row.stream.is_telemetry() {
            true => Class::Telemetry,
            false => Class::Movement,
        };
        // A gap may have taken the number of what was sent before.
        let is_done = self.memory.is_done(seq) && row.stream != Stream::Gap;
        if is_done {
            self.lanes.admit_done(seq, class);
        } else if !row.intact {
            self.lanes.admit_hopeless(seq, class, DAMAGED.to_owned(), 0);
        } else if let Some(attempts) = self.memory.suspects.guilt(seq) {
            let why = words::ENDS_THE_CONNECTION.to_owned();
            self.lanes.admit_hopeless(seq, class, why, attempts);
        } else {
            let topic = self.settings.topic_of(&row);
            let bytes = row.payload.len();
            self.lanes.admit(seq, (class, &topic), bytes, row);
            self.hold_back(seq);
        }
    }
}
