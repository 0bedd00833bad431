//! From sightings to tag reports.

use super::access::Results;
use super::memory::crc;
use super::vendor::{self, Measured, Wanted};
use super::{Reader, Sighting};
use crate::codec::code::{NotificationEventType, ROReportTriggerType, ROSpecState};
use crate::codec::field::Bits;
use crate::codec::param::{
    AccessSpecID, AntennaConfiguration, AntennaID, C1G2CRC, C1G2EPCMemorySelector, C1G2Filter,
    C1G2InventoryCommand, C1G2PC, ChannelIndex, EPC96, EPCData, FirstSeenTimestampUTC,
    FirstSeenTimestampUptime, InventoryParameterSpec, InventoryParameterSpecID,
    LastSeenTimestampUTC, LastSeenTimestampUptime, PeakRSSI, ROReportSpec, ROSpecID,
    ReportBufferLevelWarningEvent, SpecIndex, TagReportContentSelector, TagReportData,
    TagSeenCount,
};
use crate::codec::{Param, Params, UnknownParam};
use crate::wire::Writer;

/// Most different tags gathered for one report that waits for its trigger.
const SEEN_MAX: usize = 4096;

/// One tag on one antenna since the last report.
#[derive(Debug)]
pub(super) struct Seen {
    sighting: Sighting,
    /// By the reader's clock: UTC if it has it, else uptime.
    first_us: u64,
    last_us: u64,
    count: u16,
    channel: u16,
    results: Results,
}

impl Reader {
    /// The radio sees a tag at `utc_us`. True if an active ROSpec covers it, so that a report will come of it.
    pub fn tag(&mut self, utc_us: u64, sighting: &Sighting) -> bool {
        self.tick(utc_us);
        let connected = usize::from(sighting.antenna)
            .checked_sub(1)
            .and_then(|index| self.antennas.get(index));
        let there = connected.is_some_and(|&connected| connected);
        let active = |index: &usize| {
            self.specs.get(*index).is_some_and(|spec| {
                spec.spec.current_state == ROSpecState::Active && spec.covers(sighting.antenna)
            })
        };
        let index = (0..self.specs.len()).find(active);
        let Some(index) = index.filter(|&index| there && self.selects(index, sighting)) else {
            self.counters.uncovered_sightings += 1;
            return false;
        };
        self.counters.sightings += 1;
        let rospec_id = self.specs.get(index).map_or(0, |spec| spec.spec.rospec_id);
        let results = self.access(rospec_id, sighting).unwrap_or_default();
        let at_once = results.at_once;
        if !self.gather(index, utc_us, sighting, results) {
            self.counters.reports_overflowed += 1;
            self.overflow_untold = true;
        }
        let full = self.is_report_full(index);
        if full || at_once {
            self.report(index);
        }
        let now_us = self.now_us;
        let ended = self
            .specs
            .get_mut(index)
            .is_some_and(|spec| spec.observe(now_us, &sighting.epc));
        if ended {
            self.end_part(index);
        }
        true
    }

    /// Whether the Select filters of the part under way let the tag through.
    fn selects(&self, index: usize, sighting: &Sighting) -> bool {
        let Some(ai) = self.specs.get(index).and_then(|spec| spec.part()) else {
            return false;
        };
        let own = ai
            .params
            .all::<InventoryParameterSpec>()
            .flat_map(|spec| spec.params.all::<AntennaConfiguration>());
        let command = own
            .chain(&self.settings.antennas)
            .filter(|antenna| [0, sighting.antenna].contains(&antenna.antenna_id))
            .find_map(|antenna| antenna.params.first::<C1G2InventoryCommand>());
        let filters = command
            .into_iter()
            .flat_map(|c| c.params.all::<C1G2Filter>());
        self.selected_by(sighting, filters)
    }

    /// Adds a sighting to what the next report holds; `false` when there is no room.
    fn gather(&mut self, index: usize, at_us: u64, sighting: &Sighting, results: Results) -> bool {
        let (trigger, n) = self.report_trigger(index);
        let at_us = self.clock_us(at_us);
        let channels = self.config.frequencies_khz.len().max(1) as u64;
        let channel = (at_us / 200_000 % channels) as u16 + 1;
        let deadline_ms = match trigger {
            ROReportTriggerType::UponNSecondsOrEndOfAISpec
            | ROReportTriggerType::UponNSecondsOrEndOfROSpec => u64::from(n) * 1000,
            ROReportTriggerType::UponNMillisecondsOrEndOfAISpec
            | ROReportTriggerType::UponNMillisecondsOrEndOfROSpec => u64::from(n),
            _ => 0,
        };
        let now_us = self.now_us;
        let Some(spec) = self.specs.get_mut(index) else {
            return false;
        };
        if deadline_ms > 0 && spec.report_us.is_none() {
            spec.report_us = Some(now_us.saturating_add(deadline_ms * 1000));
        }
        let known = |seen: &&mut Seen| {
            seen.sighting.epc == sighting.epc
                && seen.sighting.bit_len == sighting.bit_len
                && seen.sighting.antenna == sighting.antenna
        };
        let gathers = deadline_ms > 0 || n != 1;
        if gathers
            && results.params.is_empty()
            && let Some(seen) = spec.seen.iter_mut().find(known)
        {
            seen.last_us = at_us;
            seen.count = seen.count.saturating_add(1);
            seen.sighting.rssi_dbm = seen.sighting.rssi_dbm.max(sighting.rssi_dbm);
            return true;
        }
        if spec.seen.len() >= SEEN_MAX {
            return false;
        }
        spec.seen.push(Seen {
            sighting: *sighting,
            first_us: at_us,
            last_us: at_us,
            count: 1,
            channel,
            results,
        });
        true
    }

    fn is_report_full(&self, index: usize) -> bool {
        let (trigger, n) = self.report_trigger(index);
        let by_count = matches!(
            trigger,
            ROReportTriggerType::UponNTagsOrEndOfAISpec
                | ROReportTriggerType::UponNTagsOrEndOfROSpec
        );
        let seen = self.specs.get(index).map_or(0, |spec| spec.seen.len());
        by_count && n > 0 && seen >= usize::from(n)
    }

    /// Moves what a ROSpec has seen to the queue of reports.
    pub(super) fn report(&mut self, index: usize) {
        let Some(spec) = self.specs.get_mut(index) else {
            return;
        };
        spec.report_us = None;
        let rospec_id = spec.spec.rospec_id;
        let all_seen = std::mem::take(&mut spec.seen);
        let selector = self.selector(index);
        let wanted = self.report_spec(index).map(Wanted::of).unwrap_or_default();
        for seen in all_seen {
            if self.connection.is_none() && !self.settings.hold {
                self.counters.reports_discarded += 1;
                continue;
            }
            let data = self.tag_report(&seen, rospec_id, &selector, wanted);
            let mut w = Writer::new();
            Param::from(data).encode(&mut w);
            self.reports.push_back(w.finish().unwrap_or_default());
            if self.reports.len() > self.config.held_reports_max {
                self.reports.pop_front();
                self.counters.reports_overflowed += 1;
                self.overflow_untold = true;
            }
        }
        self.warn_of_full_buffer();
    }

    fn warn_of_full_buffer(&mut self) {
        let percent = self.reports.len() * 100 / self.config.held_reports_max.max(1);
        let full = percent >= usize::from(self.config.buffer_warning_percent);
        if full && !self.buffer_warned {
            let event = ReportBufferLevelWarningEvent {
                percentage_full: u8::try_from(percent).unwrap_or(100),
            };
            self.notify(NotificationEventType::ReportBufferFillWarning, event);
        }
        self.buffer_warned = full;
    }

    fn report_spec(&self, index: usize) -> Option<&ROReportSpec> {
        let own = self
            .specs
            .get(index)
            .and_then(|spec| spec.spec.params.first::<ROReportSpec>());
        own.or(self.settings.report_spec.as_ref())
    }

    pub(super) fn report_trigger(&self, index: usize) -> (ROReportTriggerType, u16) {
        self.report_spec(index)
            .map_or((ROReportTriggerType::UponNTagsOrEndOfROSpec, 0), |spec| {
                (spec.trigger, spec.n)
            })
    }

    fn selector(&self, index: usize) -> TagReportContentSelector {
        let spec = self
            .report_spec(index)
            .and_then(|spec| spec.params.first::<TagReportContentSelector>());
        spec.cloned().unwrap_or_else(default_selector)
    }

    fn tag_report(
        &self,
        seen: &Seen,
        rospec_id: u32,
        want: &TagReportContentSelector,
        wanted: Wanted,
    ) -> TagReportData {
        let sighting = &seen.sighting;
        let mut params = Params::default();
        match <[u8; 12]>::try_from(sighting.epc.as_slice()) {
            Ok(epc) if sighting.bit_len == 96 => params.push(EPC96 { epc }),
            _ => params.push(EPCData {
                epc: Bits::new(sighting.bit_len, sighting.epc.as_slice()),
            }),
        }
        if self.faults.unknown_parameters {
            params.0.push(unknown_parameter());
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
                antenna_id: sighting.antenna,
            });
        }
        if want.enable_peak_rssi {
            params.push(PeakRSSI {
                peak_rssi: sighting.rssi_dbm,
            });
        }
        if want.enable_channel_index {
            params.push(ChannelIndex {
                channel_index: seen.channel,
            });
        }
        self.push_times(seen, want, &mut params);
        if want.enable_tag_seen_count {
            params.push(TagSeenCount {
                tag_count: seen.count,
            });
        }
        if let Some(memory) = want.params.first::<C1G2EPCMemorySelector>() {
            if memory.enable_crc {
                params.push(C1G2CRC { crc: crc(sighting) });
            }
            if memory.enable_pc_bits {
                params.push(C1G2PC {
                    pc_bits: sighting.pc,
                });
            }
        }
        if want.enable_access_spec_id {
            params.push(AccessSpecID {
                access_spec_id: seen.results.access_spec_id,
            });
        }
        params.0.extend(seen.results.params.iter().cloned());
        let tid = self.memory(sighting.epc.as_slice()).tid;
        let measured = Measured {
            tid: &tid,
            phase: (seen.first_us / 7 % 4096) as u16,
            rssi: i16::from(sighting.rssi_dbm) * 100 - 25,
            doppler: 0,
        };
        params
            .0
            .extend(vendor::report(self.config.manufacturer, wanted, measured).0);
        if self.faults.unknown_parameters {
            // Type 100 without a length: what follows it could not be found, so it comes last.
            params.0.push(Param::Tail(vec![0x80 | 100, 1, 2, 3]));
        }
        TagReportData { params }
    }

    fn push_times(&self, seen: &Seen, want: &TagReportContentSelector, params: &mut Params) {
        let utc = self.config.has_utc_clock;
        if want.enable_first_seen_timestamp {
            let microseconds = seen.first_us;
            params.push(if utc {
                Param::from(FirstSeenTimestampUTC { microseconds })
            } else {
                FirstSeenTimestampUptime { microseconds }.into()
            });
        }
        if want.enable_last_seen_timestamp {
            let microseconds = seen.last_us;
            params.push(if utc {
                Param::from(LastSeenTimestampUTC { microseconds })
            } else {
                LastSeenTimestampUptime { microseconds }.into()
            });
        }
    }
}

/// What is reported when no client has said.
pub(super) fn default_selector() -> TagReportContentSelector {
    TagReportContentSelector {
        enable_antenna_id: true,
        enable_peak_rssi: true,
        enable_first_seen_timestamp: true,
        ..TagReportContentSelector::default()
    }
}

/// A TLV parameter of a type that no version of LLRP has.
pub(super) fn unknown_parameter() -> Param {
    Param::Unknown(UnknownParam {
        header: 900,
        bytes: vec![1, 2, 3, 4, 5],
    })
}
