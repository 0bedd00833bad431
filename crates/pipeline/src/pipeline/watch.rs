//! Zones: which reads they take, and how far they are moved on. And what is to be known about what is read.

use std::collections::{BTreeMap, BTreeSet};

use tracegate_gs1::epc::decode_bank;

use super::book::Books;
use super::{Pipeline, Place};
use crate::clock::{Corrected, DeviceClock, Watermark};
use crate::config::{ReadPointConfig, ReadPointKind};
use crate::fate::Fate;
use crate::filter::{ActiveTags, TagClass};
use crate::gate::EpcKey;
use crate::input::{DeviceIndex, Input, Output, Read};
use crate::movement;
use crate::reference::{self, Reference};
use crate::station;
use crate::time::{Span, Time};
use crate::zone::{Seen, Taken, Zone, ZoneConfig};

/// Things that the guards need to know of besides, of one batch, at most: the others are not known.
pub const MAX_IMPLIED: usize = 4_096;

/// A reader's antenna.
pub(super) type Port = (DeviceIndex, u16);

/// The zone of a read point: all of it, or what it tells about parked stock.
pub(super) fn zone_of(read_point: &ReadPointConfig) -> Option<&ZoneConfig> {
    match &read_point.kind {
        ReadPointKind::Zone(zone) => Some(zone),
        ReadPointKind::Gate(gate) => gate.stay.as_deref(),
        ReadPointKind::Station(_) => None,
    }
}

/// Which antennas look at zones.
pub(super) fn ports(read_points: &[ReadPointConfig]) -> BTreeMap<Port, usize> {
    let zones = read_points.iter().enumerate();
    zones
        .filter_map(|(index, read_point)| Some((index, zone_of(read_point)?)))
        .flat_map(|(index, zone)| zone.antennas.iter().map(move |port| (*port, index)))
        .collect()
}

/// Which exciters stand in zones.
pub(super) fn exciters(read_points: &[ReadPointConfig]) -> BTreeMap<String, usize> {
    let zones = read_points.iter().enumerate();
    zones
        .filter_map(|(index, read_point)| Some((index, zone_of(read_point)?.active.as_ref()?)))
        .flat_map(|(index, zone)| zone.exciters.iter().map(move |id| (id.clone(), index)))
        .collect()
}

impl Pipeline {
    /// Gives a read to the zone that its antenna looks at, if there is one. `None` if it goes on to a gate.
    pub(super) fn watch(
        &mut self,
        port: Port,
        read: &Read,
        corrected: &Corrected,
        outputs: &mut Vec<Output>,
    ) -> Option<Fate> {
        let beacon = read.extra.as_ref().and_then(|extra| extra.beacon.as_ref());
        let (index, mut silence) = match beacon {
            // Its strength tells where it is, and never a direction: it goes no further than here.
            Some(signal) => match self.locate(port, read, signal, corrected, outputs) {
                Ok((index, silence)) => (index, Some(silence)),
                Err(fate) => return Some(fate),
            },
            None => match self.watched.get(&port) {
                Some(index) => (*index, None),
                None => return None,
            },
        };
        let read_point = self.state.config.read_points.get(index)?;
        let config = zone_of(read_point)?;
        // A gate decides for itself what it takes.
        let is_gate = matches!(read_point.kind, ReadPointKind::Gate(_));
        let end = |fate| (!is_gate).then_some(fate);
        let least = config.tuning.min_rssi_dbm;
        if beacon.is_none() && read.rssi_dbm.is_some_and(|rssi| rssi < least) {
            return end(Fate::Weak);
        }
        let zone = self.state.zones.entry(index).or_default();
        let key = EpcKey {
            epc: read.epc.clone(),
            bit_len: read.bit_len,
        };
        if beacon.is_none() && !zone.follows(&key) {
            let (rules, bit_len) = (&self.state.config.tags, usize::from(key.bit_len));
            let identity = decode_bank(read.pc, &key.epc, bit_len);
            if rules.classify(&key.epc, bit_len, &identity) == TagClass::Ignored {
                return end(Fate::Ignored);
            }
            let kind = rules.active_kind(&key.epc, bit_len, &identity);
            silence = kind.and_then(ActiveTags::silence);
        }
        let seen = Seen {
            pc: read.pc,
            uncertainty: corrected.uncertainty,
            silence,
        };
        if zone.push(corrected.at, port, key, seen) == Taken::Late {
            return end(Fate::Late);
        }
        end(Fate::Taken)
    }

    /// Moves every zone on to where its devices' reads are complete; zones of readers that are all away stand still.
    pub(super) fn advance_zones(&mut self, outputs: &mut Vec<Output>) {
        let now = self.state.now;
        let state = &mut self.state;
        for (index, zone) in &mut state.zones {
            let Some(read_point) = state.config.read_points.get(*index) else {
                continue;
            };
            let Some(config) = zone_of(read_point) else {
                continue;
            };
            let (watermark, blind) = sight(&state.devices, config, now);
            let mut noted = Vec::new();
            zone.advance(config, now, watermark, blind, &mut noted);
            let books = Books::new(read_point, &self.zone, &state.config, &state.references);
            books.presences(config, &noted, &mut self.stats, outputs);
        }
    }

    /// Tells what is open in a zone; who is there stays there.
    pub(super) fn settle_zone(
        &mut self,
        zone: &mut Zone,
        read_point: &ReadPointConfig,
        time_zone: &movement::Zone,
        outputs: &mut Vec<Output>,
    ) {
        if let Some(config) = zone_of(read_point) {
            let mut noted = Vec::new();
            zone.settle(config, &mut noted);
            let books = Books::new(
                read_point,
                time_zone,
                &self.state.config,
                &self.state.references,
            );
            books.presences(config, &noted, &mut self.stats, outputs);
        }
    }

    /// The wall clock was set back by `by`: what is open in zones is told, and who is there stays there.
    pub(super) fn set_zones_back(&mut self, by: Span, outputs: &mut Vec<Output>) {
        let (mut zones, time_zone) = (std::mem::take(&mut self.state.zones), self.zone.clone());
        for (index, zone) in &mut zones {
            if let Some(read_point) = self.state.config.read_points.get(*index).cloned() {
                self.settle_zone(zone, &read_point, &time_zone, outputs);
            }
            zone.set_back(by);
        }
        self.state.whereabouts.set_back(by);
        self.state.zones = zones;
    }

    /// Which things an input mentions that nothing is known of and that no read point follows yet, as canonical URIs. Whoever
    /// has a table of them hands in an [`Input::References`] with what it says before the input itself.
    #[must_use]
    pub fn wanted(&self, input: &Input) -> Vec<String> {
        let mut wanted = BTreeSet::new();
        match input {
            Input::Reads { device, reads, .. } => {
                let mut seen = BTreeSet::new();
                for read in reads {
                    let is_new = seen.insert((&read.epc, read.bit_len));
                    if is_new && !self.is_followed((*device, read.antenna), read) {
                        let bit_len = usize::from(read.bit_len);
                        let tag = decode_bank(read.pc, &read.epc, bit_len);
                        wanted.extend(tag.epc().map(|epc| epc.instance_uri()));
                    }
                }
            }
            Input::Scan { device, data, .. } => {
                if let Some((index, scanner)) = self.scanners.get(device) {
                    if let Some(codes) = self.codes.get(index) {
                        // Asked for anew: an answer must not rest on what was known a minute ago.
                        let mut keys = station::mentioned(codes, scanner, data);
                        if let Some(Place::Station(station)) = self.state.places.get(*index) {
                            keys.extend(station.desk.mentions());
                        }
                        keys.sort_unstable();
                        keys.dedup();
                        return keys;
                    }
                    if let Ok(identity) = station::identify(data, scanner) {
                        let read_point = self.state.config.read_points.get(*index);
                        if read_point.is_some_and(|it| it.guard.is_some()) {
                            let keys: BTreeSet<_> = station::judged_by(&identity).collect();
                            return keys.into_iter().collect();
                        }
                        wanted.extend(identity.instance_uri());
                        wanted.extend(identity.class_uri().filter(|_| identity.lot().is_some()));
                    }
                }
            }
            Input::Mark(report) => wanted.extend(self.mark_mentions(report)),
            _ => {}
        }
        wanted.retain(|key| !self.state.references.knows(key));
        wanted.into_iter().collect()
    }

    /// The things of which something is known now, and those that the guards would like to know of besides: whoever has a
    /// table hands in what changes of them.
    #[must_use]
    pub fn known(&self) -> BTreeSet<String> {
        let references = &self.state.references;
        let mut known: BTreeSet<String> = references.keys().cloned().collect();
        if self.is_guarded() {
            let implied = references.keys().flat_map(|key| references.implied(key));
            let implied: Vec<String> = implied.take(MAX_IMPLIED).collect();
            known.extend(implied);
        }
        known
    }

    /// Which things the guards need to know of besides, when these records are handed in: the lots of serial numbers and of what
    /// is on pallets; a bounded number. To be asked with what was found for [`Self::wanted`], and once more with what
    /// was found for that.
    #[must_use]
    pub fn implied(&self, records: &[Reference]) -> Vec<String> {
        if !self.is_guarded() {
            return Vec::new();
        }
        let facts = records
            .iter()
            .filter_map(|it| Some((&it.key, it.facts.as_ref()?)));
        let implied = facts.flat_map(|(key, facts)| reference::implied(key, facts));
        let mut implied: BTreeSet<String> = implied.collect();
        for record in records {
            implied.remove(&record.key);
        }
        implied.retain(|key| !self.state.references.knows(key));
        implied.into_iter().take(MAX_IMPLIED).collect()
    }

    fn is_guarded(&self) -> bool {
        let mut read_points = self.state.config.read_points.iter();
        read_points.any(|read_point| read_point.guard.is_some())
    }

    fn is_followed(&self, port: Port, read: &Read) -> bool {
        let key = EpcKey {
            epc: read.epc.clone(),
            bit_len: read.bit_len,
        };
        let gate = self.ports.get(&port);
        if let Some((index, _)) = gate {
            return match self.state.places.get(*index) {
                Some(Place::Gate(gate)) => gate.follows(&key),
                _ => true,
            };
        }
        let Some(index) = self.watched.get(&port) else {
            return true;
        };
        let zone = self.state.zones.get(index);
        zone.is_some_and(|zone| zone.follows(&key))
    }

    /// Forgets facts about things that nobody follows.
    pub(super) fn sweep_references(&mut self) {
        let state = &mut self.state;
        let (places, zones) = (&state.places, &state.zones);
        state.references.sweep(state.now, || {
            let gates = places.iter().filter_map(|place| match place {
                Place::Gate(gate) => Some(gate.followed()),
                Place::Station(_) | Place::Zone => None,
            });
            let followed = gates
                .flatten()
                .chain(zones.values().flat_map(Zone::followed));
            let uri = |(key, pc): (&EpcKey, Option<u16>)| {
                decode_bank(pc, &key.epc, usize::from(key.bit_len)).uri()
            };
            followed.map(uri).collect()
        });
        self.stats.references_capped = state.references.capped;
    }
}

/// How far the zone's readers that are not away have told everything, and which are away.
fn sight(
    devices: &[DeviceClock],
    config: &ZoneConfig,
    now: Time,
) -> (Option<Time>, BTreeSet<DeviceIndex>) {
    let receivers = config
        .active
        .iter()
        .flat_map(|it| it.receivers.iter().copied());
    let antennas = config.antennas.iter().map(|(device, _)| *device);
    let used: BTreeSet<DeviceIndex> = antennas.chain(receivers).collect();
    let (mut watermark, mut blind) = (None, BTreeSet::new());
    for device in used {
        let Some(clock) = devices.get(usize::from(device)) else {
            continue;
        };
        let tuning = &config.tuning;
        match clock.watermark(now, tuning.allowed_lateness, tuning.down_grace) {
            Watermark::At(at) => {
                watermark = Some(watermark.map_or(at, |known: Time| known.min(at)))
            }
            Watermark::Excluded => {}
        }
        if !clock.is_up() {
            blind.insert(device);
        }
    }
    (watermark, blind)
}
