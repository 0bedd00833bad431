//! Vendors' extensions: which parameters are taken, and what the reader adds of its own.
//!
//! Impinj's stay shut until IMPINJ_ENABLE_EXTENSIONS has come on the connection; Zebra's come unasked.

use super::config::{IMPINJ, ZEBRA};
use super::refusal::Problem;
use crate::codec::code::{CapabilitiesRequest, StatusCode};
use crate::codec::impinj::{
    self, EnableExtensions, EnableExtensionsResponse, LinkMonitorConfiguration, Switch,
};
use crate::codec::message::{CustomMessage, Message};
use crate::codec::param::{AccessCommand, C1G2InventoryCommand, Custom, LLRPStatus, ROReportSpec};
use crate::codec::{Parameter, Params, zebra};

/// Whether a vendor parameter may stand where it stands.
pub(super) fn check(
    manufacturer: u32,
    extended: bool,
    parent: Option<u16>,
    custom: &Custom,
) -> Result<(), Problem> {
    let refuse = |text: &str| {
        let code = StatusCode::NestedUnsupportedParameter;
        Err(Problem::parameter(Custom::TYPE, code, text))
    };
    if custom.vendor != manufacturer {
        return refuse("this reader does not know the vendor's extensions");
    }
    if manufacturer == ZEBRA {
        return Ok(());
    }
    if manufacturer != IMPINJ || !extended {
        return refuse("the extensions have not been enabled");
    }
    let fits = match custom.subtype {
        // What is asked for in GET_READER_CAPABILITIES and GET_READER_CONFIG; settings of the whole reader.
        21 | 22 | 36 | 38 | 39 => parent.is_none(),
        // Search mode, frequencies, low duty cycle.
        23 | 26 | 27 | 28 => parent == Some(C1G2InventoryCommand::TYPE),
        40 | 41 | 63 | 65 | 66 => parent.is_none() || parent == Some(AccessCommand::TYPE),
        50 => parent == Some(ROReportSpec::TYPE),
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        refuse("the extension does not belong there")
    }
}

/// The answer to a vendor's message, if it is one this maker knows; the extensions are on afterwards.
pub(super) fn answer(manufacturer: u32, request: &CustomMessage) -> Option<Message> {
    EnableExtensions::from_message(request).filter(|_| manufacturer == IMPINJ)?;
    let params = Params::default().with(LLRPStatus::default());
    Some(EnableExtensionsResponse { params }.into())
}

/// Unanswered keepalives after which the connection is given up, if SET_READER_CONFIG says so (Impinj).
pub(super) fn link_monitor(params: &Params) -> Option<Option<u16>> {
    let monitor = params.vendor::<LinkMonitorConfiguration>()?;
    Some((monitor.mode == Switch::On).then_some(monitor.link_down_threshold.max(1)))
}

/// What Impinj's report contents switch on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    pub(super) tid: bool,
    pub(super) phase: bool,
    pub(super) peak_rssi: bool,
    pub(super) doppler: bool,
}

impl Wanted {
    pub(super) fn of(spec: &ROReportSpec) -> Self {
        let Some(selector) = spec.params.vendor::<impinj::TagReportContentSelector>() else {
            return Self::default();
        };
        let params = &selector.params;
        let is_on = |mode: Option<Switch>| mode == Some(Switch::On);
        Self {
            tid: is_on(params.vendor().map(|p: impinj::EnableSerializedTID| p.mode)),
            phase: is_on(params.vendor().map(|p: impinj::EnableRFPhaseAngle| p.mode)),
            peak_rssi: is_on(params.vendor().map(|p: impinj::EnablePeakRSSI| p.mode)),
            doppler: is_on(
                params
                    .vendor()
                    .map(|p: impinj::EnableRFDopplerFrequency| p.mode),
            ),
        }
    }
}

/// What the radio measures beside what the standard reports.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured<'a> {
    pub(super) tid: &'a [u16],
    /// In 4096ths of a turn.
    pub(super) phase: u16,
    /// In hundredths of a dBm.
    pub(super) rssi: i16,
    /// In 16ths of a Hz.
    pub(super) doppler: i16,
}

/// The vendor's part of a tag report.
pub(super) fn report(manufacturer: u32, wanted: Wanted, measured: Measured<'_>) -> Params {
    let mut params = Params::default();
    if manufacturer == ZEBRA {
        // Half a turn is 32,768: the upper bits of the same angle.
        let phase = (measured.phase << 4).cast_signed();
        params.push(zebra::TagPhase {
            phase,
            ..Default::default()
        });
    }
    if manufacturer != IMPINJ {
        return params;
    }
    if wanted.tid {
        params.push(impinj::SerializedTID {
            tid: measured.tid.to_vec(),
            ..Default::default()
        });
    }
    if wanted.phase {
        params.push(impinj::RFPhaseAngle {
            phase: measured.phase,
            ..Default::default()
        });
    }
    if wanted.peak_rssi {
        params.push(impinj::PeakRSSI {
            rssi_hundredths_dbm: measured.rssi,
            ..Default::default()
        });
    }
    if wanted.doppler {
        params.push(impinj::RFDopplerFrequency {
            doppler: measured.doppler,
            ..Default::default()
        });
    }
    params
}

/// The vendor's part of the capabilities.
pub(super) fn capabilities(manufacturer: u32, part: CapabilitiesRequest) -> Params {
    let mut params = Params::default();
    if manufacturer != ZEBRA || part != CapabilitiesRequest::All {
        return params;
    }
    let version = 1;
    params.push(zebra::GeneralCapabilities {
        version,
        can_report_part_number: true,
        ..Default::default()
    });
    params.push(zebra::AutonomousCapabilities {
        version,
        ..Default::default()
    });
    params.push(zebra::AdvancedCapabilities {
        version,
        can_report_phase: true,
        ..Default::default()
    });
    params.push(zebra::TagEventsGenerationCapabilities {
        version,
        ..Default::default()
    });
    params.push(zebra::FilterCapabilities {
        version,
        ..Default::default()
    });
    params.push(zebra::PersistenceCapabilities {
        version,
        ..Default::default()
    });
    params.push(zebra::C1G2Capabilities {
        version,
        ..Default::default()
    });
    params
}
