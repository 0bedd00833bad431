//! Whether what the reader tells is what we asked for.
//!
//! Readers fill in what was left to them, sort parameters their own way, and tell antenna 0 as the list of all. So what
//! we asked for must be contained in what is told, and nothing of what chooses tags or antennas may have been added.

use std::collections::BTreeSet;

use crate::codec::Params;
use crate::codec::param::{AISpec, AccessSpec, AntennaConfiguration, C1G2Filter, Param, ROSpec};

/// Readers have at most 32; a hostile number must not make us work.
const ANTENNAS_MAX: u16 = 64;

/// Whether a ROSpec told by the reader does what ours does, whatever its state. `antennas` is how many the reader has.
/// Without `defaults`, nothing may have been added that sets power, sensitivity, mode or a vendor's settings either: it may
/// be left of an older configuration.
pub(super) fn holds_rospec(
    ours: &ROSpec,
    theirs: &ROSpec,
    antennas: Option<u16>,
    defaults: bool,
) -> bool {
    let compare = Compare { antennas, defaults };
    compare.holds(&ours.clone().into(), &theirs.clone().into())
}

/// Whether an AccessSpec told by the reader does what ours does, active or not.
pub(super) fn holds_access_spec(ours: &AccessSpec, theirs: &AccessSpec) -> bool {
    let compare = Compare {
        antennas: None,
        defaults: true,
    };
    compare.holds(&ours.clone().into(), &theirs.clone().into())
}

struct Compare {
    antennas: Option<u16>,
    /// What sets the radio and is not ours is taken for a default of the reader.
    defaults: bool,
}

/// The parameter without its sub-parameters, and these.
macro_rules! split {
    ($param:expr; $( $name:ident ),*) => {
        match $param {
            $( Param::$name(inner) => {
                let mut inner = inner.clone();
                let params = std::mem::take(&mut inner.params);
                (inner.into(), params)
            } )*
            other => (other.clone(), Params::default()),
        }
    };
}

impl Compare {
    fn holds(&self, ours: &Param, theirs: &Param) -> bool {
        let (our_fields, our_params) = self.split(ours);
        let (their_fields, their_params) = self.split(theirs);
        self.alike(&our_fields, &their_fields) && self.holds_all(ours, &our_params, &their_params)
    }

    fn split(&self, param: &Param) -> (Param, Params) {
        let (fields, params) = split!(param; ROSpec, ROBoundarySpec, ROSpecStartTrigger, ROSpecStopTrigger,
            PeriodicTriggerValue, AISpec, AISpecStopTrigger, InventoryParameterSpec, AntennaConfiguration,
            C1G2InventoryCommand, C1G2Filter, C1G2SingulationControl, ROReportSpec, TagReportContentSelector, AccessSpec,
            AccessCommand, C1G2TagSpec);
        match fields {
            Param::InventoryParameterSpec(_) => (fields, self.each_antenna(params)),
            _ => (fields, params),
        }
    }

    /// Configurations of antenna 0 written out for every antenna.
    fn each_antenna(&self, params: Params) -> Params {
        let Some(count) = self.antennas.filter(|count| *count <= ANTENNAS_MAX) else {
            return params;
        };
        let mut each = Params::default();
        for param in params.0 {
            match param {
                Param::AntennaConfiguration(all) if all.antenna_id == 0 => {
                    for antenna_id in 1..=count {
                        each.push(AntennaConfiguration {
                            antenna_id,
                            ..all.clone()
                        });
                    }
                }
                other => each.push(other),
            }
        }
        each
    }

    fn holds_all(&self, of: &Param, ours: &Params, theirs: &Params) -> bool {
        let added = |count: fn(&Params) -> usize| count(ours) != count(theirs);
        let more = match of {
            Param::AccessCommand(_) => added(|params| params.0.len()),
            _ => {
                added(|params| params.all::<AISpec>().count())
                    || added(|params| params.all::<C1G2Filter>().count())
            }
        };
        if more || theirs.0.len() < ours.0.len() {
            return false;
        }
        let mut left: Vec<&Param> = theirs.0.iter().collect();
        let held = ours.0.iter().all(|our| {
            let found = left.iter().position(|their| self.holds(our, their));
            found.is_some_and(|index| {
                left.swap_remove(index);
                true
            })
        });
        held && (self.defaults || !left.into_iter().any(|added| self.sets_radio(added)))
    }

    /// Whether it, or a part of it, sets how tags are read.
    fn sets_radio(&self, param: &Param) -> bool {
        use Param as P;
        let sets = matches!(
            param,
            P::RFTransmitter(_)
                | P::RFReceiver(_)
                | P::C1G2RFControl(_)
                | P::C1G2Filter(_)
                | P::Custom(_)
        );
        let (_, params) = self.split(param);
        sets || params.0.iter().any(|param| self.sets_radio(param))
    }

    /// Whether the fields of a parameter mean what ours mean.
    fn alike(&self, ours: &Param, theirs: &Param) -> bool {
        use Param as P;
        match (ours, theirs) {
            (P::ROSpec(a), P::ROSpec(b)) => (a.rospec_id, a.priority) == (b.rospec_id, b.priority),
            (P::AISpec(a), P::AISpec(b)) => {
                self.antennas(&a.antenna_ids) == self.antennas(&b.antenna_ids)
            }
            // The channel is the reader's business.
            (P::RFTransmitter(a), P::RFTransmitter(b)) => a.transmit_power == b.transmit_power,
            // 0 left it to the reader.
            (P::C1G2RFControl(a), P::C1G2RFControl(b)) => {
                a.mode_index == b.mode_index && (a.tari == 0 || a.tari == b.tari)
            }
            (P::C1G2SingulationControl(a), P::C1G2SingulationControl(b)) => {
                a.session == b.session && a.tag_population == b.tag_population
            }
            (P::TagReportContentSelector(a), P::TagReportContentSelector(b)) => [
                (a.enable_antenna_id, b.enable_antenna_id),
                (a.enable_channel_index, b.enable_channel_index),
                (a.enable_peak_rssi, b.enable_peak_rssi),
                (a.enable_first_seen_timestamp, b.enable_first_seen_timestamp),
                (a.enable_last_seen_timestamp, b.enable_last_seen_timestamp),
                (a.enable_tag_seen_count, b.enable_tag_seen_count),
                (a.enable_access_spec_id, b.enable_access_spec_id),
            ]
            .iter()
            .all(|(ours, theirs)| !ours || *theirs),
            (P::C1G2EPCMemorySelector(a), P::C1G2EPCMemorySelector(b)) => {
                (!a.enable_crc || b.enable_crc)
                    && (!a.enable_pc_bits || b.enable_pc_bits)
                    && (!a.enable_xpc_bits || b.enable_xpc_bits)
            }
            // Newer firmware may tell more fields at the end.
            (P::Custom(a), P::Custom(b)) => {
                (a.vendor, a.subtype) == (b.vendor, b.subtype) && b.data.0.starts_with(&a.data.0)
            }
            (P::AccessSpec(a), P::AccessSpec(b)) => {
                let key =
                    |spec: &AccessSpec| (spec.access_spec_id, spec.antenna_id, spec.rospec_id);
                key(a) == key(b) && a.protocol_id == b.protocol_id
            }
            _ => ours == theirs,
        }
    }

    fn antennas(&self, ids: &[u16]) -> BTreeSet<u16> {
        match self.antennas {
            Some(count) if ids.contains(&0) && count <= ANTENNAS_MAX => (1..=count).collect(),
            _ => ids.iter().copied().collect(),
        }
    }
}
