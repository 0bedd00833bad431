//! Coupon codes of North America, AI (8110) and AI (8112): digits throughout, fields whose length
//! stands before them, then optional fields in the order of their tag digit ("North American Coupon
//! Application Guideline Using GS1 DataBar Expanded Symbols"; "GS1 AI (8112) Coupon Data
//! Specification").

use super::date;
use crate::{charset::Charset, element::Fault};

/// AI (8110).
pub(super) fn code(value: &[u8]) -> Result<(), Fault> {
    let mut coupon = Fields::new(value)?;
    coupon.sized(0..=6, 6, "a company prefix of the coupon, 6 to 12 digits")?;
    coupon.take(6, "an offer code of six digits")?;
    coupon.sized(1..=5, 0, "a save value of 1 to 5 digits")?;
    coupon.purchase()?;
    if coupon.tag(b'1') {
        coupon.digit(b"0123", "a purchase rules code, 0 to 3")?;
        coupon.further_purchase()?;
    }
    if coupon.tag(b'2') {
        coupon.further_purchase()?;
    }
    let expiry = coupon.date(b'3')?;
    let start = coupon.date(b'4')?;
    if start
        .zip(expiry)
        .is_some_and(|(start, expiry)| start > expiry)
    {
        return coupon.expected("a start date before the expiry date");
    }
    if coupon.tag(b'5') {
        coupon.sized(0..=9, 6, "a serial number of the coupon, 6 to 15 digits")?;
    }
    if coupon.tag(b'6') {
        coupon.sized(
            1..=7,
            6,
            "a company prefix or GLN of the retailer, 7 to 13 digits",
        )?;
    }
    if coupon.tag(b'9') {
        coupon.digit(b"01256", "a save value code, 0, 1, 2, 5 or 6")?;
        coupon.digit(b"012", "the item that the save value applies to, 0 to 2")?;
        coupon.take(1, "a store coupon flag")?;
        coupon.digit(b"01", "a flag against multiplying, 0 or 1")?;
    }
    coupon.end()
}

/// AI (8112).
pub(super) fn positive_offer(value: &[u8]) -> Result<(), Fault> {
    let mut coupon = Fields::new(value)?;
    coupon.digit(b"01", "a coupon format, 0 or 1")?;
    coupon.sized(0..=6, 6, "a funder of the coupon, 6 to 12 digits")?;
    coupon.take(6, "an offer code of six digits")?;
    coupon.sized(0..=9, 6, "a serial number of the coupon, 6 to 15 digits")?;
    coupon.end()
}

/// What is left of a coupon code.
struct Fields<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Fields<'a> {
    fn new(value: &'a [u8]) -> Result<Self, Fault> {
        match Charset::Digits.first_outside(value) {
            Some(offset) => Err(Fault::Character {
                offset,
                charset: Charset::Digits,
            }),
            None => Ok(Self {
                rest: value,
                offset: 0,
            }),
        }
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, Fault> {
        Err(Fault::Content {
            offset: self.offset,
            expected,
        })
    }

    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Fault> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return self.expected(what);
        };
        self.rest = rest;
        self.offset += length;
        Ok(taken)
    }

    /// One digit out of `allowed`.
    fn digit(&mut self, allowed: &[u8], what: &'static str) -> Result<(), Fault> {
        match self.rest.first() {
            Some(digit) if allowed.contains(digit) => self.take(1, what).map(drop),
            _ => self.expected(what),
        }
    }

    /// A field behind the digit that gives its length, less `more`.
    fn sized(
        &mut self,
        lengths: std::ops::RangeInclusive<u8>,
        more: usize,
        what: &'static str,
    ) -> Result<(), Fault> {
        match self.rest.first().map(|digit| digit - b'0') {
            Some(length) if lengths.contains(&length) => {
                self.take(1, what)?;
                self.take(usize::from(length) + more, what).map(drop)
            }
            _ => self.expected(what),
        }
    }

    /// Requirement, requirement code and family code of a purchase.
    fn purchase(&mut self) -> Result<(), Fault> {
        self.sized(1..=5, 0, "a purchase requirement of 1 to 5 digits")?;
        self.digit(b"012349", "a purchase requirement code, 0 to 4 or 9")?;
        self.take(3, "a purchase family code of three digits")
            .map(drop)
    }

    /// The second or third purchase, whose company prefix may be that of the coupon: length 9.
    fn further_purchase(&mut self) -> Result<(), Fault> {
        self.purchase()?;
        if self.tag(b'9') {
            return Ok(());
        }
        self.sized(0..=6, 6, "a company prefix of the purchase, 6 to 12 digits")
    }

    /// Steps over the tag digit of an optional field, if it is next.
    fn tag(&mut self, tag: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == tag => {
                self.rest = rest;
                self.offset += 1;
                true
            }
            _ => false,
        }
    }

    /// The date behind this tag, if it is next.
    fn date(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Fault> {
        if !self.tag(tag) {
            return Ok(None);
        }
        let digits = self.take(6, "a date of the form YYMMDD")?;
        date::check(digits, date::Day::Given)?;
        Ok(Some(digits))
    }

    fn end(&self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            self.expected("the end of the coupon code, or its next optional field")
        }
    }
}
