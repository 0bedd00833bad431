//! The daemon dies at each place that matters, several times over, and is started again: nothing is lost, nothing is made
//! up, and not more than a window comes again.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::time::Duration;

use support::{Gateway, seed};
use tracegate::control::client::Client;
use tracegate::control::{Request, SOCKET_NAME};
use tracegate::demo::config_text;
use tracegate::failpoint::Failpoint;
use tracegate_sim::demo::{Demo, DemoConfig};
use tracegate_sim::scanner::ScannerConfig;
use tracegate_sim::scenario::{ScannerKind, Scenario};
use tracegate_sim::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);
/// As configured by default.
const WINDOW: u64 = 100;
const LINES: u32 = 4;
/// Enough for every place to be passed a dozen times, however much is done at once on a busy machine.
const LOTS: u32 = 24;

/// Four lines that scan briskly; an operator rescans when no beep comes.
async fn plant(seed: u64) -> Demo {
    let mut scenario = (1..=LINES).fold(Scenario::empty(seed), |scenario, line| {
        scenario.line(&format!("line_{line}"), ScannerKind::Tcp, LOTS)
    });
    for scanner in &mut scenario.scanners {
        scanner.every = Duration::from_millis(150);
    }
    let config = DemoConfig {
        scanner: ScannerConfig {
            ack_timeout: Some(Duration::from_millis(500)),
            tries: 100,
        },
        ..DemoConfig::default()
    };
    Demo::start_with(scenario, config).await.unwrap()
}

async fn die_at(point: &str, times: u64, seed: u64) {
    let mut plant = plant(seed).await;
    let broker = plant.broker_addr();
    let mut gateway = Gateway::new(|buffer| config_text(&plant, broker, buffer));
    gateway.die_at = Some(format!("{point}:{times}"));
    gateway.start();
    plant.ready(PATIENCE).await.unwrap();
    plant.play();
    let status = tokio::task::block_in_place(|| gateway.ended(PATIENCE));
    assert!(!status.success(), "{point} {times}: {status}");
    gateway.start();
    plant.played().await;
    let complete = plant.complete(PATIENCE).await;
    let stopped = tokio::task::block_in_place(|| gateway.stop());
    let ledger = plant.ledger();
    let score = ledger.score();
    println!("{point}, passage {times}: {score:?}");
    assert!(
        complete.is_ok() && score.is_clean() && score.redelivered <= WINDOW,
        "{point}, passage {times}\n{}\nthe gateway's log:\n{}",
        ledger.report(),
        gateway.log()
    );
    assert_eq!(score.truth, u64::from(LINES * LOTS));
    assert!(stopped.success(), "{stopped}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dying_at_any_place_loses_nothing() {
    let seed = seed("dying_at_any_place_loses_nothing");
    let mut random = fastrand::Rng::with_seed(seed);
    for (place, point) in Failpoint::ALL {
        if place.is_of_reload() {
            continue;
        }
        // The first commits are the start itself.
        for times in [3, random.u64(4..12)] {
            die_at(point, times, random.u64(..)).await;
        }
    }
}

/// In the middle of a reload, while operators scan: the new file counts with the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dying_in_a_reload_loses_nothing() {
    let seed = seed("dying_in_a_reload_loses_nothing");
    for (place, point) in Failpoint::ALL {
        if !place.is_of_reload() {
            continue;
        }
        let mut plant = plant(seed).await;
        let broker = plant.broker_addr();
        let mut gateway = Gateway::new(|buffer| config_text(&plant, broker, buffer));
        gateway.die_at = Some(format!("{point}:2"));
        gateway.start();
        plant.ready(PATIENCE).await.unwrap();
        plant.play();
        let file = gateway.folder.path().join("gateway.toml");
        let good = std::fs::read_to_string(&file).unwrap();
        let socket = gateway.folder.path().join("buffer").join(SOCKET_NAME);
        let is_open = || socket.exists();
        wait_until("the socket", PATIENCE, is_open).await.unwrap();
        for turn in 1..=2 {
            // Those of the last turn are there no more.
            let changed = format!("{good}\n[scanner.none_{turn}]\ntcp = \"127.0.1.{turn}:1\"\n");
            std::fs::write(&file, changed).unwrap();
            let mut client = Client::connect(std::slice::from_ref(&socket))
                .await
                .unwrap();
            let answer = client.ask(&Request::new("reload")).await;
            let applied = answer.as_ref().is_ok_and(|it| it["verdict"] == "applied");
            assert_eq!(applied, turn == 1, "{point}: {answer:?}");
        }
        let status = tokio::task::block_in_place(|| gateway.ended(PATIENCE));
        assert!(!status.success(), "{point}: {status}");
        gateway.start();
        plant.played().await;
        let complete = plant.complete(PATIENCE).await;
        let stopped = tokio::task::block_in_place(|| gateway.stop());
        let ledger = plant.ledger();
        let score = ledger.score();
        assert!(
            complete.is_ok() && score.is_clean() && score.redelivered <= WINDOW,
            "{point}\n{}\nthe gateway's log:\n{}",
            ledger.report(),
            gateway.log()
        );
        assert_eq!(score.truth, u64::from(LINES * LOTS));
        assert!(stopped.success(), "{stopped}");
    }
}
