//! A configuration by its meaning: what numbers its devices happen to have is no part of that.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    GateAntenna, GateConfig, GateEye, PipelineConfig, ReadPointConfig, ReadPointKind,
    StationConfig, StationScanner,
};
use crate::input::DeviceIndex;
use crate::mark::{MarkStation, StationMarker};
use crate::zone::{ActiveZone, ZoneConfig};

impl PipelineConfig {
    /// The same configuration with the devices that its read points work with, in order of name, and no others. Two that
    /// mean the same are equal in this form, wherever their devices stand; two that do not are not.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut config = self.clone();
        let mut used = BTreeSet::new();
        config.each_device(|device| {
            used.insert(*device);
        });
        let name = |device: &DeviceIndex| self.devices.get(usize::from(*device)).cloned();
        let mut named: Vec<(Option<String>, DeviceIndex)> =
            used.iter().map(|it| (name(it), *it)).collect();
        named.sort();
        config.devices = named.iter().filter_map(|it| it.0.clone()).collect();
        // One without a name has no number in here.
        let named = named.into_iter().filter(|(name, _)| name.is_some());
        let numbers: BTreeMap<DeviceIndex, DeviceIndex> =
            named.map(|it| it.1).zip(0..DeviceIndex::MAX).collect();
        config.each_device(|device| {
            *device = numbers.get(device).copied().unwrap_or(DeviceIndex::MAX);
        });
        config.read_points.iter_mut().for_each(sort);
        config
    }

    /// Every place where a device's number stands. Fields are named one by one, so that a new one has to be thought of.
    fn each_device(&mut self, mut look: impl FnMut(&mut DeviceIndex)) {
        let Self {
            read_points,
            time_zone: _,
            devices: _,
            tags: _,
            sensors: _,
        } = self;
        for read_point in read_points {
            let ReadPointConfig {
                kind,
                name: _,
                uri: _,
                guard: _,
            } = read_point;
            match kind {
                ReadPointKind::Gate(gate) => of_gate(gate, &mut look),
                ReadPointKind::Zone(zone) => of_zone(zone, &mut look),
                ReadPointKind::Station(station) => of_station(station, &mut look),
            }
        }
    }
}

fn of_gate(gate: &mut GateConfig, look: &mut impl FnMut(&mut DeviceIndex)) {
    let GateConfig {
        antennas,
        eyes,
        stay,
        inward: _,
        outward: _,
        tuning: _,
        loads: _,
    } = gate;
    for GateAntenna {
        device,
        antenna: _,
        side: _,
    } in antennas
    {
        look(device);
    }
    for GateEye {
        device,
        port: _,
        side: _,
        blocked_high: _,
    } in eyes
    {
        look(device);
    }
    if let Some(stay) = stay {
        of_zone(stay, look);
    }
}

fn of_zone(zone: &mut ZoneConfig, look: &mut impl FnMut(&mut DeviceIndex)) {
    let ZoneConfig {
        antennas,
        active,
        arrive: _,
        depart: _,
        stay: _,
        dwell: _,
        together: _,
        tuning: _,
    } = zone;
    antennas.iter_mut().for_each(|(device, _)| look(device));
    if let Some(active) = active {
        let ActiveZone {
            receivers,
            alarm: _,
            exciters: _,
        } = active.as_mut();
        receivers.iter_mut().for_each(look);
    }
}

fn of_station(station: &mut StationConfig, look: &mut impl FnMut(&mut DeviceIndex)) {
    let StationConfig {
        scanners,
        marks,
        step: _,
        task: _,
    } = station;
    let mut of = |scanner: &mut StationScanner| {
        let StationScanner {
            device,
            duplicate_window: _,
            assume_gs1: _,
            gs_substitutes: _,
            keep_unknown_ais: _,
        } = scanner;
        look(device);
    };
    scanners.iter_mut().for_each(&mut of);
    if let Some(marks) = marks {
        let MarkStation { markers, step: _ } = marks.as_mut();
        for StationMarker {
            reading,
            gtin: _,
            min_grade: _,
        } in markers
        {
            of(reading);
        }
    }
}

/// Lists whose order means nothing.
fn sort(read_point: &mut ReadPointConfig) {
    let of_zone = |zone: &mut ZoneConfig| {
        zone.antennas.sort_unstable();
        if let Some(active) = &mut zone.active {
            active.receivers.sort_unstable();
        }
    };
    match &mut read_point.kind {
        ReadPointKind::Gate(gate) => {
            gate.antennas
                .sort_unstable_by_key(|it| (it.device, it.antenna));
            gate.eyes.sort_unstable_by_key(|it| (it.device, it.port));
            gate.stay.as_deref_mut().into_iter().for_each(of_zone);
        }
        ReadPointKind::Zone(zone) => of_zone(zone),
        ReadPointKind::Station(station) => {
            station.scanners.sort_unstable_by_key(|it| it.device);
            if let Some(marks) = &mut station.marks {
                marks.markers.sort_by_key(|it| it.reading.device);
            }
        }
    }
}
