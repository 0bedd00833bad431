//! EPC binary encodings: tag memory in, exact identities out, and back (TDS 1.13 section 14).
//!
//! [`decode`] reads one encoding, [`decode_bank`] the EPC bank of a Gen2 tag with its PC word. Both
//! work on fixed-size values and exact integers and allocate nothing, so a portal full of foreign
//! tags costs little; text is made on demand. Every scheme is a row of one table.

mod bank;
mod bits;
mod decode;
mod encode;
mod scheme;
mod serial;

use std::fmt::Write as _;

use thiserror::Error;

use crate::{Ai, Element, Identity, charset::push_urn, digits, identity::key_uri};

pub use bank::{PcWord, RawReason, TagIdentity, decode_bank, raw_uri};
pub use decode::decode;
pub use encode::{EpcBinary, encode_tag_uri};
pub use scheme::Scheme;

use scheme::{Key, PartitionRow};
use serial::Serial;

/// An EPC of a known scheme, every field checked.
///
/// Small and `Copy`; equal for equal tag URIs, so the filter value counts. Compare items by
/// [`Epc::instance_uri`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epc {
    scheme: Scheme,
    filter: u8,
    /// A row of the scheme's partition table, 0 to 6: fixes the digits of the next two fields.
    partition: u8,
    company_prefix: u64,
    reference: u64,
    serial: Serial,
}

/// Why bits are not an EPC, or a tag URI cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EpcError {
    /// There are no bits.
    #[error("there are no EPC bits")]
    Empty,
    /// The bit count promises more than the bytes hold.
    #[error("{bit_len} bits are announced, but only {available} are there")]
    Missing {
        /// The bits announced.
        bit_len: usize,
        /// The bits there.
        available: usize,
    },
    /// No scheme with this header is known (TDS table 14-1).
    #[error("header {0:02X}h is not that of a known EPC scheme")]
    Header(u8),
    /// Fewer bits than the scheme has (TDS 14.4 step 2).
    #[error("{scheme} needs {needs} bits, there are {has}")]
    TooShort {
        /// The scheme that the header names.
        scheme: Scheme,
        /// The bits of the scheme.
        needs: usize,
        /// The bits there.
        has: usize,
    },
    /// The partition value has no row (TDS 14.4.3).
    #[error("partition value {0} is not in the partition table")]
    Partition(u8),
    /// The GS1 Company Prefix does not fit its digits (TDS 14.4.3).
    #[error("the company prefix needs more than {digits} digits")]
    CompanyPrefix {
        /// The digits that the partition gives it.
        digits: u8,
    },
    /// The reference does not fit its digits (TDS 14.4.3).
    #[error("the reference needs more than {digits} digits")]
    Reference {
        /// The digits that the partition gives it.
        digits: u8,
    },
    /// Bits that must be zero are not.
    #[error("reserved bits are not zero")]
    Reserved,
    /// A string field has no character.
    #[error("the serial number is empty")]
    EmptySerial,
    /// Something follows the end of a string field (TDS 14.4.2).
    #[error("bits after the end of the serial number are not zero")]
    AfterSerial,
    /// A character outside GS1 character set 82.
    #[error("the serial number holds character {0:02X}h, which is not in GS1 character set 82")]
    SerialCharacter(u8),
    /// The text is not a tag URI of a scheme that can be encoded.
    #[error("not a tag URI of a known scheme, urn:epc:tag:SCHEME:…")]
    Uri,
    /// The number of fields is wrong for the scheme.
    #[error("the tag URI of {0} has other fields")]
    UriFields(Scheme),
    /// The filter value is not 0 to 7.
    #[error("the filter value must be 0 to 7")]
    UriFilter,
    /// Prefix and reference are not digits of the right number.
    #[error("company prefix and reference must be digits, {needs} together, the prefix 6 to 12")]
    UriKey {
        /// The digits of both together.
        needs: u8,
    },
    /// The serial number is not one that the scheme can hold.
    #[error("the serial number does not fit {0}")]
    UriSerial(Scheme),
}

impl Epc {
    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The filter value, 0 to 7 (TDS section 10).
    pub fn filter(&self) -> u8 {
        self.filter
    }

    /// The EPC Tag URI, `urn:epc:tag:sgtin-96:3.0614141.812345.6789` (TDS section 12).
    pub fn tag_uri(&self) -> String {
        let mut uri = format!("urn:epc:tag:{}:{}.", self.scheme, self.filter);
        self.push_fields(&mut uri);
        uri
    }

    /// The pure identity URI, `urn:epc:id:sgtin:0614141.812345.6789` (TDS section 6).
    pub fn pure_uri(&self) -> String {
        let mut uri = format!("urn:epc:id:{}:", self.scheme.spec().pure_name);
        self.push_fields(&mut uri);
        uri
    }

    /// The canonical identity; the filter value is not part of it.
    pub fn identity(&self) -> Identity {
        let (ai, key) = self.key();
        let serial = self
            .serial
            .text()
            .map(|serial| Element::trusted(Ai::SERIAL, serial));
        Identity::trusted(
            [Element::trusted(ai, key)]
                .into_iter()
                .chain(serial)
                .collect(),
        )
    }

    /// The name to compare items by, as [`Identity::instance_uri`] gives it.
    pub fn instance_uri(&self) -> String {
        let (ai, key) = self.key();
        match self.serial.text() {
            Some(serial) => key_uri(&[(ai, &key), (Ai::SERIAL, &serial)]),
            None => key_uri(&[(ai, &key)]),
        }
    }

    /// The GS1 key with its check digit (TDS section 7).
    fn key(&self) -> (Ai, String) {
        let Key { ai, digits } = self.scheme.spec().key;
        // The leading digit of the reference (indicator, extension) moves before the prefix.
        let tail = digits::power_of_ten(self.row().reference_digits.saturating_sub(1));
        let leading = self.reference / tail * digits::power_of_ten(digits.saturating_sub(2));
        let body = leading + self.company_prefix * tail + self.reference % tail;
        let key = body * 10 + digits::check_digit(body);
        (ai, format!("{key:0width$}", width = usize::from(digits)))
    }

    fn push_fields(&self, uri: &mut String) {
        let PartitionRow {
            prefix_digits,
            reference_digits,
            ..
        } = self.row();
        // Writing to a string does not fail.
        let _ = write!(
            uri,
            "{:0prefix_width$}.{:0reference_width$}",
            self.company_prefix,
            self.reference,
            prefix_width = usize::from(prefix_digits),
            reference_width = usize::from(reference_digits),
        );
        if let Some(serial) = self.serial.text() {
            uri.push('.');
            push_urn(uri, serial.as_bytes());
        }
    }

    fn row(&self) -> PartitionRow {
        self.scheme
            .spec()
            .partition(self.partition)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
