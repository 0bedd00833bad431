use std::time::Duration;

use rumqttc::v5::{AsyncClient, MqttOptions, mqttbytes::QoS};
use serde_json::{Value, json};

use super::*;
use crate::{
    Task,
    broker::Broker,
    scenario::{Passage, ScanMovement, ScannerKind, Scenario},
};

const START_US: u64 = 1_795_000_000_000_000;

fn scenario() -> Scenario {
    Scenario::empty(4)
        .dock("dock_1", 2)
        .line("line_1", ScannerKind::Pty, 1)
}

fn ledger() -> (Ledger, Vec<Passage>, ScanMovement) {
    let truth = scenario().timeline().unwrap().truth;
    let passages = truth.iter().filter_map(|m| {
        if let Movement::Passage(p) = m {
            Some(p.clone())
        } else {
            None
        }
    });
    let scan = truth.iter().find_map(|m| {
        if let Movement::Scan(s) = m {
            Some(s.clone())
        } else {
            None
        }
    });
    (
        Ledger::new(truth.clone(), scenario().read_points()),
        passages.collect(),
        scan.unwrap(),
    )
}

fn event(id: &str, passage: &Passage) -> Value {
    let step = if passage.direction == Direction::In {
        "receiving"
    } else {
        "shipping"
    };
    let time =
        Timestamp::from_microsecond((START_US + (passage.from_us + passage.to_us) / 2) as i64)
            .unwrap();
    json!({
        "type": "AggregationEvent", "action": "OBSERVE", "eventID": id, "bizStep": step,
        "eventTime": time.to_string(), "eventTimeZoneOffset": "+00:00",
        "readPoint": {"id": "urn:epc:id:sgln:4012345.00001.dock_1"},
        "parentID": passage.sscc, "childEPCs": passage.items,
    })
}

fn scan_event(id: &str, scan: &ScanMovement, quantity: f64) -> Value {
    json!({
        "type": "ObjectEvent", "action": "OBSERVE", "eventID": id, "bizStep": "https://ref.gs1.org/cbv/BizStep-picking",
        "eventTime": "2026-11-22T10:15:30.125Z", "eventTimeZoneOffset": "+01:00",
        "readPoint": {"id": "https://id.gs1.org/414/4012345000023/254/line_1"},
        "quantityList": [{"epcClass": scan.class, "quantity": quantity}],
    })
}

fn tell(ledger: &mut Ledger, event: &Value) -> Verdict {
    let lines = ledger.observe(event.to_string().as_bytes());
    assert_eq!(lines.len(), 1);
    lines[0].verdict
}

#[test]
fn a_perfect_day_is_clean_and_redeliveries_do_no_harm() {
    let (mut ledger, passages, scan) = ledger();
    for (number, passage) in passages.iter().enumerate() {
        assert_eq!(
            tell(&mut ledger, &event(&format!("e{number}"), passage)),
            Verdict::New
        );
        assert!(!ledger.is_complete());
    }
    assert_eq!(
        tell(&mut ledger, &scan_event("s", &scan, scan.quantity as f64)),
        Verdict::New
    );
    assert_eq!(
        tell(&mut ledger, &event("e0", &passages[0])),
        Verdict::Redelivered
    );
    let score = ledger.score();
    assert_eq!(
        score,
        Score {
            truth: 5,
            delivered: 5,
            redelivered: 1,
            ..Score::default()
        }
    );
    assert!(
        score.is_clean() && ledger.is_complete() && ledger.problems().is_empty(),
        "{}",
        ledger.report()
    );
}

#[test]
fn what_is_missing_is_lost_and_named() {
    let (mut ledger, passages, _) = ledger();
    tell(&mut ledger, &event("e0", &passages[0]));
    assert_eq!(
        ledger.score(),
        Score {
            truth: 5,
            delivered: 1,
            lost: 4,
            ..Score::default()
        }
    );
    let report = ledger.report();
    assert!(
        report.contains(&format!("lost: dock_1 in {}", passages[1].sscc)),
        "{report}"
    );
    let total = ledger
        .table()
        .lines()
        .last()
        .map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(total.as_deref(), Some("total 5 1 4 0 0"));
}

#[test]
fn a_second_event_is_a_duplicate_or_a_split() {
    let (mut ledger, passages, _) = ledger();
    let (mut half, mut rest) = (event("a", &passages[0]), event("b", &passages[0]));
    let (left, right) = passages[0].items.split_at(4);
    half["childEPCs"] = json!(left);
    rest["childEPCs"] = json!(right);
    rest.as_object_mut().unwrap().remove("parentID");
    assert_eq!(tell(&mut ledger, &half), Verdict::New);
    assert_eq!(ledger.score().wrong_quantity, 1);
    assert_eq!(tell(&mut ledger, &rest), Verdict::Split);
    assert_eq!(
        tell(&mut ledger, &event("c", &passages[0])),
        Verdict::Duplicate
    );
    let score = ledger.score();
    assert_eq!(
        (score.split, score.duplicated, score.wrong_quantity),
        (1, 1, 0),
        "{}",
        ledger.report()
    );
}

#[test]
fn the_wrong_way_is_told_from_a_duplicate_by_time() {
    let (mut ledger, passages, _) = ledger();
    ledger.started_at(START_US);
    let inbound = &passages[0];
    let outbound = passages
        .iter()
        .find(|p| p.sscc == inbound.sscc && p.direction == Direction::Out)
        .unwrap();
    tell(&mut ledger, &event("in", inbound));
    let mut wrong = event("out", outbound);
    wrong["bizStep"] = json!("receiving");
    assert!(outbound.from_us >= inbound.to_us + 10_000_000);
    let verdict = tell(&mut ledger, &wrong);
    let score = ledger.score();
    assert_eq!(
        (verdict, score.delivered, score.wrong_direction),
        (Verdict::WrongDirection, 1, 1),
        "{}",
        ledger.report()
    );
}

#[test]
fn false_goods_and_quantities_show() {
    let (mut ledger, passages, scan) = ledger();
    let mut extra = event("e", &passages[0]);
    extra["childEPCs"]
        .as_array_mut()
        .unwrap()
        .push(json!("urn:epc:id:sgtin:7612345.012345.1"));
    assert_eq!(tell(&mut ledger, &extra), Verdict::New);
    assert_eq!(
        tell(&mut ledger, &scan_event("s", &scan, 1.0)),
        Verdict::New
    );
    assert_eq!(ledger.score().wrong_quantity, 2);
    let mut elsewhere = event("x", &passages[1]);
    elsewhere["readPoint"] = json!({"id": "urn:epc:id:sgln:4012345.00009.dock_9"});
    assert_eq!(tell(&mut ledger, &elsewhere), Verdict::Unexpected);
    let mut nothing = event("y", &passages[1]);
    nothing["parentID"] = json!("urn:epc:id:sscc:7612345.3000000123");
    nothing["childEPCs"] = json!([]);
    assert_eq!(tell(&mut ledger, &nothing), Verdict::Unexpected);
    assert_eq!(ledger.observe(b"online")[0].verdict, Verdict::Unreadable);
    assert_eq!((ledger.score().unexpected, ledger.unreadable()), (2, 1));
}

#[test]
fn lines_are_for_people() {
    let (mut ledger, mut passages, scan) = ledger();
    passages[0].items.truncate(7);
    let mut inbound = event("e", &passages[0]);
    inbound["eventTime"] = json!("2026-11-22T09:15:30.125Z");
    inbound["eventTimeZoneOffset"] = json!("+01:00");
    let tail = &passages[0].sscc[passages[0].sscc.len() - 4..];
    let line = ledger.observe(inbound.to_string().as_bytes())[0].to_string();
    assert_eq!(
        line,
        format!("10:15:30.1  dock_1    in   receiving  SSCC …{tail}  7 items")
    );
    let line = ledger.observe(scan_event("s", &scan, 3.0).to_string().as_bytes())[0].to_string();
    let lot = scan.class.rsplit('/').next().unwrap();
    assert_eq!(
        line,
        format!("11:15:30.1  line_1    scan picking    lot {lot}  3 pieces")
    );
}

#[test]
fn truth_that_was_not_played_can_be_dropped() {
    let (mut ledger, passages, _) = ledger();
    tell(&mut ledger, &event("e0", &passages[0]));
    ledger.keep_truth(|movement| movement.span_us().0 < passages[1].from_us);
    assert_eq!(ledger.score().truth, ledger.truth.len() as u64);
    assert!(ledger.score().truth < 5 && ledger.score().delivered == 1);
}

#[tokio::test]
async fn a_store_enters_what_is_published_and_comes_back_after_a_cut() {
    let patience = Duration::from_secs(60);
    let broker = Broker::start().await.unwrap();
    let (ledger, passages, _) = ledger();
    let mut store = Store::subscribe(broker.addr(), "tracegate/+/events/#", ledger);
    store.subscribed(patience).await.unwrap();
    broker.cut();
    crate::wait_until("the second connection", patience, || {
        let status = store.status();
        status.connections == 2 && status.subscribed
    })
    .await
    .unwrap();
    let options = MqttOptions::new(
        "gateway",
        broker.addr().ip().to_string(),
        broker.addr().port(),
    );
    let (client, mut events) = AsyncClient::new(options, 4);
    let publisher = Task::spawn(async move { while events.poll().await.is_ok() {} });
    let payload = event("e", &passages[0]).to_string();
    client
        .publish(
            "tracegate/p/events/dock_1",
            QoS::AtLeastOnce,
            false,
            payload,
        )
        .await
        .unwrap();
    store
        .wait_until("one delivery", patience, |ledger| {
            ledger.score().delivered == 1
        })
        .await
        .unwrap();
    assert_eq!(store.line().await.unwrap().verdict, Verdict::New);
    drop(publisher);
}
