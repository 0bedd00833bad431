//! A client and a reader with a wire between them that can be cut, slowed and muted.

use std::time::Duration;

use crate::client::rospec::{Terms, plan};
use crate::client::{Capabilities, Client, ClientConfig, ClientError, ClientEvent, CloseReason};
use crate::codec::param::ROSpec;
use crate::codec::{Frame, Message};
use crate::frame::RawFrame;
use crate::reader::{Reader, ReaderConfig, ReaderFaults, RefusedRequest, Sighting};
use crate::report::{EpcBytes, ReaderTime, TagRead};

/// The reader's clock at the start: 2026-11-22, so that no test depends on small numbers.
pub(super) const EPOCH_US: u64 = 1_795_305_600_000_000;

pub(super) struct Pair {
    pub(super) client: Client,
    pub(super) reader: Reader,
    pub(super) config: ClientConfig,
    /// The client's time; the reader's is [`EPOCH_US`] later.
    pub(super) now: Duration,
    /// Bytes handed over at a time.
    pub(super) segment: usize,
    /// The wire swallows everything, both ways.
    pub(super) cut: bool,
    pub(super) events: Vec<ClientEvent>,
    /// Types of the messages the client sent.
    pub(super) sent: Vec<u16>,
    /// Their header versions.
    pub(super) versions: Vec<u8>,
}

impl Pair {
    pub(super) fn new(config: ClientConfig, reader: ReaderConfig) -> Self {
        let now = Duration::from_secs(1000);
        let mut pair = Self {
            client: Client::new(config.clone(), now),
            reader: Reader::new(reader),
            config,
            now,
            segment: usize::MAX,
            cut: false,
            events: Vec::new(),
            sent: Vec::new(),
            versions: Vec::new(),
        };
        pair.reader.connect(pair.utc_us());
        pair
    }

    /// Connected and ready, with nothing else going on.
    pub(super) fn ready() -> Self {
        let mut pair = Self::new(ClientConfig::default(), ReaderConfig::default());
        pair.drive();
        assert!(pair.client.is_ready(), "{:?}", pair.events);
        pair
    }

    pub(super) fn utc_us(&self) -> u64 {
        EPOCH_US + self.now.as_micros() as u64
    }

    /// Hands bytes over until both sides are quiet.
    pub(super) fn drive(&mut self) {
        loop {
            let to_reader = self.take_sent();
            let to_client: Vec<u8> = std::iter::from_fn(|| self.reader.poll_transmit())
                .flatten()
                .collect();
            if to_reader.is_empty() && to_client.is_empty() {
                break;
            }
            if self.cut {
                continue;
            }
            for piece in to_reader.chunks(self.segment.min(to_reader.len().max(1))) {
                self.reader.handle_bytes(self.utc_us(), piece).unwrap();
            }
            self.deliver(&to_client);
        }
        self.events
            .extend(std::iter::from_fn(|| self.client.poll_event()));
        if self.reader.should_close() {
            self.reader.disconnect();
        }
    }

    /// Hands bytes to the client.
    pub(super) fn deliver(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.segment.min(bytes.len().max(1))) {
            self.client.handle_bytes(self.now, piece);
        }
    }

    /// Hands one message to the client.
    pub(super) fn deliver_message(&mut self, message_id: u32, message: impl Into<Message>) {
        let frame = Frame {
            version: 1,
            message_id,
            message: message.into(),
        };
        self.deliver(&frame.encode().unwrap());
        self.events
            .extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    /// What the client has to send, taken off the wire.
    pub(super) fn take_sent(&mut self) -> Vec<u8> {
        let messages: Vec<Vec<u8>> = std::iter::from_fn(|| self.client.poll_transmit()).collect();
        for message in &messages {
            let header = RawFrame::parse(message).unwrap().header;
            self.sent.push(header.message_type);
            self.versions.push(header.version);
        }
        messages.concat()
    }

    /// Lets time pass, with everything that falls due on the way.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let reader = self
                .reader
                .poll_timeout()
                .map(|us| Duration::from_micros(us - EPOCH_US));
            let next = [self.client.poll_timeout(), reader]
                .into_iter()
                .flatten()
                .min();
            self.now = next.map_or(end, |next| next.clamp(self.now, end));
            self.client.handle_timeout(self.now);
            self.reader.handle_timeout(self.utc_us());
            self.drive();
            if self.now >= end {
                break;
            }
        }
    }

    /// The transport is lost, then both sides see a new connection.
    pub(super) fn reconnect(&mut self, outage: Duration) {
        self.client.handle_end(self.now);
        self.reader.disconnect();
        self.pass(outage);
        self.events.clear();
        self.sent.clear();
        self.versions.clear();
        let memory = self.client.memory();
        self.client = Client::with_memory(self.config.clone(), self.now, memory);
        self.reader.connect(self.utc_us());
        self.drive();
    }

    /// The radio sees tag number `tag`.
    pub(super) fn see(&mut self, tag: u8, antenna: u16) -> bool {
        let epc = EpcBytes::new(&[tag; 12]).unwrap();
        let sighting = Sighting {
            epc,
            bit_len: 96,
            pc: 0x3000,
            antenna,
            rssi_dbm: -60,
        };
        self.reader.tag(self.utc_us(), &sighting)
    }

    /// The ROSpec that the client has settled on.
    pub(super) fn planned(&self) -> &ROSpec {
        &self.client.setup.planned.as_ref().unwrap().rospec
    }

    /// Takes the reads so far out of the events.
    pub(super) fn reads(&mut self) -> Vec<TagRead> {
        let mut reads = Vec::new();
        self.events.retain(|event| match event {
            ClientEvent::Reports(tags) => {
                reads.extend_from_slice(tags);
                false
            }
            _ => true,
        });
        reads
    }

    /// Whether the ROSpec was kept, and what the reader cannot do, as told when set-up was done.
    pub(super) fn told_ready(&self) -> (bool, &[String]) {
        let ready = |event| match event {
            &ClientEvent::Ready {
                kept_rospec,
                ref limits,
                ..
            } => Some((kept_rospec, limits.as_slice())),
            _ => None,
        };
        let found = self.events.iter().find_map(ready);
        found.unwrap_or_else(|| panic!("not ready: {:?}", self.events))
    }

    pub(super) fn warnings<'a>(&'a self) -> Vec<&'a str> {
        let warning = |event: &'a ClientEvent| {
            if let ClientEvent::Warning(text) = event {
                Some(text.as_str())
            } else {
                None
            }
        };
        self.events.iter().filter_map(warning).collect()
    }

    /// The error the session ended with.
    pub(super) fn error(&self) -> &ClientError {
        assert!(self.client.is_closed());
        match self.events.last() {
            Some(ClientEvent::Closed {
                reason: CloseReason::Failed(error),
            }) => error,
            other => panic!("no failure at the end: {other:?}"),
        }
    }
}

/// The ROSpec for a configuration, on a reader that tells nothing of itself.
pub(super) fn rospec(config: &ClientConfig) -> ROSpec {
    let terms = Terms {
        capabilities: &Capabilities::default(),
        version: 1,
        extensions: false,
        refused: &[],
    };
    plan(config, terms).unwrap().rospec
}

/// Tag numbers of reads made by [`Pair::see`].
pub(super) fn tags(reads: &[TagRead]) -> Vec<u8> {
    reads.iter().map(|read| read.epc.as_slice()[0]).collect()
}

/// When reads were first seen, in microseconds of UTC.
pub(super) fn times(reads: &[TagRead]) -> Vec<u64> {
    let time = |read: &TagRead| match read.first_seen {
        Some(ReaderTime::Utc(us)) => us,
        other => panic!("no UTC time: {other:?}"),
    };
    reads.iter().map(time).collect()
}

impl Reader {
    /// Refuses a request, with a parameter in it or at all.
    pub(super) fn refuse(&mut self, message_type: u16, parameter: Option<u16>, times: u32) {
        self.set_faults(ReaderFaults {
            refuse: vec![RefusedRequest {
                message_type,
                parameter,
                times,
            }],
            ..ReaderFaults::default()
        });
    }
}
