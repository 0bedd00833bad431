//! Reads that came late, at all gates.

use crate::config::ReadPointKind;
use crate::input::Output;
use crate::pipeline::book::Books;
use crate::pipeline::{Pipeline, Place};
use crate::time::Time;

impl Pipeline {
    /// Decides late reads that are due at `now`.
    pub(super) fn settle_late(&mut self, now: Time, outputs: &mut Vec<Output>) {
        let places = self.state.places.iter_mut();
        for (place, read_point) in places.zip(&self.state.config.read_points) {
            let (Place::Gate(gate), ReadPointKind::Gate(config)) = (place, &read_point.kind) else {
                continue;
            };
            if gate.late_due(&config.tuning).is_none_or(|due| due > now) {
                continue;
            }
            let decisions = gate.settle_late(&config.tuning, now);
            let books = Books::new(
                read_point,
                &self.zone,
                &self.state.config,
                &self.state.references,
            );
            books.loads(config, &decisions, &mut self.stats, outputs);
        }
    }
}
