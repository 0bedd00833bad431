//! Hexadecimal digits of the test data.

/// The bytes; an odd number of digits ends in half a byte.
pub fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hex") as u8;
    let pair = |pair: &[u8]| digit(pair[0]) << 4 | pair.get(1).map_or(0, |&low| digit(low));
    hex.as_bytes().chunks(2).map(pair).collect()
}
