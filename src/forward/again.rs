//! Events that were acknowledged and are asked for again: behind everything that waits.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::warn;

use super::document;
use super::mqtt::{Links, SessionEnd};
use super::session::Session;
use super::window::Item;

use crate::logs;

impl Session<'_> {
    /// Sends some kept events again, if somebody asked for that and no event waits. Half of the window is left to those that may
    /// come, and nothing is sent while something is wrong with them.
    pub(super) async fn replay(
        &mut self,
        links: &mut Links,
        stopping: bool,
    ) -> Result<(), SessionEnd> {
        self.downlink.commands.end_replay(stopping);
        if !self.has_leisure(links) {
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
                warn!(
                    code = logs::KEPT_EVENT_SKIPPED,
                    seq, "Kept event is damaged on disk; not sent again"
                );
                self.passed(seq);
                continue;
            }
            let topic = settings.topic_of(&row);
            let again = Some(("replayed", "true".to_owned()));
            let (epoch, created) = (links.health.epoch(), self.clock.now());
            let rows = [(seq, Arc::new(row))];
            let message = document::of(
                &rows,
                &topic,
                epoch,
                None,
                created.0,
                again,
                settings.payload,
            );
            if self.too_large(message.size()).is_some() {
                warn!(
                    code = logs::KEPT_EVENT_SKIPPED,
                    seq, "Kept event is too large for the broker; not sent again"
                );
                self.passed(seq);
                continue;
            }
            if let Some(replay) = self.downlink.commands.replay() {
                replay.sending(seq);
            }
            self.publish(Item::Replayed(seq), message)?;
        }
        Ok(())
    }

    fn passed(&mut self, seq: i64) {
        if let Some(replay) = self.downlink.commands.replay() {
            replay.passed(seq);
        }
    }
}
