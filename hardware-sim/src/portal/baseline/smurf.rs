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
const LONGEST: usize = 40;
/// Rounds of a side in one epoch, about.
const ROUNDS: f64 = 4.0;

#[derive(Debug, Clone, Default)]
struct Window {
    /// Reads in each epoch, newest last.
    epochs: VecDeque<u32>,
    reads: u32,
    /// Window length, epochs.
    length: usize,
}

impl Window {
    /// Ends an epoch and adapts the window.
    fn turn(&mut self) {
        self.epochs.push_back(std::mem::take(&mut self.reads));
        if self.epochs.len() > LONGEST {
            self.epochs.pop_front();
        }
        self.length = self.length.clamp(1, LONGEST);
        let window = self.epochs.iter().rev().take(self.length);
        let seen: Vec<f64> = window
            .filter(|reads| **reads > 0)
            .map(|reads| (f64::from(*reads) / ROUNDS).min(1.0))
            .collect();
        if seen.is_empty() {
            self.length = 1;
            return;
        }
        // The chance to be read in a round, from the epochs in which it was read at all.
        let rate = seen.iter().sum::<f64>() / seen.len() as f64;
        let epochs = self.length as f64;
        let expected = epochs * rate;
        let deviation = (epochs * rate * (1.0 - rate)).sqrt();
        // Long enough that a tag that is there is read in it (completeness).
        let wanted = ((1.0 / DELTA).ln() / rate).ceil();
        if expected - seen.len() as f64 > 2.0 * deviation {
            // Fewer than chance allows: it has left (transition).
            self.length = (self.length / 2).max(1);
        } else if wanted > epochs {
            self.length += 2;
        }
    }

    /// Reads in the newest `epochs`.
    fn count(&self, epochs: usize) -> u32 {
        self.epochs.iter().rev().take(epochs).sum()
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
            Side::Inside => track.inside.reads += 1,
            Side::Outside => track.outside.reads += 1,
        }
        None
    }

    fn tick(&mut self, now: f64, turns: &mut Vec<Turn>) {
        while self.epoch_end + EPOCH_S <= now {
            self.epoch_end += EPOCH_S;
            let at = self.epoch_end;
            self.tracks.retain(|(gate, tag), track| {
                track.inside.turn();
                track.outside.turn();
                let epochs = track.inside.length.max(track.outside.length);
                let (inside, outside) = (track.inside.count(epochs), track.outside.count(epochs));
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
