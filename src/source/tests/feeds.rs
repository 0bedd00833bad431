//! Every profile and every transport, over real sockets and ptys, with the faults of real cables.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tokio::net::TcpListener;
use tracegate_sim::scanner::make::{Delivery, MAKES, Make, ssi_packet};
use tracegate_sim::scanner::wire::Wire;

use super::scanner::{serial, settings};
use super::*;
use crate::core::Feedback;
use crate::health::DeviceCounter;
use crate::source::scanner::{Answer, run};
use crate::source::transport::Transport;

fn start(name: &str, transport: Transport) -> (Rig, mpsc::Sender<Feedback>) {
    let mut settings = settings(name, transport);
    settings.telnet = name == "cognex_dataman";
    if name == "zebra_ssi" {
        let profile = tracegate_feed::profile::profile(name).unwrap();
        let verbs = crate::config::verbs(profile.on_accept.as_bytes()).unwrap();
        settings.answers.accept = Answer::Verbs(verbs);
        settings.answers.no_read = Answer::default();
    }
    let (feedback, answers) = mpsc::channel(8);
    let rig = Rig::start(64, |context| run(settings, context, answers));
    (rig, feedback)
}

impl Rig {
    fn counted(&self, counter: DeviceCounter) -> u64 {
        let report = self
            .health
            .device_report("dock_1", crate::health::DeviceKind::Scanner);
        let counters: BTreeMap<_, _> = report.counters;
        counters.get(counter.as_str()).copied().unwrap_or_default()
    }

    async fn counts(&self, counter: DeviceCounter, at_least: u64) {
        wait_until(counter.as_str(), PATIENCE, || {
            self.counted(counter) >= at_least
        })
        .await
        .unwrap();
    }
}

/// What a make sends besides codes, then three codes.
fn traffic(make: &Make) -> Vec<Vec<u8>> {
    let extras = [make.heartbeat(), make.status(), make.no_read()];
    let codes = ["]C1010401234512345621A1", "SECOND", "0003"].map(|code| make.scan(code));
    [make.hello.to_vec()]
        .into_iter()
        .chain(extras.into_iter().flatten())
        .chain(codes)
        .filter(|bytes| !bytes.is_empty())
        .collect()
}

#[tokio::test]
async fn each_profile_reads_its_scanner_in_any_pieces() {
    for make in &MAKES {
        for delivery in Delivery::ALL {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let addr = listener.local_addr().unwrap();
            let (mut rig, _feedback) = start(make.profile, Transport::Tcp(addr.to_string()));
            let mut wire = Wire::accept(&listener).await.unwrap();
            wire.deliver(delivery, &traffic(make)).await.unwrap();
            for code in ["]C1010401234512345621A1", "SECOND", "0003"] {
                let scanned = rig.scan().await;
                let scanned = scanned.strip_prefix("]C0").unwrap_or(&scanned);
                assert_eq!(scanned, code, "{} {delivery:?}", make.profile);
            }
            let of = |frame: Option<Vec<u8>>| u64::from(frame.is_some());
            for (counter, expected) in [
                (DeviceCounter::NoReads, of(make.no_read())),
                (DeviceCounter::Heartbeats, of(make.heartbeat())),
                (DeviceCounter::StatusMessages, of(make.status())),
                (DeviceCounter::FramesUnknown, 0),
                (DeviceCounter::FramesMalformed, 0),
            ] {
                let counted = rig.counted(counter);
                assert_eq!(
                    counted, expected,
                    "{counter:?} {} {delivery:?}",
                    make.profile
                );
            }
            rig.stop().await;
        }
    }
}

#[tokio::test]
async fn what_no_rule_knows_is_counted_and_shown_and_cannot_move_a_cursor() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut settings = settings("raw_ascii", Transport::Tcp(addr.to_string()));
    let section = crate::config::Scanner {
        data: Some("^code=(?<data>\\w+)$".to_owned()),
        ..Default::default()
    };
    settings.rules = section.rules().unwrap();
    let (_feedback, answers) = mpsc::channel(8);
    let mut rig = Rig::start(8, |context| run(settings, context, answers));
    let mut wire = Wire::accept(&listener).await.unwrap();
    wire.send(b"\x1b[2Jevil\r\rcode=A1\r").await.unwrap();
    assert_eq!(rig.scan().await, "A1");
    assert_eq!(rig.counted(DeviceCounter::FramesUnknown), 1);
    assert_eq!(rig.health.counters().scans_unknown.get(), 1);
    rig.says("it sent \"\\x1b[2Jevil\", which no rule knows")
        .await;
    rig.health.shows_alone("FRAMES-UNKNOWN");
    rig.stop().await;
}

/// One way to plug a scanner in, out and in again.
pub(super) enum Socket {
    Serial {
        link: PathBuf,
        _folder: tempfile::TempDir,
    },
    Tcp(TcpListener),
    Listen(SocketAddr),
    Udp(SocketAddr),
}

impl Socket {
    pub(super) async fn all() -> Vec<Socket> {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("usb-Scanner-if00");
        let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = free.local_addr().unwrap();
        drop(free);
        let udp = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let datagrams = udp.local_addr().unwrap();
        drop(udp);
        let _folder = folder;
        vec![
            Socket::Serial { link, _folder },
            Socket::Tcp(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()),
            Socket::Listen(port),
            Socket::Udp(datagrams),
        ]
    }

    pub(super) fn transport(&self) -> Transport {
        match self {
            Socket::Serial { link, .. } => serial(link),
            Socket::Tcp(listener) => Transport::Tcp(listener.local_addr().unwrap().to_string()),
            Socket::Listen(at) => Transport::Listen(*at),
            Socket::Udp(at) => Transport::Udp(*at),
        }
    }

    pub(super) async fn plug_in(&self) -> Wire {
        match self {
            Socket::Serial { link, .. } => {
                let _ = std::fs::remove_file(link);
                let (wire, path) = Wire::pty().unwrap();
                symlink(path, link).unwrap();
                wire
            }
            Socket::Tcp(listener) => Wire::accept(listener).await.unwrap(),
            Socket::Listen(at) => loop {
                match Wire::connect(*at).await {
                    Ok(wire) => break wire,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            },
            Socket::Udp(at) => Wire::udp(*at).await.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_scanner_unplugged_in_mid_frame_under_load_loses_nothing_after_the_replug() {
    for socket in Socket::all().await {
        let is_udp = matches!(socket, Socket::Udp(_));
        let (mut rig, _feedback) = start("raw_ascii", socket.transport());
        let mut quickest = Duration::MAX;
        for round in 0..3 {
            let mut wire = socket.plug_in().await;
            assert!(is_udp && round > 0 || rig.link().await);
            let scans: Vec<String> = (0..50).map(|n| format!("{round}-{n}")).collect();
            let frames: Vec<Vec<u8>> = scans.iter().map(|it| format!("{it}\r").into()).collect();
            wire.deliver(Delivery::Whole, &frames).await.unwrap();
            for scan in scans {
                assert_eq!(rig.scan().await, scan);
            }
            if is_udp {
                continue;
            }
            wire.send(b"half of a fra").await.unwrap();
            let malformed = rig.counted(DeviceCounter::FramesMalformed);
            // The half must be there before the plug is out.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let unplugged = std::time::Instant::now();
            drop(wire);
            assert!(!rig.link().await);
            assert!(!rig.condition().is_empty(), "the status says what happened");
            quickest = quickest.min(unplugged.elapsed());
            assert_eq!(rig.counted(DeviceCounter::FramesMalformed), malformed + 1);
        }
        // A busy machine may be late once.
        assert!(is_udp || quickest < Duration::from_secs(2), "{quickest:?}");
        rig.stop().await;
    }
}

#[tokio::test]
async fn the_newest_connection_counts_and_that_is_told() {
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let (mut rig, feedback) = start("sick", Transport::Listen(at));
    rig.says("waits for the scanner to connect to").await;
    let socket = Socket::Listen(at);
    let mut old = socket.plug_in().await;
    assert!(rig.link().await);
    old.send(b"\x02one\x03\x02tw").await.unwrap();
    assert_eq!(rig.scan().await, "one");
    let mut new = socket.plug_in().await;
    assert!(!rig.link().await);
    assert!(rig.link().await);
    assert!(old.hear(&mut [0]).await.is_err(), "the old one is let go");
    new.send(b"\x02three\x03").await.unwrap();
    assert_eq!(rig.scan().await, "three");
    feedback.send(Feedback::Accept).await.unwrap();
    let mut byte = [0];
    new.hear(&mut byte).await.unwrap();
    assert_eq!(byte, [0x06]);
    rig.stop().await;
}

#[tokio::test]
async fn ssi_is_acknowledged_not_counted_twice_and_beeps_once_stored() {
    let (mut wire, path) = Wire::pty().unwrap();
    let (mut rig, feedback) = start("zebra_ssi", serial(&path));
    assert!(rig.link().await);
    let hear = async |wire: &mut Wire, count: usize| {
        let mut heard = Vec::new();
        while heard.len() < count {
            let mut byte = [0];
            timeout(PATIENCE, wire.hear(&mut byte))
                .await
                .unwrap()
                .unwrap();
            heard.push(byte[0]);
        }
        heard
    };
    const ACK: [u8; 6] = [0x04, 0xd0, 0x04, 0x00, 0xff, 0x28];
    wire.send(&ssi_packet(0xf3, 0, b"\x0f0104012345123456"))
        .await
        .unwrap();
    assert_eq!(hear(&mut wire, 6).await, ACK);
    assert_eq!(rig.scan().await, "]C10104012345123456");
    // It has not heard the acknowledgement.
    wire.send(&ssi_packet(0xf3, 1, b"\x0f0104012345123456"))
        .await
        .unwrap();
    assert_eq!(hear(&mut wire, 6).await, ACK);
    rig.counts(DeviceCounter::FramesRepeated, 1).await;
    feedback.send(Feedback::Accept).await.unwrap();
    assert_eq!(
        hear(&mut wire, 7).await,
        [0x05, 0xe6, 0x04, 0x00, 0x00, 0xff, 0x11]
    );
    wire.send(&ssi_packet(0xd0, 0, b"")).await.unwrap();
    // A damaged packet, then a good one.
    wire.send(b"\x06\xf3\x00\x00\x03A\x00\x00").await.unwrap();
    wire.send(&ssi_packet(0xf3, 0, b"\x03NEXT")).await.unwrap();
    assert_eq!(rig.scan().await, "]C0NEXT");
    rig.stop().await;
}

#[tokio::test]
async fn datagrams_need_no_suffix_and_answers_go_back() {
    let sockets = Socket::all().await;
    let socket = sockets.last().unwrap();
    let (mut rig, feedback) = start("raw_ascii", socket.transport());
    assert!(rig.link().await);
    let mut wire = socket.plug_in().await;
    wire.send(b"one").await.unwrap();
    wire.send(b"two\r\nthree\r\n").await.unwrap();
    for code in ["one", "two", "three"] {
        assert_eq!(rig.scan().await, code);
    }
    feedback.send(Feedback::Refuse).await.unwrap();
    let mut byte = [0; 4];
    assert_eq!(
        timeout(PATIENCE, wire.hear(&mut byte))
            .await
            .unwrap()
            .unwrap(),
        1
    );
    assert_eq!(byte[0], 0x15);
    rig.stop().await;
}

#[tokio::test]
async fn a_storm_of_connections_ends_with_the_last_one() {
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let (mut rig, _feedback) = start("raw_ascii", Transport::Listen(at));
    let storm = tokio::spawn(async move {
        for number in 0..100 {
            // Junk, a scan, and half of one; then it is gone.
            let mut wire = Socket::Listen(at).plug_in().await;
            let bytes = format!("\x07\x1b[2J\r{number}\rhal");
            wire.send(bytes.as_bytes()).await.unwrap();
            drop(wire);
            // And one that says nothing at all.
            drop(Socket::Listen(at).plug_in().await);
        }
        let mut last = Socket::Listen(at).plug_in().await;
        last.send(b"last\r").await.unwrap();
        last
    });
    for number in 0..100 {
        assert_eq!(rig.scan().await, "\x07\x1b[2J");
        assert_eq!(rig.scan().await, number.to_string());
    }
    assert_eq!(rig.scan().await, "last");
    let _last = storm.await.unwrap();
    assert!(rig.health.is_up("dock_1"));
    rig.stop().await;
}
