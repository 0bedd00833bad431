//! With a real Mosquitto: TLS, passwords, a session taken over. Needs `mosquitto`, `mosquitto_passwd` and `openssl`.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tracegate_sim::wait_until;

use super::*;
use crate::downlink::command::Kind;
use crate::forward::client::{self, Event, Message, Options};
use crate::tls::certificates::{authority, certificate, run_in};
use crate::tls::{Setup, Trust};

/// A running Mosquitto with a CA of its own.
pub(crate) struct Mosquitto {
    pub(super) folder: TempDir,
    pub(super) process: Child,
    pub(crate) plain: SocketAddr,
    tls: SocketAddr,
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Mosquitto {
    pub(crate) async fn start(anonymous: bool) -> Self {
        Self::start_with(anonymous, "", |_| ()).await
    }

    /// With more settings for its listener with TLS, where `{folder}` stands for its folder; `prepare` adds files to it.
    pub(super) async fn start_with(anonymous: bool, more: &str, prepare: impl Fn(&Path)) -> Self {
        let mut folder = tempfile::tempdir().unwrap();
        authority(folder.path(), "ca");
        certificate(folder.path(), "server", "IP:127.0.0.1");
        let passwords = ["-b", "-c", "passwords", "gateway", "right"];
        run_in(folder.path(), "mosquitto_passwd", &passwords);
        prepare(folder.path());
        // Mosquitto cannot tell a port it chose itself, so free ones are looked for; another process may be quicker.
        for _ in 0..20 {
            let (plain, tls) = (free_port(), free_port());
            let process = launch(folder.path(), plain, tls, anonymous, more);
            let mut mosquitto = Self {
                folder,
                process,
                plain,
                tls,
            };
            if mosquitto.is_listening().await {
                return mosquitto;
            }
            folder = std::mem::replace(&mut mosquitto.folder, tempfile::tempdir().unwrap());
        }
        panic!("no two free ports for mosquitto");
    }

    async fn is_listening(&mut self) -> bool {
        let listening = |addr| std::net::TcpStream::connect(addr).is_ok();
        let mut alive = true;
        let up = wait_until("mosquitto", PATIENCE, || {
            alive = self.process.try_wait().unwrap().is_none();
            !alive || (listening(self.plain) && listening(self.tls))
        });
        up.await.unwrap();
        alive
    }

    /// Kills it, so that everything it held in memory is lost, and starts it again on the same ports.
    async fn lose_everything(&mut self, anonymous: bool) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = launch(self.folder.path(), self.plain, self.tls, anonymous, "");
        assert!(self.is_listening().await, "mosquitto starts again");
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Settings to connect by TLS and trust this file.
    pub(super) fn trusting(&self, ca: &str) -> Settings {
        Settings {
            tls: Some(Setup {
                section: "[mqtt]".to_owned(),
                peer: "broker",
                trust: Trust::File(self.file(ca)),
                identity: None,
            }),
            accept_without_subscriber: true,
            ..settings(self.tls)
        }
    }
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap()
}

fn launch(folder: &Path, plain: SocketAddr, tls: SocketAddr, anonymous: bool, more: &str) -> Child {
    let shown = folder.display();
    let mut config = String::new();
    writeln!(
        config,
        "allow_anonymous {anonymous}\npassword_file {shown}/passwords"
    )
    .unwrap();
    writeln!(config, "listener {} 127.0.0.1", plain.port()).unwrap();
    writeln!(config, "listener {} 127.0.0.1", tls.port()).unwrap();
    writeln!(
        config,
        "certfile {shown}/server.pem\nkeyfile {shown}/server.key\n{}",
        more.replace("{folder}", &shown.to_string())
    )
    .unwrap();
    if folder.join("acl").exists() {
        writeln!(config, "acl_file {shown}/acl").unwrap();
    }
    // As root it would change to a user who may not read our folder.
    if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        config.push_str("user root\n");
    }
    std::fs::write(folder.join("mosquitto.conf"), config).unwrap();
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    Command::new("mosquitto")
        .env("PATH", path)
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("mosquitto is installed")
}

#[tokio::test]
async fn tls_delivers_to_a_broker_that_we_trust_and_to_no_other() {
    let mosquitto = Mosquitto::start(true).await;
    let rig = Rig::start(mosquitto.trusting("ca.pem"), 100).await;
    rig.acknowledged(100).await;
    assert_eq!(rig.health.conditions(), [""; 0]);
    rig.stop().await;

    authority(mosquitto.folder.path(), "other");
    let rig = Rig::start(mosquitto.trusting("other.pem"), 1).await;
    rig.says("its certificate has an unknown issuer, none that [mqtt] ca_file")
        .await;
    assert!(rig.condition().contains("other.pem"), "{}", rig.condition());
    // A renewed file needs no restart.
    std::fs::copy(mosquitto.file("ca.pem"), mosquitto.file("other.pem")).unwrap();
    rig.acknowledged(1).await;
    rig.stop().await;

    let elsewhere = Settings {
        endpoints: vec![Endpoint {
            host: "localhost".to_owned(),
            port: mosquitto.tls.port(),
        }],
        ..mosquitto.trusting("ca.pem")
    };
    let rig = Rig::start(elsewhere, 1).await;
    rig.says("its certificate is not made for localhost but for")
        .await;
    rig.stop().await;

    let absent = mosquitto.trusting("nothing.pem");
    let rig = Rig::start(absent, 1).await;
    rig.says("cannot read [mqtt] ca_file").await;
    rig.stop().await;
}

#[tokio::test]
async fn plain_and_tls_mixed_up_are_explained() {
    let mosquitto = Mosquitto::start(true).await;
    let rig = Rig::start(settings(mosquitto.tls), 1).await;
    rig.says("whether it expects TLS: then [mqtt] url begins with mqtts://")
        .await;
    rig.stop().await;

    let trusting = Settings {
        endpoints: settings(mosquitto.plain).endpoints,
        ..mosquitto.trusting("ca.pem")
    };
    let rig = Rig::start(trusting, 1).await;
    rig.says("does this port speak TLS? Without it [mqtt] url begins with mqtt://")
        .await;
    rig.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_said_and_the_file_read_again() {
    let mosquitto = Mosquitto::start(false).await;
    let secret = mosquitto.file("secret");
    std::fs::write(&secret, "wrong\n").unwrap();
    let settings = Settings {
        credentials: Some(("gateway".to_owned(), Some(secret.clone()))),
        accept_without_subscriber: true,
        ..settings(mosquitto.plain)
    };
    let rig = Rig::start(settings, 1).await;
    rig.says("check user name, password").await;
    std::fs::write(&secret, "right\r\n").unwrap();
    rig.acknowledged(1).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_second_gateway_with_the_same_client_id_is_hinted_at() {
    let mosquitto = Mosquitto::start(true).await;
    // The first one waits long after it was thrown out, so that its reason can be seen.
    let timing = Timing {
        backoff: (PATIENCE * 1000, PATIENCE * 1000),
        ..QUICK
    };
    let first = Settings {
        timing,
        accept_without_subscriber: true,
        ..settings(mosquitto.plain)
    };
    let second = Settings {
        timing: QUICK,
        ..first.clone()
    };
    let first = Rig::start(first, 1).await;
    first.acknowledged(1).await;
    let second = Rig::start(second, 1).await;
    first.says("same client id").await;
    second.acknowledged(1).await;
    second.stop().await;
    first.stop().await;
}

fn options(version: Version, mosquitto: &Mosquitto) -> Options {
    Options {
        version,
        endpoint: settings(mosquitto.plain).endpoints.remove(0),
        client_id: "tester".to_owned(),
        credentials: None,
        tls: None,
        last_will: Some(("will".to_owned(), "gone".to_owned())),
        keep_alive: Duration::from_secs(30),
        window: 20,
        patience: PATIENCE,
        kept: None,
    }
}

async fn next(link: &mut client::Link) -> Event {
    loop {
        let event = tokio::time::timeout(PATIENCE, link.events.recv()).await;
        match event.expect("an event comes").expect("the client lives") {
            Ok(Event::Other) => {}
            Ok(event) => return event,
            Err(failure) => panic!("{failure:?}"),
        }
    }
}

#[tokio::test]
async fn both_versions_of_the_protocol_keep_the_clients_contract() {
    let mosquitto = Mosquitto::start(true).await;
    for version in [Version::V5, Version::V311] {
        let mut link = client::open(&options(version, &mosquitto));
        let Event::Connected(terms) = next(&mut link).await else {
            panic!("{version:?}: no CONNACK first");
        };
        // Mosquitto's own limits, which only MQTT 5 can tell.
        let expected = match version {
            Version::V5 => (20, 10),
            Version::V311 => (u16::MAX, 0),
        };
        assert_eq!((terms.receive_maximum, terms.alias_maximum), expected);
        link.client
            .subscribe(vec!["a/+".into(), "b".into()])
            .unwrap();
        assert_eq!(next(&mut link).await, Event::Subscribed(vec![Ok(()); 2]));
        for text in ["one", "two"] {
            let message = Message {
                topic: "a/x".to_owned(),
                payload: text.into(),
                ..Message::default()
            };
            link.client.publish(message).unwrap();
        }
        let (mut sent, mut answered, mut received) = (Vec::new(), Vec::new(), Vec::new());
        while answered.len() < 2 || received.len() < 2 {
            match next(&mut link).await {
                Event::Sent(id) => sent.push(id),
                Event::Answered(id, reason) => {
                    assert_eq!(reason, rumqttc::v5::mqttbytes::v5::PubAckReason::Success);
                    answered.push(id);
                }
                Event::Received(message, _) => {
                    assert_eq!(message.topic, "a/x");
                    received.push(message.payload);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(sent, answered);
        assert_eq!(received, ["one", "two"]);
        link.client.disconnect().unwrap();
        assert_eq!(next(&mut link).await, Event::Left);
    }
}

#[tokio::test]
async fn an_old_broker_gets_everything_with_mqtt_3_1_1() {
    let mosquitto = Mosquitto::start(true).await;
    let old = Settings {
        version: Version::V311,
        ..settings(mosquitto.plain)
    };
    let rig = Rig::start(old, 300).await;
    rig.acknowledged(300).await;
    assert_eq!(rig.health.conditions(), [""; 0]);
    rig.stop().await;
}

/// A broker without persistence that is killed while the store is away, which is the worst that can happen to what it has
/// acknowledged. With the store's word nothing is lost; with the broker's everything is.
#[tokio::test]
async fn what_a_killed_broker_had_acknowledged_is_lost_unless_the_store_acknowledges() {
    const EVENTS: i64 = 200;
    for by_the_store in [true, false] {
        let mut mosquitto = Mosquitto::start(true).await;
        let settings = match by_the_store {
            true => acknowledge::patient(mosquitto.plain),
            false => settings(mosquitto.plain),
        };
        // Its session stays, so the broker acknowledges and keeps for it.
        let store = acknowledge::store(mosquitto.plain);
        store.subscribed(PATIENCE).await.unwrap();
        drop(store);
        let rig = Rig::start(settings, EVENTS as usize).await;
        let forwarded = || rig.health.counters().forwarded.get() >= EVENTS as u64;
        wait_until("PUBACKs", PATIENCE, forwarded).await.unwrap();
        mosquitto.lose_everything(true).await;
        let store = acknowledge::store(mosquitto.plain);
        store.subscribed(PATIENCE).await.unwrap();
        if by_the_store {
            rig.acknowledged(EVENTS).await;
            assert!(store.status().messages >= EVENTS as u64);
        } else {
            assert_eq!(*rig.acknowledged.borrow(), EVENTS);
            assert_eq!(store.status().messages, 0);
        }
        rig.stop().await;
    }
}

/// With the access list that we ship: whoever may not, is not heard, and the gateway may all that it needs.
#[tokio::test]
async fn the_brokers_access_list_decides_who_commands_and_who_acknowledges() {
    let mut mosquitto = Mosquitto::start(false).await;
    let acl = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/broker/mosquitto.acl");
    std::fs::copy(acl, mosquitto.file("acl")).unwrap();
    for user in ["tracegate", "store", "maintenance"] {
        let add = ["-b", "passwords", user, "right"];
        run_in(mosquitto.folder.path(), "mosquitto_passwd", &add);
    }
    mosquitto.lose_everything(false).await;
    let secret = mosquitto.file("secret");
    std::fs::write(&secret, "right").unwrap();
    let broker = mosquitto.plain;
    let mut settings = Settings {
        credentials: Some(("tracegate".to_owned(), Some(secret))),
        status_topic: "tracegate/plant-3/status".to_owned(),
        ..acknowledge::patient(broker)
    };
    let topic = "tracegate/plant-3/cmd/status".to_owned();
    settings.downlink.commands.topics = vec![(Kind::Status, topic.clone())];
    let rig = Rig::start(settings, 5).await;
    let forwarded = || rig.health.counters().forwarded.get() >= 5;
    wait_until("PUBACKs", PATIENCE, forwarded).await.unwrap();

    let word = format!(r#"{{"epoch":"{}","seq":5}}"#, rig.health.epoch());
    let [store, maintenance] =
        ["store", "maintenance"].map(|user| acknowledge::Publisher::known_as(broker, user));
    // Each says first what it may not, and then what it may.
    maintenance.say(acknowledge::ACK_TOPIC, &word).await;
    maintenance.say(&topic, r#"{"id":"maintenance"}"#).await;
    let commanded = || rig.health.counters().commands.get() >= 1;
    wait_until("a command", PATIENCE, commanded).await.unwrap();
    assert_eq!(*rig.acknowledged.borrow(), 0);
    store.say(&topic, r#"{"id":"store"}"#).await;
    store.say(acknowledge::ACK_TOPIC, &word).await;
    rig.acknowledged(5).await;
    assert_eq!(rig.health.counters().commands.get(), 1);
    assert_eq!(rig.health.counters().commands_refused.get(), 0);
    rig.stop().await;
}
