//! Scanners in mode HID POS: reports in, scans out (HID Point of Sale Usage Tables 1.02, HID 1.11).
//!
//! [`Descriptor`] says where in a report what stands; [`Layout`] finds the scanned data in it, or falls back to the
//! 64-byte report that most vendors send; [`Assembler`] puts codes together that take several reports.
//!
//! **Invariants**: no report can panic; a code comes out whole or not at all, and what was lost is told.

mod assemble;
mod command;
mod descriptor;
mod layout;
#[cfg(test)]
mod tests;

pub use assemble::{Assembler, CONTINUE_WITHIN_US, Heard, Lost, MAX_SCAN};
pub use command::{DATA_STREAM, Vendor, commands};
pub use descriptor::{
    Descriptor, DescriptorError, Field, Kind, MAX_DEPTH, MAX_DESCRIPTOR, MAX_PUSHED,
    MAX_REPORT_BITS, Usage,
};
pub use layout::{BadReport, Layout, Piece, Standard};
