//! The traffic of one connection to a reader.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tracegate_llrp::client::{Client, ClientError, ClientEvent, CloseReason, LinkLoss, Memory};
use tracegate_llrp::report::{ReaderTime as LlrpTime, TagRead};
use tracegate_pipeline::{Input, ReaderTime, Time};
use tracing::info;

use super::Settings;
use super::commanded::Commanded;
use super::link::{Line, Peer, Transport};
use super::outputs::Outputs;
use super::read::{self, reads};
use super::remarks::Remarks;
use crate::core::Feedback;
use crate::health::{CLOCK_UNSET, DeviceCounter, Ports, Problem};
use crate::logs;
use crate::source::Context;
use crate::source::queue::{Queued, ReadQueue};

/// Bytes for the reader that wait for its socket; beyond, the client keeps the rest.
const OUT_MAX: usize = 64 * 1024;
/// Inputs followed at most; a reader has a handful.
const INPUTS_MAX: usize = 64;
/// Signs of life even when nothing happens.
pub(super) const WAKE: Duration = Duration::from_secs(5);

pub(super) struct Session<'a> {
    settings: &'a Settings,
    context: &'a Context,
    client: Client,
    origin: Instant,
    queue: ReadQueue,
    arrived: Time,
    /// The reader's clock at the moment of its connection event.
    connected: Option<(Instant, LlrpTime)>,
    /// What the core must hear before any read of this connection.
    announce: Option<Input>,
    announced: bool,
    pub(super) was_ready: bool,
    closing: bool,
    /// When bytes last came.
    heard: Instant,
    remarks: Remarks,
    outputs: Outputs,
    /// Newest states of inputs that the core has not heard of.
    gpis: VecDeque<(u16, Input)>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        context: &'a Context,
        memory: Memory,
        (remarks, commanded): (Remarks, Commanded),
    ) -> Self {
        Self {
            settings,
            context,
            client: Client::with_memory(settings.client.clone(), Duration::ZERO, memory),
            origin: Instant::now(),
            queue: ReadQueue::default(),
            arrived: context.clock.now(),
            connected: None,
            announce: None,
            announced: false,
            was_ready: false,
            closing: false,
            heard: Instant::now(),
            remarks,
            outputs: Outputs::new(&context.name, &settings.outputs, commanded),
            gpis: VecDeque::new(),
        }
    }

    /// A reader that says nothing for longer than between two of its keepalives may be gone.
    fn patience(&self) -> Duration {
        self.settings.client.keepalive_period.mul_f32(1.5)
    }

    /// What the next connection should know.
    pub(super) fn memory(&self) -> Memory {
        self.client.memory()
    }

    /// What was said of the reader and what commands asked of it, for the next connection.
    pub(super) fn into_parts(self) -> (Remarks, Commanded) {
        (self.remarks.reconnected(), self.outputs.into_commanded())
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// One connection: the reason of its end in words, or `None` when the gateway stops.
    pub(super) async fn run(
        &mut self,
        stream: Box<dyn Transport>,
        peer: Peer,
        line: &mut Line,
        movements: &mut mpsc::Receiver<Feedback>,
    ) -> Option<String> {
        // What the client measures starts with the connection.
        self.origin = Instant::now();
        self.heard = self.origin;
        let memory = self.client.memory();
        self.client = Client::with_memory(self.settings.client.clone(), Duration::ZERO, memory);
        // Movements of while nobody was connected are not shown late.
        while movements.try_recv().is_ok() {}
        let mut conditions = self.context.health.subscribe();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (mut bytes, mut out) = (vec![0; 64 * 1024], Vec::new());
        // TLS keeps what the socket had no room for.
        let mut flushed = true;
        // Why nothing can be sent any more. What the reader said before is read first.
        let mut deaf = None;
        loop {
            self.context.beat.touch();
            // A reader that sends without reading must not fill our memory with answers; the client bounds what waits there.
            while out.len() < OUT_MAX
                && let Some(message) = self.client.poll_transmit()
            {
                out.extend_from_slice(&message);
            }
            if let Some(end) = self.events(&peer) {
                // A last CLOSE_CONNECTION may still be under way; a reader that does not take it is not waited for.
                let _ = timeout(Duration::from_millis(500), async {
                    writer.write_all(&out).await?;
                    writer.shutdown().await
                })
                .await;
                return end;
            }
            self.deliver();
            self.show();
            if line.has_newcomer() && self.heard.elapsed() >= self.patience() {
                return Some("the reader has dialled in anew".to_owned());
            }
            let due = self.client.poll_timeout().map(|at| self.origin + at);
            let late = Instant::now() + WAKE;
            let silent = line.has_newcomer().then(|| self.heard + self.patience());
            let wake = [due, silent, self.outputs.due(self.client.is_ready())]
                .into_iter()
                .flatten()
                .fold(late, Instant::min);
            tokio::select! {
                got = reader.read(&mut bytes) => if let Err(error) = self.hear(got, &bytes, &mut deaf) {
                    return self.lost(&peer, &error);
                },
                sent = send(&mut writer, &out), if deaf.is_none() && !(out.is_empty() && flushed) => match sent {
                    Ok(count) => {
                        flushed = out.is_empty();
                        out.drain(..count);
                    }
                    Err(error) => deaf = Some(error),
                },
                () = line.knock() => {}
                room = self.context.inputs.reserve(), if self.wants_room() => match room {
                    Ok(room) => if let Some(input) = self.next_input() { room.send(input) },
                    Err(_) => return None,
                },
                () = sleep_until(wake) => if due.is_some_and(|due| due <= Instant::now()) {
                    // After this machine stood still, what came meanwhile is heard before silence is concluded.
                    let waiting = tokio::select! {
                        biased;
                        got = reader.read(&mut bytes) => Some(got),
                        () = std::future::ready(()) => None,
                    };
                    match waiting {
                        Some(got) => if let Err(error) = self.hear(got, &bytes, &mut deaf) {
                            return self.lost(&peer, &error);
                        },
                        None => self.client.handle_timeout(self.now()),
                    }
                },
                order = self.context.orders.next(), if self.client.is_ready() => {
                    self.outputs.order(order, Instant::now());
                }
                Some(what) = movements.recv() => match what {
                    Feedback::Refuse => self.outputs.refused(Instant::now()),
                    _ => self.outputs.movement(Instant::now()),
                },
                Ok(()) = conditions.changed() => self.outputs.look_again(),
                () = self.context.stop.cancelled(), if !self.closing => {
                    self.closing = true;
                    self.show();
                    self.client.close(self.now());
                }
            }
        }
    }

    /// Takes what the reader said; an error when it says no more and that is the transport's fault.
    fn hear(
        &mut self,
        got: io::Result<usize>,
        bytes: &[u8],
        deaf: &mut Option<io::Error>,
    ) -> io::Result<()> {
        self.arrived = self.context.clock.now();
        self.heard = Instant::now();
        match got? {
            0 => match deaf.take() {
                Some(error) => return Err(error),
                None => self.client.handle_end(self.now()),
            },
            count => {
                let bytes = bytes.get(..count).unwrap_or_default();
                self.client.handle_bytes(self.now(), bytes);
            }
        }
        Ok(())
    }

    /// Takes the client's events; `Some` when the session is over.
    #[expect(
        clippy::option_option,
        reason = "the inner one is the reason of the end, if it has one"
    )]
    fn events(&mut self, peer: &Peer) -> Option<Option<String>> {
        let (name, health) = (&self.context.name, &self.context.health);
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Connected {
                    reader_time,
                    clock_unset,
                } => {
                    self.connected = Some((Instant::now(), reader_time));
                    health.reconnected(name);
                    let text = clock_unset.then_some(CLOCK_UNSET);
                    health.problem(name, Problem::Clock, text);
                }
                ClientEvent::Ready {
                    capabilities,
                    kept_rospec,
                    version,
                    limits,
                } => {
                    let firmware = capabilities.firmware.as_deref().unwrap_or("unknown");
                    let version = version_name(version);
                    info!(
                        code = logs::READER_READING,
                        reader = name,
                        firmware,
                        version,
                        kept_rospec,
                        "Reader is reading"
                    );
                    let what = "The reader cannot do all that is configured";
                    for limit in &limits {
                        self.remarks.limit(self.context, limit, what);
                    }
                    let ports = Ports {
                        antennas: capabilities.antennas.unwrap_or(u16::MAX),
                        inputs: capabilities.inputs.unwrap_or(u16::MAX),
                    };
                    health.ports(name, ports);
                    health.count(name, DeviceCounter::Connections, 1);
                    self.was_ready = true;
                    self.context.up();
                    self.announce();
                }
                ClientEvent::Reports(tags) => self.reports(tags),
                ClientEvent::Gpi {
                    port,
                    high,
                    reader_time,
                } => {
                    self.input_changed(port, high, reader_time);
                }
                ClientEvent::Closed {
                    reason: CloseReason::Requested,
                } => return Some(None),
                ClientEvent::Closed {
                    reason: CloseReason::Failed(error),
                } => return Some(Some(self.failure(peer, &error))),
                remark => {
                    match &remark {
                        ClientEvent::GpoFailed { port, explanation } => {
                            self.outputs.failed(Instant::now(), *port, explanation);
                        }
                        ClientEvent::GpoWritten { port } => self.outputs.written(*port),
                        _ => {}
                    }
                    self.remarks.note(self.context, &remark);
                }
            }
        }
        self.remarks.count(self.context, self.client.counters());
        None
    }

    /// Switches the outputs that are to show something else now.
    fn show(&mut self) {
        let (now, health) = (Instant::now(), &self.context.health);
        if !self.client.is_ready() {
            return;
        }
        for (port, on) in self.outputs.changes(now, !self.closing, health) {
            self.client.set_gpo(self.now(), port, on);
        }
    }

    fn reports(&mut self, tags: Vec<TagRead>) {
        // Some readers report before set-up is done: without the clock's offset such reads would get a wrong time.
        self.announce();
        let (mut merged, mut dropped, mut failed) = (0, 0, 0);
        let mut by_antenna: BTreeMap<u16, u64> = BTreeMap::new();
        for tag in tags {
            let seen = u64::from(tag.seen_count.unwrap_or(1).max(1));
            *by_antenna.entry(tag.antenna.unwrap_or(0)).or_default() += seen;
            let Settings {
                client, sensors, ..
            } = self.settings;
            failed += read::failed(&tag, client);
            for read in reads(tag, client, sensors).into_iter().flatten() {
                match self.queue.push(self.arrived, read) {
                    Queued::Plain => {}
                    Queued::Merged => merged += 1,
                    Queued::Dropped => dropped += 1,
                }
            }
        }
        for (antenna, n) in by_antenna {
            // Readers number antennas from 1; 0 stands for one that was not told.
            let antenna = (antenna > 0).then_some(antenna);
            self.context.health.reads(&self.context.name, antenna, n);
        }
        let counters = self.context.health.counters();
        counters.sensor_reads_failed.add(failed);
        if merged + dropped > 0 {
            let (name, health) = (&self.context.name, &self.context.health);
            health.counters().reads_conflated.add(merged);
            health.counters().reads_dropped.add(dropped);
            health.count(name, DeviceCounter::ReadsConflated, merged);
            health.count(name, DeviceCounter::ReadsDropped, dropped);
        }
    }

    /// A change of an input. The core may be busy: if it is for long, only the newest state of each counts.
    fn input_changed(&mut self, port: u16, high: bool, reader_time: Option<LlrpTime>) {
        let changed = u64::from(reader_time.is_some());
        let (name, health) = (&self.context.name, &self.context.health);
        health.count(name, DeviceCounter::InputChanges, changed);
        let input = Input::Gpi {
            device: self.context.device,
            at: self.arrived,
            port,
            high,
            reader_time: reader_time.map(read::reader_time),
        };
        if self.gpis.len() >= INPUTS_MAX {
            let later =
                |at: usize, port: u16| self.gpis.iter().skip(at + 1).any(|(it, _)| *it == port);
            let mut all = self.gpis.iter().enumerate();
            let merged = all.find(|(at, (it, _))| *it == port || later(*at, *it));
            let Some((at, _)) = merged else { return };
            self.gpis.remove(at);
            health.count(name, DeviceCounter::InputsMerged, 1);
        }
        self.gpis.push_back((port, input));
    }

    fn wants_room(&self) -> bool {
        let inputs = self.announced && !self.gpis.is_empty();
        self.announce.is_some() || inputs || !self.queue.is_empty()
    }

    /// What goes to the core next.
    fn next_input(&mut self) -> Option<Input> {
        if let Some(announce) = self.announce.take() {
            return Some(announce);
        }
        if !self.queue.is_empty() {
            let (at, reads) = self.queue.take();
            let device = self.context.device;
            return Some(Input::Reads { device, at, reads });
        }
        // Not before the core knows of the reader and its clock.
        let inputs = Some(&mut self.gpis).filter(|_| self.announced)?;
        inputs.pop_front().map(|(_, input)| input)
    }

    /// Hands over what there is room for, without waiting.
    fn deliver(&mut self) {
        while self.wants_room() {
            let Ok(room) = self.context.inputs.try_reserve() else {
                return;
            };
            let Some(input) = self.next_input() else {
                return;
            };
            room.send(input);
        }
    }

    /// Tells the core that the reader is there, and what its clock says, once per connection.
    fn announce(&mut self) {
        let Some((at, time)) = self.connected.filter(|_| !self.announced) else {
            return;
        };
        self.announced = true;
        let since = u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX);
        let reader_time = match time {
            LlrpTime::Utc(us) => ReaderTime::Utc(us.saturating_add(since)),
            LlrpTime::Uptime(us) => ReaderTime::Uptime(us.saturating_add(since)),
        };
        self.announce = Some(Input::Device {
            device: self.context.device,
            at: self.context.clock.now(),
            up: true,
            reader_time: Some(reader_time),
        });
    }

    /// The transport failed: no reason when that was to be expected, as the gateway stops.
    fn lost(&mut self, peer: &Peer, error: &std::io::Error) -> Option<String> {
        self.client.handle_end(self.now());
        // What came before is taken; why it ended the system knows better than the client.
        let _ = self.events(peer);
        let why = peer.explain(error).unwrap_or_else(|| error.to_string());
        (!self.closing).then(|| match self.connected {
            Some(_) => format!("the connection to the reader broke: {why}"),
            None => format!(
                "{} broke the connection before it said anything: {why}",
                peer.name
            ),
        })
    }

    fn failure(&self, peer: &Peer, error: &ClientError) -> String {
        failure(peer, error, self.connected.is_some())
    }

    /// Nothing that was read is left behind.
    pub(super) async fn finish(&mut self) {
        while let Some(input) = self.next_input() {
            if !self.context.send(input).await {
                return;
            }
        }
        if self.announced {
            self.context.link(false).await;
        }
    }
}

/// Why a session failed, for the technician; `connected` tells whether the reader had accepted it.
pub(super) fn failure(peer: &Peer, error: &ClientError, connected: bool) -> String {
    let text = crate::error_chain(error);
    let (name, hint) = (&peer.name, peer.silence_hint());
    match error {
        ClientError::NotLlrp(_) => format!("{name}: {text}"),
        ClientError::LinkLost(LinkLoss::NoConnectionEvent { .. }) => format!(
            "{name}: {text}; is this a reader's LLRP port? If it is, restart the reader{hint}"
        ),
        ClientError::LinkLost(LinkLoss::TransportEnded) if !connected => format!(
            "{name} closed the connection before it said anything; does another client hold the reader, or is this not its LLRP port?{hint}"
        ),
        _ => text,
    }
}

/// Writes some of it, or flushes what was written before.
async fn send(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<usize> {
    if bytes.is_empty() {
        writer.flush().await?;
        return Ok(0);
    }
    writer.write(bytes).await
}

const fn version_name(version: u8) -> &'static str {
    match version {
        1 => "1.0.1",
        2 => "1.1",
        3 => "2.0",
        _ => "unknown",
    }
}
