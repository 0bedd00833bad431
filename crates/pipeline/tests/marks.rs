//! Marks through the pipeline: events, non-events, what is learned, and nothing twice.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use serde_json::{Value, json};
use tracegate_feed::marker::{Grade, grade::Level};
use tracegate_pipeline::config::{
    PipelineConfig, ReadPointKind, StationScanner, Step, TaskConfig, TaskKind,
};
use tracegate_pipeline::input::{NonEventReason, VerdictKind};
use tracegate_pipeline::mark::{
    LogPlace, Mark, MarkId, MarkOutcome, MarkReport, MarkStation, MarkedItem, Progress,
    StationMarker,
};
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Output, Pipeline, Time};

const T0: i64 = 1_793_000_000_000_000;

fn config() -> PipelineConfig {
    let mut config = common::config();
    config.devices.push("laser_1".to_owned());
    let device = u16::try_from(config.devices.len() - 1).unwrap();
    let line = config.read_points.iter_mut().find(|it| it.name == "line_1");
    let ReadPointKind::Station(station) = &mut line.unwrap().kind else {
        panic!("line_1 is a station")
    };
    station.marks = Some(Box::new(MarkStation {
        markers: vec![StationMarker {
            reading: StationScanner {
                device,
                duplicate_window: Span::default(),
                assume_gs1: false,
                gs_substitutes: Vec::new(),
                keep_unknown_ais: false,
            },
            gtin: Some("04012345000009".to_owned()),
            min_grade: Level::from_tenths(25),
        }],
        step: Step {
            biz_step: "commissioning".to_owned(),
            disposition: Some("active".to_owned()),
            ..Step::default()
        },
    }));
    config
}

fn started() -> Pipeline {
    let mut pipeline = Pipeline::default();
    pipeline.handle(Input::Configure(Box::new(config())));
    pipeline.handle(Input::Start { at: Time(T0) });
    pipeline
}

fn report(n: i64, item: MarkedItem, outcome: MarkOutcome) -> MarkReport {
    let config = config();
    MarkReport {
        device: u16::try_from(config.devices.len() - 1).unwrap(),
        at: Time(T0 + n * 1_000_000),
        mark: Some(Mark {
            id: MarkId::Own(n.to_string()),
            item,
            outcome,
            grade: None,
            device_time_us: None,
        }),
        progress: None,
        answer: true,
    }
}

fn serial(serial: &str) -> MarkedItem {
    MarkedItem {
        serial: Some(serial.to_owned()),
        ..MarkedItem::default()
    }
}

fn handle(pipeline: &mut Pipeline, report: MarkReport) -> Vec<Output> {
    pipeline.handle(Input::Mark(Box::new(report)))
}

fn event(outputs: &[Output]) -> Value {
    let found = outputs.iter().find_map(|output| match output {
        Output::Event(event) => Some(serde_json::from_str(&event.json).unwrap()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no event: {outputs:?}"))
}

fn verdict(outputs: &[Output]) -> &VerdictKind {
    let found = outputs.iter().find_map(|output| match output {
        Output::Verdict(verdict) => Some(&verdict.kind),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no answer: {outputs:?}"))
}

#[test]
fn a_mark_commissions_its_thing_with_lot_dates_and_grade() {
    let mut pipeline = started();
    let item = MarkedItem {
        lot: Some("L42".to_owned()),
        expiry: Some("271200".to_owned()),
        production: Some("261122".to_owned()),
        ..serial("SN17")
    };
    let mut done = report(1, item, MarkOutcome::Done);
    let mark = done.mark.as_mut().unwrap();
    mark.grade = Grade::parse("3.4/10/660/45Q SC=A").ok();
    mark.device_time_us = Some(T0 - 3_600_000_000);
    let outputs = handle(&mut pipeline, done.clone());
    let told = event(&outputs);
    assert_eq!(told["type"], "ObjectEvent");
    assert_eq!(
        (&told["action"], &told["bizStep"]),
        (&json!("ADD"), &json!("commissioning"))
    );
    assert_eq!(told["disposition"], "active");
    assert_eq!(
        told["epcList"],
        json!(["https://id.gs1.org/01/04012345000009/21/SN17"])
    );
    assert_eq!(
        told["ilmd"],
        json!({
            "cbvmda:lotNumber": "L42",
            "cbvmda:itemExpirationDate": "2027-12-31",
            "cbvmda:productionDate": "2026-11-22"
        })
    );
    assert_eq!(told["gw:mark"], "laser_1/own/1");
    assert_eq!(told["gw:grade"]["gw:overall"], "3.4");
    assert_eq!(told["gw:grade"]["gw:letter"], "B");
    assert_eq!(told["gw:grade"]["gw:standard"], "ISO/IEC 15415");
    assert_eq!(told["eventTime"], "2026-10-26T07:33:20.000+01:00");
    assert!(
        outputs
            .iter()
            .any(|it| matches!(it, Output::Learned(fact) if fact.key.ends_with("SN17")))
    );
    assert_eq!(verdict(&outputs), &VerdictKind::Accepted);

    let again = handle(&mut pipeline, done);
    assert_eq!(verdict(&again), &VerdictKind::Duplicate);
    assert_eq!(again.len(), 1);
    assert_eq!(
        (pipeline.stats().marks, pipeline.stats().marks_repeated),
        (1, 1)
    );
}

#[test]
fn a_poor_grade_makes_it_non_conformant_and_is_refused() {
    let mut pipeline = started();
    let mut poor = report(1, serial("SN18"), MarkOutcome::Done);
    poor.mark.as_mut().unwrap().grade = Grade::parse("C").ok();
    let outputs = handle(&mut pipeline, poor);
    assert_eq!(event(&outputs)["disposition"], "non_conformant");
    assert_eq!(event(&outputs)["action"], "ADD");
    assert!(matches!(verdict(&outputs), VerdictKind::Refused(_)));
}

#[test]
fn an_unknown_outcome_is_an_event_that_commissions_nothing() {
    let mut pipeline = started();
    let item = MarkedItem {
        lot: Some("L42".to_owned()),
        ..serial("SN19")
    };
    let unknown = report(1, item, MarkOutcome::Unknown("no end in time".to_owned()));
    let outputs = handle(&mut pipeline, unknown);
    let told = event(&outputs);
    assert_eq!(
        (&told["action"], &told["bizStep"]),
        (&json!("OBSERVE"), &json!("encoding"))
    );
    assert_eq!(
        (&told["disposition"], &told["gw:outcome"]),
        (&json!("unknown"), &json!("no end in time"))
    );
    assert_eq!(told.get("ilmd"), None);
    assert!(!outputs.iter().any(|it| matches!(it, Output::Learned(_))));
}

#[test]
fn what_failed_or_names_nothing_is_a_non_event() {
    let mut pipeline = started();
    let cases = [
        (
            serial("SN20"),
            MarkOutcome::Failed(Some("E400".to_owned())),
            NonEventReason::MarkFailed,
        ),
        (
            MarkedItem::default(),
            MarkOutcome::Done,
            NonEventReason::MarkUnidentified,
        ),
    ];
    for (n, (item, outcome, reason)) in cases.into_iter().enumerate() {
        let outputs = handle(
            &mut pipeline,
            report(i64::try_from(n).unwrap(), item, outcome),
        );
        let [Output::NonEvent(told), Output::Verdict(_)] = outputs.as_slice() else {
            panic!("{outputs:?}")
        };
        assert_eq!((told.reason, told.read_point.as_str()), (reason, "line_1"));
        let mark = told.mark.as_ref().unwrap();
        let failed = reason == NonEventReason::MarkFailed;
        assert_eq!(mark.code.as_deref(), failed.then_some("E400"));
        assert_eq!(
            mark.thing
                .as_deref()
                .is_some_and(|it| it.ends_with("/21/SN20")),
            failed
        );
    }
}

#[test]
fn codes_are_read_as_scans_are() {
    let mut pipeline = started();
    let mut n = 0;
    let mut epc = |item: MarkedItem| {
        n += 1;
        let outputs = handle(&mut pipeline, report(n, item, MarkOutcome::Done));
        event(&outputs)["epcList"][0].as_str().unwrap().to_owned()
    };
    let code = |code: &str| MarkedItem {
        code: Some(code.to_owned()),
        ..MarkedItem::default()
    };
    assert_eq!(
        epc(code("]d201040123450000092117\x1d10L1")),
        "https://id.gs1.org/01/04012345000009/21/17"
    );
    assert_eq!(
        epc(code("SN21")),
        "https://id.gs1.org/01/04012345000009/21/SN21"
    );
    let own = MarkedItem {
        gtin: Some("4012345000016".to_owned()),
        ..serial("SN22")
    };
    assert_eq!(epc(own), "https://id.gs1.org/01/04012345000016/21/SN22");
}

#[test]
fn what_had_begun_before_a_kill_is_told_as_unknown_once() {
    let mut pipeline = started();
    let begun = report(1, serial("SN23"), MarkOutcome::Begun);
    assert_eq!(handle(&mut pipeline, begun).len(), 1, "the answer only");
    let at = Time(T0 + 9_000_000);
    let outputs = pipeline.handle(Input::Start { at });
    assert_eq!(event(&outputs)["disposition"], "unknown");
    assert_eq!(
        event(&outputs)["eventTime"],
        "2026-10-26T08:33:21.000+01:00"
    );
    let late = handle(&mut pipeline, report(1, serial("SN23"), MarkOutcome::Done));
    assert_eq!(verdict(&late), &VerdictKind::Duplicate);
    assert!(pipeline.handle(Input::Start { at }).is_empty());
}

#[test]
fn how_far_a_log_was_read_survives_a_snapshot_and_a_new_configuration() {
    let mut pipeline = started();
    let place = LogPlace {
        generation: 2,
        file: Some((1, 77)),
        read_to: 300,
        resume: 200,
        ..LogPlace::default()
    };
    let progress = MarkReport {
        mark: None,
        progress: Some(Progress::Log(place)),
        answer: false,
        ..report(1, MarkedItem::default(), MarkOutcome::Done)
    };
    assert!(handle(&mut pipeline, progress).is_empty());
    let bytes = postcard::to_stdvec(pipeline.state()).unwrap();
    let mut again = Pipeline::from_state(postcard::from_bytes(&bytes).unwrap());
    again.handle(Input::Configure(Box::new(common::config())));
    again.handle(Input::Configure(Box::new(config())));
    assert_eq!(again.mark_feed("laser_1").unwrap().log(), Some(place));
}

/// The order, the lot of what is made and the badge are scanned; then the laser marks.
#[test]
fn marks_join_the_order_that_was_scanned_where_that_is_configured() {
    let mut config = config();
    for read_point in &mut config.read_points {
        if let ReadPointKind::Station(station) = &mut read_point.kind
            && station.marks.is_some()
        {
            let step = station.step.clone();
            let mut task = TaskConfig::new(TaskKind::Commissioning, step);
            task.codes.order = vec!["WO[0-9]+".to_owned()];
            task.codes.badge = vec!["B([0-9]+)".to_owned()];
            task.join_marks = true;
            station.task = Some(Box::new(task));
        }
    }
    let mut pipeline = Pipeline::default();
    pipeline.handle(Input::Configure(Box::new(config)));
    pipeline.handle(Input::Start { at: Time(T0) });
    let mut second = 0;
    let alone = |pipeline: &mut Pipeline, n: i64, warning: &str| {
        let outputs = handle(
            pipeline,
            report(n, serial(&n.to_string()), MarkOutcome::Done),
        );
        let told = event(&outputs);
        assert_eq!(told["type"], "ObjectEvent");
        assert_eq!(told.get("bizTransactionList"), None);
        let VerdictKind::Warned(text) = verdict(&outputs) else {
            panic!("{outputs:?}")
        };
        assert!(text.contains(warning), "{text}");
    };
    alone(&mut pipeline, 1, "no order is open here");
    let mut scan = |pipeline: &mut Pipeline, code: &str| {
        second += 10;
        let data = code.as_bytes().to_vec();
        let at = Time(T0 + second * 1_000_000);
        pipeline.handle(Input::Scan {
            device: 1,
            at,
            data,
        })
    };
    for code in ["B42", "WO7", "]d20104012345000009172703311013P1"] {
        let outputs = scan(&mut pipeline, code);
        let is_refused = matches!(verdict(&outputs), VerdictKind::Refused(_));
        assert!(!is_refused, "{code}: {outputs:?}");
    }
    // Longer after the scan than an order stays open: each mark keeps it.
    for n in [100, 200, 300] {
        let outputs = handle(
            &mut pipeline,
            report(n, serial(&n.to_string()), MarkOutcome::Done),
        );
        assert_eq!(verdict(&outputs), &VerdictKind::Accepted);
        let told = event(&outputs);
        assert_eq!(told["type"], "TransformationEvent");
        assert_eq!(told["transformationID"], "tracegate:order/WO7");
        assert_eq!(
            told["outputEPCList"],
            json!([format!("https://id.gs1.org/01/04012345000009/21/{n}")])
        );
        assert_eq!(
            told["bizTransactionList"],
            json!([{"type": "prodorder", "bizTransaction": "tracegate:order/WO7"}])
        );
        assert_eq!(told["gw:operator"], "42");
        assert_eq!(told["ilmd"]["cbvmda:lotNumber"], "13P1");
        assert_eq!(told["ilmd"]["cbvmda:itemExpirationDate"], "2027-03-31");
    }
    // A log that is read late, and a mark of which nobody knows whether it is there.
    let mut late = report(301, serial("late"), MarkOutcome::Done);
    late.mark.as_mut().unwrap().device_time_us = Some(T0 - 3_600_000_000);
    let outputs = handle(&mut pipeline, late);
    assert_eq!(event(&outputs)["type"], "ObjectEvent");
    let unknown = MarkOutcome::Unknown("no end in time".to_owned());
    let outputs = handle(&mut pipeline, report(302, serial("unknown"), unknown));
    assert_eq!(event(&outputs)["action"], "OBSERVE");
    // Nobody goes on: the next mark joins nothing any more.
    pipeline.handle(Input::Tick {
        at: Time(T0 + 900 * 1_000_000),
    });
    alone(&mut pipeline, 901, "no order is open here");
}
