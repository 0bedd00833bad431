//! A scan at a station with a task: what becomes of it, and what is told.
//!
//! Invariants: nothing is booked that was refused, or that warns and that nobody has looked at; every scan has one answer;
//! what is open and not booked is told when it is given up.

use serde::{Deserialize, Serialize};

use super::assess::Assessment;
use super::code::{Codes, Content, Meaning};
use super::job::Job;
use super::past::Past;
use super::task::{Command, Confirm, TaskConfig, TaskKind};
use crate::config::{ReadPointConfig, StationScanner};
use crate::guard::Level;
use crate::input::{DeviceIndex, MovementEvent, NonEvent, ScanDetail, VerdictKind};
use crate::movement::{Outcome, Zone};
use crate::reference::References;
use crate::time::Time;

/// A station with a task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Desk {
    pub(super) operator: Option<(String, Time)>,
    /// The newest scan: the same within the duplicate window is no other.
    last: Option<(Vec<u8>, Time)>,
    pub(super) job: Option<Job>,
    /// What was refused, until the station is cleared.
    pub(super) red: Option<Red>,
    pub(super) past: Past,
}

/// What a refused scan would have made of the job, for a supervisor who may override it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Red {
    pub(super) job: Job,
    pub(super) text: String,
}

/// Where a station stands, and what it is judged with.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub read_point: &'a ReadPointConfig,
    pub task: &'a TaskConfig,
    pub zone: &'a Zone,
    pub facts: &'a References,
}

/// What came of a scan.
#[derive(Debug, Default)]
pub(crate) struct Worked {
    pub events: Vec<MovementEvent>,
    pub non_events: Vec<NonEvent>,
    pub verdict: Option<(DeviceIndex, VerdictKind, ScanDetail)>,
    /// What a guard made of the answer.
    pub level: Level,
}

impl Desk {
    /// Forgets the device numbers of an older configuration.
    pub fn reconfigured(&mut self, renumber: impl Fn(DeviceIndex) -> Option<DeviceIndex>) {
        let moved = |job: &mut Job| renumber(job.device).map(|device| job.device = device);
        for job in self
            .job
            .iter_mut()
            .chain(self.red.iter_mut().map(|red| &mut red.job))
        {
            // A scanner that is gone hears nothing any more.
            if moved(job).is_none() {
                job.device = DeviceIndex::MAX;
            }
        }
    }

    /// When what is open is given up.
    pub fn deadline(&self, task: &TaskConfig) -> Option<Time> {
        let job = self
            .job
            .as_ref()
            .or(self.red.as_ref().map(|red| &red.job))?;
        Some(job.touched + task.idle)
    }

    /// The keys of what is open.
    pub fn mentions(&self) -> Vec<String> {
        let red = self.red.iter().map(|red| &red.job);
        let jobs = self.job.iter().chain(red);
        jobs.flat_map(|job| job.mentions().collect::<Vec<_>>())
            .collect()
    }

    /// Gives up what nobody goes on with.
    pub fn expire(&mut self, place: Place<'_>, now: Time) -> Option<Worked> {
        let at = self.deadline(place.task).filter(|at| *at <= now)?;
        self.give_up(
            place,
            at,
            "nobody went on: what was scanned is not booked".to_owned(),
        )
    }

    /// Gives up what is open; `None` if nothing is lost by that.
    pub fn give_up(&mut self, place: Place<'_>, at: Time, text: String) -> Option<Worked> {
        let (job, red) = (self.job.take(), self.red.take());
        let device = job.as_ref().or(red.as_ref().map(|it| &it.job))?.device;
        let job = job.filter(Job::is_open)?;
        let mut worked = Worked::default();
        let outcome = Outcome::Cancelled(&text);
        self.note(
            place,
            at,
            &job,
            &Assessment::default(),
            outcome,
            &mut worked,
        );
        let detail = self.detail(place, at, &[], &text, &Assessment::default());
        worked.verdict = Some((device, VerdictKind::Refused(text), detail));
        Some(worked)
    }

    /// Takes a scan.
    pub fn scan(
        &mut self,
        place: Place<'_>,
        codes: &Codes,
        scanner: &StationScanner,
        at: Time,
        data: &[u8],
    ) -> Worked {
        let (task, mut worked) = (place.task, Worked::default());
        let badge_ends = |it: &(String, Time)| at - it.1 >= task.badge_timeout;
        if self.operator.as_ref().is_some_and(badge_ends) {
            self.operator = None;
        }
        let again = |it: &(Vec<u8>, Time)| it.0 == data && at - it.1 < task.duplicate;
        let (kind, assessment) = if self.last.as_ref().is_some_and(again) {
            (VerdictKind::Duplicate, Assessment::default())
        } else {
            let scan = Scan {
                place,
                device: scanner.device,
                at,
            };
            match codes.meaning(data, scanner) {
                Ok(meaning) => self.judge(&scan, meaning, &mut worked),
                Err(why) => (VerdictKind::Refused(why), Assessment::default()),
            }
        };
        // It slides: a scanner in presentation mode repeats a code for as long as it sees it.
        self.last = Some((data.to_vec(), at));
        if let Some(operator) = &mut self.operator {
            operator.1 = at;
        }
        if let Some(job) = &mut self.job {
            (job.touched, job.device) = (at, scanner.device);
        }
        let text = match &kind {
            VerdictKind::Accepted => worked.events.last().map_or("", |it| it.summary.as_str()),
            VerdictKind::Duplicate => "scanned before",
            VerdictKind::Warned(text) | VerdictKind::Refused(text) | VerdictKind::Pending(text) => {
                text
            }
        };
        let detail = self.detail(place, at, data, text, &assessment);
        let level = match &kind {
            VerdictKind::Refused(_) => Level::Refuse,
            VerdictKind::Warned(_) => Level::Warn,
            _ => Level::Accept,
        };
        if assessment.of(level).next().is_some() {
            worked.level = level;
        }
        worked.verdict = Some((scanner.device, kind, detail));
        worked
    }

    fn judge(
        &mut self,
        scan: &Scan<'_>,
        meaning: Meaning,
        worked: &mut Worked,
    ) -> (VerdictKind, Assessment) {
        match meaning {
            Meaning::Command(Command::Confirm) => self.confirm(scan, worked),
            Meaning::Command(Command::Close) => self.close(scan, worked),
            Meaning::Command(Command::Cancel) => (self.cancel(scan, worked), Assessment::default()),
            Meaning::Command(Command::Unpack) if scan.place.task.kind != TaskKind::Packing => {
                let text = "nothing is unpacked here".to_owned();
                (VerdictKind::Refused(text), Assessment::default())
            }
            Meaning::Command(Command::Unpack) => self.change(scan, worked, |job| {
                job.set_unpack();
                Ok(())
            }),
            Meaning::Command(Command::Logout) => {
                self.operator = None;
                (VerdictKind::Accepted, Assessment::default())
            }
            Meaning::Result(code, disposition) => {
                if scan.place.task.kind != TaskKind::Inspection {
                    let text = "nothing is inspected here".to_owned();
                    return (VerdictKind::Refused(text), Assessment::default());
                }
                self.change(scan, worked, |job| {
                    job.set_result(code, disposition);
                    Ok(())
                })
            }
            Meaning::Badge { id, supervisor } => self.badge(scan, id, supervisor, worked),
            Meaning::Content(content) => self.content(scan, content, worked),
        }
    }

    fn content(
        &mut self,
        scan: &Scan<'_>,
        content: Content,
        worked: &mut Worked,
    ) -> (VerdictKind, Assessment) {
        if let Some(red) = &self.red
            && content.thing.is_none()
        {
            let text = format!("{}; cancel, or scan another lot first", red.text);
            return (VerdictKind::Refused(text), Assessment::default());
        }
        let task = scan.place.task;
        if let Some(next) = &content.order
            && task.confirm == Confirm::NextOrder
            && let Some(job) = &self.job
            && job
                .order
                .as_ref()
                .is_some_and(|order| order.uri != next.uri)
            && !job.entries.is_empty()
        {
            // The next order confirms what was scanned for the one before.
            let (kind, assessment) = self.settle(scan, worked, true);
            if !matches!(kind, VerdictKind::Accepted) {
                return (kind, assessment);
            }
        }
        self.change(scan, worked, |job| job.take(task, content))
    }

    /// Changes the job, unless that is refused.
    fn change(
        &mut self,
        scan: &Scan<'_>,
        worked: &mut Worked,
        by: impl FnOnce(&mut Job) -> Result<(), String>,
    ) -> (VerdictKind, Assessment) {
        let open = self.job.clone();
        let mut job = open.unwrap_or_else(|| Job::new(scan.device, scan.at));
        (job.touched, job.device) = (scan.at, scan.device);
        job.begin();
        if let Err(why) = by(&mut job) {
            return (VerdictKind::Refused(why), Assessment::default());
        }
        let before = self.job.as_ref().map(|job| self.assess(scan, job));
        let assessment = self.assess(scan, &job);
        if assessment.of(Level::Refuse).next().is_some() {
            let text = assessment.text(Level::Refuse);
            // What refuses already what is open is not told with each scan.
            let open = before
                .as_ref()
                .and_then(|it| Some(self.job.as_mut()?.refuse(it)));
            if open != Some(false) || job.refuse(&assessment) {
                let outcome = Outcome::Refused(&text);
                self.note(scan.place, scan.at, &job, &assessment, outcome, worked);
            }
            self.red = Some(Red {
                job,
                text: text.clone(),
            });
            return (VerdictKind::Refused(text), assessment);
        }
        self.red = None;
        let is_new = |it: &&(String, crate::guard::Finding)| {
            before
                .as_ref()
                .is_none_or(|before| !before.open.contains(it))
        };
        if assessment.of(Level::Warn).any(|it| is_new(&it)) {
            let text = assessment.text(Level::Warn);
            let outcome = Outcome::Warned(&text);
            self.note(scan.place, scan.at, &job, &assessment, outcome, worked);
        }
        self.job = Some(job);
        self.settle(scan, worked, false)
    }

    /// Books the job if it is complete and may be booked; else says what is needed.
    fn settle(
        &mut self,
        scan: &Scan<'_>,
        worked: &mut Worked,
        confirmed: bool,
    ) -> (VerdictKind, Assessment) {
        let Some(mut job) = self.job.take() else {
            let text = "there is nothing to confirm".to_owned();
            return (VerdictKind::Refused(text), Assessment::default());
        };
        let (task, assessment) = (scan.place.task, self.assess(scan, &job));
        let missing = job.missing(&self.bench(scan.place));
        let red = assessment.text(Level::Refuse);
        job.tell(&assessment);
        let is_news = job.refuse(&assessment);
        let kind = if !red.is_empty() {
            if is_news {
                let outcome = Outcome::Refused(&red);
                self.note(scan.place, scan.at, &job, &assessment, outcome, worked);
            }
            VerdictKind::Refused(red)
        } else if assessment.of(Level::Warn).next().is_some() {
            let text = assessment.text(Level::Warn);
            VerdictKind::Warned(format!("{text}; confirm to go on"))
        } else if let Some(missing) = missing {
            if confirmed {
                VerdictKind::Refused(missing)
            } else {
                VerdictKind::Pending(missing)
            }
        } else if confirmed || job.books_itself(task) {
            return match self.book(scan, &job, &assessment) {
                Ok(event) => {
                    worked.events.push(event);
                    self.after(scan, job);
                    (VerdictKind::Accepted, assessment)
                }
                Err(why) => {
                    self.job = Some(job);
                    (
                        VerdictKind::Refused(format!("it cannot be booked: {why}")),
                        assessment,
                    )
                }
            };
        } else {
            VerdictKind::Pending(if task.kind == TaskKind::Packing {
                "scan more, or close".to_owned()
            } else {
                "confirm".to_owned()
            })
        };
        self.job = Some(job);
        (kind, assessment)
    }

    /// Somebody confirms: a warning is looked at, what is complete is booked.
    fn confirm(&mut self, scan: &Scan<'_>, worked: &mut Worked) -> (VerdictKind, Assessment) {
        if self.red.take().is_some() {
            let text = match &self.job {
                Some(job) => job.missing(&self.bench(scan.place)),
                None => None,
            };
            let text = text.unwrap_or_else(|| "cleared; nothing was booked".to_owned());
            return (VerdictKind::Pending(text), Assessment::default());
        }
        if let Some(answer) = self.warn_first(scan, worked) {
            return answer;
        }
        let operator = self.operator.as_ref().map(|it| it.0.clone());
        self.look(scan, operator.as_deref(), false, worked);
        let Some(job) = &self.job else {
            return self.settle(scan, worked, true);
        };
        // Looked at a warning, but not all is there yet.
        let is_whole = job.missing(&self.bench(scan.place)).is_none();
        let looked = !job.acks.is_empty();
        self.settle(scan, worked, is_whole || !looked)
    }

    fn close(&mut self, scan: &Scan<'_>, worked: &mut Worked) -> (VerdictKind, Assessment) {
        if self.red.is_some() {
            return self.confirm(scan, worked);
        }
        self.settle(scan, worked, true)
    }

    /// Tells what warns and was not told yet, because the site's data has changed: nobody can have looked at that.
    fn warn_first(
        &mut self,
        scan: &Scan<'_>,
        worked: &mut Worked,
    ) -> Option<(VerdictKind, Assessment)> {
        let job = self.job.as_ref()?;
        let assessment = self.assess(scan, job);
        if assessment.of(Level::Refuse).next().is_some() || !job.is_untold(&assessment) {
            return None;
        }
        let text = assessment.text(Level::Warn);
        let outcome = Outcome::Warned(&text);
        self.note(scan.place, scan.at, job, &assessment, outcome, worked);
        Some(self.settle(scan, worked, false))
    }

    /// Notes who looked at the warnings that are open; false if there were none.
    fn look(
        &mut self,
        scan: &Scan<'_>,
        by: Option<&str>,
        supervisor: bool,
        worked: &mut Worked,
    ) -> bool {
        let Some(mut job) = self.job.clone() else {
            return false;
        };
        let assessment = self.assess(scan, &job);
        if assessment.of(Level::Refuse).next().is_some() || assessment.open.is_empty() {
            return false;
        }
        job.acknowledge(&assessment.open, by, supervisor);
        let outcome = Outcome::Overridden;
        self.note(scan.place, scan.at, &job, &assessment, outcome, worked);
        self.job = Some(job);
        true
    }

    fn badge(
        &mut self,
        scan: &Scan<'_>,
        id: String,
        supervisor: bool,
        worked: &mut Worked,
    ) -> (VerdictKind, Assessment) {
        if supervisor && let Some(red) = self.red.take() {
            let assessment = self.assess(scan, &red.job);
            let allowed = &scan.place.task.overridable;
            let fixed = assessment
                .of(Level::Refuse)
                .find(|it| !allowed.contains(&it.1.rule))
                .map(|it| it.1.text.clone());
            if let Some(why) = fixed {
                let text = format!("{why}: nobody may override that");
                self.red = Some(red);
                return (VerdictKind::Refused(text), assessment);
            }
            let mut job = red.job;
            job.acknowledge(&assessment.open, Some(&id), true);
            (job.touched, job.device) = (scan.at, scan.device);
            self.note(
                scan.place,
                scan.at,
                &job,
                &assessment,
                Outcome::Overridden,
                worked,
            );
            self.job = Some(job);
            return self.settle(scan, worked, false);
        }
        if supervisor && let Some(answer) = self.warn_first(scan, worked) {
            return answer;
        }
        if supervisor && self.look(scan, Some(&id), true, worked) {
            return self.settle(scan, worked, false);
        }
        self.operator = Some((id, scan.at));
        (VerdictKind::Accepted, Assessment::default())
    }

    fn cancel(&mut self, scan: &Scan<'_>, worked: &mut Worked) -> VerdictKind {
        self.last = None;
        if self.red.take().is_some() {
            return VerdictKind::Pending("cleared; nothing was booked".to_owned());
        }
        let Some(before) = self.job.clone().filter(Job::is_open) else {
            self.job = None;
            return VerdictKind::Refused("there is nothing to cancel".to_owned());
        };
        let Some(job) = &mut self.job else {
            return VerdictKind::Refused("there is nothing to cancel".to_owned());
        };
        if !job.undo() || !job.is_open() {
            self.job = None;
        }
        let text = "the last scan was taken back".to_owned();
        let left = self.job.as_ref().map_or(0, |job| job.entries.len());
        if left < before.entries.len() {
            let (outcome, none) = (Outcome::Cancelled(&text), Assessment::default());
            self.note(scan.place, scan.at, &before, &none, outcome, worked);
        }
        let missing = match &self.job {
            Some(job) => job.missing(&self.bench(scan.place)),
            None => None,
        };
        VerdictKind::Pending(match missing {
            Some(missing) => format!("{text}: {missing}"),
            None => text,
        })
    }
}

/// One scan.
pub(super) struct Scan<'a> {
    pub place: Place<'a>,
    pub device: DeviceIndex,
    pub at: Time,
}
