//! What readers are told of movements.

use std::collections::BTreeSet;

use tracegate_pipeline::config::ReadPointKind;
use tracegate_pipeline::input::{DeviceIndex, MovementEvent};

use super::{Core, Feedback};

impl Core {
    /// Tells the readers that look at the read point; one that has not shown the last movements yet need not know.
    pub(super) fn show(&self, event: &MovementEvent) {
        let read_points = &self.pipeline.config().read_points;
        let found = read_points.iter().find(|it| it.name == event.read_point);
        let devices: BTreeSet<DeviceIndex> = match found.map(|read_point| &read_point.kind) {
            Some(ReadPointKind::Gate(gate)) => gate.antennas.iter().map(|it| it.device).collect(),
            Some(ReadPointKind::Zone(zone)) => zone.antennas.iter().map(|it| it.0).collect(),
            Some(ReadPointKind::Station(_)) | None => return,
        };
        for reader in devices.iter().filter_map(|it| self.wiring.feedback.get(it)) {
            let _ = reader.try_send(Feedback::Movement);
        }
    }
}
