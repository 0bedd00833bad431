//! How loud a tag was on either side of a gate, moment by moment, for as long as a decision may ask.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::config::Side;
use crate::time::{Span, Time};

/// Reads of one side within this are one moment; the loudest counts, so that neither a busy air nor a read delivered
/// twice makes a tag louder.
const MOMENT: Span = Span::millis(100);
/// Older moments are forgotten.
pub(crate) const HISTORY: Span = Span::millis(20_000);

/// Amplitudes on the two sides; 1 is -60 dBm.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sides {
    pub inside: f64,
    pub outside: f64,
}

impl std::ops::Add for Sides {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            inside: self.inside + other.inside,
            outside: self.outside + other.outside,
        }
    }
}

impl Sides {
    pub fn on(self, side: Side) -> f64 {
        match side {
            Side::Inside => self.inside,
            Side::Outside => self.outside,
        }
    }

    pub fn sum(self) -> f64 {
        self.inside + self.outside
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Moment {
    at: Time,
    inside: f32,
    outside: f32,
}

/// The recent past of one tag at one gate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Profile {
    moments: VecDeque<Moment>,
}

impl Profile {
    /// Adds a read; reads come in order of time.
    pub fn add(&mut self, at: Time, side: Side, rssi_dbm: Option<i8>) {
        let amplitude = amplitude(rssi_dbm);
        let begins = self
            .moments
            .back()
            .is_none_or(|last| at - last.at >= MOMENT);
        if begins {
            while self
                .moments
                .front()
                .is_some_and(|old| at - old.at > HISTORY)
            {
                self.moments.pop_front();
            }
            self.moments.push_back(Moment {
                at,
                inside: 0.0,
                outside: 0.0,
            });
        }
        if let Some(last) = self.moments.back_mut() {
            let louder = match side {
                Side::Inside => &mut last.inside,
                Side::Outside => &mut last.outside,
            };
            *louder = louder.max(amplitude);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.moments = VecDeque::new();
    }

    /// Nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    /// The moments from `from` until before `until`.
    pub fn between(&self, from: Time, until: Time) -> impl Iterator<Item = (Time, Sides)> + '_ {
        let first = self.moments.partition_point(|moment| moment.at < from);
        self.moments
            .range(first..)
            .take_while(move |moment| moment.at < until)
            .map(|moment| {
                let sides = Sides {
                    inside: f64::from(moment.inside),
                    outside: f64::from(moment.outside),
                };
                (moment.at, sides)
            })
    }

    /// All that was heard from `from` until before `until`.
    pub fn energy(&self, from: Time, until: Time) -> Sides {
        self.between(from, until)
            .fold(Sides::default(), |sum, (_, sides)| sum + sides)
    }

    /// Mean of the loudest moments from `from` until before `until`; 0 without any.
    pub fn peak(&self, from: Time, until: Time) -> f64 {
        let mut loudest = [0.0_f64; 3];
        let mut count = 0;
        for (_, sides) in self.between(from, until) {
            count += 1;
            if let [_, _, least] = &mut loudest
                && sides.sum() > *least
            {
                *least = sides.sum();
                loudest.sort_unstable_by(|a, b| b.total_cmp(a));
            }
        }
        loudest.iter().sum::<f64>() / f64::from(count.clamp(1, 3))
    }

    /// When the tag was loudest on `side` from `from` until before `until`: the centre of gravity of the power, if it was
    /// heard there at least twice.
    pub fn loudest(&self, side: Side, from: Time, until: Time) -> Option<Time> {
        let heard = || {
            let moments = self.between(from, until);
            moments.map(|(at, sides)| (at, sides.on(side) * sides.on(side)))
        };
        let weight: f64 = heard().map(|(_, power)| power).sum();
        if heard().filter(|(_, power)| *power > 0.0).count() < 2 {
            return None;
        }
        let moment: f64 = heard()
            .map(|(at, power)| (at - from).seconds() * power)
            .sum();
        #[expect(clippy::cast_possible_truncation, reason = "a mean of spans of µs")]
        let centre = Span((moment / weight * 1e6) as i64);
        Some(from + centre)
    }

    /// How loud the tag usually was from `from` until before `until`, if it was heard often enough to tell.
    pub fn usual(&self, from: Time, until: Time) -> Option<f64> {
        let mut all: Vec<f64> = self
            .between(from, until)
            .map(|(_, sides)| sides.sum())
            .collect();
        all.sort_unstable_by(f64::total_cmp);
        (all.len() >= 3).then(|| all.get(all.len() / 2).copied())?
    }
}

/// 1 for -60 dBm, which is also taken for a reader that tells none.
#[expect(clippy::cast_possible_truncation, reason = "six digits are plenty")]
fn amplitude(rssi_dbm: Option<i8>) -> f32 {
    libm::exp10((f64::from(rssi_dbm.unwrap_or(-60)) + 60.0) / 20.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_of_one_moment_count_once_and_the_loudest() {
        let mut profile = Profile::default();
        for rssi in [-70, -60, -65] {
            profile.add(Time(0), Side::Inside, Some(rssi));
        }
        let heard = profile.energy(Time(0), Time(1));
        assert!((heard.inside - 1.0).abs() < 1e-6 && heard.outside == 0.0);
    }

    #[test]
    fn old_moments_are_forgotten() {
        let mut profile = Profile::default();
        for second in 0..100 {
            profile.add(Time(second * 1_000_000), Side::Outside, None);
        }
        assert_eq!(profile.between(Time::MIN, END).count(), 21);
        assert_eq!(profile.usual(Time::MIN, END), Some(1.0));
    }

    const END: Time = Time(i64::MAX / 4);
}
