//! From steps to reports of marks.

use tracegate_feed::marker::clock::Clock;
use tracegate_feed::marker::marks::{Begun, Marks, Told};
use tracegate_feed::marker::{Details, Outcome, Step};
use tracegate_feed::text::shown;
use tracegate_pipeline::Input;
use tracegate_pipeline::mark::{Mark, MarkId, MarkOutcome, MarkReport, MarkedItem, Progress};
use tracing::warn;

use super::{Settings, Stopped, link};
use crate::health::{Code, DeviceCounter, Problem};
use crate::logs;
use crate::source::{Context, Sparingly};

/// Bytes of a line that people are shown.
const SHOWN: usize = 80;

/// What one feed has told.
pub(super) struct Teller {
    context: Context,
    pub marks: Marks<MarkId>,
    clock: Clock,
    told: Vec<Told<MarkId>>,
    unmatched: u64,
    /// Number of the next mark that has no identity of its own.
    heard: u32,
    /// The core was told that the feed is there.
    is_up: bool,
    remarks: Sparingly,
}

impl Teller {
    pub fn new(settings: &Settings, context: &Context) -> Self {
        let format = settings.time_format.clone();
        Self {
            context: context.clone(),
            marks: Marks::new(settings.marks),
            clock: Clock::new(settings.zone.clone(), format, settings.known.last_time_us),
            told: Vec::new(),
            unmatched: 0,
            heard: 0,
            is_up: false,
            remarks: Sparingly::default(),
        }
    }

    /// Takes a step that stands at `id`, or was heard.
    pub fn step(&mut self, id: Option<MarkId>, (step, details): (Step, Details)) {
        let id = id.unwrap_or_else(|| self.heard_id(&details));
        let now_us = self.now_us();
        self.marks.step(now_us, id, step, details, &mut self.told);
        let unmatched = self.marks.unmatched - self.unmatched;
        if unmatched > 0 {
            self.unmatched = self.marks.unmatched;
            self.count(DeviceCounter::MarksUnmatched, unmatched);
            self.remark(
                "the end of a mark was told that nobody heard begin and that names nothing",
            );
        }
    }

    /// Ends marks whose time is over.
    pub fn tick(&mut self) {
        let now_us = self.now_us();
        self.marks.tick(now_us, &mut self.told);
    }

    /// The connection was lost.
    pub fn lost(&mut self) {
        self.marks.lost(&mut self.told);
    }

    /// The file has ended.
    pub fn finish(&mut self) {
        self.marks.finish(&mut self.told);
    }

    /// A line or frame that cannot be read: counted, kept for the status, said sparingly.
    pub fn unknown(&mut self, text: &[u8]) {
        let (marker, health) = (&self.context.name, &self.context.health);
        health.counters().scans_unknown.add(1);
        health.count(marker, DeviceCounter::FramesUnknown, 1);
        let text = shown(text, SHOWN);
        let problem = format!(
            "it told \"{text}\", which no rule knows; add it to when_ignore, or correct the rules"
        );
        health.incident(marker, Problem::UnknownFrame, &problem);
        if let Some(unsaid) = self.remarks.say() {
            warn!(
                code = Code::FramesUnknown.as_str(),
                marker,
                unsaid,
                frame = text,
                "Frame that no rule knows"
            );
        }
    }

    /// The file or folder is there.
    pub async fn up(&mut self) -> Result<(), Stopped> {
        self.context.up();
        if !std::mem::replace(&mut self.is_up, true) {
            link(&self.context, true).await?;
        }
        Ok(())
    }

    /// It is not, for this reason.
    pub async fn down(&mut self, reason: &str) -> Result<(), Stopped> {
        if std::mem::take(&mut self.is_up) {
            link(&self.context, false).await?;
        }
        self.context.down(reason);
        Ok(())
    }

    /// Marks may be missing or not be put away: counted, kept for the status, said sparingly.
    pub fn trouble(&mut self, text: &str) {
        self.count(DeviceCounter::LogIncidents, 1);
        let Context { health, name, .. } = &self.context;
        health.incident(name, Problem::Log, text);
        self.say(Code::LogTrouble.as_str(), text);
    }

    /// A line in the log, not too often.
    pub fn remark(&mut self, text: &str) {
        self.say(logs::MARKER_REMARK, text);
    }

    fn say(&mut self, code: &str, text: &str) {
        if let Some(unsaid) = self.remarks.say() {
            warn!(code, marker = self.context.name, unsaid, "{text}");
        }
    }

    pub fn count(&self, counter: DeviceCounter, n: u64) {
        self.context.health.count(&self.context.name, counter, n);
    }

    /// Reports of what was told since the last time; beginnings only if `begun`, because a file is read again.
    pub fn reports(&mut self, begun: bool, answer: bool) -> Vec<MarkReport> {
        let told = std::mem::take(&mut self.told);
        let mut reports = Vec::new();
        for told in told {
            let mark = match told {
                Told::Begun(it) if begun => self.mark(it, MarkOutcome::Begun),
                Told::Begun(_) => continue,
                Told::Ended(it) => {
                    let outcome = match it.outcome {
                        Outcome::Done => MarkOutcome::Done,
                        Outcome::Failed(code) => MarkOutcome::Failed(code),
                        Outcome::Unknown(why) => MarkOutcome::Unknown(why.as_str().to_owned()),
                    };
                    self.context.health.reads(&self.context.name, None, 1);
                    self.mark(it.begun, outcome)
                }
            };
            let ended = mark.outcome != MarkOutcome::Begun;
            reports.push(self.report(Some(mark), None, answer && ended));
        }
        reports
    }

    /// Marks under way as reports: they began in a file that is not read again.
    pub fn under_way(&mut self) -> Vec<MarkReport> {
        let open: Vec<Begun<MarkId>> = self.marks.open().cloned().collect();
        let marks = open
            .into_iter()
            .map(|it| self.mark(it, MarkOutcome::Begun))
            .collect::<Vec<_>>();
        marks
            .into_iter()
            .map(|mark| self.report(Some(mark), None, false))
            .collect()
    }

    pub fn report(
        &self,
        mark: Option<Mark>,
        progress: Option<Progress>,
        answer: bool,
    ) -> MarkReport {
        MarkReport {
            device: self.context.device,
            at: self.context.clock.now(),
            mark,
            progress,
            answer,
        }
    }

    pub async fn send(&self, reports: Vec<MarkReport>) -> Result<(), Stopped> {
        for report in reports {
            if !self.context.send(Input::Mark(Box::new(report))).await {
                return Err(Stopped);
            }
        }
        Ok(())
    }

    fn mark(&mut self, begun: Begun<MarkId>, outcome: MarkOutcome) -> Mark {
        let Details {
            code,
            gtin,
            serial,
            lot,
            expiry,
            production,
            grade,
            time,
            ..
        } = begun.details;
        let device_time_us = time.and_then(|time| match self.clock.read(&time) {
            Ok(us) => Some(us),
            Err(error) => {
                let text = format!("its time is {error}; set time_format");
                self.context
                    .health
                    .incident(&self.context.name, Problem::UnknownFrame, &text);
                None
            }
        });
        Mark {
            id: begun.place,
            item: MarkedItem {
                code,
                gtin,
                serial,
                lot,
                expiry,
                production,
            },
            outcome,
            grade,
            device_time_us,
        }
    }

    /// A mark that is heard is the same again if the device numbers or dates it.
    fn heard_id(&mut self, details: &Details) -> MarkId {
        if details.counter.is_some() || details.time.is_some() && details.names_a_thing() {
            let parts = [
                &details.counter,
                &details.time,
                &details.code,
                &details.gtin,
                &details.serial,
            ];
            let parts: Vec<&str> = parts
                .into_iter()
                .map(|it| it.as_deref().unwrap_or_default())
                .collect();
            return MarkId::Own(parts.join("/"));
        }
        self.heard = self.heard.wrapping_add(1);
        MarkId::Heard {
            at_us: self.context.clock.now().0,
            index: self.heard,
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.context.clock.now().0).unwrap_or(0)
    }
}
