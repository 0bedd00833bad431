//! The page's TLS, where it has one.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

use crate::health::{Health, Holder};
use crate::logs;
use crate::tls::{Server, ServerSetup};

/// A handshake takes no longer.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(super) struct Door {
    setup: ServerSetup,
    now: Mutex<State>,
    health: Health,
}

/// What is in use, and why its files cannot be.
#[derive(Debug, Default)]
struct State {
    server: Option<Server>,
    problem: Option<String>,
}

impl Door {
    /// A door with these files, which need not be there yet.
    pub fn new(setup: ServerSetup, health: Health) -> Self {
        let door = Self {
            setup,
            now: Mutex::default(),
            health,
        };
        // What is wrong is told at the start and not with the first browser.
        drop(door.server());
        door
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// The files cannot be used, the other side shows no certificate that counts, or it takes too long.
    pub async fn enter(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let server = self
            .server()
            .ok_or_else(|| io::Error::other("no certificate"))?;
        let acceptor = TlsAcceptor::from(server.config);
        match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(accepted) => accepted,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// From the files as they are now; while these cannot be used, from the last that could.
    fn server(&self) -> Option<Server> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        match self.setup.server(now.server.as_ref()) {
            Ok(server) => {
                if now.problem.take().is_some() {
                    info!("The status page's certificate can be used again");
                }
                self.health.certificate(Holder::StatusPage, server.own);
                now.server = Some(server);
            }
            Err(error) => {
                let error = crate::error_chain(&error);
                if now.problem.as_ref() != Some(&error) {
                    warn!(
                        code = logs::PAGE_CERTIFICATE,
                        error,
                        "The status page's certificate cannot be used; without one it answers nobody"
                    );
                }
                now.problem = Some(error);
            }
        }
        now.server.clone()
    }
}
