//! Certificates renewed while events flow, with a real Mosquitto that asks for ours: nothing is lost, nothing restarts.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::time::sleep;
use tracegate_sim::Task;

use super::mosquitto::Mosquitto;
use super::*;
use crate::tls::Identity;
use crate::tls::certificates::{authority, until};

const FROM: &str = "20260101000000Z";

/// A new pair `<name>.pem` and `<name>.key`, valid until this day of 2045.
fn pair(folder: &Path, name: &str, day: u8) {
    until(
        folder,
        name,
        "IP:127.0.0.1",
        FROM,
        &format!("204501{day:02}000000Z"),
    );
}

/// Replaces a file as careful tools do.
fn replace(folder: &Path, from: &str, to: &str) {
    fs::copy(folder.join(from), folder.join("new")).unwrap();
    fs::rename(folder.join("new"), folder.join(to)).unwrap();
}

/// Everything that comes to the topics of events, in order.
struct Store {
    numbers: Arc<Mutex<Vec<i64>>>,
    _task: Task,
}

impl Store {
    async fn subscribe(broker: SocketAddr) -> Self {
        let options = MqttOptions::new("store", broker.ip().to_string(), broker.port());
        let (client, mut events) = AsyncClient::new(options, 10);
        let topic = "tracegate/plant-3/events/#";
        client.subscribe(topic, QoS::AtLeastOnce).await.unwrap();
        let numbers = Arc::new(Mutex::new(Vec::new()));
        let (ready, subscribed) = tokio::sync::oneshot::channel();
        let (mut ready, list) = (Some(ready), numbers.clone());
        let task = Task::spawn(async move {
            let _client = client;
            while let Ok(event) = events.poll().await {
                match event {
                    Event::Incoming(Packet::SubAck(_)) => {
                        let _ = ready.take().map(|ready| ready.send(()));
                    }
                    Event::Incoming(Packet::Publish(publish)) => {
                        list.lock().unwrap().push(number(&publish.payload));
                    }
                    _ => {}
                }
            }
        });
        tokio::time::timeout(PATIENCE, subscribed)
            .await
            .unwrap()
            .unwrap();
        Self {
            numbers,
            _task: task,
        }
    }
}

/// Stores events all the time until `done`.
async fn under_load(rig: &mut Rig, what: &str, done: impl Fn(&Rig) -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !done(rig) {
        let late = tokio::time::Instant::now() >= deadline;
        assert!(!late, "{what} does not happen: {}", rig.condition());
        rig.add(20).await;
        sleep(Duration::from_millis(4)).await;
    }
}

async fn renewed(rig: &mut Rig, times: u64, day: u8) {
    under_load(rig, "a renewal", |rig| {
        let certificates = rig.health.status().certificates;
        let until = certificates.get("gateway").map(|it| it.not_after.clone());
        rig.health.counters().renewals.get() == times
            && until == Some(format!("2045-01-{day:02}T00:00:00Z"))
    })
    .await;
}

#[tokio::test]
async fn certificates_renewed_under_load_lose_nothing() {
    let more = "cafile {folder}/clients.pem\nrequire_certificate true";
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path();
    let both =
        |one: &Path, other: &Path| [fs::read(one).unwrap(), fs::read(other).unwrap()].concat();
    authority(new, "ca");
    let mosquitto = Mosquitto::start_with(true, more, |folder| {
        // The other CA is accepted from the start: Mosquitto does not read that file again.
        fs::write(
            folder.join("clients.pem"),
            both(&folder.join("ca.pem"), &new.join("ca.pem")),
        )
        .unwrap();
    })
    .await;
    let dir = mosquitto.folder.path();
    for (version, day) in [("v1", 1), ("v2", 2)] {
        fs::create_dir(dir.join(version)).unwrap();
        pair(dir, "own", day);
        for file in ["own.pem", "own.key"] {
            fs::rename(dir.join(file), dir.join(version).join(file)).unwrap();
        }
    }
    symlink("v1", dir.join("current")).unwrap();
    let mut settings = mosquitto.trusting("ca.pem");
    // A machine with much else to do is no reason to connect anew.
    settings.timing.progress = PATIENCE;
    settings.timing.connect = PATIENCE;
    settings.accept_without_subscriber = false;
    settings.tls.as_mut().unwrap().identity = Some(Identity {
        certificate: dir.join("current/own.pem"),
        key: dir.join("current/own.key"),
    });
    let store = Store::subscribe(mosquitto.plain).await;
    let mut rig = Rig::start(settings, 100).await;
    renewed(&mut rig, 0, 1).await;

    // A link is turned, as Kubernetes and certbot do.
    symlink("v2", dir.join("next")).unwrap();
    fs::rename(dir.join("next"), dir.join("current")).unwrap();
    renewed(&mut rig, 1, 2).await;

    // Written in place, one file after the other: until both are there the old pair stays in use.
    pair(dir, "own", 3);
    fs::copy(dir.join("own.pem"), dir.join("v2/own.pem")).unwrap();
    let halfway = "does not belong to the certificate";
    under_load(&mut rig, halfway, |rig| rig.condition().contains(halfway)).await;
    assert!(rig.condition().contains("the old ones stay in use"));
    fs::copy(dir.join("own.key"), dir.join("v2/own.key")).unwrap();
    renewed(&mut rig, 2, 3).await;
    assert_eq!(rig.condition(), "");

    // Another CA is trusted as well, then the broker's certificate is of that one.
    fs::write(
        dir.join("both"),
        both(&dir.join("ca.pem"), &new.join("ca.pem")),
    )
    .unwrap();
    replace(dir, "both", "ca.pem");
    renewed(&mut rig, 3, 3).await;
    pair(new, "server", 28);
    for file in ["server.pem", "server.key"] {
        fs::copy(new.join(file), dir.join(file)).unwrap();
    }
    let process = rustix::process::Pid::from_child(&mosquitto.process);
    rustix::process::kill_process(process, rustix::process::Signal::HUP).unwrap();

    // Ours is of that one, too; and once more.
    for (times, day) in [(4, 5), (5, 6)] {
        pair(new, "own", day);
        for file in ["own.pem", "own.key"] {
            fs::copy(new.join(file), dir.join("v2").join(file)).unwrap();
        }
        renewed(&mut rig, times, day).await;
    }
    let broker = rig.health.status().certificates["broker"].not_after.clone();
    assert_eq!(broker, "2045-01-28T00:00:00Z");

    under_load(&mut rig, "2,500 events", |rig| {
        rig.store.last_seq() >= 2_500
    })
    .await;
    let last = rig.store.last_seq();
    rig.acknowledged(last).await;
    assert_eq!(rig.health.counters().broker_disconnects.get(), 0);
    wait_until("everything", PATIENCE, || {
        store.numbers.lock().unwrap().contains(&last)
    })
    .await
    .unwrap();
    let numbers = store.numbers.lock().unwrap().clone();
    in_order(&numbers, last);
    let repeated = numbers.len() - usize::try_from(last).unwrap();
    assert_eq!(repeated, 0, "a reconnect on purpose repeats nothing");
    rig.stop().await;
}

#[tokio::test]
async fn a_renewed_file_that_cannot_be_used_does_not_stop_delivery() {
    let mosquitto = Mosquitto::start_with(true, "", |_| ()).await;
    let mut rig = Rig::start(mosquitto.trusting("ca.pem"), 10).await;
    rig.acknowledged(10).await;
    fs::remove_file(mosquitto.file("ca.pem")).unwrap();
    rig.says("the old ones stay in use: cannot read [mqtt] ca_file")
        .await;
    rig.health.shows_alone("CERTIFICATE-UNUSABLE");
    assert_eq!(rig.health.counters().renewals_failed.get(), 1);
    rig.add(10).await;
    rig.acknowledged(20).await;
    assert_eq!(rig.health.counters().renewals.get(), 0);
    rig.stop().await;
}

#[tokio::test]
async fn a_secret_that_everybody_may_read_is_a_condition_until_it_is_not() {
    use std::os::unix::fs::PermissionsExt as _;
    let mosquitto = Mosquitto::start_with(false, "", |_| ()).await;
    let secret = mosquitto.file("secret");
    fs::write(&secret, "right\n").unwrap();
    let mode = |mode| fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let settings = Settings {
        credentials: Some(("gateway".to_owned(), Some(secret.clone()))),
        accept_without_subscriber: true,
        ..settings(mosquitto.plain)
    };
    let rig = Rig::start(settings, 1).await;
    rig.acknowledged(1).await;
    rig.says("every user of this machine may read or change")
        .await;
    rig.health.shows_alone("SECRET-EXPOSED");
    mode(0o600);
    wait_until("the end of it", PATIENCE, || rig.condition().is_empty())
        .await
        .unwrap();
    rig.stop().await;
}
