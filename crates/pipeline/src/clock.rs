//! Device time to gateway time, and how far a device's reads are complete.

mod doubt;
mod edges;
mod reports;

use serde::{Deserialize, Serialize};

use self::doubt::Doubt;
pub(crate) use self::doubt::{Doubtful, Held};
use self::edges::Edges;
use self::reports::Reports;
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
    edges: Edges,
    reports: Reports,
    doubt: Doubt,
    /// A step back that was believed and not told yet.
    stepped_back: Option<Span>,
}

/// A reader's clock that may have been set back: samples that agree with each other, far above the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    since: Time,
    last: Time,
    /// The first sample: reports that were held come one after the other, each a little less late than the one before.
    first: Span,
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
            edges: Edges::default(),
            reports: Reports::default(),
            doubt: Doubt::default(),
            stepped_back: None,
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
            self.edges = Edges::default();
            if let Some(time) = reader_time {
                self.rebase(kind(time), at, sample(at, time));
            }
        } else if self.is_up() {
            self.link = Link::Down(at);
        }
    }

    /// The process restarted: the device is away from now on. Its offset is kept, it may still be right.
    pub fn restarted(&mut self, at: Time) {
        self.link = Link::Down(at);
    }

    /// Learns from what arrived at `at` when its clock said `reader_time`. True if it cannot be dated yet: it came late, or the
    /// clock was set back.
    pub fn weigh(&mut self, at: Time, reader_time: Option<ReaderTime>) -> bool {
        let Some(time) = reader_time else {
            return false;
        };
        let sample = sample(at, time);
        let offset = self.sample(kind(time), at, sample);
        let late = self.reports.lateness(doubt::LATE);
        let is_doubtful = self.step.is_some() && sample.0 > offset.0.saturating_add(late.0);
        self.doubt.is_open = is_doubtful;
        is_doubtful
    }

    /// The gateway time of a read that arrived at `at` and was [weighed](Self::weigh).
    pub fn date_read(&mut self, at: Time, reader_time: Option<ReaderTime>) -> Corrected {
        let corrected = self.date(at, reader_time);
        self.newest = self.newest.later(corrected.at);
        let is_steady = matches!(self.link, Link::Up(since) if at - since > STEP_HOLDOFF);
        if is_steady && reader_time.is_some() {
            self.reports.note(at, at - corrected.at);
        }
        if at - corrected.at > CATCH_UP {
            self.held_until = at + CATCH_UP;
        }
        corrected
    }

    /// The gateway time of the change of an input that arrived at `at` and was [weighed](Self::weigh). Changes keep the order that
    /// the reader gives them, also when its clock was taken to be another one in between. They tell nothing of how far reads
    /// are complete: held ones may still be under way.
    pub fn date_edge(&mut self, at: Time, reader_time: Option<ReaderTime>) -> Corrected {
        let dated = self.date(at, reader_time);
        let placed = reader_time.map(|time| self.edges.place(time.micros(), dated.at));
        Corrected {
            at: placed.unwrap_or(dated.at),
            ..dated
        }
    }

    /// How late the reads of this device regularly come, if that is known: its reports are about that far apart.
    #[must_use]
    pub fn reports_late(&self) -> Option<Span> {
        self.reports.regular()
    }

    fn date(&mut self, at: Time, reader_time: Option<ReaderTime>) -> Corrected {
        let Some(time) = reader_time else {
            return Corrected {
                at,
                uncertainty: REPORT_DELAY,
                stepped_back: None,
            };
        };
        let known = self.offset.filter(|(known, _)| *known == kind(time));
        let offset = known.map_or_else(|| sample(at, time), |(_, offset)| offset);
        let corrected = Time(time.micros().saturating_add(offset.0));
        Corrected {
            at: corrected,
            uncertainty: self.uncertainty(corrected),
            stepped_back: self.stepped_back.take(),
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

    /// How far this device's reads are complete at gateway time `now`. It is given `lateness`, and longer if its reports are
    /// farther apart.
    #[must_use]
    pub fn watermark(&self, now: Time, lateness: Span, down_grace: Span) -> Watermark {
        let lateness = self.reports.lateness(lateness);
        let seen = self.newest - lateness;
        // What is in doubt may turn out to be as new as it was when it arrived.
        let complete = match self.link {
            Link::Up(_) if now >= self.held_until => Watermark::At(seen.later(now - lateness)),
            Link::Up(_) => Watermark::At(seen),
            Link::Down(since) if now - since < down_grace => Watermark::At(seen),
            Link::Down(_) => Watermark::Excluded,
        };
        match self.doubt.since() {
            Some(since) => complete.min(Watermark::At(since - lateness)),
            None => complete,
        }
    }

    fn sample(&mut self, kind: ClockKind, at: Time, sample: Span) -> Span {
        let Some((_, offset)) = self.offset.filter(|(known, _)| *known == kind) else {
            self.rebase(kind, at, sample);
            return sample;
        };
        if sample.0 > offset.0.saturating_add(DELAYED.0) {
            return self.delayed_sample(at, sample, offset);
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
    fn delayed_sample(&mut self, at: Time, sample: Span, offset: Span) -> Span {
        let steady = matches!(self.link, Link::Up(since) if at - since > STEP_HOLDOFF);
        if !steady {
            return offset;
        }
        // What is late by no more than usual is no reason to take what is later for one that waited.
        let late = offset + self.reports.lateness(doubt::LATE);
        let is_same = |step: &Step| step.least > late || sample <= late;
        let step = self.step.filter(|step| at - step.last < STEP_AFTER);
        let step = match step.filter(is_same) {
            // Reads that waited longer than others say nothing, and held ones come in bursts, each late by its own time.
            Some(step) if sample > step.least + DELAYED => return offset,
            Some(step) if sample >= step.first - DELAYED => Step {
                last: at,
                least: step.least.min(sample),
                ..step
            },
            _ => Step {
                since: at,
                last: at,
                first: sample,
                least: sample,
            },
        };
        self.step = Some(step);
        if at - step.since < STEP_AFTER {
            return offset;
        }
        self.step_back(at, step)
    }

    /// Believes that the clock was set back.
    fn step_back(&mut self, at: Time, step: Step) -> Span {
        let Some((kind, before)) = self.offset else {
            return step.least;
        };
        self.rebase(kind, at, step.least);
        self.stepped_back = Some(step.least - before);
        step.least
    }

    fn rebase(&mut self, kind: ClockKind, at: Time, offset: Span) {
        self.offset = Some((kind, offset));
        self.bucket = Some(offset);
        self.previous_bucket = None;
        self.bucket_since = at;
        self.step = None;
        self.base = None;
        self.confirmed = at;
        self.edges = Edges::default();
    }
}

/// What the offset is at least, if this arrived at `at`.
fn sample(at: Time, time: ReaderTime) -> Span {
    Span(at.0.saturating_sub(time.micros()))
}

const fn kind(time: ReaderTime) -> ClockKind {
    match time {
        ReaderTime::Utc(_) => ClockKind::Utc,
        ReaderTime::Uptime(_) => ClockKind::Uptime,
    }
}

#[cfg(test)]
mod tests;
