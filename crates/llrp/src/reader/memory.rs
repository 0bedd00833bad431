//! Tags' memories: what Select filters match, and what AccessSpecs read and write.

use super::{Reader, Sighting, TagMemory};
use crate::codec::Param;
use crate::codec::code::{
    C1G2KillResult, C1G2LockResult, C1G2ReadResult, C1G2StateUnawareAction, C1G2WriteResult,
    MemoryBank,
};
use crate::codec::field::Bits;
use crate::codec::param::{
    C1G2BlockEraseOpSpecResult, C1G2BlockWriteOpSpecResult, C1G2Filter, C1G2KillOpSpecResult,
    C1G2LockOpSpecResult, C1G2ReadOpSpecResult, C1G2TagInventoryMask,
    C1G2TagInventoryStateUnawareFilterAction, C1G2TargetTag, C1G2WriteOpSpecResult,
};

/// Words of the EPC bank before the EPC: CRC and PC.
const EPC_WORD: usize = 2;

impl Reader {
    /// What a tag's banks hold, from now on; the EPC bank is what [`Sighting`]s say. Without it a tag has a TID made of
    /// its EPC, and nothing else.
    pub fn set_memory(&mut self, epc: &[u8], memory: TagMemory) {
        self.memories.insert(epc.to_vec(), memory);
    }

    /// What a tag's banks hold.
    #[must_use]
    pub fn memory(&self, epc: &[u8]) -> TagMemory {
        self.memories
            .get(epc)
            .cloned()
            .unwrap_or_else(|| TagMemory {
                tid: made_up_tid(epc),
                ..TagMemory::default()
            })
    }

    fn bank(&self, sighting: &Sighting, bank: MemoryBank) -> Vec<u16> {
        let epc = sighting.epc.as_slice();
        match bank {
            MemoryBank::Reserved => self.memory(epc).reserved,
            MemoryBank::Epc => epc_bank(sighting),
            MemoryBank::Tid => self.memory(epc).tid,
            _ => self.memory(epc).user,
        }
    }

    /// Whether a tag takes part in a round with these filters.
    pub(super) fn selected_by<'a>(
        &self,
        sighting: &Sighting,
        filters: impl Iterator<Item = &'a C1G2Filter>,
    ) -> bool {
        use C1G2StateUnawareAction as Action;
        let mut selected = None;
        for filter in filters {
            let Some(mask) = filter.params.first::<C1G2TagInventoryMask>() else {
                continue;
            };
            let bank = self.bank(sighting, mask.mb);
            let matches = bits_equal(&bank, mask.pointer, &mask.tag_mask, None);
            let action = filter
                .params
                .first::<C1G2TagInventoryStateUnawareFilterAction>()
                .map_or(Action::SelectUnselect, |action| action.action);
            // Before the first filter: whatever it leaves alone is as it would be without filters that select.
            let before = selected.unwrap_or(matches!(
                action,
                Action::NothingUnselect | Action::UnselectNothing
            ));
            selected = Some(match action {
                Action::SelectUnselect => matches,
                Action::SelectNothing => before || matches,
                Action::NothingUnselect => before && matches,
                Action::UnselectNothing => before && !matches,
                Action::UnselectSelect => !matches,
                Action::NothingSelect => before || !matches,
                Action::Unknown(_) => before,
            });
        }
        selected.unwrap_or(true)
    }

    /// Whether an AccessSpec is for this tag.
    pub(super) fn targeted(&self, sighting: &Sighting, target: &C1G2TargetTag) -> bool {
        let bank = self.bank(sighting, target.mb);
        let equal = bits_equal(
            &bank,
            target.pointer,
            &target.tag_data,
            Some(&target.tag_mask),
        );
        equal == target.match_tag
    }

    /// Carries out one operation on a tag; `None` for what is no operation.
    pub(super) fn operate(&mut self, sighting: &Sighting, op: &Param) -> Option<Param> {
        let result = match op {
            Param::C1G2Read(read) => {
                let bank = self.bank(sighting, read.mb);
                let words = words_at(&bank, read.word_pointer, read.word_count);
                C1G2ReadOpSpecResult {
                    // Too far is no more than an error in LLRP 1.0.1.
                    result: words.map_or(C1G2ReadResult::TagError, |_| C1G2ReadResult::Success),
                    op_spec_id: read.op_spec_id,
                    read_data: words.unwrap_or_default().to_vec(),
                }
                .into()
            }
            Param::C1G2Write(write) => {
                let result = self.write(sighting, write.mb, write.word_pointer, &write.write_data);
                C1G2WriteOpSpecResult {
                    num_words_written: written(result, &write.write_data),
                    result,
                    op_spec_id: write.op_spec_id,
                }
                .into()
            }
            Param::C1G2BlockWrite(write) => {
                let result = self.write(sighting, write.mb, write.word_pointer, &write.write_data);
                C1G2BlockWriteOpSpecResult {
                    num_words_written: written(result, &write.write_data),
                    result,
                    op_spec_id: write.op_spec_id,
                }
                .into()
            }
            Param::C1G2BlockErase(erase) => {
                let zeros = vec![0; usize::from(erase.word_count)];
                C1G2BlockEraseOpSpecResult {
                    result: self.write(sighting, erase.mb, erase.word_pointer, &zeros),
                    op_spec_id: erase.op_spec_id,
                }
                .into()
            }
            // A tag without a kill password cannot be killed.
            Param::C1G2Kill(kill) => C1G2KillOpSpecResult {
                result: C1G2KillResult::ZeroKillPassword,
                op_spec_id: kill.op_spec_id,
            }
            .into(),
            Param::C1G2Lock(lock) => C1G2LockOpSpecResult {
                result: C1G2LockResult::Success,
                op_spec_id: lock.op_spec_id,
            }
            .into(),
            _ => return None,
        };
        Some(result)
    }

    /// The EPC and the tag's number are not for writing here: what a tag is comes from who shows it to the reader.
    fn write(
        &mut self,
        sighting: &Sighting,
        bank: MemoryBank,
        pointer: u16,
        data: &[u16],
    ) -> C1G2WriteResult {
        let mut memory = self.memory(sighting.epc.as_slice());
        let words = match bank {
            MemoryBank::Reserved => &mut memory.reserved,
            MemoryBank::User => &mut memory.user,
            _ => return C1G2WriteResult::MemoryLocked,
        };
        let start = usize::from(pointer);
        let Some(place) = words.get_mut(start..start + data.len()) else {
            return C1G2WriteResult::MemoryOverrun;
        };
        place.copy_from_slice(data);
        self.set_memory(sighting.epc.as_slice(), memory);
        C1G2WriteResult::Success
    }
}

fn written(result: C1G2WriteResult, data: &[u16]) -> u16 {
    match result {
        C1G2WriteResult::Success => u16::try_from(data.len()).unwrap_or(u16::MAX),
        _ => 0,
    }
}

/// `count` words from `pointer` on, all for 0.
fn words_at(bank: &[u16], pointer: u16, count: u16) -> Option<&[u16]> {
    let rest = bank.get(usize::from(pointer)..)?;
    match count {
        0 => (!rest.is_empty()).then_some(rest),
        _ => rest.get(..usize::from(count)),
    }
}

fn epc_bank(sighting: &Sighting) -> Vec<u16> {
    let mut words = vec![crc(sighting), sighting.pc];
    words.extend(sighting.epc.as_slice().chunks(2).map(|pair| match *pair {
        [high, low] => u16::from_be_bytes([high, low]),
        [high] => u16::from_be_bytes([high, 0]),
        _ => 0,
    }));
    debug_assert!(words.len() >= EPC_WORD);
    words
}

/// CRC-16 over PC and EPC, as the tag keeps it (EPC Gen2 §6.3.1.5).
pub(super) fn crc(sighting: &Sighting) -> u16 {
    let bytes = sighting.pc.to_be_bytes();
    let crc = bytes
        .iter()
        .chain(sighting.epc.as_slice())
        .fold(0xffff, |crc: u16, &byte| {
            (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
                (crc << 1) ^ (if crc & 0x8000 == 0 { 0 } else { 0x1021 })
            })
        });
    !crc
}

/// A TID of 96 bits that no other EPC has (FNV-1a; not a made tag's).
fn made_up_tid(epc: &[u8]) -> Vec<u16> {
    let hash = epc.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let [a, b, c, d] = [48, 32, 16, 0].map(|shift| (hash >> shift) as u16);
    vec![0xe280, 0x1160, a, b, c, d]
}

/// Whether `bank` from bit `pointer` on equals `wanted`, where `mask` (all of it without one) is set. What lies beyond
/// the bank differs.
fn bits_equal(bank: &[u16], pointer: u16, wanted: &Bits, mask: Option<&Bits>) -> bool {
    let bit_of = |bits: &Bits, index: u16| {
        let byte = bits.bytes().get(usize::from(index / 8)).copied();
        byte.is_some_and(|byte| byte >> (7 - index % 8) & 1 == 1)
    };
    let len = mask.map_or(wanted.bit_len(), Bits::bit_len);
    (0..len)
        .filter(|&index| mask.is_none_or(|mask| bit_of(mask, index)))
        .all(|index| {
            let at = usize::from(pointer) + usize::from(index);
            let word = bank.get(at / 16);
            word.is_some_and(|word| (word >> (15 - at % 16) & 1 == 1) == bit_of(wanted, index))
        })
}
