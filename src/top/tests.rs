//! Frames, letter by letter.

use serde_json::json;

use super::*;
use crate::story::{Moment, NotBooked, Passage};

const AT: i64 = 1_795_341_600_000;

fn sample(at_ms: i64, reads: u64) -> Sample {
    let recent = Recent {
        passages: vec![Passage {
            at: Moment((AT - 61_000) * 1_000),
            read_point: "dock_1".to_owned(),
            event_id: "ni:///x".to_owned(),
            summary: "in  receiving 3 items".to_owned(),
            alert: false,
            eyes: None,
        }],
        non_events: vec![NotBooked {
            at: Moment((AT - 5_000) * 1_000),
            read_point: "dock_1".to_owned(),
            direction: "out".to_owned(),
            reason: "few_tags".to_owned(),
            text: "only 1 tag clearly changed sides, and min_tags is 2".to_owned(),
            eyes: None,
            advice: "Look.".to_owned(),
            tags: 1,
        }],
        ..Recent::default()
    };
    let reader = json!({
        "state": "up", "kind": "reader", "reads": reads, "problems": ["antenna 3 reads far less than usual"],
        "antennas": { "1": { "reads": reads }, "3": { "reads": 0, "problem": "far less" }, "10": { "reads": 0 } },
    });
    let scanner =
        json!({ "state": "down", "kind": "scanner", "reads": 0, "reason": "no such device" });
    let devices = [("dock_1", 700, reader), ("pack_1", 0, scanner)];
    let devices = devices.map(|(name, last_minute, report)| {
        let busy = Busy {
            last_minute,
            report,
        };
        (name.to_owned(), busy)
    });
    Sample {
        at_ms,
        status: json!({
            "site": "plant-3", "version": "0.1.0", "summary": "Delivery is at risk.",
            "conditions": [{ "severity": "warning", "code": "DEVICE-GONE", "text": "pack_1 is not there" }],
            "brokers": [{ "address": "broker:1883", "state": "up" }],
            "last_puback_s": 3,
            "buffer": { "percent": 61, "oldest_s": 90, "full_in_s": 7_200 },
            "counters": { "reads": reads, "waiting": 12, "events": 4 },
        }),
        devices: devices.into(),
        recent,
    }
}

const PLAIN: Look = Look {
    width: 80,
    height: 100,
    colour: false,
};

#[test]
fn a_frame_says_how_busy_it_is_and_what_is_wrong_in_words() {
    let (before, now) = (sample(AT - 2_000, 100), sample(AT, 125));
    let text = frame(Some(&before), &now, None, PLAIN);
    assert_eq!(
        text,
        "\
plant-3  tracegate 0.1.0  2026-11-22 10:00:00 UTC
Delivery is at risk.
  warning DEVICE-GONE: pack_1 is not there

rates           reads 12.5   scans 0.0   events 0.0   not booked 0.0
                delivered 0.0
buffer          61 % used (high)   12 waiting   the oldest for 90 s
                GROWING: full in about 2 h
broker          broker:1883  up, last acknowledgement 3 s ago

DEVICE          KIND      STATE          /s    /min
dock_1          reader    up           12.5     700
  antennas /s   1: 12.5         3: 0.0 WEAK     10: 0.0
  ! antenna 3 reads far less than usual
pack_1          scanner   down          0.0       0
  ! no such device

READ POINT      LAST
dock_1          61 s ago: in  receiving 3 items
dock_1          not booked 5 s ago, out: only 1 tag clearly changed sides, and
                min_tags is 2
"
    );
}

#[test]
fn it_fits_the_terminal_and_colours_only_where_asked() {
    let now = sample(AT, 125);
    for width in [1, 20, 40, 79, 200] {
        let look = Look { width, ..PLAIN };
        let text = frame(None, &now, None, look);
        assert!(
            text.lines().all(|line| line.chars().count() <= width),
            "{width}: {text}"
        );
    }
    let small = Look { height: 6, ..PLAIN };
    let text = frame(None, &now, None, small);
    assert_eq!(text.lines().count(), 6);
    assert!(text.ends_with("\n(15 more lines)\n"), "{text}");
    let low = Look {
        width: 30,
        height: 9,
        ..PLAIN
    };
    let text = frame(None, &now, None, low);
    let line = "\n  warning DEVICE-GONE: pack_1…\n\nrates ";
    assert!(text.contains(line), "figures, too: {text}");
    let coloured = frame(
        None,
        &now,
        None,
        Look {
            colour: true,
            ..PLAIN
        },
    );
    assert!(coloured.contains("\x1b[1;31mdown"), "{coloured}");
    let words = coloured.split('\x1b').map(|it| match it.split_once('m') {
        Some((code, rest)) if code.starts_with('[') => rest,
        _ => it,
    });
    // The same words, but for blanks at the ends of lines.
    let trimmed: String = words
        .collect::<String>()
        .lines()
        .map(|it| format!("{}\n", it.trim_end()))
        .collect();
    assert_eq!(trimmed, frame(None, &now, None, PLAIN));
}

#[test]
fn without_a_rate_there_is_a_dash_and_a_silent_gateway_is_told() {
    // Started anew between the two: its counters began again.
    let text = frame(
        Some(&sample(AT - 1_000, 500)),
        &sample(AT, 125),
        Some("nobody is there"),
        PLAIN,
    );
    assert!(text.contains("rates           reads -   scans -"), "{text}");
    assert!(text.contains("\nNO ANSWER: nobody is there\n"), "{text}");
    assert!(!text.contains("at risk"), "{text}");
    // What was true then is not told as if it were now.
    let text = frame(
        Some(&sample(AT - 1_000, 100)),
        &sample(AT, 125),
        Some("nobody is there"),
        PLAIN,
    );
    assert!(
        text.contains("\nBelow is what it said last, at the time above.\n"),
        "{text}"
    );
    assert!(text.contains("rates           reads -   scans -"), "{text}");
}

#[test]
fn a_narrow_terminal_shows_the_same_words_in_more_lines() {
    let look = Look { width: 40, ..PLAIN };
    let text = frame(Some(&sample(AT - 2_000, 100)), &sample(AT, 125), None, look);
    assert_eq!(
        text,
        "\
plant-3  tracegate 0.1.0  2026-11-22
    10:00:00 UTC
Delivery is at risk.
  warning DEVICE-GONE: pack_1 is not
    there

rates           reads 12.5   scans 0.0
             events 0.0   not booked 0.0
             delivered 0.0
buffer          61 % used (high)
             12 waiting
             the oldest for 90 s
             GROWING: full in about 2 h
broker          broker:1883  up, last
             acknowledgement 3 s ago

DEVICE          STATE         /s    /min
dock_1          up          12.5     700
  antennas /s   1: 12.5
  antennas /s   3: 0.0 WEAK
  antennas /s   10: 0.0
  ! antenna 3 reads far less than usual
pack_1          down         0.0       0
  ! no such device

READ POINT      LAST
dock_1          61 s ago: in  receiving
             3 items
dock_1          not booked 5 s ago, out:
             only 1 tag clearly changed
             sides, and min_tags is 2
"
    );
}
