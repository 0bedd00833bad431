//! What makes of scanners put on the wire, byte for byte, named by the gateway's profile for them.

/// Telnet: the reader asks for a terminal type and wants to echo (RFC 854).
const NEGOTIATION: &[u8] = b"\xff\xfd\x18\xff\xfb\x01";

/// What one make sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Make {
    /// The gateway's profile for it.
    pub profile: &'static str,
    /// When the host connects over telnet.
    pub hello: &'static [u8],
    before: &'static [u8],
    after: &'static [u8],
    is_ssi: bool,
    no_read: Option<&'static str>,
    heartbeat: Option<&'static str>,
    status: Option<&'static str>,
}

const PLAIN: Make = Make {
    profile: "raw_ascii",
    hello: b"",
    before: b"",
    after: b"\r",
    is_ssi: false,
    no_read: None,
    heartbeat: None,
    status: None,
};

/// All makes.
pub const MAKES: [Make; 11] = [
    Make {
        after: b"\r\n",
        ..PLAIN
    },
    Make {
        profile: "honeywell",
        status: Some("REVINF: Xenon 1900 BASE-12\x06."),
        ..PLAIN
    },
    Make {
        profile: "honeywell_host_ack",
        ..PLAIN
    },
    Make {
        profile: "datalogic",
        no_read: Some("NOREAD"),
        ..PLAIN
    },
    Make {
        profile: "zebra",
        after: b"\n",
        no_read: Some("NR"),
        ..PLAIN
    },
    Make {
        profile: "zebra_ssi",
        is_ssi: true,
        no_read: Some("NR"),
        ..PLAIN
    },
    Make {
        profile: "cognex_dataman",
        hello: NEGOTIATION,
        after: b"\r\n",
        no_read: Some(""),
        status: Some("||0:123[0]"),
        ..PLAIN
    },
    Make {
        profile: "keyence_sr",
        no_read: Some("ERROR"),
        status: Some("OK,LON"),
        ..PLAIN
    },
    Make {
        profile: "sick",
        before: b"\x02",
        after: b"\x03",
        no_read: Some("NoRead"),
        heartbeat: Some("Heartbeat"),
        status: Some("sAN mTCgateon 1"),
        ..PLAIN
    },
    Make {
        profile: "omron",
        before: b"\x02",
        after: b"\r\n",
        no_read: Some("E003"),
        status: Some("OK"),
        ..PLAIN
    },
    Make {
        profile: "generic",
        before: b"\x02",
        after: b"\x03",
        no_read: Some("no read"),
        heartbeat: Some("ALIVE"),
        ..PLAIN
    },
];

impl Make {
    /// A code that was read.
    #[must_use]
    pub fn scan(&self, code: &str) -> Vec<u8> {
        if self.is_ssi {
            // Code 128.
            let data = [&[0x03], code.as_bytes()].concat();
            return ssi_packet(0xf3, 0, &data);
        }
        [self.before, code.as_bytes(), self.after].concat()
    }

    /// It read nothing; `None` when this make keeps that to itself.
    #[must_use]
    pub fn no_read(&self) -> Option<Vec<u8>> {
        self.no_read.map(|text| self.scan(text))
    }

    /// It lives.
    #[must_use]
    pub fn heartbeat(&self) -> Option<Vec<u8>> {
        self.heartbeat.map(|text| self.scan(text))
    }

    /// It says something about itself.
    #[must_use]
    pub fn status(&self) -> Option<Vec<u8>> {
        self.status.map(|text| self.scan(text))
    }
}

/// A packet of the Simple Serial Interface from the scanner; `data` has up to 251 bytes.
#[must_use]
pub fn ssi_packet(opcode: u8, status: u8, data: &[u8]) -> Vec<u8> {
    let length = data.len().min(251) as u8 + 4;
    let mut packet = vec![length, opcode, 0, status];
    packet.extend(data.iter().take(251));
    let sum: u16 = packet.iter().map(|&byte| u16::from(byte)).sum();
    packet.extend(0u16.wrapping_sub(sum).to_be_bytes());
    packet
}

/// In what pieces frames arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Each frame at once.
    Whole,
    /// One byte after the other.
    Bytewise,
    /// All frames at once.
    Together,
    /// Cut in the middle of each frame.
    Halves,
}

impl Delivery {
    /// All of them.
    pub const ALL: [Delivery; 4] = [
        Delivery::Whole,
        Delivery::Bytewise,
        Delivery::Together,
        Delivery::Halves,
    ];

    /// The pieces to write one by one.
    #[must_use]
    pub fn pieces(self, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
        match self {
            Delivery::Whole => frames.to_vec(),
            Delivery::Together => vec![frames.concat()],
            Delivery::Bytewise => frames.concat().iter().map(|&byte| vec![byte]).collect(),
            Delivery::Halves => frames
                .iter()
                .flat_map(|frame| {
                    let (first, second) = frame.split_at(frame.len() / 2);
                    [first.to_vec(), second.to_vec()]
                })
                .filter(|piece| !piece.is_empty())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_the_published_one() {
        assert_eq!(
            ssi_packet(0xd0, 0, b""),
            [0x04, 0xd0, 0x00, 0x00, 0xff, 0x2c]
        );
    }

    #[test]
    fn pieces_are_the_frames() {
        let frames = [b"\x02one\x03".to_vec(), b"\r".to_vec()];
        for delivery in Delivery::ALL {
            assert_eq!(delivery.pieces(&frames).concat(), frames.concat());
        }
    }
}
