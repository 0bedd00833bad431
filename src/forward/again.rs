//! Events that were acknowledged and are asked for again: behind everything that waits.

use tokio::time::Instant;
use tracing::warn;

use super::message::properties;
use super::mqtt::{Links, SessionEnd};
use super::session::Session;
use super::window::Item;

impl Session<'_> {
    /// Sends some kept events again, if somebody asked for that and no event waits. Half of the window is left to those that may
    /// come, and nothing is sent while something is wrong with them.
    pub(super) async fn replay(
        &mut self,
        links: &mut Links,
        stopping: bool,
    ) -> Result<(), SessionEnd> {
        self.downlink.commands.end_replay(stopping);
        if *links.committed.borrow() > self.cursor || !self.may_ask() || self.refused {
            return Ok(());
        }
        let half = (self.limit / 2).max(1);
        let Some(replay) = self.downlink.commands.replay() else {
            return Ok(());
        };
        let (count, (_, to)) = (replay.may_send(half, Instant::now()), replay.range());
        if count == 0 {
            return Ok(());
        }
        let mut rows = links.reader.after(replay.cursor(), count).await?;
        rows.retain(|row| row.seq <= to);
        if rows.is_empty() {
            // Deleted meanwhile, because they are old or room is needed.
            replay.passed(to);
        }
        for row in rows {
            let (seq, settings) = (row.seq, self.settings);
            if !row.intact {
                warn!(seq, "Kept event is damaged on disk; not sent again");
                self.passed(seq);
                continue;
            }
            let topic = settings.topic.render(&settings.site, &row.read_point);
            let again = Some(("replayed", "true".to_owned()));
            let properties = properties(seq, row.event_id, &links.health, again);
            if self.is_too_large(&topic, row.payload.len(), &properties) {
                warn!(
                    seq,
                    "Kept event is too large for the broker; not sent again"
                );
                self.passed(seq);
                continue;
            }
            if let Some(replay) = self.downlink.commands.replay() {
                replay.sending(seq);
            }
            let payload = row.payload.into();
            self.publish(Item::Replayed(seq), topic, false, payload, properties)?;
        }
        Ok(())
    }

    fn passed(&mut self, seq: i64) {
        if let Some(replay) = self.downlink.commands.replay() {
            replay.passed(seq);
        }
    }
}
