//! Bounded reading and writing of LLRP's big-endian fields.
//!
//! Every read checks what is left, so code above never handles raw lengths. [`Reader::sub`] narrows the view to
//! one nested parameter and counts the depth; [`Writer::length16`] patches a length in after the content.
//! Nothing here allocates because of a number found on the wire.

/// How deep parameters may nest. The standard needs 8; only `ParameterError` may contain itself.
pub const MAX_DEPTH: u8 = 16;

/// Why bytes could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A field or parameter runs beyond its container.
    #[error("{needed} bytes needed where only {left} are left")]
    Short {
        /// Bytes the field needs.
        needed: usize,
        /// Bytes left in the container.
        left: usize,
    },
    /// A TLV parameter states a length shorter than its own header.
    #[error("parameter {param_type} states a length of {length}, its header alone has 4")]
    BadLength {
        /// Type number of the parameter.
        param_type: u16,
        /// Length it states.
        length: u16,
    },
    /// Parameters nest deeper than [`MAX_DEPTH`].
    #[error("parameters nest more than {MAX_DEPTH} deep")]
    TooDeep,
    /// Bytes are left after the last field of a parameter or message that has no sub-parameters.
    #[error("{bytes} bytes too many in {name}")]
    Trailing {
        /// Parameter or message.
        name: &'static str,
        /// Bytes left over.
        bytes: usize,
    },
    /// A mandatory sub-parameter is absent.
    #[error("{name} lacks its {missing}")]
    Missing {
        /// Parameter or message.
        name: &'static str,
        /// What is absent.
        missing: &'static str,
    },
}

/// A value could not be written: something is longer than its length field can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a parameter or list is longer than its length field can say")]
pub struct TooLong;

/// A bounded view of bytes being decoded.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Bits already taken from the first byte of `rest`.
    bit: u8,
    depth: u8,
    strict: bool,
    skipped: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` strictly: missing sub-parameters and bytes left over are errors.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            bit: 0,
            depth: MAX_DEPTH,
            strict: true,
            skipped: 0,
        }
    }

    /// Reads `bytes` for a receiver that wants what can be used: a sub-parameter that does not decode is kept as
    /// unknown, bytes left over are skipped, missing sub-parameters are left to the caller.
    #[must_use]
    pub fn lenient(bytes: &'a [u8]) -> Self {
        Self {
            strict: false,
            ..Self::new(bytes)
        }
    }

    /// Whether this view reads strictly.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Bytes not yet taken.
    #[must_use]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next byte, left in place.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes `len` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer are left.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        debug_assert_eq!(self.bit, 0, "the table leaves a byte half read");
        let (head, tail) = self.rest.split_at_checked(len).ok_or(DecodeError::Short {
            needed: len,
            left: self.rest.len(),
        })?;
        self.rest = tail;
        Ok(head)
    }

    /// Takes a fixed number of bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        debug_assert_eq!(self.bit, 0, "the table leaves a byte half read");
        let (head, tail) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Short {
                needed: N,
                left: self.rest.len(),
            })?;
        self.rest = tail;
        Ok(*head)
    }

    /// Takes everything that is left.
    pub fn remainder(&mut self) -> &'a [u8] {
        self.bit = 0;
        std::mem::take(&mut self.rest)
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`DecodeError::Short`] at the end.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(u8::from_be_bytes)
    }

    /// Takes a 16-bit number.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer than 2 bytes are left.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes `count` bits (at most 8) from the most significant end; the low bits of the result hold them.
    ///
    /// # Errors
    /// [`DecodeError::Short`] at the end.
    pub fn bits(&mut self, count: u8) -> Result<u8, DecodeError> {
        debug_assert!(count <= 8);
        let mut value = 0;
        for _ in 0..count {
            let (&byte, tail) = self
                .rest
                .split_first()
                .ok_or(DecodeError::Short { needed: 1, left: 0 })?;
            value = (value << 1) | ((byte >> (7 - self.bit)) & 1);
            self.bit += 1;
            if self.bit == 8 {
                self.bit = 0;
                self.rest = tail;
            }
        }
        Ok(value)
    }

    /// Skips reserved bits.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer are left.
    pub fn skip_bits(&mut self, count: u8) -> Result<(), DecodeError> {
        for _ in 0..count {
            self.bits(1)?;
        }
        Ok(())
    }

    /// Ends a parameter or message: bytes left over are an error when strict, skipped otherwise.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`], naming the parameter or message.
    pub fn end(&self, name: &'static str) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes if self.strict => Err(DecodeError::Trailing { name, bytes }),
            _ => Ok(()),
        }
    }

    /// Takes `len` bytes as a view of their own, one level deeper.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer are left, [`DecodeError::TooDeep`] below [`MAX_DEPTH`].
    pub fn sub(&mut self, len: usize) -> Result<Reader<'a>, DecodeError> {
        let rest = self.bytes(len)?;
        let depth = self.depth.checked_sub(1).ok_or(DecodeError::TooDeep)?;
        Ok(Reader {
            rest,
            bit: 0,
            depth,
            strict: self.strict,
            skipped: 0,
        })
    }

    /// Counts what `inner`, a view made by [`Reader::sub`], leaves unread as skipped.
    pub fn skip(&mut self, inner: &Self) {
        self.skipped += inner.skipped + inner.left();
    }

    /// Bytes of nested parameters that were skipped.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}

/// Collects the bytes of one message.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Bits already used of the last byte; 0 if it is full.
    bit: u8,
    too_long: bool,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.bit, 0, "the table leaves a byte half written");
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends the low `count` bits (at most 8) of `value`.
    pub fn bits(&mut self, value: u8, count: u8) {
        debug_assert!(count <= 8);
        for shift in (0..count).rev() {
            if self.bit == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> shift) & 1) << (7 - self.bit);
            }
            self.bit = (self.bit + 1) % 8;
        }
    }

    /// Appends reserved bits, as zero.
    pub fn skip_bits(&mut self, count: u8) {
        for _ in 0..count {
            self.bits(0, 1);
        }
    }

    /// Appends the number of elements of a list; lists beyond 65,535 make [`Writer::finish`] fail.
    pub fn count16(&mut self, count: usize) {
        let count = u16::try_from(count).unwrap_or_else(|_| {
            self.too_long = true;
            u16::MAX
        });
        self.bytes(&count.to_be_bytes());
    }

    /// Writes a TLV parameter: `header`, the length (patched in afterwards), then what `content` writes.
    pub fn length16(&mut self, header: u16, content: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes(&header.to_be_bytes());
        self.bytes(&[0, 0]);
        content(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or_else(|_| {
            self.too_long = true;
            u16::MAX
        });
        if let Some(place) = self.bytes.get_mut(start + 2..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// The bytes written.
    ///
    /// # Errors
    /// [`TooLong`] if a parameter or list did not fit its length field.
    pub fn finish(self) -> Result<Vec<u8>, TooLong> {
        debug_assert_eq!(self.bit, 0, "the table leaves a byte half written");
        if self.too_long {
            Err(TooLong)
        } else {
            Ok(self.bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_cross_bytes() {
        let mut w = Writer::new();
        w.bits(1, 1);
        w.bits(2, 2);
        w.skip_bits(12);
        w.bits(1, 1);
        w.bytes(&[9]);
        let bytes = w.finish().unwrap();
        assert_eq!(bytes, [0b1100_0000, 1, 9]);
        let mut r = Reader::new(&bytes);
        assert_eq!(r.bits(1), Ok(1));
        assert_eq!(r.bits(2), Ok(2));
        r.skip_bits(12).unwrap();
        assert_eq!(r.bits(1), Ok(1));
        assert_eq!(r.u8(), Ok(9));
        assert_eq!(r.bits(1), Err(DecodeError::Short { needed: 1, left: 0 }));
    }

    #[test]
    fn sub_narrows_and_counts_depth() {
        let bytes = [0, 1, 2, 3];
        let mut r = Reader::new(&bytes);
        let mut inner = r.sub(2).unwrap();
        assert_eq!(inner.u16(), Ok(1));
        assert_eq!(inner.u8(), Err(DecodeError::Short { needed: 1, left: 0 }));
        assert!(r.sub(3).is_err());
        assert_eq!(r.u16(), Ok(0x0203));

        let mut r = Reader::new(&bytes);
        for _ in 0..MAX_DEPTH {
            r = r.sub(4).unwrap();
        }
        assert_eq!(r.sub(4).unwrap_err(), DecodeError::TooDeep);
    }

    #[test]
    fn a_parameter_beyond_its_length_field_is_an_error() {
        let mut w = Writer::new();
        w.length16(1, |w| w.bytes(&[0; 65_532]));
        assert_eq!(w.finish(), Err(TooLong));
        let mut w = Writer::new();
        w.length16(1, |w| w.bytes(&[0; 65_531]));
        assert_eq!(w.finish().unwrap().get(..4), Some(&[0, 1, 0xff, 0xff][..]));
    }
}
