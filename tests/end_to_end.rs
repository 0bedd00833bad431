//! The main job with the real binary, a real Mosquitto, simulated readers over TCP and a scanner on a pty: 200 pallets in
//! and out, undisturbed, and with daemon and broker killed in between.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use support::schema::{mistakes, official_schema};
use support::{Gateway, Mosquitto, seed};
use tokio::time::{Instant, sleep, sleep_until};
use tracegate::demo::config_text;
use tracegate_epcis::Received;
use tracegate_sim::demo::{Demo, DemoConfig};
use tracegate_sim::scanner::ScannerConfig;
use tracegate_sim::scenario::{ScannerKind, Scenario};

const READY: Duration = Duration::from_secs(60);
const COMPLETE: Duration = Duration::from_secs(60);
const DOCKS: u32 = 4;
const PALLETS: u32 = 50;

/// 200 pallets at four docks, each in and out, and two scanners.
fn scenario(seed: u64) -> Scenario {
    let docks = (1..=DOCKS).fold(Scenario::empty(seed), |scenario, dock| {
        scenario.dock(&format!("dock_{dock}"), PALLETS)
    });
    docks
        .line("line_1", ScannerKind::Pty, 60)
        .line("line_2", ScannerKind::Tcp, 60)
        .pace(
            Duration::from_millis(1200),
            Duration::from_secs(1),
            Duration::from_secs(3),
        )
}

/// An operator rescans when no beep comes within a second.
fn plant_config(broker: std::net::SocketAddr) -> DemoConfig {
    DemoConfig {
        broker: Some(broker),
        scanner: ScannerConfig {
            ack_timeout: Some(Duration::from_secs(1)),
            tries: 60,
        },
        ..DemoConfig::default()
    }
}

struct Run {
    plant: Demo,
    gateway: Gateway,
    broker: Mosquitto,
}

impl Run {
    async fn start(seed: u64) -> Self {
        let broker = Mosquitto::start();
        let plant = Demo::start_with(scenario(seed), plant_config(broker.addr()))
            .await
            .unwrap();
        let mut gateway = Gateway::new(|buffer| config_text(&plant, broker.addr(), buffer));
        gateway.start();
        if let Err(missed) = plant.ready(READY).await {
            panic!("{missed}; the gateway's log:\n{}", gateway.log());
        }
        Self {
            plant,
            gateway,
            broker,
        }
    }

    /// Waits for the end; then everything must have been delivered once in effect, and nothing else.
    async fn finish(mut self, what: &str) {
        self.plant.played().await;
        let complete = self.plant.complete(COMPLETE).await;
        let status = self.gateway.stop();
        let ledger = self.plant.ledger();
        let score = ledger.score();
        eprintln!("{what}: {score:?}\n{}", ledger.table());
        assert!(
            complete.is_ok() && score.is_clean(),
            "{what}\n{}\nthe gateway's log:\n{}",
            ledger.report(),
            self.gateway.log()
        );
        assert_eq!(score.truth, u64::from(DOCKS * PALLETS * 2 + 120));
        assert!(status.success(), "{status}\n{}", self.gateway.log());
    }
}

/// `count` moments with at least `apart` between them, within `total`.
fn moments(
    random: &mut fastrand::Rng,
    count: u32,
    total: Duration,
    apart: Duration,
) -> Vec<Duration> {
    let slot = total / count;
    let free = slot.saturating_sub(apart);
    (0..count)
        .map(|n| slot * n + free.mul_f64(random.f64()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_pallets_in_and_out() {
    let mut run = Run::start(seed("two_hundred_pallets_in_and_out")).await;
    let payloads = listen(&run.broker).await;
    run.plant.play();
    run.finish("undisturbed").await;
    let payloads = payloads.await.unwrap();
    assert!(
        payloads.len() >= (DOCKS * PALLETS * 2 + 120) as usize,
        "{} payloads",
        payloads.len()
    );
    check_payloads(&payloads);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_killed_at_twenty_random_moments() {
    let seed = seed("the_daemon_killed_at_twenty_random_moments");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut run = Run::start(seed).await;
    let total = run.plant.timeline().duration();
    run.plant.play();
    let start = Instant::now();
    for at in moments(&mut random, 20, total, Duration::from_secs(4)) {
        sleep_until(start + at).await;
        run.gateway.kill();
        // As long as systemd takes.
        sleep(Duration::from_millis(random.u64(100..700))).await;
        run.gateway.start();
    }
    run.finish("daemon killed 20 times").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_killed_at_five_random_moments() {
    let seed = seed("the_broker_killed_at_five_random_moments");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut run = Run::start(seed).await;
    let total = run.plant.timeline().duration();
    run.plant.play();
    let start = Instant::now();
    for at in moments(&mut random, 5, total, Duration::from_secs(15)) {
        sleep_until(start + at).await;
        run.broker.kill();
        sleep(Duration::from_millis(random.u64(500..4000))).await;
        run.broker.restart();
    }
    run.finish("broker killed 5 times").await;
}

/// A second subscriber that keeps every payload until the gateway says goodbye.
async fn listen(broker: &Mosquitto) -> tokio::task::JoinHandle<Vec<(String, Vec<u8>)>> {
    use rumqttc::v5::Event;
    use rumqttc::v5::mqttbytes::v5::Packet;
    let (client, mut events) = support::subscriber("listener", broker.addr(), "tracegate/#").await;
    let (subscribed, ready) = tokio::sync::oneshot::channel();
    let mut subscribed = Some(subscribed);
    let task = tokio::spawn(async move {
        let _client = client;
        let mut payloads = Vec::new();
        loop {
            match events.poll().await.unwrap() {
                Event::Incoming(Packet::SubAck(_)) => {
                    subscribed.take().unwrap().send(()).unwrap();
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                    if topic.ends_with("/status")
                        && publish
                            .payload
                            .windows(9)
                            .any(|bytes| bytes == b"\"offline\"")
                    {
                        assert!(
                            publish
                                .payload
                                .windows(9)
                                .any(|bytes| bytes == b"\"stopped\""),
                            "{:?}",
                            publish.payload
                        );
                        return payloads;
                    }
                    payloads.push((topic, publish.payload.to_vec()));
                }
                _ => {}
            }
        }
    });
    ready.await.unwrap();
    task
}

/// Every event is EPCIS 2.0 and named by its own hash; where the official schema is at hand, it agrees.
fn check_payloads(payloads: &[(String, Vec<u8>)]) {
    let schema = official_schema();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (topic, payload) in payloads {
        let json: serde_json::Value = serde_json::from_slice(payload).unwrap();
        if topic == "tracegate/demo/status" {
            assert_eq!(json["state"], "online");
            continue;
        }
        if topic.starts_with("tracegate/demo/device/") {
            assert_eq!(
                topic,
                &format!("tracegate/demo/device/{}", json["device"].as_str().unwrap())
            );
            continue;
        }
        let received = Received::from_value(&json).unwrap();
        assert_eq!(received.event_id, Some(received.event.id().to_string()));
        if let Some(schema) = &schema {
            let errors = mistakes(schema, &json);
            assert!(errors.is_empty(), "{json:#}\n{errors:?}");
        }
        *kinds
            .entry(json["type"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    assert!(
        kinds["AggregationEvent"] >= 400 && kinds["ObjectEvent"] >= 120,
        "{kinds:?}"
    );
}
