use super::*;
use crate::codec::Param;
use crate::codec::code::{
    AISpecStopTriggerType, NotificationEventType, ROSpecStartTriggerType, ROSpecStopTriggerType,
    TagObservationTriggerType,
};
use crate::codec::param::{
    GPITriggerValue, LoopSpec, PeriodicTriggerValue, TagObservationTrigger, TagSeenCount,
    UTCTimestamp,
};

fn never() -> ROSpecStopTrigger {
    ROSpecStopTrigger::default()
}

fn after_ms(duration_ms: u32) -> ROSpecStopTrigger {
    ROSpecStopTrigger {
        trigger_type: ROSpecStopTriggerType::Duration,
        duration_ms,
        ..Default::default()
    }
}

fn periodic(offset: u32, period: u32, utc_us: Option<u64>) -> ROSpecStartTrigger {
    let params = utc_us.map(|microseconds| UTCTimestamp { microseconds });
    ROSpecStartTrigger {
        trigger_type: ROSpecStartTriggerType::Periodic,
        params: Params::default().with(PeriodicTriggerValue {
            offset,
            period,
            params: params.into_iter().collect(),
        }),
    }
}

const fn gpi(gpi_event: bool, timeout: u32) -> GPITriggerValue {
    GPITriggerValue {
        gpi_port_num: 2,
        gpi_event,
        timeout,
    }
}

/// The spec with its first part changed.
fn with_part(mut spec: ROSpec, change: impl FnOnce(&mut AISpec)) -> ROSpec {
    let part = spec.params.0.iter_mut().find_map(|param| match param {
        Param::AISpec(part) => Some(part),
        _ => None,
    });
    change(part.expect("a part"));
    spec
}

fn stops(trigger: AISpecStopTrigger) -> impl FnOnce(&mut AISpec) {
    move |part| part.params.0[0] = trigger.into()
}

fn with_report(mut spec: ROSpec, report: ROReportSpec) -> ROSpec {
    spec.params
        .0
        .retain(|param| !matches!(param, Param::ROReportSpec(_)));
    spec.params.push(report);
    spec
}

#[test]
fn by_command_it_starts_and_stops() {
    let mut desk = Desk::new(ReaderConfig::default());
    desk.wants(NotificationEventType::ROSpecEvent);
    desk.run(rospec(ROSpecStartTrigger::default(), never()));
    assert!(!desk.see(1, 1));
    desk.ask(message::StartROSpec { rospec_id: 1 });
    assert!(desk.see(2, 1));
    let again = desk.refused(message::StartROSpec { rospec_id: 1 });
    assert!(
        again.contains("ROSpec 1 is active, must be enabled, not started"),
        "{again}"
    );
    desk.ask(message::StopROSpec { rospec_id: 1 });
    assert!(!desk.see(3, 1));
    desk.ask(message::DisableROSpec { rospec_id: 0 });
    assert!(
        desk.refused(message::StopROSpec { rospec_id: 1 })
            .contains("disabled")
    );
    assert_eq!(desk.tags(), [2]);
    let events = desk.events();
    assert_eq!(events.matches("event_type: Start").count(), 1);
    assert_eq!(events.matches("event_type: End").count(), 1);
}

#[test]
fn immediate_and_duration_make_it_run_again_and_again() {
    let mut desk = Desk::new(ReaderConfig::default());
    let spec = rospec(immediately(), after_ms(500));
    let report = report(ROReportTriggerType::UponNTagsOrEndOfROSpec, 0);
    desk.run(with_report(spec, report));
    assert!(desk.see(1, 1) && desk.see(2, 4));
    assert_eq!(desk.tags(), [], "N of 0 waits for the end");
    desk.pass_ms(500);
    assert_eq!(desk.tags(), [1, 2]);
    assert!(desk.see(3, 1), "it has started again");
    desk.pass_ms(499);
    assert_eq!(desk.tags(), []);
    desk.pass_ms(1);
    assert_eq!(desk.tags(), [3]);
}

#[test]
fn periods_count_from_enabling_or_from_a_time() {
    for (utc_us, first_ms) in [(None, 200), (Some(START_US - 1_800_000), 400)] {
        let mut desk = Desk::new(ReaderConfig::default());
        desk.run(rospec(periodic(200, 1000, utc_us), after_ms(300)));
        desk.pass_ms(first_ms - 1);
        assert!(!desk.see(1, 1));
        desk.pass_ms(1);
        assert!(desk.see(2, 1));
        desk.pass_ms(300);
        assert!(!desk.see(3, 1));
        desk.pass_ms(700);
        assert!(desk.see(4, 1));
        assert_eq!(desk.tags(), [2, 4]);
    }
}

#[test]
fn an_input_starts_it_and_stops_it() {
    let start = ROSpecStartTrigger {
        trigger_type: ROSpecStartTriggerType::Gpi,
        params: Params::default().with(gpi(true, 0)),
    };
    let stop = ROSpecStopTrigger {
        trigger_type: ROSpecStopTriggerType::GpiWithTimeout,
        duration_ms: 0,
        params: Params::default().with(gpi(false, 1000)),
    };
    let mut desk = Desk::new(ReaderConfig::default());
    desk.run(rospec(start, stop));
    desk.reader.gpi_event(desk.now_us, 1, true);
    assert!(!desk.see(1, 1), "another input");
    desk.reader.gpi_event(desk.now_us, 2, true);
    assert!(desk.see(2, 1));
    desk.reader.gpi_event(desk.now_us, 2, false);
    assert!(!desk.see(3, 1));
    desk.reader.gpi_event(desk.now_us, 2, true);
    assert!(desk.see(4, 1));
    desk.pass_ms(1000);
    assert!(!desk.see(5, 1), "timed out");
}

#[test]
fn parts_have_their_turns() {
    let timed = |antenna: u16, duration_ms| AISpec {
        antenna_ids: vec![antenna],
        params: Params::default()
            .with(AISpecStopTrigger {
                trigger_type: AISpecStopTriggerType::Duration,
                duration_ms,
                ..Default::default()
            })
            .with(InventoryParameterSpec {
                inventory_parameter_spec_id: 1,
                protocol_id: code::AirProtocol::EpcGen2,
                params: Params::default(),
            }),
    };
    for loops in [None, Some(2)] {
        let mut desk = Desk::new(ReaderConfig {
            max_version: 2,
            ..ReaderConfig::default()
        });
        desk.wants(NotificationEventType::AISpecEvent);
        let mut spec = with_part(rospec(ROSpecStartTrigger::default(), never()), |part| {
            *part = timed(1, 100);
        });
        spec.params.push(timed(2, 100));
        spec.params
            .0
            .extend(loops.map(|loop_count| LoopSpec { loop_count }.into()));
        let report = report(ROReportTriggerType::UponNTagsOrEndOfAISpec, 0);
        desk.run(with_report(spec, report));
        desk.ask(message::StartROSpec { rospec_id: 1 });
        for _ in 0..loops.unwrap_or(1) {
            assert!(desk.see(1, 1) && !desk.see(2, 2));
            desk.pass_ms(100);
            assert_eq!(desk.tags(), [1], "at the end of the part");
            assert!(!desk.see(1, 1) && desk.see(2, 2));
            desk.pass_ms(100);
            assert_eq!(desk.tags(), [2]);
        }
        assert!(!desk.reader.is_reading());
        assert_eq!(
            desk.events().matches("AISpecEvent(").count() as u32,
            2 * loops.unwrap_or(1)
        );
    }
}

#[test]
fn tags_seen_end_a_part() {
    use TagObservationTriggerType as Type;
    let value = |trigger_type, number_of_tags, t, timeout| TagObservationTrigger {
        trigger_type,
        number_of_tags,
        number_of_attempts: 3,
        t,
        timeout,
    };
    // The trigger, tags seen 10 ms apart, and how many of them still count.
    for (value, seen, counted) in [
        (value(Type::NTags, 2, 0, 0), vec![1, 1, 3], 2),
        (value(Type::NUniqueTags, 2, 0, 0), vec![1, 1, 3, 4], 3),
        (value(Type::NoNewTags, 0, 15, 0), vec![1, 1, 1, 1], 4),
        (value(Type::NoNewUniqueTags, 0, 15, 0), vec![1, 1, 1, 1], 2),
        (value(Type::NAttempts, 0, 0, 0), vec![1, 2, 3, 4, 5], 3),
        (value(Type::NTags, 9, 0, 25), vec![1, 2, 3, 4], 3),
    ] {
        let mut desk = Desk::new(ReaderConfig::default());
        let trigger = AISpecStopTrigger {
            trigger_type: AISpecStopTriggerType::TagObservation,
            params: Params::default().with(value.clone()),
            ..Default::default()
        };
        let spec = rospec(ROSpecStartTrigger::default(), never());
        desk.run(with_part(spec, stops(trigger)));
        desk.ask(message::StartROSpec { rospec_id: 1 });
        let mut count = 0;
        for tag in seen {
            count += u32::from(desk.see(tag, 1));
            desk.pass_ms(10);
        }
        assert_eq!(count, counted, "{value:?}");
    }
}

#[test]
fn reports_come_when_their_trigger_says() {
    use ROReportTriggerType as Type;
    let mut desk = Desk::new(ReaderConfig {
        max_version: 2,
        ..ReaderConfig::default()
    });
    let spec = || rospec(immediately(), never());
    let now = |desk: &mut Desk, trigger, n| {
        desk.ask(message::DeleteROSpec { rospec_id: 0 });
        desk.tags();
        desk.run(with_report(spec(), report(trigger, n)));
    };
    now(&mut desk, Type::UponNTagsOrEndOfROSpec, 3);
    for tag in [1, 2, 2, 2] {
        desk.see(tag, 1);
    }
    assert_eq!(desk.tags(), [], "three different tags");
    desk.see(3, 1);
    assert_eq!(desk.tags(), [1, 2, 3]);
    now(&mut desk, Type::None, 1);
    desk.see(1, 1);
    desk.pass_ms(10_000);
    assert_eq!(desk.tags(), []);
    assert_eq!(desk.say(message::GetReport {}), None);
    assert_eq!(desk.tags(), [1], "when asked for");
    desk.say(message::GetReport {});
    let empty = Message::from(message::ROAccessReport::default());
    assert_eq!(
        desk.told.pop(),
        Some(empty),
        "an empty report is an answer too"
    );
    now(&mut desk, Type::UponNMillisecondsOrEndOfROSpec, 250);
    desk.see(1, 1);
    desk.pass_ms(249);
    desk.see(1, 1);
    assert_eq!(desk.tags(), []);
    desk.pass_ms(1);
    assert_eq!(desk.tags(), [1]);
    desk.pass_ms(1000);
    assert_eq!(desk.reports(), [], "nothing seen, nothing said");
}

#[test]
fn sightings_of_one_tag_are_counted() {
    let mut desk = Desk::new(ReaderConfig::default());
    let mut report = report(ROReportTriggerType::UponNTagsOrEndOfROSpec, 0);
    report.params = Params::default().with(TagReportContentSelector {
        enable_tag_seen_count: true,
        ..Default::default()
    });
    desk.run(with_report(rospec(immediately(), after_ms(100)), report));
    for antenna in [1, 1, 2, 1] {
        desk.see(9, antenna);
    }
    desk.pass_ms(100);
    let count = |report: &TagReportData| report.params.first::<TagSeenCount>().unwrap().tag_count;
    assert_eq!(desk.reports().iter().map(count).collect::<Vec<_>>(), [3, 1]);
}
