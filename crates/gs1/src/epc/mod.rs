//! EPC binary encodings: tag memory in, exact identities out, and back (TDS 1.13 section 14,
//! TDS 2.3 section 14).
//!
//! [`decode`] reads one encoding, [`Gen2Bank`] the EPC bank of a Gen2 tag with its PC word. What is
//! refused allocates nothing, so a portal full of foreign tags costs little; of what is accepted,
//! numbers are exact integers, and text is made on demand. Every scheme is a row of one table.

mod bank;
mod bits;
mod decode;
mod elements;
mod encode;
mod error;
mod fields;
mod iso;
pub mod pattern;
mod plus;
mod scheme;
mod table;
#[cfg(test)]
mod testing;
mod value;
mod xpc;

use crate::{Ai, Element, Identity, identity::RESOLVER};

pub use bank::{Gen2Bank, PcWord, RawReason, TagIdentity, decode_bank, raw_uri};
pub use decode::decode;
pub use encode::{EpcBinary, encode_tag_uri};
pub use error::{EpcError, Field};
pub use iso::{IsoData, IsoFamily};
pub use pattern::Pattern;
pub use scheme::Scheme;
pub use xpc::Xpc;

use fields::Fields;
use plus::PlusEpc;
use scheme::Layout;

/// An EPC of a known scheme, every field checked.
///
/// Equal if all that the tag said is equal, the filter value too. Compare items by
/// [`Epc::instance_uri`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epc(Repr);

/// What the EPC is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    /// A TDS 1.x scheme, in place.
    Fields(Fields),
    /// A scheme of TDS 2.0 or 2.3, which may carry any number of elements.
    Plus(Box<PlusEpc>),
}

impl Epc {
    fn of_fields(fields: Fields) -> Self {
        Self(Repr::Fields(fields))
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        match &self.0 {
            Repr::Fields(fields) => fields.scheme,
            Repr::Plus(plus) => plus.scheme,
        }
    }

    /// The filter value (TDS section 10); `None` in a GID, which has none.
    pub fn filter(&self) -> Option<u8> {
        match &self.0 {
            Repr::Fields(fields) => fields.scheme.filter_max().map(|_| fields.filter),
            Repr::Plus(plus) => Some(plus.filter),
        }
    }

    /// The EPC Tag URI, `urn:epc:tag:sgtin-96:3.0614141.812345.6789` (TDS section 12). `None` for
    /// the schemes of TDS 2.0 and later, which have no such form.
    pub fn tag_uri(&self) -> Option<String> {
        match &self.0 {
            Repr::Fields(fields) => Some(fields.tag_uri()),
            Repr::Plus(_) => None,
        }
    }

    /// The pure identity URI, `urn:epc:id:sgtin:0614141.812345.6789` (TDS section 6). `None` for
    /// the schemes of TDS 2.0 and later, which do not tell the length of the company prefix.
    pub fn pure_uri(&self) -> Option<String> {
        match &self.0 {
            Repr::Fields(fields) => Some(fields.pure_uri()),
            Repr::Plus(_) => None,
        }
    }

    /// The GS1 elements in the order of the tag: the key, its serial number, a date that leads a
    /// DSGTIN+, AIDC data. Empty for GID, USDOD and ADI, which carry no GS1 key.
    pub fn elements(&self) -> Vec<Element> {
        match &self.0 {
            Repr::Fields(fields) => fields.elements(),
            Repr::Plus(plus) => plus.elements.clone(),
        }
    }

    /// The application identifier of the GS1 key; `None` for GID, USDOD and ADI.
    pub fn key(&self) -> Option<Ai> {
        match &self.scheme().spec().layout {
            Layout::Company(company) => Some(company.key.ai),
            Layout::Plus(plus) => plus.ais.first().copied(),
            Layout::Gid | Layout::Usdod | Layout::Adi => None,
        }
    }

    /// The GS1 element string in its readable form, `(01)80614141123458(21)6789`; `None` without a
    /// GS1 key.
    pub fn element_string(&self) -> Option<String> {
        let mut text = String::new();
        for element in self.elements() {
            text.push('(');
            text.push_str(element.ai().as_str());
            text.push(')');
            text.push_str(element.value());
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// The GS1 Digital Link of all elements, `https://id.gs1.org/01/80614141123458/21/6789`; a '++'
    /// tag has its own host name in it. `None` without a GS1 key, or if an element of the AIDC data
    /// may not stand in a link with the key.
    pub fn digital_link(&self) -> Option<String> {
        match &self.0 {
            Repr::Fields(fields) => fields.digital_link(),
            Repr::Plus(plus) => {
                let link = self.identity()?.digital_link()?;
                match (&plus.host, link.strip_prefix(RESOLVER)) {
                    (Some(host), Some(path)) => Some(format!("https://{host}{path}")),
                    _ => Some(link),
                }
            }
        }
    }

    /// The host name that a '++' tag carries (TDS 2.3, 14.5.16).
    pub fn host(&self) -> Option<&str> {
        match &self.0 {
            Repr::Fields(_) => None,
            Repr::Plus(plus) => plus.host.as_deref(),
        }
    }

    /// The canonical identity; filter value and host name are not part of it. `None` for GID, USDOD
    /// and ADI, which carry no GS1 key.
    pub fn identity(&self) -> Option<Identity> {
        match &self.0 {
            Repr::Fields(fields) => {
                let elements = fields.elements();
                (!elements.is_empty()).then(|| Identity::trusted(elements))
            }
            Repr::Plus(plus) => Identity::of_key(plus.elements.clone()),
        }
    }

    /// The name to compare items by: as [`Identity::instance_uri`] gives it, or the pure identity
    /// URI of a scheme without a GS1 key.
    pub fn instance_uri(&self) -> String {
        match &self.0 {
            Repr::Fields(fields) => fields.digital_link().unwrap_or_else(|| fields.pure_uri()),
            Repr::Plus(plus) => plus.instance_uri(),
        }
    }
}

#[cfg(test)]
mod tests;
