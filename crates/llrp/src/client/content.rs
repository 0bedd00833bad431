//! What tag reports say, and when they are sent.

use super::capabilities::ZEBRA;
use super::refusal::Extra;
use super::rospec::{Planner, millis};
use crate::codec::Params;
use crate::codec::code::ROReportTriggerType;
use crate::codec::impinj::{
    EnablePeakRSSI, EnableRFDopplerFrequency, EnableRFPhaseAngle, EnableSerializedTID, Switch,
    TagReportContentSelector as ImpinjSelector,
};
use crate::codec::param::{C1G2EPCMemorySelector, ROReportSpec, TagReportContentSelector};

impl Planner<'_> {
    /// Reports as soon as a tag is seen, or gathered for a bounded time where that can be said. The inventory itself
    /// never pauses for a report: stop triggers that do make the radio stop and start, and tags on moving loads are
    /// missed.
    pub(super) fn report_spec(&mut self) -> (ROReportSpec, bool) {
        let mut report = ROReportSpec {
            trigger: ROReportTriggerType::UponNTagsOrEndOfROSpec,
            n: 1,
            params: Params::default(),
        };
        let interval = millis(self.config.report_interval);
        if self.terms.version >= 2 && interval > 0 && self.asking.may(Extra::ReportTiming) {
            report.trigger = ROReportTriggerType::UponNMillisecondsOrEndOfROSpec;
            report.n = u16::try_from(interval).unwrap_or(u16::MAX);
        }
        let vendor = self.vendor_selector();
        let tid_by_access = self.config.report.tid && vendor.is_none();
        let content = self.selector(tid_by_access);
        report.params.push(content);
        report.params.0.extend(vendor.map(Into::into));
        (report, tid_by_access)
    }

    fn selector(&mut self, tid_by_access: bool) -> TagReportContentSelector {
        let want = self.config.report;
        let accesses = tid_by_access || !self.config.access_reads.is_empty();
        let xpc = want.xpc && self.can_report_xpc();
        let more =
            (want.crc || xpc || want.channel || accesses) && self.asking.may(Extra::ReportContent);
        let memory = C1G2EPCMemorySelector {
            enable_crc: more && want.crc,
            enable_pc_bits: true,
            enable_xpc_bits: more && xpc,
        };
        TagReportContentSelector {
            enable_antenna_id: true,
            enable_peak_rssi: true,
            enable_first_seen_timestamp: true,
            enable_last_seen_timestamp: true,
            enable_tag_seen_count: true,
            enable_channel_index: more && want.channel,
            enable_access_spec_id: more && accesses,
            params: Params::default().with(memory),
            ..TagReportContentSelector::default()
        }
    }

    fn can_report_xpc(&mut self) -> bool {
        let why = if self.terms.version < 2 {
            "they came with LLRP 1.1, and this session speaks 1.0.1"
        } else if self.terms.capabilities.can_report_xpc == Some(false) {
            "the reader says it cannot"
        } else {
            return true;
        };
        self.asking
            .limit(format!("XPC words are not reported: {why}"));
        false
    }

    /// What Impinj readers report beyond the standard.
    fn vendor_selector(&mut self) -> Option<ImpinjSelector> {
        let want = self.config.report;
        let radio = [
            (want.phase, "phase"),
            (want.doppler, "Doppler shift"),
            (want.fine_rssi, "fine RSSI"),
        ];
        let missing: Vec<&str> = radio
            .iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, name)| *name)
            .collect();
        if !self.terms.extensions {
            if !missing.is_empty() {
                let zebra = self.terms.capabilities.manufacturer == Some(ZEBRA);
                let hint = if zebra && want.phase {
                    "; a Zebra reader's phase is taken if it is switched on at the reader"
                } else {
                    ""
                };
                self.asking.limit(format!(
                    "{} cannot be asked for: it needs the extensions of an Impinj reader{hint}",
                    missing.join(", ")
                ));
            }
            return None;
        }
        if (missing.is_empty() && !want.tid) || !self.asking.may(Extra::VendorReport) {
            return None;
        }
        let mode = Switch::On;
        let mut params = Params::default();
        if want.tid {
            params.push(EnableSerializedTID {
                mode,
                ..EnableSerializedTID::default()
            });
        }
        if want.phase {
            params.push(EnableRFPhaseAngle {
                mode,
                ..EnableRFPhaseAngle::default()
            });
        }
        if want.fine_rssi {
            params.push(EnablePeakRSSI {
                mode,
                ..EnablePeakRSSI::default()
            });
        }
        if want.doppler {
            params.push(EnableRFDopplerFrequency {
                mode,
                ..EnableRFDopplerFrequency::default()
            });
        }
        Some(ImpinjSelector { params })
    }
}
