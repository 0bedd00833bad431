//! Patterns as masks of the Gen2 Select command, so that tags which cannot match stay silent
//! (EPC Gen2v2 section 6.3.2.12.1.1).

use super::{Alternative, Pattern, Step};

/// Bit 20h of the EPC bank: where the EPC starts behind CRC and PC word.
const EPC_START: usize = 0x20;

/// The longest mask of a Select command.
const MASK_BITS_MAX: usize = 255;

/// What to select by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// All of them must match; in the order of the memory.
    pub masks: Vec<SelectMask>,
    /// Whether they select just what the pattern matches. Otherwise they select more, and the
    /// pattern still has to decide.
    pub exact: bool,
}

/// A mask of the Select command, on the EPC bank (memory bank 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectMask {
    /// The first bit, counted from the start of the bank: 20h is the first of the EPC.
    pub bit_pointer: usize,
    /// The bits, from the most significant of the first byte on.
    pub mask: Vec<u8>,
    /// How many of them, 1 to 255.
    pub bit_len: usize,
}

impl Pattern {
    /// The masks that select the tags of this pattern, and as few others as masks can. The longest
    /// one alone is the best choice for a reader that takes only one.
    pub fn select(&self) -> Select {
        let mut exact = self.alternatives.len() == 1;
        let mut known: Option<Vec<Option<bool>>> = None;
        for alternative in &self.alternatives {
            let (bits, all) = known_bits(alternative);
            exact &= all;
            known = Some(match known {
                None => bits,
                // What the alternatives agree on.
                Some(before) => before
                    .iter()
                    .zip(&bits)
                    .map(|(one, other)| if one == other { *one } else { None })
                    .collect(),
            });
        }
        Select {
            masks: masks(&known.unwrap_or_default()),
            exact,
        }
    }
}

/// The bits that an alternative fixes, from the first on, and whether that is all it asks.
fn known_bits(alternative: &Alternative) -> (Vec<Option<bool>>, bool) {
    let mut bits = Vec::new();
    // A mask cannot ask for a length.
    let mut all = !alternative.exact;
    for step in &alternative.steps {
        match *step {
            Step::Any(width) => bits.resize(bits.len() + width, None),
            Step::Equal { width, value } => push(&mut bits, width, value, u64::MAX),
            Step::Masked { width, value, mask } => push(&mut bits, width, value, mask),
            Step::Range { width, low, high } => {
                // The bits in which the ends differ, and all behind them, are free.
                let free = u64::BITS - (low ^ high).leading_zeros();
                let free_mask = u64::MAX.checked_shr(u64::BITS - free).unwrap_or(0);
                push(&mut bits, width, low, !free_mask);
                all &= low & free_mask == 0 && high & free_mask == free_mask;
            }
            // Where the rest stands nobody knows.
            Step::AnySixBit => return (bits, false),
        }
    }
    (bits, all)
}

fn push(bits: &mut Vec<Option<bool>>, width: usize, value: u64, mask: u64) {
    bits.extend(
        (0..width)
            .rev()
            .map(|place| (mask >> place & 1 == 1).then_some(value >> place & 1 == 1)),
    );
}

/// Runs of known bits.
fn masks(bits: &[Option<bool>]) -> Vec<SelectMask> {
    let mut masks: Vec<SelectMask> = Vec::new();
    for (place, bit) in bits.iter().enumerate() {
        let Some(bit) = *bit else { continue };
        let bit_pointer = EPC_START + place;
        let continues = masks.last().is_some_and(|last| {
            last.bit_pointer + last.bit_len == bit_pointer && last.bit_len < MASK_BITS_MAX
        });
        if !continues {
            masks.push(SelectMask {
                bit_pointer,
                mask: Vec::new(),
                bit_len: 0,
            });
        }
        if let Some(last) = masks.last_mut() {
            if last.bit_len.is_multiple_of(8) {
                last.mask.push(0);
            }
            if let Some(byte) = last.mask.last_mut() {
                *byte |= u8::from(bit) << (7 - last.bit_len % 8);
            }
            last.bit_len += 1;
        }
    }
    masks
}
