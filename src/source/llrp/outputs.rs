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

/// The outputs of one connection. What they were before is not known, so each is written once at least.
#[derive(Debug)]
pub(super) struct Outputs {
    uses: BTreeMap<u16, OutputUse>,
    shown: BTreeMap<u16, bool>,
    pulse_until: Option<Instant>,
    alarm: bool,
    looked: Option<Instant>,
}

impl Outputs {
    pub(super) fn new(uses: &BTreeMap<u16, OutputUse>) -> Self {
        Self {
            uses: uses.clone(),
            shown: BTreeMap::new(),
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

    /// When [`Self::changes`] is to be asked again at the latest; of no use before outputs can be switched.
    pub(super) fn due(&self, ready: bool) -> Option<Instant> {
        if !ready {
            return None;
        }
        let look = self.looked.filter(|_| self.has(OutputUse::Alarm));
        [self.pulse_until, look.map(|at| at + LOOK)]
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
            self.alarm = !health.conditions().is_empty();
            self.looked = Some(now);
        }
        let mut changes = Vec::new();
        for (&port, what) in &self.uses {
            let on = match what {
                OutputUse::Movement => self.pulse_until.is_some(),
                OutputUse::Alarm => self.alarm,
                OutputUse::Connected => connected,
            };
            if self.shown.insert(port, on) != Some(on) {
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
    use crate::health::BrokerState;

    #[tokio::test(start_paused = true)]
    async fn a_light_shows_movements_alarms_and_the_link() {
        let health = Health::new("plant-3", "epoch");
        health.broker(BrokerState::Up);
        let uses = [
            (1, OutputUse::Movement),
            (2, OutputUse::Alarm),
            (3, OutputUse::Connected),
        ];
        let mut outputs = Outputs::new(&uses.into());
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
        let mut outputs = Outputs::new(&[(1, OutputUse::Movement)].into());
        let now = Instant::now();
        outputs.movement(now);
        assert_eq!(outputs.due(false), None);
        assert_eq!(outputs.due(true), Some(now + PULSE));
    }
}
