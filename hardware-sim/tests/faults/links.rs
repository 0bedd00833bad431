//! The connection: cut, cut in pieces, silent, held by somebody else, secured, the other way round.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig as TlsClient, RootCertStore, ServerConfig as TlsServer};
use tokio::net::TcpListener;
use tracegate_llrp::client::ClientEvent;
use tracegate_sim::reader::{End, Fault, ReaderConfig, Segmentation, SimReader, SimReaderConfig};

use super::host::{Host, Via};
use super::site::{Site, logged, quick};

#[tokio::test]
async fn a_cut_within_a_report_costs_that_report_only() {
    let mut site = Site::new(logged(ReaderConfig::default())).await;
    for end in [End::Fin, End::Rst] {
        // Within the header, at its end, within the first tag, before the last byte.
        for bytes in [1, 5, 10, 11, 25, usize::MAX] {
            site.show(3).await;
            let before = site.host.told(|told| told.ready);
            site.reader.fault(Fault::CutInReport { end, bytes }).await;
            site.show(20).await;
            site.until("the client is back", || {
                site.host.told(|told| told.ready > before)
            })
            .await;
            site.works().await;
        }
    }
    let cut = site.reader.sent().cut.len();
    assert!(cut >= 12, "each cut cost a report: {cut}");
}

#[tokio::test]
async fn what_is_seen_in_an_outage_comes_later_with_its_own_time() {
    let mut site = Site::new(logged(ReaderConfig::default())).await;
    for (fault, tags) in [("cut fin", 1), ("cut rst", 60), ("close", 700)] {
        // The stale session keeps the client away while the tags are shown.
        site.fault("stale 300ms").await;
        let before = site.host.told(|told| told.ready);
        site.fault(fault).await;
        site.show(tags).await;
        site.until("the client is back", || {
            site.host.told(|told| told.ready > before)
        })
        .await;
        site.works().await;
    }
    assert_eq!(site.reader.sent().cut, [], "nothing was under way");
}

#[tokio::test]
async fn any_pieces_give_the_same_reports() {
    // As the reader writes them, and as the client takes them.
    for (written, taken) in [
        (Segmentation::Bytes(1), 1),
        (Segmentation::Bytes(9), 16_384),
        (Segmentation::Random { seed: 11, most: 40 }, 7),
        (Segmentation::Random { seed: 12, most: 3 }, 16_384),
        (Segmentation::Joined(2), 13),
        (Segmentation::Joined(50), 16_384),
    ] {
        println!("{written:?}, {taken}");
        let reader = SimReader::spawn(SimReaderConfig {
            faults: vec![Fault::Segment(written)],
            ..logged(ReaderConfig::default())
        })
        .await
        .unwrap();
        let via = Via::Tcp(reader.addr());
        let mut site = Site::of(reader, Host::reading(via, quick(), taken)).await;
        site.show(150).await;
        site.settle().await;
        if taken == 1 {
            let pieces = site.host.told(|told| told.pieces);
            assert!(pieces > 2000, "byte by byte: {pieces}");
        }
        site.fault_and_back(Fault::Cut(End::Rst)).await;
        site.works().await;
    }
}

#[tokio::test]
async fn a_silent_reader_is_left_and_found_again() {
    let mut site = Site::new(logged(ReaderConfig::default())).await;
    for _ in 0..2 {
        let before = site.host.told(|told| (told.ready, told.events.len()));
        site.fault("silence on").await;
        site.show(40).await;
        site.until("the client gives the reader up", || {
            site.host.told(|told| {
                let new = &told.events[before.1..];
                new.iter()
                    .any(|event| matches!(event, ClientEvent::Closed { .. }))
            })
        })
        .await;
        site.fault("silence off").await;
        site.until("the client is back", || {
            site.host.told(|told| told.ready > before.0)
        })
        .await;
        site.works().await;
    }
}

#[tokio::test]
async fn a_reader_without_keepalives_is_connected_to_again_and_again() {
    let mut site = Site::new(logged(ReaderConfig::default())).await;
    site.fault("keepalives off").await;
    for _ in 0..3 {
        let before = site.host.told(|told| told.ready);
        site.until("a new session", || {
            site.host.told(|told| told.ready > before)
        })
        .await;
    }
    site.fault("keepalives on").await;
    site.works().await;
}

#[tokio::test]
async fn a_stale_session_is_waited_out() {
    let mut site = Site::new(SimReaderConfig {
        faults: vec![Fault::Stale(Duration::from_millis(400))],
        ..logged(ReaderConfig::default())
    })
    .await;
    let before = site.host.told(|told| told.ready);
    site.fault("cut rst").await;
    site.show(80).await;
    site.until("the client is back", || {
        site.host.told(|told| told.ready > before)
    })
    .await;
    assert!(site.reader.status().refused > 0, "it was refused meanwhile");
    let held = |event: &ClientEvent| format!("{event:?}").contains("another client holds");
    let said = site.host.was_told(|event| match event {
        ClientEvent::Closed { reason } => {
            held(event) || format!("{reason:?}").contains("ClientInitiatedExists")
        }
        _ => false,
    });
    assert!(said, "{}", site.host.history());
    site.works().await;
}

#[tokio::test]
async fn a_reader_that_dials_in_is_served_each_time() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let reader = SimReader::spawn(SimReaderConfig {
        dial: Some(listener.local_addr().unwrap()),
        ..logged(ReaderConfig::default())
    })
    .await
    .unwrap();
    let mut site = Site::of(reader, Host::start(Via::Listener(listener), quick())).await;
    site.works().await;
    for end in [End::Fin, End::Rst] {
        site.fault_and_back(Fault::Cut(end)).await;
        site.works().await;
    }
    site.fault_and_back(Fault::Close).await;
    site.works().await;
}

/// A certificate for `localhost`, made as an administrator would.
fn certificate(folder: &Path) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let line = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
                -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    let made = Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    (certificate, key)
}

#[tokio::test]
async fn all_of_it_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path());
    let server = TlsServer::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = TlsClient::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let reader = SimReader::spawn(SimReaderConfig {
        tls: Some(Arc::new(server)),
        ..logged(ReaderConfig::default())
    })
    .await
    .unwrap();
    let via = Via::Tls(reader.addr(), Arc::new(client));
    let mut site = Site::of(reader, Host::start(via, quick())).await;
    site.works().await;
    for end in [End::Fin, End::Rst] {
        let before = site.host.told(|told| told.ready);
        site.reader
            .fault(Fault::CutInReport { end, bytes: 12 })
            .await;
        site.show(30).await;
        site.until("the client is back", || {
            site.host.told(|told| told.ready > before)
        })
        .await;
        site.works().await;
    }
    site.fault("segment random 5 30").await;
    site.works().await;
}

#[tokio::test]
async fn a_client_that_stood_still_gets_everything_later() {
    let mut site = Site::new(logged(ReaderConfig::default())).await;
    site.host.stall(true);
    // The reader holds what the socket does not take.
    while site.reader.status().waiting == 0 {
        site.show(10_000).await;
    }
    tokio::time::sleep(4 * quick().keepalive_period).await;
    site.host.stall(false);
    site.settle().await;
    assert_eq!(
        site.reader.status().connections,
        1,
        "{}",
        site.host.history()
    );
    site.works().await;
}

#[tokio::test]
async fn a_narrow_link_delivers_what_fits_through() {
    let mut site = Site::new(logged(ReaderConfig::default())).await;
    site.fault("throttle 20000").await;
    site.show(300).await;
    site.settle().await;
    site.fault("throttle 0").await;
    site.works().await;
}

#[tokio::test]
async fn a_full_buffer_is_told_and_its_rest_delivered() {
    let mut site = Site::new(logged(ReaderConfig {
        held_reports_max: 50,
        ..ReaderConfig::default()
    }))
    .await;
    site.loses = true;
    site.cut_while_shown("cut rst", 200).await;
    site.works().await;
    assert_eq!(site.reader.status().overflowed, 150);
    let overflow = |event: &ClientEvent| matches!(event, ClientEvent::BufferOverflow { .. });
    let warning = |event: &ClientEvent| matches!(event, ClientEvent::BufferWarning { .. });
    assert!(site.host.was_told(overflow) && site.host.was_told(warning));
}
