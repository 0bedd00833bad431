//! Reading and writing fields of any bit length, most significant bit first.

/// A run of bits that its bytes really hold.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    len: usize,
    /// The first 16 bytes, zeros beyond the end: most tags have no more.
    head: u128,
}

impl<'a> Bits<'a> {
    /// `None` if `bytes` holds fewer than `len` bits.
    pub(super) fn new(bytes: &'a [u8], len: usize) -> Option<Self> {
        let head = window(bytes);
        (len.div_ceil(8) <= bytes.len()).then_some(Self { bytes, len, head })
    }

    pub(super) fn len(self) -> usize {
        self.len
    }

    /// Whether every bit from `start` on is zero.
    pub(super) fn zero_from(self, start: usize) -> bool {
        let mut at = start;
        while at < self.len {
            let width = (self.len - at).min(64);
            if self.uint(at, width) != Some(0) {
                return false;
            }
            at += width;
        }
        true
    }

    /// The unsigned integer in `width` bits at `start`. `None` beyond the end or over 64 bits.
    pub(super) fn uint(self, start: usize, width: usize) -> Option<u64> {
        let end = start.checked_add(width)?;
        if end > self.len || width > 64 {
            return None;
        }
        if width == 0 {
            return Some(0);
        }
        // Offset in the byte plus width is at most 71, so the field lies in 16 bytes.
        let (window, offset) = if end <= 128 {
            (self.head, start)
        } else {
            let bytes = self.bytes.get(start / 8..).unwrap_or_default();
            (window(bytes), start % 8)
        };
        u64::try_from(window << offset >> (128 - width)).ok()
    }

    /// As [`Bits::uint`] for fields of at most eight bits.
    pub(super) fn small(self, start: usize, width: usize) -> Option<u8> {
        u8::try_from(self.uint(start, width)?).ok()
    }
}

/// The first 16 bytes as a number, zeros beyond the end.
fn window(bytes: &[u8]) -> u128 {
    if let Some(whole) = bytes.first_chunk() {
        return u128::from_be_bytes(*whole);
    }
    // Eight and four bytes at a time: twelve are what most tags have.
    let (mut value, mut shift, mut rest) = (0, 128, bytes);
    if let Some((eight, tail)) = rest.split_first_chunk() {
        shift -= 64;
        value |= u128::from(u64::from_be_bytes(*eight)) << shift;
        rest = tail;
    }
    if let Some((four, tail)) = rest.split_first_chunk() {
        shift -= 32;
        value |= u128::from(u32::from_be_bytes(*four)) << shift;
        rest = tail;
    }
    for &byte in rest {
        shift -= 8;
        value |= u128::from(byte) << shift;
    }
    value
}

/// Takes fields off the front of [`Bits`], one after the other.
#[derive(Clone, Copy)]
pub(super) struct BitReader<'a> {
    bits: Bits<'a>,
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bits: Bits<'a>) -> Self {
        Self { bits, at: 0 }
    }

    /// The bits taken so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn remaining(&self) -> usize {
        self.bits.len().saturating_sub(self.at)
    }

    /// Whether only zero bits are left.
    pub(super) fn only_zeros_left(&self) -> bool {
        self.bits.zero_from(self.at)
    }

    /// The unsigned integer in the next `width` bits, at most 64.
    pub(super) fn uint(&mut self, width: usize) -> Result<u64, EndOfBits> {
        let value = self.bits.uint(self.at, width).ok_or_else(|| EndOfBits {
            needs: self.at.saturating_add(width),
        })?;
        self.at += width;
        Ok(value)
    }

    /// As [`BitReader::uint`] for fields of at most eight bits.
    pub(super) fn small(&mut self, width: usize) -> Result<u8, EndOfBits> {
        let at = self.at;
        let value = self.uint(width)?;
        u8::try_from(value).map_err(|_| EndOfBits { needs: at })
    }

    /// Passes over `width` bits.
    pub(super) fn skip(&mut self, width: usize) -> Result<(), EndOfBits> {
        let end = self.at.saturating_add(width);
        if end > self.bits.len() {
            return Err(EndOfBits { needs: end });
        }
        self.at = end;
        Ok(())
    }
}

/// A field goes beyond the last bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EndOfBits {
    /// The bits that there should be at least.
    pub(super) needs: usize,
}

/// Collects fields into bytes.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    len: usize,
}

impl BitWriter {
    /// Appends the low `width` bits of `value`.
    pub(super) fn push(&mut self, value: u64, width: usize) {
        for bit in (0..width).rev() {
            if self.len.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let set = u8::from(bit < 64 && value >> bit & 1 == 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= set << (7 - self.len % 8);
            }
            self.len += 1;
        }
    }

    /// The bits, zero-padded to whole 16-bit words as tag memory has them, and their number
    /// without the padding.
    pub(super) fn into_words(mut self) -> (Vec<u8>, usize) {
        self.bytes.resize(self.len.div_ceil(16) * 2, 0);
        (self.bytes, self.len)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits() {
        assert!(Bits::new(&[], 1).is_none());
        assert!(Bits::new(&[0], 9).is_none());
        assert!(Bits::new(&[], usize::MAX).is_none());
        let bits = Bits::new(&[0xA5, 0xFF], 12).unwrap();
        assert_eq!(bits.uint(0, 12), Some(0xA5F));
        assert_eq!(bits.uint(12, 0), Some(0));
        for (start, width) in [(0, 13), (12, 1), (usize::MAX, 1), (0, 65)] {
            assert_eq!(bits.uint(start, width), None);
        }
    }

    proptest! {
        #[test]
        fn fields_come_back(fields in prop::collection::vec((any::<u64>(), 0..=64_usize), 0..12)) {
            let fields: Vec<(u64, usize)> =
                fields.iter().map(|&(value, width)| (value.checked_shr(64 - width as u32).unwrap_or(0), width)).collect();
            let mut writer = BitWriter::default();
            for &(value, width) in &fields {
                writer.push(value, width);
            }
            let (bytes, len) = writer.into_words();
            let bits = Bits::new(&bytes, len).unwrap();
            let mut start = 0;
            for (value, width) in fields {
                prop_assert_eq!(bits.uint(start, width), Some(value));
                start += width;
            }
        }
    }
}
