//! The rows, one per identifier or range, in order, and the little vocabulary they are written in.
//!
//! Facts: GenSpecs section 3 and the GS1 syntax dictionary, release 2026-01-27. Its check of the GS1
//! Company Prefix is left out where the value is all digits, since it can only fail on a letter.

mod goods;
mod services;

use super::{
    Ai,
    check::Check::*,
    spec::{AiSpec, Instance, Key, Need, Part, Pattern},
};
use crate::charset::Charset;

/// Every row; the index of a row is its table times 256 plus its place.
const TABLES: [&[AiSpec]; 2] = [goods::ROWS, services::ROWS];
const NONE: u16 = u16::MAX;

/// The row of each identifier, at its digits filled up with zeros to four: `01` is at 100. The first
/// two digits fix the length of an identifier (GenSpecs 7.8), so no two share a place.
static PLACES: [u16; 10_000] = {
    let mut places = [NONE; 10_000];
    let mut table = 0;
    while table < TABLES.len() {
        let rows = at(&TABLES, table);
        let mut row = 0;
        while row < rows.len() {
            let spec = at(rows, row);
            let mut number = spec.first.place();
            while number <= spec.last.place() {
                #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
                {
                    places[number] = (table * 256 + row) as u16;
                }
                number += spec.step;
            }
            row += 1;
        }
        table += 1;
    }
    places
};

/// Indexing for constants, where a mistake is a compile error.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn at<T>(list: &[T], index: usize) -> &T {
    &list[index]
}

/// The row of `ai`.
pub(super) fn find(ai: Ai) -> Option<&'static AiSpec> {
    let place = usize::from(*PLACES.get(ai.place())?);
    TABLES.get(place >> 8)?.get(place & 0xFF)
}

/// Every row, in order.
#[cfg(test)]
pub(super) fn rows() -> impl Iterator<Item = &'static AiSpec> {
    TABLES.iter().flat_map(|rows| rows.iter())
}

/// A row whose value ends by counting.
const fn counted(ai: &str, title: &'static str, parts: &'static [Part]) -> AiSpec {
    AiSpec::new(ai, ai, title, true, parts)
}

/// A row whose value ends at a separator or at the end of the data.
const fn separated(ai: &str, title: &'static str, parts: &'static [Part]) -> AiSpec {
    AiSpec::new(ai, ai, title, false, parts)
}

/// The same for consecutive identifiers.
const fn separated_range(
    first: &str,
    last: &str,
    title: &'static str,
    parts: &'static [Part],
) -> AiSpec {
    AiSpec::new(first, last, title, false, parts)
}

/// A measure, six digits: the identifier's last digit says how many of them are decimals. A thing
/// has one value of each kind, so a measure excludes its own range, `kind`.
const fn measure(
    first: &str,
    last: &str,
    title: &'static str,
    of: &'static [Need],
    kind: &'static [Pattern],
) -> AiSpec {
    AiSpec::new(first, last, title, true, &SIX_DIGITS)
        .needs(of)
        .excludes(kind)
        .link()
}

static SIX_DIGITS: [Part; 1] = [n(6)];

/// Exactly `length` digits.
const fn n(length: usize) -> Part {
    Part::new(Charset::Digits, length, length)
}

/// One to `max` digits.
const fn n_to(max: usize) -> Part {
    Part::new(Charset::Digits, 1, max)
}

/// Exactly `length` characters of set 82.
const fn x(length: usize) -> Part {
    Part::new(Charset::Set82, length, length)
}

/// One to `max` characters of set 82.
const fn x_to(max: usize) -> Part {
    Part::new(Charset::Set82, 1, max)
}

/// One to `max` characters of set 39.
const fn y_to(max: usize) -> Part {
    Part::new(Charset::Set39, 1, max)
}

/// One to `max` characters of set 64.
const fn z_to(max: usize) -> Part {
    Part::new(Charset::Set64, 1, max)
}

const fn p(pattern: &str) -> Pattern {
    Pattern::new(pattern)
}

const fn any(alternatives: &[&str]) -> Need {
    Need::new(alternatives)
}

const SSCC: Need = any(&["00"]);
const ITEM: Need = any(&["01"]);
const SSCC_OR_ITEM: Need = any(&["00", "01"]);
const ITEM_OR_CONTENT: Need = any(&["01", "02"]);
const ITEM_OR_PIECE: Need = any(&["01", "8006"]);
const ITEM_OR_ASSET: Need = any(&["01", "8004"]);
const ITEMS: Need = any(&["01", "02", "8006", "8026"]);
const ITEMS_MADE: Need = any(&["01", "02", "03", "8006", "8026"]);
const MEASURE: Need = any(&["30", "31nn", "32nn", "35nn", "36nn"]);
const PAYMENT: Need = any(&["8020"]);
const SERVICE: Need = any(&["8017", "8018"]);
const RECIPIENT: Need = any(&["8018"]);
const DEVICE: Need = any(&["01+21+8040"]);

const fn key(qualifiers: &'static [&'static [Ai]], instance: Instance) -> Key {
    Key {
        qualifiers,
        instance,
    }
}

static SSCC_KEY: Key = key(&[&[]], Instance::Always);
static PLAIN_KEY: Key = key(&[&[]], Instance::Always);
static GTIN_KEY: Key = key(
    &[&[Ai::VARIANT, Ai::LOT, Ai::SERIAL], &[Ai::TPX]],
    Instance::With(&[Ai::SERIAL, Ai::TPX]),
);
static ITIP_KEY: Key = key(
    &[&[Ai::VARIANT, Ai::LOT, Ai::SERIAL]],
    Instance::With(&[Ai::SERIAL]),
);
static GDTI_KEY: Key = key(&[&[]], Instance::LongerThan(13));
static GCN_KEY: Key = key(&[&[]], Instance::LongerThan(13));
static GRAI_KEY: Key = key(&[&[]], Instance::LongerThan(14));
static GLN_KEY: Key = key(
    &[&[Ai::GLN_EXTENSION], &[Ai::UIC]],
    Instance::RefinedBy(Ai::GLN_EXTENSION),
);
static PAYMENT_KEY: Key = key(
    &[&[Ai::PAYMENT_REFERENCE]],
    Instance::With(&[Ai::PAYMENT_REFERENCE]),
);
static UIC_KEY: Key = key(&[&[Ai::UIC]], Instance::Always);
static CPID_KEY: Key = key(&[&[Ai::CPID_SERIAL]], Instance::With(&[Ai::CPID_SERIAL]));
static GMN_KEY: Key = key(&[&[]], Instance::Never);
static GSRN_KEY: Key = key(&[&[Ai::SRIN]], Instance::Always);
