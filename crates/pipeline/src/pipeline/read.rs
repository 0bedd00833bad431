//! Reads: each has a fate, which is decided here, counted, and told to whoever follows.

use tracegate_gs1::epc::decode_bank;

use super::{Pipeline, Place};
use crate::config::ReadPointKind;
use crate::fate::{Fate, Trace};
use crate::filter::TagClass;
use crate::gate::{EpcKey, Sighting};
use crate::input::{DeviceIndex, Output, Read};
use crate::sensing::Sensed;
use crate::time::{Span, Time};

impl Pipeline {
    /// From here on notes what becomes of every read, for [`Self::traced`]; or no longer.
    pub fn trace(&mut self, on: bool) {
        self.trace = on.then(|| self.trace.take().unwrap_or_default());
    }

    /// What was noted since the last call.
    pub fn traced(&mut self) -> Trace {
        self.trace.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes a read that arrived at `at` and can be dated `now`.
    pub(super) fn read(
        &mut self,
        device: DeviceIndex,
        times: (Time, Time),
        read: Read,
        outputs: &mut Vec<Output>,
    ) -> Fate {
        let count = 1 + u64::from(read.more);
        self.stats.reads += count;
        let fate = self.take_read(device, times, read, outputs);
        self.stats.decided(fate, count);
        fate
    }

    fn take_read(
        &mut self,
        device: DeviceIndex,
        (at, now): (Time, Time),
        read: Read,
        outputs: &mut Vec<Output>,
    ) -> Fate {
        let arrived = at - Span(read.waited_us.into());
        let Some(clock) = self.state.devices.get_mut(usize::from(device)) else {
            return Fate::Unassigned;
        };
        let corrected = clock.date_read(arrived, read.device_time);
        self.note_step(device, now, corrected, outputs);
        let port = (device, read.antenna);
        if let Some(fate) = self.watch(port, &read, &corrected, outputs) {
            return fate;
        }
        let Some(&(index, side)) = self.ports.get(&port) else {
            return Fate::Unassigned;
        };
        let read_point = self.state.config.read_points.get(index);
        let (Some(Place::Gate(gate)), Some(ReadPointKind::Gate(config))) = (
            self.state.places.get_mut(index),
            read_point.map(|read_point| &read_point.kind),
        ) else {
            return Fate::Unassigned;
        };
        if read
            .rssi_dbm
            .is_some_and(|rssi| rssi < config.tuning.min_rssi_dbm)
        {
            return Fate::Weak;
        }
        let key = EpcKey {
            epc: read.epc,
            bit_len: read.bit_len,
        };
        let known = gate.known(&key);
        let class = match known {
            Some(tag) => tag.class,
            None => {
                let bit_len = usize::from(key.bit_len);
                let identity = decode_bank(read.pc, &key.epc, bit_len);
                let rules = &self.state.config.tags;
                match rules.judge(&key.epc, bit_len, &identity) {
                    Ok(class) => class,
                    Err(unfit) => return Fate::Unfit(unfit),
                }
            }
        };
        let is_parked = known.is_some_and(|tag| tag.is_parked());
        match class {
            TagClass::Ignored => return Fate::Ignored,
            TagClass::Carrier => {
                gate.note_carrier(corrected.at, key);
                return Fate::Carrier;
            }
            TagClass::Cargo | TagClass::LoadUnit => {}
        }
        let sighting = Sighting {
            side,
            class,
            pc: read.pc,
            rssi_dbm: read.rssi_dbm,
            uncertainty: corrected.uncertainty,
            sensed: read.extra.and_then(|extra| {
                let sensors = &self.state.config.sensors;
                let (sensed, mismatches) = Sensed::new(&extra, sensors, read.pc, &key);
                self.stats.sensor_mismatches += mismatches;
                sensed
            }),
        };
        if gate.is_late(corrected.at) {
            gate.take_late(&config.tuning, now, corrected.at, port, (key, sighting));
            return Fate::Late;
        }
        gate.push(corrected.at, port, key, sighting);
        if is_parked { Fate::Parked } else { Fate::Taken }
    }
}
