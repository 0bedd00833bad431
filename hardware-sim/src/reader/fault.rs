//! What can go wrong with a reader, on command; in words for the command line and for scenarios.

use std::{str::FromStr, time::Duration};

use tracegate_llrp::{
    codec::{message::message_name, param::parameter_name},
    reader::RefusedRequest,
};

use crate::scenario::duration;

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// In good order: what was written still arrives (TCP FIN).
    Fin,
    /// At once, as by a reader that lost power or a switch that forgot (TCP RST).
    Rst,
}

/// How messages are cut into writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Segmentation {
    /// A message at a time.
    #[default]
    Whole,
    /// So many bytes at a time.
    Bytes(usize),
    /// One to `most` bytes at a time, as the seed has it.
    Random {
        /// Of the random numbers.
        seed: u64,
        /// Most bytes at a time.
        most: usize,
    },
    /// Up to so many messages in one write, if they are there.
    Joined(usize),
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection ends now.
    Cut(End),
    /// The connection ends within the next report, after so many of its bytes (at least one, at most all but one).
    CutInReport {
        /// How.
        end: End,
        /// Bytes of the report that are still written.
        bytes: usize,
    },
    /// The reader says that it closes the connection, and does.
    Close,
    /// Messages are written in other pieces from now on.
    Segment(Segmentation),
    /// The reader falls silent with its connection open (`true`), or wakes up: a pulled cable, put back.
    Silence(bool),
    /// No keepalives (`true`), or again.
    NoKeepalives(bool),
    /// After a connection has ended, the reader believes for so long that its client is still there.
    Stale(Duration),
    /// Requests are refused.
    Refuse(RefusedRequest),
    /// Messages of this type have no effect and no answer.
    Ignore(u16),
    /// Power is lost for a moment: specs, settings and held reports are forgotten, uptime starts again.
    Reboot,
    /// The reader's clock jumps to so many microseconds ahead of the right time; negative is behind.
    Clock(i64),
    /// The reader's clock jumps to the start of the year 2000, as one that was never set.
    ClockUnset,
    /// Parameters that nobody knows, in reports, events and capabilities.
    UnknownParameters(bool),
    /// At most so many bytes a second; 0 is no limit.
    Throttle(u32),
}

/// Text that names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no fault; faults are: {FAULTS}")]
pub struct UnknownFault {
    text: String,
}

/// How faults are written.
pub const FAULTS: &str = "cut fin|rst, cut-in-report fin|rst BYTES, close, segment whole, segment bytes N, segment random SEED MOST, \
     segment joined N, silence on|off, keepalives on|off, stale DURATION, refuse MESSAGE [PARAMETER] [TIMES], ignore MESSAGE, \
     reboot, clock SECONDS, clock 2000, unknown-parameters on|off, throttle BYTES_PER_SECOND";

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let words: Vec<&str> = text.split_whitespace().collect();
        parse(&words).ok_or_else(|| UnknownFault {
            text: text.to_owned(),
        })
    }
}

fn parse(words: &[&str]) -> Option<Fault> {
    Some(match words {
        ["cut", how] => Fault::Cut(end(how)?),
        ["cut-in-report", how, bytes] => Fault::CutInReport {
            end: end(how)?,
            bytes: bytes.parse().ok()?,
        },
        ["close"] => Fault::Close,
        ["segment", how @ ..] => Fault::Segment(segmentation(how)?),
        ["silence", state] => Fault::Silence(switch(state)?),
        ["keepalives", state] => Fault::NoKeepalives(!switch(state)?),
        ["stale", time @ ..] => Fault::Stale(duration(&time.concat())?),
        ["refuse", message, rest @ ..] => Fault::Refuse(refusal(message, rest)?),
        ["ignore", message] => Fault::Ignore(message_type(message)?),
        ["reboot"] => Fault::Reboot,
        ["clock", "2000"] => Fault::ClockUnset,
        ["clock", seconds] => Fault::Clock(seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?),
        ["unknown-parameters", state] => Fault::UnknownParameters(switch(state)?),
        ["throttle", bytes] => Fault::Throttle(bytes.parse().ok()?),
        _ => return None,
    })
}

fn end(word: &str) -> Option<End> {
    match word {
        "fin" => Some(End::Fin),
        "rst" => Some(End::Rst),
        _ => None,
    }
}

fn switch(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn segmentation(words: &[&str]) -> Option<Segmentation> {
    let count = |word: &str| word.parse().ok().filter(|&count| count > 0);
    Some(match words {
        ["whole"] => Segmentation::Whole,
        ["bytes", bytes] => Segmentation::Bytes(count(bytes)?),
        ["random", seed, most] => Segmentation::Random {
            seed: seed.parse().ok()?,
            most: count(most)?,
        },
        ["joined", messages] => Segmentation::Joined(count(messages)?),
        _ => return None,
    })
}

fn refusal(message: &str, rest: &[&str]) -> Option<RefusedRequest> {
    let (parameter, times) = match rest {
        [] => (None, None),
        [word] if word.parse::<u32>().is_ok() => (None, Some(word)),
        [parameter] => (Some(parameter), None),
        [parameter, times] => (Some(parameter), Some(times)),
        _ => return None,
    };
    Some(RefusedRequest {
        message_type: message_type(message)?,
        parameter: match parameter {
            Some(name) => Some(numbered(name, parameter_name)?),
            None => None,
        },
        times: match times {
            Some(times) => times.parse().ok()?,
            None => u32::MAX,
        },
    })
}

fn message_type(name: &str) -> Option<u16> {
    numbered(name, message_name)
}

/// The number that has this name, as the standard spells it.
fn numbered(name: &str, name_of: fn(u16) -> Option<&'static str>) -> Option<u16> {
    (0..1024).find(|&number| name_of(number) == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_words() {
        for (text, fault) in [
            ("cut rst", Fault::Cut(End::Rst)),
            (
                "cut-in-report fin 7",
                Fault::CutInReport {
                    end: End::Fin,
                    bytes: 7,
                },
            ),
            (
                "segment random 3 40",
                Fault::Segment(Segmentation::Random { seed: 3, most: 40 }),
            ),
            ("keepalives off", Fault::NoKeepalives(true)),
            ("stale 2 s", Fault::Stale(Duration::from_secs(2))),
            ("clock -5", Fault::Clock(-5_000_000)),
            ("clock 2000", Fault::ClockUnset),
            (
                "refuse ADD_ROSPEC C1G2Filter 2",
                Fault::Refuse(RefusedRequest {
                    message_type: 20,
                    parameter: Some(331),
                    times: 2,
                }),
            ),
            (
                "refuse SET_READER_CONFIG",
                Fault::Refuse(RefusedRequest {
                    message_type: 3,
                    parameter: None,
                    times: u32::MAX,
                }),
            ),
        ] {
            assert_eq!(text.parse(), Ok(fault), "{text}");
        }
        for text in ["", "cut", "segment bytes 0", "refuse NOTHING", "stale soon"] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains("faults are: cut fin|rst"), "{error}");
        }
    }
}
