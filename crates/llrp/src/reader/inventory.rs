//! Running ROSpecs: from sightings to tag reports.

use super::{Reader, Sighting};
use crate::codec::code::{
    AISpecStopTriggerType, ROReportTriggerType, ROSpecEventType, ROSpecStartTriggerType,
    ROSpecState, ROSpecStopTriggerType,
};
use crate::codec::field::Bits;
use crate::codec::param::{
    AISpec, AISpecStopTrigger, AntennaID, C1G2CRC, C1G2EPCMemorySelector, C1G2PC, EPC96, EPCData,
    FirstSeenTimestampUTC, FirstSeenTimestampUptime, InventoryParameterSpecID,
    LastSeenTimestampUTC, LastSeenTimestampUptime, PeakRSSI, ROBoundarySpec, ROReportSpec, ROSpec,
    ROSpecID, ROSpecStartTrigger, ROSpecStopTrigger, SpecIndex, TagReportContentSelector,
    TagReportData, TagSeenCount,
};
use crate::codec::{Param, Params};
use crate::wire::Writer;

/// Most different tags gathered for one report that waits for its trigger.
const SEEN_MAX: usize = 4096;

/// A ROSpec and what it has seen since its last report.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) spec: ROSpec,
    pub(super) ends_us: Option<u64>,
    pub(super) seen: Vec<Seen>,
}

/// One tag on one antenna since the last report.
#[derive(Debug)]
pub(super) struct Seen {
    sighting: Sighting,
    first_us: u64,
    last_us: u64,
    count: u16,
}

impl Spec {
    pub(super) fn new(spec: ROSpec) -> Self {
        Self {
            spec,
            ends_us: None,
            seen: Vec::new(),
        }
    }

    pub(super) fn starts_immediately(&self) -> bool {
        self.spec
            .params
            .first::<ROBoundarySpec>()
            .and_then(|b| b.params.first::<ROSpecStartTrigger>())
            .is_some_and(|t| t.trigger_type == ROSpecStartTriggerType::Immediate)
    }

    /// How long it runs once started: until its own duration, or until all its AISpecs are over.
    fn lifetime_us(&self) -> Option<u64> {
        let own = self
            .spec
            .params
            .first::<ROBoundarySpec>()
            .and_then(|b| b.params.first::<ROSpecStopTrigger>())
            .filter(|t| t.trigger_type == ROSpecStopTriggerType::Duration)
            .map(|t| u64::from(t.duration_ms));
        let parts: Option<u64> = self
            .spec
            .params
            .all::<AISpec>()
            .map(|ai| {
                ai.params
                    .first::<AISpecStopTrigger>()
                    .filter(|t| t.trigger_type == AISpecStopTriggerType::Duration)
                    .map(|t| u64::from(t.duration_ms))
            })
            .sum();
        own.into_iter()
            .chain(parts)
            .min()
            .map(|ms| ms.max(1) * 1000)
    }

    fn covers(&self, antenna: u16) -> bool {
        self.spec.current_state == ROSpecState::Active
            && self
                .spec
                .params
                .all::<AISpec>()
                .any(|ai| ai.antenna_ids.iter().any(|&id| id == 0 || id == antenna))
    }

    fn see(&mut self, utc_us: u64, sighting: &Sighting, gather: bool) -> bool {
        let known = |seen: &&mut Seen| {
            seen.sighting.epc == sighting.epc
                && seen.sighting.bit_len == sighting.bit_len
                && seen.sighting.antenna == sighting.antenna
        };
        if gather && let Some(seen) = self.seen.iter_mut().find(known) {
            seen.last_us = utc_us;
            seen.count = seen.count.saturating_add(1);
            seen.sighting.rssi_dbm = seen.sighting.rssi_dbm.max(sighting.rssi_dbm);
            return true;
        }
        if self.seen.len() >= SEEN_MAX {
            return false;
        }
        self.seen.push(Seen {
            sighting: *sighting,
            first_us: utc_us,
            last_us: utc_us,
            count: 1,
        });
        true
    }
}

impl Reader {
    /// The radio sees a tag. True if an active ROSpec covers the antenna, so that a report will come of it.
    pub fn tag(&mut self, utc_us: u64, sighting: &Sighting) -> bool {
        self.tick(utc_us);
        let exists = (1..=self.config.antennas).contains(&sighting.antenna);
        let Some(index) = self
            .specs
            .iter()
            .position(|spec| exists && spec.covers(sighting.antenna))
        else {
            self.counters.uncovered_sightings += 1;
            return false;
        };
        self.counters.sightings += 1;
        let (trigger, n) = self.report_trigger(index);
        let Some(spec) = self.specs.get_mut(index) else {
            return false;
        };
        if !spec.see(utc_us, sighting, n != 1) {
            self.counters.reports_overflowed += 1;
            self.overflow_untold = true;
        }
        if trigger != ROReportTriggerType::None && n > 0 && spec.seen.len() >= usize::from(n) {
            self.report(index);
        }
        true
    }

    /// Starts a ROSpec that is enabled.
    pub(super) fn start(&mut self, index: usize) {
        let Some(spec) = self.specs.get_mut(index) else {
            return;
        };
        spec.spec.current_state = ROSpecState::Active;
        spec.ends_us = spec.lifetime_us().map(|us| self.now_us.saturating_add(us));
        let id = spec.spec.rospec_id;
        self.notify_rospec(ROSpecEventType::Start, id);
    }

    /// Ends an active ROSpec; what it has seen is reported.
    pub(super) fn stop(&mut self, index: usize, state: ROSpecState) {
        let Some(spec) = self.specs.get_mut(index) else {
            return;
        };
        let was_active = spec.spec.current_state == ROSpecState::Active;
        spec.spec.current_state = state;
        spec.ends_us = None;
        let id = spec.spec.rospec_id;
        if was_active {
            if self.report_trigger(index).0 != ROReportTriggerType::None {
                self.report(index);
            }
            self.notify_rospec(ROSpecEventType::End, id);
        }
    }

    pub(super) fn end_due_specs(&mut self) {
        for index in 0..self.specs.len() {
            let due = |spec: &Spec| spec.ends_us.is_some_and(|end| end <= self.now_us);
            if self.specs.get(index).is_some_and(due) {
                self.stop(index, ROSpecState::Inactive);
                if self.specs.get(index).is_some_and(Spec::starts_immediately) {
                    self.start(index);
                }
            }
        }
    }

    /// Moves what a ROSpec has seen to the queue of reports.
    pub(super) fn report(&mut self, index: usize) {
        let selector = self.selector(index);
        let Some(spec) = self.specs.get_mut(index) else {
            return;
        };
        let rospec_id = spec.spec.rospec_id;
        for seen in std::mem::take(&mut spec.seen) {
            if self.connection.is_none() && !self.settings.hold {
                self.counters.reports_discarded += 1;
                continue;
            }
            let data = self.tag_report(&seen, rospec_id, &selector);
            let mut w = Writer::new();
            Param::from(data).encode(&mut w);
            self.reports.push_back(w.finish().unwrap_or_default());
            if self.reports.len() > self.config.held_reports_max {
                self.reports.pop_front();
                self.counters.reports_overflowed += 1;
                self.overflow_untold = true;
            }
        }
    }

    fn report_spec(&self, index: usize) -> Option<&ROReportSpec> {
        let own = self
            .specs
            .get(index)
            .and_then(|spec| spec.spec.params.first::<ROReportSpec>());
        own.or(self.settings.report_spec.as_ref())
    }

    fn report_trigger(&self, index: usize) -> (ROReportTriggerType, u16) {
        self.report_spec(index)
            .map_or((ROReportTriggerType::UponNTagsOrEndOfROSpec, 0), |spec| {
                (spec.trigger, spec.n)
            })
    }

    fn selector(&self, index: usize) -> TagReportContentSelector {
        let spec = self
            .report_spec(index)
            .and_then(|spec| spec.params.first::<TagReportContentSelector>());
        spec.cloned().unwrap_or_else(|| TagReportContentSelector {
            enable_antenna_id: true,
            enable_peak_rssi: true,
            enable_first_seen_timestamp: true,
            ..TagReportContentSelector::default()
        })
    }

    fn tag_report(
        &self,
        seen: &Seen,
        rospec_id: u32,
        want: &TagReportContentSelector,
    ) -> TagReportData {
        let Sighting {
            epc,
            bit_len,
            pc,
            antenna,
            rssi_dbm,
        } = seen.sighting;
        let mut params = Params::default();
        match <[u8; 12]>::try_from(epc.as_slice()) {
            Ok(epc) if bit_len == 96 => params.push(EPC96 { epc }),
            _ => params.push(EPCData {
                epc: Bits::new(bit_len, epc.as_slice()),
            }),
        }
        if want.enable_rospec_id {
            params.push(ROSpecID { rospec_id });
        }
        if want.enable_spec_index {
            params.push(SpecIndex { spec_index: 1 });
        }
        if want.enable_inventory_parameter_spec_id {
            params.push(InventoryParameterSpecID {
                inventory_parameter_spec_id: 1,
            });
        }
        if want.enable_antenna_id {
            params.push(AntennaID {
                antenna_id: antenna,
            });
        }
        if want.enable_peak_rssi {
            params.push(PeakRSSI {
                peak_rssi: rssi_dbm,
            });
        }
        let booted_us = self.booted_us.unwrap_or_default();
        let (first, last) = (
            seen.first_us.saturating_sub(booted_us),
            seen.last_us.saturating_sub(booted_us),
        );
        match (want.enable_first_seen_timestamp, self.config.has_utc_clock) {
            (true, true) => params.push(FirstSeenTimestampUTC {
                microseconds: seen.first_us,
            }),
            (true, false) => params.push(FirstSeenTimestampUptime {
                microseconds: first,
            }),
            _ => {}
        }
        match (want.enable_last_seen_timestamp, self.config.has_utc_clock) {
            (true, true) => params.push(LastSeenTimestampUTC {
                microseconds: seen.last_us,
            }),
            (true, false) => params.push(LastSeenTimestampUptime { microseconds: last }),
            _ => {}
        }
        if want.enable_tag_seen_count {
            params.push(TagSeenCount {
                tag_count: seen.count,
            });
        }
        let memory = want.params.first::<C1G2EPCMemorySelector>();
        if memory.is_some_and(|m| m.enable_crc) {
            params.push(C1G2CRC { crc: 0 });
        }
        if memory.is_some_and(|m| m.enable_pc_bits) {
            params.push(C1G2PC { pc_bits: pc });
        }
        TagReportData { params }
    }
}
