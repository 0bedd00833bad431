//! SMURF (Jeffery, Garofalakis, Franklin: Adaptive cleaning for RFID data streams, VLDB 2006): smoothing windows that
//! adapt to how often a tag is read. One window per tag and side; the side with more reads in its window is where the
//! tag is, and a change of it is a movement.

use std::collections::{BTreeMap, VecDeque};

use tracegate_pipeline::config::{Direction, Side};

use super::{Follow, Seen, Turn};
use crate::portal::goods::TagIndex;

/// The paper's epoch, over which reads are one bit.
const EPOCH_S: f64 = 0.25;
/// A tag that is there is missed with this chance at most.
const DELTA: f64 = 0.05;
/// Longest window, epochs.
const LONGEST: usize = 100;

#[derive(Debug, Clone, Default)]
struct Window {
    /// Epochs with a read, newest last, and the share of the epoch's reads.
    epochs: VecDeque<bool>,
    read: bool,
    /// Window length, epochs.
    length: usize,
}

impl Window {
    /// Ends an epoch; tells how many epochs of the window had a read.
    fn turn(&mut self) -> usize {
        self.epochs.push_back(std::mem::take(&mut self.read));
        self.length = self.length.max(1);
        while self.epochs.len() > LONGEST {
            self.epochs.pop_front();
        }
        let have = self.length.min(self.epochs.len());
        let count = |epochs: usize| {
            let newest = self.epochs.iter().rev().take(epochs);
            newest.filter(|read| **read).count()
        };
        let reads = count(have);
        let rate = reads as f64 / have as f64;
        if reads == 0 {
            self.length = (self.length / 2).max(1);
            return 0;
        }
        // Enough epochs that a tag that is there is read in one of them (the paper's completeness).
        let wanted = ((1.0 / DELTA).ln() / rate).ceil();
        // Fewer reads in the newer half than chance allows: it has left (the paper's transition).
        let half = (have / 2).max(1);
        let expected = half as f64 * rate;
        let deviation = (half as f64 * rate * (1.0 - rate)).sqrt();
        if have > 1 && expected - count(half) as f64 > 2.0 * deviation {
            self.length = half;
        } else if wanted > self.length as f64 {
            self.length = (self.length + 2).min(LONGEST);
        }
        count(self.length.min(self.epochs.len()))
    }
}

#[derive(Debug, Clone)]
struct Track {
    inside: Window,
    outside: Window,
    first: Option<Side>,
    side: Option<Side>,
    changed_at: f64,
}

/// Windows by tag and gate.
#[derive(Debug, Default)]
pub(in crate::portal) struct Smurf {
    tracks: BTreeMap<(usize, TagIndex), Track>,
    epoch_end: f64,
}

impl Follow for Smurf {
    fn see(&mut self, seen: Seen) -> Option<Turn> {
        let track = self
            .tracks
            .entry((seen.gate, seen.tag))
            .or_insert_with(|| Track {
                inside: Window::default(),
                outside: Window::default(),
                first: None,
                side: None,
                changed_at: seen.at,
            });
        match seen.side {
            Side::Inside => track.inside.read = true,
            Side::Outside => track.outside.read = true,
        }
        None
    }

    fn tick(&mut self, now: f64, turns: &mut Vec<Turn>) {
        while self.epoch_end + EPOCH_S <= now {
            self.epoch_end += EPOCH_S;
            let at = self.epoch_end;
            self.tracks.retain(|(gate, tag), track| {
                let (inside, outside) = (track.inside.turn(), track.outside.turn());
                let side = match inside.cmp(&outside) {
                    std::cmp::Ordering::Greater => Some(Side::Inside),
                    std::cmp::Ordering::Less => Some(Side::Outside),
                    std::cmp::Ordering::Equal => track.side,
                };
                if side != track.side {
                    track.changed_at = at;
                }
                track.side = side;
                track.first = track.first.or(side);
                let gone = inside == 0 && outside == 0;
                if let (true, Some(side)) = (gone && track.side != track.first, track.side) {
                    turns.push(Turn {
                        at: track.changed_at,
                        gate: *gate,
                        direction: Direction::towards(side),
                        tag: *tag,
                    });
                }
                !gone
            });
        }
    }
}
