//! Alarms of one tag: opened, battery low, too warm, too cold, too damp, too dry.
//!
//! An alarm is told when its condition begins, and again while it lasts, but never twice within `realarm`: a tag at the
//! edge of its limit, or one with a loose lid, is told once. A condition ends only a clear step on the good side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::beacon::{Milli, Signal};

/// A tag's own word must be taken back so many times in a row.
const GOOD_IN_A_ROW: u8 = 3;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlarmKind {
    /// The tag was opened or taken off.
    Tamper,
    /// Its battery is low.
    LowBattery,
    /// Too warm.
    TemperatureHigh,
    /// Too cold.
    TemperatureLow,
    /// Too damp.
    HumidityHigh,
    /// Too dry.
    HumidityLow,
}

impl AlarmKind {
    /// The word used in events, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tamper => "tamper",
            Self::LowBattery => "low_battery",
            Self::TemperatureHigh => "temperature_high",
            Self::TemperatureLow => "temperature_low",
            Self::HumidityHigh => "humidity_high",
            Self::HumidityLow => "humidity_low",
        }
    }
}

/// When there is an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Warmer is an alarm.
    pub temperature_max: Option<Milli>,
    /// Colder is one.
    pub temperature_min: Option<Milli>,
    /// Damper is one.
    pub humidity_max: Option<Milli>,
    /// Drier is one.
    pub humidity_min: Option<Milli>,
    /// Less charge is one, %.
    pub battery_min_pct: Option<u8>,
    /// Less voltage is one, mV.
    pub battery_min_mv: Option<u16>,
    /// The same alarm of the same tag is not told again within this, µs.
    pub realarm_us: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            temperature_max: None,
            temperature_min: None,
            humidity_max: None,
            humidity_min: None,
            battery_min_pct: Some(10),
            battery_min_mv: None,
            realarm_us: 3_600_000_000,
        }
    }
}

/// Degrees, % of humidity, % of charge and mV that a value must be on the good side of its limit to end an alarm.
const STEPS: (i32, i32, u8, u16) = (1_000, 3_000, 5, 100);

/// An alarm to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// What is wrong.
    pub kind: AlarmKind,
    /// The value that is out of its limit: °C, %, % or, if `in_mv`, mV. None for what a tag says as yes or no.
    pub value: Option<Milli>,
    /// The limit.
    pub limit: Option<Milli>,
    /// The value is in mV.
    pub in_mv: bool,
}

/// Which alarms of one tag are on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alarms(BTreeMap<AlarmKind, State>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct State {
    on: bool,
    good: u8,
    told_us: Option<i64>,
}

/// What one beacon says of one condition.
enum Word {
    Bad(Alarm),
    Good,
    /// Neither: on the good side, but not clearly.
    Between(Alarm),
}

impl Alarms {
    /// Judges what a tag said at `at_us`; returns what is to be told.
    pub fn judge(&mut self, at_us: i64, signal: &Signal, limits: &Limits) -> Vec<Alarm> {
        let mut told = Vec::new();
        for (kind, word) in words(signal, limits) {
            let state = self.0.entry(kind).or_default();
            let alarm = match word {
                Word::Bad(alarm) => {
                    (state.on, state.good) = (true, 0);
                    alarm
                }
                Word::Between(alarm) if state.on => alarm,
                Word::Between(_) => continue,
                Word::Good => {
                    state.good = state.good.saturating_add(1);
                    // A measured value has its step, a word its repetition.
                    let by_word = matches!(kind, AlarmKind::Tamper | AlarmKind::LowBattery);
                    if !by_word || state.good >= GOOD_IN_A_ROW {
                        state.on = false;
                    }
                    continue;
                }
            };
            let is_due = |told: i64| at_us.saturating_sub(told) >= limits.realarm_us;
            if state.told_us.is_none_or(is_due) {
                state.told_us = Some(at_us);
                told.push(alarm);
            }
        }
        // Whoever never had an alarm costs nothing.
        self.0
            .retain(|_, state| state.on || state.told_us.is_some());
        told
    }

    /// Whether an alarm is on.
    #[must_use]
    pub fn is_on(&self, kind: AlarmKind) -> bool {
        self.0.get(&kind).is_some_and(|state| state.on)
    }

    /// Moves its times back by `by_us`, onto another time line.
    pub fn set_back(&mut self, by_us: i64) {
        for state in self.0.values_mut() {
            state.told_us = state.told_us.map(|told| told.saturating_sub(by_us));
        }
    }
}

fn words(signal: &Signal, limits: &Limits) -> impl Iterator<Item = (AlarmKind, Word)> {
    let (degree, damp, ..) = STEPS;
    let tamper = signal
        .tamper
        .map(|is| (AlarmKind::Tamper, word(AlarmKind::Tamper, is)));
    let (warm, wet) = (signal.temperature, signal.humidity);
    let above = |kind, value, limit, step| Some((kind, compare(kind, value?, limit?, step, 1)));
    let below = |kind, value, limit, step| Some((kind, compare(kind, value?, limit?, step, -1)));
    [
        tamper,
        battery(signal, limits).map(|word| (AlarmKind::LowBattery, word)),
        above(
            AlarmKind::TemperatureHigh,
            warm,
            limits.temperature_max,
            degree,
        ),
        below(
            AlarmKind::TemperatureLow,
            warm,
            limits.temperature_min,
            degree,
        ),
        above(AlarmKind::HumidityHigh, wet, limits.humidity_max, damp),
        below(AlarmKind::HumidityLow, wet, limits.humidity_min, damp),
    ]
    .into_iter()
    .flatten()
}

const fn plain(kind: AlarmKind) -> Alarm {
    Alarm {
        kind,
        value: None,
        limit: None,
        in_mv: false,
    }
}

const fn word(kind: AlarmKind, is_bad: bool) -> Word {
    if is_bad {
        Word::Bad(plain(kind))
    } else {
        Word::Good
    }
}

/// The tag's own word for its battery first, then its figures.
fn battery(signal: &Signal, limits: &Limits) -> Option<Word> {
    let kind = AlarmKind::LowBattery;
    if signal.low_battery == Some(true) {
        return Some(Word::Bad(plain(kind)));
    }
    let (.., charge, volts) = STEPS;
    let figure = |value: i32, limit: i32, step: i32, factor: i32| {
        let milli = |number: i32| Milli(number.saturating_mul(factor));
        compare(
            kind,
            milli(value),
            milli(limit),
            step.saturating_mul(factor),
            -1,
        )
    };
    if let (Some(pct), Some(least)) = (signal.battery_pct, limits.battery_min_pct) {
        return Some(figure(pct.into(), least.into(), charge.into(), 1000));
    }
    if let (Some(mv), Some(least)) = (signal.battery_mv, limits.battery_min_mv) {
        return Some(match figure(mv.into(), least.into(), volts.into(), 1000) {
            Word::Bad(alarm) => Word::Bad(Alarm {
                in_mv: true,
                ..alarm
            }),
            Word::Between(alarm) => Word::Between(Alarm {
                in_mv: true,
                ..alarm
            }),
            Word::Good => Word::Good,
        });
    }
    (signal.low_battery == Some(false)).then_some(Word::Good)
}

/// `side` is 1 where more is worse, −1 where less is.
fn compare(kind: AlarmKind, value: Milli, limit: Milli, step: i32, side: i32) -> Word {
    let over = value.0.saturating_sub(limit.0).saturating_mul(side);
    let alarm = Alarm {
        value: Some(value),
        limit: Some(limit),
        ..plain(kind)
    };
    match over {
        over if over > 0 => Word::Bad(alarm),
        over if over <= -step => Word::Good,
        _ => Word::Between(alarm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    fn limits() -> Limits {
        Limits {
            temperature_max: Some(Milli(8_000)),
            battery_min_mv: Some(2_400),
            ..Limits::default()
        }
    }

    fn told(signals: &[(i64, Signal)]) -> Vec<(i64, &'static str)> {
        let mut alarms = Alarms::default();
        let judge = |(at, signal): &(i64, Signal)| {
            let told = alarms.judge(at * S, signal, &limits());
            told.into_iter()
                .map(|it| (*at, it.kind.as_str()))
                .collect::<Vec<_>>()
        };
        signals.iter().flat_map(judge).collect()
    }

    fn warm(milli: i32) -> Signal {
        Signal {
            temperature: Some(Milli(milli)),
            ..Signal::default()
        }
    }

    fn tamper(is: bool) -> Signal {
        Signal {
            tamper: Some(is),
            ..Signal::default()
        }
    }

    #[test]
    fn a_value_at_the_edge_is_told_once() {
        let edge = (0..600).map(|n| (n, warm(if n % 2 == 0 { 8_001 } else { 7_900 })));
        assert_eq!(told(&edge.collect::<Vec<_>>()), [(0, "temperature_high")]);
        assert_eq!(told(&[(0, warm(8_000))]), []);
    }

    #[test]
    fn what_lasts_is_told_again_after_an_hour() {
        let lasting: Vec<_> = (0..8_000).step_by(60).map(|n| (n, warm(9_000))).collect();
        let all = [
            (0, "temperature_high"),
            (3_600, "temperature_high"),
            (7_200, "temperature_high"),
        ];
        assert_eq!(told(&lasting), all);
        // Good in between or not: at most one an hour.
        let swinging = [
            (0, warm(9_000)),
            (60, warm(2_000)),
            (120, warm(9_000)),
            (3_600, warm(9_000)),
        ];
        assert_eq!(
            told(&swinging),
            [(0, "temperature_high"), (3_600, "temperature_high")]
        );
    }

    #[test]
    fn between_limit_and_step_only_a_running_alarm_goes_on() {
        let cooled = [(0, warm(9_000)), (60, warm(7_000)), (4_000, warm(7_500))];
        assert_eq!(told(&cooled), [(0, "temperature_high")]);
        let hardly = [(0, warm(9_000)), (60, warm(7_500)), (4_000, warm(7_500))];
        assert_eq!(told(&hardly).len(), 2);
    }

    #[test]
    fn a_loose_lid_is_one_alarm_and_a_new_opening_another() {
        let mut alarms = Alarms::default();
        let mut at = 0;
        let mut judge = |alarms: &mut Alarms, is| {
            at += 10 * S;
            alarms.judge(at, &tamper(is), &limits()).len()
        };
        let loose: usize = [true, false, true, false, false]
            .map(|is| judge(&mut alarms, is))
            .iter()
            .sum();
        assert_eq!((loose, alarms.is_on(AlarmKind::Tamper)), (1, true));
        judge(&mut alarms, false);
        assert!(!alarms.is_on(AlarmKind::Tamper));
    }

    #[test]
    fn a_battery_is_low_by_its_word_its_charge_or_its_voltage() {
        let battery = |low, pct, mv| Signal {
            low_battery: low,
            battery_pct: pct,
            battery_mv: mv,
            ..Signal::default()
        };
        let alarm = |signal: Signal| {
            let told = Alarms::default().judge(0, &signal, &limits());
            told.first().map(|it| (it.value.map(Milli::text), it.in_mv))
        };
        assert_eq!(
            alarm(battery(Some(true), Some(90), None)),
            Some((None, false))
        );
        assert_eq!(
            alarm(battery(Some(false), Some(9), None)),
            Some((Some("9".into()), false))
        );
        assert_eq!(
            alarm(battery(None, None, Some(2_399))),
            Some((Some("2399".into()), true))
        );
        assert_eq!(alarm(battery(Some(false), Some(10), Some(1))), None);
    }
}
