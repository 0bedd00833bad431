//! Laser markers: what they say, as marks that each end once.
//!
//! A marker tells of a mark in one phase (a line is a mark) or in two (one frame begins it, another ends it); some only
//! say what they are doing when asked. [`rules`] and [`record`] turn a frame into a [`Step`] with [`Details`], [`Marks`] makes
//! marks of steps, [`grade`] reads what a verifier says of a code, [`clock`] reads local times, [`lines`] cuts log files.
//!
//! Invariant: whatever the order of frames, a mark that was begun ends exactly once: done, failed, or unknown.

pub mod clock;
pub mod grade;
pub mod lines;
pub mod marks;
pub mod record;
pub mod rules;

pub use grade::Grade;
pub use marks::{Ended, Marks, Outcome};

/// What a frame means for marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A mark begins.
    Start,
    /// It says more about the mark that is under way, or else about the next one.
    Data,
    /// A mark is done.
    Done,
    /// A mark failed.
    Failed,
    /// A command about something else, which is answered too.
    Command,
    /// The marker is ready: asked for, or told.
    Ready,
    /// The marker is marking.
    Busy,
    /// The marker has an error.
    Fault,
    /// It means nothing here.
    Ignore,
}

/// What a frame says about a mark; a later frame adds to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// The content of the code as marked, AIM identifier included if there is one.
    pub code: Option<String>,
    /// GTIN, 8 to 14 digits.
    pub gtin: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Lot number.
    pub lot: Option<String>,
    /// Expiry as `YYMMDD`.
    pub expiry: Option<String>,
    /// Production date as `YYMMDD`.
    pub production: Option<String>,
    /// What the verifier says of the code.
    pub grade: Option<Grade>,
    /// When it was marked, by the marker's clock, as it wrote it.
    pub time: Option<String>,
    /// The marker's own number of the mark.
    pub counter: Option<String>,
    /// Which of several marks under way is meant.
    pub key: Option<String>,
    /// The marker's word for what went wrong.
    pub error: Option<String>,
}

impl Details {
    /// Whether it says which thing was marked.
    #[must_use]
    pub const fn names_a_thing(&self) -> bool {
        self.code.is_some() || self.serial.is_some() || self.gtin.is_some()
    }

    /// Adds what `newer` says; where both say something the newer counts.
    pub fn add(&mut self, newer: Self) {
        let Self {
            code,
            gtin,
            serial,
            lot,
            expiry,
            production,
            grade,
            time,
            counter,
            key,
            error,
        } = newer;
        let put = |old: &mut Option<String>, new: Option<String>| {
            if new.is_some() {
                *old = new;
            }
        };
        put(&mut self.code, code);
        put(&mut self.gtin, gtin);
        put(&mut self.serial, serial);
        put(&mut self.lot, lot);
        put(&mut self.expiry, expiry);
        put(&mut self.production, production);
        put(&mut self.time, time);
        put(&mut self.counter, counter);
        put(&mut self.key, key);
        put(&mut self.error, error);
        if grade.is_some() {
            self.grade = grade;
        }
    }

    /// Sets a detail by its name in the configuration; blanks around it do not count, and an empty one says nothing.
    /// Returns false for a name that there is not.
    pub fn set(&mut self, name: &str, text: &str) -> bool {
        let text = text.trim_matches([' ', '\t', '\r', '\n', '\0']);
        let place = match name {
            "code" => &mut self.code,
            "gtin" => &mut self.gtin,
            "serial" => &mut self.serial,
            "lot" => &mut self.lot,
            "time" => &mut self.time,
            "counter" => &mut self.counter,
            "key" => &mut self.key,
            "error" => &mut self.error,
            "expiry" | "production" => {
                let place = if name == "expiry" {
                    &mut self.expiry
                } else {
                    &mut self.production
                };
                *place = clock::date(text);
                return true;
            }
            "grade" => {
                self.grade = Grade::parse(text).ok();
                return true;
            }
            _ => return false,
        };
        *place = (!text.is_empty()).then(|| text.to_owned());
        true
    }
}

/// Names that [`Details::set`] takes.
pub const DETAILS: &[&str] = &[
    "code",
    "gtin",
    "serial",
    "lot",
    "expiry",
    "production",
    "grade",
    "time",
    "counter",
    "key",
    "error",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_sets_its_detail_and_later_ones_count() {
        let mut details = Details::default();
        for name in DETAILS {
            let text = match *name {
                "expiry" | "production" => "2027-12-31",
                "grade" => "B",
                other => other,
            };
            assert!(details.set(name, text), "{name}");
        }
        assert!(!details.set("colour", "red"));
        let whole = details.clone();
        assert_eq!(whole.expiry.as_deref(), Some("271231"));
        assert_eq!(whole.code.as_deref(), Some("code"));
        let mut newer = Details::default();
        assert!(newer.set("code", " other \r"));
        assert!(newer.set("lot", "  "));
        details.add(newer);
        assert_eq!(
            details,
            Details {
                code: Some("other".to_owned()),
                ..whole
            }
        );
    }
}
