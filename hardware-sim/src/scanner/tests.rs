use tokio_serial::SerialStream;

use super::*;
use crate::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);

fn quick() -> ScannerConfig {
    ScannerConfig {
        ack_timeout: Some(Duration::from_millis(150)),
        tries: 3,
    }
}

fn open(scanner: &SimScanner) -> SerialStream {
    let path = scanner.path().unwrap().to_str().unwrap();
    SerialStream::open(&tokio_serial::new(path, 9600)).unwrap()
}

async fn line(host: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    let read = async {
        loop {
            match host.read_u8().await.unwrap() {
                SUFFIX => return,
                byte => line.push(byte),
            }
        }
    };
    timeout(PATIENCE, read).await.expect("a label comes");
    String::from_utf8(line).unwrap()
}

async fn done(scanner: &SimScanner, labels: u64) -> ScanStats {
    wait_until("the labels", PATIENCE, || scanner.stats().done() >= labels)
        .await
        .unwrap();
    scanner.stats()
}

#[tokio::test]
async fn a_pty_carries_labels_and_their_answers() {
    let scanner = SimScanner::pty(ScannerConfig::default()).unwrap();
    assert!(scanner.path().unwrap().starts_with("/dev/pts"));
    let mut host = open(&scanner);
    let text = "]d20104012345123456\u{1d}3012";
    assert!(scanner.feed().scan(text.to_owned()).await);
    assert_eq!(line(&mut host).await, text);
    host.write_all(&[ACK]).await.unwrap();
    scanner.feed().scan("second".to_owned()).await;
    assert_eq!(line(&mut host).await, "second");
    host.write_all(&[NAK]).await.unwrap();
    let stats = done(&scanner, 2).await;
    assert_eq!(
        stats,
        ScanStats {
            labels: 2,
            accepted: 1,
            refused: 1,
            ..ScanStats::default()
        }
    );
}

#[tokio::test]
async fn without_a_beep_the_label_is_scanned_again_but_arrives_once() {
    let scanner = SimScanner::pty(quick()).unwrap();
    scanner.feed().scan("label".to_owned()).await;
    wait_until("a rescan", PATIENCE, || scanner.stats().rescans == 1)
        .await
        .unwrap();
    let mut host = open(&scanner);
    assert_eq!(line(&mut host).await, "label");
    host.write_all(&[ACK]).await.unwrap();
    assert_eq!(done(&scanner, 1).await.accepted, 1);
    let more = timeout(Duration::from_millis(50), host.read_u8()).await;
    assert!(more.is_err(), "the first scan was discarded: {more:?}");
}

#[tokio::test]
async fn a_killed_host_can_come_back_to_the_same_port() {
    use rustix::{fs, termios};
    let scanner = SimScanner::pty(ScannerConfig::default()).unwrap();
    scanner.feed().scan("label".to_owned()).await;
    let path = scanner.path().unwrap().to_str().unwrap().to_owned();
    // Killed: the claim is not given back. (Root may open a claimed port; anybody else could not.)
    let killed = fs::open(
        &path,
        fs::OFlags::RDWR | fs::OFlags::NOCTTY,
        fs::Mode::empty(),
    )
    .unwrap();
    termios::ioctl_tiocexcl(&killed).unwrap();
    drop(killed);
    let mut host = None;
    wait_until("the port", PATIENCE, || {
        host = SerialStream::open(&tokio_serial::new(&path, 9600)).ok();
        host.is_some()
    })
    .await
    .unwrap();
    let mut host = host.unwrap();
    assert_eq!(line(&mut host).await, "label", "it waited in the tty");
    host.write_all(&[ACK]).await.unwrap();
    assert_eq!(done(&scanner, 1).await.accepted, 1);
}

#[tokio::test]
async fn tries_end() {
    let config = ScannerConfig {
        ack_timeout: Some(Duration::from_millis(20)),
        tries: 3,
    };
    let scanner = SimScanner::tcp(config).await.unwrap();
    scanner.feed().scan("label".to_owned()).await;
    let stats = done(&scanner, 1).await;
    assert_eq!((stats.rescans, stats.unanswered), (2, 1));
}

#[tokio::test]
async fn a_tcp_scanner_serves_the_newest_host() {
    let scanner = SimScanner::tcp(quick()).await.unwrap();
    let _dead = TcpStream::connect(scanner.addr().unwrap()).await.unwrap();
    let mut host = TcpStream::connect(scanner.addr().unwrap()).await.unwrap();
    scanner.feed().scan("label".to_owned()).await;
    assert_eq!(line(&mut host).await, "label");
    host.write_all(&[ACK]).await.unwrap();
    assert_eq!(done(&scanner, 1).await.accepted, 1);
}
