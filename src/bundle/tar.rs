//! The few bytes of a tar archive (POSIX.1-1988 "ustar") that plain files need.

const BLOCK: usize = 512;
/// Two empty blocks.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The header of a plain file. A name beyond 100 bytes is cut: ours are short.
pub(super) fn header(name: &str, size: u64, at: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let name = name.get(..name.floor_char_boundary(100));
    put(&mut block, 0, name.unwrap_or_default());
    put(&mut block, 100, "0000644\0");
    put(&mut block, 108, "0000000\0");
    put(&mut block, 116, "0000000\0");
    put(&mut block, 124, &format!("{size:011o}\0"));
    put(&mut block, 136, &format!("{at:011o}\0"));
    // The sum is taken with blanks in its own place.
    put(&mut block, 148, "        ");
    put(&mut block, 156, "0");
    put(&mut block, 257, "ustar\0");
    put(&mut block, 263, "00");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block, 148, &format!("{sum:06o}\0 "));
    block
}

fn put(block: &mut [u8; BLOCK], at: usize, text: &str) {
    let field = block.iter_mut().skip(at);
    field.zip(text.bytes()).for_each(|(to, from)| *to = from);
}

/// What follows a file of this size.
pub(super) fn padding(size: usize) -> &'static [u8] {
    const NOTHING: [u8; BLOCK] = [0; BLOCK];
    let over = size % BLOCK;
    let missing = if over == 0 { 0 } else { BLOCK - over };
    NOTHING.get(..missing).unwrap_or_default()
}
