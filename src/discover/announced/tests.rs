//! Responders that stand on the loopback interface, and messages byte by byte.

use std::path::Path;

use proptest::prelude::*;

use super::super::Found;
use super::*;
use crate::config::from_bytes;

/// Names as they are on the wire.
fn name(labels: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in labels {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// A record of class IN with the bit that empties caches, as responders set it.
fn record(of: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap();
    [
        of,
        &kind.to_be_bytes(),
        &0x8001_u16.to_be_bytes(),
        &120_u32.to_be_bytes(),
        &len.to_be_bytes(),
        data,
    ]
    .concat()
}

fn message(answers: &[Vec<u8>], additional: &[Vec<u8>]) -> Vec<u8> {
    let count = |list: &[Vec<u8>]| u16::try_from(list.len()).unwrap().to_be_bytes();
    let head = [
        &[0, 0, 0x84, 0, 0, 0][..],
        &count(answers),
        &[0, 0],
        &count(additional),
    ];
    [head.concat(), answers.concat(), additional.concat()].concat()
}

const SPEEDWAY: &str = "SpeedwayR-11-12-F0 (dock 1)";

fn service() -> Vec<u8> {
    name(&["_llrp", "_tcp", "local"])
}

fn instance() -> Vec<u8> {
    name(&[SPEEDWAY, "_llrp", "_tcp", "local"])
}

fn pointer() -> Vec<u8> {
    record(&service(), 12, &instance())
}

fn place(port: u16) -> Vec<u8> {
    let host = name(&["SpeedwayR-11-12-F0", "local"]);
    let data = [&[0, 0, 0, 0][..], &port.to_be_bytes(), &host].concat();
    record(&instance(), 33, &data)
}

fn address(last: u8) -> Vec<u8> {
    // In another case than where it was named.
    record(
        &name(&["speedwayr-11-12-f0", "LOCAL"]),
        1,
        &[127, 0, 0, last],
    )
}

fn texts() -> Vec<u8> {
    record(&instance(), 16, b"\x0bmodel=R\x1b[2J\x09version=5")
}

fn loopback() -> Vec<Asked> {
    vec![Asked {
        interface: "lo".to_owned(),
        address: Ipv4Addr::LOCALHOST,
        problem: None,
    }]
}

/// Answers each question with the next of these messages; the last one again and again. Gives the questions.
async fn responder(answers: Vec<Vec<u8>>) -> (SocketAddrV4, tokio::task::JoinHandle<Vec<Vec<u8>>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let SocketAddr::V4(at) = socket.local_addr().unwrap() else {
        unreachable!("it was bound to version 4");
    };
    let task = tokio::spawn(async move {
        let mut asked = Vec::new();
        let mut bytes = [0; 2_000];
        for round in 0..ROUNDS as usize {
            let (len, from) = socket.recv_from(&mut bytes).await.unwrap();
            asked.push(bytes[..len].to_vec());
            // Noise between: from elsewhere, and what is no message.
            let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let lie = message(&[pointer()], &[place(1), address(66)]);
            stranger.send_to(&lie, from).await.unwrap();
            socket.send_to(b"\x00\x00\x84", from).await.unwrap();
            let answer = answers.get(round).or(answers.last()).unwrap();
            socket.send_to(answer, from).await.unwrap();
        }
        asked
    });
    (at, task)
}

fn told(announced: Announced) -> String {
    let found = Found {
        local: Vec::new(),
        readers: None,
        announced: Some(announced),
    };
    let text = found.to_string();
    let (_, text) = text.split_once("# Readers").unwrap();
    text.to_owned()
}

#[tokio::test]
async fn a_reader_that_announces_itself_becomes_a_section() {
    let whole = message(&[pointer()], &[place(5084), texts(), address(21)]);
    let (at, task) = responder(vec![whole]).await;
    let found = ask(loopback(), at, &Held::default()).await;
    let asked = task.await.unwrap();
    assert_eq!(asked.len(), 3, "an answer may be lost");
    // PTR, IN, without the bit that asks for unicast.
    let mut question = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    question.extend(service());
    question.extend([0, 12, 0, 1]);
    assert_eq!(asked[0], question);
    assert_eq!(
        told(found),
        " that announce themselves; they were not connected to\n# asked on lo (127.0.0.1)\n\
         [llrp.reader_1]   # SpeedwayR-11-12-F0 (dock 1), speedwayr-11-12-f0.local, model=R [2J, version=5\n\
         host = \"127.0.0.21\"\n"
    );
}

#[tokio::test]
async fn what_an_answer_leaves_out_is_asked_for() {
    let parts = vec![
        message(&[pointer()], &[]),
        message(&[place(5085), texts()], &[]),
        message(&[address(22)], &[]),
    ];
    let (at, task) = responder(parts).await;
    let found = ask(loopback(), at, &Held::default()).await;
    let asked = task.await.unwrap();
    let [reader] = found.readers.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!((reader.host.as_str(), reader.port), ("127.0.0.22", 5085));
    assert_eq!(reader.state, State::Announced);
    let counts: Vec<u8> = asked.iter().map(|question| question[5]).collect();
    assert_eq!(counts, [1, 3, 2], "SRV and TXT, then the address");
}

#[tokio::test]
async fn a_reader_that_the_gateway_has_is_told_as_such() {
    let config = "[gateway]\nsite = \"plant-3\"\n[llrp.dock_1]\nhost = \"127.0.0.23\"\n[mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n";
    let config = from_bytes(Path::new("x.toml"), config.as_bytes(), std::iter::empty());
    let config = config.unwrap().config;
    for (is_running, expected) in [
        (
            true,
            "# 127.0.0.23:5084 is dock_1, which the running gateway has\n",
        ),
        (
            false,
            "# in the configuration as [llrp.dock_1]: SpeedwayR-11-12-F0 (dock 1), speedwayr-11-12-f0.local\n# host = \"127.0.0.23\"\n",
        ),
    ] {
        let (at, task) =
            responder(vec![message(&[pointer(), place(5084), address(23)], &[])]).await;
        let held = Held::of(&config, is_running).await;
        let text = told(ask(loopback(), at, &held).await);
        task.await.unwrap();
        assert!(
            text.ends_with(&format!("(127.0.0.1)\n{expected}")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn silence_and_a_network_that_cannot_be_asked_are_told() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let SocketAddr::V4(at) = silent.local_addr().unwrap() else {
        unreachable!("it was bound to version 4");
    };
    let mut networks = loopback();
    networks.push(Asked {
        interface: "eth9".to_owned(),
        // Documentation's own (RFC 5737): nobody has it.
        address: Ipv4Addr::new(198, 51, 100, 77),
        problem: None,
    });
    let text = told(ask(networks, at, &Held::default()).await);
    assert!(
        text.contains("# asked on lo (127.0.0.1)\n# eth9 (198.51.100.77) could not be asked: Cannot assign requested address"),
        "{text}"
    );
    assert!(
        text.contains("\n# none\n# not every reader announces itself"),
        "{text}"
    );
    let nowhere = told(ask(Vec::new(), at, &Held::default()).await);
    assert!(nowhere.contains("# nobody could be asked"), "{nowhere}");
}

#[test]
fn one_that_says_goodbye_or_is_something_else_is_none() {
    let mut goodbye = pointer();
    let ttl = service().len() + 4;
    goodbye[ttl..ttl + 4].fill(0);
    let printer = record(&name(&["_ipp", "_tcp", "local"]), 12, &instance());
    let foreign = record(&service(), 12, &name(&["x", "_ipp", "_tcp", "local"]));
    let mut heard = Heard::default();
    for record in [goodbye, printer, foreign, place(5084)] {
        heard.take(&message(&[record], &[]));
    }
    assert!(heard.services.is_empty(), "{heard:?}");
    // A question is no answer.
    let mut question = message(&[pointer()], &[]);
    question[2] = 0;
    heard.take(&question);
    assert!(heard.services.is_empty(), "{heard:?}");
}

#[test]
fn more_than_there_can_be_is_passed_over() {
    let mut heard = Heard::default();
    for n in 0..MOST + 50 {
        let instance = name(&[&format!("r{n}"), "_llrp", "_tcp", "local"]);
        heard.take(&message(&[record(&service(), 12, &instance)], &[]));
        let host = name(&[&format!("h{n}"), "local"]);
        heard.take(&message(&[record(&host, 1, &[10, 0, 0, 1])], &[]));
        heard.take(&message(&[address(u8::try_from(n % 200).unwrap())], &[]));
    }
    assert_eq!(heard.services.len(), MOST);
    assert_eq!(heard.addresses.len(), MOST);
    assert!(
        heard
            .addresses
            .values()
            .all(|it| it.len() <= MOST_ADDRESSES)
    );
    assert!(heard.question().unwrap().len() < MOST_BYTES);
}

proptest! {
    /// Whoever sends what: it is taken or passed over.
    #[test]
    fn hostile_messages_do_no_harm(
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        end in any::<prop::sample::Index>(),
    ) {
        let mut heard = Heard::default();
        heard.take(&noise);
        let mut bytes = message(&[pointer()], &[place(5084), texts(), address(21)]);
        for (at, bits) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        heard.take(&bytes);
        let question = heard.question();
        prop_assert!(question.is_none_or(|it| it.len() < MOST_BYTES));
    }
}
