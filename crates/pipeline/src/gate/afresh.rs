//! A gate that starts afresh: its readers were given up, its configuration changed, or its time line ended.
//!
//! What is open is decided then with what is known. What stands here stands here all the same, and is no news when it is
//! heard again: tags are remembered. Those of a gate without timers wait for its next read and are forgotten by its time.

use super::{END, Elsewhere, Gate};
use crate::config::Tuning;
use crate::passage::Decision;
use crate::time::{Span, Time};

impl Gate {
    /// Decides what is open with what this gate alone knows, and starts afresh: under other antennas what was heard tells
    /// nothing, but that it was here.
    pub fn flush(&mut self, tuning: &Tuning) -> Vec<Decision> {
        let alone = Elsewhere::new(std::iter::empty());
        let mut decisions = Vec::new();
        while let Some(at) = self.advance(tuning, END, END) {
            decisions.extend(self.decide(tuning, at, &alone).0);
        }
        self.give_up(self.frontier);
        self.start_afresh();
        decisions
    }

    /// Everything is decided, and nobody waits for its readers any more at `until`: what they still send of the time before
    /// comes late. It goes on where the reads that were taken end.
    pub fn give_up(&mut self, until: Time) {
        self.amend.flushed(until);
        self.timers.clear();
    }

    /// Goes on by a time line that is `by` behind that of before.
    pub fn set_back(&mut self, by: Span) {
        self.forget_passages();
        self.forget_eyes();
        self.start_afresh();
        for tag in self.tags.values_mut() {
            tag.move_earlier(by);
        }
    }

    fn start_afresh(&mut self) {
        self.frontier = Time::MIN;
        self.air = self.air.afresh();
        self.passages = self.passages.afresh();
        for tag in self.tags.values_mut() {
            *tag = tag.remembered();
        }
    }

    /// The timers of what was remembered run again.
    pub(super) fn resume(&mut self) {
        if self.timers.is_empty() {
            let tags = self.tags.iter();
            self.timers = tags.map(|(key, tag)| (tag.due, key.clone())).collect();
        }
    }
}
