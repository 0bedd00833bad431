use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tracegate_llrp::client::ClientConfig;
use tracegate_llrp::codec::message;
use tracegate_llrp::frame::FrameSplitter;
use tracegate_pipeline::ReaderTime;
use tracegate_sim::Task;
use tracegate_sim::reader::{SimReader, SimReaderConfig};
use tracegate_sim::scenario::Sighting;

use super::*;
use crate::source::llrp::link::Link;
use crate::source::llrp::{Settings, run};

pub(super) fn settings(reader: SocketAddr) -> Settings {
    Settings {
        link: Link::Dial {
            host: reader.ip().to_string(),
            port: reader.port(),
            tls: None,
        },
        client: ClientConfig {
            keepalive_period: Duration::from_millis(100),
            connect_timeout: Duration::from_millis(300),
            ..ClientConfig::default()
        },
        outputs: BTreeMap::new(),
        sensors: Vec::new(),
    }
}

fn start(reader: SocketAddr) -> Rig {
    Rig::start(100, |context| {
        run(settings(reader), context, None, mpsc::channel(1).1)
    })
}

pub(super) fn tag(number: u8) -> Sighting {
    Sighting {
        at_us: 0,
        reader: "r".into(),
        antenna: 2,
        epc: [0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number].into(),
        pc: 0x3000,
        rssi_dbm: -55,
    }
}

pub(super) async fn reading(reader: &SimReader) {
    wait_until("reading", PATIENCE, || reader.status().reading)
        .await
        .unwrap();
}

/// A server that greets with `words` and then stays, or ends the connection.
async fn stranger(words: &'static [u8], stays: bool) -> (SocketAddr, Task) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = Task::spawn(async move {
        let mut guests = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(words).await;
            if stays {
                guests.push(socket);
            }
        }
    });
    (addr, task)
}

#[tokio::test]
async fn a_reader_that_is_not_there_is_named() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let rig = start(addr);
    rig.says(&format!("dock_1: {addr} refuses connections"))
        .await;
    rig.stop().await;

    let nowhere = Settings {
        link: Link::Dial {
            host: "no-such-reader.invalid".to_owned(),
            port: addr.port(),
            tls: None,
        },
        ..settings(addr)
    };
    let rig = Rig::start(1, |context| run(nowhere, context, None, mpsc::channel(1).1));
    rig.says("cannot connect to no-such-reader.invalid:").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_reader_that_serves_another_client_says_so() {
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let other = TcpStream::connect(reader.addr()).await.unwrap();
    wait_until("the other client", PATIENCE, || reader.status().connected)
        .await
        .unwrap();
    let mut rig = start(reader.addr());
    rig.says("another client holds the reader").await;
    // As soon as it lets go the reader is ours.
    drop(other);
    assert!(rig.link().await);
    assert_eq!(rig.condition(), "");
    rig.stop().await;
}

#[tokio::test]
async fn what_is_no_reader_is_called_so() {
    for (words, stays, text) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            true,
            "not an LLRP reader",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", true, "not an LLRP reader"),
        // A web server that waits for our request.
        (b"", true, "is this a reader's LLRP port?"),
        (b"", false, "closed the connection before it said anything"),
    ] {
        let (addr, _task) = stranger(words, stays).await;
        let rig = start(addr);
        rig.says(text).await;
        assert!(
            rig.condition().contains(&addr.to_string()),
            "{}",
            rig.condition()
        );
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_silent_reader_is_noticed_and_found_again() {
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let mut rig = start(reader.addr());
    assert!(rig.link().await);
    reading(&reader).await;
    reader.feed().see(1_000, tag(1)).await;
    assert_eq!(rig.reads().await[0].epc[11], 1);
    reader.pause().await;
    rig.says("reader silent for").await;
    assert!(!rig.link().await);
    reader.resume().await;
    assert!(rig.link().await);
    reading(&reader).await;
    reader.feed().see(2_000, tag(2)).await;
    assert_eq!(rig.reads().await[0].epc[11], 2);
    assert_eq!(rig.condition(), "");
    rig.stop().await;
}

/// Between client and reader; counts what the client sends by message type.
struct Tap {
    addr: SocketAddr,
    counts: Arc<Mutex<BTreeMap<u16, usize>>>,
    _task: Task,
}

impl Tap {
    async fn to(reader: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let counts = Arc::new(Mutex::new(BTreeMap::new()));
        let tally = counts.clone();
        let task = Task::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let reader = TcpStream::connect(reader).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_reader, mut to_reader) = reader.into_split();
                let back = async {
                    let _ = tokio::io::copy(&mut from_reader, &mut to_client).await;
                    let _ = to_client.shutdown().await;
                };
                let forth = async {
                    let (mut splitter, mut bytes) = (FrameSplitter::new(1 << 20), [0; 4096]);
                    while let Ok(count) = from_client.read(&mut bytes).await
                        && count > 0
                    {
                        let mut input = &bytes[..count];
                        while let Some(frame) = splitter.next_frame(&mut input).unwrap() {
                            let mut tally = tally.lock().unwrap();
                            *tally.entry(frame.header.message_type).or_default() += 1;
                        }
                        if to_reader.write_all(&bytes[..count]).await.is_err() {
                            return;
                        }
                    }
                    let _ = to_reader.shutdown().await;
                };
                tokio::join!(back, forth);
            }
        });
        Self {
            addr,
            counts,
            _task: task,
        }
    }

    fn count(&self, message_type: u16) -> usize {
        let counts = self.counts.lock().unwrap();
        counts.get(&message_type).copied().unwrap_or_default()
    }
}

#[tokio::test]
async fn while_the_core_is_busy_keepalives_are_answered_and_reads_merged() {
    const TAGS: u64 = 50;
    const ROUNDS: u64 = 120;
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let tap = Tap::to(reader.addr()).await;
    let mut rig = Rig::start(1, |context| {
        run(settings(tap.addr), context, None, mpsc::channel(1).1)
    });
    reading(&reader).await;
    // The link's change fills the channel's only place; from here on the core takes nothing.
    for at in 0..ROUNDS * TAGS {
        let tag = tag(u8::try_from(at % TAGS).unwrap());
        reader.feed().see(1_000_000 + at, tag).await;
    }
    let all = ROUNDS * TAGS;
    wait_until("all sightings", PATIENCE, || reader.status().seen == all)
        .await
        .unwrap();
    wait_until("merged reads", PATIENCE, || {
        rig.health.counters().reads_conflated.get() > 1_500
    })
    .await
    .unwrap();
    // More than three periods: without answers, or with a reading side that waits, this would be the end.
    let answered = tap.count(message::KeepaliveAck::TYPE);
    wait_until("keepalive answers", PATIENCE, || {
        tap.count(message::KeepaliveAck::TYPE) >= answered + 5
    })
    .await
    .unwrap();
    assert_eq!(reader.status().connections, 1);
    assert!(rig.link().await);
    let (mut reads, mut spans) = (Vec::new(), BTreeMap::new());
    while spans.values().filter(|last| **last >= all - TAGS).count()
        < usize::try_from(TAGS).unwrap()
    {
        for read in rig.reads().await {
            let Some(ReaderTime::Utc(us)) = read.device_time else {
                panic!("the reader has a clock: {read:?}")
            };
            spans.insert(read.epc[11], us - 1_000_000);
            reads.push(read);
        }
    }
    let counters = rig.health.counters();
    assert_eq!(counters.reads_dropped.get(), 0);
    // Merged or not, every sighting is counted.
    let kept: u64 = reads.iter().map(|read| u64::from(read.more) + 1).sum();
    assert_eq!(kept, all);
    assert!(
        reads.len() >= 4_096,
        "one by one as long as there is room: {}",
        reads.len()
    );
    assert!(
        reads.len() < usize::try_from(all).unwrap(),
        "then merged: {}",
        reads.len()
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_stop_closes_the_connection_in_good_order() {
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let tap = Tap::to(reader.addr()).await;
    let mut rig = Rig::start(100, |context| {
        run(settings(tap.addr), context, None, mpsc::channel(1).1)
    });
    assert!(rig.link().await);
    let Rig {
        mut inputs,
        stop,
        task,
        ..
    } = rig;
    stop.cancel();
    timeout(PATIENCE, task).await.unwrap().unwrap();
    assert_eq!(tap.count(message::CloseConnection::TYPE), 1);
    wait_until("the end at the reader", PATIENCE, || {
        !reader.status().connected
    })
    .await
    .unwrap();
    let mut last = None;
    while let Some(input) = inputs.recv().await {
        last = Some(input);
    }
    assert!(
        matches!(last, Some(Input::Device { up: false, .. })),
        "{last:?}"
    );
}

/// READER_EVENT_NOTIFICATION with ConnectionAttemptEvent Success at this reader time.
fn connection_event(utc_us: u64) -> Vec<u8> {
    let mut bytes = vec![
        0x04, 63, 0, 0, 0, 32, 0, 0, 0, 1, 0, 246, 0, 22, 0, 128, 0, 12,
    ];
    bytes.extend(utc_us.to_be_bytes());
    bytes.extend([1, 0, 0, 6, 0, 0]);
    bytes
}

/// RO_ACCESS_REPORT of one tag, first seen at this reader time.
fn report(utc_us: u64) -> Vec<u8> {
    let mut bytes = vec![0x04, 61, 0, 0, 0, 36, 0, 0, 0, 2, 0, 240, 0, 26];
    bytes.extend([0x8d, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0x82]);
    bytes.extend(utc_us.to_be_bytes());
    bytes
}

#[tokio::test]
async fn reads_before_the_set_up_is_done_come_after_the_readers_clock() {
    let (addr, _task) = stranger(
        [connection_event(9_000_000), report(8_000_000)]
            .concat()
            .leak(),
        true,
    )
    .await;
    let mut rig = start(addr);
    let Input::Device {
        up: true,
        reader_time: Some(ReaderTime::Utc(us)),
        ..
    } = rig.input().await
    else {
        panic!("the clock comes first")
    };
    assert!(us >= 9_000_000);
    assert_eq!(
        rig.reads().await[0].device_time,
        Some(ReaderTime::Utc(8_000_000))
    );
    // It is not called connected: it has not been set up.
    let state = &rig.health.status().devices["dock_1"].state;
    assert_eq!(*state, DeviceState::Starting);
    rig.stop().await;
}
