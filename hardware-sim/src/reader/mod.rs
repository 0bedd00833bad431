//! A simulated LLRP reader on TCP: the reader half of the protocol from the `llrp` crate, with a socket and a clock.
//!
//! It serves one client, as readers do, tells a second one so, and holds its reports while the client is away. Faults
//! on command: a reset connection, and a reader that falls silent with the connection open.

#[cfg(test)]
pub(crate) mod tests;

use std::{io, net::SocketAddr, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};
use tracegate_llrp::{
    reader::{Reader, ReaderConfig, Sighting as TagSighting},
    report::EpcBytes,
};

use crate::{Task, clock::utc_us, scenario::Sighting};

/// Sightings on their way to the reader; then the feeder waits.
const QUEUE: usize = 4096;
/// Bytes taken from the socket at once.
const CHUNK: usize = 16 * 1024;
/// How long a refused client may take to hear why.
const REFUSAL: Duration = Duration::from_millis(500);

/// How a simulated reader is set up.
#[derive(Debug, Clone, Default)]
pub struct SimReaderConfig {
    /// The protocol side: capabilities, buffer.
    pub llrp: ReaderConfig,
    /// Where to listen; a free port of loopback unless said.
    pub listen: Option<SocketAddr>,
    /// How far the reader's clock is ahead of ours, in microseconds.
    pub clock_offset_us: i64,
}

/// A running reader; dropping it closes its port and its connection.
#[derive(Debug)]
pub struct SimReader {
    addr: SocketAddr,
    feed: ReaderFeed,
    control: mpsc::Sender<Control>,
    status: watch::Receiver<ReaderStatus>,
    _task: Task,
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
    /// Sightings that no active ROSpec covered: the radio was off.
    pub unseen: u64,
}

/// Shows tags to a reader.
#[derive(Debug, Clone)]
pub struct ReaderFeed(mpsc::Sender<Seen>);

#[derive(Debug)]
struct Seen {
    utc_us: u64,
    sighting: Sighting,
}

impl ReaderFeed {
    /// Shows a tag that answered at `utc_us` (true time; the reader adds its clock's error). `false` when the reader is
    /// gone.
    pub async fn see(&self, utc_us: u64, sighting: Sighting) -> bool {
        self.0.send(Seen { utc_us, sighting }).await.is_ok()
    }
}

#[derive(Debug)]
enum Control {
    Cut,
    Reboot,
    Pause(bool),
}

impl SimReader {
    /// Starts a reader.
    ///
    /// # Errors
    /// When its address cannot be bound.
    pub async fn spawn(config: SimReaderConfig) -> io::Result<Self> {
        let listen = config
            .listen
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let (feed, seen) = mpsc::channel(QUEUE);
        let (control, commands) = mpsc::channel(8);
        let (publish, status) = watch::channel(ReaderStatus::default());
        let device = Device {
            machine: Reader::new(config.llrp),
            clock_offset_us: config.clock_offset_us,
            client: None,
            outgoing: BytesMut::new(),
            paused: false,
            status: publish,
        };
        let task = Task::spawn(device.run(listener, seen, commands));
        Ok(Self {
            addr,
            feed: ReaderFeed(feed),
            control,
            status,
            _task: task,
        })
    }

    /// Where the daemon finds it.
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

    /// Resets the connection (TCP RST), as a reader that lost power or a switch that forgot.
    pub async fn cut(&self) {
        // Fails only when the task is gone, and the connection with it.
        let _ = self.control.send(Control::Cut).await;
    }

    /// Loses power for a moment: the connection is cut; ROSpecs, settings and held reports are forgotten.
    pub async fn reboot(&self) {
        let _ = self.control.send(Control::Reboot).await;
    }

    /// Falls silent: the connection stays open, nothing is read or sent on it.
    pub async fn pause(&self) {
        let _ = self.control.send(Control::Pause(true)).await;
    }

    /// Ends [`SimReader::pause`].
    pub async fn resume(&self) {
        let _ = self.control.send(Control::Pause(false)).await;
    }
}

struct Device {
    machine: Reader,
    clock_offset_us: i64,
    client: Option<TcpStream>,
    outgoing: BytesMut,
    paused: bool,
    status: watch::Sender<ReaderStatus>,
}

/// What the device woke up for.
enum Wake {
    Accepted(io::Result<(TcpStream, SocketAddr)>),
    Readable,
    Writable,
    Command(Control),
    Seen(Seen),
    Timeout,
}

impl Device {
    async fn run(
        mut self,
        listener: TcpListener,
        mut seen: mpsc::Receiver<Seen>,
        mut commands: mpsc::Receiver<Control>,
    ) {
        loop {
            self.collect();
            let (socket, sending) = (
                self.client.as_ref().filter(|_| !self.paused),
                !self.outgoing.is_empty(),
            );
            let wake = tokio::select! {
                accepted = listener.accept() => Wake::Accepted(accepted),
                () = readable(socket) => Wake::Readable,
                () = writable(socket), if sending => Wake::Writable,
                Some(command) = commands.recv() => Wake::Command(command),
                Some(seen) = seen.recv() => Wake::Seen(seen),
                () = sleep(self.until_timeout()) => Wake::Timeout,
            };
            match wake {
                Wake::Accepted(Ok((socket, _))) => self.accept(socket).await,
                // The peer gave up before it was accepted.
                Wake::Accepted(Err(_)) => tokio::task::yield_now().await,
                Wake::Readable => self.read(),
                Wake::Writable => self.write(),
                Wake::Command(Control::Pause(paused)) => self.paused = paused,
                Wake::Command(Control::Cut) => self.cut(),
                Wake::Command(Control::Reboot) => {
                    self.cut();
                    self.machine.reboot();
                }
                Wake::Seen(seen) => self.see(&seen),
                Wake::Timeout => {
                    let now_us = self.now_us();
                    self.machine.handle_timeout(now_us);
                }
            }
        }
    }

    /// Takes what the protocol wants to send, and its wish to end.
    fn collect(&mut self) {
        if self.client.is_some() {
            // One frame at a time: what is taken from the protocol is lost with the connection, the rest is held.
            if self.outgoing.is_empty()
                && let Some(bytes) = self.machine.poll_transmit()
            {
                self.outgoing.extend_from_slice(&bytes);
            }
            if self.outgoing.is_empty() && self.machine.should_close() {
                self.drop_client();
            }
        }
        let (connected, reading) = (self.client.is_some(), self.machine.is_reading());
        self.status.send_if_modified(|status| {
            let changed = (status.connected, status.reading) != (connected, reading);
            (status.connected, status.reading) = (connected, reading);
            changed
        });
    }

    async fn accept(&mut self, mut socket: TcpStream) {
        if self.client.is_some() {
            self.status.send_modify(|status| status.refused += 1);
            let refusal = self.machine.refuse_second_client();
            let _ = timeout(REFUSAL, socket.write_all(&refusal)).await;
            return;
        }
        let _ = socket.set_nodelay(true);
        self.client = Some(socket);
        self.status.send_modify(|status| status.connections += 1);
        let now_us = self.now_us();
        self.machine.connect(now_us);
    }

    fn read(&mut self) {
        let Some(socket) = &self.client else { return };
        let mut chunk = [0; CHUNK];
        match socket.try_read(&mut chunk) {
            Ok(0) => self.drop_client(),
            Ok(count) => {
                let now_us = self.now_us();
                let taken = self
                    .machine
                    .handle_bytes(now_us, chunk.get(..count).unwrap_or_default());
                if taken.is_err() {
                    self.drop_client();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.drop_client(),
        }
    }

    fn write(&mut self) {
        let Some(socket) = &self.client else { return };
        match socket.try_write(&self.outgoing) {
            Ok(count) => drop(self.outgoing.split_to(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.drop_client(),
        }
    }

    fn cut(&mut self) {
        if let Some(socket) = &self.client {
            // Without it the close would be an orderly one, which is no worse than no cut.
            let _ = socket.set_zero_linger();
        }
        self.drop_client();
    }

    fn drop_client(&mut self) {
        if self.client.take().is_some() {
            self.outgoing.clear();
            self.machine.disconnect();
        }
    }

    fn see(&mut self, seen: &Seen) {
        let sighting = &seen.sighting;
        let tag = EpcBytes::new(&sighting.epc).map(|epc| TagSighting {
            epc,
            bit_len: u16::try_from(sighting.epc.len() * 8).unwrap_or(u16::MAX),
            pc: sighting.pc,
            antenna: sighting.antenna,
            rssi_dbm: sighting.rssi_dbm,
        });
        let seen_us = seen.utc_us.saturating_add_signed(self.clock_offset_us);
        let reported = tag.is_some_and(|tag| self.machine.tag(seen_us, &tag));
        self.status.send_modify(|status| {
            if reported {
                status.seen += 1
            } else {
                status.unseen += 1
            }
        });
    }

    /// The reader's clock.
    fn now_us(&self) -> u64 {
        utc_us(Instant::now()).saturating_add_signed(self.clock_offset_us)
    }

    fn until_timeout(&self) -> Duration {
        match self.machine.poll_timeout() {
            Some(at_us) => Duration::from_micros(at_us.saturating_sub(self.now_us())),
            // Nothing is due; anything else wakes the loop.
            None => Duration::from_secs(3600),
        }
    }
}

async fn readable(socket: Option<&TcpStream>) {
    match socket {
        // An error shows again at the read that follows.
        Some(socket) => drop(socket.readable().await),
        None => std::future::pending().await,
    }
}

async fn writable(socket: Option<&TcpStream>) {
    match socket {
        Some(socket) => drop(socket.writable().await),
        None => std::future::pending().await,
    }
}
