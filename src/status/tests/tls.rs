//! Over TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::tls::certificates::{authority, certificate};
use crate::tls::{Client, Fingerprint, Setup, Trust};

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";

fn identity(folder: &Path, name: &str) -> Identity {
    Identity {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    }
}

fn client(folder: &Path, own: Option<&str>) -> Client {
    let setup = Setup {
        section: "[test]".to_owned(),
        peer: "gateway",
        trust: Trust::File(folder.join("ca.pem")),
        identity: own.map(|name| identity(folder, name)),
    };
    setup.client().unwrap()
}

/// What is answered, or how far it came; and the certificate that was shown.
async fn ask(served: &Served, client: &Client) -> (Result<String, String>, Option<Fingerprint>) {
    let answer = async {
        let stream = TcpStream::connect(served.address).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connector = TlsConnector::from(Arc::clone(&client.config));
        let mut stream = connector.connect(name, stream).await?;
        stream.write_all(REQUEST).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = answer.await.map_err(|error| error.to_string());
    (answer, client.seen().map(|seen| seen.fingerprint))
}

fn is_answered(answer: &Result<String, String>) -> bool {
    answer
        .as_ref()
        .is_ok_and(|it| it.starts_with("HTTP/1.1 200"))
}

#[tokio::test]
async fn the_page_has_tls_and_lets_in_whom_its_authority_has_signed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    authority(folder, "ca");
    for name in ["page", "next", "laptop"] {
        certificate(folder, name, "IP:127.0.0.1");
    }
    // Signed by somebody else.
    let elsewhere = folder.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    authority(&elsewhere, "ca");
    certificate(&elsewhere, "stranger", "IP:127.0.0.1");
    let setup = ServerSetup {
        section: "[status]".to_owned(),
        identity: identity(folder, "page"),
        client_ca: Some(folder.join("ca.pem")),
    };
    let served = Served::start_with(None, Some(setup)).await;

    let mut plain = TcpStream::connect(served.address).await.unwrap();
    plain.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");

    let (answer, first) = ask(&served, &client(folder, Some("laptop"))).await;
    assert!(is_answered(&answer), "{answer:?}");
    let (nobody, _) = ask(&served, &client(folder, None)).await;
    assert!(nobody.is_err(), "{nobody:?}");
    let foreign = Setup {
        section: "[test]".to_owned(),
        peer: "gateway",
        trust: Trust::File(folder.join("ca.pem")),
        identity: Some(identity(&elsewhere, "stranger")),
    };
    let (stranger, _) = ask(&served, &foreign.client().unwrap()).await;
    assert!(stranger.is_err(), "{stranger:?}");
    assert_eq!(served.health.counters().status_refused.get(), 3);

    // Half renewed: the old pair stays in use.
    std::fs::copy(folder.join("next.pem"), folder.join("page.pem")).unwrap();
    let (answer, shown) = ask(&served, &client(folder, Some("laptop"))).await;
    assert!(is_answered(&answer) && shown == first, "{answer:?}");
    std::fs::copy(folder.join("next.key"), folder.join("page.key")).unwrap();
    let (answer, shown) = ask(&served, &client(folder, Some("laptop"))).await;
    assert!(is_answered(&answer) && shown != first, "{answer:?}");
    served.end().await;
}
