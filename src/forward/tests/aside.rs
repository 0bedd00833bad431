//! Events that cannot be sent: set aside, in order, and never for a reason that passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rumqttc::v5::mqttbytes::v5::PubAckReason;

use super::fake::{Answer, Fake};
use super::*;

fn giving_up_after(attempts: u32, broker: &Fake) -> Settings {
    Settings {
        attempts,
        ..settings(broker.addr)
    }
}

#[tokio::test]
async fn an_event_refused_for_what_it_is_is_set_aside_and_the_others_go_on() {
    for (reason, text) in [
        (PubAckReason::NotAuthorized, "not authorized to publish"),
        (PubAckReason::TopicNameInvalid, "topic name is not accepted"),
        (PubAckReason::PayloadFormatInvalid, "payload format"),
    ] {
        let broker = Fake::start(
            |_| Answer::welcome(),
            move |_, number, publish| match number {
                7 => Answer::because(publish, reason),
                _ => Answer::taken(publish),
            },
        )
        .await;
        let mut rig = Rig::start(giving_up_after(3, &broker), 40).await;
        let (seq, why, attempts) = rig.set_aside().await;
        assert_eq!((seq, attempts), (7, 3));
        assert!(why.contains(text), "{why}");
        rig.acknowledged(40).await;
        assert_eq!(rig.health.conditions(), [""; 0]);
        let log = broker.log();
        assert_eq!(log.connections, 1);
        assert_eq!(log.heard.iter().filter(|(_, n)| *n == 7).count(), 3);
        // Behind a refused event some overtake it; what comes after it was set aside is in order, and complete.
        let again = log.taken.iter().rposition(|&number| number == 8).unwrap();
        assert_eq!(log.taken[again..], Vec::from_iter(8..=40)[..]);
        assert_eq!(rig.store.figures().await.unwrap().dead_letters, 1);
        rig.stop().await;
    }
}

#[tokio::test]
async fn an_event_too_large_is_set_aside_without_being_sent() {
    let broker = Fake::start(
        |_| Answer::welcome_with(|given| given.max_packet_size = Some(200)),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let mut rig = Rig::start(giving_up_after(2, &broker), 1).await;
    let (seq, why, attempts) = rig.set_aside().await;
    assert_eq!((seq, attempts), (1, 2));
    assert!(why.contains("larger than the 200 bytes"), "{why}");
    rig.acknowledged(1).await;
    assert_eq!(broker.log().heard, []);
    rig.stop().await;
}

#[tokio::test]
async fn for_a_reason_that_passes_nothing_is_ever_set_aside() {
    for reason in [
        PubAckReason::NoMatchingSubscribers,
        PubAckReason::QuotaExceeded,
        PubAckReason::UnspecifiedError,
        PubAckReason::ImplementationSpecificError,
    ] {
        let refusals = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&refusals);
        let broker = Fake::start(
            |_| Answer::welcome(),
            move |_, number, publish| {
                if number == 3 && count.fetch_add(1, Relaxed) < 12 {
                    Answer::because(publish, reason)
                } else {
                    Answer::taken(publish)
                }
            },
        )
        .await;
        let mut rig = Rig::start(giving_up_after(1, &broker), 5).await;
        rig.acknowledged(5).await;
        assert!(refusals.load(Relaxed) > 12);
        assert!(rig.requests.try_recv().is_err());
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_buffer_that_cannot_set_an_event_aside_is_asked_again() {
    let broker = Fake::start(
        |_| Answer::welcome(),
        |_, number, publish| match number {
            1 => Answer::because(publish, PubAckReason::NotAuthorized),
            _ => Answer::taken(publish),
        },
    )
    .await;
    let mut rig = Rig::start(giving_up_after(2, &broker), 3).await;
    for answer in [Some(false), None] {
        let request = tokio::time::timeout(PATIENCE, rig.requests.recv()).await;
        let Ok(Some(Request::SetAside { seq: 1, done, .. })) = request else {
            panic!("{request:?}");
        };
        if let Some(answer) = answer {
            done.send(answer).unwrap();
        }
        assert_eq!(*rig.acknowledged.borrow(), 0);
    }
    rig.set_aside().await;
    rig.acknowledged(3).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_damaged_event_is_set_aside_and_never_sent() {
    use sqlx::ConnectOptions;

    let gate = Fake::gated(
        |_| Answer::welcome(),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let mut rig = Rig::start(giving_up_after(2, &gate), 0).await;
    // Before the forwarder hears of them.
    commit(&mut rig.store, 1, 30).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(rig.store.path());
    let mut outsider = options.connect().await.unwrap();
    for sql in [
        "UPDATE outbox SET payload = replace(payload, '9', '8') WHERE seq = 9",
        "UPDATE outbox SET read_point = 'd#ck/+' WHERE seq IN (1, 20, 21)",
    ] {
        sqlx::raw_sql(sql).execute(&mut outsider).await.unwrap();
    }
    gate.admit();
    rig.committed.send_replace(rig.store.last_seq());
    for expected in [1, 9, 20, 21] {
        let (seq, why, _) = rig.set_aside().await;
        assert_eq!((seq, why.as_str()), (expected, "damaged on disk"));
    }
    rig.acknowledged(30).await;
    let sent = gate.log().taken;
    let good = (1..=30).filter(|number| ![1, 9, 20, 21].contains(number));
    assert_eq!(sent, Vec::from_iter(good));
    rig.stop().await;
}

#[tokio::test]
async fn a_damaged_file_is_told_to_the_buffer_and_read_again_once_replaced() {
    use sqlx::ConnectOptions;

    let broker = Fake::start(
        |_| Answer::welcome(),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let mut rig = Rig::start(giving_up_after(2, &broker), 0).await;
    commit(&mut rig.store, 1, 600).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(rig.store.path());
    let mut outsider = options.connect().await.unwrap();
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut outsider)
        .await
        .unwrap();
    let mut bytes = std::fs::read(rig.store.path()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8 * 4096].fill(0x5a);
    std::fs::write(rig.store.path(), bytes).unwrap();
    rig.committed.send_replace(rig.store.last_seq());
    let request = tokio::time::timeout(PATIENCE, rig.requests.recv()).await;
    assert!(matches!(request, Ok(Some(Request::Damaged { epoch })) if epoch == rig.store.epoch()));
    let mark = *rig.acknowledged.borrow();
    let found = rig.store.repair(Some(mark), &|| {}).await.unwrap();
    assert_eq!(rig.store.last_seq(), 600);
    let mut reader = OutboxReader::open(rig.store.path()).await.unwrap();
    let saved = reader.after(0, 600).await.unwrap();
    rig.acknowledged(saved.last().unwrap().seq).await;
    let taken: std::collections::BTreeSet<i64> = broker.log().taken.into_iter().collect();
    let missing = 600 - taken.len();
    assert!(
        missing > 0 && missing as u64 <= found.lost.unwrap(),
        "{missing}, {found}"
    );
    rig.stop().await;
}
