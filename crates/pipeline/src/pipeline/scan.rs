//! Scans, at the station of their scanner.

use crate::config::ReadPointKind;
use crate::input::{DeviceIndex, Output, ScanVerdict, VerdictKind};
use crate::pipeline::{Pipeline, Place};
use crate::time::Time;

impl Pipeline {
    pub(super) fn scan(
        &mut self,
        device: DeviceIndex,
        at: Time,
        data: &[u8],
        outputs: &mut Vec<Output>,
    ) {
        let Some(&(index, ref scanner)) = self.scanners.get(&device) else {
            self.stats.unassigned += 1;
            return;
        };
        let read_point = self.state.config.read_points.get(index);
        let (Some(Place::Station(station)), Some(read_point)) =
            (self.state.places.get_mut(index), read_point)
        else {
            return;
        };
        let ReadPointKind::Station(config) = &read_point.kind else {
            return;
        };
        let name = self.state.config.devices.get(usize::from(device));
        let zone = (&self.zone, name.map(String::as_str));
        let (kind, event, learned) = station.scan(read_point, config, scanner, zone, at, data);
        if let Some(fact) = learned {
            self.state.references.learn(at, fact.clone());
            outputs.push(Output::Learned(fact));
        }
        let [accepted, repeated, refused] = &mut self.stats.scans;
        *match kind {
            VerdictKind::Accepted | VerdictKind::Warned(_) | VerdictKind::Pending(_) => accepted,
            VerdictKind::Duplicate => repeated,
            VerdictKind::Refused(_) => refused,
        } += 1;
        self.stats.events += u64::from(event.is_some());
        outputs.extend(event.map(|event| Output::Event(Box::new(event))));
        outputs.push(Output::Verdict(ScanVerdict { device, kind }));
    }
}
