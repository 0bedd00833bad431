//! Rows of the journal.

use tracegate_pipeline::journal::{decode, encode};

/// What can be read comes back from its own encoding.
///
/// # Panics
/// If it does not.
pub fn row(data: &[u8]) {
    let Ok(inputs) = decode(data) else { return };
    let again = encode(&inputs).expect("what was decoded can be encoded");
    let inputs = decode(&again).expect("what was encoded can be decoded");
    // Bytes, because a configuration may hold a number that is not equal to itself.
    assert_eq!(encode(&inputs), Ok(again));
}
