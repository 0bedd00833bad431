//! Readers behind TLS, and readers that dial in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tracegate_llrp::client::ClientConfig;
use tracegate_sim::Task;
use tracegate_sim::reader::{SimReader, SimReaderConfig};

use super::reader::{reading, tag};
use super::*;
use crate::source::llrp::link::Link;
use crate::source::llrp::listen::{Door, Route, Seat};
use crate::source::llrp::{Settings, run};
use crate::tls::certificates::{authority, certificate, run_in, until};
use crate::tls::{Fingerprint, Identity, Setup, Trust};

const ALL: &[&SupportedProtocolVersion] = rustls::ALL_VERSIONS;

/// A reader that speaks TLS, with a certificate of its own.
struct Guarded {
    folder: TempDir,
    reader: SimReader,
    addr: SocketAddr,
    _task: Task,
}

impl Guarded {
    /// `wants` is a CA whose client certificates it asks for.
    async fn start(versions: &[&'static SupportedProtocolVersion], wants: Option<&str>) -> Self {
        Self::with(versions, wants, |_| {}).await
    }

    /// `prepare` may make other certificates in the folder.
    async fn with(
        versions: &[&'static SupportedProtocolVersion],
        wants: Option<&str>,
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        authority(folder.path(), "ca");
        certificate(folder.path(), "reader", "IP:127.0.0.1");
        certificate(folder.path(), "gateway", "DNS:gateway");
        prepare(folder.path());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .unwrap();
        let config = match wants {
            None => config.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(pem(folder.path(), ca)).unwrap();
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                config.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivateKeyDer::from_pem_file(folder.path().join("reader.key")).unwrap();
        let config = config
            .with_single_cert(vec![pem(folder.path(), "reader.pem")], key)
            .unwrap();
        let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
        let (acceptor, inner) = (TlsAcceptor::from(Arc::new(config)), reader.addr());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = Task::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if let Ok(mut outside) = acceptor.accept(socket).await {
                    let mut inside = TcpStream::connect(inner).await.unwrap();
                    let _ = copy_bidirectional(&mut outside, &mut inside).await;
                }
            }
        });
        Self {
            folder,
            reader,
            addr,
            _task: task,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&pem(self.folder.path(), "reader.pem"))
    }

    fn rig(&self, trust: Trust, identity: Option<Identity>) -> Rig {
        let setup = Setup {
            section: "[llrp.dock_1]".to_owned(),
            peer: "reader",
            trust,
            identity,
        };
        let settings = dial(self.addr, Some(setup));
        Rig::start(100, |context| {
            run(settings, context, None, mpsc::channel(1).1)
        })
    }

    async fn is_read_by(&self, mut rig: Rig) {
        assert!(rig.link().await);
        reading(&self.reader).await;
        self.reader.feed().see(1_000, tag(7)).await;
        assert_eq!(rig.reads().await[0].epc[11], 7);
        assert_eq!(rig.condition(), "");
        rig.stop().await;
        wait_until("the end", PATIENCE, || !self.reader.status().connected)
            .await
            .unwrap();
    }
}

fn pem(folder: &Path, name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(folder.join(name)).unwrap()
}

fn client() -> ClientConfig {
    ClientConfig {
        keepalive_period: Duration::from_millis(200),
        connect_timeout: Duration::from_millis(500),
        ..ClientConfig::default()
    }
}

fn dial(addr: SocketAddr, tls: Option<Setup>) -> Settings {
    let (host, port) = (addr.ip().to_string(), addr.port());
    Settings {
        link: Link::Dial { host, port, tls },
        client: client(),
        outputs: BTreeMap::new(),
        sensors: Vec::new(),
    }
}

#[tokio::test]
async fn readers_are_read_over_both_versions_of_tls() {
    for version in ALL {
        let guarded = Guarded::start(&[version], None).await;
        let rig = guarded.rig(Trust::File(guarded.file("ca.pem")), None);
        guarded.is_read_by(rig).await;
        let rig = guarded.rig(Trust::Pinned(guarded.fingerprint()), None);
        guarded.is_read_by(rig).await;
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_named_so_that_it_can_be_pasted() {
    let guarded = Guarded::start(ALL, None).await;
    let paste = format!("write certificate_sha256 = \"{}\"", guarded.fingerprint());
    let rig = guarded.rig(Trust::Pinned(Fingerprint([7; 32])), None);
    rig.says("its certificate is not the one that certificate_sha256 names")
        .await;
    rig.health.shows_alone("DEVICE-UNTRUSTED");
    assert!(rig.condition().contains(&paste), "{}", rig.condition());
    rig.stop().await;

    authority(guarded.folder.path(), "other");
    let rig = guarded.rig(Trust::File(guarded.file("other.pem")), None);
    rig.says("its certificate has an unknown issuer, none that [llrp.dock_1] ca_file")
        .await;
    assert!(rig.condition().contains(&paste), "{}", rig.condition());
    rig.stop().await;

    let rig = guarded.rig(Trust::File(guarded.file("nothing.pem")), None);
    rig.says("cannot read [llrp.dock_1] ca_file").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_reader_that_wants_a_certificate_gets_it() {
    let guarded = Guarded::start(ALL, Some("ca.pem")).await;
    let trust = Trust::File(guarded.file("ca.pem"));
    let identity = |name: &str| {
        Some(Identity {
            certificate: guarded.file(&format!("{name}.pem")),
            key: guarded.file(&format!("{name}.key")),
        })
    };
    guarded
        .is_read_by(guarded.rig(trust.clone(), identity("gateway")))
        .await;

    let rig = guarded.rig(trust.clone(), None);
    rig.says("it wants a certificate from the gateway, which has none")
        .await;
    rig.stop().await;
    authority(guarded.folder.path(), "other");
    let rig = guarded.rig(trust.clone(), identity("other"));
    rig.says("does not accept the gateway's certificate").await;
    rig.stop().await;
    let rig = guarded.rig(trust, identity("nothing"));
    rig.says("cannot read [llrp.dock_1] client_certificate_file")
        .await;
    rig.stop().await;
}

#[tokio::test]
async fn certificates_that_end_soon_are_told_of() {
    let guarded = Guarded::with(ALL, Some("ca.pem"), |folder| {
        let in_days = |days: i64| {
            let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days + 1);
            at.strftime("%Y%m%d%H%M%SZ").to_string()
        };
        let from = "20250101000000Z";
        until(folder, "reader", "IP:127.0.0.1", from, &in_days(12));
        until(folder, "gateway", "DNS:gateway", from, &in_days(5));
        // The same authority, for 20 days more.
        let line = "req -x509 -key ca.key -subj /CN=ca -days 20 -out ca.pem";
        run_in(folder, "openssl", &line.split(' ').collect::<Vec<_>>());
    })
    .await;
    let identity = Identity {
        certificate: guarded.file("gateway.pem"),
        key: guarded.file("gateway.key"),
    };
    let own = "the gateway's certificate for reader dock_1 expires in 5 days";
    let mut rig = guarded.rig(Trust::File(guarded.file("ca.pem")), Some(identity.clone()));
    assert!(rig.link().await);
    let conditions = rig.condition();
    for text in [
        "the certificate of reader dock_1 expires in 12 days",
        "the newest certificate in [llrp.dock_1] ca_file expires in 19 days",
        own,
    ] {
        assert!(conditions.contains(text), "{conditions}");
    }
    rig.stop().await;

    // A pinned certificate counts whatever it says.
    let mut rig = guarded.rig(Trust::Pinned(guarded.fingerprint()), Some(identity));
    assert!(rig.link().await);
    assert!(rig.condition().starts_with(own), "{}", rig.condition());
    rig.health.shows_alone("CERTIFICATE-EXPIRES");
    rig.stop().await;

    // Nor does this reader look at ours.
    let open = Guarded::with(ALL, None, |folder| {
        let end = "20250301000000Z";
        until(folder, "gateway", "DNS:gateway", "20250101000000Z", end);
    })
    .await;
    let identity = Identity {
        certificate: open.file("gateway.pem"),
        key: open.file("gateway.key"),
    };
    let mut rig = open.rig(Trust::Pinned(open.fingerprint()), Some(identity));
    assert!(rig.link().await);
    rig.health.shows_alone("CERTIFICATE-INVALID");
    rig.stop().await;
}

#[tokio::test]
async fn tls_and_none_mixed_up_are_explained() {
    let guarded = Guarded::start(ALL, None).await;
    let settings = dial(guarded.addr, None);
    let rig = Rig::start(1, |context| {
        run(settings, context, None, mpsc::channel(1).1)
    });
    rig.says("is this a reader's LLRP port?").await;
    rig.stop().await;

    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let setup = Setup {
        section: "[llrp.dock_1]".to_owned(),
        peer: "reader",
        trust: Trust::Pinned(Fingerprint([0; 32])),
        identity: None,
    };
    let settings = dial(reader.addr(), Some(setup));
    let rig = Rig::start(1, |context| {
        run(settings, context, None, mpsc::channel(1).1)
    });
    rig.says("speak TLS").await;
    rig.stop().await;
}

/// A listening port for one reader at `from`, and the reader's task.
async fn door(from: &str) -> (Rig, SocketAddr, Task) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let (seat, from) = (Seat::default(), from.parse().ok());
    let link = Link::Listen { at, from };
    let (settings, place) = (
        Settings {
            link,
            client: client(),
            outputs: BTreeMap::new(),
            sensors: Vec::new(),
        },
        seat.clone(),
    );
    let rig = Rig::start(100, |context| {
        run(settings, context, Some(place), mpsc::channel(1).1)
    });
    let door = Door {
        at,
        routes: vec![Route {
            name: "dock_1".to_owned(),
            from,
            seat,
        }],
        health: rig.health.clone(),
        beat: rig.health.beat("door"),
        stop: rig.stop.clone(),
    };
    let task = Task::spawn(async move { door.serve(listener).await });
    rig.says(&format!("dock_1: waits for the reader to connect to {at}"))
        .await;
    rig.health.shows_alone("DEVICE-AWAITED");
    (rig, at, task)
}

/// The reader's own connection to the gateway.
async fn dial_in(reader: &SimReader, gateway: SocketAddr) -> Task {
    let mut inside = TcpStream::connect(reader.addr()).await.unwrap();
    let mut outside = TcpStream::connect(gateway).await.unwrap();
    Task::spawn(async move {
        let _ = copy_bidirectional(&mut outside, &mut inside).await;
    })
}

#[tokio::test]
async fn a_reader_dials_in_and_its_newer_connection_replaces_a_silent_one() {
    let (mut rig, at, _door) = door("127.0.0.1").await;
    let first = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let _first = dial_in(&first, at).await;
    assert!(rig.link().await);
    reading(&first).await;
    // A second connection does not disturb one that works.
    let second = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let _second = dial_in(&second, at).await;
    wait_until("the second", PATIENCE, || second.status().connected)
        .await
        .unwrap();
    first.feed().see(1_000, tag(1)).await;
    assert_eq!(rig.reads().await[0].epc[11], 1);
    assert_eq!(rig.condition(), "");
    // As when the reader lost power: nobody ends the old connection.
    first.pause().await;
    assert!(!rig.link().await);
    assert!(rig.link().await);
    reading(&second).await;
    second.feed().see(2_000, tag(2)).await;
    assert_eq!(rig.reads().await[0].epc[11], 2);
    rig.stop().await;
}

#[tokio::test]
async fn strangers_are_refused_and_counted() {
    let (rig, at, _door) = door("10.0.4.21").await;
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let _task = dial_in(&reader, at).await;
    wait_until("a refusal", PATIENCE, || {
        rig.health.counters().connections_refused.get() == 1
    })
    .await
    .unwrap();
    assert!(!rig.health.conditions().is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = taken.local_addr().unwrap();
    let health = Health::new("plant-3", "epoch");
    health.broker(BrokerState::Up);
    let stop = CancellationToken::new();
    let door = Door {
        at,
        routes: vec![Route {
            name: "dock_1".to_owned(),
            from: None,
            seat: Seat::default(),
        }],
        health: health.clone(),
        beat: health.beat("door"),
        stop: stop.clone(),
    };
    let task = tokio::spawn(door.run());
    health
        .says(&format!("dock_1: cannot listen on {at}"), PATIENCE)
        .await;
    stop.cancel();
    timeout(PATIENCE, task).await.unwrap().unwrap();
}
