//! The site's data from a real Mosquitto.

use std::time::Instant;

use super::mosquitto::Mosquitto;
use super::*;
use crate::forward::client::{self, Event, Link, Message, Options};
use crate::forward::listen::Subscription;
use crate::forward::site;
use crate::reference::Table;

/// Lots that are published.
const LOTS: u32 = 20_000;
const WINDOW: u16 = 1_000;

/// A connection that publishes.
async fn publisher(broker: SocketAddr) -> Link {
    let mut link = client::open(&Options {
        version: Version::V5,
        endpoint: endpoint(broker),
        client_id: "site".to_owned(),
        credentials: None,
        tls: None,
        last_will: None,
        keep_alive: Duration::from_secs(30),
        window: WINDOW,
        patience: PATIENCE,
        kept: None,
    });
    while !matches!(link.events.recv().await, Some(Ok(Event::Connected(_)))) {}
    link
}

fn endpoint(broker: SocketAddr) -> Endpoint {
    Endpoint {
        host: broker.ip().to_string(),
        port: broker.port(),
    }
}

/// Publishes retained messages and waits until the broker has them.
async fn publish(link: &mut Link, messages: impl Iterator<Item = (String, String)>) {
    let mut under_way = 0;
    for (below, payload) in messages {
        let asked = link.client.publish(Message {
            topic: format!("plant/ref/{below}"),
            retain: true,
            payload: payload.into(),
            ..Message::default()
        });
        asked.unwrap();
        under_way += 1;
        while under_way >= i32::from(WINDOW) / 2 {
            under_way -= answered(link).await;
        }
    }
    while under_way > 0 {
        under_way -= answered(link).await;
    }
}

async fn answered(link: &mut Link) -> i32 {
    match link.events.recv().await {
        Some(Ok(event)) => i32::from(matches!(event, Event::Answered(..))),
        other => panic!("{other:?}"),
    }
}

fn settings(broker: SocketAddr, folder: &TempDir) -> site::Settings {
    site::Settings {
        subscription: Subscription {
            version: Version::V5,
            endpoints: vec![endpoint(broker)],
            client_id: "gateway-reference".to_owned(),
            credentials: None,
            tls: None,
            keep_alive: Duration::from_secs(30),
            topics: "plant/ref/#".to_owned(),
        },
        prefix: "plant/ref/".to_owned(),
        directory: folder.path().to_owned(),
        max_records: 1_000_000,
    }
}

#[tokio::test]
async fn many_retained_messages_come_in_within_seconds_and_a_bad_one_harms_nothing() {
    let queue = "max_queued_messages 0\n";
    let mut mosquitto = Mosquitto::start_with(true, queue, |_| ()).await;
    let mut link = publisher(mosquitto.plain).await;
    let lot = |n: u32| format!("lot/04012345000016/L{n}");
    let payload = r#"{"v": 1, "status": "released", "expiry": "2027-03-31", "location": "A-01"}"#;
    let lots = (0..LOTS).map(|n| (lot(n), payload.to_owned()));
    let meta = format!(
        r#"{{"snapshot_id": "a", "generated_at": "{}", "count": {LOTS}}}"#,
        jiff::Timestamp::now()
    );
    let bad = (lot(LOTS + 1), r#"{"v": 1, "expiry": "soon"}"#.to_owned());
    let all = lots.chain([("meta".to_owned(), meta), bad.clone()]);
    publish(&mut link, all).await;

    let folder = tempfile::tempdir().unwrap();
    let health = Health::new("plant-3", "e");
    health.broker(crate::health::BrokerState::Up);
    health.site_data_matters(Duration::from_secs(3_600));
    let stop = CancellationToken::new();
    let began = Instant::now();
    let beat = health.beat("reference");
    let task = tokio::spawn(site::run(
        settings(mosquitto.plain, &folder),
        health.clone(),
        beat,
        stop.clone(),
    ));
    let is_complete = || {
        health
            .status()
            .reference
            .is_some_and(|it| it.snapshot.is_some())
    };
    wait_until("a complete snapshot", PATIENCE * 3, is_complete)
        .await
        .unwrap();
    println!(
        "{LOTS} retained messages stored and complete in {:?}",
        began.elapsed()
    );
    let status = health.status().reference.unwrap();
    assert_eq!((status.records, status.stale), (u64::from(LOTS), false));
    assert_eq!(health.counters().reference_refused.get(), 1);
    let conditions = health.conditions();
    health.shows_alone("LOTS-MESSAGE-REFUSED");
    assert!(
        conditions[0].starts_with("lots: a message is not taken: plant/ref/lot/04012345000016/L20001: /expiry: \"soon\" is no date"),
        "{conditions:?}"
    );
    // It is mended, a lot is put on hold, and another goes.
    let hold = r#"{"v": 2, "status": "hold"}"#.to_owned();
    let changes = [
        (bad.0, payload.to_owned()),
        (lot(7), hold),
        (lot(8), String::new()),
    ];
    publish(&mut link, changes.into_iter()).await;
    let mut table = Table::open(folder.path(), 1_000_000, PATIENCE)
        .await
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    let key = |n: u32| format!("https://id.gs1.org/01/04012345000016/10/L{n}");
    loop {
        let (seven, eight) = (
            table.row(&key(7)).await.unwrap(),
            table.row(&key(8)).await.unwrap(),
        );
        if seven.is_some_and(|row| row.version == 2) && eight.is_none() {
            break;
        }
        assert!(Instant::now() < deadline, "{:?}", health.conditions());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let is_well = || health.conditions().is_empty();
    wait_until("no conditions", PATIENCE, is_well)
        .await
        .unwrap();
    // A bad one that is cleared is over, too, also below a topic that means nothing.
    let wrong = "lots/1".to_owned();
    publish(&mut link, [(wrong.clone(), "{}".to_owned())].into_iter()).await;
    let is_refused = || health.conditions().join("; ").contains("no such topic");
    wait_until("a condition", PATIENCE, is_refused)
        .await
        .unwrap();
    publish(&mut link, [(wrong, String::new())].into_iter()).await;
    wait_until("no conditions", PATIENCE, is_well)
        .await
        .unwrap();
    // Without a broker what is known stays known.
    mosquitto.process.kill().unwrap();
    let is_told = || {
        health
            .conditions()
            .join("; ")
            .contains("the site's messages do not come")
    };
    wait_until("a condition", PATIENCE, is_told).await.unwrap();
    health.shows_alone("LOTS-NOT-HEARD");
    stop.cancel();
    task.await.unwrap();
    assert_eq!(
        health.status().reference.unwrap().snapshot.as_deref(),
        Some("a")
    );
}
