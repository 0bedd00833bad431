//! Device time to gateway time, and how far a device's reads are complete.

use serde::{Deserialize, Serialize};

use crate::input::ReaderTime;
use crate::time::{Span, Time};

/// The envelope of the offset is taken over two buckets of this length.
const BUCKET: Span = Span::millis(30_000);
/// The offset moves only when it is off by more than this: what the network adds to single reports must not move reads
/// about, and the order of one reader's reads does not depend on it.
const DEAD_BAND: Span = Span::millis(50);
/// A sample this far above the envelope says nothing about the clock: the read waited somewhere.
const DELAYED: Span = Span::millis(500);
/// Samples must stay that far above for this long before the reader's clock is believed to have stepped back.
const STEP_AFTER: Span = Span::millis(3_000);
/// No step is believed so soon after a connect: held reports arrive then.
const STEP_HOLDOFF: Span = Span::millis(6_000);
/// After a connect, and after each held report, more held reports are expected within this.
const CATCH_UP: Span = Span::millis(1_000);

/// How far a reader's clock and ours may run apart: 100 ppm each way is more than any of them.
const DRIFT_PER: i64 = 10_000;
/// Drift is measured over at least this: reports are under way for some ten milliseconds, more or less.
const DRIFT_OVER: Span = Span::millis(600_000);
/// A read without a time of its own was made at most about this long before it arrived.
const REPORT_DELAY: Span = Span::millis(500);

/// A point in time on the gateway's line, and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrected {
    /// The time.
    pub at: Time,
    /// It may be off by this much, either way: how far the offset in force is from its envelope, how far the envelope
    /// itself moved lately, and 100 ppm of the time between what is dated and the last report that confirmed the offset.
    /// Right after a connect the envelope's share is 50 ms: one report does not tell how long it was under way.
    pub uncertainty: Span,
    /// The reader's clock is believed to have been set back by this much, from this report on.
    pub stepped_back: Option<Span>,
}

/// Whether the device is connected, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Link {
    Up(Time),
    Down(Time),
}

/// How far a device's reads are known to be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watermark {
    /// All reads before this time have arrived, within the allowed lateness.
    At(Time),
    /// The device has been away for longer than anyone waits for it.
    Excluded,
}

/// One device's clock and link.
///
/// The offset of the reader's clock is the lower envelope of (arrival − reader time): a report is never early, only
/// delayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceClock {
    link: Link,
    offset: Option<(ClockKind, Span)>,
    bucket: Option<Span>,
    previous_bucket: Option<Span>,
    bucket_since: Time,
    step: Option<Step>,
    /// End and envelope of the first whole bucket since the offset was measured afresh.
    base: Option<(Time, Span)>,
    /// When a report last agreed with the offset.
    confirmed: Time,
    newest: Time,
    held_until: Time,
}

/// A reader's clock that may have been set back: samples that agree with each other, far above the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    since: Time,
    last: Time,
    least: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum ClockKind {
    Utc,
    Uptime,
}

impl DeviceClock {
    /// A device that has not connected yet.
    #[must_use]
    pub fn down(at: Time) -> Self {
        Self {
            link: Link::Down(at),
            offset: None,
            bucket: None,
            previous_bucket: None,
            bucket_since: at,
            step: None,
            base: None,
            confirmed: at,
            newest: Time::MIN,
            held_until: Time::MIN,
        }
    }

    /// True while the device is connected.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// Since when it is connected.
    #[must_use]
    pub const fn up_since(&self) -> Option<Time> {
        match self.link {
            Link::Up(since) => Some(since),
            Link::Down(_) => None,
        }
    }

    /// The reader's clock relative to the gateway's, if known.
    #[must_use]
    pub fn offset(&self) -> Option<Span> {
        self.offset.map(|(_, offset)| offset)
    }

    /// How far a reader that tells the time of day is behind; nothing is known of one that counts from its start.
    #[must_use]
    pub fn behind(&self) -> Option<Span> {
        let utc = self.offset.filter(|(kind, _)| *kind == ClockKind::Utc);
        utc.map(|(_, offset)| offset)
    }

    /// By how many millionths the reader's clock is too slow; negative when it is too fast. Known after ten minutes.
    #[must_use]
    pub fn drift_ppm(&self) -> Option<i64> {
        let (since, first) = self.base?;
        let over = self.bucket_since - since;
        let drift = self.previous_bucket? - first;
        (over >= DRIFT_OVER).then(|| drift.0.saturating_mul(1_000_000) / over.0)
    }

    /// Notes a connect or a loss. The reader time of the connection event measures the offset afresh.
    pub fn link_changed(&mut self, at: Time, up: bool, reader_time: Option<ReaderTime>) {
        if up {
            self.link = Link::Up(at);
            self.held_until = at + CATCH_UP;
            self.step = None;
            if let Some(time) = reader_time {
                self.rebase(kind(time), at, Span(at.0.saturating_sub(time.micros())));
            }
        } else if self.is_up() {
            self.link = Link::Down(at);
        }
    }

    /// The process restarted: the device is away from now on. Its offset is kept, it may still be right.
    pub fn restarted(&mut self, at: Time) {
        self.link = Link::Down(at);
    }

    /// The gateway time of a read that arrived at `at`.
    pub fn correct(&mut self, at: Time, reader_time: Option<ReaderTime>) -> Corrected {
        let corrected = self.date(at, reader_time);
        self.newest = self.newest.later(corrected.at);
        if at - corrected.at > CATCH_UP {
            self.held_until = at + CATCH_UP;
        }
        corrected
    }

    /// The gateway time of something else that arrived at `at`, such as the change of an input. It tells about the clock
    /// like a read, but not how far reads are complete: held ones may still be under way.
    pub fn date(&mut self, at: Time, reader_time: Option<ReaderTime>) -> Corrected {
        let Some(time) = reader_time else {
            return Corrected {
                at,
                uncertainty: REPORT_DELAY,
                stepped_back: None,
            };
        };
        let sample = Span(at.0.saturating_sub(time.micros()));
        let before = self.offset.filter(|(known, _)| *known == kind(time));
        let offset = self.sample(kind(time), at, sample);
        let corrected = Time(time.micros().saturating_add(offset.0));
        Corrected {
            at: corrected,
            uncertainty: self.uncertainty(corrected),
            stepped_back: before
                .map(|(_, before)| offset - before)
                .filter(|by| *by > DELAYED),
        }
    }

    /// See [`Corrected::uncertainty`].
    fn uncertainty(&self, at: Time) -> Span {
        let offset = self.offset().unwrap_or_default();
        let envelope = match (self.bucket, self.previous_bucket) {
            (_, None) => DEAD_BAND,
            (None, Some(previous)) => (previous - offset).abs(),
            (Some(least), Some(previous)) => {
                (least.min(previous) - offset).abs() + (least - previous).abs()
            }
        };
        envelope + Span((at - self.confirmed).abs().0 / DRIFT_PER)
    }

    /// How far this device's reads are complete at gateway time `now`.
    #[must_use]
    pub fn watermark(&self, now: Time, lateness: Span, down_grace: Span) -> Watermark {
        let seen = self.newest - lateness;
        match self.link {
            Link::Up(_) if now >= self.held_until => Watermark::At(seen.later(now - lateness)),
            Link::Up(_) => Watermark::At(seen),
            Link::Down(since) if now - since < down_grace => Watermark::At(seen),
            Link::Down(_) => Watermark::Excluded,
        }
    }

    fn sample(&mut self, kind: ClockKind, at: Time, sample: Span) -> Span {
        let Some((_, offset)) = self.offset.filter(|(known, _)| *known == kind) else {
            self.rebase(kind, at, sample);
            return sample;
        };
        if sample.0 > offset.0.saturating_add(DELAYED.0) {
            return self.delayed_sample(kind, at, sample, offset);
        }
        self.step = None;
        self.confirmed = self.confirmed.later(at);
        self.bucket = Some(self.bucket.map_or(sample, |least| least.min(sample)));
        if at - self.bucket_since > BUCKET {
            self.previous_bucket = self.bucket.take();
            self.bucket_since = at;
            let ended = self.previous_bucket.map(|least| (at, least));
            self.base = self.base.or(ended);
        }
        // Earlier arrivals tighten at once; a slow drift the other way shows when a bucket ends.
        let least = self
            .bucket
            .into_iter()
            .chain(self.previous_bucket)
            .min()
            .unwrap_or(sample);
        let envelope = if self.previous_bucket.is_some() {
            least
        } else {
            least.min(offset)
        };
        if (envelope - offset).abs() <= DEAD_BAND {
            return offset;
        }
        self.offset = Some((kind, envelope));
        envelope
    }

    /// A read that waited, or a reader whose clock was set back: the latter when it goes on for long on a steady link.
    fn delayed_sample(&mut self, kind: ClockKind, at: Time, sample: Span, offset: Span) -> Span {
        let steady = matches!(self.link, Link::Up(since) if at - since > STEP_HOLDOFF);
        if !steady {
            return offset;
        }
        let step = match self.step.filter(|step| at - step.last < STEP_AFTER) {
            // Reads that waited longer than others say nothing, and held ones come in bursts, each late by its own time.
            Some(step) if sample > step.least + DELAYED => return offset,
            Some(step) if sample >= step.least - DELAYED => Step {
                last: at,
                least: step.least.min(sample),
                ..step
            },
            _ => Step {
                since: at,
                last: at,
                least: sample,
            },
        };
        self.step = Some(step);
        if at - step.since < STEP_AFTER {
            return offset;
        }
        let least = step.least;
        self.rebase(kind, at, least);
        least
    }

    fn rebase(&mut self, kind: ClockKind, at: Time, offset: Span) {
        self.offset = Some((kind, offset));
        self.bucket = Some(offset);
        self.previous_bucket = None;
        self.bucket_since = at;
        self.step = None;
        self.base = None;
        self.confirmed = at;
    }
}

const fn kind(time: ReaderTime) -> ClockKind {
    match time {
        ReaderTime::Utc(_) => ClockKind::Utc,
        ReaderTime::Uptime(_) => ClockKind::Uptime,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;
    const LATE: Span = Span::millis(900);
    const GRACE: Span = Span::millis(20_000);

    fn connected(offset_us: i64) -> DeviceClock {
        let mut clock = DeviceClock::down(Time(0));
        clock.link_changed(
            Time(10 * S),
            true,
            Some(ReaderTime::Utc((10 * S - offset_us) as u64)),
        );
        clock
    }

    #[test]
    fn connection_event_measures_the_offset_and_earlier_arrivals_tighten_it() {
        let mut clock = connected(5_000);
        assert_eq!(clock.offset(), Some(Span(5_000)));
        let at = Time(20 * S);
        let corrected = clock
            .correct(at, Some(ReaderTime::Utc((20 * S - 3_000) as u64)))
            .at;
        assert_eq!(
            (clock.offset(), corrected),
            (Some(Span(5_000)), at + Span(2_000)),
            "within the dead band"
        );
        let corrected = clock
            .correct(at, Some(ReaderTime::Utc((20 * S + 70_000) as u64)))
            .at;
        assert_eq!((clock.offset(), corrected), (Some(Span(-70_000)), at));
    }

    #[test]
    fn a_slow_clock_shows_after_ten_minutes() {
        let mut clock = connected(2 * S);
        assert_eq!(clock.behind(), Some(Span(2 * S)));
        for second in 11..1_000 {
            // Too slow by 300 ppm, and reports are under way for 5 to 24 ms.
            let made = (second * S - 2 * S - second * 300) as u64;
            let at = Time(second * S + 5_000 + second * 7_919 % 20_000);
            clock.correct(at, Some(ReaderTime::Utc(made)));
            assert!(second > 600 || clock.drift_ppm().is_none(), "{second}");
        }
        let drift = clock.drift_ppm().unwrap();
        assert!((280..=325).contains(&drift), "{drift}");
        // The reader counts from its start now: that says nothing.
        clock.link_changed(Time(2_000 * S), true, Some(ReaderTime::Uptime(7)));
        assert_eq!((clock.behind(), clock.drift_ppm()), (None, None));
    }

    /// Seen with readers that hold reports: the second burst was taken for a clock that is wrong since the first.
    #[test]
    fn bursts_of_held_reports_are_no_step() {
        let mut clock = connected(0);
        let mut arrive = |at: i64, made: i64| {
            let made = ReaderTime::Utc((made * S) as u64);
            clock.correct(Time(at * S), Some(made)).at.0 / S
        };
        for (at, made) in [(40, 10), (41, 38), (60, 12), (61, 12), (62, 12)] {
            assert_eq!(arrive(at, made), made, "arrived at {at}");
        }
        // A clock that is really set back by 8 s goes on being so.
        let times: Vec<i64> = (70..75).map(|at| arrive(at, at - 8)).collect();
        assert_eq!(times, [62, 63, 64, 73, 74]);
    }

    #[test]
    fn held_reports_keep_their_own_times() {
        let mut clock = connected(0);
        let corrected = clock
            .correct(Time(11 * S), Some(ReaderTime::Utc((4 * S) as u64)))
            .at;
        assert_eq!(corrected, Time(4 * S));
        assert_eq!(clock.offset(), Some(Span(0)));
        // While they flow, silence says nothing.
        assert_eq!(
            clock.watermark(Time(11 * S + 500_000), LATE, GRACE),
            Watermark::At(Time(4 * S) - LATE)
        );
        assert_eq!(
            clock.watermark(Time(13 * S), LATE, GRACE),
            Watermark::At(Time(13 * S) - LATE)
        );
    }

    #[test]
    fn lost_reader_holds_the_watermark_until_the_grace_is_over() {
        let mut clock = connected(0);
        clock.correct(Time(15 * S), Some(ReaderTime::Utc((15 * S) as u64)));
        clock.link_changed(Time(16 * S), false, None);
        assert_eq!(
            clock.watermark(Time(30 * S), LATE, GRACE),
            Watermark::At(Time(15 * S) - LATE)
        );
        assert_eq!(
            clock.watermark(Time(36 * S), LATE, GRACE),
            Watermark::Excluded
        );
    }

    #[test]
    fn a_clock_that_was_set_back_is_followed_after_three_seconds() {
        let mut clock = connected(0);
        for tenth in 0..60 {
            let at = 20 * S + tenth * S / 10;
            let corrected = clock
                .correct(Time(at), Some(ReaderTime::Utc((at - 7 * S) as u64)))
                .at;
            let expected = if tenth < 30 { at - 7 * S } else { at };
            assert_eq!(corrected, Time(expected), "tenth {tenth}");
        }
    }

    #[test]
    fn a_drifting_clock_is_followed() {
        let mut clock = connected(0);
        // 100 ppm slow: 180 ms after half an hour.
        for second in 20..1_820 {
            let at = second * S + 4_000;
            clock.correct(
                Time(at),
                Some(ReaderTime::Utc((second * S - (second - 20) * 100) as u64)),
            );
        }
        let offset = clock.offset().unwrap();
        assert!(
            (offset - Span(184_000)).abs() <= DEAD_BAND + Span(6_000),
            "{offset:?}"
        );
    }

    #[test]
    fn reads_never_lie_in_the_future_and_missing_times_mean_arrival() {
        let mut clock = connected(0);
        assert_eq!(
            clock
                .correct(Time(20 * S), Some(ReaderTime::Utc((90 * S) as u64)))
                .at,
            Time(20 * S)
        );
        let mut bare = DeviceClock::down(Time(0));
        assert_eq!(bare.correct(Time(7), None).at, Time(7));
        assert_eq!(
            bare.correct(Time(7), Some(ReaderTime::Uptime(u64::MAX))).at,
            Time(7)
        );
    }

    #[test]
    fn how_well_a_time_is_known_is_told() {
        let mut clock = connected(5_000);
        let mut sample = |at: i64, delay: i64| {
            let told = u64::try_from(at - delay).unwrap();
            clock.correct(Time(at), Some(ReaderTime::Utc(told)))
        };
        // Just connected: the delay of the one report is not known.
        assert_eq!(sample(11 * S, 5_000).uncertainty, DEAD_BAND);
        for second in 12..100 {
            sample(second * S, 4_000 + second % 7 * 1_000);
        }
        // Two envelopes that agree: what is left is how far the offset stays from them.
        assert_eq!(sample(100 * S, 5_000).uncertainty, Span(1_000));
        // A read held by the reader for an hour: the clocks may have drifted by 100 ppm since.
        let held = sample(100 * S + 1, 90 * S);
        assert_eq!(held.uncertainty, Span(1_000 + 90 * 100 - 1));
        assert_eq!(held.stepped_back, None);
        // Without a time it was made at most so long ago.
        let bare = clock.correct(Time(101 * S), None);
        assert_eq!((bare.at, bare.uncertainty), (Time(101 * S), REPORT_DELAY));
    }

    #[test]
    fn a_step_back_is_told_once_and_another_kind_of_clock_is_none() {
        let mut clock = connected(0);
        let mut steps = Vec::new();
        for tenth in 0..100 {
            let at = 20 * S + tenth * S / 10;
            let told = ReaderTime::Utc(u64::try_from(at - 7 * S).unwrap());
            steps.extend(clock.correct(Time(at), Some(told)).stepped_back);
        }
        assert_eq!(steps, [Span(7 * S)]);
        let uptime = clock.correct(Time(31 * S), Some(ReaderTime::Uptime(5)));
        assert_eq!((uptime.at, uptime.stepped_back), (Time(31 * S), None));
    }
}
