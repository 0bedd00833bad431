//! GS1 Digital Link: a key, its qualifiers and attributes as a web address (GS1 Digital Link URI
//! Syntax 1.4, "DL").
//!
//! Any domain and stem: the key is searched from the right end of the path, so a stem may hold
//! something like `/01/info`. What comes out is canonical, at `https://id.gs1.org`.

mod parse;

use thiserror::Error;

use crate::{
    Ai, Element, ElementError, Identity, IdentityError, charset::push_link, identity::key_uri,
};

pub use parse::{is_web_address, parse_digital_link};

/// Forms of older links that are refused unless asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkOptions {
    /// Take words instead of numbers in the path, `/gtin/…/lot/…` (DL 1.1; withdrawn in 1.2).
    pub words: bool,
    /// Take GTINs of 8, 12 and 13 digits and fill them up with zeros (DL 1.2; withdrawn in 1.3).
    pub short_gtin: bool,
}

/// A Digital Link, every element checked: key first, then qualifiers, then attributes as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigitalLink {
    elements: Vec<Element>,
    /// How many of them stand in the path.
    in_path: usize,
}

/// Why an address is not a Digital Link. Positions count bytes from its start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It does not start with `https://` or `http://`, in small or in capital letters throughout.
    #[error("not a web address: it must start with https:// or http://")]
    Scheme,
    /// A character that no URI may hold (RFC 3986 section 2).
    #[error("byte {position} is not allowed in a web address")]
    Character {
        /// Where it is.
        position: usize,
    },
    /// There is no domain, or one with characters that no domain has.
    #[error("the web address has no proper domain before its path")]
    Domain,
    /// No primary key in the path (DL section 4.3).
    #[error("no GS1 key in the path of the web address, such as /01/ and a GTIN, at its end")]
    NoKey,
    /// The path looks like the compressed form (DL section 7 of version 1.1), which says nothing
    /// without its decompression tables.
    #[error(
        "the web address is a compressed Digital Link, which is not supported; print the full form"
    )]
    Compressed,
    /// Qualifiers that do not belong to the key, or not in this order (DL section 4.4).
    #[error("({ai}) may not follow in the path of ({key})")]
    Qualifier {
        /// The key.
        key: Ai,
        /// The first qualifier that does not fit.
        ai: Ai,
    },
    /// A number in the query that is no application identifier (DL section 4.6).
    #[error("{name:?} in the query is not an application identifier")]
    UnknownAi {
        /// What stands before the equals sign.
        name: String,
    },
    /// An identifier that may not stand in the query (DL section 4.6).
    #[error("({ai}) may not stand in the query")]
    Attribute {
        /// The identifier.
        ai: Ai,
    },
    /// A qualifier of the key stands in the query (DL section 4.4).
    #[error("({ai}) belongs in the path, not in the query")]
    BelongsInPath {
        /// The qualifier.
        ai: Ai,
    },
    /// An identifier occurs twice.
    #[error("({ai}) occurs twice")]
    Twice {
        /// The identifier.
        ai: Ai,
    },
    /// A value breaks a rule of its identifier; positions count from the start of the value.
    #[error(transparent)]
    Value(ElementError),
}

impl DigitalLink {
    /// The elements: key, qualifiers in path order, attributes in the order of the query.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The canonical form (DL section 4.11): `https://id.gs1.org`, the path as it is, attributes in the
    /// order of their identifiers.
    pub fn canonical(&self) -> String {
        let (path, query) = self
            .elements
            .split_at(self.in_path.min(self.elements.len()));
        write_link(path, query)
    }

    /// The canonical identity, the same as that of a tag or barcode with these elements.
    ///
    /// # Errors
    /// None for a link that was parsed; the type keeps the door open for keys of other kinds.
    pub fn identity(&self) -> Result<Identity, IdentityError> {
        Identity::from_elements(self.elements.clone())
    }
}

/// The Digital Link of an element string whose first primary key is the key of the link, as GS1's
/// own syntax engine writes it; attributes in the order of their identifiers (DL section 4).
///
/// `None` without a key, or if an element can stand neither in the path nor in the query. Unlike
/// [`Identity::digital_link`] it follows the order of the carrier.
pub fn link_of(elements: &[Element]) -> Option<String> {
    let (first, key) = elements
        .iter()
        .find_map(|element| Some((element, element.ai().spec()?.key?)))?;
    let qualifiers = crate::identity::path(first.ai(), key, elements)?;
    let mut seen: Vec<Ai> = Vec::new();
    let mut distinct = elements.to_vec();
    distinct.retain(|element| {
        let new = !seen.contains(&element.ai());
        seen.push(element.ai());
        new
    });
    let place = |element: &Element| match element.ai() {
        ai if ai == first.ai() => Some(0),
        ai => qualifiers
            .iter()
            .position(|&other| other == ai)
            .map(|place| place + 1),
    };
    distinct.sort_by_key(|element| place(element).unwrap_or(usize::MAX));
    let in_path = distinct
        .iter()
        .filter(|element| place(element).is_some())
        .count();
    let (path, query) = distinct.split_at(in_path);
    Some(write_link(path, query))
}

fn write_link(path: &[Element], query: &[Element]) -> String {
    let segments: Vec<(Ai, &str)> = path
        .iter()
        .map(|element| (element.ai(), element.value()))
        .collect();
    let mut link = key_uri(&segments);
    let mut attributes: Vec<&Element> = query.iter().collect();
    attributes.sort_by_key(|element| element.ai());
    let mut separator = '?';
    for attribute in attributes {
        push_attribute(&mut link, separator, attribute);
        separator = '&';
    }
    link
}

/// Appends `?AI=value` or `&AI=value`.
pub(crate) fn push_attribute(link: &mut String, separator: char, attribute: &Element) {
    link.push(separator);
    link.push_str(attribute.ai().as_str());
    link.push('=');
    push_link(link, attribute.value().as_bytes());
}

#[cfg(test)]
mod tests;
