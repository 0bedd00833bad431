//! The task of a simulated reader: its protocol side, a socket, a clock, and what goes wrong.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tracegate_llrp::{
    codec::code::ConnectionAttemptStatus,
    reader::{Reader, ReaderFaults, Sighting as TagSighting, TagMemory},
    report::EpcBytes,
};

use super::{
    ReaderStatus, Seen,
    fault::{End, Fault, Segmentation},
    link::Link,
    outgoing::{Outgoing, SentLog},
};
use crate::clock::utc_us;

/// Bytes taken from the socket at once.
const CHUNK: usize = 16 * 1024;
/// How long a client may take to hear the last of a connection.
const GOODBYE: Duration = Duration::from_secs(1);
/// Start of the year 2000, in microseconds since 1970.
const YEAR_2000_US: i64 = 946_684_800_000_000;

/// Something done to the reader from outside.
#[derive(Debug)]
pub(super) enum Command {
    Fault(Fault),
    Input { port: u16, high: bool },
    Antenna { id: u16, connected: bool },
    Exception(String),
    Memory { epc: Vec<u8>, memory: TagMemory },
}

pub(super) struct Device {
    pub(super) machine: Reader,
    pub(super) faults: Faults,
    client: Option<Client>,
    /// The client that has gone is believed to be there until then.
    stale_until: Option<Instant>,
    /// Connections that are being ended.
    goodbyes: JoinSet<()>,
    ended: Arc<Notify>,
    log: Option<Arc<Mutex<SentLog>>>,
    status: watch::Sender<ReaderStatus>,
}

/// What goes wrong on the way to the client.
#[derive(Debug, Default)]
pub(super) struct Faults {
    machine: ReaderFaults,
    silent: bool,
    segmentation: Segmentation,
    rng: Rng,
    cut_in_report: Option<(End, usize)>,
    stale: Duration,
    bytes_per_second: u32,
}

struct Client {
    reader: ReadHalf<Link>,
    writer: WriteHalf<Link>,
    outgoing: Outgoing,
    unflushed: bool,
    /// No more is written before.
    writes_from: Option<Instant>,
}

/// What the device woke up for.
enum Wake {
    Arrived(Link),
    Read(io::Result<usize>),
    Wrote(io::Result<usize>),
    Flushed(io::Result<()>),
    Command(Command, oneshot::Sender<()>),
    Seen(Seen),
    Timeout,
}

impl Device {
    pub(super) fn new(
        machine: Reader,
        ended: Arc<Notify>,
        log: Option<Arc<Mutex<SentLog>>>,
        status: watch::Sender<ReaderStatus>,
    ) -> Self {
        let mut device = Self {
            machine,
            faults: Faults::default(),
            client: None,
            stale_until: None,
            goodbyes: JoinSet::new(),
            ended,
            log,
            status,
        };
        // Its uptime counts from here.
        device.machine.handle_timeout(now_us());
        device
    }

    pub(super) async fn run(
        mut self,
        mut arrivals: mpsc::Receiver<Link>,
        mut seen: mpsc::Receiver<Seen>,
        mut commands: mpsc::Receiver<(Command, oneshot::Sender<()>)>,
    ) {
        let mut chunk = vec![0; CHUNK];
        loop {
            while self.goodbyes.try_join_next().is_some() {}
            self.collect();
            self.publish();
            let until_timeout = self.until_timeout();
            let silent = self.faults.silent;
            let most = match self.faults.bytes_per_second {
                0 => usize::MAX,
                bytes => (bytes / 10).max(1) as usize,
            };
            let wake = {
                let Faults {
                    segmentation, rng, ..
                } = &mut self.faults;
                let client = self.client.as_mut().filter(|_| !silent);
                let (reader, writing) = match client {
                    Some(client) => {
                        let piece = client.outgoing.piece(segmentation, rng, most);
                        let writing = (&mut client.writer, piece, client.unflushed);
                        (
                            Some(&mut client.reader),
                            Some((writing, client.writes_from)),
                        )
                    }
                    None => (None, None),
                };
                tokio::select! {
                    // What the client said, its end too, is heard before anything is written: a report written to a
                    // client that has gone would count as sent.
                    biased;
                    Some((command, done)) = commands.recv() => Wake::Command(command, done),
                    got = read(reader, &mut chunk) => Wake::Read(got),
                    Some(link) = arrivals.recv(), if !silent => Wake::Arrived(link),
                    () = sleep(until_timeout) => Wake::Timeout,
                    wake = write(writing) => wake,
                    Some(seen) = seen.recv() => Wake::Seen(seen),
                }
            };
            match wake {
                Wake::Arrived(link) => self.arrive(link),
                Wake::Read(Ok(count)) if count > 0 => {
                    let bytes = chunk.get(..count).unwrap_or_default();
                    if self.machine.handle_bytes(now_us(), bytes).is_err() {
                        self.end(End::Fin);
                    }
                }
                Wake::Read(_) | Wake::Wrote(Err(_)) | Wake::Flushed(Err(_)) => self.end(End::Fin),
                Wake::Wrote(Ok(count)) => self.wrote(count),
                Wake::Flushed(Ok(())) => self.flushed(),
                Wake::Command(command, done) => {
                    self.command(command);
                    // Who asked may not wait for it.
                    let _ = done.send(());
                }
                Wake::Seen(seen) => self.see(&seen),
                Wake::Timeout => self.machine.handle_timeout(now_us()),
            }
        }
    }

    /// Takes what the protocol wants to send, and its wish to end.
    fn collect(&mut self) {
        let Some(client) = &mut self.client else {
            return;
        };
        // Few messages at a time: what is taken from the protocol is lost with the connection, the rest is held.
        let most = match self.faults.segmentation {
            Segmentation::Joined(messages) => messages,
            _ => 1,
        };
        if client.outgoing.is_empty() {
            while client.outgoing.messages() < most
                && let Some(bytes) = self.machine.poll_transmit()
            {
                let cut = &mut self.faults.cut_in_report;
                client.outgoing.push(&bytes, cut, self.log.is_some());
            }
        }
        let idle = client.outgoing.is_empty() && !client.unflushed;
        if idle && self.machine.should_close() {
            self.end(End::Fin);
        }
    }

    fn publish(&self) {
        let counters = self.machine.counters();
        let outputs = (1..=64)
            .filter(|&port| self.machine.gpo(port) == Some(true))
            .fold(0, |outputs, port| outputs | 1_u64 << (port - 1));
        self.status.send_if_modified(|status| {
            let before = *status;
            status.connected = self.client.is_some();
            status.reading = self.machine.is_reading();
            status.waiting = self.machine.waiting_reports();
            status.overflowed = counters.reports_overflowed;
            status.discarded = counters.reports_discarded;
            status.requests_refused = counters.refused;
            status.keepalive_acks = counters.keepalive_acks;
            status.outputs = outputs;
            *status != before
        });
    }

    fn arrive(&mut self, mut link: Link) {
        let stale = self.stale_until.is_some_and(|until| Instant::now() < until);
        if self.client.is_some() || stale {
            self.status.send_modify(|status| status.refused += 1);
            let refusal = match self.client {
                Some(_) => self.machine.refuse_second_client(),
                None => self
                    .machine
                    .refusal(ConnectionAttemptStatus::ClientInitiatedExists),
            };
            self.goodbyes.spawn(async move {
                let last = async {
                    link.write_all(&refusal).await?;
                    goodbye(&mut link).await
                };
                let _ = timeout(GOODBYE, last).await;
            });
            return;
        }
        let (reader, writer) = tokio::io::split(link);
        self.client = Some(Client {
            reader,
            writer,
            outgoing: Outgoing::default(),
            unflushed: false,
            writes_from: None,
        });
        self.status.send_modify(|status| status.connections += 1);
        self.machine.connect(now_us());
    }

    fn wrote(&mut self, count: usize) {
        let Some(client) = &mut self.client else {
            return;
        };
        client.unflushed = true;
        if self.faults.bytes_per_second > 0 {
            let seconds = count as f64 / f64::from(self.faults.bytes_per_second);
            client.writes_from = Some(Instant::now() + Duration::from_secs_f64(seconds));
        }
        client.outgoing.wrote(count);
    }

    fn flushed(&mut self) {
        let Some(client) = &mut self.client else {
            return;
        };
        client.unflushed = false;
        if let Some(end) = with_log(self.log.as_deref(), |log| client.outgoing.flushed(log)) {
            self.end(end);
        }
    }

    /// Ends the connection, if there is one.
    fn end(&mut self, how: End) {
        let Some(client) = self.client.take() else {
            return;
        };
        self.machine.disconnect();
        self.stale_until = Some(Instant::now() + self.faults.stale);
        let mut link = client.reader.unsplit(client.writer);
        // An orderly end hands on what TLS has kept back.
        let arrives = how == End::Fin || matches!(link, Link::Plain(_));
        with_log(self.log.as_deref(), |log| client.outgoing.end(arrives, log));
        let ended = self.ended.clone();
        match how {
            End::Rst => {
                // Without it the close would be an orderly one, which is no worse than no cut.
                let _ = link.socket().set_zero_linger();
                ended.notify_one();
            }
            End::Fin => {
                self.goodbyes.spawn(async move {
                    let _ = timeout(GOODBYE, goodbye(&mut link)).await;
                    ended.notify_one();
                });
            }
        }
    }

    fn command(&mut self, command: Command) {
        let now_us = now_us();
        match command {
            Command::Fault(fault) => self.fault(fault, now_us),
            Command::Input { port, high } => self.machine.gpi_event(now_us, port, high),
            Command::Antenna { id, connected } => {
                self.machine.antenna_event(now_us, id, connected);
            }
            Command::Exception(text) => self.machine.exception(now_us, &text),
            Command::Memory { epc, memory } => self.machine.set_memory(&epc, memory),
        }
    }

    pub(super) fn fault(&mut self, fault: Fault, now_us: u64) {
        let faults = &mut self.faults;
        match fault {
            Fault::Cut(end) => self.end(end),
            Fault::CutInReport { end, bytes } => faults.cut_in_report = Some((end, bytes)),
            Fault::Close => self.machine.close(now_us),
            Fault::Segment(segmentation) => {
                if let Segmentation::Random { seed, .. } = segmentation {
                    faults.rng = Rng::with_seed(seed);
                }
                faults.segmentation = segmentation;
            }
            Fault::Silence(silent) => faults.silent = silent,
            Fault::NoKeepalives(none) => faults.machine.no_keepalives = none,
            Fault::Stale(time) => faults.stale = time,
            Fault::Refuse(request) => faults.machine.refuse.push(request),
            Fault::Ignore(message_type) => faults.machine.ignore.push(message_type),
            Fault::UnknownParameters(on) => faults.machine.unknown_parameters = on,
            Fault::Throttle(bytes) => faults.bytes_per_second = bytes,
            Fault::Clock(error_us) => self.machine.set_clock_error_us(error_us),
            Fault::ClockUnset => {
                let now_us = i64::try_from(now_us).unwrap_or(i64::MAX);
                self.machine.set_clock_error_us(YEAR_2000_US - now_us);
            }
            Fault::Reboot => {
                self.end(End::Rst);
                self.stale_until = None;
                self.machine.reboot();
                self.machine.handle_timeout(now_us);
            }
        }
        self.machine.set_faults(self.faults.machine.clone());
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
        let reported = tag.is_some_and(|tag| self.machine.tag(seen.utc_us, &tag));
        self.status.send_modify(|status| {
            if reported {
                status.seen += 1;
            } else {
                status.unseen += 1;
            }
        });
    }

    fn until_timeout(&self) -> Duration {
        match self.machine.poll_timeout() {
            Some(at_us) => Duration::from_micros(at_us.saturating_sub(now_us())),
            // Nothing is due; anything else wakes the loop.
            None => Duration::from_secs(3600),
        }
    }
}

/// The right time; what the reader's own clock makes of it is the protocol's business.
pub(super) fn now_us() -> u64 {
    utc_us(Instant::now())
}

fn with_log<T>(log: Option<&Mutex<SentLog>>, work: impl FnOnce(&mut SentLog) -> T) -> T {
    match log {
        Some(log) => work(&mut log.lock().unwrap_or_else(PoisonError::into_inner)),
        None => work(&mut SentLog::default()),
    }
}

/// Lets the client hear everything: a socket closed with bytes unread would reset the connection.
async fn goodbye(link: &mut Link) -> io::Result<()> {
    link.shutdown().await?;
    tokio::io::copy(link, &mut tokio::io::sink()).await?;
    Ok(())
}

async fn read(reader: Option<&mut ReadHalf<Link>>, chunk: &mut [u8]) -> io::Result<usize> {
    match reader {
        Some(reader) => reader.read(chunk).await,
        None => std::future::pending().await,
    }
}

type Writing<'a> = ((&'a mut WriteHalf<Link>, &'a [u8], bool), Option<Instant>);

async fn write(writing: Option<Writing<'_>>) -> Wake {
    match writing {
        Some(((writer, _, true), _)) => Wake::Flushed(writer.flush().await),
        Some(((writer, bytes, false), from)) if !bytes.is_empty() => {
            if let Some(from) = from {
                sleep_until(from).await;
            }
            Wake::Wrote(writer.write(bytes).await)
        }
        _ => std::future::pending().await,
    }
}
