//! What the outputs of a reader show: a stack light, or a buzzer.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::commanded::Commanded;
use crate::config::OutputUse;
use crate::downlink::order::Order;
use crate::health::Health;

/// How long a movement is shown.
const PULSE: Duration = Duration::from_secs(1);
/// How long it is shown that something may not leave.
const REFUSED: Duration = Duration::from_secs(10);
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
    refused_until: Option<Instant>,
    alarm: bool,
    looked: Option<Instant>,
    commanded: Commanded,
}

impl Outputs {
    pub(super) fn new(reader: &str, uses: &BTreeMap<u16, OutputUse>, commanded: Commanded) -> Self {
        Self {
            reader: reader.to_owned(),
            uses: uses.clone(),
            shown: BTreeMap::new(),
            failed: BTreeMap::new(),
            pulse_until: None,
            refused_until: None,
            alarm: false,
            looked: None,
            commanded,
        }
    }

    /// What commands asked for, for the next connection.
    pub(super) fn into_commanded(self) -> Commanded {
        self.commanded.reconnected()
    }

    /// A command.
    pub(super) fn order(&mut self, order: Order, now: Instant) {
        // Written also if it is so already: only the reader's answer tells.
        if let Some(port) = self.commanded.take(order, now) {
            self.shown.remove(&port);
            self.failed.remove(&port);
        }
    }

    /// An output was switched.
    pub(super) fn written(&mut self, port: u16) {
        self.commanded.written(port, Ok(()));
    }

    /// A movement was stored; several within a second are one pulse.
    pub(super) fn movement(&mut self, now: Instant) {
        self.pulse_until = Some(now + PULSE);
    }

    /// Something moves out that may not.
    pub(super) fn refused(&mut self, now: Instant) {
        self.refused_until = Some(now + REFUSED);
    }

    /// The conditions have changed.
    pub(super) fn look_again(&mut self) {
        self.looked = None;
    }

    /// An output was not switched: what it shows is not known.
    pub(super) fn failed(&mut self, now: Instant, port: u16, why: &str) {
        let again = self.commanded.written(port, Err(why));
        if self.shown.remove(&port).is_some() && again {
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
        let commanded = self.commanded.due(Instant::now());
        let look = look.map(|at| at + LOOK);
        let pulses = [self.pulse_until, self.refused_until];
        pulses
            .into_iter()
            .chain([look, retry, commanded])
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
        self.refused_until = self.refused_until.filter(|until| now < *until);
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
        let blink = self.commanded.blink(now);
        for (&port, what) in &self.uses {
            let on = match what {
                OutputUse::Command | OutputUse::Light => {
                    match self.commanded.level(port, now, connected) {
                        Some(on) => on,
                        None => continue,
                    }
                }
                _ if blink.is_some() => blink == Some(true),
                OutputUse::Movement => self.pulse_until.is_some(),
                OutputUse::Alarm => self.alarm,
                OutputUse::Refuse => connected && self.refused_until.is_some(),
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
    use crate::downlink::order::{Action, OutputState, Target};
    use crate::health::{BrokerState, Problem};

    #[tokio::test(start_paused = true)]
    async fn a_light_shows_movements_alarms_and_the_link() {
        let health = Health::new("plant-3", "epoch");
        health.broker(BrokerState::Up);
        let uses = [
            (1, OutputUse::Movement),
            (2, OutputUse::Alarm),
            (3, OutputUse::Connected),
            (5, OutputUse::Refuse),
        ];
        let mut outputs = Outputs::new("dock_1", &uses.into(), Commanded::default());
        let mut now = Instant::now();
        let first = outputs.changes(now, true, &health);
        assert_eq!(first, [(1, false), (2, false), (3, true), (5, false)]);
        assert_eq!(outputs.changes(now, true, &health), []);

        outputs.movement(now);
        assert_eq!(outputs.changes(now, true, &health), [(1, true)]);
        now += PULSE / 2;
        outputs.movement(now);
        now += PULSE / 2;
        assert_eq!(outputs.changes(now, true, &health), []);
        now += PULSE / 2;
        assert_eq!(outputs.changes(now, true, &health), [(1, false)]);

        outputs.refused(now);
        assert_eq!(outputs.changes(now, true, &health), [(5, true)]);
        now += REFUSED - PULSE;
        outputs.refused(now);
        now += PULSE;
        assert_eq!(outputs.changes(now, true, &health), [], "seen again");
        now += REFUSED - PULSE;
        assert_eq!(outputs.changes(now, true, &health), [(5, false)]);

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
    async fn commands_switch_and_pulse_and_blink_over_what_is_shown() {
        let health = Health::new("plant-3", "epoch");
        health.broker(BrokerState::Up);
        let uses = BTreeMap::from([(1, OutputUse::Connected), (4, OutputUse::Command)]);
        let mut outputs = Outputs::new("dock_1", &uses, Commanded::default());
        let (target, orders) = Target::new(true, vec![4]);
        let mut now = Instant::now();
        assert_eq!(outputs.changes(now, true, &health), [(1, true)]);
        let pulse = Action::Output {
            port: 4,
            state: OutputState::Pulse(Duration::from_secs(3)),
        };
        let mut answer = target.give(pulse).unwrap();
        outputs.order(orders.next().await, now);
        assert_eq!(outputs.changes(now, true, &health), [(4, true)]);
        assert!(answer.try_recv().is_err(), "the reader has not answered");
        outputs.written(4);
        assert_eq!(answer.await, Ok(Ok(())));
        assert_eq!(outputs.due(true), Some(now + Duration::from_secs(3)));
        // The connection breaks, and the pulse ends on the next one.
        let mut outputs = Outputs::new("dock_1", &uses, outputs.into_commanded());
        now += Duration::from_secs(5);
        assert_eq!(outputs.changes(now, true, &health), [(1, true), (4, false)]);
        // That did not work: it is tried again, because nobody else would.
        outputs.failed(now, 4, "busy");
        now += RETRY;
        assert_eq!(outputs.changes(now, true, &health), [(4, false)]);

        let refused = target.give(pulse).unwrap();
        outputs.order(orders.next().await, now);
        assert_eq!(outputs.changes(now, true, &health), [(4, true)]);
        outputs.failed(now, 4, "no such output");
        assert_eq!(refused.await, Ok(Err("no such output".to_owned())));
        now += RETRY;
        assert_eq!(outputs.changes(now, true, &health), []);

        let shown = target
            .give(Action::Identify(Duration::from_secs(2)))
            .unwrap();
        outputs.order(orders.next().await, now);
        assert_eq!(shown.await, Ok(Ok(())));
        let mut seen = Vec::new();
        for _ in 0..30 {
            seen.extend(outputs.changes(now, true, &health));
            now += Duration::from_millis(100);
        }
        assert_eq!(seen, [(1, false), (1, true), (1, false), (1, true)]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_due_while_the_reader_is_not_ready() {
        let mut outputs = Outputs::new(
            "dock_1",
            &[(1, OutputUse::Movement)].into(),
            Commanded::default(),
        );
        let now = Instant::now();
        outputs.movement(now);
        assert_eq!(outputs.due(false), None);
        assert_eq!(outputs.due(true), Some(now + PULSE));
    }

    #[tokio::test(start_paused = true)]
    async fn an_output_that_fails_is_tried_again_and_is_no_alarm_of_its_own() {
        let health = Health::new("plant-3", "epoch");
        health.broker(BrokerState::Up);
        let mut outputs = Outputs::new(
            "dock_1",
            &[(2, OutputUse::Alarm)].into(),
            Commanded::default(),
        );
        let mut now = Instant::now();
        health.storing(Some("disk full".to_owned()));
        assert_eq!(outputs.changes(now, true, &health), [(2, true)]);
        health.storing(None);
        now += LOOK;
        assert_eq!(outputs.changes(now, true, &health), [(2, false)]);
        outputs.failed(now, 2, "not switched");
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
