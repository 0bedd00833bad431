//! What a reader says about itself: to the log, sparingly, and to the status, in words.

use tracegate_llrp::client::{ClientCounters, ClientEvent};
use tracing::{info, warn};

use crate::health::{Code, DeviceCounter, Problem, tame};
use crate::logs;
use crate::source::{Context, Sparingly};

/// The remarks of one reader, and what its connection has counted.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    sparingly: Sparingly,
    told: ClientCounters,
}

impl Remarks {
    /// For the next connection.
    pub(super) fn reconnected(self) -> Self {
        Self {
            told: ClientCounters::default(),
            ..self
        }
    }

    /// Notes an event that is neither reads nor life-cycle.
    pub(super) fn note(&mut self, context: &Context, event: &ClientEvent) {
        let (name, health) = (&context.name, &context.health);
        let count = |counter| health.count(name, counter, 1);
        let (problem, text, lasting) = match event {
            ClientEvent::Antenna {
                id,
                connected: true,
                ..
            } => {
                if health.problem(name, Problem::Antenna(*id), None) && self.may_say(context) {
                    info!(
                        code = Code::AntennaDown.as_str(),
                        reader = name,
                        antenna = id,
                        "Antenna connected"
                    );
                }
                return;
            }
            ClientEvent::Antenna { id, .. } => {
                count(DeviceCounter::AntennaDisconnects);
                let text = format!("antenna {id} is disconnected; check its cable");
                (Problem::Antenna(*id), text, true)
            }
            ClientEvent::GpoWritten { port } => {
                health.problem(name, Problem::Output(*port), None);
                return;
            }
            ClientEvent::GpoFailed { port, explanation } => {
                count(DeviceCounter::OutputFailures);
                let text = format!("output {port} was not switched: {explanation}");
                (Problem::Output(*port), text, true)
            }
            ClientEvent::ReaderException { text, .. } => {
                count(DeviceCounter::Exceptions);
                let text = format!("it reports a fault: {text}");
                (Problem::Exception, text, false)
            }
            ClientEvent::BufferWarning { percent_full, .. } => {
                count(DeviceCounter::BufferWarnings);
                let text = format!(
                    "its report buffer is {percent_full} % full: network or gateway is too slow"
                );
                (Problem::Buffer, text, false)
            }
            ClientEvent::BufferOverflow { .. } => {
                count(DeviceCounter::BufferOverflows);
                health.counters().reader_overflows.add(1);
                let text = "its report buffer overflowed: reads were lost at the reader".to_owned();
                (Problem::Buffer, text, false)
            }
            ClientEvent::Rebooted => {
                count(DeviceCounter::Reboots);
                let text = "it was restarted, or lost its settings; it was set up anew".to_owned();
                (Problem::Reboot, text, false)
            }
            ClientEvent::ClockStepped { .. } => {
                let text = "its clock was set back; let it follow a time server (NTP)".to_owned();
                (Problem::Clock, text, false)
            }
            ClientEvent::Warning(text) => {
                return self.limit(context, text, "The reader is restricted");
            }
            _ => return,
        };
        let news = if lasting {
            health.problem(name, problem, Some(&text))
        } else {
            health.incident(name, problem, &text)
        };
        if news {
            let code = Code::of_problem(problem).as_str();
            let antenna = match problem {
                Problem::Antenna(id) => Some(id),
                _ => None,
            };
            self.say(context, (code, antenna), &text, "The reader has a problem");
        }
    }

    /// Notes what the reader cannot do.
    pub(super) fn limit(&mut self, context: &Context, text: &str, what: &'static str) {
        if context.health.limit(&context.name, text) {
            self.say(context, (logs::READER_RESTRICTED, None), text, what);
        }
    }

    fn say(
        &mut self,
        context: &Context,
        (code, antenna): (&str, Option<u16>),
        text: &str,
        what: &'static str,
    ) {
        if self.may_say(context) {
            let (reader, reason) = (&context.name, tame(text));
            warn!(code, reader, antenna, reason, "{what}");
        }
    }

    /// Not all of it, if it talks without end.
    fn may_say(&mut self, context: &Context) -> bool {
        let unsaid = self.sparingly.say();
        if let Some(count) = unsaid.filter(|count| *count > 0) {
            let reader = &context.name;
            warn!(
                code = logs::REMARKS_LEFT_OUT,
                reader, count, "Remarks of the reader not logged"
            );
        }
        unsaid.is_some()
    }

    /// Passes on what the client counted since the last time.
    pub(super) fn count(&mut self, context: &Context, now: ClientCounters) {
        let (counters, told) = (context.health.counters(), self.told);
        let count = |counter, n| context.health.count(&context.name, counter, n);
        let malformed = now.reports.bad_tags.saturating_sub(told.reports.bad_tags);
        counters.reads_malformed.add(malformed);
        count(DeviceCounter::ReadsMalformed, malformed);
        let merged = now.conflated_tags.saturating_sub(told.conflated_tags);
        counters.reads_conflated.add(merged);
        count(DeviceCounter::ReadsConflated, merged);
        let lost = now.undelivered_tags.saturating_sub(told.undelivered_tags);
        counters.reads_dropped.add(lost);
        count(DeviceCounter::ReadsDropped, lost);
        let messages = now
            .malformed_messages
            .saturating_sub(told.malformed_messages);
        count(DeviceCounter::MessagesMalformed, messages);
        self.told = now;
    }
}
