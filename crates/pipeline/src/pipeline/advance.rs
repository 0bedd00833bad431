//! All gates go forward together.

use crate::clock::{DeviceClock, Watermark};
use crate::config::{GateConfig, ReadPointKind};
use crate::fate::Ghost;
use crate::gate::{END, Elsewhere};
use crate::input::Output;
use crate::pipeline::book::Books;
use crate::pipeline::guard::Door;
use crate::pipeline::{Pipeline, Place};
use crate::time::Time;

impl Pipeline {
    /// Takes all gates forward together, one decision after the other in order of their time: a load that several gates
    /// hear is decided with what all of them know. A gate that nobody waits for has all of its reads, and what its
    /// photo-eyes told until `until`, but for those that are late.
    pub(super) fn each_gate(
        &mut self,
        outputs: &mut Vec<Output>,
        until: Time,
        complete: impl Fn(&[DeviceClock], &GateConfig) -> Watermark,
    ) {
        let goals: Vec<Watermark> = self
            .state
            .config
            .read_points
            .iter()
            .map(|read_point| match &read_point.kind {
                ReadPointKind::Gate(config) => complete(&self.state.devices, config),
                ReadPointKind::Station(_) | ReadPointKind::Zone(_) => Watermark::Excluded,
            })
            .collect();
        for (place, read_point) in self
            .state
            .places
            .iter_mut()
            .zip(&self.state.config.read_points)
        {
            if let Place::Gate(gate) = place {
                gate.watch_exits(read_point.guard.is_some());
            }
        }
        while let Some((index, at)) = self.next_decision(&goals, until) {
            self.tell_leaving(at, outputs);
            self.decide(index, at, outputs);
        }
        self.tell_leaving(END, outputs);
        self.tell_untagged(outputs);
        let mut capped = 0;
        for (index, (place, goal)) in self.state.places.iter_mut().zip(&goals).enumerate() {
            if let Place::Gate(gate) = place {
                capped += gate.capped();
                let ghosts = std::mem::take(&mut gate.ghosts);
                if let Some(trace) = &mut self.trace {
                    trace
                        .ghosts
                        .extend(ghosts.into_iter().map(|(tag, pc, at)| Ghost {
                            read_point: index,
                            tag,
                            pc,
                            at,
                        }));
                }
                if *goal == Watermark::Excluded {
                    gate.give_up(until);
                }
            }
        }
        let zones = self.state.zones.values().map(|zone| zone.capped);
        self.stats.capped = capped + zones.sum::<u64>() + self.state.whereabouts.capped;
    }

    /// Takes every gate to its next decision; the first of these.
    fn next_decision(&mut self, goals: &[Watermark], until: Time) -> Option<(usize, Time)> {
        let places = self.state.places.iter_mut().enumerate();
        let due = places
            .zip(&self.state.config.read_points)
            .zip(goals)
            .filter_map(|(((index, place), read_point), goal)| {
                let (Place::Gate(gate), ReadPointKind::Gate(config)) = (place, &read_point.kind)
                else {
                    return None;
                };
                let (goal, eyes_goal) = match goal {
                    Watermark::At(watermark) => (*watermark, *watermark),
                    Watermark::Excluded if until == END => (END, END),
                    Watermark::Excluded => (END, until - config.tuning.allowed_lateness),
                };
                Some((index, gate.advance(&config.tuning, goal, eyes_goal)?))
            });
        due.min_by_key(|(_, at)| *at)
    }

    fn decide(&mut self, index: usize, at: Time, outputs: &mut Vec<Output>) {
        let Some(Place::Gate(gate)) = self.state.places.get_mut(index) else {
            return;
        };
        let mut gate = std::mem::take(gate);
        let read_points = &self.state.config.read_points;
        if let Some(read_point) = read_points.get(index)
            && let ReadPointKind::Gate(config) = &read_point.kind
        {
            let elsewhere = Elsewhere::new(self.gates());
            let (told, halts) = gate.decide(&config.tuning, at, &elsewhere);
            let books = || {
                Books::new(
                    read_point,
                    &self.zone,
                    &self.state.config,
                    &self.state.references,
                )
            };
            // What may not leave is told of although it still stands in the doorway.
            for decision in halts.iter().chain(&told) {
                if let Some(guard) = read_point.guard.as_deref() {
                    let door = Door {
                        books: books(),
                        config,
                        guard,
                    };
                    door.alert_load(&mut gate, decision, &mut self.stats, outputs);
                }
            }
            if let Some(decision) = told {
                books().loads(config, &[decision], &mut self.stats, outputs);
            }
        }
        if let Some(place) = self.state.places.get_mut(index) {
            *place = Place::Gate(gate);
        }
    }
}
