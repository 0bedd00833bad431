//! Targets of `crates/llrp`.

mod client;
mod reader;
mod report;

pub use client::client;
pub use reader::reader;
pub use report::report;
use tracegate_llrp::codec::param::LLRPStatus;
use tracegate_llrp::codec::{Frame, Message, Param, status};
use tracegate_llrp::frame::{FrameError, FrameSplitter, HEADER_LEN, Header, RawFrame};
use tracegate_llrp::wire::{Reader, Writer};

/// Longest message of these runs: small, so that the limit is met.
const MAX_LEN: u32 = 4096;

/// Header and body of a message.
type Piece = (Header, Vec<u8>);

/// The frame splitter, fed in pieces: the first byte tells how long they are, the rest is the stream.
///
/// # Panics
/// If the segmentation changes the messages, the error or the counters, or more is held back than came.
pub fn frames(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else {
        return;
    };
    let whole = split(stream, |_| stream.len().max(1));
    let pieces = split(stream, |index| {
        1 + usize::from(seed).wrapping_mul(index + 1) % 23
    });
    assert_eq!(whole, pieces, "the segmentation changes the messages");
    let (messages, _) = whole;
    let mut rest = stream;
    for (header, body) in messages {
        let (message, tail) = rest
            .split_at_checked(HEADER_LEN + body.len())
            .expect("no more comes out than went in");
        let parsed = RawFrame::parse(message).expect("a message that was split off parses");
        assert_eq!((parsed.header, parsed.body), (header, &body[..]));
        rest = tail;
    }
}

fn split(stream: &[u8], size: impl Fn(usize) -> usize) -> (Vec<Piece>, Option<FrameError>) {
    let mut splitter = FrameSplitter::new(MAX_LEN);
    let mut messages = Vec::new();
    let (mut rest, mut index) = (stream, 0);
    while !rest.is_empty() {
        let (mut piece, tail) = rest.split_at(size(index).min(rest.len()));
        (rest, index) = (tail, index + 1);
        loop {
            match splitter.next_frame(&mut piece) {
                Ok(Some(frame)) => messages.push((frame.header, frame.body.to_vec())),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(piece.is_empty(), "all is taken in");
        assert!(splitter.pending() <= MAX_LEN as usize && splitter.pending() <= stream.len());
    }
    assert_eq!(splitter.counters().bytes, stream.len() as u64);
    assert_eq!(splitter.counters().frames, messages.len() as u64);
    (messages, None)
}

/// One message: the first two bytes are those of its header, the rest is its body.
///
/// # Panics
/// If strict and lenient decoding disagree on a valid message, or encoding and decoding changes one.
pub fn message(data: &[u8]) {
    let Some((&[a, b], body)) = data.split_first_chunk() else {
        return;
    };
    let word = u16::from_be_bytes([a, b]);
    let header = Header {
        version: (word >> 10) as u8 & 7,
        message_type: word & 0x3ff,
        message_id: 1,
    };
    let raw = RawFrame { header, body };
    let lenient = Frame::decode_lenient(raw);
    if let Ok(strict) = Frame::decode(raw) {
        assert_eq!(
            lenient.as_ref(),
            Ok(&strict),
            "valid means the same to both"
        );
        let again = encode(&strict);
        let back = Frame::decode(RawFrame::parse(&again).expect("what we encode is one message"));
        assert_eq!(back.as_ref(), Ok(&strict));
        assert_eq!(encode(&strict), again);
    }
    let Ok(lenient) = lenient else { return };
    let again = encode(&lenient);
    let raw = RawFrame::parse(&again).expect("what we encode is one message");
    let (back, odd) = Frame::decode_counted(raw).expect("what was decoded decodes again");
    assert_eq!(back, lenient);
    if odd.is_clean() && !lacks_parts(raw) {
        assert_eq!(Frame::decode(raw), Ok(back));
    }
    if let Message::ErrorMessage(error) = &lenient.message
        && let Some(reason) = error.params.first::<LLRPStatus>()
    {
        assert!(!status::explain(reason).is_empty());
    }
}

/// Whether a message lacks what the standard demands, which only the strict decoder minds.
fn lacks_parts(raw: RawFrame<'_>) -> bool {
    matches!(
        Frame::decode(raw),
        Err(tracegate_llrp::wire::DecodeError::Missing { .. })
    )
}

fn encode(frame: &Frame) -> Vec<u8> {
    frame.encode().expect("what fitted before fits again")
}

/// Parameters, one behind the other.
///
/// # Panics
/// If encoding and decoding changes one.
pub fn parameter(data: &[u8]) {
    for reader in [Reader::new(data), Reader::lenient(data)] {
        let mut left = reader;
        while left.left() > 0 {
            let strict = left.is_strict();
            let Ok(param) = Param::decode(&mut left) else {
                break;
            };
            let mut w = Writer::new();
            param.encode(&mut w);
            let bytes = w.finish().expect("what fitted before fits again");
            let mut again = if strict {
                Reader::new(&bytes)
            } else {
                Reader::lenient(&bytes)
            };
            assert_eq!(Param::decode(&mut again), Ok(param));
            assert_eq!(again.left(), 0);
        }
    }
}
