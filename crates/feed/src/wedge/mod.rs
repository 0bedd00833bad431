//! Keyboard wedge: scanners that type, as key events in and scans out.
//!
//! A key event names a position, not a character: which character it is depends on the layout that the *scanner* is set to.
//! [`Keys`] turns positions into characters, [`Wedge`] tells codes from what a person types, by speed.
//!
//! **Invariants**: no sequence of events can panic; a code comes out whole or not at all, and what was thrown away is told.

mod keys;
mod layout;
mod scan;
#[cfg(test)]
mod tests;

pub use keys::{Keys, Press, Stroke};
pub use layout::Layout;
pub use scan::{Heard, Lost, MAX_SCAN, Settings, Suffix, Wedge};
