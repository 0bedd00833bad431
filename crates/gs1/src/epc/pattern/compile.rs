//! From the text of a pattern to steps.

use super::{Alternative, PatternError, Step};
use crate::{
    digits::{self, power_of_ten},
    epc::{
        EpcError, Scheme,
        encode::{UriFields, canonical_number},
        error::Field,
        scheme::{Company, Layout, PartitionRow, Reference, Tail},
        value::Value,
    },
};

const PATTERN: &str = "urn:epc:pat:";
const IDENTITY_PATTERN: &str = "urn:epc:idpat:";
pub(super) const HEX: &str = "hex:";

/// The most digits: 31 words of memory.
const HEX_DIGITS_MAX: usize = 124;

pub(super) fn compile(text: &str) -> Result<Vec<Alternative>, PatternError> {
    if let Some(digits) = text.strip_prefix(HEX) {
        return hex(digits).ok_or(PatternError::Hex);
    }
    let of_tag = text.strip_prefix(PATTERN);
    let fields = of_tag.or_else(|| text.strip_prefix(IDENTITY_PATTERN));
    let (name, fields) = fields
        .and_then(|rest| rest.split_once(':'))
        .ok_or(PatternError::Form)?;
    if of_tag.is_some() {
        let scheme = Scheme::of_name(name).filter(|scheme| scheme.has_tag_uri());
        let scheme = scheme.ok_or_else(|| PatternError::Scheme(name.to_owned()))?;
        return Compiler::new(scheme, scheme.name(), fields, true)?.alternatives();
    }
    // Every scheme of the name that can hold the fields; the first reason if none can.
    let mut alternatives = Vec::new();
    let mut reason = None;
    let schemes = Scheme::ALL.iter().copied();
    for scheme in schemes.filter(|scheme| scheme.pure_name() == Some(name)) {
        match Compiler::new(scheme, name, fields, false).and_then(|it| it.alternatives()) {
            Ok(more) => alternatives.extend(more),
            Err(error) => _ = reason.get_or_insert(error),
        }
    }
    if alternatives.is_empty() {
        return Err(reason.unwrap_or_else(|| PatternError::Scheme(name.to_owned())));
    }
    Ok(alternatives)
}

/// The fields of a tag URI.
pub(super) fn field_count(scheme: Scheme) -> Option<usize> {
    Some(match &scheme.spec().layout {
        Layout::Company(company) => {
            let serial = !matches!(company.tail, Tail::End | Tail::Reserved(_));
            3 + usize::from(serial) + if company.pieces { 2 } else { 0 }
        }
        Layout::Gid | Layout::Usdod => 3,
        Layout::Adi => 4,
        Layout::Plus(_) => return None,
    })
}

/// One field.
#[derive(Debug, Clone, Copy)]
enum Wanted<'a> {
    Any,
    Value(&'a str),
    Range(&'a str, &'a str),
}

impl<'a> Wanted<'a> {
    fn parse(field: &'a str) -> Result<Self, PatternError> {
        if matches!(field, "*" | "X") {
            return Ok(Self::Any);
        }
        let Some(rest) = field.strip_prefix('[') else {
            return Ok(Self::Value(field));
        };
        let range = rest
            .strip_suffix(']')
            .and_then(|range| range.split_once('-'));
        let (low, high) = range.ok_or_else(|| bad_range(field))?;
        Ok(Self::Range(low, high))
    }

    /// The length of the numbers, where they have one.
    fn length(self) -> Option<usize> {
        match self {
            Self::Any => None,
            Self::Value(value) | Self::Range(value, _) => Some(value.len()),
        }
    }
}

fn bad_range(text: &str) -> PatternError {
    PatternError::Range(text.to_owned())
}

/// Compiles the fields of one scheme.
struct Compiler<'a> {
    uri: UriFields<'a>,
    fields: Vec<Wanted<'a>>,
}

impl<'a> Compiler<'a> {
    fn new(
        scheme: Scheme,
        name: &str,
        fields: &'a str,
        of_tag: bool,
    ) -> Result<Self, PatternError> {
        // A pure identity has no filter, and a GID never has.
        let filter = usize::from(!of_tag && scheme.filter_max().is_some());
        let expected = field_count(scheme).unwrap_or(0) - filter;
        let mut wanted = Vec::with_capacity(expected + 1);
        if filter > 0 {
            wanted.push(Wanted::Any);
        }
        // The last field takes what is left: a serial may contain dots.
        let texts: Vec<&str> = fields.splitn(expected, '.').collect();
        if texts.len() != expected {
            return Err(PatternError::Fields {
                scheme: name.to_owned(),
                expected,
                found: texts.len(),
            });
        }
        for text in texts {
            wanted.push(Wanted::parse(text)?);
        }
        Ok(Self {
            uri: UriFields { scheme, fields },
            fields: wanted,
        })
    }

    fn alternatives(&self) -> Result<Vec<Alternative>, PatternError> {
        let spec = self.uri.scheme.spec();
        let header = Step::Equal {
            width: 8,
            value: spec.header.into(),
        };
        let alternatives = match &spec.layout {
            Layout::Company(company) => self.company(company)?,
            Layout::Gid => vec![vec![
                self.number(0, Field::Manager, 28)?,
                self.number(1, Field::ObjectClass, 24)?,
                self.number(2, Field::Serial, 36)?,
            ]],
            Layout::Usdod => vec![self.usdod()?],
            Layout::Adi => vec![self.adi()?],
            Layout::Plus(_) => return Err(PatternError::Form),
        };
        let min_bits = self.uri.scheme.bits().unwrap_or(8);
        Ok(alternatives
            .into_iter()
            .map(|mut steps| {
                steps.insert(0, header.clone());
                Alternative {
                    min_bits,
                    exact: false,
                    steps,
                }
            })
            .collect())
    }

    fn wanted(&self, place: usize) -> Wanted<'a> {
        self.fields.get(place).copied().unwrap_or(Wanted::Any)
    }

    /// A field of numbers, `width` bits wide; `value` reads one of them.
    fn field(
        &self,
        place: usize,
        width: usize,
        value: impl Fn(&str) -> Result<u64, EpcError>,
    ) -> Result<Step, PatternError> {
        Ok(match self.wanted(place) {
            Wanted::Any => Step::Any(width),
            Wanted::Value(text) => Step::Equal {
                width,
                value: value(text).map_err(PatternError::Field)?,
            },
            Wanted::Range(low, high) => range(width, low, high, |text| value(text).ok())?,
        })
    }

    /// A number without leading zeros, of `width` bits.
    fn number(&self, place: usize, field: Field, width: usize) -> Result<Step, PatternError> {
        self.field(place, width, |text| {
            let value = self.uri.integer(field, text, width);
            value.map(|value| value.number())
        })
    }

    fn filter(&self, width: usize) -> Result<Step, PatternError> {
        self.field(0, width, |text| self.uri.filter(text).map(u64::from))
    }

    fn piece(&self, place: usize) -> Result<Step, PatternError> {
        self.field(place, 7, |text| self.uri.piece(text).map(u64::from))
    }

    fn company(&self, company: &Company) -> Result<Vec<Vec<Step>>, PatternError> {
        let filter = self.filter(3)?;
        let mut rest = Vec::new();
        let mut place = 3;
        if company.pieces {
            rest.push(self.piece(3)?);
            rest.push(self.piece(4)?);
            place = 5;
        }
        rest.extend(self.tail(company.tail, place)?);
        let (prefix, reference) = (self.wanted(1), self.wanted(2));
        if let (Wanted::Any, Wanted::Any, Some(_)) = (prefix, reference, company.bits) {
            // Prefix and reference share the same bits whatever the partition.
            let row = company.partition(0).unwrap_or_default();
            let mut steps = vec![filter, Step::Any(3 + row.prefix_bits + row.reference_bits)];
            steps.append(&mut rest);
            return Ok(vec![steps]);
        }
        let mut alternatives = Vec::new();
        let mut reason = PatternError::Field(EpcError::UriKey {
            needs: company.key_digits(),
        });
        let rows = (0_u8..7).filter_map(|value| Some((value, company.partition(value)?)));
        for (partition, row) in rows.filter(|(_, row)| {
            let digits = usize::from(row.prefix_digits);
            prefix.length().is_none_or(|length| length == digits)
        }) {
            match self.key(company, row, prefix, reference) {
                Ok(key) => {
                    let mut steps = vec![
                        filter.clone(),
                        Step::Equal {
                            width: 3,
                            value: partition.into(),
                        },
                    ];
                    steps.extend(key);
                    steps.extend(rest.iter().cloned());
                    alternatives.push(steps);
                }
                Err(error) => reason = error,
            }
        }
        if alternatives.is_empty() {
            return Err(reason);
        }
        Ok(alternatives)
    }

    /// Company prefix and reference in one row of the partition table.
    fn key(
        &self,
        company: &Company,
        row: PartitionRow,
        prefix: Wanted<'_>,
        reference: Wanted<'_>,
    ) -> Result<Vec<Step>, PatternError> {
        let wrong = EpcError::UriKey {
            needs: company.key_digits(),
        };
        let mut steps = vec![padded(prefix, row.prefix_bits, row.prefix_digits, wrong)?];
        let (width, digits) = (row.reference_bits, row.reference_digits);
        match (company.reference, reference) {
            (Reference::Padded, reference) => {
                steps.push(padded(reference, width, digits, wrong)?);
            }
            (Reference::SixBit, Wanted::Any) => steps.push(Step::AnySixBit),
            (_, Wanted::Any) => steps.push(Step::Any(width)),
            (Reference::Integer, Wanted::Range(low, high)) => {
                let fits = |text: &str| text.len() <= usize::from(digits);
                let value = |text: &str| canonical_number(text).filter(|_| fits(text));
                steps.push(range(width, low, high, value)?);
            }
            (_, Wanted::Range(low, high)) => return Err(bad_range(&format!("[{low}-{high}]"))),
            (kind, Wanted::Value(text)) => {
                let value = self.uri.reference(company, row, text);
                let value = value.map_err(PatternError::Field)?;
                match kind {
                    Reference::Text => push_text(&mut steps, &value, width),
                    Reference::SixBit => push_six_bit(&mut steps, &value),
                    Reference::Integer | Reference::Padded => steps.push(Step::Equal {
                        width,
                        value: value.number(),
                    }),
                }
            }
        }
        Ok(steps)
    }

    fn tail(&self, tail: Tail, place: usize) -> Result<Vec<Step>, PatternError> {
        let wanted = self.wanted(place);
        let value = |text: &str| {
            let value = self.uri.serial(tail, text);
            value.map_err(PatternError::Field)
        };
        let mut steps = Vec::new();
        match tail {
            Tail::End => {}
            Tail::Reserved(width) => steps.push(Step::Any(width)),
            Tail::Text(length) => {
                let width = usize::from(length) * 7;
                match wanted {
                    Wanted::Any => steps.push(Step::Any(width)),
                    Wanted::Value(text) => push_text(&mut steps, &value(text)?, width),
                    Wanted::Range(low, high) => {
                        return Err(bad_range(&format!("[{low}-{high}]")));
                    }
                }
            }
            Tail::Integer { bits, .. } | Tail::NumericString { bits, .. } => {
                steps.push(match wanted {
                    Wanted::Any => Step::Any(bits),
                    Wanted::Value(text) => Step::Equal {
                        width: bits,
                        value: behind_one(&value(text)?),
                    },
                    Wanted::Range(low, high) => {
                        // Leading zeros count in a numeric string: both ends are as long.
                        let numeric_string = matches!(tail, Tail::NumericString { .. });
                        if numeric_string && low.len() != high.len() {
                            return Err(bad_range(&format!("[{low}-{high}]")));
                        }
                        range(bits, low, high, |text| {
                            value(text).ok().map(|value| behind_one(&value))
                        })?
                    }
                });
            }
        }
        Ok(steps)
    }

    fn usdod(&self) -> Result<Vec<Step>, PatternError> {
        let mut steps = vec![self.filter(4)?];
        self.cage(&mut steps, 8)?;
        steps.push(self.number(2, Field::Serial, 36)?);
        Ok(steps)
    }

    fn adi(&self) -> Result<Vec<Step>, PatternError> {
        let mut steps = vec![self.filter(6)?];
        self.cage(&mut steps, 6)?;
        for (place, field) in [(2, Field::PartNumber), (3, Field::Serial)] {
            match self.wanted(place) {
                Wanted::Any => steps.push(Step::AnySixBit),
                Wanted::Value(text) => {
                    let value = self.uri.adi_text(field, text);
                    push_six_bit(&mut steps, &value.map_err(PatternError::Field)?);
                }
                Wanted::Range(low, high) => return Err(bad_range(&format!("[{low}-{high}]"))),
            }
        }
        Ok(steps)
    }

    /// CAGE code or DoDAAC: six characters of `width` bits.
    fn cage(&self, steps: &mut Vec<Step>, width: usize) -> Result<(), PatternError> {
        match self.wanted(1) {
            Wanted::Any => steps.push(Step::Any(6 * width)),
            Wanted::Value(text) => {
                let code =
                    crate::epc::decode::cage(text.as_bytes()).map_err(PatternError::Field)?;
                let code = code.text();
                let mask = if width == 6 { 0x3F } else { 0xFF };
                let space = if code.len() < 6 { &b" "[..] } else { &[] };
                steps.extend(space.iter().chain(code).map(|character| Step::Equal {
                    width,
                    value: u64::from(character & mask),
                }));
            }
            Wanted::Range(low, high) => return Err(bad_range(&format!("[{low}-{high}]"))),
        }
        Ok(())
    }
}

/// A number with exactly `digits` digits.
fn padded(
    wanted: Wanted<'_>,
    width: usize,
    digits: u8,
    wrong: EpcError,
) -> Result<Step, PatternError> {
    let value = |text: &str| match text {
        "" if digits == 0 => Some(0),
        text => digits::parse(text.as_bytes()).filter(|_| text.len() == usize::from(digits)),
    };
    Ok(match wanted {
        Wanted::Any => Step::Any(width),
        Wanted::Value(text) => Step::Equal {
            width,
            value: value(text).ok_or(PatternError::Field(wrong))?,
        },
        Wanted::Range(low, high) => range(width, low, high, value)?,
    })
}

fn range(
    width: usize,
    low: &str,
    high: &str,
    value: impl Fn(&str) -> Option<u64>,
) -> Result<Step, PatternError> {
    let ends = value(low)
        .zip(value(high))
        .filter(|(low, high)| low <= high);
    let (low, high) = ends.ok_or_else(|| bad_range(&format!("[{low}-{high}]")))?;
    Ok(Step::Range { width, low, high })
}

/// A serial number as its bits have it: a numeric string stands behind a 1.
fn behind_one(value: &Value) -> u64 {
    match value {
        Value::Digits { value, width } => power_of_ten(*width) + value,
        other => other.number(),
    }
}

/// 7-bit characters, then zeros to `width` bits.
fn push_text(steps: &mut Vec<Step>, value: &Value, width: usize) {
    let text = value.text();
    steps.extend(text.iter().map(|&character| Step::Equal {
        width: 7,
        value: character.into(),
    }));
    let mut left = width.saturating_sub(text.len() * 7);
    while left > 0 {
        let width = left.min(64);
        steps.push(Step::Equal { width, value: 0 });
        left -= width;
    }
}

/// 6-bit characters and a zero.
fn push_six_bit(steps: &mut Vec<Step>, value: &Value) {
    let codes = value.text().iter().map(|character| character & 0x3F);
    steps.extend(codes.chain([0]).map(|code| Step::Equal {
        width: 6,
        value: code.into(),
    }));
}

/// `3034F0*`, `3034F0` or `3034F0/FFFFF0`.
fn hex(text: &str) -> Option<Vec<Alternative>> {
    let (value, mask) = match text.split_once('/') {
        Some((value, mask)) => (value, Some(mask)),
        None => (text, None),
    };
    let (value, open) = match (value.strip_suffix('*'), mask) {
        (Some(value), None) => (value, true),
        _ => (value, mask.is_some()),
    };
    if value.is_empty() || value.len() > HEX_DIGITS_MAX {
        return None;
    }
    if mask.is_some_and(|mask| mask.len() != value.len()) {
        return None;
    }
    let mut steps = Vec::new();
    for (place, chunk) in value.as_bytes().chunks(16).enumerate() {
        let width = chunk.len() * 4;
        let value = hex_number(chunk)?;
        steps.push(match mask {
            None => Step::Equal { width, value },
            Some(mask) => {
                let start = place * 16;
                let chunk = mask.as_bytes().get(start..start + chunk.len())?;
                let mask = hex_number(chunk)?;
                Step::Masked { width, value, mask }
            }
        });
    }
    Some(vec![Alternative {
        min_bits: value.len() * 4,
        exact: !open,
        steps,
    }])
}

/// Up to 16 digits.
fn hex_number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(number << 4 | u64::from(digit))
    })
}
