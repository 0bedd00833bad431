use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_serial::{DataBits, FlowControl, Parity, SerialPortBuilderExt, StopBits};
use tracegate_feed::frame::DEFAULT_MAX_LEN;
use tracegate_sim::scanner::{ScannerConfig, SimScanner};

use super::*;
use crate::core::Feedback;
use crate::downlink::order::Action;
use crate::source::scanner::{Answer, Answers, Settings, run};
use crate::source::transport::{Line, Transport};

/// As the profile `name` says, with answers of one byte.
pub(super) fn settings(name: &str, transport: Transport) -> Settings {
    let profile = tracegate_feed::profile::profile(name).unwrap();
    let bytes = |byte| Answer::Bytes(vec![byte]);
    Settings {
        transport,
        framing: profile.framing(),
        rules: profile.rules().unwrap(),
        encoding: profile.encoding,
        telnet: false,
        heartbeat_every: None,
        answers: Answers {
            accept: bytes(0x06),
            warn: bytes(0x11),
            pending: bytes(0x12),
            refuse: bytes(0x15),
            no_read: bytes(0x0e),
            identify: bytes(0x07),
        },
    }
}

fn start(transport: Transport, room: usize) -> (Rig, mpsc::Sender<Feedback>) {
    let (feedback, answers) = mpsc::channel(8);
    let settings = settings("raw_ascii", transport);
    let rig = Rig::start(room, |context| run(settings, context, answers));
    (rig, feedback)
}

pub(super) fn serial(path: &Path) -> Transport {
    Transport::Serial(Line {
        path: path.to_owned(),
        baud: 9600,
        data_bits: DataBits::Eight,
        parity: Parity::None,
        stop_bits: StopBits::One,
        flow: FlowControl::None,
    })
}

/// A scanner's TCP server.
async fn server() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let accepted = timeout(PATIENCE, listener.accept()).await;
    accepted.expect("the gateway connects").unwrap().0
}

#[tokio::test]
async fn a_tcp_scanner_that_closes_is_connected_again() {
    let (listener, addr) = server().await;
    let (mut rig, _feedback) = start(Transport::Tcp(addr.to_string()), 10);
    let mut scanner = accept(&listener).await;
    assert!(rig.link().await);
    scanner.write_all(b"one\r\n").await.unwrap();
    assert_eq!(rig.scan().await, "one");
    drop(scanner);
    rig.says("closed the connection").await;
    assert!(!rig.link().await);
    let mut scanner = accept(&listener).await;
    scanner.write_all(b"two\r").await.unwrap();
    assert_eq!(rig.scan().await, "two");
    assert_eq!(rig.condition(), "");
    drop(scanner);
    drop(listener);
    rig.says(&format!("{addr} refuses connections")).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_scanner_beeps_when_it_is_to_show_itself_and_scans_go_on() {
    let (listener, addr) = server().await;
    let (mut rig, _feedback) = start(Transport::Tcp(addr.to_string()), 10);
    let mut scanner = accept(&listener).await;
    assert!(rig.link().await);
    let done = rig.target.give(Action::Identify(Duration::from_secs(2)));
    assert_eq!(done.unwrap().await, Ok(Ok(())));
    let mut beeps = [0; 2];
    scanner.read_exact(&mut beeps[..1]).await.unwrap();
    scanner.write_all(b"one\r\n").await.unwrap();
    assert_eq!(rig.scan().await, "one");
    scanner.read_exact(&mut beeps[1..]).await.unwrap();
    assert_eq!(beeps, [7, 7]);
    rig.stop().await;
}

#[tokio::test]
async fn a_tcp_scanner_that_serves_another_host_is_explained() {
    let (listener, addr) = server().await;
    let (rig, _feedback) = start(Transport::Tcp(addr.to_string()), 10);
    drop(accept(&listener).await);
    rig.says("does another host use the scanner?").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_flood_waits_and_none_is_lost() {
    const SCANS: usize = 5_000;
    let (listener, addr) = server().await;
    let (mut rig, _feedback) = start(Transport::Tcp(addr.to_string()), 4);
    let mut scanner = accept(&listener).await;
    let flood = tokio::spawn(async move {
        for number in 0..SCANS {
            scanner
                .write_all(format!("{number}\n").as_bytes())
                .await
                .unwrap();
        }
        scanner
    });
    for number in 0..SCANS {
        assert_eq!(rig.scan().await, number.to_string());
    }
    drop(flood.await.unwrap());
    rig.stop().await;
}

#[tokio::test]
async fn garbage_and_scans_without_end_do_not_spoil_the_next() {
    let (listener, addr) = server().await;
    let (mut rig, _feedback) = start(Transport::Tcp(addr.to_string()), 10);
    let mut scanner = accept(&listener).await;
    let mut garbage: Vec<u8> = (0..=255)
        .cycle()
        .filter(|byte| !matches!(byte, 0 | 10 | 13))
        .take(DEFAULT_MAX_LEN * 3)
        .collect();
    garbage.extend(b"\rgood\r");
    scanner.write_all(&garbage).await.unwrap();
    assert_eq!(rig.scan().await, "good");
    assert_eq!(rig.health.counters().scans_malformed.get(), 1);
    // Its suffix is not set: no line end, and nothing follows.
    scanner.write_all(b"no end").await.unwrap();
    wait_until("the rest to be given up", PATIENCE, || {
        rig.health.counters().scans_malformed.get() == 2
    })
    .await
    .unwrap();
    scanner.write_all(b"whole\r").await.unwrap();
    assert_eq!(rig.scan().await, "whole");
    rig.stop().await;
}

#[tokio::test]
async fn answers_are_sent_and_old_ones_are_not() {
    let (listener, addr) = server().await;
    let (mut rig, feedback) = start(Transport::Tcp(addr.to_string()), 10);
    let mut scanner = accept(&listener).await;
    scanner.write_all(b"one\r").await.unwrap();
    assert_eq!(rig.scan().await, "one");
    feedback.send(Feedback::Accept).await.unwrap();
    feedback.send(Feedback::Refuse).await.unwrap();
    let mut answers = [0; 2];
    timeout(PATIENCE, scanner.read_exact(&mut answers))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answers, [0x06, 0x15]);
    drop(scanner);
    rig.says("closed the connection").await;
    feedback.send(Feedback::Refuse).await.unwrap();
    let mut scanner = accept(&listener).await;
    scanner.write_all(b"two\r").await.unwrap();
    assert_eq!(rig.scan().await, "two");
    feedback.send(Feedback::Accept).await.unwrap();
    let answer = timeout(PATIENCE, scanner.read_u8()).await.unwrap().unwrap();
    assert_eq!(answer, 0x06);
    rig.stop().await;
}

#[tokio::test]
async fn a_stop_waits_neither_for_a_scan_nor_for_a_full_core() {
    let (listener, addr) = server().await;
    let (mut rig, _feedback) = start(Transport::Tcp(addr.to_string()), 10);
    let mut scanner = accept(&listener).await;
    assert!(rig.link().await);
    rig.stop().await;
    let ended = timeout(PATIENCE, scanner.read(&mut [0; 8])).await.unwrap();
    assert_eq!(ended.unwrap_or(0), 0);

    let (rig, _feedback) = start(Transport::Tcp(addr.to_string()), 1);
    let mut scanner = accept(&listener).await;
    scanner.write_all(b"one\rtwo\rthree\r").await.unwrap();
    rig.stop().await;
}

/// A scanner without power says nothing: only probes of the system can notice.
#[tokio::test]
async fn the_system_watches_tcp_connections() {
    let (_listener, addr) = server().await;
    let stream = TcpStream::connect(addr).await.unwrap();
    crate::source::transport::watch(&stream).unwrap();
    let socket = SockRef::from(&stream);
    assert!(socket.keepalive().unwrap());
    assert!(socket.tcp_keepalive_time().unwrap() <= Duration::from_secs(10));
    let patience =
        socket.tcp_keepalive_interval().unwrap() * socket.tcp_keepalive_retries().unwrap();
    assert!(patience <= Duration::from_secs(15));
    assert!(socket.tcp_user_timeout().unwrap().is_some());
}

#[tokio::test]
async fn a_serial_scanner_is_unplugged_and_plugged_in_again() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("usb-Scanner-if00");
    let (mut rig, feedback) = start(serial(&link), 10);
    rig.says("usb-Scanner-if00 is not there: is the scanner plugged in")
        .await;

    for round in 0..2 {
        let scanner = SimScanner::pty(ScannerConfig::default()).unwrap();
        symlink(scanner.path().unwrap(), &link).unwrap();
        assert!(rig.link().await);
        assert_eq!(rig.condition(), "");
        scanner.feed().scan(format!("label {round}")).await;
        assert_eq!(rig.scan().await, format!("label {round}"));
        feedback.send(Feedback::Accept).await.unwrap();
        wait_until("the beep", PATIENCE, || scanner.stats().accepted == 1)
            .await
            .unwrap();
        std::fs::remove_file(&link).unwrap();
        drop(scanner);
        assert!(!rig.link().await);
        rig.says("usb-Scanner-if00").await;
    }
    rig.stop().await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (rig, _feedback) = start(serial(&file), 1);
    rig.says("file is no serial port").await;
    rig.stop().await;

    let scanner = SimScanner::pty(ScannerConfig::default()).unwrap();
    let path = scanner.path().unwrap();
    let _other = tokio_serial::new(path.to_string_lossy(), 9600)
        .open_native_async()
        .unwrap();
    let (rig, _feedback) = start(serial(path), 1);
    rig.says("is in use by another program").await;
    rig.stop().await;

    let denied = tokio_serial::Error::new(
        tokio_serial::ErrorKind::Io(std::io::ErrorKind::PermissionDenied),
        "denied",
    );
    let reason = crate::source::transport::serial_reason(path, &denied, "scanner");
    assert!(reason.contains("group dialout"), "{reason}");

    // Nobody may write that, not even root.
    let (rig, _feedback) = start(serial(std::path::Path::new("/proc/sys/kernel/ostype")), 1);
    rig.says("may not be opened").await;
    rig.health.shows_alone("DEVICE-DENIED");
    rig.stop().await;
}
