//! A simulated LLRP reader on TCP: the reader half of the protocol from the `llrp` crate, with a socket and a clock.
//!
//! It serves one client, as readers do, tells a second one so, and holds its reports while the client is away. It
//! listens, with TLS or without, or connects to a client that listens. What goes wrong is a [`Fault`]; a [`SentLog`]
//! tells which reports really left it.

mod device;
mod fault;
mod link;
mod outgoing;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use device::{Command, Device};
pub use fault::{End, FAULTS, Fault, Segmentation, UnknownFault};
pub use outgoing::{SentLog, SentReport};
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, oneshot, watch},
};
use tracegate_llrp::reader::Reader;
pub use tracegate_llrp::reader::{ReaderConfig, TagMemory};

use crate::{Task, scenario::Sighting};

/// Sightings on their way to the reader; then the feeder waits.
const QUEUE: usize = 4096;

/// How a simulated reader is set up.
#[derive(Debug, Clone, Default)]
pub struct SimReaderConfig {
    /// The protocol side: capabilities, buffer.
    pub llrp: ReaderConfig,
    /// Where to listen; a free port of loopback unless said.
    pub listen: Option<SocketAddr>,
    /// Connect to the client that listens there, instead of listening.
    pub dial: Option<SocketAddr>,
    /// Speak TLS, with this certificate and these demands on the client's; only when listening.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// How far the reader's clock is ahead of ours, in microseconds.
    pub clock_offset_us: i64,
    /// What is wrong from the start.
    pub faults: Vec<Fault>,
    /// Keep a [`SentLog`]; it grows with every report.
    pub keeps_log: bool,
}

/// A running reader; dropping it closes its port and its connection.
#[derive(Debug)]
pub struct SimReader {
    addr: SocketAddr,
    feed: ReaderFeed,
    status: watch::Receiver<ReaderStatus>,
    log: Option<Arc<Mutex<SentLog>>>,
    _tasks: [Task; 2],
}

/// What a reader is doing, and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReaderStatus {
    /// A client is connected.
    pub connected: bool,
    /// A ROSpec is active: sightings become reports.
    pub reading: bool,
    /// Clients served so far.
    pub connections: u64,
    /// Clients sent away because there was one already.
    pub refused: u64,
    /// Sightings that become reports.
    pub seen: u64,
    /// Sightings that no active ROSpec covered: the radio was off, or a Select filter left the tag out.
    pub unseen: u64,
    /// Tag reports that wait for the client.
    pub waiting: usize,
    /// Tag reports dropped because the buffer was full.
    pub overflowed: u64,
    /// Tag reports dropped because no client was there and holding was off, or by a reboot.
    pub discarded: u64,
    /// Requests refused.
    pub requests_refused: u64,
    /// Keepalives acknowledged.
    pub keepalive_acks: u64,
    /// Levels of the general-purpose outputs; output 1 is the lowest bit.
    pub outputs: u64,
}

/// Shows tags to a reader, and does things to it.
#[derive(Debug, Clone)]
pub struct ReaderFeed {
    seen: mpsc::Sender<Seen>,
    commands: mpsc::Sender<(Command, oneshot::Sender<()>)>,
}

#[derive(Debug)]
struct Seen {
    utc_us: u64,
    sighting: Sighting,
}

impl ReaderFeed {
    /// Shows a tag that answered at `utc_us` (true time; the reader adds its clock's error). `false` when the reader is
    /// gone.
    pub async fn see(&self, utc_us: u64, sighting: Sighting) -> bool {
        self.seen.send(Seen { utc_us, sighting }).await.is_ok()
    }

    /// Makes something go wrong; it has when this returns. `false` when the reader is gone.
    pub async fn fault(&self, fault: Fault) -> bool {
        self.command(Command::Fault(fault)).await
    }

    async fn command(&self, command: Command) -> bool {
        let (done, wait) = oneshot::channel();
        self.commands.send((command, done)).await.is_ok() && wait.await.is_ok()
    }
}

impl SimReader {
    /// Starts a reader.
    ///
    /// # Errors
    /// When its address cannot be bound.
    pub async fn spawn(config: SimReaderConfig) -> io::Result<Self> {
        let (feed, seen) = mpsc::channel(QUEUE);
        let (control, commands) = mpsc::channel(8);
        let (arrive, arrivals) = mpsc::channel(8);
        let (publish, status) = watch::channel(ReaderStatus::default());
        let ended = Arc::new(Notify::new());
        let (addr, link) = match config.dial {
            Some(client) => (
                client,
                Task::spawn(link::dial(client, arrive, ended.clone())),
            ),
            None => {
                let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
                let listener = TcpListener::bind(config.listen.unwrap_or(loopback)).await?;
                let addr = listener.local_addr()?;
                (
                    addr,
                    Task::spawn(link::listen(listener, config.tls, arrive)),
                )
            }
        };
        let log = config.keeps_log.then(Arc::<Mutex<SentLog>>::default);
        let mut machine = Reader::new(config.llrp);
        machine.set_clock_error_us(config.clock_offset_us);
        let mut device = Device::new(machine, ended, log.clone(), publish);
        for fault in config.faults {
            device.fault(fault, device::now_us());
        }
        let device = Task::spawn(device.run(arrivals, seen, commands));
        Ok(Self {
            addr,
            feed: ReaderFeed {
                seen: feed,
                commands: control,
            },
            status,
            log,
            _tasks: [link, device],
        })
    }

    /// Where the daemon finds it; where it connects to, if it does.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Shows tags to it.
    pub fn feed(&self) -> ReaderFeed {
        self.feed.clone()
    }

    /// What it is doing.
    pub fn status(&self) -> ReaderStatus {
        *self.status.borrow()
    }

    /// Which reports have left it, with [`SimReaderConfig::keeps_log`]; empty without.
    pub fn sent(&self) -> SentLog {
        let copy =
            |log: &Arc<Mutex<SentLog>>| log.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.log.as_ref().map(copy).unwrap_or_default()
    }

    /// Makes something go wrong; it has when this returns.
    pub async fn fault(&self, fault: Fault) {
        // Fails only when the task is gone, and everything with it.
        self.feed.fault(fault).await;
    }

    /// Resets the connection (TCP RST), as a reader that lost power or a switch that forgot.
    pub async fn cut(&self) {
        self.fault(Fault::Cut(End::Rst)).await;
    }

    /// Loses power for a moment: the connection is cut; ROSpecs, settings and held reports are forgotten.
    pub async fn reboot(&self) {
        self.fault(Fault::Reboot).await;
    }

    /// Falls silent: the connection stays open, nothing is read or sent on it.
    pub async fn pause(&self) {
        self.fault(Fault::Silence(true)).await;
    }

    /// Ends [`SimReader::pause`].
    pub async fn resume(&self) {
        self.fault(Fault::Silence(false)).await;
    }

    /// Sets the level of a general-purpose input, numbered from 1.
    pub async fn set_input(&self, port: u16, high: bool) {
        self.feed.command(Command::Input { port, high }).await;
    }

    /// Connects or disconnects an antenna.
    pub async fn set_antenna(&self, id: u16, connected: bool) {
        self.feed.command(Command::Antenna { id, connected }).await;
    }

    /// Something went wrong in the reader, which says so.
    pub async fn exception(&self, text: &str) {
        self.feed.command(Command::Exception(text.to_owned())).await;
    }

    /// Sets what the memory banks of a tag hold beside its EPC.
    pub async fn set_memory(&self, epc: &[u8], memory: TagMemory) {
        let epc = epc.to_vec();
        self.feed.command(Command::Memory { epc, memory }).await;
    }
}
