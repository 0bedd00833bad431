//! Cuts a byte stream into LLRP messages, whatever its segmentation.
//!
//! Complete messages inside the input are handed out in place; only a message that is cut by the end of the
//! input is copied. So memory is bounded by the largest message allowed, and grows only by bytes received,
//! never by what a length field promises.

/// Bytes of a message header (LLRP 1.0.1 §16.1.1): 3 bits reserved, 3 bits version, 10 bits type, `u32` length
/// of the whole message, `u32` message id.
pub const HEADER_LEN: usize = 10;

/// Default for the longest message accepted: 1 MiB. Real reports stay below 64 KiB.
pub const DEFAULT_MAX_LEN: u32 = 1 << 20;

/// What is in a message header, without the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// 1 for LLRP 1.0.1, 2 for 1.1, 3 for 2.0.
    pub version: u8,
    /// Message type, 10 bits.
    pub message_type: u16,
    /// Echoed by the response.
    pub message_id: u32,
}

impl Header {
    /// The header's bytes for a message of `length` bytes, header included.
    #[must_use]
    pub fn encode(self, length: u32) -> [u8; HEADER_LEN] {
        let [a, b] =
            ((u16::from(self.version & 7) << 10) | (self.message_type & 0x3ff)).to_be_bytes();
        let [c, d, e, f] = length.to_be_bytes();
        let [g, h, i, j] = self.message_id.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j]
    }

    fn decode(bytes: &[u8; HEADER_LEN]) -> (Self, u32) {
        let [a, b, c, d, e, f, g, h, i, j] = *bytes;
        let word = u16::from_be_bytes([a, b]);
        let header = Self {
            version: ((word >> 10) & 7) as u8,
            message_type: word & 0x3ff,
            message_id: u32::from_be_bytes([g, h, i, j]),
        };
        (header, u32::from_be_bytes([c, d, e, f]))
    }
}

/// One whole message, not yet decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawFrame<'a> {
    /// Version, type and id.
    pub header: Header,
    /// What follows the header.
    pub body: &'a [u8],
}

impl<'a> RawFrame<'a> {
    /// Takes exactly one message from `bytes`.
    ///
    /// # Errors
    /// [`FrameError`] if the stated length is not that of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (head, body) = bytes.split_first_chunk().ok_or(FrameError::Cut)?;
        let (header, length) = Header::decode(head);
        if (length as usize) < HEADER_LEN {
            return Err(FrameError::TooShort { length });
        }
        if length as usize != bytes.len() {
            return Err(FrameError::Cut);
        }
        Ok(Self { header, body })
    }
}

/// What the other side sends is not LLRP; the stream cannot be used any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The length field is smaller than the header.
    #[error(
        "not LLRP: a message states a length of {length} bytes, its header alone has {HEADER_LEN}"
    )]
    TooShort {
        /// Length stated.
        length: u32,
    },
    /// The length field is larger than allowed.
    #[error("not LLRP: a message states a length of {length} bytes, at most {max} are accepted")]
    TooLong {
        /// Length stated.
        length: u32,
        /// Largest length accepted.
        max: u32,
    },
    /// The bytes given are not exactly one message ([`RawFrame::parse`] only).
    #[error("not one whole LLRP message")]
    Cut,
}

/// Counters of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameCounters {
    /// Bytes taken in.
    pub bytes: u64,
    /// Whole messages handed out.
    pub frames: u64,
}

/// Cuts one connection's byte stream into messages.
#[derive(Debug)]
pub struct FrameSplitter {
    partial: Vec<u8>,
    /// `partial` was handed out whole and is to be cleared.
    spent: bool,
    max_len: u32,
    failed: Option<FrameError>,
    counters: FrameCounters,
}

impl Default for FrameSplitter {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_LEN)
    }
}

impl FrameSplitter {
    /// A splitter that accepts messages up to `max_len` bytes, header included.
    #[must_use]
    pub fn new(max_len: u32) -> Self {
        Self {
            partial: Vec::new(),
            spent: false,
            max_len,
            failed: None,
            counters: FrameCounters::default(),
        }
    }

    /// Counters since the start of the stream.
    #[must_use]
    pub fn counters(&self) -> FrameCounters {
        self.counters
    }

    /// Bytes of an unfinished message held back.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.spent { 0 } else { self.partial.len() }
    }

    /// Takes the next whole message from `input`, which is advanced; `None` means all input is taken in.
    ///
    /// Call until it gives `None`, then again with new input.
    ///
    /// # Errors
    /// [`FrameError`] on an impossible length, and on every later call.
    pub fn next_frame<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<RawFrame<'a>>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if std::mem::take(&mut self.spent) {
            self.partial.clear();
            // One huge message must not hold its memory for the life of the connection.
            self.partial.shrink_to(64 * 1024);
        }
        if self.partial.is_empty() {
            let Some((head, _)) = input.split_first_chunk() else {
                self.take_in(input, input.len());
                return Ok(None);
            };
            let (header, length) = self.check(head)?;
            if let Some((frame, tail)) = input.split_at_checked(length) {
                *input = tail;
                self.counters.bytes += length as u64;
                self.counters.frames += 1;
                let body = frame.get(HEADER_LEN..).unwrap_or_default();
                return Ok(Some(RawFrame { header, body }));
            }
            self.take_in(input, input.len());
            return Ok(None);
        }
        self.take_in(input, HEADER_LEN.saturating_sub(self.partial.len()));
        let Some(head) = self.partial.first_chunk().copied() else {
            return Ok(None);
        };
        let (header, length) = self.check(&head)?;
        self.take_in(input, length - self.partial.len());
        if self.partial.len() < length {
            return Ok(None);
        }
        self.spent = true;
        self.counters.frames += 1;
        let body = self.partial.get(HEADER_LEN..).unwrap_or_default();
        Ok(Some(RawFrame { header, body }))
    }

    fn check(&mut self, head: &[u8; HEADER_LEN]) -> Result<(Header, usize), FrameError> {
        let (header, length) = Header::decode(head);
        let error = if (length as usize) < HEADER_LEN {
            FrameError::TooShort { length }
        } else if length > self.max_len {
            FrameError::TooLong {
                length,
                max: self.max_len,
            }
        } else {
            return Ok((header, length as usize));
        };
        self.failed = Some(error);
        Err(error)
    }

    fn take_in(&mut self, input: &mut &[u8], wanted: usize) {
        let (head, tail) = input.split_at(wanted.min(input.len()));
        self.partial.extend_from_slice(head);
        self.counters.bytes += head.len() as u64;
        *input = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(message_type: u16, message_id: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = Header {
            version: 1,
            message_type,
            message_id,
        }
        .encode((10 + body.len()) as u32)
        .to_vec();
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn any_segmentation_gives_the_same_frames() {
        let stream = [
            message(62, 7, &[]),
            message(61, 8, &[1, 2, 3]),
            message(63, 9, &[5; 40]),
        ]
        .concat();
        for first in 0..stream.len() {
            for size in 1..stream.len() {
                let mut splitter = FrameSplitter::default();
                let mut seen = Vec::new();
                let (a, b) = stream.split_at(first);
                for mut piece in std::iter::once(a).chain(b.chunks(size)) {
                    while let Some(frame) = splitter.next_frame(&mut piece).unwrap() {
                        seen.push((frame.header.message_id, frame.body.len()));
                    }
                    assert!(piece.is_empty());
                }
                assert_eq!(
                    seen,
                    [(7, 0), (8, 3), (9, 40)],
                    "cut at {first}, then every {size}"
                );
                assert_eq!(splitter.pending(), 0);
                assert_eq!(
                    splitter.counters(),
                    FrameCounters {
                        bytes: stream.len() as u64,
                        frames: 3
                    }
                );
            }
        }
    }

    #[test]
    fn hostile_lengths_end_the_stream_without_memory() {
        for (length, error) in [
            (0, FrameError::TooShort { length: 0 }),
            (9, FrameError::TooShort { length: 9 }),
            (
                DEFAULT_MAX_LEN + 1,
                FrameError::TooLong {
                    length: DEFAULT_MAX_LEN + 1,
                    max: DEFAULT_MAX_LEN,
                },
            ),
            (
                u32::MAX,
                FrameError::TooLong {
                    length: u32::MAX,
                    max: DEFAULT_MAX_LEN,
                },
            ),
        ] {
            for size in [1, 10] {
                let bytes = Header {
                    version: 1,
                    message_type: 62,
                    message_id: 1,
                }
                .encode(length);
                let mut splitter = FrameSplitter::default();
                let mut result = Ok(None);
                for mut piece in bytes.chunks(size) {
                    result = splitter.next_frame(&mut piece).map(|f| f.map(|f| f.header));
                }
                assert_eq!(result, Err(error));
                assert!(error.to_string().starts_with("not LLRP"));
                assert_eq!(
                    splitter.next_frame(&mut &message(62, 1, &[])[..]),
                    Err(error),
                    "stays failed"
                );
                assert!(splitter.partial.capacity() < 64);
            }
        }
    }

    #[test]
    fn a_promised_length_allocates_nothing() {
        let mut splitter = FrameSplitter::default();
        let head = Header {
            version: 1,
            message_type: 62,
            message_id: 1,
        }
        .encode(DEFAULT_MAX_LEN);
        assert_eq!(splitter.next_frame(&mut &head[..]), Ok(None));
        assert!(splitter.partial.capacity() < 64);
    }
}
