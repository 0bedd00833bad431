//! Answers and silence, in simulated time, over a cable that takes as little as we like.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::scanner::settings;
use super::*;
use crate::core::Feedback;
use crate::health::{DeviceCounter, DeviceKind};
use crate::source::scanner::{Settings, serve};
use crate::source::transport::{Opener, Port, Transport};

/// A scanner at the end of a cable that holds `room` bytes.
fn start(room: usize, settings: Settings) -> (Rig, mpsc::Sender<Feedback>, DuplexStream) {
    let (ours, scanner) = duplex(room);
    let (feedback, mut answers) = mpsc::channel(8);
    let rig = Rig::start(64, |context| async move {
        let opener = Opener::new(settings.transport.clone());
        let port = Port::stream(ours);
        serve(&settings, &context, &mut answers, &opener, port, &mut false).await;
    });
    (rig, feedback, scanner)
}

fn raw() -> Settings {
    settings("raw_ascii", Transport::Tcp("10.0.4.30:9004".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn a_scanner_that_takes_no_answer_is_read_on_and_the_oldest_answers_go() {
    let (mut rig, feedback, mut scanner) = start(16, raw());
    // The cable is full after 16 answers; nobody takes them.
    for number in 0..60 {
        scanner
            .write_all(format!("{number}\r").as_bytes())
            .await
            .unwrap();
        assert_eq!(rig.scan().await, number.to_string());
        feedback.send(Feedback::Accept).await.unwrap();
    }
    let dropped = || rig.health.counters().answers_dropped.get();
    wait_until("old answers to be dropped", PATIENCE, || {
        dropped() >= 60 - 16
    })
    .await
    .unwrap();
    assert_eq!(dropped(), 60 - 16);
    // What is in the cable arrives; the next answer is in time again.
    let mut taken = [0; 16];
    scanner.read_exact(&mut taken).await.unwrap();
    assert_eq!(taken, [0x06; 16]);
    feedback.send(Feedback::Refuse).await.unwrap();
    assert_eq!(scanner.read_u8().await.unwrap(), 0x15);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_dropped_after_300_ms_and_a_late_verdict_is_counted() {
    let (mut rig, feedback, mut scanner) = start(1, raw());
    let write = async |scanner: &mut DuplexStream, text: &str| {
        scanner.write_all(text.as_bytes()).await.unwrap();
    };
    write(&mut scanner, "one\r").await;
    assert_eq!(rig.scan().await, "one");
    tokio::time::sleep(Duration::from_millis(301)).await;
    feedback.send(Feedback::Accept).await.unwrap();
    assert_eq!(
        scanner.read_u8().await.unwrap(),
        0x06,
        "late, and still said"
    );
    tokio::time::sleep(Duration::from_millis(1)).await;
    let counters = rig.health.counters();
    assert_eq!(
        (counters.answers_late.get(), counters.answers_dropped.get()),
        (1, 0)
    );
    // One fits into the cable, the second must wait too long.
    feedback.send(Feedback::Accept).await.unwrap();
    feedback.send(Feedback::Refuse).await.unwrap();
    tokio::time::sleep(Duration::from_millis(299)).await;
    assert_eq!(counters.answers_dropped.get(), 0);
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(counters.answers_dropped.get(), 1);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn warnings_and_empty_reads_have_answers_of_their_own() {
    let mut settings = settings("sick", Transport::Tcp("10.0.4.30:2112".to_owned()));
    settings.heartbeat_every = None;
    let (mut rig, feedback, mut scanner) = start(64, settings);
    scanner.write_all(b"\x02NoRead\x03\x02A\x03").await.unwrap();
    assert_eq!(rig.scan().await, "A");
    assert_eq!(scanner.read_u8().await.unwrap(), 0x0e);
    feedback.send(Feedback::Warn).await.unwrap();
    assert_eq!(scanner.read_u8().await.unwrap(), 0x11);
    assert_eq!(rig.health.counters().no_reads.get(), 1);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_stays_out_is_told_and_so_is_its_return() {
    let settings = Settings {
        heartbeat_every: Some(Duration::from_secs(10)),
        ..settings("sick", Transport::Tcp("10.0.4.30:2112".to_owned()))
    };
    let (rig, _feedback, mut scanner) = start(64, settings);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        scanner.write_all(b"\x02Heartbeat\x03").await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!(rig.condition(), "");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(
        rig.condition().contains("no sign of life for 30s"),
        "{}",
        rig.condition()
    );
    rig.health.shows_alone("DEVICE-SILENT");
    tokio::time::sleep(Duration::from_secs(300)).await;
    scanner.write_all(b"\x02Heartbeat\x03").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.condition(), "");
    let report = rig.health.device_report("dock_1", DeviceKind::Scanner);
    assert_eq!(report.counters[DeviceCounter::Silences.as_str()], 1);
    assert_eq!(report.counters[DeviceCounter::Heartbeats.as_str()], 6);
    rig.stop().await;
}
