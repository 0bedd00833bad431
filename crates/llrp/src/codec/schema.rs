//! The tables as data: what the tests compare with the standard, and tools can print.

use super::{message, param};

/// One parameter or message of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Type number on the wire.
    pub number: u16,
    /// Name: of a parameter as its type here, of a message as in the standard.
    pub name: &'static str,
    /// The version of LLRP it came with: `1.0.1`, `1.1` or `2.0`.
    pub since: &'static str,
    /// Whether it is a TV parameter: one byte of type, no length.
    pub tv: bool,
    /// Its content.
    pub body: Body,
}

/// Fields and sub-parameters of a row.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// Reserved bits before the first field.
    pub leading_reserved: u8,
    /// Fields in wire order.
    pub fields: &'static [FieldRow],
    /// Sub-parameters that must be there; of an inner list, one.
    pub mandatory: &'static [&'static [&'static str]],
    /// Whether sub-parameters may follow at all.
    pub has_params: bool,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct FieldRow {
    /// Name.
    pub name: &'static str,
    /// Kind, in the words of the standard's definition files where they have one: `u16`, `u1v`, `utf8v` and so on.
    pub kind: &'static str,
    /// The values it has in the standard, if it is an enumeration.
    pub codes: &'static [u16],
    /// Reserved bits after it.
    pub reserved_after: u8,
}

/// Every parameter.
#[must_use]
pub fn parameters() -> &'static [Row] {
    param::ROWS
}

/// Every message.
#[must_use]
pub fn messages() -> &'static [Row] {
    message::ROWS
}
