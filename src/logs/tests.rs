//! Lines, their limits and their forms.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;

use super::limit::EVERY;
use super::*;
use crate::health::Code;

/// A line about a device, as of an event.
fn line(code: &str, device: &str, message: &str) -> Line {
    Line {
        at: Timestamp::UNIX_EPOCH,
        level: Level::WARN,
        code: code.to_owned(),
        message: message.to_owned(),
        fields: vec![("reader", Value::from(device))],
        left_out: 0,
    }
}

/// Lines of what is said within, without limits.
fn heard(says: impl FnOnce()) -> Vec<Line> {
    struct Ear(std::sync::Arc<Mutex<Vec<Line>>>);
    impl<S: Subscriber> Layer<S> for Ear {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(Line::of(event));
        }
    }
    let lines = std::sync::Arc::default();
    let ear = Ear(std::sync::Arc::clone(&lines));
    with_default(Registry::default().with(ear), says);
    std::mem::take(&mut *lines.lock().unwrap())
}

#[test]
fn a_line_in_all_its_forms() {
    let lines = heard(|| {
        let reader = "dock_1";
        let code = Code::ReaderUnreachable.as_str();
        tracing::warn!(reader, code, count = 3, reason = %"no \"route\"\nto it", "Device not connected");
    });
    let [mut line] = <[Line; 1]>::try_from(lines).unwrap();
    (line.at, line.left_out) = (Timestamp::UNIX_EPOCH, 7);
    let words = r#"READER-UNREACHABLE Device not connected reader="dock_1" count=3 reason="no \"route\"\\nto it" left_out=7"#;
    assert_eq!(
        line.text(false),
        format!("1970-01-01T00:00:00.000000Z  WARN {words}\n")
    );
    assert_eq!(line.prefixed(), format!("<4>{words}\n"));
    let object: Value = serde_json::from_str(&line.json()).unwrap();
    let expected = json!({
        "time": "1970-01-01T00:00:00Z", "level": "WARN", "code": "READER-UNREACHABLE",
        "message": "Device not connected", "device": "dock_1", "reader": "dock_1", "count": 3,
        "reason": "no \"route\"\\nto it", "left_out": 7,
    });
    assert_eq!(object, expected);
    let entry = String::from_utf8(line.journal()).unwrap();
    let fields: BTreeSet<&str> = entry.lines().collect();
    let message = format!("MESSAGE={words}");
    let expected = BTreeSet::from([
        message.as_str(),
        "PRIORITY=4",
        "SYSLOG_IDENTIFIER=tracegate",
        "CODE=READER-UNREACHABLE",
        "DEVICE=dock_1",
        "READER=dock_1",
        "COUNT=3",
        r#"REASON=no "route"\nto it"#,
        "LEFT_OUT=7",
    ]);
    assert_eq!(fields, expected);
}

#[test]
fn addresses_lose_their_password_and_texts_their_end() {
    let lines = heard(|| {
        tracing::info!(
            at = "see mqtts://user:hunter2@broker:8883/x and http://a/b",
            "x"
        );
        tracing::info!("{}", "y".repeat(5_000));
    });
    assert_eq!(
        lines[0].words(),
        r#"x at="see mqtts://***@broker:8883/x and http://a/b""#
    );
    assert_eq!(lines[1].words().chars().count(), 2_001);
}

#[test]
fn a_library_has_a_code_too() {
    let lines = heard(|| tracing::warn!(target: "sqlx::query", "slow"));
    assert_eq!(lines[0].code, LIBRARY);
}

/// A reader that comes and goes every second for an hour: one line in ten seconds, nothing uncounted, and the truth last.
#[test]
fn a_flapping_reader_is_told_once_in_ten_seconds() {
    let (mut state, start) = (State::new(), Instant::now());
    let (mut written, mut left_out, mut last) = (0, 0, String::new());
    let mut take = |lines: Vec<Line>| {
        for line in lines {
            written += 1;
            left_out += line.left_out;
            last.clone_from(&line.message);
        }
    };
    for second in 0..3_600 {
        let now = start + Duration::from_secs(second);
        take(state.due(now));
        let down = line(Code::ReaderUnreachable.as_str(), "dock_1", "down");
        take(state.take(now, down));
        take(state.take(now, line(READER_READING, "dock_1", "reading")));
        take(state.take(now, line(DEVICE_CONNECTED, "dock_1", "up")));
    }
    take(state.due(start + Duration::from_secs(3_600) + EVERY));
    assert!((300..=366).contains(&written), "{written} lines");
    assert_eq!(written + left_out, 3 * 3_600);
    assert_eq!(last, "up");
    let counts: Vec<Count> = state.counts.values().copied().collect();
    assert_eq!(counts.iter().map(|it| it.lines).sum::<u64>(), 3 * 3_600);
    assert_eq!(counts.iter().map(|it| it.left_out).sum::<u64>(), left_out);
    assert_eq!(state.recent.len(), KEPT);
}

/// What one device says does not silence another, nor another trouble of its own.
#[test]
fn devices_and_codes_count_apart() {
    let (mut limiter, now) = (Limiter::new(), Instant::now());
    for device in ["dock_1", "dock_2"] {
        for code in [ANSWER_NOT_TAKEN, BYTES_THROWN_AWAY] {
            assert!(limiter.offer(now, line(code, device, "first")).is_some());
            assert!(limiter.offer(now, line(code, device, "second")).is_none());
            assert!(limiter.offer(now, line(code, device, "third")).is_none());
        }
    }
    assert_eq!(limiter.due(now), []);
    let due = limiter.due(now + EVERY);
    assert_eq!(due.len(), 4);
    assert!(
        due.iter()
            .all(|it| it.message == "third" && it.left_out == 1)
    );
    // Nobody has said anything for a while: nothing is kept.
    assert_eq!(limiter.due(now + EVERY * 3), []);
    assert!(limiter.rest().is_empty());
}

#[test]
fn the_end_tells_what_waits_and_strangers_cannot_fill_the_table() {
    let (mut limiter, now) = (Limiter::new(), Instant::now());
    let mut written = 0;
    for device in 0..5_000 {
        let line = line(ANSWER_NOT_TAKEN, &device.to_string(), "it");
        written += usize::from(limiter.offer(now, line).is_some());
    }
    assert_eq!(written, 1_025);
    let rest = limiter.rest();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].left_out, 5_000 - 1_025 - 1);
}

/// What is found by looking at figures is told once when it begins, and once when it is over.
#[test]
fn conditions_of_figures_are_told() {
    let condition = |code: Code| crate::health::Condition {
        code,
        severity: code.severity(),
        subject: "buffer".to_owned(),
        since: String::new(),
        text: "it is so".to_owned(),
        what_to_do: code.remedy(),
    };
    let mut told = Told::default();
    let low = [condition(Code::DiskLow), condition(Code::BufferDamaged)];
    let lines = heard(|| {
        told.look(&low);
        told.look(&low);
        told.look(&[]);
        told.look(&[]);
    });
    let lines: Vec<_> = lines
        .iter()
        .map(|it| (it.level, &*it.code, it.subject()))
        .collect();
    let buffer = || "buffer".to_owned();
    let expected = [
        (Level::WARN, "DISK-LOW", buffer()),
        (Level::INFO, "DISK-LOW", buffer()),
    ];
    assert_eq!(lines, expected);
}

/// What waits is how things were; the end of it, which has the same code, takes its place.
#[test]
fn the_end_of_a_trouble_is_the_last_that_is_said_of_it() {
    let (mut limiter, now) = (Limiter::new(), Instant::now());
    let say = |limiter: &mut Limiter, code: Code, message: &str| {
        let line = line(code.as_str(), "", message);
        limiter.offer(now, line).map(|it| it.message)
    };
    let (fails, full) = (Code::StorageFailed, Code::BufferFull);
    assert!(say(&mut limiter, fails, "fails").is_some());
    assert!(say(&mut limiter, full, "is full").is_none());
    assert!(say(&mut limiter, fails, "well again").is_none());
    let due = limiter.due(now + EVERY);
    let told: Vec<_> = due.iter().map(|it| (&*it.message, it.left_out)).collect();
    assert_eq!(told, [("well again", 1)]);
    // Each antenna counts by itself.
    for antenna in 1..=4 {
        let mut line = line(Code::AntennaDown.as_str(), "dock_1", "down");
        line.fields.push(("antenna", Value::from(antenna)));
        assert_eq!(line.subject(), format!("dock_1/{antenna}"));
        assert!(limiter.offer(now, line).is_some());
    }
}

/// Movements and whatever else has no code are never left out.
#[test]
fn what_is_no_trouble_is_not_limited() {
    let (mut limiter, now) = (Limiter::new(), Instant::now());
    for _ in 0..100 {
        assert!(limiter.offer(now, line("", "dock_1", "in")).is_some());
    }
}

#[test]
fn the_journal_gets_a_datagram_and_its_absence_is_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let journal = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let socket = write::datagrams().unwrap();
    let line = line(
        ANSWER_NOT_TAKEN,
        "dock_1",
        "The scanner did not take its answer",
    );
    assert!(write::send(&socket, &path, &line));
    let mut buffer = [0; 1_024];
    let length = journal.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], line.journal());
    assert!(write::send(&socket, Path::new("/nowhere"), &line));
    // Full: nobody waits for it.
    let full = (0..100_000).any(|_| !write::send(&socket, &path, &line));
    assert!(full);
}
