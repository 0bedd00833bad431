//! Connections to readers: TCP or TLS, made by us or by the reader.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::debug;

use super::listen::{Arrival, Seat};
use crate::health::Holder;
use crate::source::{Context, transport::watch};
use crate::tls;

/// A reader that does not answer a connect, or does not get through the TLS handshake.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// The port of LLRP over TLS (LLRP 1.1 §19.3).
pub const TLS_PORT: u16 = 5085;

/// How the connection to a reader comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// The gateway connects.
    Dial {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// TLS; `None` connects without.
        tls: Option<tls::Setup>,
    },
    /// The reader connects (LLRP 1.0.1 §17.1.2, reader-initiated).
    Listen {
        /// Where the gateway listens.
        at: SocketAddr,
        /// The reader's address; without it every connection is its.
        from: Option<IpAddr>,
    },
}

/// Bytes to and from a reader, whatever carries them.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// The other end, for messages.
#[derive(Debug)]
pub(super) struct Peer {
    /// Address and port.
    pub(super) name: String,
    tls: Option<(String, tls::Setup, tls::Client)>,
    port: u16,
}

impl Peer {
    /// What an error of the connection means, where TLS is behind it.
    pub(super) fn explain(&self, error: &io::Error) -> Option<String> {
        let (host, setup, client) = self.tls.as_ref()?;
        let error: &rustls::Error = error.get_ref()?.downcast_ref()?;
        let why = match error {
            rustls::Error::InvalidMessage(_) => {
                "what answers does not speak TLS; delete tls = true, or check the port".to_owned()
            }
            error => setup.explain(host, error),
        };
        let hint = match (error, client.seen()) {
            (rustls::Error::InvalidCertificate(_), Some(seen)) => format!(
                "; if the reader is the right one, write certificate_sha256 = \"{}\" in {}",
                seen.fingerprint, setup.section
            ),
            _ => String::new(),
        };
        Some(format!("{why}{hint}"))
    }

    /// Notes for how long the certificates of the connection hold. A pinned one counts whatever it says.
    fn note_certificates(&self, context: &Context) {
        let Some((_, setup, client)) = &self.tls else {
            return;
        };
        let is_pinned = matches!(setup.trust, tls::Trust::Pinned(_));
        let shown = client.seen().filter(|_| !is_pinned);
        let name = || context.name.clone();
        for (holder, validity) in [
            (
                Holder::Reader(name()),
                shown.and_then(|shown| shown.validity),
            ),
            (Holder::ForReader(name()), client.own),
            (Holder::ReaderAuthority(name()), client.authority),
        ] {
            context.health.certificate(holder, validity);
        }
    }

    /// More about a reader that accepts the connection and says nothing.
    pub(super) const fn silence_hint(&self) -> &'static str {
        if self.tls.is_none() && self.port == TLS_PORT {
            "; on port 5085 readers speak TLS: set tls = true"
        } else {
            ""
        }
    }
}

/// Where a reader's connections come from, one after the other.
#[derive(Debug)]
pub(super) struct Line {
    link: Link,
    seat: Option<Seat>,
    newcomer: Option<Arrival>,
}

impl Line {
    pub(super) const fn new(link: Link, seat: Option<Seat>) -> Self {
        Self {
            link,
            seat,
            newcomer: None,
        }
    }

    /// The next connection, or why there is none; `None` when the gateway stops.
    pub(super) async fn connect(
        &mut self,
        context: &Context,
    ) -> Option<Result<(Box<dyn Transport>, Peer), String>> {
        if let Link::Dial { host, port, tls } = &self.link {
            let made = tokio::select! {
                made = dial(host, *port, tls.as_ref()) => made,
                () = context.stop.cancelled() => return None,
            };
            if let Ok((_, peer)) = &made {
                peer.note_certificates(context);
            }
            return Some(made);
        }
        loop {
            context.beat.touch();
            if let Some((stream, from)) = self.newcomer.take() {
                watched(&stream);
                let peer = Peer {
                    name: from.to_string(),
                    tls: None,
                    port: from.port(),
                };
                return Some(Ok((Box::new(stream), peer)));
            }
            tokio::select! {
                () = self.knock() => {}
                () = tokio::time::sleep(super::session::WAKE) => {}
                () = context.stop.cancelled() => return None,
            }
        }
    }

    /// Waits until the reader dials in; what came before and was not used is closed. Never ends where we connect.
    pub(super) async fn knock(&mut self) {
        match &self.seat {
            Some(seat) => self.newcomer = Some(seat.take().await),
            None => std::future::pending().await,
        }
    }

    /// Whether the reader has dialled in and waits.
    pub(super) const fn has_newcomer(&self) -> bool {
        self.newcomer.is_some()
    }
}

/// Connects to a reader, in TLS if that is set up.
pub(super) async fn dial(
    host: &str,
    port: u16,
    tls: Option<&tls::Setup>,
) -> Result<(Box<dyn Transport>, Peer), String> {
    let name = format!("{host}:{port}");
    let stream = match timeout(CONNECT_DEADLINE, TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            return Err(format!(
                "{name} refuses connections; is LLRP switched on at the reader, and this its port?"
            ));
        }
        Ok(Err(error)) => return Err(format!("cannot connect to {name}: {error}")),
        Err(_) => {
            return Err(format!(
                "{name} does not answer; check power, cable and address of the reader"
            ));
        }
    };
    watched(&stream);
    let mut peer = Peer {
        name,
        tls: None,
        port,
    };
    let Some(setup) = tls else {
        return Ok((Box::new(stream), peer));
    };
    let client = setup.client().map_err(|error| crate::error_chain(&error))?;
    let server = ServerName::try_from(host.to_owned())
        .map_err(|_| format!("{host} is no name that a certificate can be made for"))?;
    let connector = TlsConnector::from(client.config.clone());
    peer.tls = Some((host.to_owned(), setup.clone(), client));
    match timeout(CONNECT_DEADLINE, connector.connect(server, stream)).await {
        Ok(Ok(stream)) => Ok((Box::new(stream), peer)),
        Ok(Err(error)) => {
            let why = peer.explain(&error).unwrap_or_else(|| {
                format!("TLS: {error}; does this port speak TLS? 5085 is usual")
            });
            Err(format!("{}: {why}", peer.name))
        }
        Err(_) => Err(format!(
            "{} does not answer in TLS; does this port speak it? 5085 is usual",
            peer.name
        )),
    }
}

/// The keepalives of LLRP find a dead link first; those of TCP find it where a reader sends none.
fn watched(stream: &TcpStream) {
    if let Err(error) = watch(stream) {
        debug!(%error, "Socket options not set");
    }
}
