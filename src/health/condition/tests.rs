//! Codes, beginnings, delays and roots.

use std::path::Path;

use super::*;
use crate::health::{BrokerState, DeviceKind, DeviceState, Notice, Problem};

impl Health {
    /// Everything that is wrong at this moment, whether or not it is shown yet; without what the machine of the test is to
    /// blame for.
    pub(crate) fn conditions(&self) -> Vec<String> {
        let links = self.links();
        let found = found(&self.0, &links, None, |_, _| true);
        let found = found
            .iter()
            .filter(|it| ![Code::ClockUnsynced, Code::DiskLow].contains(&it.code));
        found.map(Found::line).collect()
    }

    /// Nothing else is wrong, but for what follows from it; whether or not its delay is over. A scenario ends with this:
    /// see `every_condition_has_a_scenario`.
    pub(crate) fn shows_alone(&self, code: &str) {
        let stuck = self.stuck();
        let found = found(&self.0, &self.links(), stuck, |_, _| true);
        let is_followed = |it: &&Found| !found.iter().any(|root| is_root(root, it));
        let shown = found.iter().filter(is_followed);
        let mut codes: Vec<&str> = shown.map(|it| it.code.as_str()).collect();
        codes.dedup();
        // The machine of the test is to blame for these.
        codes.retain(|it| *it == code || !["CLOCK-UNSYNCED", "DISK-LOW"].contains(it));
        assert_eq!(codes, [code], "{found:?}");
    }

    /// Whether anything is wrong that has this code, whether or not it is shown yet.
    pub(crate) fn holds(&self, code: Code) -> bool {
        let links = self.links();
        let found = found(&self.0, &links, None, |_, _| true);
        found.iter().any(|it| it.code == code)
    }
}

fn up() -> Health {
    let health = Health::new("plant-3", "e");
    health.broker(BrokerState::Up);
    health
}

fn down(health: &Health, name: &str, reason: &str) {
    let reason = reason.to_owned();
    health.device(name, DeviceState::Down { reason });
}

fn codes(health: &Health) -> Vec<&'static str> {
    health.shown().iter().map(|it| it.code.as_str()).collect()
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

/// Operators believe what is shown: so each condition is brought about once, by simulated devices or in simulated time, and is
/// then shown alone.
#[test]
fn every_condition_has_a_scenario() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = std::fs::read_to_string(root.join("tests/conditions.rs")).unwrap();
    collect(&root.join("tests/conditions"), &mut sources);
    collect(&root.join("src"), &mut sources);
    let statements: Vec<&str> = sources.split(';').collect();
    let shows = |code: &Code| {
        let word = format!("\"{}\"", code.as_str());
        statements.iter().any(|it| {
            let calls = ["shows_alone(", "shows(", "with_scanner("].into_iter();
            let mut after = calls.filter_map(|call| it.split_once(call));
            after.any(|(_, arguments)| arguments.contains(&word))
        })
    };
    let without: Vec<&str> = Code::ALL
        .iter()
        .filter(|code| !shows(code))
        .map(|code| code.as_str())
        .collect();
    assert_eq!(without, [""; 0], "no test ends with these alone");
}

#[test]
fn a_task_that_shows_no_sign_of_life_is_told() {
    let health = up();
    let beat = health.beat("core");
    assert_eq!(codes(&health), [""; 0]);
    beat.touched(Duration::from_secs(21));
    health.shows_alone("TASK-STUCK");
    beat.touch();
    assert_eq!(codes(&health), [""; 0]);
}

#[test]
fn codes_are_words_of_their_own_and_say_what_to_do() {
    let mut seen = std::collections::BTreeSet::new();
    for code in Code::ALL {
        let word = code.as_str();
        assert!(seen.insert(word), "{word} twice");
        assert!(
            word.chars().all(|c| c.is_ascii_uppercase() || c == '-'),
            "{word}"
        );
        assert!(!code.remedy().is_empty() && code.meaning().ends_with('.'));
        let is_root_of_itself = code.roots().contains(code);
        assert!(!is_root_of_itself, "{word}");
    }
}

#[test]
fn reasons_are_told_apart_by_words_that_the_program_says() {
    let mut sources = String::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/source"),
        &mut sources,
    );
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls"),
        &mut sources,
    );
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/llrp/src"),
        &mut sources,
    );
    for (words, code) in super::find::REASONS {
        assert!(sources.contains(words), "{words} of {code:?}");
    }
    let of = |reason, kind| super::find::of_reason(reason, Some(kind)).as_str();
    let scanner = "/dev/x may not be opened: add the gateway's user to the group dialout";
    assert_eq!(of(scanner, DeviceKind::Scanner), "DEVICE-DENIED");
    assert_eq!(
        of("does not answer", DeviceKind::Reader),
        "READER-UNREACHABLE"
    );
    assert_eq!(
        of("does not answer", DeviceKind::Marker),
        "DEVICE-UNREACHABLE"
    );
}

fn collect(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, text),
            false => text.push_str(&std::fs::read_to_string(&path).unwrap()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_quickly_is_not_shown_and_what_stays_keeps_its_beginning() {
    let health = up();
    let mut changes = health.subscribe();
    down(&health, "dock_1", "does not answer");
    let wait = health.settle().unwrap();
    assert_eq!(codes(&health), [""; 0]);
    changes.mark_unchanged();
    pass(1).await;
    health.device("dock_1", DeviceState::Up);
    assert_eq!(health.settle(), None);
    down(&health, "dock_1", "does not answer");
    assert_eq!(health.settle(), Some(wait), "it begins anew");
    pass(wait.as_secs()).await;
    changes.mark_unchanged();
    assert_eq!(health.settle(), None);
    assert!(changes.has_changed().unwrap(), "it is announced");
    let shown = health.shown();
    pass(100).await;
    down(&health, "dock_1", "refuses connections");
    let later = health.shown();
    assert_eq!(later[0].since, shown[0].since);
    assert_eq!(later[0].text, "dock_1: refuses connections");
    changes.mark_unchanged();
    health.settle();
    assert!(!changes.has_changed().unwrap(), "and only once");
}

#[tokio::test(start_paused = true)]
async fn what_follows_from_a_root_is_hidden_while_the_root_holds() {
    let health = up();
    health.notice(Notice::StoreSilent, Some("it confirms nothing".to_owned()));
    health.stalled(Some(Duration::from_secs(60)));
    health.device("dock_1", DeviceState::Up);
    health.problem("dock_1", Problem::Weak(1), Some("antenna 1 reads little"));
    health.problem("dock_1", Problem::Weak(2), Some("antenna 2 reads little"));
    let before = codes(&health);
    assert_eq!(
        before,
        [
            "BROKER-STALLED",
            "STORE-SILENT",
            "ANTENNA-WEAK",
            "ANTENNA-WEAK"
        ]
    );
    health.broker(BrokerState::Down("not there".to_owned()));
    assert_eq!(
        codes(&health),
        ["ANTENNA-WEAK"; 2],
        "not even before it shows"
    );
    health.problem(
        "dock_1",
        Problem::Antenna(2),
        Some("antenna 2 is disconnected"),
    );
    pass(10).await;
    assert_eq!(
        codes(&health),
        ["BROKER-DOWN", "ANTENNA-DOWN", "ANTENNA-WEAK"]
    );
    assert_eq!(health.shown()[2].subject, "dock_1/1");
    health.problem("dock_1", Problem::NoReads, Some("it reads nothing"));
    let codes = codes(&health);
    assert_eq!(codes, ["BROKER-DOWN", "READER-SILENT", "ANTENNA-DOWN"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_line_says_whether_everything_is_delivered_and_whose_fault_it_is_not() {
    let health = up();
    let line = || headline(&health.shown());
    assert_eq!(line(), "Everything is being delivered.");
    health.clock_synchronised(false);
    health.shows_alone("CLOCK-UNSYNCED");
    assert_eq!(line(), "Everything is being delivered.");
    pass(61).await;
    health.settle();
    pass(61).await;
    assert!(line().starts_with("Everything is being delivered, but something needs"));
    down(&health, "dock_1", "does not answer");
    health.settle();
    pass(10).await;
    assert_eq!(
        line(),
        "What is read is being delivered, but something is not read, or badly: dock_1. Look at the device, its cable or its network."
    );
    health.broker(BrokerState::Denied("bad password".to_owned()));
    health.settle();
    pass(10).await;
    assert_eq!(
        line(),
        "Events wait here and are not delivered. Look at the broker, or the network to it."
    );
    health.storing(Some("the buffer is full".to_owned()));
    health.settle();
    pass(10).await;
    assert!(line().starts_with("Nothing can be stored"));
    assert_eq!(
        codes(&health),
        [
            "BUFFER-FULL",
            "BROKER-DENIED",
            "DEVICE-UNREACHABLE",
            "CLOCK-UNSYNCED"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_buffer_that_grows_says_when_it_is_full() {
    use crate::health::BufferLevel;
    let health = up();
    let level = |bytes, oldest_s| BufferLevel {
        bytes,
        percent: bytes / 10_000,
        oldest_s,
        max_bytes: 1_000_000,
        full_in_s: None,
    };
    for minute in 0..10 {
        // A quarter of the room that is left in ten minutes.
        health.buffer(level(100_000 + minute * 20_000, minute * 60));
        pass(60).await;
    }
    assert_eq!(health.status().buffer.full_in_s, Some(9 * 60 * 620 / 180));
    health.shows_alone("BUFFER-GROWING");
    assert!(health.shown()[0].text.contains("full in about 31 min"));
    health.buffer(level(700_000, 700));
    health.shows_alone("BUFFER-NEARLY-FULL");
    health.buffer(level(100_000, 0));
    assert_eq!(codes(&health), [""; 0]);
}
