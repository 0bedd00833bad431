//! Messages of the site that cannot be read.

use tokio::time::Instant;

use super::*;

const L1: &str = "lot/04012345000016/L1";

#[test]
fn messages_are_refused_with_the_place_and_what_to_do() {
    let mistake =
        |below: &str, payload: &str| read(below, payload.as_bytes()).unwrap_err().to_string();
    for (below, payload, expected) in [
        (L1, "[]", "an object is expected, {…}, not a list"),
        (L1, "{", "it is no JSON: EOF"),
        (L1, "{}", "\"v\" is missing"),
        (L1, r#"{"v": 0}"#, "/v: a whole number of at least 1"),
        (
            L1,
            r#"{"v": "seven", "status": "released"}"#,
            "/v: a whole number of at least 1 is expected, below 2^63, not \"seven\"",
        ),
        (
            L1,
            r#"{"v": 1.5, "status": "quality hold"}"#,
            "/v: a whole number of at least 1 is expected, below 2^63, not 1.5; it says that the lot is on hold, and that does not count without a version",
        ),
        (
            L1,
            r#"{"status": "hold"}"#,
            "\"v\" is missing; it says that the lot is on hold",
        ),
        (
            L1,
            r#"{"v": 1, "stat": "x"}"#,
            "/stat: no such field; fields here are v, snapshot_id, qty, uom, status, expiry",
        ),
        (L1, r#"{"v": 1, "a/b": "x"}"#, "/a~1b: no such field"),
        (
            L1,
            r#"{"v": 1, "status": 7}"#,
            "/status: a text is expected, not a number",
        ),
        (
            L1,
            r#"{"v": 1, "expiry": "31.3.27"}"#,
            "/expiry: \"31.3.27\" is no date; write 2027-03-31 or 270331",
        ),
        (
            L1,
            r#"{"v": 1, "qty": "a lot"}"#,
            "/qty: \"a lot\" is no amount",
        ),
        (L1, r#"{"v": 1, "qty": -1}"#, "/qty: \"-1\" is no amount"),
        (
            L1,
            r#"{"v": 1, "qty": 1, "uom": "kg"}"#,
            "/uom: \"kg\" is no unit of UN/ECE recommendation 20",
        ),
        (
            "order/1",
            r#"{"v": 1, "lines": [{"gtin": "4012345000016"}, {}]}"#,
            "/lines/1: \"gtin\" is missing",
        ),
        (
            "order/1",
            r#"{"v": 1, "lines": [{"gtin": "1"}]}"#,
            "/lines/0/gtin: \"1\": (01)",
        ),
        (
            "order/1",
            r#"{"v": 1, "lines": [{"gtin": "4012345000016", "allowed_lots": [7]}]}"#,
            "/lines/0/allowed_lots/0: a lot number",
        ),
        (
            "order/1",
            r#"{"v": 1, "lines": {}}"#,
            "/lines: a list is expected, not an object",
        ),
        (
            "sscc/040123450000000016",
            r#"{"v": 1, "contents": [{"gtin": "4012345000016", "serial": "1", "qty": 2}]}"#,
            "/contents/0/qty: a serial number is one thing",
        ),
        (
            "serial/4012345000016/7",
            r#"{"v": 1}"#,
            "\"lot\" is missing",
        ),
        (
            "meta",
            r#"{"snapshot_id": "a", "generated_at": "today", "count": 1}"#,
            "/generated_at: \"today\" is no time",
        ),
        ("heartbeat", r#"{"at": 7}"#, "/at: a text is expected"),
        ("lots/1", "{}", "no such topic; there are lot/GTIN/LOT"),
    ] {
        let told = mistake(below, payload);
        assert!(
            told.starts_with(expected),
            "{below} {payload}\n{told}\n{expected}"
        );
    }
    let large = format!("{{\"v\": 1, \"status\": \"{}\"}}", "x".repeat(MAX_BYTES));
    assert!(mistake(L1, &large).contains("at most 131072 are read"));
    let long = format!("{{\"v\": 1, \"status\": \"{}\"}}", "x".repeat(300));
    assert!(mistake(L1, &long).starts_with("/status: a text has at most 200"));
}

#[test]
fn a_reason_never_stands_in_the_way_of_a_hold() {
    let reason = format!("moisture\\nline 2{}", "x".repeat(300));
    let payload = format!(r#"{{"v": 6, "status": "hold", "hold_reason": "{reason}"}}"#);
    let said = read(L1, payload.as_bytes()).unwrap();
    let Said::Record { record, .. } = said else {
        panic!("{said:?}")
    };
    let Some(Facts::Lot(lot)) = record.facts else {
        panic!("{record:?}")
    };
    let reason = lot.reason.unwrap();
    assert!(reason.starts_with("moisture line 2xx"), "{reason}");
    assert_eq!(reason.chars().count(), 200);
    let csv = format!("gtin,lot,status,reason\n{GTIN},L1,hold,a\tb{reason}\n");
    let records = parse(&csv, Format::Csv, 1).unwrap();
    let Some(Facts::Lot(lot)) = &records[0].facts else {
        panic!("{records:?}")
    };
    assert!(lot.reason.as_ref().unwrap().starts_with("a bmoisture"));
}

#[test]
fn what_is_cleared_below_a_wrong_topic_is_no_mistake() {
    assert!(read("lots/1", b"{}").is_err());
    assert_eq!(read("lots/1", b""), Ok(Said::Withdrawn));
}

proptest::proptest! {
    #[test]
    fn no_message_stops_anything(below in "[a-z/%0-9]{0,30}", payload in "\\PC{0,200}") {
        let mut intake = Intake::new(10, Instant::now());
        for below in [below.as_str(), L1, "order/1", "meta", "heartbeat", "sscc/040123450000000016"] {
            drop(intake.hear(below, payload.as_bytes(), Instant::now()));
            let more = format!("{{\"v\": 1, \"status\": {payload:?}}}");
            drop(intake.hear(below, more.as_bytes(), Instant::now()));
        }
    }
}
