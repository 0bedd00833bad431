//! What the lamps of one stack light are to show. No I/O: verdicts and time go in, changes come out.
//!
//! **Invariants**: a lamp is not switched on for a scan that is older than [`FRESH`]; one that is on, or may be, is switched
//! off however late. Only the newest verdict counts, so nothing queues up.

use std::time::Duration;

use tokio::time::Instant;

use crate::core::Feedback;

/// From a scan to the light; later it would belong to the next scan in the operator's eyes.
pub const FRESH: Duration = Duration::from_millis(300);
/// A lamp that was refused is tried to be switched off again after this.
const AGAIN: Duration = Duration::from_secs(10);

/// The lamps a light may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lamp {
    /// Good.
    Green,
    /// Look.
    Amber,
    /// Bad.
    Red,
    /// It sounds.
    Buzzer,
}

impl Lamp {
    /// All, in the order of their discriminants.
    pub const ALL: [Self; 4] = [Self::Green, Self::Amber, Self::Red, Self::Buzzer];

    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
            Self::Buzzer => "buzzer",
        }
    }
}

/// Something for each lamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lamps<T>([T; 4]);

impl<T> Lamps<T> {
    /// That of one lamp.
    pub const fn of(&self, lamp: Lamp) -> &T {
        let [green, amber, red, buzzer] = &self.0;
        match lamp {
            Lamp::Green => green,
            Lamp::Amber => amber,
            Lamp::Red => red,
            Lamp::Buzzer => buzzer,
        }
    }

    /// That of one lamp, to be changed.
    pub const fn of_mut(&mut self, lamp: Lamp) -> &mut T {
        let [green, amber, red, buzzer] = &mut self.0;
        match lamp {
            Lamp::Green => green,
            Lamp::Amber => amber,
            Lamp::Red => red,
            Lamp::Buzzer => buzzer,
        }
    }
}

/// What is shown in one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Show {
    /// These lamps are on, the others off.
    pub lamps: Lamps<bool>,
    /// For so long; without it until the next verdict.
    pub time: Option<Duration>,
}

/// What is shown when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shows {
    /// A scan is stored.
    pub accept: Show,
    /// It was stored before.
    pub warn: Show,
    /// It is refused.
    pub refuse: Show,
}

/// One lamp to be switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) lamp: Lamp,
    pub(super) output: u16,
    pub(super) on: bool,
}

/// The state of one light.
#[derive(Debug)]
pub(super) struct Panel {
    shows: Shows,
    outputs: Lamps<Option<u16>>,
    wanted: Lamps<bool>,
    /// When all go off.
    until: Option<Instant>,
    /// Of which scan.
    scanned: Option<Instant>,
    /// What they are, where that is known.
    known: Lamps<Option<bool>>,
    /// Not before then.
    again: Lamps<Option<Instant>>,
}

impl Panel {
    pub(super) fn new(outputs: Lamps<Option<u16>>, shows: Shows) -> Self {
        Self {
            shows,
            outputs,
            wanted: Lamps::default(),
            until: None,
            scanned: None,
            known: Lamps::default(),
            again: Lamps::default(),
        }
    }

    /// Takes a verdict; returns how many are not shown by that: itself, when it is too old and only ends what was shown
    /// before, and the one before, when it still waited.
    pub(super) fn verdict(&mut self, verdict: Feedback, scanned: Instant, now: Instant) -> u64 {
        let show = match verdict {
            Feedback::Accept => self.shows.accept,
            Feedback::Warn => self.shows.warn,
            Feedback::Refuse => self.shows.refuse,
            // The station goes on: what was shown of the scan before is over.
            Feedback::Pending => Show::default(),
            // The scan changes nothing; or it is for readers.
            Feedback::Silent | Feedback::Movement => return 0,
        };
        let pushed_out = u64::from(self.waits());
        self.clear();
        if now.saturating_duration_since(scanned) > FRESH {
            return pushed_out + 1;
        }
        self.wanted = show.lamps;
        self.until = show.time.map(|time| now + time);
        self.scanned = Some(scanned);
        pushed_out
    }

    /// Whether something is not on yet that is to be shown.
    fn waits(&self) -> bool {
        let mut lamps = Lamp::ALL.into_iter();
        lamps.any(|lamp| *self.wanted.of(lamp) && *self.known.of(lamp) != Some(true))
    }

    /// All off.
    pub(super) fn clear(&mut self) {
        (self.wanted, self.until, self.scanned) = (Lamps::default(), None, None);
    }

    /// Lets time pass; returns false when what was to be shown was not, for so long that it is given up.
    pub(super) fn pass(&mut self, now: Instant) -> bool {
        if self.until.is_some_and(|until| until <= now) {
            self.clear();
        }
        let is_stale = self.scanned.is_some_and(|at| now > at + FRESH);
        if is_stale && self.waits() {
            self.clear();
            return false;
        }
        true
    }

    /// What is to be switched now, what goes on first.
    pub(super) fn changes(&self, now: Instant) -> Vec<Change> {
        let mut changes: Vec<Change> = Lamp::ALL
            .into_iter()
            .filter_map(|lamp| {
                let (output, on) = ((*self.outputs.of(lamp))?, *self.wanted.of(lamp));
                let waits = self.again.of(lamp).is_some_and(|again| now < again);
                let is_so = *self.known.of(lamp) == Some(on);
                (!is_so && (on || !waits)).then_some(Change { lamp, output, on })
            })
            .collect();
        changes.sort_by_key(|change| !change.on);
        changes
    }

    /// A lamp was switched; returns whether that was too late.
    pub(super) fn switched(&mut self, change: Change, now: Instant) -> bool {
        *self.known.of_mut(change.lamp) = Some(change.on);
        *self.again.of_mut(change.lamp) = None;
        change.on && self.scanned.is_some_and(|at| now > at + FRESH)
    }

    /// A lamp was not switched; it is not tried to be switched on again.
    pub(super) fn refused(&mut self, change: Change, now: Instant) {
        *self.known.of_mut(change.lamp) = None;
        *self.again.of_mut(change.lamp) = Some(now + AGAIN);
        if change.on {
            *self.wanted.of_mut(change.lamp) = false;
        }
    }

    /// Nobody knows any more what is on. What was shown already is not shown again.
    pub(super) fn lost(&mut self) {
        let mut lamps = Lamp::ALL.into_iter();
        if lamps.any(|lamp| *self.wanted.of(lamp) && *self.known.of(lamp) == Some(true)) {
            self.clear();
        }
        (self.known, self.again) = (Lamps::default(), Lamps::default());
    }

    /// How much longer it is on.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        Some(self.until?.saturating_duration_since(now))
    }

    /// When to look again at the latest.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let again = Lamp::ALL
            .into_iter()
            .filter_map(|lamp| *self.again.of(lamp));
        let again = again.filter(|at| *at > now);
        again.chain(self.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel() -> Panel {
        let mut outputs = Lamps::default();
        for (lamp, output) in Lamp::ALL.into_iter().zip(0..) {
            *outputs.of_mut(lamp) = Some(output);
        }
        let show = |lamps: &[Lamp], time: Option<u64>| {
            let mut show = Show::default();
            lamps
                .iter()
                .for_each(|lamp| *show.lamps.of_mut(*lamp) = true);
            show.time = time.map(Duration::from_secs);
            show
        };
        let shows = Shows {
            accept: show(&[Lamp::Green], Some(1)),
            warn: show(&[Lamp::Amber], Some(2)),
            refuse: show(&[Lamp::Red, Lamp::Buzzer], None),
        };
        Panel::new(outputs, shows)
    }

    /// Switches everything that is to be switched; returns it as text, such as `+red -green`.
    fn switch(panel: &mut Panel, now: Instant) -> String {
        let changes = panel.changes(now);
        for change in &changes {
            panel.switched(*change, now);
        }
        let word = |change: &Change| {
            let sign = if change.on { '+' } else { '-' };
            format!("{sign}{}", change.lamp.as_str())
        };
        changes.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_verdict_is_shown_for_its_time() {
        let (mut panel, mut now) = (panel(), Instant::now());
        assert_eq!(switch(&mut panel, now), "-green -amber -red -buzzer");
        assert_eq!(panel.verdict(Feedback::Accept, now, now), 0);
        assert_eq!(switch(&mut panel, now), "+green");
        assert_eq!(panel.due(now), Some(now + Duration::from_secs(1)));
        now += Duration::from_millis(400);
        assert_eq!(panel.verdict(Feedback::Refuse, now, now), 0);
        assert_eq!(switch(&mut panel, now), "+red +buzzer -green");
        now += Duration::from_secs(3600);
        assert!(panel.pass(now));
        assert_eq!(switch(&mut panel, now), "", "until the next verdict");
        assert_eq!(panel.verdict(Feedback::Warn, now, now), 0);
        assert_eq!(switch(&mut panel, now), "+amber -red -buzzer");
        now += Duration::from_secs(2);
        assert!(panel.pass(now));
        assert_eq!(switch(&mut panel, now), "-amber");
        assert_eq!(panel.due(now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_stale_is_not_shown_and_still_ends_what_was() {
        let (mut panel, mut now) = (panel(), Instant::now());
        switch(&mut panel, now);
        panel.verdict(Feedback::Refuse, now, now);
        assert_eq!(switch(&mut panel, now), "+red +buzzer");
        let scanned = now;
        now += FRESH + Duration::from_millis(1);
        assert_eq!(panel.verdict(Feedback::Accept, scanned, now), 1);
        assert_eq!(switch(&mut panel, now), "-red -buzzer");
        // A verdict in time that could not be shown in time.
        assert_eq!(panel.verdict(Feedback::Accept, now, now), 0);
        now += FRESH;
        assert!(panel.pass(now));
        assert_eq!(panel.changes(now).len(), 1);
        now += Duration::from_millis(1);
        assert!(!panel.pass(now));
        assert_eq!(panel.changes(now), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lamp_that_is_refused_is_switched_off_later_and_the_others_go_on() {
        let (mut panel, mut now) = (panel(), Instant::now());
        switch(&mut panel, now);
        panel.verdict(Feedback::Refuse, now, now);
        let [red, buzzer] = panel.changes(now)[..] else {
            panic!("two lamps")
        };
        assert!(!panel.switched(red, now));
        panel.refused(buzzer, now);
        assert_eq!(panel.changes(now), []);
        assert_eq!(panel.due(now), Some(now + AGAIN));
        now += AGAIN;
        assert!(panel.pass(now));
        assert_eq!(switch(&mut panel, now), "-buzzer");
        panel.lost();
        assert!(panel.pass(now), "it was shown");
        assert_eq!(switch(&mut panel, now), "-green -amber -red -buzzer");
        // What has not been shown yet may still come in time.
        panel.verdict(Feedback::Accept, now, now);
        assert_eq!(panel.verdict(Feedback::Accept, now, now), 1, "pushed out");
        panel.lost();
        assert!(switch(&mut panel, now).starts_with("+green"));
    }
}
