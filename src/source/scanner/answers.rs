//! From the core's verdicts to the operator: beeps and lights, in time or not at all.
//!
//! **Invariants**: reading never waits for writing; an answer that cannot be written within [`DEADLINE`] is dropped, and
//! when answers pile up the oldest goes: a beep for the label before last would mislead.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracegate_feed::frame::Kind;
use tracegate_feed::ssi::{self, Verb};
use tracing::warn;

use super::Settings;
use crate::core::Feedback;
use crate::health::DeviceCounter;
use crate::logs;
use crate::source::transport::Outgoing;
use crate::source::{Beeps, Context, Sparingly, WAKE};

/// From a scan to its answer, and from the answer to its last byte written.
pub(super) const DEADLINE: Duration = Duration::from_millis(300);
/// Answers waiting to be written to one scanner.
const ANSWER_QUEUE: usize = 8;
/// Scans whose verdict is waited for, to know how late it is.
const OPEN_SCANS: usize = 64;
/// Protocol bytes waiting to be written: acknowledgements, refused options.
const URGENT_QUEUE: usize = 64;
/// Protocol bytes are worth more patience: without them the scanner sends again.
const URGENT_DEADLINE: Duration = Duration::from_secs(1);
/// Nothing.
static SILENCE: Answer = Answer::Bytes(Vec::new());
/// One thing to tell a scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Bytes as they are; none for nothing.
    Bytes(Vec<u8>),
    /// Commands of the Simple Serial Interface.
    Verbs(Vec<Verb>),
}

impl Default for Answer {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Answer {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Verbs(verbs) => verbs.is_empty(),
        }
    }
}

/// What is to be written to one connection.
pub(super) struct Outbox {
    inner: Mutex<Inner>,
    changed: Notify,
    started: Instant,
}

#[derive(Default)]
struct Inner {
    host: Option<ssi::Host>,
    urgent: VecDeque<Vec<u8>>,
    answers: VecDeque<(Instant, Vec<u8>)>,
    /// When scans were handed to the core whose verdict has not come.
    scans: VecDeque<Instant>,
    late: u64,
    dropped: u64,
}

impl Outbox {
    pub(super) fn new(settings: &Settings) -> Self {
        let host = (settings.framing.kind == Kind::Ssi).then(ssi::Host::default);
        Self {
            inner: Mutex::new(Inner {
                host,
                ..Inner::default()
            }),
            changed: Notify::new(),
            started: Instant::now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Protocol bytes: before any answer.
    pub(super) fn urgent(&self, bytes: Vec<u8>) {
        let mut inner = self.lock();
        if inner.urgent.len() < URGENT_QUEUE {
            inner.urgent.push_back(bytes);
        } else {
            inner.dropped += 1;
        }
        self.changed.notify_one();
    }

    /// A packet of the Simple Serial Interface came in.
    pub(super) fn packet(&self, frame: &[u8]) -> Vec<ssi::Event> {
        let (mut events, now_us) = (Vec::new(), self.now_us());
        if let Some(host) = &mut self.lock().host {
            host.packet(frame, now_us, &mut events);
        }
        self.changed.notify_one();
        events
    }

    /// A scan goes to the core.
    pub(super) fn scanned(&self) {
        let mut inner = self.lock();
        if inner.scans.len() >= OPEN_SCANS {
            inner.scans.pop_front();
        }
        inner.scans.push_back(Instant::now());
    }

    /// Something to tell the operator, about the oldest scan in `of` the core's hands.
    pub(super) fn answer(&self, answer: &Answer, of: Option<Instant>) {
        let now = Instant::now();
        let mut inner = self.lock();
        if of.is_some_and(|scan| now - scan > DEADLINE) {
            inner.late += 1;
        }
        match answer {
            Answer::Bytes(bytes) if bytes.is_empty() => {}
            Answer::Bytes(bytes) => {
                if inner.answers.len() >= ANSWER_QUEUE {
                    inner.answers.pop_front();
                    inner.dropped += 1;
                }
                inner.answers.push_back((now + DEADLINE, bytes.clone()));
            }
            Answer::Verbs(verbs) => {
                let now_us = self.now_us();
                if let Some(host) = &mut inner.host {
                    verbs.iter().for_each(|verb| host.tell(*verb, now_us));
                    let dropped = host.take_dropped();
                    inner.dropped += dropped;
                }
            }
        }
        self.changed.notify_one();
    }

    fn verdict(&self, settings: &Settings, feedback: Feedback) {
        let answers = &settings.answers;
        let answer = match feedback {
            Feedback::Accept => &answers.accept,
            Feedback::Warn => &answers.warn,
            Feedback::Refuse => &answers.refuse,
            Feedback::Pending => &answers.pending,
            Feedback::Silent => &SILENCE,
            // For readers.
            Feedback::Movement => return,
        };
        let scan = self.lock().scans.pop_front();
        self.answer(answer, scan);
    }

    /// The next bytes, and until when they mean something.
    fn next(&self) -> Option<(Instant, Vec<u8>)> {
        let mut inner = self.lock();
        let urgent = inner.urgent.pop_front();
        let urgent = urgent.or_else(|| inner.host.as_mut()?.poll_transmit());
        if let Some(bytes) = urgent {
            return Some((Instant::now() + URGENT_DEADLINE, bytes));
        }
        inner.answers.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        let deadline_us = self.lock().host.as_ref()?.deadline_us()?;
        Some(self.started + Duration::from_micros(deadline_us))
    }

    /// Lets time pass for the dialogue; returns what happened by it.
    fn tick(&self) -> Vec<ssi::Event> {
        let (mut events, now_us) = (Vec::new(), self.now_us());
        if let Some(host) = &mut self.lock().host {
            host.tick(now_us, &mut events);
        }
        events
    }

    /// Late and dropped answers since the last call.
    fn take_counts(&self) -> (u64, u64) {
        let mut inner = self.lock();
        let Inner { late, dropped, .. } = &mut *inner;
        (std::mem::take(late), std::mem::take(dropped))
    }

    fn drop_one(&self) {
        self.lock().dropped += 1;
    }
}

/// Writes what is to be told until the device takes nothing any more; returns the reason.
pub(super) async fn run(
    settings: &Settings,
    context: &Context,
    outbox: &Outbox,
    feedback: &mut mpsc::Receiver<Feedback>,
    mut outgoing: Outgoing,
) -> String {
    let mut remarks = Sparingly::default();
    let mut beeps = Beeps::none();
    loop {
        context.beat.touch();
        while let Some((due, bytes)) = outbox.next() {
            let written = {
                let write = timeout_at(due, outgoing.write_all(&bytes));
                tokio::pin!(write);
                loop {
                    // Verdicts that come meanwhile push the oldest answers out.
                    tokio::select! {
                        biased;
                        written = &mut write => break written,
                        Some(verdict) = feedback.recv() => outbox.verdict(settings, verdict),
                    }
                }
            };
            match written {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return format!("the scanner takes no answer: {error}"),
                Err(_) => {
                    outbox.drop_one();
                    if let Some(unsaid) = remarks.say() {
                        warn!(
                            code = logs::ANSWER_NOT_TAKEN,
                            scanner = context.name,
                            unsaid,
                            "The scanner did not take its answer in time"
                        );
                    }
                }
            }
        }
        let (late, dropped) = outbox.take_counts();
        context.health.counters().answers_late.add(late);
        context.health.counters().answers_dropped.add(dropped);
        context
            .health
            .count(&context.name, DeviceCounter::AnswersLate, late);
        context
            .health
            .count(&context.name, DeviceCounter::AnswersDropped, dropped);
        let deadline = outbox.deadline();
        tokio::select! {
            Some(verdict) = feedback.recv() => outbox.verdict(settings, verdict),
            () = outbox.changed.notified() => {}
            () = sleep_until(deadline.unwrap_or(outbox.started)), if deadline.is_some() => {
                for event in outbox.tick() {
                    let counter = match event {
                        ssi::Event::Lost { .. } => DeviceCounter::FramesMalformed,
                        _ => DeviceCounter::AnswersDropped,
                    };
                    context.health.count(&context.name, counter, 1);
                }
            }
            order = context.orders.next() => beeps.take(order, true),
            () = beeps.next() => outbox.answer(&settings.answers.identify, None),
            () = sleep(WAKE) => {}
        }
    }
}
