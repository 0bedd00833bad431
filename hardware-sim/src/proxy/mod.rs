//! A network between a client and a server that fails on command: a TCP proxy.
//!
//! The [`Line`] is how it is; it can be changed at any time and counts for all connections. [`Proxy::end`] ends those that
//! are open, [`Proxy::arm`] waits for a byte and fails there. A connection whose bytes were swallowed never works again,
//! as behind a firewall that has forgotten it.

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Task;

/// Bytes taken at a time.
const CHUNK: usize = 64 << 10;

/// How the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Line {
    /// Bytes pass.
    #[default]
    Open,
    /// Nothing moves; what was sent arrives later.
    Frozen,
    /// What is sent is gone, and so is the connection, whatever comes later. New ones get no answer.
    Hole,
    /// One byte at a time.
    Trickle,
    /// Bytes pass after this time.
    Delayed(Duration),
}

/// How connections end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Both sides are told.
    Close,
    /// Both sides get a reset.
    Reset,
    /// The server is told; the client's bytes are swallowed.
    HalfOpen,
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
}

/// What happens at a chosen byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// The byte does not arrive: both sides get a reset.
    Cut,
    /// One of its bits is flipped.
    Flip,
}

/// A running proxy; dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    _task: Task,
}

#[derive(Debug)]
struct Shared {
    server: Mutex<SocketAddr>,
    line: watch::Sender<Line>,
    end: watch::Sender<End>,
    /// Bytes to pass before, in one direction.
    trap: Mutex<Option<(Way, usize, Trap)>>,
}

impl Proxy {
    /// Starts a proxy for `server` on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server: Mutex::new(server),
            line: watch::channel(Line::Open).0,
            end: watch::channel(End::Close).0,
            trap: Mutex::new(None),
        });
        let task = Task::spawn(accept(listener, shared.clone()));
        Ok(Self {
            addr,
            shared,
            _task: task,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where new connections go.
    pub fn server(&self) -> SocketAddr {
        *lock(&self.shared.server)
    }

    /// New connections go to this server.
    pub fn redirect(&self, server: SocketAddr) {
        *lock(&self.shared.server) = server;
    }

    /// Changes how the network is.
    pub fn set(&self, line: Line) {
        self.shared.line.send_replace(line);
    }

    /// Ends the connections that are open.
    pub fn end(&self, end: End) {
        self.shared.end.send_replace(end);
    }

    /// Fails once, after so many more bytes in one direction; replaces a trap that has not been sprung.
    pub fn arm(&self, way: Way, after: usize, trap: Trap) {
        *lock(&self.shared.trap) = Some((way, after, trap));
    }

    /// Whether a trap waits for its byte.
    pub fn is_armed(&self) -> bool {
        lock(&self.shared.trap).is_some()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is complete before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // The set owns the connections: it goes with this task, and they go with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    connections.spawn(connection(client, shared.clone()));
                }
                // A failed accept (out of descriptors, peer gone) concerns that peer only.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut client: TcpStream, shared: Arc<Shared>) {
    let (mut line, mut end) = (shared.line.subscribe(), shared.end.subscribe());
    if *line.borrow() == Line::Hole {
        return swallow(&mut client).await;
    }
    let server = *lock(&shared.server);
    let Ok(mut server) = TcpStream::connect(server).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let passed = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = pump(from_client, to_server, Way::Up, &shared);
        let down = pump(from_server, to_client, Way::Down, &shared);
        tokio::select! {
            both = async { tokio::try_join!(up, down) } => Some(both.is_ok()),
            _ = end.changed() => None,
            _ = line.wait_for(|line| *line == Line::Hole) => {
                // Both are kept open, for as long as they want.
                Some(true)
            }
        }
    };
    let ended = *end.borrow();
    match passed {
        Some(true) if *line.borrow() == Line::Hole => {
            tokio::join!(swallow(&mut client), swallow(&mut server));
        }
        None if ended == End::HalfOpen => {
            drop(server);
            swallow(&mut client).await;
        }
        Some(false) => reset(&client, &server),
        None if ended == End::Reset => reset(&client, &server),
        Some(true) | None => {}
    }
}

fn reset(client: &TcpStream, server: &TcpStream) {
    let (_, _) = (client.set_zero_linger(), server.set_zero_linger());
}

/// Takes bytes until the peer gives up.
async fn swallow(socket: &mut TcpStream) {
    let mut buffer = vec![0; CHUNK];
    while socket.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

/// Passes bytes on in one direction, until the end of the stream; an error ends the connection by a reset.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Way,
    shared: &Shared,
) -> io::Result<()> {
    let mut line = shared.line.subscribe();
    let mut buffer = vec![0; CHUNK];
    loop {
        thawed(&mut line).await;
        let count = from.read(&mut buffer).await?;
        thawed(&mut line).await;
        let chunk = buffer.get_mut(..count).unwrap_or_default();
        if chunk.is_empty() {
            return to.shutdown().await;
        }
        let sprung = shared.sprung(way, chunk.len());
        let keep = match sprung {
            Some((at, Trap::Cut)) => at,
            Some((at, Trap::Flip)) => {
                if let Some(byte) = chunk.get_mut(at) {
                    *byte ^= 0x10;
                }
                count
            }
            None => count,
        };
        let chunk = chunk.get(..keep).unwrap_or_default();
        let now = *line.borrow();
        match now {
            Line::Trickle => trickle(chunk, &mut to, &line).await?,
            Line::Delayed(delay) => {
                sleep(delay).await;
                to.write_all(chunk).await?;
            }
            Line::Open | Line::Frozen | Line::Hole => to.write_all(chunk).await?,
        }
        if matches!(sprung, Some((_, Trap::Cut))) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    }
}

async fn thawed(line: &mut watch::Receiver<Line>) {
    // The sender lives as long as the connection.
    let _ = line.wait_for(|line| *line != Line::Frozen).await;
}

async fn trickle(
    chunk: &[u8],
    to: &mut WriteHalf<'_>,
    line: &watch::Receiver<Line>,
) -> io::Result<()> {
    for (at, byte) in chunk.iter().enumerate() {
        if *line.borrow() != Line::Trickle {
            return to.write_all(chunk.get(at..).unwrap_or_default()).await;
        }
        to.write_all(&[*byte]).await?;
    }
    Ok(())
}

impl Shared {
    /// Where in the next so many bytes the trap is, if it is there.
    fn sprung(&self, way: Way, count: usize) -> Option<(usize, Trap)> {
        let mut trap = lock(&self.trap);
        let (_, after, what) = trap.as_mut().filter(|(wanted, ..)| *wanted == way)?;
        if *after >= count {
            *after -= count;
            return None;
        }
        let sprung = (*after, *what);
        *trap = None;
        Some(sprung)
    }
}
