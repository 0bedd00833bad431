//! From the bytes of one connection to scans.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracegate_feed::frame::{Framer, Junk, Kind, Piece};
use tracegate_feed::rules::{Class, Fields};
use tracegate_feed::ssi;
use tracegate_feed::telnet::Telnet;
use tracegate_feed::text::{Encoding, decode, shown};
use tracegate_pipeline::Input;
use tracing::{debug, warn};

use super::answers::Outbox;
use super::{Answers, End, Settings};
use crate::health::{Code, DeviceCounter, Problem};
use crate::logs;
use crate::source::transport::{Incoming, Transport};
use crate::source::{Context, Sparingly, WAKE};

/// Bytes of a frame that people are shown.
const SHOWN: usize = 80;
/// A device that should have been heard so many times is silent.
const MISSED: u32 = 3;
/// The largest datagram that is taken whole.
const DATAGRAM: usize = 16 * 1024;

/// The reading side of one connection.
pub(super) struct Reading<'a> {
    settings: &'a Settings,
    context: &'a Context,
    outbox: &'a Outbox,
    framer: Framer,
    telnet: Option<Telnet>,
    started: Instant,
    /// Whether the device sent anything.
    heard: bool,
    silent_from: Option<Instant>,
    remarks: Sparingly,
}

/// The gateway stops.
struct Stopped;

impl<'a> Reading<'a> {
    pub(super) fn new(settings: &'a Settings, context: &'a Context, outbox: &'a Outbox) -> Self {
        let mut reading = Self {
            settings,
            context,
            outbox,
            framer: Framer::new(settings.framing.clone()),
            telnet: settings.telnet.then(Telnet::default),
            started: Instant::now(),
            heard: false,
            silent_from: None,
            remarks: Sparingly::default(),
        };
        reading.expect_heartbeat();
        reading
    }

    /// Reads until the device goes away, or the gateway or `closing` says stop. What was read is handed over before.
    pub(super) async fn run(&mut self, mut incoming: Incoming, closing: &CancellationToken) -> End {
        let datagrams = incoming.is_datagrams();
        let mut bytes = vec![0; if datagrams { DATAGRAM } else { 2048 }];
        let mut pieces = Vec::new();
        let never = self.started + Duration::from_secs(366 * 86_400);
        loop {
            self.context.beat.touch();
            let deadline = self.framer.deadline_us();
            let deadline = deadline.map(|us| self.started + Duration::from_micros(us));
            tokio::select! {
                got = incoming.read(&mut bytes) => match got {
                    Ok(0) => return End::Gone(self.closed()),
                    Ok(count) => {
                        self.heard = true;
                        self.expect_heartbeat();
                        self.take(bytes.get(..count).unwrap_or_default(), &mut pieces);
                        if datagrams {
                            self.framer.finish(&mut pieces);
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return End::Gone(format!("the scanner is gone: {error}")),
                },
                () = sleep_until(deadline.unwrap_or(never)), if deadline.is_some() => {
                    self.framer.tick(self.now_us(), &mut pieces);
                }
                () = sleep_until(self.silent_from.unwrap_or(never)), if self.silent_from.is_some() => {
                    self.silent();
                }
                () = sleep(WAKE) => {}
                () = closing.cancelled() => return self.drain(&mut incoming).await,
                () = self.context.stop.cancelled() => return End::Stopped,
            }
            if let Err(Stopped) = self.pieces(&mut pieces).await {
                return End::Stopped;
            }
        }
    }

    /// Takes what has arrived and not been read, because the connection is given up.
    async fn drain(&mut self, incoming: &mut Incoming) -> End {
        let mut pieces = Vec::new();
        let taken = |bytes: &[u8]| {
            self.heard = true;
            self.take(bytes, &mut pieces);
        };
        incoming.drain(taken).await;
        // The connection ends anyway.
        let _ = self.pieces(&mut pieces).await;
        End::Stopped
    }

    async fn pieces(&mut self, pieces: &mut Vec<Piece>) -> Result<(), Stopped> {
        for piece in pieces.drain(..) {
            self.piece(piece).await?;
        }
        Ok(())
    }

    /// The connection has ended; returns whether the device sent anything.
    pub(super) fn ended(&mut self) -> bool {
        let mut pieces = Vec::new();
        self.framer.reset(&mut pieces);
        for piece in pieces {
            if let Piece::Junk { len, why } = piece {
                self.junk(len, why);
            }
        }
        self.heard
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn take(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) {
        let now_us = self.now_us();
        let Some(telnet) = &mut self.telnet else {
            return self.framer.push(bytes, now_us, pieces);
        };
        let (mut text, mut answer) = (Vec::new(), Vec::new());
        telnet.push(bytes, &mut text, &mut answer);
        self.framer.push(&text, now_us, pieces);
        if !answer.is_empty() {
            self.outbox.urgent(answer);
        }
    }

    async fn piece(&mut self, piece: Piece) -> Result<(), Stopped> {
        let frame = match piece {
            Piece::Junk { len, why } => {
                self.junk(len, why);
                return Ok(());
            }
            Piece::Frame(frame) => frame,
        };
        if self.settings.framing.kind != Kind::Ssi {
            return self.frame(None, frame).await;
        }
        for event in self.outbox.packet(&frame) {
            match event {
                ssi::Event::Scan { id, data } => self.frame(id, data).await?,
                ssi::Event::Repeated => self.count(DeviceCounter::FramesRepeated),
                ssi::Event::Lost { len } => self.junk(len, Junk::Unfinished),
                ssi::Event::Refused { opcode, reason } => {
                    self.count(DeviceCounter::AnswersDropped);
                    if self.remarks.say().is_some() {
                        warn!(
                            code = logs::COMMAND_OF_SCANNER_REFUSED,
                            scanner = self.context.name,
                            opcode,
                            reason,
                            "The scanner refuses a command"
                        );
                    }
                }
                ssi::Event::NoAnswer { .. } | ssi::Event::Other { .. } => {
                    self.count(DeviceCounter::StatusMessages);
                }
            }
        }
        Ok(())
    }

    /// A frame; `id` is an AIM identifier that came beside it.
    async fn frame(&mut self, id: Option<&str>, frame: Vec<u8>) -> Result<(), Stopped> {
        let Some((class, fields)) = self.settings.rules.classify(&frame) else {
            self.unknown(&frame);
            return Ok(());
        };
        match class {
            Class::Data => match self.code(&frame, &fields) {
                Some(data) => {
                    let id = id.unwrap_or_default().as_bytes();
                    return self.scan([id, &data].concat()).await;
                }
                None => self.unknown(&frame),
            },
            Class::NoRead => {
                self.context.health.counters().no_reads.add(1);
                self.count(DeviceCounter::NoReads);
                let Answers { no_read, .. } = &self.settings.answers;
                self.outbox.answer(no_read, None);
            }
            Class::Heartbeat => self.count(DeviceCounter::Heartbeats),
            Class::Ignore => {}
            Class::Status => {
                self.count(DeviceCounter::StatusMessages);
                debug!(
                    scanner = self.context.name,
                    says = shown(&frame, SHOWN),
                    "The scanner about itself"
                );
            }
        }
        Ok(())
    }

    /// The code in a frame, in UTF-8; `None` when it is no text.
    fn code(&self, frame: &[u8], fields: &Fields) -> Option<Vec<u8>> {
        if let Some(data) = fields.get("data") {
            return Some(data.as_bytes().to_vec());
        }
        match self.settings.encoding {
            // What is no text is judged by the core, which says so to the operator.
            Encoding::Ascii | Encoding::Utf8 => Some(frame.to_vec()),
            encoding => decode(encoding, frame)
                .ok()
                .map(Cow::into_owned)
                .map(String::into_bytes),
        }
    }

    async fn scan(&mut self, data: Vec<u8>) -> Result<(), Stopped> {
        let Context { health, name, .. } = self.context;
        health.reads(name, None, 1);
        self.outbox.scanned();
        let (device, at) = (self.context.device, self.context.clock.now());
        let sent = self.context.send(Input::Scan { device, at, data }).await;
        if sent { Ok(()) } else { Err(Stopped) }
    }

    /// A frame that no rule knows: counted, kept for the status, said sparingly.
    fn unknown(&mut self, frame: &[u8]) {
        let (scanner, health) = (&self.context.name, &self.context.health);
        health.counters().scans_unknown.add(1);
        health.count(scanner, DeviceCounter::FramesUnknown, 1);
        let text = shown(frame, SHOWN);
        let problem = format!(
            "it sent \"{text}\", which no rule knows; add it to no_read, heartbeat, status or ignore"
        );
        health.incident(scanner, Problem::UnknownFrame, &problem);
        if let Some(unsaid) = self.remarks.say() {
            warn!(
                code = Code::FramesUnknown.as_str(),
                scanner,
                unsaid,
                frame = text,
                "Frame that no rule knows"
            );
        }
    }

    fn junk(&mut self, len: usize, why: Junk) {
        self.context.health.counters().scans_malformed.add(1);
        self.count(DeviceCounter::FramesMalformed);
        if let Some(unsaid) = self.remarks.say() {
            warn!(
                code = logs::BYTES_THROWN_AWAY,
                scanner = self.context.name,
                bytes = len,
                unsaid,
                "Bytes thrown away: {}",
                why.advice()
            );
        }
    }

    fn count(&self, counter: DeviceCounter) {
        self.context.health.count(&self.context.name, counter, 1);
    }

    fn expect_heartbeat(&mut self) {
        let Some(every) = self.settings.heartbeat_every else {
            return;
        };
        // The end of a silence is told once; as long as nothing is wrong, nothing needs to be asked.
        if self.silent_from.is_none() {
            let Context { health, name, .. } = self.context;
            health.problem(name, Problem::Silent, None);
        }
        self.silent_from = Some(Instant::now() + every * MISSED);
    }

    fn silent(&mut self) {
        self.silent_from = None;
        let Some(every) = self.settings.heartbeat_every else {
            return;
        };
        let text = format!(
            "no sign of life for {}; it should send something every {}: check its cable and its heartbeat setting",
            crate::config::show_duration(every * MISSED),
            crate::config::show_duration(every)
        );
        let Context { health, name, .. } = self.context;
        if health.problem(name, Problem::Silent, Some(&text)) {
            warn!(
                code = Code::DeviceSilent.as_str(),
                scanner = name,
                "No sign of life"
            );
        }
        self.count(DeviceCounter::Silences);
    }

    fn closed(&self) -> String {
        match &self.settings.transport {
            Transport::Tcp(address) if !self.heard => format!(
                "{address} closed the connection before any scan; does another host use the scanner?"
            ),
            transport => transport.ended("scanner"),
        }
    }
}
