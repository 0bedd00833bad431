//! The traffic of one connection to a reader.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tracegate_llrp::client::{Client, ClientError, ClientEvent, CloseReason, LinkLoss};
use tracegate_llrp::report::{ReaderTime as LlrpTime, TagRead};
use tracegate_pipeline::{Input, Read, ReaderTime, Time};
use tracing::{info, warn};

use super::Settings;
use super::link::{Line, Peer, Transport};
use crate::health::tame;
use crate::source::queue::{Queued, ReadQueue};
use crate::source::{Context, Sparingly};

/// Bytes for the reader that wait for its socket; beyond, the client keeps the rest.
const OUT_MAX: usize = 64 * 1024;
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
    remarks: Sparingly,
}

impl<'a> Session<'a> {
    pub(super) fn new(settings: &'a Settings, context: &'a Context) -> Self {
        Self {
            settings,
            context,
            client: Client::new(settings.client.clone(), Duration::ZERO),
            origin: Instant::now(),
            queue: ReadQueue::default(),
            arrived: context.clock.now(),
            connected: None,
            announce: None,
            announced: false,
            was_ready: false,
            closing: false,
            heard: Instant::now(),
            remarks: Sparingly::default(),
        }
    }

    /// A reader that says nothing for longer than between two of its keepalives may be gone.
    fn patience(&self) -> Duration {
        self.settings.client.keepalive_period.mul_f32(1.5)
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
    ) -> Option<String> {
        // What the client measures starts with the connection.
        self.origin = Instant::now();
        self.heard = self.origin;
        self.client = Client::new(self.settings.client.clone(), Duration::ZERO);
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (mut bytes, mut out) = (vec![0; 64 * 1024], Vec::new());
        // TLS keeps what the socket had no room for.
        let mut flushed = true;
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
            if line.has_newcomer() && self.heard.elapsed() >= self.patience() {
                return Some("the reader has dialled in anew".to_owned());
            }
            let due = self.client.poll_timeout().map(|at| self.origin + at);
            let late = Instant::now() + WAKE;
            let silent = line.has_newcomer().then(|| self.heard + self.patience());
            let wake = late.min(due.unwrap_or(late)).min(silent.unwrap_or(late));
            tokio::select! {
                got = reader.read(&mut bytes) => {
                    self.arrived = self.context.clock.now();
                    self.heard = Instant::now();
                    match got {
                        Ok(0) => self.client.handle_end(self.now()),
                        Ok(count) => self.client.handle_bytes(self.now(), bytes.get(..count).unwrap_or_default()),
                        Err(error) => return self.lost(&peer, &error),
                    }
                }
                sent = send(&mut writer, &out), if !(out.is_empty() && flushed) => match sent {
                    Ok(count) => {
                        flushed = out.is_empty();
                        out.drain(..count);
                    }
                    Err(error) => return self.lost(&peer, &error),
                },
                () = line.knock() => {}
                room = self.context.inputs.reserve(), if self.wants_room() => match room {
                    Ok(room) => if let Some(input) = self.next_input() { room.send(input) },
                    Err(_) => return None,
                },
                () = sleep_until(wake) => if due.is_some_and(|due| due <= Instant::now()) {
                    self.client.handle_timeout(self.now());
                },
                () = self.context.stop.cancelled(), if !self.closing => {
                    self.closing = true;
                    self.client.close(self.now());
                }
            }
        }
    }

    /// Takes the client's events; `Some` when the session is over.
    #[expect(
        clippy::option_option,
        reason = "the inner one is the reason of the end, if it has one"
    )]
    fn events(&mut self, peer: &Peer) -> Option<Option<String>> {
        let name = &self.context.name;
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Connected { reader_time, .. } => {
                    self.connected = Some((Instant::now(), reader_time))
                }
                ClientEvent::Ready {
                    capabilities,
                    kept_rospec,
                    ..
                } => {
                    let firmware = capabilities.firmware.as_deref().unwrap_or("unknown");
                    info!(reader = name, firmware, kept_rospec, "Reader is reading");
                    self.was_ready = true;
                    self.context.up();
                    self.announce();
                }
                ClientEvent::Reports(tags) => self.reports(&tags),
                ClientEvent::Closed {
                    reason: CloseReason::Requested,
                } => return Some(None),
                ClientEvent::Closed {
                    reason: CloseReason::Failed(error),
                } => return Some(Some(self.failure(peer, &error))),
                ClientEvent::Gpi { .. } => {}
                remark => self.remark(&remark),
            }
        }
        None
    }

    /// Passes on what the reader says about itself; not all of it, if it talks without end.
    fn remark(&mut self, event: &ClientEvent) {
        let reader = &self.context.name;
        let Some(unsaid) = self.remarks.say() else {
            return;
        };
        if unsaid > 0 {
            warn!(reader, count = unsaid, "Remarks of the reader not logged");
        }
        match event {
            ClientEvent::Antenna { id, connected, .. } if *connected => {
                info!(reader, antenna = id, "Antenna connected");
            }
            ClientEvent::Antenna { id, .. } => {
                warn!(
                    reader,
                    antenna = id,
                    "Antenna disconnected; check its cable"
                );
            }
            ClientEvent::ReaderException { text, .. } => {
                warn!(reader, reason = tame(text), "The reader reports a fault");
            }
            ClientEvent::BufferWarning { percent_full, .. } => {
                warn!(reader, percent_full, "The reader's report buffer fills up");
            }
            ClientEvent::BufferOverflow { .. } => warn!(
                reader,
                "The reader's report buffer overflowed: reads were lost at the reader"
            ),
            ClientEvent::Warning(text) => {
                warn!(reader, reason = tame(text), "The reader is restricted");
            }
            _ => {}
        }
    }

    fn reports(&mut self, tags: &[TagRead]) {
        // Some readers report before set-up is done: without the clock's offset such reads would get a wrong time.
        self.announce();
        let counters = self.context.health.counters();
        for tag in tags {
            let several =
                tag.seen_count.is_some_and(|count| count > 1) && tag.last_seen != tag.first_seen;
            let last = if several { tag.last_seen } else { None };
            for time in [tag.first_seen.or(tag.last_seen)]
                .into_iter()
                .chain(last.map(Some))
            {
                let read = Read {
                    epc: tag.epc.as_slice().to_vec(),
                    bit_len: tag.bit_len,
                    pc: tag.pc,
                    antenna: tag.antenna.unwrap_or(0),
                    rssi_dbm: tag.peak_rssi_dbm,
                    device_time: time.map(reader_time),
                    ..Read::default()
                };
                match self.queue.push(read) {
                    Queued::Plain => {}
                    Queued::Merged => counters.reads_conflated.add(1),
                    Queued::Dropped => counters.reads_dropped.add(1),
                }
            }
        }
    }

    fn wants_room(&self) -> bool {
        self.announce.is_some() || !self.queue.is_empty()
    }

    /// What goes to the core next.
    fn next_input(&mut self) -> Option<Input> {
        if let Some(announce) = self.announce.take() {
            return Some(announce);
        }
        let reads = self.queue.take();
        (!reads.is_empty()).then_some(Input::Reads {
            device: self.context.device,
            at: self.arrived,
            reads,
        })
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
        let text = crate::error_chain(error);
        let (name, hint) = (&peer.name, peer.silence_hint());
        match error {
            ClientError::NotLlrp(_) => format!("{name}: {text}"),
            ClientError::LinkLost(LinkLoss::NoConnectionEvent { .. }) => format!(
                "{name}: {text}; is this a reader's LLRP port? If it is, restart the reader{hint}"
            ),
            ClientError::LinkLost(LinkLoss::TransportEnded) if self.connected.is_none() => format!(
                "{name} closed the connection before it said anything; does another client hold the reader, or is this not its LLRP port?{hint}"
            ),
            _ => text,
        }
    }

    /// Nothing that was read is left behind.
    pub(super) async fn finish(&mut self) {
        while let Some(input) = self.next_input() {
            if !self.context.send(input).await {
                return;
            }
        }
        if self.announced {
            let at = self.context.clock.now();
            self.context
                .send(Input::Device {
                    device: self.context.device,
                    at,
                    up: false,
                    reader_time: None,
                })
                .await;
        }
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

const fn reader_time(time: LlrpTime) -> ReaderTime {
    match time {
        LlrpTime::Utc(us) => ReaderTime::Utc(us),
        LlrpTime::Uptime(us) => ReaderTime::Uptime(us),
    }
}
