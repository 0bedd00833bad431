//! The client's state machine between a reader of ours and one that says anything.

use std::time::Duration;

use tracegate_llrp::client::{Client, ClientConfig, ClientEvent};
use tracegate_llrp::frame::{HEADER_LEN, Header, RawFrame};
use tracegate_llrp::reader::{Reader, ReaderConfig};

/// The reader's clock at the start.
const EPOCH_US: u64 = 1_795_305_600_000_000;

struct Session {
    client: Client,
    reader: Reader,
    now: Duration,
    /// Id of the last request, so that made-up responses meet it.
    request_id: u32,
    /// Bytes that our reader would like to send.
    honest: Vec<u8>,
    closed: u32,
}

/// A session told by `data`: bytes, whole messages, what a real reader would say, and time.
///
/// # Panics
/// If the client sends what is not LLRP, says that it is closed more than once, works after that, or asks to be woken
/// at a time that has passed.
pub fn client(data: &[u8]) {
    let now = Duration::from_secs(1000);
    let mut session = Session {
        client: Client::new(ClientConfig::default(), now),
        reader: Reader::new(ReaderConfig::default()),
        now,
        request_id: 0,
        honest: Vec::new(),
        closed: 0,
    };
    session.reader.connect(EPOCH_US);
    let mut rest = data;
    while let Some((&op, tail)) = rest.split_first() {
        rest = session.act(op, tail);
        session.settle();
    }
    session.client.handle_end(session.now);
    session.settle();
    assert_eq!(session.closed, 1, "the end is told once");
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
            version: 1,
            message_type,
            message_id: self.request_id,
        };
        let length = u32::try_from(HEADER_LEN + body.len()).expect("small");
        self.client.handle_bytes(self.now, &header.encode(length));
        self.client.handle_bytes(self.now, body);
    }

    fn utc_us(&self) -> u64 {
        EPOCH_US + u64::try_from(self.now.as_micros()).expect("small") - 1_000_000_000
    }

    /// Takes everything the client has to say, and gives our reader its requests.
    fn settle(&mut self) {
        while let Some(bytes) = self.client.poll_transmit() {
            let frame = RawFrame::parse(&bytes).expect("the client sends whole messages");
            self.request_id = frame.header.message_id;
            if self.reader.handle_bytes(self.utc_us(), &bytes).is_err() {
                self.reader.disconnect();
            }
        }
        while let Some(bytes) = self.reader.poll_transmit() {
            self.honest.extend_from_slice(&bytes);
        }
        while let Some(event) = self.client.poll_event() {
            assert_eq!(self.closed, 0, "{event:?} after the end");
            if matches!(event, ClientEvent::Closed { .. }) {
                self.closed += 1;
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
