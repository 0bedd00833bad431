//! Simulated barcode scanners: a real pty, or a TCP server, that send labels as lines ending in CR.
//!
//! With host acknowledgement on (as Honeywell's *Host ACK*), a scanner waits after each label for one byte of the
//! host: ACK (accepted) or NAK (refused). When none comes the "operator" scans the same label again. What the host had
//! not read by then is discarded first: a label scanned twice because the first never arrived must not arrive twice.

pub mod make;
mod pty;
pub mod wire;

#[cfg(test)]
mod tests;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::{Instant, timeout, timeout_at},
};

use crate::Task;
use pty::Pty;

/// The host took the label.
pub const ACK: u8 = 0x06;
/// The host refused the label.
pub const NAK: u8 = 0x15;
/// End of a label.
const SUFFIX: u8 = b'\r';
/// Labels waiting to be scanned; then the feeder waits.
const QUEUE: usize = 64;
/// How long a write may wait for the host to take bytes when there is no acknowledgement to wait for.
const WRITE_PATIENCE: Duration = Duration::from_secs(1);

/// How a scanner and its operator behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannerConfig {
    /// How long the operator waits for the beep; `None`: no host acknowledgement, labels are sent and forgotten.
    pub ack_timeout: Option<Duration>,
    /// How often a label is scanned at most.
    pub tries: u32,
}

impl Default for ScannerConfig {
    fn default() -> Self {
        Self {
            ack_timeout: Some(Duration::from_secs(3)),
            tries: 20,
        }
    }
}

/// What a scanner has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanStats {
    /// Labels whose scanning has begun.
    pub labels: u64,
    /// Labels the host accepted.
    pub accepted: u64,
    /// Labels the host refused.
    pub refused: u64,
    /// Labels given up without an answer, or sent without waiting for one.
    pub unanswered: u64,
    /// Times a label was scanned again.
    pub rescans: u64,
}

impl ScanStats {
    /// Labels that are done with.
    pub fn done(&self) -> u64 {
        self.accepted + self.refused + self.unanswered
    }
}

/// A running scanner; dropping it closes its port.
#[derive(Debug)]
pub struct SimScanner {
    place: ScannerPlace,
    feed: ScannerFeed,
    stats: watch::Receiver<ScanStats>,
    _task: Task,
}

/// Where the daemon finds a scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScannerPlace {
    /// A serial device, `/dev/pts/N`.
    Path(PathBuf),
    /// A TCP server.
    Addr(SocketAddr),
}

/// Hands labels to a scanner.
#[derive(Debug, Clone)]
pub struct ScannerFeed(mpsc::Sender<String>);

impl ScannerFeed {
    /// Scans a label; waits while many others are waiting. `false` when the scanner is gone.
    pub async fn scan(&self, text: String) -> bool {
        self.0.send(text).await.is_ok()
    }
}

impl SimScanner {
    /// A scanner on a new pty.
    ///
    /// # Errors
    /// When the system has no pty left.
    pub fn pty(config: ScannerConfig) -> io::Result<Self> {
        let (pty, path) = Pty::open()?;
        Ok(Self::spawn(ScannerPlace::Path(path), pty, config))
    }

    /// A scanner that listens on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn tcp(config: ScannerConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let place = ScannerPlace::Addr(listener.local_addr()?);
        Ok(Self::spawn(
            place,
            Tcp {
                listener,
                host: None,
            },
            config,
        ))
    }

    fn spawn(place: ScannerPlace, line: impl Line + 'static, config: ScannerConfig) -> Self {
        let (feed, labels) = mpsc::channel(QUEUE);
        let (publish, stats) = watch::channel(ScanStats::default());
        let task = Task::spawn(operate(line, labels, config, publish));
        Self {
            place,
            feed: ScannerFeed(feed),
            stats,
            _task: task,
        }
    }

    /// Where the daemon finds it.
    pub fn place(&self) -> &ScannerPlace {
        &self.place
    }

    /// The serial device; `None` for a TCP scanner.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            ScannerPlace::Path(path) => Some(path),
            ScannerPlace::Addr(_) => None,
        }
    }

    /// The TCP address; `None` for a serial scanner.
    pub fn addr(&self) -> Option<SocketAddr> {
        match &self.place {
            ScannerPlace::Path(_) => None,
            ScannerPlace::Addr(addr) => Some(*addr),
        }
    }

    /// Hands labels to it.
    pub fn feed(&self) -> ScannerFeed {
        self.feed.clone()
    }

    /// Counters.
    pub fn stats(&self) -> ScanStats {
        *self.stats.borrow()
    }
}

/// One attachment of a scanner to its host.
trait Line: Send {
    /// Sends bytes; fails when no host is there.
    fn send(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
    /// The host's next byte. Cancel safe.
    fn answer(&mut self) -> impl Future<Output = u8> + Send;
    /// Throws away what the host has not read.
    fn discard(&mut self);
}

async fn operate(
    mut line: impl Line,
    mut labels: mpsc::Receiver<String>,
    config: ScannerConfig,
    stats: watch::Sender<ScanStats>,
) {
    loop {
        let label = tokio::select! {
            label = labels.recv() => label,
            // A byte nobody waits for: an answer that came too late.
            _ = line.answer() => continue,
        };
        let Some(label) = label else {
            // No feeder is left; the port stays open for what the host has yet to read.
            loop {
                line.answer().await;
            }
        };
        stats.send_modify(|stats| stats.labels += 1);
        let outcome = scan(&mut line, &label, &config, &stats).await;
        stats.send_modify(|stats| match outcome {
            Some(ACK) => stats.accepted += 1,
            Some(_) => stats.refused += 1,
            None => stats.unanswered += 1,
        });
    }
}

async fn scan(
    line: &mut impl Line,
    label: &str,
    config: &ScannerConfig,
    stats: &watch::Sender<ScanStats>,
) -> Option<u8> {
    let mut bytes = label.as_bytes().to_vec();
    bytes.push(SUFFIX);
    let Some(patience) = config.ack_timeout else {
        let _ = timeout(WRITE_PATIENCE, line.send(&bytes)).await;
        return None;
    };
    for attempt in 0..config.tries.max(1) {
        if attempt > 0 {
            line.discard();
            stats.send_modify(|stats| stats.rescans += 1);
        }
        let end = Instant::now() + patience;
        // A host that is not there answers as little as one that is busy.
        let _ = timeout_at(end, line.send(&bytes)).await;
        let verdict = async {
            loop {
                let byte = line.answer().await;
                if byte == ACK || byte == NAK {
                    return byte;
                }
            }
        };
        if let Ok(byte) = timeout_at(end, verdict).await {
            return Some(byte);
        }
    }
    None
}

struct Tcp {
    listener: TcpListener,
    host: Option<TcpStream>,
}

impl Line for Tcp {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.host {
            Some(host) => host.write_all(bytes).await,
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn answer(&mut self) -> u8 {
        loop {
            let Self { listener, host } = self;
            let read = async {
                match host {
                    Some(host) => host.read_u8().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // The newest connection is the host: the old one may be a dead daemon's.
                accepted = listener.accept() => {
                    if let Ok((socket, _)) = accepted {
                        self.host = Some(socket);
                    }
                }
                read = read => match read {
                    Ok(byte) => return byte,
                    Err(_) => self.host = None,
                },
            }
        }
    }

    /// What is on its way in a TCP stream cannot be called back; a host that was killed lost it anyway.
    fn discard(&mut self) {}
}
