//! A marker that writes a log file.

use std::io;
use std::time::Duration;

use tokio::time::Instant;
use tracegate_feed::marker::lines::Line;
use tracegate_feed::marker::record::Header;
use tracegate_pipeline::mark::{LogPlace, MarkId, MarkReport, Progress};

use super::follow::{Follower, Look, Note};
use super::teller::Teller;
use super::{LOOK, Log, Stopped, blocking};
use crate::health::{DeviceCounter, Problem};
use crate::source::{Context, RETRY};

/// How far a log may be read without a mark before that is stored.
const UNTOLD: u64 = 64 * 1024;

pub(super) async fn run(log: &Log, known: Option<LogPlace>, context: &Context, teller: Teller) {
    let mut reader = Reader {
        log,
        context,
        teller,
        header: None,
        told: known,
        news: Instant::now(),
    };
    // It ends when the gateway stops.
    let _: Result<(), Stopped> = reader.run().await;
}

struct Reader<'a> {
    log: &'a Log,
    context: &'a Context,
    teller: Teller,
    header: Option<Header>,
    /// The place that was told last.
    told: Option<LogPlace>,
    news: Instant,
}

impl Reader<'_> {
    async fn run(&mut self) -> Result<(), Stopped> {
        let mut follower = self.follower();
        loop {
            let needs_header = self.log.form.header().is_some() && self.header.is_none();
            let looked = blocking(self.context, &self.log.path, move || {
                let look = follower.look();
                let is_new = look.as_ref().is_ok_and(|look| look.moved.is_some());
                let first = (needs_header || is_new).then(|| follower.first_line().ok().flatten());
                (follower, look, first.flatten())
            });
            let (same, look, first) = looked.await?;
            follower = same;
            let wait = match look {
                Ok(look) => {
                    let (more, missing) = (look.more, look.missing);
                    self.take(&mut follower, look, first.as_deref()).await?;
                    if missing {
                        let path = self.log.path.display();
                        let reason = format!(
                            "{path} is not there; is its name right, and the marking software running?"
                        );
                        self.teller.down(&reason).await?;
                    } else {
                        self.teller.up().await?;
                    }
                    if more { Duration::ZERO } else { LOOK }
                }
                Err(error) => {
                    let path = self.log.path.display();
                    let reason = format!("{path} cannot be read: {error}");
                    self.teller.down(&reason).await?;
                    // A share that comes back has other handles.
                    follower = self.follower();
                    RETRY
                }
            };
            self.idle();
            if wait.is_zero() {
                tokio::task::yield_now().await;
            } else if !self.context.pause(wait).await {
                return Err(Stopped);
            }
        }
    }

    fn follower(&self) -> Follower {
        Follower::new(
            self.log.path.clone(),
            self.log.encoding,
            self.log.from_end,
            self.told,
        )
    }

    async fn take(
        &mut self,
        follower: &mut Follower,
        look: Look,
        first: Option<&str>,
    ) -> Result<(), Stopped> {
        for note in look.notes {
            self.note(note);
        }
        if let Some(place) = look.moved {
            // Marks that began in the file before are not found again in this one.
            let under_way = if self.told.is_some() {
                self.teller.under_way()
            } else {
                Vec::new()
            };
            self.teller.send(under_way).await?;
            self.header = None;
            self.tell(Vec::new(), place).await?;
        }
        if self.header.is_none()
            && let (Some(delimiter), Some(first)) = (self.log.form.header(), first)
        {
            self.name_columns(first, delimiter);
        }
        let generation = follower.generation();
        let is_news = !look.lines.is_empty();
        for line in look.lines {
            let end = line.end;
            self.line(generation, line);
            let reports = self.teller.reports(false, false);
            if !reports.is_empty() {
                // Each with its place: the gateway may be killed between two of them, and the log cut before it comes again.
                let place = follower.place_at(end, self.resume(generation));
                self.tell_if_known(reports, place).await?;
            }
        }
        self.teller.tick();
        let reports = self.teller.reports(false, false);
        if is_news {
            self.news = Instant::now();
        }
        if reports.is_empty() && !is_news {
            return Ok(());
        }
        let place = follower.place(self.resume(generation));
        let before = self.told.unwrap_or_default();
        let far = place.as_ref().is_ok_and(|place| {
            before.generation != place.generation
                || place.read_to.saturating_sub(before.read_to) >= UNTOLD
        });
        if reports.is_empty() && !far {
            return Ok(());
        }
        self.tell_if_known(reports, place).await
    }

    /// Where the oldest mark that is under way begins in this file.
    fn resume(&self, generation: u32) -> Option<u64> {
        let began = |id: &MarkId| match id {
            MarkId::Log {
                generation: own,
                offset,
            } if *own == generation => Some(*offset),
            _ => None,
        };
        let open = self.teller.marks.open();
        open.filter_map(|open| began(&open.place)).min()
    }

    /// Sends reports with how far the log was read, if that can be told.
    async fn tell_if_known(
        &mut self,
        reports: Vec<MarkReport>,
        place: io::Result<LogPlace>,
    ) -> Result<(), Stopped> {
        match place {
            Ok(place) => self.tell(reports, place).await,
            // The next look tells why; these lines are read again.
            Err(_) => self.teller.send(reports).await,
        }
    }

    /// Sends reports, the last of which says how far the log was read.
    async fn tell(&mut self, mut reports: Vec<MarkReport>, place: LogPlace) -> Result<(), Stopped> {
        let progress = Some(Progress::Log(place));
        match reports.last_mut() {
            Some(last) => last.progress = progress,
            None => reports.push(self.teller.report(None, progress, false)),
        }
        self.teller.send(reports).await?;
        self.told = Some(place);
        Ok(())
    }

    fn line(&mut self, generation: u32, line: Line) {
        let Some(text) = line.text else {
            self.context.health.counters().scans_malformed.add(1);
            self.teller.count(DeviceCounter::FramesMalformed, 1);
            return self
                .teller
                .remark("Line of more than 64 KiB thrown away; is this the marker's log?");
        };
        if let Some(delimiter) = self.log.form.header()
            && line.start == 0
        {
            return self.name_columns(&text, delimiter);
        }
        let header = self.header.as_ref();
        match self
            .log
            .form
            .read(&text, header.unwrap_or(&Header::default()))
        {
            Some(said) => {
                let offset = line.start;
                self.teller
                    .step(Some(MarkId::Log { generation, offset }), said);
            }
            None => self.teller.unknown(text.as_bytes()),
        }
    }

    fn name_columns(&mut self, first: &str, delimiter: char) {
        let header = Header::new(first, delimiter);
        let lacks = match &self.log.form {
            tracegate_feed::marker::record::Form::Csv { columns, .. } => header.lacks(columns),
            _ => None,
        };
        let text = lacks.map(|column| {
            let path = self.log.path.display();
            let hint = columns_hint(first, &header, delimiter);
            format!("{path} has no column \"{column}\"; {hint}")
        });
        let Context { health, name, .. } = self.context;
        health.problem(name, Problem::Log, text.as_deref());
        self.header = Some(header);
    }

    fn note(&mut self, note: Note) {
        let path = self.log.path.display();
        let text = match note {
            Note::Older { by } => format!(
                "{path} was replaced by an older version, {by} bytes shorter; what it holds was told before, and what is added counts"
            ),
            Note::Lost => {
                format!(
                    "{path} was cut, or replaced without a copy beside it: its last lines may be missing"
                )
            }
            Note::Torn => {
                format!("the last line of a rotated {path} has no end and does not count")
            }
        };
        self.teller.trouble(&text);
    }

    fn idle(&self) {
        let Some(after) = self.log.idle_after else {
            return;
        };
        let silent = self.news.elapsed() >= after;
        let text = silent.then(|| {
            format!(
                "no new line for {}; is the marker in use, and its log still this file?",
                crate::config::show_duration(after)
            )
        });
        let Context { health, name, .. } = self.context;
        health.problem(name, Problem::Silent, text.as_deref());
    }
}

/// What a first line without the wanted column has instead; it comes from a device, so only the beginning of it is shown.
fn columns_hint(first: &str, header: &Header, delimiter: char) -> String {
    let usual = [",", ";", "\t", "|"];
    let other = usual
        .iter()
        .find(|it| !it.contains(delimiter) && first.contains(**it));
    if header.names().len() == 1
        && let Some(other) = other
    {
        return format!("its first line is one column: set delimiter = {other:?}");
    }
    let names = header.names().take(20);
    let names = names.map(|name| name.chars().take(40).collect::<String>());
    let names: Vec<String> = names.collect();
    format!("its first line has {}; correct columns", names.join(", "))
}
