//! How a client and a simulated reader come together: the client connects, with TLS or without, or the reader does.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a client may take for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Between two attempts to connect to a client that does not listen.
const REDIAL: Duration = Duration::from_millis(50);

/// One connection with a client.
#[derive(Debug)]
pub(super) enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Link {
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

macro_rules! delegate {
    ($link:expr, $io:ident => $call:expr) => {
        match $link.get_mut() {
            Link::Plain(socket) => {
                let $io = Pin::new(socket);
                $call
            }
            Link::Tls(tls) => {
                let $io = Pin::new(tls.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, io => io.poll_read(cx, into))
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, io => io.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, io => io.poll_shutdown(cx))
    }
}

/// Takes connections for ever, and hands them over once they are ready to talk.
pub(super) async fn listen(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    arrivals: mpsc::Sender<Link>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    // Handshakes end with the listener.
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        let Ok((socket, _)) = listener.accept().await else {
            // The peer gave up before it was accepted.
            tokio::task::yield_now().await;
            continue;
        };
        let _ = socket.set_nodelay(true);
        let Some(acceptor) = &acceptor else {
            if arrivals.send(Link::Plain(socket)).await.is_err() {
                return;
            }
            continue;
        };
        let (accept, arrivals) = (acceptor.accept(socket), arrivals.clone());
        handshakes.spawn(async move {
            // A client that fails here has not come as far as LLRP.
            if let Ok(Ok(tls)) = timeout(HANDSHAKE, accept).await {
                let _ = arrivals.send(Link::Tls(Box::new(tls))).await;
            }
        });
    }
}

/// Connects to a client that listens, again after each end of a connection.
pub(super) async fn dial(client: SocketAddr, arrivals: mpsc::Sender<Link>, ended: Arc<Notify>) {
    loop {
        if let Ok(socket) = TcpStream::connect(client).await {
            let _ = socket.set_nodelay(true);
            if arrivals.send(Link::Plain(socket)).await.is_err() {
                return;
            }
            ended.notified().await;
        }
        sleep(REDIAL).await;
    }
}
