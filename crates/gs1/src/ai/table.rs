//! The rows, in order of their identifier, and the little vocabulary they are written in.

use super::{
    Ai, AiSpec, Check, Instance, Key, Link, Part,
    check::{check_digit, date},
};
use crate::charset::Charset;

pub(super) static AIS: &[AiSpec] = &[
    predefined(Ai::SSCC, &[digits(18, &[check_digit])], SSCC_KEY),
    predefined(Ai::GTIN, &[digits(14, &[check_digit])], GTIN_KEY),
    separated(Ai::LOT, &[text_to(20)], ATTRIBUTE),
    predefined(Ai::PRODUCTION_DATE, &[digits(6, &[date])], ATTRIBUTE),
    predefined(Ai::BEST_BEFORE, &[digits(6, &[date])], ATTRIBUTE),
    predefined(Ai::EXPIRY, &[digits(6, &[date])], ATTRIBUTE),
    separated(Ai::SERIAL, &[text_to(20)], QUALIFIER_ONLY),
    separated(Ai::VARIABLE_COUNT, &[digits_to(8)], ATTRIBUTE),
    separated(Ai::COUNT, &[digits_to(8)], ATTRIBUTE),
];

/// A row whose value ends by counting.
const fn predefined(ai: Ai, parts: &'static [Part], link: Link) -> AiSpec {
    AiSpec {
        ai,
        predefined: true,
        parts,
        link,
    }
}

/// A row whose value ends at a separator or at the end of the data.
const fn separated(ai: Ai, parts: &'static [Part], link: Link) -> AiSpec {
    AiSpec {
        ai,
        predefined: false,
        parts,
        link,
    }
}

// Both keys may also stand in the query of another key.
const SSCC_KEY: Link = Link {
    key: Some(Key {
        qualifiers: &[&[]],
        instance: Instance::Always,
    }),
    attribute: true,
};
const GTIN_KEY: Link = Link {
    key: Some(Key {
        qualifiers: &[
            &[Ai::VARIANT, Ai::LOT, Ai::SERIAL],
            &[Ai::THIRD_PARTY_SERIAL],
        ],
        instance: Instance::With(Ai::SERIAL),
    }),
    attribute: true,
};
const ATTRIBUTE: Link = Link {
    key: None,
    attribute: true,
};
const QUALIFIER_ONLY: Link = Link {
    key: None,
    attribute: false,
};

/// Exactly `length` digits.
const fn digits(length: usize, checks: &'static [Check]) -> Part {
    Part {
        charset: Charset::Digits,
        min: length,
        max: length,
        checks,
    }
}

/// One to `max` digits.
const fn digits_to(max: usize) -> Part {
    Part {
        charset: Charset::Digits,
        min: 1,
        max,
        checks: &[],
    }
}

/// One to `max` characters of set 82.
const fn text_to(max: usize) -> Part {
    Part {
        charset: Charset::Set82,
        min: 1,
        max,
        checks: &[],
    }
}
