//! Between a reader's socket and the core: reading never waits. While the core is busy, reads queue up; when the queue is
//! full, reads of one tag on one antenna are merged into first and last before any is dropped.

use std::collections::BTreeMap;

use tracegate_pipeline::Read;

/// Reads kept one by one while the core is busy.
const PLAIN: usize = 4_096;
/// Pairs of tag and antenna kept once reads are merged.
const MERGED: usize = 16_384;

/// What became of a read that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// Kept.
    Plain,
    /// Merged with another of the same tag on the same antenna.
    Merged,
    /// Dropped: too many tags.
    Dropped,
}

/// Reads waiting for the core.
#[derive(Debug, Default)]
pub struct ReadQueue {
    plain: Vec<Read>,
    merged: BTreeMap<(Vec<u8>, u16), Merge>,
}

#[derive(Debug)]
struct Merge {
    first: Read,
    last: Option<Read>,
}

impl ReadQueue {
    /// True when nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.merged.is_empty()
    }

    /// Takes a read.
    pub fn push(&mut self, read: Read) -> Queued {
        if self.plain.len() < PLAIN {
            self.plain.push(read);
            return Queued::Plain;
        }
        let key = (read.epc.clone(), read.antenna);
        if let Some(merge) = self.merged.get_mut(&key) {
            // The strongest moment of the span is kept in both its ends.
            let peak = merge.first.rssi_dbm.max(read.rssi_dbm);
            merge.first.rssi_dbm = peak;
            merge.last = Some(Read {
                rssi_dbm: peak,
                ..read
            });
            return Queued::Merged;
        }
        if self.merged.len() >= MERGED {
            return Queued::Dropped;
        }
        self.merged.insert(
            key,
            Merge {
                first: read,
                last: None,
            },
        );
        Queued::Plain
    }

    /// Everything that waits.
    #[must_use]
    pub fn take(&mut self) -> Vec<Read> {
        let mut reads = std::mem::take(&mut self.plain);
        for merge in std::mem::take(&mut self.merged).into_values() {
            reads.push(merge.first);
            reads.extend(merge.last);
        }
        reads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u32, rssi: i8) -> Read {
        Read {
            epc: tag.to_be_bytes().to_vec(),
            bit_len: 32,
            pc: None,
            antenna: 1,
            rssi_dbm: Some(rssi),
            device_time: None,
            ..Read::default()
        }
    }

    #[test]
    fn reads_are_kept_then_merged_then_dropped() {
        let mut queue = ReadQueue::default();
        for _ in 0..PLAIN {
            assert_eq!(queue.push(read(1, -60)), Queued::Plain);
        }
        assert_eq!(queue.push(read(2, -60)), Queued::Plain);
        assert_eq!(queue.push(read(2, -50)), Queued::Merged);
        assert_eq!(queue.push(read(2, -70)), Queued::Merged);
        for tag in 3..=(MERGED as u32 + 1) {
            assert_eq!(queue.push(read(tag, -60)), Queued::Plain);
        }
        assert_eq!(queue.push(read(u32::MAX, -60)), Queued::Dropped);
        let reads = queue.take();
        assert!(queue.is_empty());
        assert_eq!(reads.len(), PLAIN + MERGED + 1);
        assert_eq!(reads[PLAIN].rssi_dbm, Some(-50));
        assert_eq!(reads[PLAIN + 1].rssi_dbm, Some(-50));
    }
}
