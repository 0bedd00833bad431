//! Modbus/TCP, as much of it as switches the outputs of an I/O module.
//!
//! Requests and answers are those of the *Modbus Application Protocol Specification* V1.1b3 §6, the header in front of them
//! (MBAP) that of the *Modbus Messaging on TCP/IP Implementation Guide* V1.0b §3.1.3.

/// The longest frame: the header and a PDU of 253 bytes (V1.1b3 §4.1).
pub const MAX_FRAME: usize = 260;
/// Bytes before what the length in the header counts.
const COUNTED_FROM: usize = 6;
/// Set in the function of an answer that is an exception (V1.1b3 §7).
const EXCEPTION: u8 = 0x80;
/// The most coils that one request may write (V1.1b3 §6.11).
const MAX_COILS: usize = 0x07b0;

/// What a module is asked to do. Coils are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Tell a coil's state: function 1.
    Read(u16),
    /// Switch a coil: function 5.
    Write(u16, bool),
    /// Switch coils that follow each other, 1 to 1968: function 15. Others are left out.
    WriteMany(u16, Vec<bool>),
}

/// How a module answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// It is not done, for this exception code.
    Refused(u8),
    /// An answer to something else.
    Other,
}

/// One answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The number of the request that it answers.
    pub transaction: u16,
    function: u8,
    data: Vec<u8>,
}

/// What comes is no Modbus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it does not speak Modbus/TCP")]
pub struct NoModbus;

impl Request {
    /// The bytes of the request with this number, to this unit.
    #[must_use]
    pub fn encode(&self, transaction: u16, unit: u8) -> Vec<u8> {
        let function = self.function();
        let mut pdu = vec![function];
        match self {
            Self::Read(coil) => {
                pdu.extend(coil.to_be_bytes());
                pdu.extend(1_u16.to_be_bytes());
            }
            Self::Write(coil, on) => {
                pdu.extend(coil.to_be_bytes());
                pdu.extend(level(*on));
            }
            Self::WriteMany(coil, on) => {
                let on = on.get(..MAX_COILS).unwrap_or(on);
                pdu.extend(coil.to_be_bytes());
                pdu.extend(count(on));
                let bytes = on.chunks(8).map(|eight| {
                    let bits = eight.iter().enumerate();
                    bits.fold(0_u8, |byte, (at, on)| byte | u8::from(*on) << at)
                });
                pdu.push(u8::try_from(on.len().div_ceil(8)).unwrap_or(u8::MAX));
                pdu.extend(bytes);
            }
        }
        let len = u16::try_from(pdu.len() + 1).unwrap_or(u16::MAX);
        let mut frame = transaction.to_be_bytes().to_vec();
        frame.extend([0, 0]);
        frame.extend(len.to_be_bytes());
        frame.push(unit);
        frame.extend(pdu);
        frame
    }

    /// What a reply says about this request.
    #[must_use]
    pub fn judge(&self, reply: &Reply) -> Answer {
        let Reply { function, data, .. } = reply;
        if *function == self.function() | EXCEPTION {
            return match data.as_slice() {
                [code] => Answer::Refused(*code),
                _ => Answer::Other,
            };
        }
        if *function != self.function() {
            return Answer::Other;
        }
        let good = match self {
            Self::Read(_) => matches!(data.as_slice(), [1, _]),
            Self::Write(coil, on) => *data == [coil.to_be_bytes(), level(*on)].concat(),
            Self::WriteMany(coil, on) => {
                let on = on.get(..MAX_COILS).unwrap_or(on);
                *data == [coil.to_be_bytes(), count(on)].concat()
            }
        };
        if good { Answer::Done } else { Answer::Other }
    }

    const fn function(&self) -> u8 {
        match self {
            Self::Read(_) => 1,
            Self::Write(..) => 5,
            Self::WriteMany(..) => 15,
        }
    }
}

const fn level(on: bool) -> [u8; 2] {
    if on { [0xff, 0] } else { [0, 0] }
}

fn count(coils: &[bool]) -> [u8; 2] {
    u16::try_from(coils.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// What an exception code means (V1.1b3 §7), and whom to blame.
#[must_use]
pub const fn exception(code: u8) -> &'static str {
    match code {
        1 => "it does not know the function",
        2 => "it has no such coil",
        3 => "it does not take the value",
        4 => "it has failed",
        5 | 6 => "it is busy",
        10 => "its gateway has no way to the unit",
        11 => "the unit behind its gateway does not answer",
        _ => "it refuses",
    }
}

/// Cuts what comes from a module into replies. It holds less than [`MAX_FRAME`] bytes once [`take`](Self::take) has
/// nothing more.
#[derive(Debug, Clone, Default)]
pub struct Inbox(Vec<u8>);

impl Inbox {
    /// Takes bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole reply.
    ///
    /// # Errors
    /// What came can be no reply. There is no way to find the next one: the connection is to be made anew.
    pub fn take(&mut self) -> Result<Option<Reply>, NoModbus> {
        // A wrong beginning is told before a whole frame is there, which may never be.
        if self.0.get(2..4).is_some_and(|protocol| protocol != [0, 0]) {
            return Err(NoModbus);
        }
        let Some(&[high, low]) = self.0.get(4..COUNTED_FROM) else {
            return Ok(None);
        };
        let end = COUNTED_FROM + usize::from(u16::from_be_bytes([high, low]));
        // The unit, and a function with at least a byte of data.
        if !(COUNTED_FROM + 3..=MAX_FRAME).contains(&end) {
            return Err(NoModbus);
        }
        if self.0.len() < end {
            return Ok(None);
        }
        let frame: Vec<u8> = self.0.drain(..end).collect();
        let [first, second, _, _, _, _, _, function, data @ ..] = frame.as_slice() else {
            return Err(NoModbus);
        };
        Ok(Some(Reply {
            transaction: u16::from_be_bytes([*first, *second]),
            function: *function,
            data: data.to_vec(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(bytes: &[u8]) -> Reply {
        let mut inbox = Inbox::default();
        inbox.push(bytes);
        inbox.take().unwrap().unwrap()
    }

    /// The examples of the specification, §6.5 and §6.11, with a header.
    #[test]
    fn requests_and_answers_are_those_of_the_specification() {
        let one = Request::Write(0xac, true);
        let bytes = [0x12, 0x34, 0, 0, 0, 6, 1, 5, 0, 0xac, 0xff, 0];
        assert_eq!(one.encode(0x1234, 1), bytes);
        assert_eq!(one.judge(&reply(&bytes)), Answer::Done);
        assert_eq!(reply(&bytes).transaction, 0x1234);

        let bits = [1, 0, 1, 1, 0, 0, 1, 1, 1, 0].map(|bit| bit == 1);
        let many = Request::WriteMany(0x13, bits.to_vec());
        let bytes = [0, 1, 0, 0, 0, 9, 255, 15, 0, 0x13, 0, 10, 2, 0xcd, 1];
        assert_eq!(many.encode(1, 255), bytes);
        let answer = reply(&[0, 1, 0, 0, 0, 6, 255, 15, 0, 0x13, 0, 10]);
        assert_eq!(many.judge(&answer), Answer::Done);
        assert_eq!(one.judge(&answer), Answer::Other);

        let read = Request::Read(3);
        assert_eq!(read.encode(2, 1), [0, 2, 0, 0, 0, 6, 1, 1, 0, 3, 0, 1]);
        assert_eq!(
            read.judge(&reply(&[0, 2, 0, 0, 0, 4, 1, 1, 1, 0])),
            Answer::Done
        );
        let refused = reply(&[0, 3, 0, 0, 0, 3, 1, 0x85, 2]);
        assert_eq!(one.judge(&refused), Answer::Refused(2));
        assert_eq!(read.judge(&refused), Answer::Other);
    }

    #[test]
    fn what_is_no_modbus_is_told_at_once() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\0\x01\0\0\0\x02\x01\x05",
            b"\0\x01\0\0\x01\0\x01",
            b"\0\x01\0\x01",
        ] {
            let mut inbox = Inbox::default();
            inbox.push(bytes);
            assert_eq!(inbox.take(), Err(NoModbus), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter_and_little_is_kept(
            bytes in prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => 0..12_u8], 0..600),
            size in 1_usize..300,
        ) {
            let cut = |size: usize| {
                let (mut inbox, mut replies) = (Inbox::default(), Vec::new());
                for piece in bytes.chunks(size) {
                    inbox.push(piece);
                    loop {
                        match inbox.take() {
                            Ok(Some(reply)) => replies.push(reply),
                            Ok(None) => break,
                            Err(NoModbus) => return (replies, true),
                        }
                    }
                    assert!(inbox.0.len() < MAX_FRAME);
                }
                (replies, false)
            };
            prop_assert_eq!(cut(size), cut(1));
        }
    }
}
