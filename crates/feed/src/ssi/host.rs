//! The host's side: acknowledges every scan, knows a scan that is sent again, delivers commands one after the other.

use std::collections::VecDeque;

use super::{
    BEEP, CMD_ACK, CMD_NAK, CONTINUATION, DECODE_DATA, HOST, LED_OFF, LED_ON, NAK_RESEND, Packet,
    RETRANSMIT, SCAN_DISABLE, SCAN_ENABLE, START_SESSION, STOP_SESSION, aim_id,
};

/// Commands that wait for their turn, at most; the oldest says nothing to the operator any more and goes.
pub const MAX_WAITING: usize = 8;
/// Longest scan of several packets, in bytes; a QR code holds 4,296 characters at most.
const MAX_SCAN: usize = 8 * 1024;
/// The scanner answers a command within this.
const ANSWER_US: u64 = 1_000_000;
/// The next packet of a scan comes within this.
const NEXT_PACKET_US: u64 = 4_000_000;
/// A command without answer is sent so often.
const TRIES: u8 = 3;

/// What a scanner can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// One short high tone.
    BeepGood,
    /// Two short high tones.
    BeepWarn,
    /// Four long low tones.
    BeepBad,
    /// Lights the decode LED.
    LedOn,
    /// Puts it out.
    LedOff,
    /// Lets it scan.
    Enable,
    /// Keeps it from scanning.
    Disable,
    /// Pulls the trigger.
    TriggerOn,
    /// Lets it go.
    TriggerOff,
}

impl Verb {
    /// All of them, by the name used in configurations.
    pub const ALL: [(&'static str, Verb); 9] = [
        ("beep_good", Verb::BeepGood),
        ("beep_warn", Verb::BeepWarn),
        ("beep_bad", Verb::BeepBad),
        ("led_on", Verb::LedOn),
        ("led_off", Verb::LedOff),
        ("enable", Verb::Enable),
        ("disable", Verb::Disable),
        ("trigger_on", Verb::TriggerOn),
        ("trigger_off", Verb::TriggerOff),
    ];

    /// The verbs of a text, separated by blanks.
    ///
    /// # Errors
    /// The first word that is none.
    pub fn parse(text: &str) -> Result<Vec<Verb>, &str> {
        let verb = |word| {
            let known = Verb::ALL.iter().find(|(name, _)| *name == word);
            known.map(|(_, verb)| *verb).ok_or(word)
        };
        text.split_ascii_whitespace().map(verb).collect()
    }

    const fn command(self) -> (u8, &'static [u8]) {
        match self {
            Verb::BeepGood => (BEEP, &[0x00]),
            Verb::BeepWarn => (BEEP, &[0x01]),
            Verb::BeepBad => (BEEP, &[0x12]),
            Verb::LedOn => (LED_ON, &[0x01]),
            Verb::LedOff => (LED_OFF, &[0x01]),
            Verb::Enable => (SCAN_ENABLE, &[]),
            Verb::Disable => (SCAN_DISABLE, &[]),
            Verb::TriggerOn => (START_SESSION, &[]),
            Verb::TriggerOff => (STOP_SESSION, &[]),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A scan, or what the scanner says in its place when it read nothing.
    Scan {
        /// AIM identifier of the code type, where it has one and the data does not begin with one.
        id: Option<&'static str>,
        /// The data.
        data: Vec<u8>,
    },
    /// A scan that came before; it is acknowledged again and not counted.
    Repeated,
    /// A scan of several packets did not end, or was too long: so many bytes are lost.
    Lost {
        /// So many.
        len: usize,
    },
    /// The scanner refuses a command.
    Refused {
        /// The command's opcode.
        opcode: u8,
        /// Its reason: 2 bad context, 6 denied.
        reason: u8,
    },
    /// The scanner does not answer a command.
    NoAnswer {
        /// The command's opcode.
        opcode: u8,
    },
    /// Something else that the scanner says by itself.
    Other {
        /// Its opcode.
        opcode: u8,
    },
}

/// The host's side of one connection. Packets go in by [`packet`](Host::packet); what is to be written comes out of
/// [`poll_transmit`](Host::poll_transmit) after each call.
#[derive(Debug, Clone, Default)]
pub struct Host {
    waiting: VecDeque<(u8, &'static [u8])>,
    flight: Option<Flight>,
    transmit: VecDeque<Vec<u8>>,
    /// Opcode and data of the last packet with a scan.
    last: Option<Vec<u8>>,
    partial: Option<Partial>,
    dropped: u64,
}

#[derive(Debug, Clone)]
struct Flight {
    opcode: u8,
    data: &'static [u8],
    due_us: u64,
    tries: u8,
}

#[derive(Debug, Clone)]
struct Partial {
    code_type: u8,
    data: Vec<u8>,
    due_us: u64,
    overlong: bool,
}

impl Host {
    /// Takes a packet as framed.
    pub fn packet(&mut self, frame: &[u8], now_us: u64, out: &mut Vec<Event>) {
        let Some(packet) = Packet::parse(frame) else {
            return;
        };
        // Our own bytes, by a loop in the cable.
        if packet.source == HOST {
            return;
        }
        match packet.opcode {
            CMD_ACK => {
                self.flight = None;
                self.next(now_us);
            }
            CMD_NAK => self.refused(
                packet.data.first().copied().unwrap_or_default(),
                now_us,
                out,
            ),
            DECODE_DATA => {
                self.acknowledge();
                self.decoded(&packet, frame, now_us, out);
            }
            opcode => {
                self.acknowledge();
                out.push(Event::Other { opcode });
            }
        }
    }

    /// Tells the scanner something, after what was told before.
    pub fn tell(&mut self, verb: Verb, now_us: u64) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(verb.command());
        if self.flight.is_none() {
            self.next(now_us);
        }
    }

    /// Commands that gave way to later ones since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// The next bytes to write.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmit.pop_front()
    }

    /// When [`tick`](Self::tick) has something to do.
    #[must_use]
    pub fn deadline_us(&self) -> Option<u64> {
        let flight = self.flight.as_ref().map(|flight| flight.due_us);
        let partial = self.partial.as_ref().map(|partial| partial.due_us);
        flight.into_iter().chain(partial).min()
    }

    /// Lets time pass.
    pub fn tick(&mut self, now_us: u64, out: &mut Vec<Event>) {
        if self
            .partial
            .as_ref()
            .is_some_and(|partial| partial.due_us <= now_us)
            && let Some(partial) = self.partial.take()
        {
            out.push(Event::Lost {
                len: partial.data.len(),
            });
        }
        if self
            .flight
            .as_ref()
            .is_some_and(|flight| flight.due_us <= now_us)
        {
            self.again(now_us, out);
        }
    }

    fn acknowledge(&mut self) {
        self.send(CMD_ACK, &[], 0);
    }

    fn send(&mut self, opcode: u8, data: &[u8], status: u8) {
        let packet = Packet {
            opcode,
            source: HOST,
            status,
            data,
        };
        self.transmit.push_back(packet.bytes());
    }

    fn decoded(&mut self, packet: &Packet<'_>, frame: &[u8], now_us: u64, out: &mut Vec<Event>) {
        let body = [&[packet.opcode], packet.data].concat();
        // Between two packets of one message the same data is new data.
        if packet.status & RETRANSMIT != 0 && self.last.as_ref() == Some(&body) {
            out.push(Event::Repeated);
            return;
        }
        self.last = Some(body);
        let Some((code_type, data)) = packet.data.split_first() else {
            out.push(Event::Lost { len: frame.len() });
            return;
        };
        let mut partial = self.partial.take().unwrap_or(Partial {
            code_type: *code_type,
            data: Vec::new(),
            due_us: 0,
            overlong: false,
        });
        // Each packet repeats the code type; one that does not has more data in its place.
        let data = if *code_type == partial.code_type {
            data
        } else {
            packet.data
        };
        if partial.data.len().saturating_add(data.len()) > MAX_SCAN {
            partial.overlong = true;
        } else {
            partial.data.extend(data);
        }
        if packet.status & CONTINUATION != 0 {
            partial.due_us = now_us.saturating_add(NEXT_PACKET_US);
            self.partial = Some(partial);
        } else if partial.overlong {
            out.push(Event::Lost {
                len: partial.data.len(),
            });
        } else {
            out.push(scan(partial.code_type, partial.data));
        }
    }

    fn refused(&mut self, reason: u8, now_us: u64, out: &mut Vec<Event>) {
        match self.flight.take() {
            Some(flight) if reason == NAK_RESEND => {
                self.flight = Some(flight);
                self.again(now_us, out);
            }
            flight => {
                let opcode = flight.map_or(0, |flight| flight.opcode);
                out.push(Event::Refused { opcode, reason });
                self.next(now_us);
            }
        }
    }

    /// Sends the command in flight once more, or gives it up.
    fn again(&mut self, now_us: u64, out: &mut Vec<Event>) {
        let Some(mut flight) = self.flight.take() else {
            return;
        };
        if flight.tries >= TRIES {
            out.push(Event::NoAnswer {
                opcode: flight.opcode,
            });
            self.next(now_us);
            return;
        }
        flight.tries += 1;
        flight.due_us = now_us.saturating_add(ANSWER_US);
        self.send(flight.opcode, flight.data, RETRANSMIT);
        self.flight = Some(flight);
    }

    fn next(&mut self, now_us: u64) {
        if let Some((opcode, data)) = self.waiting.pop_front() {
            self.send(opcode, data, 0);
            self.flight = Some(Flight {
                opcode,
                data,
                due_us: now_us.saturating_add(ANSWER_US),
                tries: 1,
            });
        }
    }
}

/// A scanner that is set to send AIM identifiers sends one in the data.
fn scan(code_type: u8, data: Vec<u8>) -> Event {
    let has_one = matches!(data.as_slice(), [b']', letter, digit, ..] if letter.is_ascii_alphabetic() && digit.is_ascii_digit());
    let id = aim_id(code_type).filter(|_| !has_one);
    Event::Scan { id, data }
}
