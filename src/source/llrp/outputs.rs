//! What the outputs of a reader show: a stack light, or a buzzer.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::OutputUse;
use crate::health::Health;

/// How long a movement is shown.
const PULSE: Duration = Duration::from_secs(1);
/// Conditions that end by themselves are looked at this often.
const LOOK: Duration = Duration::from_secs(2);
/// An output that was not switched is tried again after this.
const RETRY: Duration = Duration::from_secs(10);

/// The outputs of one connection. What they were before is not known, so each is written once at least.
#[derive(Debug)]
pub(super) struct Outputs {
    /// The reader that has them.
    reader: String,
    uses: BTreeMap<u16, OutputUse>,
    shown: BTreeMap<u16, bool>,
    /// Outputs that were not switched, and when to try again.
    failed: BTreeMap<u16, Instant>,
    pulse_until: Option<Instant>,
    alarm: bool,
    looked: Option<Instant>,
}

impl Outputs {
    pub(super) fn new(reader: &str, uses: &BTreeMap<u16, OutputUse>) -> Self {
        Self {
            reader: reader.to_owned(),
            uses: uses.clone(),
            shown: BTreeMap::new(),
            failed: BTreeMap::new(),
            pulse_until: None,
            alarm: false,
            looked: None,
        }
    }

    /// A movement was stored; several within a second are one pulse.
    pub(super) fn movement(&mut self, now: Instant) {
        self.pulse_until = Some(now + PULSE);
    }

    /// The conditions have changed.
    pub(super) fn look_again(&mut self) {
        self.looked = None;
    }

    /// An output was not switched: what it shows is not known.
    pub(super) fn failed(&mut self, now: Instant, port: u16) {
        if self.shown.remove(&port).is_some() {
            self.failed.insert(port, now + RETRY);
        }
    }

    /// When [`Self::changes`] is to be asked again at the latest; of no use before outputs can be switched.
    pub(super) fn due(&self, ready: bool) -> Option<Instant> {
        if !ready {
            return None;
        }
        let look = self.looked.filter(|_| self.has(OutputUse::Alarm));
        let retry = self.failed.values().min().copied();
        [self.pulse_until, look.map(|at| at + LOOK), retry]
            .into_iter()
            .flatten()
            .min()
    }

    /// Outputs to be switched now.
    pub(super) fn changes(
        &mut self,
        now: Instant,
        connected: bool,
        health: &Health,
    ) -> Vec<(u16, bool)> {
        if self.uses.is_empty() {
            return Vec::new();
        }
        self.pulse_until = self.pulse_until.filter(|until| now < *until);
        if self.has(OutputUse::Alarm) && self.looked.is_none_or(|looked| now - looked >= LOOK) {
            let alarms = self
                .uses
                .iter()
                .filter(|(_, what)| **what == OutputUse::Alarm);
            let alarms: Vec<u16> = alarms.map(|(port, _)| *port).collect();
            self.alarm = health.is_troubled_beside(&self.reader, &alarms);
            self.looked = Some(now);
        }
        self.failed.retain(|_, retry| now < *retry);
        let mut changes = Vec::new();
        for (&port, what) in &self.uses {
            let on = match what {
                OutputUse::Movement => self.pulse_until.is_some(),
                OutputUse::Alarm => self.alarm,
                OutputUse::Connected => connected,
            };
            if !self.failed.contains_key(&port) && self.shown.insert(port, on) != Some(on) {
                changes.push((port, on));
            }
        }
        changes
    }

    fn has(&self, what: OutputUse) -> bool {
        self.uses.values().any(|other| *other == what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{BrokerState, Problem};

    #[tokio::test(start_paused = true)]
    async fn a_light_shows_movements_alarms_and_the_link() {
        let health = Health::new("plant-3", "epoch");
        health.broker(BrokerState::Up);
        let uses = [
            (1, OutputUse::Movement),
            (2, OutputUse::Alarm),
            (3, OutputUse::Connected),
        ];
        let mut outputs = Outputs::new("dock_1", &uses.into());
        let mut now = Instant::now();
        let first = outputs.changes(now, true, &health);
        assert_eq!(first, [(1, false), (2, false), (3, true)]);
        assert_eq!(outputs.changes(now, true, &health), []);

        outputs.movement(now);
        assert_eq!(outputs.changes(now, true, &health), [(1, true)]);
        now += PULSE / 2;
        outputs.movement(now);
        now += PULSE / 2;
        assert_eq!(outputs.changes(now, true, &health), []);
        now += PULSE / 2;
        assert_eq!(outputs.changes(now, true, &health), [(1, false)]);

        health.storing(Some("disk full".to_owned()));
        outputs.look_again();
        assert_eq!(outputs.changes(now, true, &health), [(2, true)]);
        health.storing(None);
        assert_eq!(outputs.due(true), Some(now + LOOK));
        now += LOOK;
        assert_eq!(outputs.changes(now, true, &health), [(2, false)]);
        assert_eq!(outputs.changes(now, false, &health), [(3, false)]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_due_while_the_reader_is_not_ready() {
        let mut outputs = Outputs::new("dock_1", &[(1, OutputUse::Movement)].into());
        let now = Instant::now();
        outputs.movement(now);
        assert_eq!(outputs.due(false), None);
        assert_eq!(outputs.due(true), Some(now + PULSE));
    }

    #[tokio::test(start_paused = true)]
    async fn an_output_that_fails_is_tried_again_and_is_no_alarm_of_its_own() {
        let health = Health::new("plant-3", "epoch");
        health.broker(BrokerState::Up);
        let mut outputs = Outputs::new("dock_1", &[(2, OutputUse::Alarm)].into());
        let mut now = Instant::now();
        health.storing(Some("disk full".to_owned()));
        assert_eq!(outputs.changes(now, true, &health), [(2, true)]);
        health.storing(None);
        now += LOOK;
        assert_eq!(outputs.changes(now, true, &health), [(2, false)]);
        outputs.failed(now, 2);
        health.problem("dock_1", Problem::Output(2), Some("not switched"));
        let again = now + RETRY;
        while now < again {
            assert_eq!(outputs.changes(now, true, &health), []);
            now = outputs.due(true).unwrap();
        }
        assert_eq!(outputs.changes(now, true, &health), [(2, false)]);
        assert_eq!(outputs.changes(now, true, &health), []);
        // Anybody else's trouble counts.
        health.problem("dock_2", Problem::Output(2), Some("not switched"));
        outputs.look_again();
        assert_eq!(outputs.changes(now, true, &health), [(2, true)]);
    }
}
