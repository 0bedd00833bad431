//! Scanners that are plugged into this machine and read by calls that block: a thread reads, another writes, and the task in
//! between decodes and hands scans on.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::Input;
use tracing::{info, warn};

use super::{Beeps, Context, Sparingly, WAKE};
use crate::core::Feedback;
use crate::health::{DeviceCounter, tame};
use crate::logs;

/// Between looks for the device, jittered up to twice that: a replugged scanner is back within a second or so.
const RETRY: Duration = Duration::from_millis(500);
/// Reports and batches of key events between thread and task; when it is full, the system keeps them.
const ITEMS: usize = 64;
/// Reports that wait to be written to a scanner; one that takes none is not waited for.
const REPORTS: usize = 16;
/// A report that could not be written for so long says nothing to the operator any more.
const STALE: Duration = Duration::from_secs(1);
/// The threads look so often whether they are still wanted.
const LOOK: Duration = Duration::from_millis(200);
/// What a scanner is told; empty is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answers {
    /// Once a scan is stored.
    pub accept: Vec<u8>,
    /// When it was stored before.
    pub warn: Vec<u8>,
    /// When a scan is taken, and more is needed.
    pub pending: Vec<u8>,
    /// When a scan is refused.
    pub refuse: Vec<u8>,
    /// Once a second while it shows which one it is.
    pub identify: Vec<u8>,
}

/// A place where a scanner may be plugged in.
pub(super) trait Port: Send + Sync + 'static {
    /// What is read at once.
    type Item: Send + 'static;

    /// Looks for the scanner and opens it; may block. An error says what to do.
    fn open(&self) -> Result<Opened<Self::Item>, String>;
}

/// A scanner that is open.
pub(super) struct Opened<I> {
    pub(super) reader: Box<dyn Reader<I>>,
    /// `None`: it takes nothing.
    pub(super) writer: Option<Box<dyn Writer>>,
    pub(super) decoder: Box<dyn Decoder<I>>,
}

/// Reads, on a thread of its own.
pub(super) trait Reader<I>: Send {
    /// Waits at most so long; an error is the end of the device.
    fn read(&mut self, wait: Duration) -> Result<Option<I>, String>;
}

/// Writes, on a thread of its own.
pub(super) trait Writer: Send {
    /// Writes a report, with its id.
    fn write(&mut self, report: &[u8]) -> Result<(), String>;
}

/// Makes scans of what was read.
pub(super) trait Decoder<I>: Send {
    fn take(&mut self, item: I, said: &mut Vec<Said>);
    /// How long after the last item, or the opening, to say that nothing more comes.
    fn patience(&self) -> Option<Duration>;
    /// Nothing more comes.
    fn quiet(&mut self, said: &mut Vec<Said>);
    /// The device went away.
    fn gone(&mut self, said: &mut Vec<Said>);
    /// The reports that tell the scanner this.
    fn reports(&self, bytes: &[u8]) -> Vec<Vec<u8>>;
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Scan(Vec<u8>),
    /// An answer to what it was told.
    Answer(Vec<u8>),
    /// Something that became no scan, and why.
    Lost(String),
    /// Something that never was a scan, and what.
    Foreign(String),
}

/// Runs until stopped.
pub(super) async fn run<P: Port>(
    port: P,
    answers: Answers,
    context: Context,
    mut feedback: mpsc::Receiver<Feedback>,
) {
    let port = Arc::new(port);
    loop {
        context.beat.touch();
        let opening = Arc::clone(&port);
        let reason = match tokio::task::spawn_blocking(move || opening.open()).await {
            Ok(Ok(opened)) => {
                let mut session = Session {
                    answers: &answers,
                    context: &context,
                    feedback: &mut feedback,
                    remarks: Sparingly::default(),
                };
                session.serve(opened).await
            }
            Ok(Err(reason)) => Some(reason),
            Err(error) => Some(format!("the scanner could not be opened: {error}")),
        };
        let Some(reason) = reason else { break };
        context.down(&reason);
        if !context.pause(RETRY.mul_f64(1.0 + fastrand::f64())).await {
            break;
        }
    }
    context.beat.finish();
}

struct Session<'a> {
    answers: &'a Answers,
    context: &'a Context,
    feedback: &'a mut mpsc::Receiver<Feedback>,
    remarks: Sparingly,
}

impl Session<'_> {
    /// Reads until the device goes away (the reason) or the gateway stops (`None`).
    async fn serve<I: Send + 'static>(&mut self, opened: Opened<I>) -> Option<String> {
        let Opened {
            reader,
            writer,
            mut decoder,
        } = opened;
        let stop = self.context.stop.child_token();
        let _threads_end = stop.clone().drop_guard();
        let started = read_on_thread(&self.context.name, reader, stop)
            .and_then(|items| Ok((items, write_on_thread(&self.context.name, writer)?)));
        let (mut items, reports) = match started {
            Ok(started) => started,
            Err(error) => return Some(format!("no thread for the scanner: {error}")),
        };
        // Answers for a scan made before the device was lost would confuse the operator now.
        while self.feedback.try_recv().is_ok() {}
        self.context.up();
        if !self.context.link(true).await {
            return None;
        }
        let reason = self.exchange(&mut items, &reports, &mut *decoder).await;
        let mut said = Vec::new();
        decoder.gone(&mut said);
        self.deliver(said).await;
        self.context.link(false).await;
        // The device is free for the next one who opens it when its thread has let go.
        drop(_threads_end);
        while items.recv().await.is_some() {}
        reason
    }

    async fn exchange<I: Send + 'static>(
        &mut self,
        items: &mut mpsc::Receiver<Result<I, String>>,
        reports: &Option<mpsc::Sender<Report>>,
        decoder: &mut dyn Decoder<I>,
    ) -> Option<String> {
        let context = self.context;
        let mut said = Vec::new();
        let mut beeps = Beeps::none();
        let mut last = Instant::now();
        loop {
            context.beat.touch();
            let quiet_at = decoder.patience().map(|patience| last + patience);
            tokio::select! {
                // Answers are rare and must not wait; silence is only silence when nothing is left to read.
                biased;
                () = context.stop.cancelled() => return None,
                Some(answer) = self.feedback.recv() => {
                    let bytes = match answer {
                        Feedback::Accept => &self.answers.accept[..],
                        Feedback::Warn => &self.answers.warn[..],
                        Feedback::Refuse => &self.answers.refuse[..],
                        Feedback::Pending => &self.answers.pending[..],
                        // For readers, or for nobody.
                        Feedback::Movement | Feedback::Silent => &[],
                    };
                    self.tell(reports, decoder.reports(bytes));
                }
                order = context.orders.next() => beeps.take(order, reports.is_some()),
                () = beeps.next() => self.tell(reports, decoder.reports(&self.answers.identify)),
                item = items.recv() => match item {
                    Some(Ok(item)) => {
                        last = Instant::now();
                        decoder.take(item, &mut said);
                    }
                    Some(Err(reason)) => return Some(reason),
                    None => return Some("the scanner is not read any more".to_owned()),
                },
                () = sleep_until(quiet_at.unwrap_or(last)), if quiet_at.is_some() => {
                    decoder.quiet(&mut said);
                }
                () = sleep(WAKE) => {}
            }
            if !self.deliver(std::mem::take(&mut said)).await {
                return None;
            }
        }
    }

    /// Hands on what came out; returns false when the gateway stops.
    async fn deliver(&mut self, said: Vec<Said>) -> bool {
        let (context, scanner) = (self.context, &self.context.name);
        for said in said {
            match said {
                Said::Scan(data) => {
                    context.health.reads(scanner, None, 1);
                    let at = context.clock.now();
                    let device = context.device;
                    if !context.send(Input::Scan { device, at, data }).await {
                        return false;
                    }
                }
                Said::Answer(bytes) => {
                    let answer = tame(&String::from_utf8_lossy(&bytes));
                    if self.remarks.say().is_some() {
                        info!(scanner, answer, "The scanner answered");
                    }
                }
                Said::Lost(reason) => {
                    context.health.counters().scans_malformed.add(1);
                    let counter = DeviceCounter::FramesMalformed;
                    context.health.count(scanner, counter, 1);
                    if let Some(unsaid) = self.remarks.say() {
                        warn!(
                            code = logs::BYTES_THROWN_AWAY,
                            scanner, reason, unsaid, "Not a scan, thrown away"
                        );
                    }
                }
                Said::Foreign(what) => {
                    context.health.counters().scans_foreign.add(1);
                    let counter = DeviceCounter::FramesForeign;
                    context.health.count(scanner, counter, 1);
                    if let Some(unsaid) = self.remarks.say() {
                        warn!(
                            code = logs::FOREIGN_INPUT,
                            scanner, what, unsaid, "Not of a scanner, thrown away"
                        );
                    }
                }
            }
        }
        true
    }

    fn tell(&mut self, reports: &Option<mpsc::Sender<Report>>, told: Vec<Vec<u8>>) {
        let Some(reports) = reports else { return };
        for bytes in told {
            let report = Report {
                bytes,
                since: Instant::now(),
            };
            if reports.try_send(report).is_err() && self.remarks.say().is_some() {
                let scanner = &self.context.name;
                warn!(
                    code = logs::ANSWER_NOT_TAKEN,
                    scanner, "The scanner did not take its answer in time"
                );
            }
        }
    }
}

fn read_on_thread<I: Send + 'static>(
    name: &str,
    mut reader: Box<dyn Reader<I>>,
    stop: CancellationToken,
) -> std::io::Result<mpsc::Receiver<Result<I, String>>> {
    let (sender, items) = mpsc::channel(ITEMS);
    let read = move || {
        while !stop.is_cancelled() {
            let item = match reader.read(LOOK) {
                Ok(Some(item)) => Ok(item),
                Ok(None) => continue,
                Err(reason) => Err(reason),
            };
            let ended = item.is_err();
            if sender.blocking_send(item).is_err() || ended {
                break;
            }
        }
        // In this order: who waits for the end of the channel wants the device.
        drop(reader);
        drop(sender);
    };
    thread::Builder::new()
        .name(format!("read {name}"))
        .spawn(read)?;
    Ok(items)
}

struct Report {
    bytes: Vec<u8>,
    since: Instant,
}

fn write_on_thread(
    name: &str,
    writer: Option<Box<dyn Writer>>,
) -> std::io::Result<Option<mpsc::Sender<Report>>> {
    let Some(mut writer) = writer else {
        return Ok(None);
    };
    let (reports, mut waiting) = mpsc::channel::<Report>(REPORTS);
    let scanner = name.to_owned();
    let write = move || {
        while let Some(Report { bytes, since }) = waiting.blocking_recv() {
            if since.elapsed() > STALE {
                continue;
            }
            // The reader notices when the device is gone.
            if let Err(error) = writer.write(&bytes) {
                warn!(
                    code = logs::ANSWER_NOT_TAKEN,
                    scanner, error, "The scanner takes no answer"
                );
            }
        }
    };
    thread::Builder::new()
        .name(format!("write {name}"))
        .spawn(write)?;
    Ok(Some(reports))
}
