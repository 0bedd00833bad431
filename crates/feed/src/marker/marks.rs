//! From steps to marks, each of which ends once.

use std::collections::VecDeque;

use super::{Details, Step};

/// Marks under way at most; more than one is rare, and beyond this the oldest ends as unknown.
pub const MAX_OPEN: usize = 64;

/// How a marker tells of its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Ends are answers to commands: they come in the order of the commands, one each.
    pub replies: bool,
    /// A mark that has not ended after this is of unknown outcome, in microseconds.
    pub timeout_us: u64,
}

/// How a mark ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is on the thing.
    Done,
    /// It is not, or not as it should be; the marker's code if it sent one.
    Failed(Option<String>),
    /// Nobody knows.
    Unknown(Why),
}

/// Why the outcome of a mark is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// No end was told in time.
    TimedOut,
    /// Another mark began before its end was told.
    Superseded,
    /// The connection was lost, and with it the answer.
    ConnectionLost,
    /// The file ends before the mark does.
    FileEnds,
}

impl Why {
    /// For events and people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "no end in time",
            Self::Superseded => "the next mark began before its end",
            Self::ConnectionLost => "connection lost before its end",
            Self::FileEnds => "the file ends before it",
        }
    }
}

/// A mark that has begun. `P` is where the frame that began it stands in its feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun<P> {
    /// Where it began.
    pub place: P,
    /// When it began.
    pub at_us: u64,
    /// What is known of it so far.
    pub details: Details,
}

/// A mark that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended<P> {
    /// As it began; for a mark of one frame, that frame.
    pub begun: Begun<P>,
    /// How it ended.
    pub outcome: Outcome,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<P> {
    /// A mark began that will end later.
    Begun(Begun<P>),
    /// A mark ended.
    Ended(Ended<P>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Unknown,
    Idle,
    Marking,
}

/// Marks of one device: the state machine.
#[derive(Debug, Clone)]
pub struct Marks<P> {
    settings: Settings,
    open: VecDeque<Begun<P>>,
    /// Answers that are due; true for those that end a mark.
    due: VecDeque<bool>,
    pending: Details,
    state: State,
    /// Ends of marks that nobody saw begin, and that name nothing.
    pub unmatched: u64,
}

impl<P: Clone> Marks<P> {
    /// No mark yet.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            open: VecDeque::new(),
            due: VecDeque::new(),
            pending: Details {
                code: None,
                gtin: None,
                serial: None,
                lot: None,
                expiry: None,
                production: None,
                grade: None,
                time: None,
                counter: None,
                key: None,
                error: None,
            },
            state: State::Unknown,
            unmatched: 0,
        }
    }

    /// Takes a step that was heard at `now_us` and stands at `place`.
    pub fn step(
        &mut self,
        now_us: u64,
        place: P,
        step: Step,
        details: Details,
        out: &mut Vec<Told<P>>,
    ) {
        self.tick(now_us, out);
        match step {
            Step::Ignore => {}
            Step::Command => self.expect(false),
            Step::Data => {
                self.expect(false);
                if self.settings.replies {
                    self.pending.add(details);
                } else if let Some(open) = self.named(&details) {
                    open.details.add(details);
                } else {
                    self.pending.add(details);
                }
            }
            Step::Start => {
                self.expect(true);
                self.begin(now_us, place, details, out);
            }
            Step::Busy => {
                self.pending.add(details);
                if self.state != State::Marking {
                    self.begin(now_us, place, Details::default(), out);
                }
                self.state = State::Marking;
            }
            Step::Ready => {
                if self.state == State::Marking {
                    self.end(now_us, place, details, |_| Outcome::Done, out);
                } else {
                    self.pending.add(details);
                }
                self.state = State::Idle;
            }
            Step::Fault => {
                if self.state == State::Marking {
                    self.end(now_us, place, details, failed, out);
                }
                self.state = State::Idle;
            }
            Step::Done | Step::Failed => {
                if self.settings.replies && self.due.pop_front() == Some(false) {
                    // The answer to a command about something else. One that the marker refused sets nothing.
                    if step == Step::Failed {
                        self.pending = Details::default();
                    }
                    return;
                }
                let outcome = if step == Step::Done {
                    |_: &Details| Outcome::Done
                } else {
                    failed
                };
                self.end(now_us, place, details, outcome, out);
            }
        }
    }

    /// Ends marks whose time is over.
    pub fn tick(&mut self, now_us: u64, out: &mut Vec<Told<P>>) {
        while let Some(first) = self.open.front()
            && now_us.saturating_sub(first.at_us) >= self.settings.timeout_us
        {
            self.give_up(Why::TimedOut, out);
        }
    }

    /// When [`Self::tick`] has something to do at the earliest.
    #[must_use]
    pub fn deadline_us(&self) -> Option<u64> {
        let first = self.open.front()?;
        Some(first.at_us.saturating_add(self.settings.timeout_us))
    }

    /// The connection was lost: what is under way without a name of its own cannot be told from later marks.
    pub fn lost(&mut self, out: &mut Vec<Told<P>>) {
        self.due.clear();
        self.pending = Details::default();
        self.state = State::Unknown;
        let keyed = |open: &Begun<P>| open.details.key.is_some();
        let (kept, lost): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.open).into_iter().partition(keyed);
        self.open = kept;
        out.extend(
            lost.into_iter()
                .map(|begun| ended(begun, Outcome::Unknown(Why::ConnectionLost))),
        );
    }

    /// Nothing more comes: what is under way ends as unknown.
    pub fn finish(&mut self, out: &mut Vec<Told<P>>) {
        while !self.open.is_empty() {
            self.give_up(Why::FileEnds, out);
        }
        self.pending = Details::default();
        self.due.clear();
        self.state = State::Unknown;
    }

    /// Marks under way, the oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Begun<P>> {
        self.open.iter()
    }

    fn expect(&mut self, ends_a_mark: bool) {
        if !self.settings.replies {
            return;
        }
        if self.due.len() >= 4 * MAX_OPEN {
            self.due.pop_front();
        }
        self.due.push_back(ends_a_mark);
    }

    fn begin(&mut self, now_us: u64, place: P, details: Details, out: &mut Vec<Told<P>>) {
        // Without names or answers there is one mark at a time.
        if details.key.is_none() && !self.settings.replies {
            while self.open.iter().any(|open| open.details.key.is_none()) {
                self.give_up_unnamed(out);
            }
        } else if let Some(at) = self
            .position(details.key.as_deref())
            .filter(|_| details.key.is_some())
            && let Some(begun) = self.open.remove(at)
        {
            out.push(ended(begun, Outcome::Unknown(Why::Superseded)));
        }
        if self.open.len() >= MAX_OPEN {
            self.give_up(Why::Superseded, out);
        }
        let mut known = std::mem::take(&mut self.pending);
        known.add(details);
        let begun = Begun {
            place,
            at_us: now_us,
            details: known,
        };
        out.push(Told::Begun(begun.clone()));
        self.open.push_back(begun);
    }

    fn end(
        &mut self,
        now_us: u64,
        place: P,
        details: Details,
        outcome: impl Fn(&Details) -> Outcome,
        out: &mut Vec<Told<P>>,
    ) {
        let at = self.position(details.key.as_deref());
        if let Some(mut begun) = at.and_then(|at| self.open.remove(at)) {
            begun.details.add(details);
            let outcome = outcome(&begun.details);
            out.push(ended(begun, outcome));
            return;
        }
        let mut known = std::mem::take(&mut self.pending);
        known.add(details);
        if !known.names_a_thing() {
            self.unmatched += 1;
            return;
        }
        // A mark of one frame, or one whose beginning was not heard.
        let outcome = outcome(&known);
        out.push(ended(
            Begun {
                place,
                at_us: now_us,
                details: known,
            },
            outcome,
        ));
    }

    /// The mark that a frame with this key is about: the one of that name, or without a name the oldest.
    fn position(&self, key: Option<&str>) -> Option<usize> {
        match key {
            Some(key) => self
                .open
                .iter()
                .position(|open| open.details.key.as_deref() == Some(key)),
            None => (!self.open.is_empty()).then_some(0),
        }
    }

    /// The mark that data is about: by its name, or the newest.
    fn named(&mut self, details: &Details) -> Option<&mut Begun<P>> {
        match &details.key {
            Some(_) => {
                let at = self.position(details.key.as_deref())?;
                self.open.get_mut(at)
            }
            None => self.open.back_mut(),
        }
    }

    fn give_up(&mut self, why: Why, out: &mut Vec<Told<P>>) {
        if let Some(begun) = self.open.pop_front() {
            out.push(ended(begun, Outcome::Unknown(why)));
        }
        if self.open.is_empty() && self.state == State::Marking {
            self.state = State::Unknown;
        }
        // Nobody waits for its answer any more, nor for those before it: the next answer is to the next command.
        if let Some(own) = self.due.iter().position(|ends_a_mark| *ends_a_mark) {
            self.due.drain(..=own);
        }
    }

    fn give_up_unnamed(&mut self, out: &mut Vec<Told<P>>) {
        let at = self.open.iter().position(|open| open.details.key.is_none());
        if let Some(begun) = at.and_then(|at| self.open.remove(at)) {
            out.push(ended(begun, Outcome::Unknown(Why::Superseded)));
        }
    }
}

fn failed(details: &Details) -> Outcome {
    Outcome::Failed(details.error.clone())
}

const fn ended<P>(begun: Begun<P>, outcome: Outcome) -> Told<P> {
    Told::Ended(Ended { begun, outcome })
}

#[cfg(test)]
mod tests;
