//! The client's state machine between a reader of ours and one that says anything.

use std::time::Duration;

use tracegate_llrp::client::{
    AccessRead, AntennaConfig, Client, ClientConfig, ClientEvent, Dbm, DutyCycle, ForeignRoSpecs,
    GpiTrigger, MemoryBank, ReportContent, RfMode, SearchMode, Select,
};
use tracegate_llrp::frame::{HEADER_LEN, Header, RawFrame};
use tracegate_llrp::reader::{Reader, Sighting};

use super::reader;

/// Most connections of one run.
const CONNECTIONS_MAX: u32 = 4;

struct Session {
    client: Client,
    reader: Reader,
    now: Duration,
    config: ClientConfig,
    /// Header of the last request, so that made-up responses meet it.
    request: Header,
    /// Bytes that our reader would like to send.
    honest: Vec<u8>,
    closed: bool,
    connections: u32,
}

/// Sessions told by `data`: the first byte is about the settings, then come bytes, whole messages, what a real reader
/// would say, and time.
///
/// # Panics
/// If the client sends what is not LLRP, says that it is closed more than once, works after that, or asks to be woken
/// at a time that has passed.
pub fn client(data: &[u8]) {
    let Some((&settings, mut rest)) = data.split_first() else {
        return;
    };
    let config = settings_of(settings);
    let now = Duration::from_secs(1000);
    let mut session = Session {
        client: Client::new(config.clone(), now),
        config,
        reader: Reader::new(reader::kind(settings)),
        now,
        request: Header {
            version: 1,
            message_type: 0,
            message_id: 0,
        },
        honest: Vec::new(),
        closed: false,
        connections: 1,
    };
    session.reader.connect(reader::EPOCH_US);
    while let Some((&op, tail)) = rest.split_first() {
        rest = session.act(op, tail);
        session.settle();
        if session.closed && session.connections < CONNECTIONS_MAX {
            session.reconnect();
        }
    }
    session.client.handle_end(session.now);
    session.settle();
    assert!(session.closed, "the end is told");
}

/// Everything off, or everything on in one of some ways.
fn settings_of(settings: u8) -> ClientConfig {
    if settings & 1 == 0 {
        return ClientConfig::default();
    }
    let flag = |bit: u8| settings & (1 << bit) != 0;
    let select = |bank| Select {
        bank,
        bit_pointer: 32,
        mask: vec![0x30, 0x14],
        bit_len: 11,
    };
    let read = |id, tags| AccessRead {
        id,
        tags,
        bank: MemoryBank::User,
        word_pointer: 2,
        word_count: 3,
        access_password: 0,
    };
    ClientConfig {
        max_version: if flag(5) { 3 } else { 1 },
        antennas: vec![AntennaConfig {
            id: 1,
            power: Some(Dbm::from_hundredths(2725)),
            receive_sensitivity: Some(-70),
        }],
        mode: Some(if flag(3) {
            RfMode::Id(1000)
        } else {
            RfMode::Name("M4".to_owned())
        }),
        search_mode: Some(SearchMode::TagFocus),
        select: vec![select(MemoryBank::Epc), select(MemoryBank::Tid)],
        trigger: flag(4).then_some(GpiTrigger {
            port: 1,
            high: true,
            timeout: Some(Duration::from_secs(2)),
        }),
        duty_cycle: (!flag(4)).then_some(DutyCycle {
            on: Duration::from_secs(1),
            off: Duration::from_millis(500),
        }),
        report: ReportContent {
            crc: true,
            xpc: true,
            phase: true,
            doppler: true,
            channel: true,
            fine_rssi: true,
            tid: true,
        },
        access_reads: vec![read(1, None), read(2, Some(select(MemoryBank::Epc)))],
        foreign_rospecs: ForeignRoSpecs::Replace,
        ..ClientConfig::default()
    }
}

impl Session {
    /// Does what `op` says with what it takes from `rest`; gives what is left.
    fn act<'a>(&mut self, op: u8, rest: &'a [u8]) -> &'a [u8] {
        let amount = usize::from(op >> 3);
        let (taken, tail) = rest.split_at(amount.min(rest.len()));
        match op & 7 {
            0 => self.client.handle_bytes(self.now, taken),
            // A message of any type with any body, as an answer to the last request.
            1 | 2 => {
                let Some((&[a, b], body)) = taken.split_first_chunk() else {
                    return tail;
                };
                let message_type = u16::from_be_bytes([a, b]) & 0x3ff;
                self.answer(message_type, body);
            }
            // What our reader says, in pieces; twice as often as anything else.
            3 | 4 => {
                self.settle();
                let honest = std::mem::take(&mut self.honest);
                for piece in honest.chunks(amount.max(1) * 7) {
                    self.client.handle_bytes(self.now, piece);
                }
                return rest;
            }
            5 => {
                self.now += Duration::from_millis(1 << (op >> 4));
                self.reader.handle_timeout(self.utc_us());
                self.client.handle_timeout(self.now);
                return rest;
            }
            // A message as our reader says it, with one byte changed.
            6 => {
                self.settle();
                let mut honest = std::mem::take(&mut self.honest);
                if let Some((&[place, value], _)) = taken.split_first_chunk()
                    && let Some(byte) = honest.get_mut(usize::from(place))
                {
                    *byte = value;
                }
                self.client.handle_bytes(self.now, &honest);
            }
            _ if amount == 0 => self.client.close(self.now),
            _ if amount == 1 => self.client.handle_end(self.now),
            _ if amount == 2 => self.client.set_gpo(self.now, 1, true),
            _ if amount == 3 => self.client.fetch_reports(self.now),
            _ if amount == 4 => {
                let sighting = Sighting {
                    antenna: 1,
                    bit_len: 96,
                    epc: reader::epc(rest.len()),
                    ..Sighting::default()
                };
                self.reader.tag(self.utc_us(), &sighting);
                self.reader
                    .gpi_event(self.utc_us(), 1, rest.len().is_multiple_of(2));
                return rest;
            }
            _ if amount == 5 => {
                self.reader.reboot();
                return rest;
            }
            // Sleeps until the client wants to be woken.
            _ => {
                if let Some(wake) = self.client.poll_timeout() {
                    self.now = wake.max(self.now);
                    self.client.handle_timeout(self.now);
                }
                return rest;
            }
        }
        tail
    }

    fn answer(&mut self, message_type: u16, body: &[u8]) {
        let header = Header {
            message_type,
            ..self.request
        };
        let length = u32::try_from(HEADER_LEN + body.len()).expect("small");
        self.client.handle_bytes(self.now, &header.encode(length));
        self.client.handle_bytes(self.now, body);
    }

    fn utc_us(&self) -> u64 {
        reader::EPOCH_US + u64::try_from(self.now.as_micros()).expect("small") - 1_000_000_000
    }

    /// Starts again with what the last client knew, as the daemon does.
    fn reconnect(&mut self) {
        self.connections += 1;
        self.closed = false;
        self.honest.clear();
        self.client = Client::with_memory(self.config.clone(), self.now, self.client.memory());
        self.reader.connect(self.utc_us());
        self.settle();
    }

    /// Takes everything the client has to say, and gives our reader its requests.
    fn settle(&mut self) {
        while let Some(bytes) = self.client.poll_transmit() {
            let frame = RawFrame::parse(&bytes).expect("the client sends whole messages");
            self.request = frame.header;
            if self.reader.handle_bytes(self.utc_us(), &bytes).is_err() {
                self.reader.disconnect();
            }
        }
        while let Some(bytes) = self.reader.poll_transmit() {
            self.honest.extend_from_slice(&bytes);
        }
        while let Some(event) = self.client.poll_event() {
            assert!(!self.closed, "{event:?} after the end");
            if matches!(event, ClientEvent::Closed { .. }) {
                self.closed = true;
                assert!(self.client.is_closed());
            }
        }
        if self.client.is_closed() {
            assert_eq!(self.client.poll_timeout(), None);
        }
        self.client.handle_timeout(self.now);
        let wake = self.client.poll_timeout();
        assert!(
            wake.is_none_or(|wake| wake > self.now),
            "woken at {wake:?} in vain"
        );
    }
}
