//! Report descriptors: which reports a HID device has and where in them which value stands (HID 1.11 §6.2.2).
//!
//! Tolerant where devices in the field are careless: unknown tags and long items are passed over, collections may be left
//! open at the end, usages may be missing. What cannot be understood is refused with the offset of the byte.

mod item;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use item::{Item, Items, Kind as Tag};

/// Longest descriptor; Linux takes no longer one (`HID_MAX_DESCRIPTOR_SIZE`).
pub const MAX_DESCRIPTOR: usize = 4096;
/// Collections inside each other, at most.
pub const MAX_DEPTH: usize = 32;
/// Global states that may wait on the stack.
pub const MAX_PUSHED: usize = 16;
/// Longest report, in bits; Linux takes reports of 16 KiB.
pub const MAX_REPORT_BITS: u32 = 16 * 1024 * 8;

/// Why a descriptor is refused; offsets are in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// No descriptor is so long.
    #[error("the report descriptor has {len} bytes, more than {MAX_DESCRIPTOR}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// An item is longer than what is left.
    #[error("the report descriptor ends inside the item at byte {at}")]
    CutOff {
        /// Where the item starts.
        at: usize,
    },
    /// End Collection without Collection.
    #[error("the report descriptor ends a collection that was not begun, at byte {at}")]
    NoCollection {
        /// Where the item starts.
        at: usize,
    },
    /// Pop without Push.
    #[error("the report descriptor pops a state that was not pushed, at byte {at}")]
    NothingPushed {
        /// Where the item starts.
        at: usize,
    },
    /// More than [`MAX_DEPTH`] collections or [`MAX_PUSHED`] states.
    #[error("the report descriptor is nested too deeply, at byte {at}")]
    TooDeep {
        /// Where the item starts.
        at: usize,
    },
    /// Report ids are 1 to 255 (§6.2.2.7).
    #[error("the report descriptor has a report id that is not 1 to 255, at byte {at}")]
    BadReportId {
        /// Where the item starts.
        at: usize,
    },
    /// Report size times report count is more than [`MAX_REPORT_BITS`].
    #[error("the report descriptor has a report that is too long, at byte {at}")]
    ReportTooLong {
        /// Where the item starts.
        at: usize,
    },
}

/// A usage with its page (§6.2.2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    /// Usage page.
    pub page: u16,
    /// Usage within the page.
    pub id: u16,
}

/// Direction of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// From the device, unasked.
    Input,
    /// To the device.
    Output,
    /// Both ways, asked for.
    Feature,
}

/// An Input, Output or Feature item that carries values: `count` elements of `bits` each, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Direction.
    pub kind: Kind,
    /// Report it stands in; `None` if the device has only one, without id.
    pub report_id: Option<u8>,
    /// Where it starts, in bits, behind the byte with the report id.
    pub offset: u32,
    /// Bits of an element.
    pub bits: u32,
    /// Elements.
    pub count: u32,
    /// Whether each element has a usage of its own; else elements hold the index of one (an array, §6.2.2.5).
    pub variable: bool,
    /// Usages of the elements in their order; the last one holds for all that follow.
    pub usages: Vec<RangeInclusive<u32>>,
    /// Usages of the collections around it, outermost first.
    pub within: Vec<Usage>,
}

impl Field {
    /// Index of the first element with that usage.
    #[must_use]
    pub fn element(&self, usage: Usage) -> Option<u32> {
        if !self.variable {
            return None;
        }
        let wanted = u32::from(usage.page) << 16 | u32::from(usage.id);
        let mut before = 0_u32;
        for range in &self.usages {
            if range.contains(&wanted) {
                let element = before.checked_add(wanted - range.start())?;
                return (element < self.count).then_some(element);
            }
            before = before
                .checked_add(range.end() - range.start())?
                .checked_add(1)?;
        }
        None
    }

    /// How many elements the usage of `element` holds for: 1, or all the rest if it is the last usage.
    #[must_use]
    pub fn run(&self, element: u32) -> u32 {
        let listed: u64 = self
            .usages
            .iter()
            .map(|range| u64::from(range.end() - range.start()) + 1)
            .sum();
        if u64::from(element) + 1 < listed {
            1
        } else {
            self.count.saturating_sub(element)
        }
    }

    /// Where `element` starts, in bits, behind the byte with the report id.
    #[must_use]
    pub fn bit(&self, element: u32) -> u32 {
        self.offset
            .saturating_add(self.bits.saturating_mul(element))
    }
}

/// A parsed report descriptor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Usages of the application collections, in their order.
    pub applications: Vec<Usage>,
    /// Fields with data, in their order.
    pub fields: Vec<Field>,
    lengths: BTreeMap<(Kind, Option<u8>), u32>,
}

impl Descriptor {
    /// Parses a descriptor.
    ///
    /// # Errors
    /// What cannot be understood, with its place.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptorError> {
        if bytes.len() > MAX_DESCRIPTOR {
            return Err(DescriptorError::TooLong { len: bytes.len() });
        }
        let mut parser = Parser::default();
        for item in Items::of(bytes) {
            parser.take(&item?)?;
        }
        Ok(parser.descriptor)
    }

    /// Bytes of a report behind its id, rounded up; `None` if there is no such report.
    #[must_use]
    pub fn report_len(&self, kind: Kind, report_id: Option<u8>) -> Option<usize> {
        let bits = *self.lengths.get(&(kind, report_id))?;
        usize::try_from(bits.div_ceil(8)).ok()
    }
}

/// What holds until it is changed (§6.2.2.7).
#[derive(Debug, Clone, Copy, Default)]
struct Globals {
    page: u16,
    size: u32,
    count: u32,
    report_id: Option<u8>,
}

/// A usage as written: with its page, or with the page that is in force at the next main item.
#[derive(Debug, Clone, Copy)]
enum Written {
    Short(u16),
    Long(u32),
}

impl Written {
    fn of(item: &Item<'_>) -> Self {
        match u16::try_from(item.value()) {
            Ok(short) if item.data.len() < 4 => Written::Short(short),
            _ => Written::Long(item.value()),
        }
    }

    fn on(self, page: u16) -> u32 {
        match self {
            Written::Short(id) => u32::from(page) << 16 | u32::from(id),
            Written::Long(usage) => usage,
        }
    }
}

/// What holds for the next main item only (§6.2.2.8).
#[derive(Debug, Default)]
struct Locals {
    usages: Vec<(Written, Written)>,
    minimum: Option<Written>,
    /// Inside a set of alternative usages, of which the first is taken.
    alternatives: Option<usize>,
}

impl Locals {
    fn push(&mut self, first: Written, last: Written) {
        if let Some(seen) = &mut self.alternatives {
            *seen += 1;
            if *seen > 1 {
                return;
            }
        }
        self.usages.push((first, last));
    }

    fn usages(&self, page: u16) -> Vec<RangeInclusive<u32>> {
        let ranges = self.usages.iter().map(|(first, last)| {
            let first = first.on(page);
            // Written the wrong way round, a range is its first usage.
            first..=last.on(page).max(first)
        });
        ranges.collect()
    }
}

#[derive(Debug, Default)]
struct Parser {
    globals: Globals,
    pushed: Vec<Globals>,
    locals: Locals,
    within: Vec<Usage>,
    descriptor: Descriptor,
}

impl Parser {
    fn take(&mut self, item: &Item<'_>) -> Result<(), DescriptorError> {
        let (at, value) = (item.at, item.value());
        match item.kind {
            // Pages have 16 bits; more is written by nobody.
            Tag::UsagePage => self.globals.page = u16::try_from(value & 0xFFFF).unwrap_or_default(),
            Tag::ReportSize => self.globals.size = value,
            Tag::ReportCount => self.globals.count = value,
            Tag::ReportId => match u8::try_from(value) {
                Ok(0) | Err(_) => return Err(DescriptorError::BadReportId { at }),
                Ok(id) => self.globals.report_id = Some(id),
            },
            Tag::Push if self.pushed.len() >= MAX_PUSHED => {
                return Err(DescriptorError::TooDeep { at });
            }
            Tag::Push => self.pushed.push(self.globals),
            Tag::Pop => {
                let pushed = self.pushed.pop();
                self.globals = pushed.ok_or(DescriptorError::NothingPushed { at })?;
            }
            Tag::Usage => self.locals.push(Written::of(item), Written::of(item)),
            Tag::UsageMinimum => self.locals.minimum = Some(Written::of(item)),
            Tag::UsageMaximum => {
                let last = Written::of(item);
                let first = self.locals.minimum.take().unwrap_or(last);
                self.locals.push(first, last);
            }
            Tag::Delimiter => self.locals.alternatives = (value == 1).then_some(0),
            Tag::Collection => {
                if self.within.len() >= MAX_DEPTH {
                    return Err(DescriptorError::TooDeep { at });
                }
                let usage = self.usage();
                if value == APPLICATION {
                    self.descriptor.applications.push(usage);
                }
                self.within.push(usage);
                self.locals = Locals::default();
            }
            Tag::EndCollection => {
                if self.within.pop().is_none() {
                    return Err(DescriptorError::NoCollection { at });
                }
                self.locals = Locals::default();
            }
            Tag::Input => self.field(Kind::Input, at, value)?,
            Tag::Output => self.field(Kind::Output, at, value)?,
            Tag::Feature => self.field(Kind::Feature, at, value)?,
            Tag::Other => {}
        }
        Ok(())
    }

    /// The usage of a collection.
    fn usage(&self) -> Usage {
        let usages = self.locals.usages(self.globals.page);
        let usage = usages.first().map_or(0, |range| *range.start());
        Usage {
            page: u16::try_from(usage >> 16).unwrap_or_default(),
            id: u16::try_from(usage & 0xFFFF).unwrap_or_default(),
        }
    }

    fn field(&mut self, kind: Kind, at: usize, flags: u32) -> Result<(), DescriptorError> {
        let Globals {
            page,
            size,
            count,
            report_id,
        } = self.globals;
        let length = self
            .descriptor
            .lengths
            .entry((kind, report_id))
            .or_default();
        let offset = *length;
        *length = size
            .checked_mul(count)
            .and_then(|bits| bits.checked_add(offset))
            .filter(|bits| *bits <= MAX_REPORT_BITS)
            .ok_or(DescriptorError::ReportTooLong { at })?;
        let locals = std::mem::take(&mut self.locals);
        if flags & CONSTANT == 0 && size > 0 && count > 0 {
            self.descriptor.fields.push(Field {
                kind,
                report_id,
                offset,
                bits: size,
                count,
                variable: flags & VARIABLE != 0,
                usages: locals.usages(page),
                within: self.within.clone(),
            });
        }
        Ok(())
    }
}

/// A collection's type (§6.2.2.6).
const APPLICATION: u32 = 0x01;
/// Flags of a main item (§6.2.2.5).
const CONSTANT: u32 = 0b01;
const VARIABLE: u32 = 0b10;
