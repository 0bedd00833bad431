//! Reads that came late, at all gates.

use crate::config::ReadPointKind;
use crate::gate::Elsewhere;
use crate::input::Output;
use crate::pipeline::book::Books;
use crate::pipeline::{Pipeline, Place};
use crate::time::Time;

impl Pipeline {
    /// Decides late reads that are due at `now`.
    pub(super) fn settle_late(&mut self, now: Time, outputs: &mut Vec<Output>) {
        for index in 0..self.state.places.len() {
            let Some(read_point) = self.state.config.read_points.get(index) else {
                continue;
            };
            let ReadPointKind::Gate(config) = &read_point.kind else {
                continue;
            };
            let Some(Place::Gate(gate)) = self.state.places.get_mut(index) else {
                continue;
            };
            if gate.late_due(&config.tuning).is_none_or(|due| due > now) {
                continue;
            }
            let mut gate = std::mem::take(gate);
            let elsewhere = Elsewhere::new(self.gates());
            let decisions = gate.settle_late(&config.tuning, now, &elsewhere);
            let books = Books::new(
                read_point,
                &self.zone,
                &self.state.config,
                &self.state.references,
            );
            books.loads(config, &decisions, &mut self.stats, outputs);
            if let Some(place) = self.state.places.get_mut(index) {
                *place = Place::Gate(gate);
            }
        }
    }
}
