//! What commands have asked of a reader's outputs.
//!
//! It outlives a connection: a pulse that the connection broke off is ended on the next.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::downlink::order::{Action, Order, OutputState};

/// A light that shows which reader it is changes so often.
const BLINK: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct Commanded {
    levels: BTreeMap<u16, Level>,
    /// Since when and until when it shows which one it is.
    shows: Option<(Instant, Instant)>,
    /// Who waits for an output to be written.
    waiting: Vec<(u16, oneshot::Sender<Result<(), String>>)>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    on: bool,
    pulse_until: Option<Instant>,
}

impl Commanded {
    /// What is kept for the next connection. Who waits hears that this one has ended.
    pub(super) fn reconnected(self) -> Self {
        Self {
            waiting: Vec::new(),
            ..self
        }
    }

    /// Takes an order; returns the output to be written in any case.
    pub(super) fn take(&mut self, order: Order, now: Instant) -> Option<u16> {
        match order.action {
            Action::Identify(time) => {
                self.shows = Some((now, now + time));
                // Nobody may wait any more.
                let _ = order.done.send(Ok(()));
                None
            }
            Action::Output { port, state } => {
                let (on, pulse_until) = match state {
                    OutputState::On => (true, None),
                    OutputState::Off => (false, None),
                    OutputState::Pulse(time) => (true, Some(now + time)),
                };
                self.levels.insert(port, Level { on, pulse_until });
                self.waiting.push((port, order.done));
                Some(port)
            }
        }
    }

    /// An output was written, or not and why. Returns whether it must be tried again.
    pub(super) fn written(&mut self, port: u16, outcome: Result<(), &str>) -> bool {
        let mut told = false;
        for (_, done) in self.waiting.extract_if(.., |(of, _)| *of == port) {
            let _ = done.send(outcome.map_err(str::to_owned));
            told = true;
        }
        if told && outcome.is_err() {
            // Whoever asked knows, and decides.
            self.levels.remove(&port);
        }
        outcome.is_err() && !told
    }

    /// What an output that is left to commands is to be; `None`: nobody has said.
    pub(super) fn level(&self, port: u16, now: Instant, connected: bool) -> Option<bool> {
        let Level { on, pulse_until } = self.levels.get(&port)?;
        // A pulse does not outlive the gateway.
        Some(*on && pulse_until.is_none_or(|until| connected && now < until))
    }

    /// Whether the light is on while it shows which one it is.
    pub(super) fn blink(&mut self, now: Instant) -> Option<bool> {
        self.shows = self.shows.filter(|(_, until)| now < *until);
        let (since, _) = self.shows?;
        let phase = now.duration_since(since).as_millis() / BLINK.as_millis();
        Some(phase.is_multiple_of(2))
    }

    /// When something changes next.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let pulses = self.levels.values().filter_map(|level| level.pulse_until);
        let pulse = pulses.filter(|until| now < *until).min();
        let blink = self.shows.map(|(since, until)| {
            let phase = now.duration_since(since).as_millis() / BLINK.as_millis();
            let next = BLINK.saturating_mul(u32::try_from(phase + 1).unwrap_or(u32::MAX));
            (since + next).min(until)
        });
        pulse.into_iter().chain(blink).min()
    }
}
