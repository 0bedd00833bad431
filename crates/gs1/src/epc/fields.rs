//! The fields of a TDS 1.x EPC, and how they read as URIs and GS1 keys.

use super::{
    Scheme,
    scheme::{Company, KeyForm, Layout, SerialPlace},
    value::{Value, push_number},
};
use crate::{
    Ai, Element,
    digits::{check_digit, power_of_ten},
    identity::key_uri,
};

/// The fields of a TDS 1.x EPC, every one checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fields {
    pub(super) scheme: Scheme,
    /// 0 in schemes without a filter.
    pub(super) filter: u8,
    /// A row of the partition table, 0 to 6; 0 in schemes without one.
    pub(super) partition: u8,
    /// Company prefix, general manager number, or CAGE code.
    pub(super) owner: Value,
    /// Reference, object class, or part number.
    pub(super) reference: Value,
    /// Piece and total of an ITIP.
    pub(super) pieces: Option<(u8, u8)>,
    pub(super) serial: Value,
}

impl Fields {
    pub(super) fn tag_uri(&self) -> String {
        let mut uri = String::with_capacity(96);
        uri.push_str("urn:epc:tag:");
        uri.push_str(self.scheme.name());
        uri.push(':');
        if self.scheme.filter_max().is_some() {
            push_number(&mut uri, self.filter.into(), 1);
            uri.push('.');
        }
        self.push_identity(&mut uri);
        uri
    }

    pub(super) fn pure_uri(&self) -> String {
        let mut uri = String::with_capacity(80);
        uri.push_str("urn:epc:id:");
        uri.push_str(self.scheme.pure_name().unwrap_or_default());
        uri.push(':');
        self.push_identity(&mut uri);
        uri
    }

    /// The fields that both URIs share.
    fn push_identity(&self, uri: &mut String) {
        self.owner.push_field(uri);
        uri.push('.');
        self.reference.push_field(uri);
        if let Some((piece, total)) = self.pieces {
            for number in [piece, total] {
                uri.push('.');
                push_number(uri, number.into(), 2);
            }
        }
        if self.serial != Value::None {
            uri.push('.');
            self.serial.push_field(uri);
        }
    }

    /// The GS1 elements, none for a scheme without a GS1 key.
    pub(super) fn elements(&self) -> Vec<Element> {
        let Some((ai, key, serial)) = self.key() else {
            return Vec::new();
        };
        let mut elements = Vec::with_capacity(2);
        elements.push(Element::trusted(ai, key));
        if let Some((ai, serial)) = serial {
            elements.push(Element::trusted(ai, serial));
        }
        elements
    }

    /// The canonical Digital Link: a TDS 1.x EPC carries a key and what makes it single, no more.
    pub(super) fn digital_link(&self) -> Option<String> {
        let (ai, key, serial) = self.key()?;
        Some(match serial {
            Some((serial_ai, serial)) => key_uri(&[(ai, &key), (serial_ai, &serial)]),
            None => key_uri(&[(ai, &key)]),
        })
    }

    /// The GS1 key (TDS section 7), and the serial number where it is an element of its own.
    #[expect(clippy::type_complexity, reason = "two elements")]
    fn key(&self) -> Option<(Ai, String, Option<(Ai, String)>)> {
        let Layout::Company(company) = &self.scheme.spec().layout else {
            return None;
        };
        let mut key = self.company_key(company);
        if let Some((piece, total)) = self.pieces {
            push_number(&mut key, piece.into(), 2);
            push_number(&mut key, total.into(), 2);
        }
        let serial = match company.key.serial {
            SerialPlace::Nowhere => None,
            SerialPlace::InKey => {
                self.serial.push_plain(&mut key);
                None
            }
            SerialPlace::Own(ai) => Some((ai, self.serial.to_plain())),
            SerialPlace::OwnUnlessZero(ai) => {
                let serial = self.serial.to_plain();
                (serial != "0").then_some((ai, serial))
            }
        };
        Some((company.key.ai, key, serial))
    }

    /// The key without pieces and serial number.
    fn company_key(&self, company: &Company) -> String {
        let mut key = String::with_capacity(32);
        let (Value::Digits { value: prefix, .. }, reference) = (self.owner, self.reference) else {
            return key;
        };
        let (reference, width) = match reference {
            Value::Digits { value, width } => (value, width),
            open => {
                self.owner.push_plain(&mut key);
                open.push_plain(&mut key);
                return key;
            }
        };
        let (body, digits) = match company.key.form {
            KeyForm::Indicator(digits) => {
                // The reference's first digit moves before the prefix.
                let tail = power_of_ten(width.saturating_sub(1));
                let leading = reference / tail * power_of_ten(digits.saturating_sub(2));
                (leading + prefix * tail + reference % tail, digits)
            }
            KeyForm::Checked(digits) => (prefix * power_of_ten(width) + reference, digits),
            KeyForm::Asset | KeyForm::Open => (prefix * power_of_ten(width) + reference, 14),
        };
        push_number(&mut key, body * 10 + check_digit(body), digits);
        key
    }
}
