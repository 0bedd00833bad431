//! Notifications: what the reader tells of its own accord, and what its clock is worth.

use std::time::Duration;

use super::error::{ClientError, LinkLoss};
use super::event::{ClientEvent, CloseReason};
use super::{Client, State};
use crate::codec::Params;
use crate::codec::code::{AntennaEventType, ConnectionAttemptStatus, ROSpecEventType};
use crate::codec::param::{
    AntennaEvent, ConnectionAttemptEvent, ConnectionCloseEvent, GPIEvent, ROSpecEvent,
    ReaderEventNotificationData, ReaderExceptionEvent, ReportBufferLevelWarningEvent,
    ReportBufferOverflowErrorEvent, UTCTimestamp, Uptime,
};
use crate::report::ReaderTime;
use crate::wire::DecodeError;

/// 2010-01-01T00:00Z in microseconds: no reader in use was set before.
const YEAR_2010_US: u64 = 1_262_304_000_000_000;
/// What a clock may go back while it is being disciplined.
const STEP_US: u64 = 1_000_000;
/// What the reader held comes within this after it was asked for …
const HELD_COMES: Duration = Duration::from_secs(6);
/// … and one soon after another.
const MORE_COMES: Duration = Duration::from_secs(1);

/// What the reader's clock has told on this connection.
#[derive(Debug, Default)]
pub(super) struct ReaderClock {
    /// At the connection event. What is older was held.
    connected: Option<ReaderTime>,
    /// Held events may come until then, also between those of the present: an overflow may be told before what was held.
    held_until: Duration,
}

impl ReaderClock {
    /// From now on the reader may tell what it held.
    pub(super) fn expect_held(&mut self, now: Duration) {
        self.held_until = now.saturating_add(HELD_COMES);
    }
}

impl Client {
    pub(super) fn handle_notification(
        &mut self,
        now: Duration,
        data: &ReaderEventNotificationData,
    ) {
        let params = &data.params;
        let reader_time = reader_time(params);
        if let Some(attempt) = params.first::<ConnectionAttemptEvent>() {
            self.handle_attempt(now, attempt.status, reader_time);
        } else if let Some(time) = reader_time {
            self.watch_clock(now, time);
        }
        let told = self.tell(params, reader_time);
        if !told
            && !params.has::<ConnectionAttemptEvent>()
            && let Some(reader_time) = reader_time
        {
            self.emit(ClientEvent::Time { reader_time });
        }
        let ended = |event: &ROSpecEvent| {
            let other = match event.event_type {
                ROSpecEventType::End => event.rospec_id,
                ROSpecEventType::Preemption => event.preempting_rospec_id,
                _ => return false,
            };
            other == self.config.rospec_id || event.rospec_id == self.config.rospec_id
        };
        if params.all::<ROSpecEvent>().any(ended) {
            self.check_reading(now);
        }
        if params.has::<ConnectionCloseEvent>() {
            match self.state {
                State::Closed => {}
                State::Closing { .. } => self.end(CloseReason::Requested),
                _ => self.fail(LinkLoss::ClosedByReader.into()),
            }
        }
    }

    /// Tells the caller of events it knows. False if there was none.
    fn tell(&mut self, params: &Params, reader_time: Option<ReaderTime>) -> bool {
        let mut events = Vec::new();
        for event in params.all::<AntennaEvent>() {
            events.push(ClientEvent::Antenna {
                id: event.antenna_id,
                connected: event.event_type == AntennaEventType::Connected,
                reader_time,
            });
        }
        for event in params.all::<GPIEvent>() {
            events.push(ClientEvent::Gpi {
                port: event.gpi_port_number,
                high: event.high,
                reader_time,
            });
        }
        for event in params.all::<ReaderExceptionEvent>() {
            events.push(ClientEvent::ReaderException {
                text: event.message.to_string(),
                reader_time,
            });
        }
        for event in params.all::<ReportBufferLevelWarningEvent>() {
            events.push(ClientEvent::BufferWarning {
                percent_full: event.percentage_full,
                reader_time,
            });
        }
        if params.has::<ReportBufferOverflowErrorEvent>() {
            events.push(ClientEvent::BufferOverflow { reader_time });
        }
        let told = !events.is_empty();
        events.into_iter().for_each(|event| self.emit(event));
        told
    }

    fn handle_attempt(
        &mut self,
        now: Duration,
        status: ConnectionAttemptStatus,
        time: Option<ReaderTime>,
    ) {
        use ConnectionAttemptStatus as Status;
        if !matches!(self.state, State::AwaitingConnection { .. }) {
            if status == Status::AnotherAttempted {
                self.warn(
                    "another client tried to connect and was turned away; a reader serves one client at a time"
                        .to_owned(),
                );
            } else {
                self.counters.unexpected_messages += 1;
            }
            return;
        }
        match (status, time) {
            (Status::Success, Some(reader_time)) => {
                self.state = State::SettingUp;
                self.meet_clock(reader_time);
                self.begin_setup(now);
            }
            (Status::Success, None) => {
                let error = DecodeError::Missing {
                    name: "ReaderEventNotificationData",
                    missing: "Timestamp",
                };
                let message = "READER_EVENT_NOTIFICATION";
                self.fail(LinkLoss::Malformed { message, error }.into());
            }
            (Status::ReaderInitiatedExists | Status::ClientInitiatedExists, _) => {
                self.fail(ClientError::Busy(status));
            }
            _ => self.fail(ClientError::ConnectionRefused(status)),
        }
    }

    fn meet_clock(&mut self, time: ReaderTime) {
        let clock_unset = matches!(time, ReaderTime::Utc(us) if us < YEAR_2010_US);
        self.emit(ClientEvent::Connected {
            reader_time: time,
            clock_unset,
        });
        if clock_unset {
            self.warn(
                "the reader's clock was never set, it tells a time before 2010: give the reader a time server"
                    .to_owned(),
            );
        }
        self.clock.connected = Some(time);
        match (self.memory.last_time, time) {
            (Some(ReaderTime::Uptime(last)), ReaderTime::Uptime(uptime)) => {
                self.setup.restarted = uptime < last;
            }
            (Some(from), to) if is_step_back(from, to) => {
                self.emit(ClientEvent::ClockStepped { from, to });
            }
            _ => {}
        }
        self.memory.last_time = Some(time);
    }

    /// Follows the clock; events that were held tell nothing of the present.
    fn watch_clock(&mut self, now: Duration, time: ReaderTime) {
        let Some(connected) = self.clock.connected else {
            return;
        };
        let may_be_held = self.state == State::SettingUp || now < self.clock.held_until;
        if may_be_held && is_before(time, connected) {
            let more = now.saturating_add(MORE_COMES);
            self.clock.held_until = self.clock.held_until.max(more);
            return;
        }
        let last = self.memory.last_time;
        if let Some(from) = last.filter(|last| is_step_back(*last, time)) {
            self.emit(ClientEvent::ClockStepped { from, to: time });
            self.memory.last_time = Some(time);
        } else if last.is_none_or(|last| !is_before(time, last)) {
            self.memory.last_time = Some(time);
        }
    }
}

/// Whether two times of one clock are in the wrong order; different clocks cannot be compared.
fn is_before(time: ReaderTime, other: ReaderTime) -> bool {
    match (time, other) {
        (ReaderTime::Utc(a), ReaderTime::Utc(b))
        | (ReaderTime::Uptime(a), ReaderTime::Uptime(b)) => a < b,
        _ => false,
    }
}

fn is_step_back(from: ReaderTime, to: ReaderTime) -> bool {
    let later = match to {
        ReaderTime::Utc(us) => ReaderTime::Utc(us.saturating_add(STEP_US)),
        ReaderTime::Uptime(us) => ReaderTime::Uptime(us.saturating_add(STEP_US)),
    };
    is_before(later, from)
}

fn reader_time(params: &Params) -> Option<ReaderTime> {
    let utc = params
        .first::<UTCTimestamp>()
        .map(|time| ReaderTime::Utc(time.microseconds));
    utc.or_else(|| {
        params
            .first::<Uptime>()
            .map(|time| ReaderTime::Uptime(time.microseconds))
    })
}
