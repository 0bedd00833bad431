//! What is known about lots, serial numbers, pallets and orders: a table of its own beside the buffer.
//!
//! The pipeline says what it wants to know ([`Known::look`]); what it learns from labels is kept ([`Known::learn`]). The site
//! tells more: by messages that the broker keeps ([`Intake`]; the MQTT side is in `forward/site.rs`), or in files ([`parse`]).
//! Everything goes on without the table: then lots and contents are not known, and the status says so.
//!
//! Invariant: an older version of a record never replaces a newer one of the same origin, nor what was seen here what the site
//! says, nor a file the site's messages.

mod ages;
mod fields;
mod file;
mod format;
mod intake;
mod known;
mod message;
mod orders;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod topic;
mod value;

pub use ages::watch;
pub use fields::Mistake;
pub use file::{FileError, Format, parse};
pub use intake::{BATCH, Complete, Intake};
pub use known::{Known, Looked};
pub use message::{MAX_BYTES, Said, Snapshot, read};
pub use orders::OrderUris;
pub use table::{FILE_NAME, Figures, Origin, Row, Site, Table, TableError};
