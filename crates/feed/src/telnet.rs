//! Takes the negotiation out of a telnet connection (RFC 854), as fixed readers on port 23 send it.
//!
//! Every option is refused: what is wanted is the bare text.

const SE: u8 = 240;
const SB: u8 = 250;
const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;
const IAC: u8 = 255;

/// The state of one connection.
#[derive(Debug, Clone, Default)]
pub struct Telnet {
    state: State,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Data,
    /// After IAC.
    Command,
    /// After IAC and this command.
    Option(u8),
    /// In a subnegotiation.
    Sub,
    /// In a subnegotiation, after IAC.
    SubCommand,
}

impl Telnet {
    /// Takes bytes: text goes to `text`, refusals to `answer`, which is to be sent.
    pub fn push(&mut self, bytes: &[u8], text: &mut Vec<u8>, answer: &mut Vec<u8>) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::Data, IAC) => State::Command,
                (State::Data, _) => {
                    text.push(byte);
                    State::Data
                }
                // Twice is the byte itself.
                (State::Command, IAC) => {
                    text.push(IAC);
                    State::Data
                }
                (State::Command, SB) => State::Sub,
                (State::Command, WILL | WONT | DO | DONT) => State::Option(byte),
                (State::Command, _) => State::Data,
                (State::Option(command), option) => {
                    match command {
                        WILL => answer.extend([IAC, DONT, option]),
                        DO => answer.extend([IAC, WONT, option]),
                        _ => {}
                    }
                    State::Data
                }
                (State::Sub, IAC) => State::SubCommand,
                (State::Sub, _) => State::Sub,
                (State::SubCommand, SE) => State::Data,
                (State::SubCommand, _) => State::Sub,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE: &[u8] =
        b"\xff\xfd\x18\xff\xfb\x01Wel\xff\xf1come\xff\xfa\x18\x01\xff\xff\xff\xf0\r\n\xff\xff";

    #[test]
    fn only_text_is_left_and_every_option_is_refused_in_any_pieces() {
        for size in 1..=WIRE.len() {
            let (mut telnet, mut text, mut answer) = (Telnet::default(), Vec::new(), Vec::new());
            for bytes in WIRE.chunks(size) {
                telnet.push(bytes, &mut text, &mut answer);
            }
            assert_eq!(text, b"Welcome\r\n\xff", "pieces of {size}");
            assert_eq!(answer, b"\xff\xfc\x18\xff\xfe\x01");
        }
    }
}
