//! How the pipeline's numbers are called.

use std::collections::{BTreeMap, BTreeSet};

use tracegate_pipeline::PipelineConfig;
use tracegate_pipeline::config::{ReadPointConfig, ReadPointKind, Side, Tuning};
use tracegate_pipeline::input::DeviceIndex;

use super::Wish;
use crate::config::nearest;

/// A configuration, as those who follow need it.
#[derive(Debug)]
pub struct View {
    pub(super) config: PipelineConfig,
    ports: BTreeMap<(DeviceIndex, u16), (usize, Option<Side>)>,
    scanners: BTreeMap<DeviceIndex, usize>,
    /// Read points of each device.
    places: BTreeSet<(DeviceIndex, usize)>,
}

impl View {
    /// Of this configuration.
    #[must_use]
    pub fn of(config: &PipelineConfig) -> Self {
        let mut view = Self {
            config: config.clone(),
            ports: BTreeMap::new(),
            scanners: BTreeMap::new(),
            places: BTreeSet::new(),
        };
        for (index, read_point) in config.read_points.iter().enumerate() {
            match &read_point.kind {
                ReadPointKind::Gate(gate) => {
                    for it in &gate.antennas {
                        let port = (it.device, it.antenna);
                        view.ports.insert(port, (index, Some(it.side)));
                        view.places.insert((it.device, index));
                    }
                }
                ReadPointKind::Zone(zone) => {
                    for port in &zone.antennas {
                        view.ports.insert(*port, (index, None));
                        view.places.insert((port.0, index));
                    }
                }
                ReadPointKind::Station(station) => {
                    for it in &station.scanners {
                        view.scanners.insert(it.device, index);
                        view.places.insert((it.device, index));
                    }
                    for it in station.marks.iter().flat_map(|it| &it.markers) {
                        view.scanners.insert(it.reading.device, index);
                        view.places.insert((it.reading.device, index));
                    }
                }
            }
        }
        view
    }

    /// Zone of the site, for people.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        &self.config.time_zone
    }

    /// Name of a device.
    pub(super) fn device(&self, device: DeviceIndex) -> &str {
        let name = self.config.devices.get(usize::from(device));
        name.map_or("?", String::as_str)
    }

    /// The read point that an antenna belongs to, and its side at a gate.
    pub(super) fn port(
        &self,
        port: (DeviceIndex, u16),
    ) -> Option<(&ReadPointConfig, Option<Side>)> {
        let (index, side) = self.ports.get(&port)?;
        Some((self.config.read_points.get(*index)?, *side))
    }

    /// The station that a scanner belongs to.
    pub(super) fn station(&self, device: DeviceIndex) -> Option<&str> {
        let read_point = self.config.read_points.get(*self.scanners.get(&device)?)?;
        Some(&read_point.name)
    }

    /// Whether a device belongs to a read point.
    pub(super) fn belongs(&self, device: &str, read_point: &str) -> bool {
        self.places.iter().any(|(index, place)| {
            let is_there = self.config.read_points.get(*place);
            self.device(*index) == device && is_there.is_some_and(|it| it.name == read_point)
        })
    }

    /// Refuses names that are not configured.
    pub(super) fn check(&self, wish: &Wish) -> Result<(), String> {
        let devices = self.config.devices.iter().map(String::as_str);
        let read_points = self.config.read_points.iter().map(|it| it.name.as_str());
        if let Some(name) = &wish.device {
            known("device", name, devices)?;
        }
        match &wish.read_point {
            Some(name) => known("read point", name, read_points),
            None => Ok(()),
        }
    }
}

/// What a read point asks of reads, if it is a gate.
pub(super) const fn tuning(read_point: &ReadPointConfig) -> Option<&Tuning> {
    match &read_point.kind {
        ReadPointKind::Gate(gate) => Some(&gate.tuning),
        ReadPointKind::Station(_) | ReadPointKind::Zone(_) => None,
    }
}

/// The weakest read that counts, dBm.
pub(super) const fn min_rssi(read_point: &ReadPointConfig) -> Option<i8> {
    match &read_point.kind {
        ReadPointKind::Gate(gate) => Some(gate.tuning.min_rssi_dbm),
        ReadPointKind::Zone(zone) => Some(zone.tuning.min_rssi_dbm),
        ReadPointKind::Station(_) => None,
    }
}

fn known<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), String> {
    if known.clone().any(|it| it == name) {
        return Ok(());
    }
    let name = crate::health::tame(name);
    Err(match nearest(&name, known.clone()) {
        Some(near) => format!("there is no {what} `{name}`; did you mean `{near}`?"),
        None => {
            let names: Vec<&str> = known.collect();
            format!(
                "there is no {what} `{name}`; there are: {}",
                names.join(", ")
            )
        }
    })
}
