//! The plain way: a tag is there until it was silent for a while; it moved if it was last read on another side than
//! first.

use std::collections::BTreeMap;

use tracegate_pipeline::config::{Direction, Side};

use super::{Follow, Seen, Turn};
use crate::portal::goods::TagIndex;

/// A session ends after this much silence.
const SILENCE_S: f64 = 5.0;

#[derive(Debug, Clone, Copy)]
struct Session {
    first: Side,
    last: Side,
    last_at: f64,
    changed_at: f64,
}

/// Sessions by tag and gate.
#[derive(Debug, Default)]
pub(in crate::portal) struct Dedup {
    sessions: BTreeMap<(usize, TagIndex), Session>,
}

impl Follow for Dedup {
    fn see(&mut self, seen: Seen) -> Option<Turn> {
        let session = self
            .sessions
            .entry((seen.gate, seen.tag))
            .or_insert(Session {
                first: seen.side,
                last: seen.side,
                last_at: seen.at,
                changed_at: seen.at,
            });
        if session.last != seen.side {
            session.changed_at = seen.at;
            session.last = seen.side;
        }
        session.last_at = session.last_at.max(seen.at);
        None
    }

    fn tick(&mut self, now: f64, turns: &mut Vec<Turn>) {
        self.sessions.retain(|(gate, tag), session| {
            let ended = now - session.last_at >= SILENCE_S;
            if ended && session.last != session.first {
                turns.push(Turn {
                    at: session.changed_at,
                    gate: *gate,
                    direction: Direction::towards(session.last),
                    tag: *tag,
                });
            }
            !ended
        });
    }
}
