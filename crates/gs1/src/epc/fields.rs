//! The fields of a TDS 1.x EPC, and how they read as URIs and GS1 keys.

use super::{
    Scheme,
    scheme::{Company, KeyForm, Layout, SerialPlace},
    value::{Value, push_number},
};
use crate::{
    Ai, Element,
    digits::{check_digit, power_of_ten},
    identity::RESOLVER,
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
        let Layout::Company(company) = &self.scheme.spec().layout else {
            return Vec::new();
        };
        let mut elements = Vec::with_capacity(2);
        let mut key = String::with_capacity(32);
        self.push_key(company, &mut key, Value::push_plain);
        elements.push(Element::trusted(company.key.ai, key));
        if let Some(ai) = self.serial_ai(company) {
            let mut serial = String::with_capacity(20);
            self.serial.push_plain(&mut serial);
            elements.push(Element::trusted(ai, serial));
        }
        elements
    }

    /// The canonical Digital Link: a TDS 1.x EPC carries a key and what makes it single, no more.
    pub(super) fn digital_link(&self) -> Option<String> {
        let Layout::Company(company) = &self.scheme.spec().layout else {
            return None;
        };
        let mut link = String::with_capacity(96);
        link.push_str(RESOLVER);
        push_ai(&mut link, company.key.ai);
        self.push_key(company, &mut link, Value::push_link);
        if let Some(ai) = self.serial_ai(company) {
            push_ai(&mut link, ai);
            self.serial.push_link(&mut link);
        }
        Some(link)
    }

    /// The identifier of the serial number, if it is an element of its own.
    fn serial_ai(&self, company: &Company) -> Option<Ai> {
        match company.key.serial {
            SerialPlace::Nowhere | SerialPlace::InKey => None,
            SerialPlace::Own(ai) => Some(ai),
            SerialPlace::OwnUnlessZero(ai) => (!self.serial.is_zero()).then_some(ai),
        }
    }

    /// The GS1 key (TDS section 7); `push` writes what may hold more than digits.
    fn push_key(&self, company: &Company, out: &mut String, push: fn(&Value, &mut String)) {
        self.push_company_key(company, out, push);
        if let Some((piece, total)) = self.pieces {
            push_number(out, piece.into(), 2);
            push_number(out, total.into(), 2);
        }
        if company.key.serial == SerialPlace::InKey {
            push(&self.serial, out);
        }
    }

    /// The key without pieces and serial number.
    fn push_company_key(&self, company: &Company, out: &mut String, push: fn(&Value, &mut String)) {
        let Value::Digits {
            value: reference,
            width,
        } = self.reference
        else {
            self.owner.push_plain(out);
            push(&self.reference, out);
            return;
        };
        let prefix = self.owner.number();
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
        push_number(out, body * 10 + check_digit(body), digits);
    }
}

fn push_ai(link: &mut String, ai: Ai) {
    link.push('/');
    link.push_str(ai.as_str());
    link.push('/');
}
