//! Tag reports on their way to the caller, and what becomes of them if the caller is slow.
//!
//! Reading never waits. Up to [`TAGS_MAX`] reports wait one by one; beyond that, reports of one tag on one antenna are
//! merged: counts are added, the first time is kept, the last time and the peak follow. Only where too many different
//! ones wait is anything dropped, and counted.

use std::collections::HashMap;

use super::event::ClientEvent;
use super::{Client, EVENTS_MAX};
use crate::report::{EpcBytes, TagRead, read_tags};

/// Most tag reports that wait one by one.
const TAGS_MAX: usize = 200_000;
/// Most tag reports gathered into one event.
const TAGS_PER_EVENT: usize = 1024;
/// Most merged tag reports that wait; more are dropped and counted.
const MERGED_MAX: usize = 16_384;

/// Tag, number of its bits, antenna.
type Key = (EpcBytes, u16, Option<u16>);

/// Reports merged because too many wait. The place of its event is marked by an event without reports.
#[derive(Debug, Default)]
pub(super) struct Merged {
    tags: Vec<TagRead>,
    places: HashMap<Key, usize>,
}

impl Client {
    pub(super) fn handle_report(&mut self, body: &[u8]) {
        let slow = !self.merged.tags.is_empty()
            || self.waiting_tags >= TAGS_MAX
            || self.events.len() >= EVENTS_MAX;
        if slow {
            return self.merge_report(body);
        }
        let mut tags = match self.events.back_mut() {
            Some(ClientEvent::Reports(tags)) if tags.len() < TAGS_PER_EVENT => std::mem::take(tags),
            _ => Vec::new(),
        };
        let gathered = tags.len();
        read_tags(body, &mut tags, &mut self.counters.reports);
        self.waiting_tags += tags.len() - gathered;
        match self.events.back_mut() {
            Some(ClientEvent::Reports(back)) if gathered > 0 => *back = tags,
            // A report without tags is normal from some readers and tells nothing.
            _ if !tags.is_empty() => self.events.push_back(ClientEvent::Reports(tags)),
            _ => {}
        }
    }

    fn merge_report(&mut self, body: &[u8]) {
        let mut tags = Vec::new();
        read_tags(body, &mut tags, &mut self.counters.reports);
        for tag in tags {
            let key = (tag.epc, tag.bit_len, tag.antenna);
            let place = self.merged.places.get(&key).copied();
            if let Some(waiting) = place.and_then(|place| self.merged.tags.get_mut(place)) {
                merge(waiting, tag);
                self.counters.conflated_tags += 1;
            } else if self.merged.tags.len() < MERGED_MAX {
                if self.merged.tags.is_empty() {
                    // Not bounded by `EVENTS_MAX`: there is only one.
                    self.events.push_back(ClientEvent::Reports(Vec::new()));
                }
                self.merged.places.insert(key, self.merged.tags.len());
                self.merged.tags.push(tag);
            } else {
                self.counters.undelivered_tags += 1;
            }
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        let event = self.events.pop_front()?;
        let ClientEvent::Reports(tags) = event else {
            return Some(event);
        };
        if tags.is_empty() {
            let merged = std::mem::take(&mut self.merged);
            return Some(ClientEvent::Reports(merged.tags));
        }
        self.waiting_tags = self.waiting_tags.saturating_sub(tags.len());
        Some(ClientEvent::Reports(tags))
    }
}

/// Puts a later report of the same tag and antenna into one that waits.
fn merge(waiting: &mut TagRead, later: TagRead) {
    let count = |tag: &TagRead| tag.seen_count.unwrap_or(1);
    waiting.seen_count = Some(count(waiting).saturating_add(count(&later)));
    waiting.first_seen = waiting.first_seen.or(later.first_seen);
    waiting.last_seen = later.last_seen.or(later.first_seen).or(waiting.last_seen);
    let stronger = |tag: &TagRead| (tag.rssi_hundredths_dbm, tag.peak_rssi_dbm);
    if stronger(&later) > stronger(waiting) {
        // Phase, Doppler shift and channel belong to the same moment as the strength.
        waiting.rssi_hundredths_dbm = later.rssi_hundredths_dbm;
        waiting.peak_rssi_dbm = later.peak_rssi_dbm;
        waiting.phase = later.phase;
        waiting.doppler = later.doppler;
        waiting.channel = later.channel;
    }
    waiting.pc = later.pc.or(waiting.pc);
    waiting.crc = later.crc.or(waiting.crc);
    waiting.xpc_w1 = later.xpc_w1.or(waiting.xpc_w1);
    waiting.xpc_w2 = later.xpc_w2.or(waiting.xpc_w2);
    if let Some(extra) = later.extra {
        // The newest value of a memory read is the one that counts.
        waiting.access_spec_id = later.access_spec_id;
        waiting.extra = Some(extra);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{OpResult, ReaderTime, TagExtra};

    #[test]
    fn merging_keeps_first_last_peak_and_count() {
        let read = |us, peak_rssi_dbm| TagRead {
            first_seen: Some(ReaderTime::Utc(us)),
            peak_rssi_dbm: Some(peak_rssi_dbm),
            phase: Some(us as u16),
            ..TagRead::default()
        };
        let mut waiting = read(1, -60);
        merge(&mut waiting, read(2, -50));
        let with_result = TagRead {
            seen_count: Some(u16::MAX),
            last_seen: Some(ReaderTime::Utc(9)),
            extra: Some(Box::new(TagExtra {
                tid: vec![7],
                ops: Vec::<OpResult>::new(),
            })),
            ..read(3, -70)
        };
        merge(&mut waiting, with_result.clone());
        merge(&mut waiting, read(10, -80));
        assert_eq!(
            waiting,
            TagRead {
                first_seen: Some(ReaderTime::Utc(1)),
                last_seen: Some(ReaderTime::Utc(10)),
                seen_count: Some(u16::MAX),
                peak_rssi_dbm: Some(-50),
                phase: Some(2),
                extra: with_result.extra,
                ..TagRead::default()
            }
        );
    }
}
