//! The running gateway asked by commands: its capture replayed gives the events that the broker got, byte for byte.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{Event, EventLoop};
use support::{Gateway, dock_1, epcs, pass, store};
use tokio::time::timeout;
use tracegate_sim::broker::Broker;
use tracegate_sim::reader::{SimReader, SimReaderConfig};
use tracegate_sim::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);

/// Loads go out, too.
const OUT: &str = r#"out = { biz_step = "shipping" }"#;

fn tracegate(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracegate"));
    command.args(arguments).current_dir(folder);
    command
}

fn output(arguments: &[&str], folder: &Path) -> (Output, String) {
    let output = tracegate(arguments, folder).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output, text)
}

/// Whether `tracegate status` found nothing wrong, but for what the machine of the test is to blame for.
fn is_well(status: &Output) -> bool {
    let text = String::from_utf8_lossy(&status.stdout);
    let mut said = text.lines().filter(|line| line.contains(", since "));
    let of_machine = |line: &str| line.contains("CLOCK-UNSYNCED") || line.contains("DISK-LOW");
    match status.status.code() {
        Some(0) => true,
        Some(2) => said.all(of_machine),
        _ => false,
    }
}

/// Ends like a person ends it.
async fn interrupt(mut child: Child) -> String {
    let sent = Command::new("sh")
        .args(["-c", "kill -INT \"$0\"", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    let ended = || child.try_wait().unwrap().is_some();
    wait_until("the capture to end", PATIENCE, ended)
        .await
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Two tags with a pallet.
fn pallet(serial: u32) -> Vec<Arc<[u8]>> {
    epcs(&[
        format!("urn:epc:tag:sscc-96:0.4012345.{serial:010}"),
        format!("urn:epc:tag:sgtin-96:1.4012345.000100.{serial}"),
        format!("urn:epc:tag:sgtin-96:1.4012345.000100.{}", serial + 1),
    ])
}

async fn published(events: &mut EventLoop) -> String {
    timeout(PATIENCE, async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                return String::from_utf8(publish.payload.to_vec()).unwrap();
            }
        }
    })
    .await
    .expect("an event")
}

#[tokio::test]
async fn a_capture_of_the_running_gateway_gives_its_events_again() {
    let broker = Broker::start().await.unwrap();
    let (_store, mut events) = store(broker.addr()).await;
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let mut gateway = Gateway::new(|buffer| dock_1(reader.addr(), broker.addr(), buffer, OUT));
    let folder = gateway.folder.path().to_owned();
    gateway.start();
    wait_until("the reader", PATIENCE, || reader.status().reading)
        .await
        .unwrap();
    let asks = ["--config", "gateway.toml"];
    let with = |more: &[&'static str]| [more, &asks].concat();

    // The first load is in the door when the capture begins.
    let load = pallet(1);
    let capture = async {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let child = tracegate(&with(&["capture", "-o", "day.jsonl.gz"]), &folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let file = folder.join("day.jsonl.gz");
        wait_until("the capture", PATIENCE, || file.exists())
            .await
            .unwrap();
        child
    };
    let ((), capture) = tokio::join!(pass(&reader, &load, true), capture);
    let mut live = vec![published(&mut events).await];
    let follow = ["tail", "--json", "--why", "--device", "dock_1"];
    let tail = tracegate(&with(&follow), &folder)
        .stdout(std::fs::File::create(folder.join("tail.jsonl")).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // This one never reads; what follows happens all the same.
    let mut asleep = tracegate(&with(&["tail", "--raw"]), &folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut survey = tracegate(&with(&["survey", "dock_1", "--clear", "0s"]), &folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = survey.stdin.take().unwrap();
    pass(&reader, &pallet(11), false).await;
    keys.write_all(b"o\nq\n").unwrap();
    live.push(published(&mut events).await);

    let tailed = || std::fs::read_to_string(folder.join("tail.jsonl")).unwrap();
    wait_until("the event", PATIENCE, || {
        tailed().contains("\"type\":\"event\"")
    })
    .await
    .unwrap();
    assert_eq!(interrupt(tail).await, "");
    asleep.kill().unwrap();
    asleep.wait().unwrap();
    let lines: Vec<serde_json::Value> = tailed()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| -> Vec<_> { lines.iter().filter(|it| it["type"] == kind).collect() };
    let (reads, events) = (of("read"), of("event"));
    let read = reads[0];
    assert_eq!(
        (&read["device"], &read["read_point"]),
        (&"dock_1".into(), &"dock_1".into())
    );
    assert_eq!(read["fate"], "taken", "{read}");
    assert!(
        reads.iter().any(|it| it["reads"].as_u64() > Some(1)),
        "conflated"
    );
    let event = events[0];
    assert!(event["summary"].as_str().unwrap().contains("shipping"));
    let survey = survey.wait_with_output().unwrap();
    let text = String::from_utf8(survey.stdout).unwrap();
    assert!(
        text.starts_with("dock_1: passes: 1, tags taken through: 3, "),
        "{text}"
    );
    assert!(
        text.contains("went out         0        1           0"),
        "{text}"
    );

    let (status, text) = output(&with(&["status"]), &folder);
    assert!(is_well(&status), "{text}\n{}", gateway.log());
    let (doctor, said) = output(&with(&["doctor"]), &folder);
    assert!(doctor.status.success(), "{said}");
    assert!(said.starts_with("A gateway is running and was asked.\n"));
    let clients = reader.status();
    assert_eq!((clients.connections, clients.refused), (1, 0), "{said}");
    assert!(
        text.starts_with("Everything is being delivered.\n") && text.contains("dock_1          up")
    );
    let (why, text) = output(&with(&["why", "(00)040123450000000016"]), &folder);
    assert!(why.status.success(), "{text}");
    assert!(text.contains("dock_1: booked: in  receiving"), "{text}");
    let (why, text) = output(&with(&["why", "300000000000000000000001"]), &folder);
    assert!(why.status.code() == Some(1) && text.is_empty());

    let (top, text) = output(&with(&["top", "--once"]), &folder);
    assert!(top.status.success(), "{top:?}");
    for expected in [
        "Everything is being delivered.\n",
        "\ndock_1          reader    up ",
        "\n  antennas /s   1: 0.0",
        "broker          127.0.0.1",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }

    let secret = "planted-secret";
    std::fs::write(folder.join("page-password"), secret).unwrap();
    let config = std::fs::read_to_string(folder.join("gateway.toml")).unwrap();
    let config = format!("{config}\n[status]\npassword_file = \"page-password\"\n# {secret}\n");
    std::fs::write(folder.join("planted.toml"), config).unwrap();
    let pack = ["bundle", "-o", "b.tar.gz", "--config", "planted.toml"];
    let (packed, contents) = output(&pack, &folder);
    assert!(packed.status.success(), "{packed:?}");
    for part in [
        "status.json",
        "events.json",
        "metrics.txt",
        "buffer.json",
        "audit.txt",
    ] {
        let line = contents.lines().find(|line| line.starts_with(part));
        assert!(line.is_some_and(|it| !it.contains("missing")), "{contents}");
    }
    let unpacked = Command::new("tar")
        .args(["-xzf", "b.tar.gz", "--to-stdout"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(unpacked.status.success(), "{unpacked:?}");
    let all = String::from_utf8(unpacked.stdout).unwrap();
    assert!(all.starts_with(&contents), "{all}");
    for expected in [
        "password_file = \"page-password\"",
        "tracegate_reads_total",
        "receiving",
        "\"dead_letters\": []",
    ] {
        assert!(all.contains(expected), "{expected}: {all}");
    }
    assert!(!all.contains(secret), "{all}");
    let (again, _) = output(&pack, &folder);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");

    let nowhere = tracegate(&with(&["survey", "dock_9", "--clear", "0s"]), &folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(nowhere.stderr).unwrap();
    assert_eq!(
        said,
        "error: dock_9 is no read point with antennas; there are dock_1\n"
    );

    let said = interrupt(capture).await;
    assert!(
        said.starts_with("day.jsonl.gz: ") && !said.contains("warning"),
        "{said}"
    );
    let (replay, text) = output(&["replay", "day.jsonl.gz", "--json"], &folder);
    assert!(replay.status.success(), "{replay:?}");
    let replayed: Vec<&str> = text.lines().collect();
    assert_eq!(replayed, live);
    let (_, text) = output(&["replay", "day.jsonl.gz"], &folder);
    assert_eq!(text.matches("receiving").count(), 1, "{text}");
    let tag = "(01)04012345001006(21)11";
    let (_, text) = output(&["why", "--capture", "day.jsonl.gz", tag], &folder);
    assert!(text.contains("dock_1: booked: out shipping"), "{text}");

    // A second gateway on the same buffer is refused, and leaves the socket alone.
    let (second, _) = output(&["run", "--config", "gateway.toml"], &folder);
    assert_eq!(second.status.code(), Some(1));
    assert!(is_well(&output(&with(&["status"]), &folder).0));
    // After a kill its socket is left behind: nobody answers there, and the next gateway replaces it.
    gateway.kill();
    assert!(folder.join("buffer/control.sock").exists());
    let ask = ["status", "--socket", "buffer/control.sock"];
    assert_eq!(output(&ask, &folder).0.status.code(), Some(3));
    gateway.start();
    let answers = || output(&ask, &folder).0.status.code() != Some(3);
    wait_until("the gateway", PATIENCE, answers).await.unwrap();
    assert!(gateway.stop().success());
    assert!(!folder.join("buffer/control.sock").exists());
}

#[test]
fn a_replay_takes_its_time_when_asked_to() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let file = [
        "replay",
        "by-hand.jsonl",
        "--config",
        "dock.toml",
        "--speed",
    ];
    let begin = std::time::Instant::now();
    // Sixty-six seconds of traffic.
    let (_, slow) = output(&[&file[..], &["50"]].concat(), &folder);
    assert!(begin.elapsed() > Duration::from_millis(1_200));
    let (_, quick) = output(&[&file[..], &["1000000"]].concat(), &folder);
    assert!(slow == quick && !slow.is_empty());
}

#[test]
fn a_replay_reads_a_pipe_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let replay = |arguments: &[&str]| {
        let capture = std::fs::File::open(folder.join("by-hand.jsonl")).unwrap();
        let mut cat = Command::new("cat")
            .stdin(capture)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_tracegate"))
            .args(["replay", "--config", "dock.toml"])
            .args(arguments)
            .current_dir(&folder)
            .stdin(cat.stdout.take().unwrap())
            .output()
            .unwrap();
        cat.wait().unwrap();
        let texts = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        (output.status.code(), texts)
    };
    let (_, file) = output(
        &["replay", "by-hand.jsonl", "--config", "dock.toml"],
        &folder,
    );
    for pipe in ["-", "/dev/stdin"] {
        let (code, [out, _]) = replay(&[pipe]);
        assert_eq!((code, out), (Some(0), file.clone()), "{pipe}");
    }
    for (pipe, name) in [("-", "standard input"), ("/dev/stdin", "/dev/stdin")] {
        let (code, [_, error]) = replay(&[pipe, "--diff", "keen.toml"]);
        let expected = format!("{name} is no file but a pipe, and is read twice here");
        assert!(code == Some(1) && error.contains(&expected), "{error}");
    }
}
