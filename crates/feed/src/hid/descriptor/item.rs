//! Items of a report descriptor (HID 1.11 §6.2.2.2 and §6.2.2.3).

use super::DescriptorError;

/// One item, short or long, with the offset of its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item<'a> {
    /// Offset of its prefix byte.
    pub(super) at: usize,
    /// What it is.
    pub(super) kind: Kind,
    /// Its value, little endian, 0 to 4 bytes.
    pub(super) data: &'a [u8],
}

/// Type and tag of an item; those with no meaning here are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Input,
    Output,
    Feature,
    Collection,
    EndCollection,
    UsagePage,
    ReportSize,
    ReportId,
    ReportCount,
    Push,
    Pop,
    Usage,
    UsageMinimum,
    UsageMaximum,
    Delimiter,
    /// Limits, units, strings, long items, and tags that the standard reserves.
    Other,
}

impl Item<'_> {
    /// The value without sign.
    pub(super) fn value(&self) -> u32 {
        self.data
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u32::from(*byte))
    }
}

/// The prefix of a long item; its size and tag follow.
const LONG: u8 = 0xFE;

/// Splits a descriptor into items; ends after the first error.
#[derive(Debug)]
pub(super) struct Items<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Items<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, DescriptorError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let (prefix, rest) = self.bytes.split_first()?;
        let (kind, size, rest) = match (*prefix, rest) {
            (LONG, [size, _tag, rest @ ..]) => (Kind::Other, usize::from(*size), rest),
            (LONG, _) => {
                self.bytes = &[];
                return Some(Err(DescriptorError::CutOff { at }));
            }
            (prefix, rest) => {
                let size = match prefix & 0b11 {
                    3 => 4,
                    size => usize::from(size),
                };
                (kind(prefix), size, rest)
            }
        };
        let Some((data, left)) = rest.split_at_checked(size) else {
            self.bytes = &[];
            return Some(Err(DescriptorError::CutOff { at }));
        };
        self.at += self.bytes.len() - left.len();
        self.bytes = left;
        // Nothing here looks into a long item.
        let data = if kind == Kind::Other { &[] } else { data };
        Some(Ok(Item { at, kind, data }))
    }
}

fn kind(prefix: u8) -> Kind {
    match prefix & 0b1111_1100 {
        0x80 => Kind::Input,
        0x90 => Kind::Output,
        0xB0 => Kind::Feature,
        0xA0 => Kind::Collection,
        0xC0 => Kind::EndCollection,
        0x04 => Kind::UsagePage,
        0x74 => Kind::ReportSize,
        0x84 => Kind::ReportId,
        0x94 => Kind::ReportCount,
        0xA4 => Kind::Push,
        0xB4 => Kind::Pop,
        0x08 => Kind::Usage,
        0x18 => Kind::UsageMinimum,
        0x28 => Kind::UsageMaximum,
        0xA8 => Kind::Delimiter,
        _ => Kind::Other,
    }
}
