//! Alphabets of the TDS 2.0 encodings (TDS 2.3 table E).

use super::super::bits::BitWriter;

/// Upper-case hexadecimal digits.
pub(super) const UPPER_HEX: &[u8] = b"0123456789ABCDEF";
/// Lower-case hexadecimal digits.
pub(super) const LOWER_HEX: &[u8] = b"0123456789abcdef";
/// The file-safe and URI-safe base 64 alphabet (RFC 4648 section 5).
pub(super) const BASE_64: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// URN Code 40; the space pads.
const CODE_40: &[u8] = b" ABCDEFGHIJKLMNOPQRSTUVWXYZ-.:0123456789";

/// The three characters of a 16-bit code; `None` if no three have it.
pub(super) fn code_40(code: u64) -> Option<[u8; 3]> {
    let code = code.checked_sub(1).filter(|code| *code < 64_000)?;
    let character = |place: u64| CODE_40.get(usize::try_from(place).ok()?).copied();
    Some([
        character(code / 1600)?,
        character(code / 40 % 40)?,
        character(code % 40)?,
    ])
}

/// Whether URN Code 40 can hold `value`.
pub(super) fn is_code_40(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| *byte != b' ' && CODE_40.contains(byte))
}

/// Appends the codes of `value`, filled up with spaces.
pub(super) fn write_code_40(bits: &mut BitWriter, value: &[u8]) -> Option<()> {
    value.chunks(3).try_for_each(|three| {
        let mut code = 0;
        for place in 0..3 {
            let character = three.get(place).unwrap_or(&b' ');
            let index = CODE_40.iter().position(|byte| byte == character)?;
            code = code * 40 + u64::try_from(index).ok()?;
        }
        bits.push(code + 1, 16);
        Some(())
    })
}

/// Appends the place of each character in `alphabet`.
pub(super) fn write(
    bits: &mut BitWriter,
    value: &[u8],
    width: usize,
    alphabet: &[u8],
) -> Option<()> {
    value.iter().try_for_each(|byte| {
        let place = alphabet.iter().position(|other| other == byte)?;
        bits.push(u64::try_from(place).ok()?, width);
        Some(())
    })
}
