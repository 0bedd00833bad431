use std::path::Path;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::certificates::{authority, certificate, until};
use super::*;

fn setup(folder: &Path, ca: &str, identity: Option<&str>) -> Setup {
    Setup {
        section: "[mqtt]".to_owned(),
        peer: "broker",
        trust: Trust::File(folder.join(ca)),
        identity: identity.map(|name| Identity {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        }),
    }
}

/// A server with this certificate that wants one from its clients, signed by `ca`.
fn server(folder: &Path, name: &str, version: &'static SupportedProtocolVersion) -> ServerConfig {
    let file = |end: &str| folder.join(format!("{name}.{end}"));
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_file(file("pem")).unwrap()],
            PrivateKeyDer::from_pem_file(file("key")).unwrap(),
        )
        .unwrap()
}

/// Both ends without a socket; how it ended, in our words.
fn handshake(setup: &Setup, server: ServerConfig) -> Result<Client, String> {
    let ours = setup.client().map_err(|error| error.to_string())?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut client = ClientConnection::new(ours.config.clone(), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        // What it says of the failure goes to the client first.
        let _ = server.process_new_packets();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client
            .process_new_packets()
            .map_err(|error| setup.explain("127.0.0.1", &error))?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(ours)
}

#[test]
fn tls_1_2_and_1_3_with_certificates_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    authority(folder, "ca");
    certificate(folder, "server", "IP:127.0.0.1");
    let (from, to) = ("20260102030405Z", "20410102030405Z");
    until(folder, "gateway", "DNS:gateway", from, to);
    for version in [&TLS12, &TLS13] {
        let shown = setup(folder, "ca.pem", Some("gateway"));
        let client = handshake(&shown, server(folder, "server", version)).unwrap();
        let own = client.own.unwrap();
        assert_eq!(day(own.not_after), "2041-01-02");
        let seen = client.seen().unwrap().validity.unwrap();
        assert_eq!(seen.days_left(jiff::Timestamp::now()), 89);

        let nameless = setup(folder, "ca.pem", None);
        let why = handshake(&nameless, server(folder, "server", version)).unwrap_err();
        assert!(
            why.contains("CertificateRequired")
                || why.contains("give [mqtt] client_certificate_file"),
            "{why}"
        );
    }
}

#[test]
fn what_is_wrong_with_the_other_sides_certificate_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    authority(folder, "other");
    authority(folder, "ca");
    certificate(folder, "gateway", "DNS:gateway");
    let (long_ago, past) = ("20200101000000Z", "20210203040506Z");
    let (ahead, far) = ("20900102030405Z", "20950102030405Z");
    until(folder, "expired", "IP:127.0.0.1", long_ago, past);
    until(folder, "early", "IP:127.0.0.1", ahead, far);
    certificate(folder, "elsewhere", "DNS:broker.plant3.example");
    certificate(folder, "good", "IP:127.0.0.1");
    let today = day(jiff::Timestamp::now());
    for (name, ca, texts) in [
        (
            "expired",
            "ca.pem",
            &["expired, on 2021-02-03", "renew it at the broker"][..],
        ),
        (
            "early",
            "ca.pem",
            &["not valid yet, only from 2090-01-02", "set the clock"],
        ),
        ("early", "ca.pem", &[today.as_str()]),
        ("elsewhere", "ca.pem", &["not made for 127.0.0.1"]),
        ("good", "other.pem", &["unknown issuer", "other.pem"]),
    ] {
        let shown = setup(folder, ca, Some("gateway"));
        let why = handshake(&shown, server(folder, name, &TLS13)).unwrap_err();
        for text in texts {
            assert!(why.contains(text), "{name}: {why}");
        }
    }
    // And with ours, as far as the other side tells.
    until(folder, "gateway", "DNS:gateway", long_ago, past);
    let shown = setup(folder, "ca.pem", Some("gateway"));
    let why = handshake(&shown, server(folder, "good", &TLS13)).unwrap_err();
    assert!(
        why.contains("renew [mqtt] client_certificate_file"),
        "{why}"
    );
}

#[test]
fn a_missing_empty_or_damaged_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let error = || {
        let setup = setup(folder.path(), "ca.pem", None);
        setup.client().unwrap_err().to_string()
    };
    assert!(error().contains("ca.pem"), "{}", error());
    std::fs::write(&path, "no certificate here\n").unwrap();
    assert!(
        error().contains("no certificate to trust in"),
        "{}",
        error()
    );
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&path, damaged).unwrap();
    assert!(error().contains("ca.pem"), "{}", error());
}

#[test]
fn fingerprints_print_like_those_of_openssl() {
    let shown = Fingerprint::of(b"").to_string();
    assert!(shown.starts_with("E3:B0:C4:42:98:FC"), "{shown}");
    assert_eq!(shown.len(), 95);
}
