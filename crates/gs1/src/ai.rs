//! Application identifiers: one table row for each (GenSpecs section 3, DL section 4).
//!
//! A row says all that the engine knows: shape, separator, content checks, what else must or must
//! not be there, and the part the identifier plays in a Digital Link. The table covers all
//! identifiers of the GS1 syntax dictionary; to support one more, add its row in order.

mod check;
mod spec;
mod table;

use std::{fmt, str};

use serde::{Deserialize, Serialize};

use crate::charset::Charset;

pub(crate) use spec::{AiSpec, Instance, Key, Need, Pattern};

/// An application identifier: two to four digits.
///
/// Orders as text, so `10` < `240` < `30`, the order of attributes in a canonical Digital Link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ai([u8; 4]);

impl Ai {
    /// (00) Serial Shipping Container Code.
    pub const SSCC: Self = Self::literal("00");
    /// (01) Global Trade Item Number.
    pub const GTIN: Self = Self::literal("01");
    /// (02) GTIN of the trade items contained in a logistic unit.
    pub const CONTENT: Self = Self::literal("02");
    /// (10) Batch or lot number.
    pub const LOT: Self = Self::literal("10");
    /// (11) Production date.
    pub const PRODUCTION_DATE: Self = Self::literal("11");
    /// (15) Best before date.
    pub const BEST_BEFORE: Self = Self::literal("15");
    /// (17) Expiration date.
    pub const EXPIRY: Self = Self::literal("17");
    /// (21) Serial number.
    pub const SERIAL: Self = Self::literal("21");
    /// (22) Consumer product variant, a qualifier of the GTIN.
    pub const VARIANT: Self = Self::literal("22");
    /// (235) Third-party controlled serial extension, a qualifier of the GTIN.
    pub const TPX: Self = Self::literal("235");
    /// (253) Global Document Type Identifier.
    pub const GDTI: Self = Self::literal("253");
    /// (254) Extension component of a Global Location Number.
    pub const GLN_EXTENSION: Self = Self::literal("254");
    /// (255) Global Coupon Number.
    pub const GCN: Self = Self::literal("255");
    /// (30) Variable count of items.
    pub const VARIABLE_COUNT: Self = Self::literal("30");
    /// (37) Count of trade items contained in a logistic unit.
    pub const COUNT: Self = Self::literal("37");
    /// (401) Global Identification Number for Consignment.
    pub const GINC: Self = Self::literal("401");
    /// (402) Global Shipment Identification Number.
    pub const GSIN: Self = Self::literal("402");
    /// (414) Global Location Number of a physical location.
    pub const GLN: Self = Self::literal("414");
    /// (415) Global Location Number of the invoicing party.
    pub const PAY_TO: Self = Self::literal("415");
    /// (417) Global Location Number of a party.
    pub const PARTY: Self = Self::literal("417");
    /// (7003) Expiration date and time.
    pub const EXPIRY_TIME: Self = Self::literal("7003");
    /// (7040) Unique identification code with extensions, of the EU's tobacco rules.
    pub const UIC: Self = Self::literal("7040");
    /// (8003) Global Returnable Asset Identifier.
    pub const GRAI: Self = Self::literal("8003");
    /// (8004) Global Individual Asset Identifier.
    pub const GIAI: Self = Self::literal("8004");
    /// (8006) Individual trade item piece.
    pub const ITIP: Self = Self::literal("8006");
    /// (8010) Component and part identifier.
    pub const CPID: Self = Self::literal("8010");
    /// (8011) Serial number of a component or part.
    pub const CPID_SERIAL: Self = Self::literal("8011");
    /// (8012) Software version.
    pub const SOFTWARE_VERSION: Self = Self::literal("8012");
    /// (8013) Global Model Number.
    pub const GMN: Self = Self::literal("8013");
    /// (8014) Highly individualised device registration identifier, the master UDI-DI.
    pub const MUDI: Self = Self::literal("8014");
    /// (8017) Global Service Relation Number of a provider.
    pub const GSRN_PROVIDER: Self = Self::literal("8017");
    /// (8018) Global Service Relation Number of a recipient.
    pub const GSRN: Self = Self::literal("8018");
    /// (8019) Service relation instance number.
    pub const SRIN: Self = Self::literal("8019");
    /// (8020) Reference number of a payment slip.
    pub const PAYMENT_REFERENCE: Self = Self::literal("8020");

    /// For constants: what is not two to four digits is a compile error there.
    const fn literal(digits: &str) -> Self {
        let bytes = digits.as_bytes();
        assert!(bytes.len() >= 2 && bytes.len() <= 4);
        let mut ai = [0; 4];
        let mut place = 0;
        while place < bytes.len() {
            // In a constant an index out of bounds is a compile error, so no input can reach it.
            #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
            {
                assert!(bytes[place].is_ascii_digit());
                ai[place] = bytes[place];
            }
            place += 1;
        }
        Self(ai)
    }

    /// Takes two to four ASCII digits; whether such an identifier is assigned is not looked at.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        if !(2..=4).contains(&digits.len()) || Charset::Digits.first_outside(digits).is_some() {
            return None;
        }
        let mut ai = [0; 4];
        ai.iter_mut()
            .zip(digits)
            .for_each(|(place, digit)| *place = *digit);
        Some(Self(ai))
    }

    /// The digits, `"01"`.
    pub fn as_str(&self) -> &str {
        let digits = self.0.get(..self.len()).unwrap_or_default();
        str::from_utf8(digits).unwrap_or_default()
    }

    /// The GS1 data title, `"BATCH/LOT"` (GenSpecs 3.2); none for an unassigned identifier.
    pub fn title(self) -> Option<&'static str> {
        self.spec().map(|spec| spec.title)
    }

    /// How many digits the identifier has: 2, 3 or 4.
    pub(crate) fn len(self) -> usize {
        match self.0 {
            [_, _, 0, _] => 2,
            [_, _, _, 0] => 3,
            _ => 4,
        }
    }

    /// The row of this identifier, if the table has it.
    pub(crate) fn spec(self) -> Option<&'static AiSpec> {
        table::find(self).filter(|spec| spec.first.len() == self.len())
    }

    /// The number that the digits make when filled up with zeros to four.
    const fn place(self) -> usize {
        let [a, b, c, d] = self.0;
        const fn digit(byte: u8) -> usize {
            byte.saturating_sub(b'0') as usize
        }
        digit(a) * 1000 + digit(b) * 100 + digit(c) * 10 + digit(d)
    }

    /// The identifier at the start of `data`, its length taken from its first two digits
    /// (GenSpecs 7.8), so an identifier without a row is still named whole.
    pub(crate) fn at_start_of(data: &[u8]) -> Option<Self> {
        let [a, b, rest @ ..] = data else { return None };
        if !(a.is_ascii_digit() && b.is_ascii_digit()) {
            return None;
        }
        let digits = match (a, b) {
            (b'2', b'3'..=b'5') | (b'4', b'0'..=b'2') | (b'7', b'1') => 1,
            (b'3', b'1'..=b'6' | b'9')
            | (b'4', b'3')
            | (b'7', b'0' | b'2')
            | (b'8', b'0'..=b'2') => 2,
            _ => 0,
        };
        let rest = rest.get(..digits)?;
        if !rest.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let (c, d) = match rest {
            [c, d] => (*c, *d),
            [c] => (*c, 0),
            _ => (0, 0),
        };
        Some(Self([*a, *b, c, d]))
    }
}

impl fmt::Display for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({self})")
    }
}

impl From<Ai> for String {
    fn from(ai: Ai) -> Self {
        ai.as_str().to_owned()
    }
}

impl TryFrom<String> for Ai {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_digits(text.as_bytes()).ok_or("an application identifier has two to four digits")
    }
}

#[cfg(test)]
mod tests;
