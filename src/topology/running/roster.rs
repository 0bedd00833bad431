//! Which devices a configuration has, and what its read points work with of each.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Antennas, Config, ReadPoint};
use crate::health::{Configured, DeviceKind, Uses};

/// All devices and lights.
pub(super) fn roster(
    config: &Config,
    kinds: &BTreeMap<String, DeviceKind>,
) -> BTreeMap<String, Configured> {
    let all = kinds.iter().map(|(name, kind)| {
        let configured = Configured {
            kind: *kind,
            uses: Uses {
                antennas: used_antennas(config, name),
                eyes: eyes(config, name),
            },
            antennas: antennas(config, name),
        };
        (name.clone(), configured)
    });
    all.collect()
}

/// Antennas of a device that read points name.
fn used_antennas(config: &Config, name: &str) -> BTreeSet<u16> {
    let read_points = config.read_point.values();
    let all = read_points.flat_map(ReadPoint::all_antennas);
    let own = all.filter(|antenna| antenna.llrp == name);
    own.map(|antenna| antenna.antenna).collect()
}

/// Inputs of a device with a photo-eye.
fn eyes(config: &Config, name: &str) -> BTreeSet<u16> {
    let read_points = config.read_point.values();
    let all = read_points.flat_map(ReadPoint::eyes);
    let own = all.filter(|(_, input)| input.llrp == name);
    own.map(|(_, input)| input.port).collect()
}

/// Antennas that a reader is told to read with.
fn antennas(config: &Config, name: &str) -> Option<BTreeSet<u16>> {
    match &config.llrp.get(name)?.antennas {
        Antennas::Ports(ports) => Some(ports.keys().copied().collect()),
        _ => None,
    }
}
