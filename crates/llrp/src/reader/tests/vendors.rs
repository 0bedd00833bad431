use super::*;
use crate::codec::code::KeepaliveTriggerType;
use crate::codec::impinj::{
    self, EnableExtensions, InventorySearchMode, LinkMonitorConfiguration, SearchMode, Switch,
};
use crate::codec::param::{Custom, KeepaliveSpec};
use crate::codec::{Param, zebra};

fn impinj_report() -> ROReportSpec {
    let on = Switch::On;
    let selector = impinj::TagReportContentSelector {
        params: Params::default()
            .with(impinj::EnableSerializedTID {
                mode: on,
                ..Default::default()
            })
            .with(impinj::EnableRFPhaseAngle {
                mode: on,
                ..Default::default()
            })
            .with(impinj::EnablePeakRSSI {
                mode: on,
                ..Default::default()
            })
            .with(impinj::EnableRFDopplerFrequency {
                mode: on,
                ..Default::default()
            }),
    };
    let mut spec = report(ROReportTriggerType::UponNTagsOrEndOfROSpec, 1);
    spec.params.push(selector);
    spec
}

fn spec_with(report: ROReportSpec) -> ROSpec {
    let mut spec = rospec(immediately(), ROSpecStopTrigger::default());
    spec.params
        .0
        .retain(|param| !matches!(param, Param::ROReportSpec(_)));
    spec.params.push(report);
    spec
}

#[test]
fn impinj_extensions_work_once_enabled_on_each_connection() {
    let mut desk = Desk::new(ReaderConfig::impinj());
    let add = message::AddROSpec {
        params: Params::default().with(spec_with(impinj_report())),
    };
    for _ in 0..2 {
        let text = desk.refused(add.clone());
        assert!(
            text.contains("the extensions have not been enabled"),
            "{text}"
        );
        desk.ask(EnableExtensions);
        desk.run(spec_with(impinj_report()));
        assert!(desk.see(1, 1));
        let reports = desk.reports();
        let params = &reports[0].params;
        let tid = params.vendor::<impinj::SerializedTID>().unwrap().tid;
        assert_eq!(tid, desk.reader.memory(sighting(1, 1).epc.as_slice()).tid);
        assert!(params.vendor::<impinj::RFPhaseAngle>().unwrap().phase < 4096);
        let rssi = params.vendor::<impinj::PeakRSSI>().unwrap();
        assert_eq!(rssi.rssi_hundredths_dbm, -6025);
        assert!(params.vendor::<impinj::RFDopplerFrequency>().is_some());
        desk.ask(message::DeleteROSpec { rospec_id: 0 });
        desk.reader.disconnect();
        desk.reader.connect(desk.now_us);
        desk.listen();
    }
    // In the wrong place.
    desk.ask(EnableExtensions);
    let misplaced = message::SetReaderConfig {
        params: Params::default().with(InventorySearchMode {
            mode: SearchMode::DualTarget,
            ..Default::default()
        }),
        ..Default::default()
    };
    assert!(desk.refused(misplaced).contains("does not belong there"));
}

#[test]
fn other_makers_do_not_know_them() {
    for config in [ReaderConfig::default(), ReaderConfig::zebra()] {
        let mut desk = Desk::new(config);
        let text = desk.refused(EnableExtensions);
        assert!(text.contains("does not know the vendor"), "{text}");
    }
}

#[test]
fn zebra_adds_its_own_unasked() {
    let mut desk = Desk::new(ReaderConfig::zebra());
    let Message::GetReaderCapabilitiesResponse(told) =
        desk.ask(message::GetReaderCapabilities::default())
    else {
        panic!("the response");
    };
    assert_eq!(told.params.all::<Custom>().count(), 7);
    assert!(
        told.params
            .vendor::<zebra::AdvancedCapabilities>()
            .unwrap()
            .can_report_phase
    );
    desk.run(rospec(immediately(), ROSpecStopTrigger::default()));
    desk.see(1, 1);
    assert!(
        desk.reports()[0]
            .params
            .vendor::<zebra::TagPhase>()
            .is_some()
    );
}

#[test]
fn a_client_that_answers_no_keepalive_is_dropped_if_it_asked_for_that() {
    for monitored in [false, true] {
        let mut desk = Desk::new(ReaderConfig::impinj());
        desk.ask(EnableExtensions);
        let mut params = Params::default().with(KeepaliveSpec {
            trigger_type: KeepaliveTriggerType::Periodic,
            period_ms: 100,
        });
        if monitored {
            params.push(LinkMonitorConfiguration {
                mode: Switch::On,
                link_down_threshold: 3,
                ..Default::default()
            });
        }
        desk.ask(message::SetReaderConfig {
            params,
            ..Default::default()
        });
        desk.pass_ms(200);
        desk.say(message::KeepaliveAck {});
        desk.pass_ms(300);
        assert!(!desk.reader.should_close());
        desk.pass_ms(100);
        assert_eq!(desk.reader.should_close(), monitored);
    }
}
