//! GS1 identifiers: what a tag, a barcode or a mark says, as one canonical [`Identity`].
//!
//! Bytes go in, values come out; nothing here does I/O or reads a clock, and no input can panic.
//! Three promises hold throughout:
//!
//! - An identity is whole or it is not there. Tag memory that fails any check becomes a raw URI
//!   with the reason ([`epc::TagIdentity::Raw`]); a scan that fails any check is an error that
//!   names the application identifier and the byte.
//! - Nothing is guessed: no separator is invented, no company prefix length is assumed.
//! - One item has one name. An SGTIN tag and a barcode `(01)(21)` of the same item give the same
//!   [`Identity::instance_uri`].
//!
//! The knowledge lives in tables: [`ai`] has a row per application identifier, [`epc`] a row per
//! EPC scheme, [`iso15434`] a row per data identifier. Scans start at [`scan`], tags at [`epc`]; what
//! they name is a [`Thing`]. References: GS1 EPC Tag Data Standard 1.13 (TDS), GS1 General
//! Specifications (GenSpecs), GS1 Digital Link URI Syntax 1.4 (DL), ISO/IEC 15434, ASC MH10.8.2,
//! ANSI/HIBC 2.6.

#![warn(clippy::indexing_slicing)]

pub mod ai;
pub mod aim;
mod charset;
pub mod digital_link;
mod digits;
pub mod element;
pub mod epc;
pub mod hibc;
pub mod identity;
pub mod iso15434;
pub mod pgln;
pub mod plain;
pub mod scan;
pub mod sgln;
pub mod thing;
pub mod udi;

pub use ai::Ai;
pub use aim::{AimId, Carrier};
pub use digital_link::{DigitalLink, LinkError, LinkOptions, link_of, parse_digital_link};
pub use element::{
    Association, Element, ElementError, Fault, UnknownElement, associations, parse_element_string,
};
pub use epc::{Epc, EpcBinary, EpcError, Scheme, TagIdentity};
pub use identity::{Identity, IdentityError};
pub use pgln::{PglnError, check_pgln_urn};
pub use scan::{Scan, ScanContent, ScanError, ScanOptions, ScanWarning, Unidentified, parse_scan};
pub use sgln::{SglnError, check_sgln_urn, sgln_digital_link};
pub use thing::{Level, Thing};
pub use udi::Udi;
