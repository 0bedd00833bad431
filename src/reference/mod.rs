//! What is known about lots, serial numbers and pallets: a table of its own beside the buffer.
//!
//! The pipeline says what it wants to know ([`Known::look`]); what it learns from labels is kept ([`Known::learn`]).
//! Everything goes on without the table: then lots and contents are not known, and the status says so.
//!
//! Invariant: an older version of a record never replaces a newer one, nor what was seen here what the site says.

mod file;
mod known;
mod table;
#[cfg(test)]
mod tests;

pub use file::{FileError, Format, parse};
pub use known::Known;
pub use table::{Figures, Row, Table, TableError};
