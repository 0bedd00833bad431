//! TLS before the broker: the server's end of it, with certificates that can be changed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracegate_sim::{Task, wait_until};

pub(crate) use super::certificates::{authority, certificate, until};
use super::site::{SOON, Site};

/// Takes TLS connections and passes what is in them on to the broker.
pub struct Front {
    shared: Arc<Shared>,
    _task: Task,
}

struct Shared {
    broker: SocketAddr,
    config: Mutex<Arc<ServerConfig>>,
    refused: AtomicUsize,
    /// Certificates that gateways have shown.
    gateways: Mutex<BTreeSet<Vec<u8>>>,
}

impl Front {
    /// Puts TLS between the proxy and the broker of the site; the gateway trusts `ca.pem`, the broker shows `server.pem`.
    pub async fn start(site: &mut Site) -> anyhow::Result<Self> {
        let folder = site.folder.path();
        authority(folder, "ca");
        certificate(folder, "server", "IP:127.0.0.1");
        let listener = TcpListener::bind(super::site::ANY).await?;
        let shared = Arc::new(Shared {
            broker: site.proxy.server(),
            config: Mutex::new(server(folder, "server")?),
            refused: AtomicUsize::new(0),
            gateways: Mutex::default(),
        });
        site.proxy.redirect(listener.local_addr()?);
        site.url = format!("\"mqtts://{}\"", site.proxy.addr());
        site.scenario.mqtt += "\nca_file = \"ca.pem\"";
        let task = Task::spawn(accept(listener, shared.clone()));
        Ok(Self {
            shared,
            _task: task,
        })
    }

    /// From now on this certificate is shown.
    pub fn show(&self, site: &Site, name: &str) -> anyhow::Result<()> {
        let config = server(site.folder.path(), name)?;
        *self.shared.config.lock().expect("nobody panics with it") = config;
        Ok(())
    }

    /// Waits until the gateway has refused to go on twice, and has sent nothing.
    pub async fn refused_twice(&self, site: &Site) -> anyhow::Result<()> {
        let refused = &self.shared.refused;
        wait_until("refusals", SOON, || refused.load(Relaxed) >= 2).await?;
        anyhow::ensure!(site.ledger.count() == 0, "something was sent");
        Ok(())
    }

    /// Different certificates that gateways have shown.
    pub fn gateways(&self) -> usize {
        self.shared
            .gateways
            .lock()
            .expect("nobody panics with it")
            .len()
    }
}

fn server(folder: &Path, name: &str) -> anyhow::Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let own = CertificateDer::from_pem_file(folder.join(format!("{name}.pem")))?;
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key")))?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("ca.pem"))?)?;
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients.allow_unauthenticated().build()?)
        .with_single_cert(vec![own], key)?;
    Ok(Arc::new(config))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.spawn(connection(socket, shared.clone()));
    }
}

async fn connection(socket: TcpStream, shared: Arc<Shared>) {
    let _ = socket.set_nodelay(true);
    let config = shared.config.lock().expect("nobody panics with it").clone();
    let Ok(mut outside) = TlsAcceptor::from(config).accept(socket).await else {
        shared.refused.fetch_add(1, Relaxed);
        return;
    };
    let shown = outside.get_ref().1.peer_certificates();
    if let Some(certificate) = shown.and_then(|chain| chain.first()) {
        let mut gateways = shared.gateways.lock().expect("nobody panics with it");
        gateways.insert(certificate.to_vec());
    }
    if let Ok(mut inside) = TcpStream::connect(shared.broker).await {
        let _ = inside.set_nodelay(true);
        // However it ends, both sides end.
        let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
    }
}
