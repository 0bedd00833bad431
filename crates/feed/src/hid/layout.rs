//! Where in a report the scanned data stand.

use std::ops::Range;

use super::descriptor::{Descriptor, Field, Kind, Usage};

/// Usage page of bar code scanners (HID POS Usage Tables 1.02 §4).
const BAR_CODE: u16 = 0x8C;
/// Application collections of that page: badge reader, scanner, dumb scanner, cordless base, cradle.
const APPLICATIONS: std::ops::RangeInclusive<u16> = 0x01..=0x05;
const AIM: [Usage; 3] = [bar_code(0xFB), bar_code(0xFC), bar_code(0xFD)];
const DECODED_DATA: Usage = bar_code(0xFE);
const CONTINUED: Usage = bar_code(0xFF);
/// Byte Count of the page Generic Desktop: how much of the data counts.
const BYTE_COUNT: Usage = Usage {
    page: 0x01,
    id: 0x3B,
};

const fn bar_code(id: u16) -> Usage {
    Usage { page: BAR_CODE, id }
}

/// Report id, length in bytes with it, most data, and place of the flags in the report that most vendors send.
const USUAL: (u8, usize, usize, usize) = (0x02, 64, 56, 63);
/// Where its AIM identifier may stand: some vendors put a byte more before it.
const USUAL_AIM: [usize; 2] = [2, 3];

/// How to read the reports of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// As its descriptor says.
    Standard(Standard),
    /// 64 bytes: 02, length, AIM identifier, 56 bytes of data, two of the vendor, flags.
    Usual,
}

/// Places of what a descriptor names; bytes count from the start of what is read, with the report id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standard {
    /// First byte of the report, if the device numbers its reports.
    pub report_id: Option<u8>,
    /// Decoded data.
    pub data: Range<usize>,
    /// Symbology Identifier 1 to 3.
    pub aim: Option<[usize; 3]>,
    /// How many bytes of data count; without it, all up to the last that is not 0.
    pub length: Option<usize>,
    /// Byte and mask of "decode data continued".
    pub continued: Option<(usize, u8)>,
}

/// A report's share of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// AIM identifier (ISO/IEC 15424), such as `]C1`.
    pub aim: Option<[u8; 3]>,
    /// The data that count.
    pub data: &'a [u8],
    /// Whether the next report goes on with the code.
    pub more: bool,
}

/// A report that is not what the layout says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadReport {
    /// Fewer bytes than the layout needs.
    #[error("the report has {len} bytes, {needed} are needed")]
    Short {
        /// Bytes that came.
        len: usize,
        /// Bytes that the layout needs.
        needed: usize,
    },
    /// The length in the report is more than it has room for.
    #[error("the report says it has {says} bytes of data, there is room for {room}")]
    Length {
        /// Length in the report.
        says: u8,
        /// Room for data.
        room: usize,
    },
}

impl Layout {
    /// The layout of a scanner; `None` if the device is none.
    #[must_use]
    pub fn of(descriptor: &Descriptor) -> Option<Self> {
        let is_scanner = |usage: &Usage| usage.page == BAR_CODE && APPLICATIONS.contains(&usage.id);
        if !descriptor.applications.iter().any(is_scanner) {
            return None;
        }
        let fields = || {
            let input = |field: &&Field| field.kind == Kind::Input;
            let of_scanner = |field: &&Field| field.within.first().is_some_and(is_scanner);
            descriptor.fields.iter().filter(input).filter(of_scanner)
        };
        let standard = fields().find_map(|field| {
            let element = field.element(DECODED_DATA)?;
            Standard::of(
                field,
                element,
                fields().filter(|it| it.report_id == field.report_id),
            )
        });
        Some(standard.map_or(Layout::Usual, Layout::Standard))
    }

    /// What a report holds; `None` if it is another report than that of scanned data.
    ///
    /// # Errors
    /// It is too short, or contradicts itself.
    pub fn read<'a>(&self, report: &'a [u8]) -> Result<Option<Piece<'a>>, BadReport> {
        match self {
            Layout::Standard(standard) => standard.read(report),
            Layout::Usual => usual(report),
        }
    }
}

impl Standard {
    fn of<'a>(
        data: &Field,
        element: u32,
        fields: impl Iterator<Item = &'a Field> + Clone,
    ) -> Option<Self> {
        let id_len = usize::from(data.report_id.is_some());
        let byte = |bit: u32| usize::try_from(bit / 8).ok()?.checked_add(id_len);
        let whole = |field: &Field, element: u32| {
            (field.bits == 8 && field.bit(element).is_multiple_of(8))
                .then(|| byte(field.bit(element)))
                .flatten()
        };
        let find = |usage: Usage| {
            let of = |field: &'a Field| Some((field, field.element(usage)?));
            fields.clone().find_map(of)
        };
        let start = whole(data, element)?;
        let end = start.checked_add(usize::try_from(data.run(element)).ok()?)?;
        let [first, second, third] = AIM.map(|usage| {
            let (field, element) = find(usage)?;
            whole(field, element)
        });
        let aim = || Some([first?, second?, third?]);
        let length = find(BYTE_COUNT).and_then(|(field, element)| whole(field, element));
        let continued = find(CONTINUED).and_then(|(field, element)| {
            let bit = field.bit(element);
            Some((byte(bit)?, 1_u8.checked_shl(bit % 8)?))
        });
        Some(Standard {
            report_id: data.report_id,
            data: start..end,
            aim: aim(),
            length,
            continued,
        })
    }

    fn read<'a>(&self, report: &'a [u8]) -> Result<Option<Piece<'a>>, BadReport> {
        if self.report_id.is_some() && report.first() != self.report_id.as_ref() {
            return Ok(None);
        }
        let places = [self.length, self.continued.map(|(byte, _)| byte)];
        let places = places
            .into_iter()
            .chain(self.aim.map(|it| it.into_iter().max()));
        let last = places
            .flatten()
            .max()
            .map_or(0, |byte| byte.saturating_add(1));
        let needed = last.max(self.data.end);
        let short = BadReport::Short {
            len: report.len(),
            needed,
        };
        let data = match report.get(self.data.clone()) {
            Some(data) if report.len() >= needed => data,
            _ => return Err(short),
        };
        let at = |byte: usize| report.get(byte).copied().unwrap_or_default();
        let data = match self.length.map(at) {
            Some(says) => counted(data, says)?,
            None => padded(data),
        };
        Ok(Some(Piece {
            aim: self.aim.and_then(|places| aim(places.map(at))),
            data,
            more: self
                .continued
                .is_some_and(|(byte, mask)| at(byte) & mask != 0),
        }))
    }
}

fn usual(report: &[u8]) -> Result<Option<Piece<'_>>, BadReport> {
    let (id, needed, room, flags) = USUAL;
    let len = report.len();
    let (Some(says), Some(flags)) = (report.get(1), report.get(flags)) else {
        return match report.first() {
            Some(first) if *first != id => Ok(None),
            _ => Err(BadReport::Short { len, needed }),
        };
    };
    if report.first() != Some(&id) {
        return Ok(None);
    }
    let found = USUAL_AIM.into_iter().find_map(|at| {
        let found = aim(*report.get(at..)?.first_chunk()?)?;
        Some((Some(found), at))
    });
    let [first, _] = USUAL_AIM;
    let (aim, at) = found.unwrap_or((None, first));
    let data = at.checked_add(3).and_then(|start| {
        let end = start.checked_add(room)?;
        report.get(start..end)
    });
    Ok(Some(Piece {
        aim,
        data: counted(data.unwrap_or_default(), *says)?,
        more: flags & 1 != 0,
    }))
}

/// An AIM identifier: `]`, a letter, and a modifier (ISO/IEC 15424).
fn aim(bytes: [u8; 3]) -> Option<[u8; 3]> {
    let [flag, code, modifier] = bytes;
    (flag == b']' && code.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric())
        .then_some(bytes)
}

fn counted(data: &[u8], says: u8) -> Result<&[u8], BadReport> {
    data.get(..usize::from(says)).ok_or(BadReport::Length {
        says,
        room: data.len(),
    })
}

/// Without a length, zeros at the end are filling.
fn padded(data: &[u8]) -> &[u8] {
    let end = data.iter().rposition(|byte| *byte != 0);
    end.and_then(|end| data.get(..=end)).unwrap_or_default()
}
