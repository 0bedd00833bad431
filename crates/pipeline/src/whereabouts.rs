//! Where active tags are: one zone for each, the loudest, or the one whose exciter says so; and what they say of themselves.
//!
//! Many receivers hear one beacon, over walls and floors. A tag is in the zone whose receivers hear it loudest, and stays
//! there until another hears it clearly louder, several beacons in a row. A low-frequency exciter is heard over a few
//! metres only: in its field there is no question. Strength tells where a tag is, never which way it went.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tracegate_feed::active::{Ageing, Alarm, Alarms, Limits, Pace, Signal};

use crate::gate::EpcKey;
use crate::input::DeviceIndex;
use crate::time::{Span, Time};

/// Active tags followed at most; beyond, the one unheard for longest is forgotten.
const MAX_ACTIVE: usize = 20_000;
/// Receivers remembered of one tag at most; beyond, the one that has not heard it for longest is forgotten.
const MAX_RECEIVERS: usize = 16;
/// A tag unheard for so long is forgotten, with its pace.
const FORGOTTEN_AFTER: Span = Span::millis(7 * 86_400_000);
/// Another zone must be louder by this, in hundredths of dB…
const LOUDER: i32 = 600;
/// …so many beacons in a row.
const IN_A_ROW: u8 = 3;
/// The newest beacon counts this part in a receiver's mean strength.
const SMOOTHING: i32 = 2;
/// Beacons of a tag after which it has a place that must be defended.
const SETTLED: u32 = 3;
/// A receiver that missed so many beacons of a tag does not hear it any more.
const MISSED: u32 = 4;
/// Strength of a beacon whose receiver tells none, in hundredths of dBm.
const UNTOLD: i32 = -7_000;

type Port = (DeviceIndex, u16);

/// One beacon, as far as it matters here.
pub(crate) struct Hearing<'a> {
    pub at: Time,
    pub port: Port,
    /// The zone that the receiver looks at.
    pub zone: Option<usize>,
    /// The zone of the exciter that the tag hears.
    pub marked: Option<usize>,
    pub rssi_dbm: Option<i8>,
    pub signal: &'a Signal,
    pub pace: Pace,
    pub limits: Limits,
}

/// What a beacon told.
pub(crate) struct Heard {
    /// Where the tag is.
    pub place: usize,
    /// Whether this beacon shows that it is there; one heard from afar does not.
    pub counts: bool,
    /// How long the tag may be silent.
    pub silence: Span,
    pub alarms: Vec<Alarm>,
}

/// All active tags.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Whereabouts {
    tags: BTreeMap<EpcKey, Active>,
    by_time: BTreeSet<(Time, EpcKey)>,
    /// Tags forgotten because of the cap.
    pub capped: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Active {
    last: Time,
    ageing: Ageing,
    alarms: Alarms,
    place: Option<usize>,
    /// When its exciter last said so.
    marked: Option<Time>,
    beacons: u32,
    receivers: Vec<Receiver>,
    /// Beacons in a row that another zone heard clearly louder.
    challenged: (usize, u8),
}

/// How one receiver hears a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Receiver {
    port: Port,
    zone: usize,
    /// Hundredths of dBm.
    level: i32,
    last: Time,
    /// Number of the tag's beacon that it heard last.
    beacon: u32,
}

impl Whereabouts {
    /// Takes a beacon. `None` if nothing tells where the tag is.
    pub fn hear(&mut self, key: &EpcKey, hearing: &Hearing<'_>) -> Option<Heard> {
        if hearing.zone.is_none() && hearing.marked.is_none() && !self.tags.contains_key(key) {
            return None;
        }
        self.make_room(key, hearing.at);
        let fresh = || Active {
            last: hearing.at,
            ageing: Ageing::default(),
            alarms: Alarms::default(),
            place: None,
            marked: None,
            beacons: 0,
            receivers: Vec::new(),
            challenged: (0, 0),
        };
        let tag = self.tags.entry(key.clone()).or_insert_with(fresh);
        let before = tag.last;
        let heard = tag.hear(hearing);
        let now = tag.last;
        if before != now {
            self.by_time.remove(&(before, key.clone()));
        }
        self.by_time.insert((now, key.clone()));
        heard
    }

    fn make_room(&mut self, key: &EpcKey, now: Time) {
        while let Some((last, _)) = self.by_time.first()
            && now - *last > FORGOTTEN_AFTER
        {
            self.forget_first();
        }
        if self.tags.len() >= MAX_ACTIVE && !self.tags.contains_key(key) {
            self.forget_first();
            self.capped += 1;
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.by_time.pop_first() {
            self.tags.remove(&key);
        }
    }

    /// Moves everything back by `by`, onto a new time line.
    pub fn set_back(&mut self, by: Span) {
        for tag in self.tags.values_mut() {
            tag.last = tag.last - by;
            tag.marked = tag.marked.map(|at| at - by);
            tag.ageing.set_back(by.0);
            tag.alarms.set_back(by.0);
            for receiver in &mut tag.receivers {
                receiver.last = receiver.last - by;
            }
        }
        let times = self.tags.iter().map(|(key, tag)| (tag.last, key.clone()));
        self.by_time = times.collect();
    }

    /// Read points and devices have other numbers from here on. Where a tag is is kept, who hears it is learned anew.
    pub fn renumber(&mut self, zone: impl Fn(usize) -> Option<usize>) {
        for tag in self.tags.values_mut() {
            tag.place = tag.place.and_then(&zone);
            tag.receivers.clear();
            tag.challenged = (0, 0);
        }
    }
}

impl Active {
    fn hear(&mut self, hearing: &Hearing<'_>) -> Option<Heard> {
        let (at, signal) = (hearing.at, hearing.signal);
        let is_new = self.ageing.hear(at.0, signal.sequence, signal.interval_ms);
        self.last = self.last.later(at);
        if is_new {
            self.beacons = self.beacons.saturating_add(1);
        }
        let silence = Span(self.ageing.silence_us(&hearing.pace));
        if let Some(zone) = hearing.zone {
            self.listen(zone, hearing);
        }
        let is_marked = match hearing.marked {
            Some(zone) => {
                (self.place, self.marked) = (Some(zone), Some(at));
                self.challenged = (0, 0);
                true
            }
            None => {
                // What an exciter said holds until the tag must have been heard without one.
                let holds = self.marked.is_some_and(|marked| at - marked <= silence);
                if !holds && let Some(zone) = hearing.zone {
                    self.marked = None;
                    self.follow(zone, at, silence);
                }
                false
            }
        };
        let place = self.place?;
        let alarms = match is_new {
            true => self.alarms.judge(at.0, signal, &hearing.limits),
            false => Vec::new(),
        };
        Some(Heard {
            place,
            counts: is_marked || hearing.zone == Some(place),
            silence,
            alarms,
        })
    }

    fn listen(&mut self, zone: usize, hearing: &Hearing<'_>) {
        let level = hearing.rssi_dbm.map_or(UNTOLD, |dbm| i32::from(dbm) * 100);
        let (at, beacon) = (hearing.at, self.beacons);
        let known = self.receivers.iter_mut();
        let mut known = known.filter(|receiver| receiver.port == hearing.port);
        if let Some(receiver) = known.next() {
            let missed = beacon.saturating_sub(receiver.beacon) >= MISSED;
            receiver.level = match missed {
                true => level,
                false => receiver.level + (level - receiver.level) / SMOOTHING,
            };
            (receiver.zone, receiver.last, receiver.beacon) = (zone, at, beacon);
            return;
        }
        if self.receivers.len() >= MAX_RECEIVERS {
            let oldest = self.receivers.iter().enumerate();
            let oldest = oldest
                .min_by_key(|(_, it)| (it.last, it.port))
                .map(|it| it.0);
            self.receivers.remove(oldest.unwrap_or_default());
        }
        self.receivers.push(Receiver {
            port: hearing.port,
            zone,
            level,
            last: at,
            beacon,
        });
    }

    /// Decides by strength; `zone` is the one that has just heard it.
    fn follow(&mut self, zone: usize, at: Time, silence: Span) {
        let beacons = self.beacons;
        let hears =
            |it: &Receiver| beacons.saturating_sub(it.beacon) < MISSED && at - it.last <= silence;
        let mut levels: BTreeMap<usize, i32> = BTreeMap::new();
        for receiver in self.receivers.iter().filter(|it| hears(it)) {
            let level = levels.entry(receiver.zone).or_insert(receiver.level);
            *level = (*level).max(receiver.level);
        }
        // Of equals the first.
        let loudest = levels
            .iter()
            .max_by_key(|(zone, level)| (**level, std::cmp::Reverse(**zone)));
        let Some((&best, &level)) = loudest else {
            return;
        };
        let here = self
            .place
            .and_then(|place| Some((place, *levels.get(&place)?)));
        let (place, own) = match here {
            Some(here) if beacons >= SETTLED => here,
            _ => {
                (self.place, self.challenged) = (Some(best), (0, 0));
                return;
            }
        };
        if best == place || level < own.saturating_add(LOUDER) {
            self.challenged = (0, 0);
        } else if zone == best {
            let (who, times) = self.challenged;
            let times = if who == best {
                times.saturating_add(1)
            } else {
                1
            };
            self.challenged = (best, times);
            if times >= IN_A_ROW {
                (self.place, self.challenged) = (Some(best), (0, 0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;
    const NEAR: usize = 0;
    const FAR: usize = 1;
    const GATE: usize = 2;

    fn key(n: u32) -> EpcKey {
        EpcKey {
            epc: n.to_be_bytes().to_vec(),
            bit_len: 32,
        }
    }

    fn hearing<'a>(at: i64, zone: usize, rssi: i8, signal: &'a Signal) -> Hearing<'a> {
        Hearing {
            at: Time(at),
            port: (u16::try_from(zone).unwrap(), 1),
            zone: Some(zone),
            marked: signal.marker.as_ref().map(|_| GATE),
            rssi_dbm: Some(rssi),
            signal,
            pace: Pace {
                interval_us: Some(5 * S),
                ..Pace::default()
            },
            limits: Limits::default(),
        }
    }

    /// Beacons every 5 s as (levels at both zones); returns where the tag is after each.
    fn walk(levels: &[(i8, i8)]) -> Vec<usize> {
        let (mut all, signal) = (Whereabouts::default(), Signal::default());
        let mut places = Vec::new();
        for (at, (near, far)) in (0..).step_by(5 * S as usize).zip(levels) {
            // The far one is quicker to tell.
            all.hear(&key(1), &hearing(at, FAR, *far, &signal));
            let heard = all.hear(&key(1), &hearing(at + 20_000, NEAR, *near, &signal));
            places.push(heard.unwrap().place);
        }
        places
    }

    #[test]
    fn a_tag_is_where_it_is_loudest_and_does_not_flutter() {
        // Each is the louder one in turn, but not clearly and not for long.
        let noise = [(-60, -72), (-72, -60), (-72, -60)];
        assert_eq!(walk(&noise.repeat(40)), [NEAR; 120]);
        let moved = [[(-60, -80); 5], [(-80, -60); 5]].concat();
        let places = walk(&moved);
        assert_eq!((places.first(), places.last()), (Some(&NEAR), Some(&FAR)));
        assert!(places.windows(2).filter(|pair| pair[0] != pair[1]).count() == 1);
    }

    #[test]
    fn the_first_to_tell_has_not_won() {
        assert_eq!(walk(&[(-60, -80); 1]), [NEAR]);
    }

    #[test]
    fn who_does_not_hear_it_any_more_has_no_say() {
        let (mut all, signal) = (Whereabouts::default(), Signal::default());
        for at in 0..10 {
            all.hear(&key(1), &hearing(at * 5 * S, NEAR, -50, &signal));
        }
        let places: Vec<usize> = (10..15)
            .filter_map(|at| all.hear(&key(1), &hearing(at * 5 * S, FAR, -90, &signal)))
            .map(|heard| heard.place)
            .collect();
        assert_eq!(places, [NEAR, NEAR, NEAR, FAR, FAR]);
    }

    #[test]
    fn an_exciter_overrules_strength() {
        let marked = Signal {
            marker: Some("501".to_owned()),
            ..Signal::default()
        };
        let (mut all, plain) = (Whereabouts::default(), Signal::default());
        let mut hear = |at: i64, signal: &Signal| {
            let heard = all
                .hear(&key(1), &hearing(at * S, NEAR, -40, signal))
                .unwrap();
            (heard.place, heard.counts)
        };
        for at in 0..10 {
            assert_eq!(hear(at * 5, &plain), (NEAR, true));
        }
        assert_eq!(hear(50, &marked), (GATE, true));
        assert_eq!(hear(55, &plain), (GATE, false));
        // 4 beacons of 5 s and a tenth: then the exciter's word is old.
        assert_eq!(hear(72, &plain), (GATE, false));
        assert_eq!(hear(73, &plain), (NEAR, true));
    }

    #[test]
    fn an_alarm_is_told_once_though_many_hear_it() {
        let opened = Signal {
            tamper: Some(true),
            ..Signal::default()
        };
        let mut all = Whereabouts::default();
        let told: usize = (0..20)
            .filter_map(|n| {
                all.hear(
                    &key(1),
                    &hearing(n * S, NEAR + (n as usize) % 2, -60, &opened),
                )
            })
            .map(|heard| heard.alarms.len())
            .sum();
        assert_eq!(told, 1);
    }

    #[test]
    fn tags_and_receivers_have_a_bound() {
        let (mut all, signal) = (Whereabouts::default(), Signal::default());
        for n in 0..MAX_ACTIVE as u32 + 5 {
            all.hear(&key(n), &hearing(i64::from(n), NEAR, -60, &signal));
        }
        assert_eq!((all.tags.len(), all.capped), (MAX_ACTIVE, 5));
        assert_eq!(all.by_time.len(), MAX_ACTIVE);
        assert!(!all.tags.contains_key(&key(4)) && all.tags.contains_key(&key(5)));
        for zone in 0..100 {
            all.hear(
                &key(9),
                &hearing(i64::from(zone) * S, zone as usize, -60, &signal),
            );
        }
        assert_eq!(all.tags[&key(9)].receivers.len(), MAX_RECEIVERS);
        let week = FORGOTTEN_AFTER.0 + 200 * S;
        all.hear(&key(0), &hearing(week, NEAR, -60, &signal));
        assert_eq!(all.tags.len(), 1);
    }
}
