//! Between a reader's socket and the core: reading never waits. While the core is busy, reads queue up; when the queue is
//! full, reads of one tag on one antenna are merged into first, last, count and peak before any is dropped.

use std::collections::BTreeMap;

use tracegate_pipeline::{Read, Time};

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
    plain: Vec<(Time, Read)>,
    merged: BTreeMap<(Vec<u8>, u16), Merge>,
    newest: Time,
}

#[derive(Debug)]
struct Merge {
    first: (Time, Read),
    last: Option<(Time, Read)>,
}

impl Merge {
    /// The span's ends stay; what was between them is counted, and its strongest moment is kept in both ends.
    fn add(&mut self, arrived: Time, mut read: Read) {
        let first = &mut self.first.1;
        let peak = first.rssi_dbm.max(read.rssi_dbm);
        first.rssi_dbm = peak;
        read.rssi_dbm = peak;
        if let Some((_, between)) = self.last.take() {
            first.more = first.more.saturating_add(between.more).saturating_add(1);
            first.extra = first.extra.take().or(between.extra);
        }
        self.last = Some((arrived, read));
    }
}

impl ReadQueue {
    /// True when nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.merged.is_empty()
    }

    /// Takes a read that arrived now. `arrived` never runs backwards.
    pub fn push(&mut self, arrived: Time, read: Read) -> Queued {
        self.newest = arrived;
        if self.plain.len() < PLAIN {
            self.plain.push((arrived, read));
            return Queued::Plain;
        }
        let key = (read.epc.clone(), read.antenna);
        if let Some(merge) = self.merged.get_mut(&key) {
            merge.add(arrived, read);
            return Queued::Merged;
        }
        if self.merged.len() >= MERGED {
            return Queued::Dropped;
        }
        let (first, last) = ((arrived, read), None);
        self.merged.insert(key, Merge { first, last });
        Queued::Plain
    }

    /// Everything that waits, and when the newest of it arrived.
    #[must_use]
    pub fn take(&mut self) -> (Time, Vec<Read>) {
        let at = self.newest;
        let merged = std::mem::take(&mut self.merged).into_values();
        let plain = std::mem::take(&mut self.plain).into_iter();
        let merged = merged.flat_map(|merge| std::iter::once(merge.first).chain(merge.last));
        let waited = |(arrived, mut read): (Time, Read)| {
            read.waited_us = u32::try_from(at.micros_since(arrived)).unwrap_or(u32::MAX);
            read
        };
        (at, plain.chain(merged).map(waited).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u32, rssi: i8) -> Read {
        Read {
            epc: tag.to_be_bytes().to_vec(),
            bit_len: 32,
            antenna: 1,
            rssi_dbm: Some(rssi),
            ..Read::default()
        }
    }

    #[test]
    fn reads_are_kept_then_merged_then_dropped() {
        let mut queue = ReadQueue::default();
        let mut time = (0..).map(Time);
        let mut push = |read| queue.push(time.next().unwrap(), read);
        for _ in 0..PLAIN {
            assert_eq!(push(read(1, -60)), Queued::Plain);
        }
        assert_eq!(push(read(2, -60)), Queued::Plain);
        assert_eq!(push(read(2, -50)), Queued::Merged);
        assert_eq!(push(read(2, -70)), Queued::Merged);
        assert_eq!(push(read(2, -80)), Queued::Merged);
        for tag in 3..=(MERGED as u32 + 1) {
            assert_eq!(push(read(tag, -60)), Queued::Plain);
        }
        assert_eq!(push(read(u32::MAX, -60)), Queued::Dropped);
        let (at, reads) = queue.take();
        assert!(queue.is_empty());
        assert_eq!(reads.len(), PLAIN + MERGED + 1);
        let [first, last] = &reads[PLAIN..PLAIN + 2] else {
            panic!()
        };
        // Four sightings: the first and two between, then the last. The peak is in both ends.
        assert_eq!((first.more, last.more), (2, 0));
        assert_eq!((first.rssi_dbm, last.rssi_dbm), (Some(-50), Some(-50)));
        // Each keeps the time of its own arrival.
        assert_eq!(at.0 - i64::from(first.waited_us), PLAIN as i64);
        assert_eq!(at.0 - i64::from(last.waited_us), PLAIN as i64 + 3);
        assert_eq!(reads[0].waited_us, at.0 as u32);
    }

    /// Whatever comes in whatever order: no sighting is lost from the count as long as none is dropped.
    #[test]
    fn merging_keeps_the_count() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut queue = ReadQueue::default();
        let mut pushed = 0;
        for at in 0..50_000 {
            let more = random.u32(0..4);
            let read = Read {
                more,
                ..read(random.u32(0..500), random.i8(-80..-40))
            };
            pushed += u64::from(more) + 1;
            assert_ne!(queue.push(Time(at), read), Queued::Dropped);
        }
        let (_, reads) = queue.take();
        assert!(reads.len() <= PLAIN + 1_000);
        let kept: u64 = reads.iter().map(|read| u64::from(read.more) + 1).sum();
        assert_eq!(kept, pushed);
    }
}
