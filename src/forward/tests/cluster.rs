//! Several brokers: the one that works is used, and kept.

use rumqttc::v5::mqttbytes::v5::ConnectReturnCode;
use tokio::net::TcpListener;

use super::fake::{Answer, Fake};
use super::*;

/// Waits so long between rounds that only who does not wait gets anywhere.
fn of(brokers: &[SocketAddr]) -> Settings {
    let one = |addr: &SocketAddr| Endpoint {
        host: addr.ip().to_string(),
        port: addr.port(),
    };
    Settings {
        endpoints: brokers.iter().map(one).collect(),
        timing: Timing {
            refused: PATIENCE * 1000,
            ..QUICK
        },
        ..settings(brokers[0])
    }
}

fn states(rig: &Rig) -> Vec<&'static str> {
    let brokers = rig.health.status().brokers;
    brokers.iter().map(|broker| broker.state).collect()
}

#[tokio::test]
async fn the_next_broker_is_tried_at_once() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let refusing = Fake::start(
        |_| Answer::connack(ConnectReturnCode::NotAuthorized, None),
        |_, _, _| Answer::Silence,
    )
    .await;
    let good = Fake::start(
        |_| Answer::welcome(),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let mut settings = of(&[nobody, refusing.addr, good.addr]);
    settings.timing.backoff = (PATIENCE * 1000, PATIENCE * 1000);
    let rig = Rig::start(settings, 50).await;
    rig.acknowledged(50).await;
    assert_eq!(states(&rig), ["down", "down", "up"]);
    assert_eq!(rig.health.conditions(), [""; 0]);
    let counters = rig.health.counters();
    let causes = (
        counters.broker_unreachable.get(),
        counters.broker_refusals.get(),
    );
    assert_eq!(causes, (1, 1));
    rig.stop().await;
}

#[tokio::test]
async fn what_one_broker_did_not_acknowledge_goes_to_the_other_and_stays_there() {
    let first = Fake::start(
        |connection| match connection {
            1 => Answer::welcome(),
            2 => Answer::Cut,
            _ => Answer::welcome(),
        },
        |_, number, publish| match number {
            31 => Answer::Cut,
            _ => Answer::taken(publish),
        },
    )
    .await;
    let second = Fake::start(
        |_| Answer::welcome(),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let mut rig = Rig::start(of(&[first.addr, second.addr]), 100).await;
    rig.acknowledged(100).await;
    let (before, after) = (first.log().taken, second.log().taken);
    // The second takes up where the first's acknowledgements ended.
    let begin = after[0];
    assert!(
        begin <= before.last().unwrap() + 1 && begin > 1,
        "{before:?}, {after:?}"
    );
    assert_eq!(after, Vec::from_iter(begin..=100));
    rig.add(20).await;
    rig.acknowledged(120).await;
    assert_eq!(second.log().connections, 1);
    assert_eq!(first.log().connections, 2);
    assert_eq!(states(&rig), ["down", "up"]);
    assert_eq!(rig.health.status().last_puback_s, Some(0));
    rig.stop().await;
}
