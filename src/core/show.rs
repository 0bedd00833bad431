//! What readers show of movements and of what may not leave, and what the witness is told.

use std::collections::BTreeSet;

use tracegate_pipeline::Input;
use tracegate_pipeline::config::ReadPointKind;
use tracegate_pipeline::input::{Alert, DeviceIndex, MovementEvent, NonEvent};
use tracing::warn;

use super::audit::{Said, outputs};
use super::{Core, Feedback};
use crate::capture::tap::Batch;

use crate::logs;

impl Core {
    /// Hands on to the witness what was committed.
    pub(super) fn hand_on(
        &mut self,
        inputs: Vec<Input>,
        events: Vec<MovementEvent>,
        refused: Vec<NonEvent>,
        said: Vec<Said>,
    ) {
        let batch = Batch {
            inputs,
            events,
            refused,
            said: outputs(said),
            trace: self.pipeline.traced(),
        };
        self.wiring.tap.seen(batch);
    }

    /// Tells the readers that look at the read point; one that has not shown the last movements yet need not know.
    pub(super) fn show(&self, event: &MovementEvent) {
        self.tell(&event.read_point, Feedback::Movement);
    }

    /// Tells the readers of doors that something moves out that may not: once for all that was found together.
    pub(super) fn refuse<'a>(&self, alerts: impl Iterator<Item = &'a Alert>) {
        let mut doors = BTreeSet::new();
        for alert in alerts {
            let (read_point, thing) = (alert.read_point.as_str(), &alert.thing);
            if doors.insert(read_point) {
                let rule = alert.rule.as_str();
                warn!(
                    code = logs::GUARD_ALERT,
                    read_point,
                    thing,
                    rule,
                    reason = alert.text,
                    "Leaves and may not"
                );
                self.tell(read_point, Feedback::Refuse);
            }
        }
    }

    fn tell(&self, read_point: &str, what: Feedback) {
        let read_points = &self.pipeline.config().read_points;
        let found = read_points.iter().find(|it| it.name == read_point);
        let devices: BTreeSet<DeviceIndex> = match found.map(|read_point| &read_point.kind) {
            Some(ReadPointKind::Gate(gate)) => gate.antennas.iter().map(|it| it.device).collect(),
            Some(ReadPointKind::Zone(zone)) => zone.antennas.iter().map(|it| it.0).collect(),
            Some(ReadPointKind::Station(_)) | None => return,
        };
        for reader in devices.iter().filter_map(|it| self.wiring.feedback.get(it)) {
            let _ = reader.try_send(what);
        }
    }
}
