use proptest::prelude::*;

use super::*;

#[test]
fn commands_are_read_and_mistakes_are_named() {
    let device = |action| {
        let device = "dock_1".to_owned();
        Ok(Command::Device { device, action })
    };
    let output = |state| Action::Output { port: 4, state };
    for (kind, text, expected) in [
        (Kind::Status, r#"{"id":"1"}"#, Ok(Command::Status)),
        (
            Kind::Replay,
            r#"{"id":"1","epoch":"e","from":7}"#,
            Ok(Command::Replay {
                epoch: "e".to_owned(),
                from: 7,
                to: None,
            }),
        ),
        (
            Kind::Identify,
            r#"{"id":"1","device":"dock_1"}"#,
            device(Action::Identify(Duration::from_secs(5))),
        ),
        (
            Kind::Gpo,
            r#"{"id":"1","device":"dock_1","output":4,"state":"pulse","milliseconds":250}"#,
            device(output(OutputState::Pulse(Duration::from_millis(250)))),
        ),
        (
            Kind::Gpo,
            r#"{"id":"1","device":"dock_1","output":4,"state":"off"}"#,
            device(output(OutputState::Off)),
        ),
    ] {
        assert_eq!(parse(kind, text.as_bytes()), expected);
    }
    for (kind, text, mistake) in [
        (Kind::Identify, r#"{"id":"1"}"#, "missing field `device`"),
        (
            Kind::Replay,
            r#"{"id":"1","epoch":"e","from":7,"to":6}"#,
            "`to` not less",
        ),
        (
            Kind::Identify,
            r#"{"id":"1","device":"a","seconds":61}"#,
            "`seconds` must be 1 to 60",
        ),
        (
            Kind::Gpo,
            r#"{"id":"1","device":"a","output":4,"state":"blink"}"#,
            "unknown variant `blink`, expected one of `on`, `off`, `pulse`",
        ),
        (
            Kind::Gpo,
            r#"{"id":"1","device":"a","output":70000,"state":"on"}"#,
            "invalid value: integer `70000`",
        ),
        (
            Kind::Status,
            r#"{"id":"1","now":true}"#,
            "unknown field `now`",
        ),
    ] {
        let said = parse(kind, text.as_bytes()).unwrap_err();
        assert!(said.contains(mistake), "{said}");
    }
}

#[test]
fn an_id_is_found_whatever_else_is_wrong() {
    assert_eq!(id(br#"{"id":"a-1","x":[1]}"#), Ok("a-1".to_owned()));
    for payload in [
        &b""[..],
        b"[]",
        br#"{"id":7}"#,
        br#"{"id":""}"#,
        br#"{"id":"a\nb"}"#,
        &[b'x'; 5000],
    ] {
        assert!(id(payload).is_err());
    }
    assert!(id(format!(r#"{{"id":"{}"}}"#, "a".repeat(65)).as_bytes()).is_err());
}

#[test]
fn unknown_devices_and_outputs_are_answered_with_those_there_are() {
    let (light, _) = Target::new(true, vec![3, 4]);
    let (dark, _) = Target::new(false, vec![]);
    let devices = Directory::from([("dock_1".to_owned(), light), ("line_2".to_owned(), dark)]);
    let refused = |name, action| target(&devices, name, action).unwrap_err();
    let identify = Action::Identify(WINDOW);
    let output = |port| Action::Output {
        port,
        state: OutputState::On,
    };
    assert_eq!(
        refused("dock_9", identify),
        "there is no device \"dock_9\"; there are: dock_1, line_2"
    );
    assert!(refused("line_2", identify).contains("on_identify"));
    assert_eq!(
        refused("dock_1", output(1)),
        "output 1 of dock_1 is not for commands; these are: 3, 4"
    );
    assert!(refused("line_2", output(1)).contains(r#"gpo = { 1 = "command" }"#));
    assert!(target(&devices, "dock_1", identify).is_ok());
    assert!(target(&devices, "dock_1", output(4)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_same_id_is_one_command_for_ten_minutes() {
    let (mut memory, mut now) = (Memory::default(), Instant::now());
    assert_eq!(memory.look_up(Kind::Gpo, "a", now), Known::New);
    assert_eq!(memory.look_up(Kind::Gpo, "a", now), Known::UnderWay);
    assert_eq!(memory.look_up(Kind::Status, "a", now), Known::New);
    let answer = Answer::new(Some("a".to_owned()), Kind::Gpo, Outcome::Done);
    memory.answered(Kind::Gpo, "a", &answer);
    assert_eq!(memory.look_up(Kind::Gpo, "a", now), Known::Answered(answer));
    now += WINDOW;
    assert_eq!(memory.look_up(Kind::Gpo, "a", now), Known::New);
    for n in 0..10_000 {
        memory.look_up(Kind::Gpo, &n.to_string(), now);
    }
    assert_eq!(memory.0.len(), MOST_REMEMBERED);
}

#[test]
fn answers_are_json() {
    let refused = Answer::new(Some("a".to_owned()), Kind::Gpo, Outcome::Refused).text("no \"x\"");
    assert_eq!(
        refused.to_json(),
        r#"{"id":"a","command":"gpo","outcome":"refused","text":"no \"x\""}"#
    );
    let done = Answer::new(None, Kind::Status, Outcome::Done);
    assert_eq!(done.to_json(), r#"{"command":"status","outcome":"done"}"#);
}

proptest! {
    #[test]
    fn no_payload_does_harm(payload in proptest::collection::vec(any::<u8>(), 0..200), text in r#"\{"id":"[a-z]{0,3}"(,"(device|output|state|seconds)":("?[a-z0-9-]{1,20}"?))*\}"#) {
        for bytes in [&payload[..], text.as_bytes()] {
            let _ = id(bytes);
            for kind in Kind::ALL {
                let _ = parse(kind, bytes);
            }
        }
    }
}
