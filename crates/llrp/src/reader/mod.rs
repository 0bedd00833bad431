//! The reader's half of LLRP: what a simulated reader says and remembers.
//!
//! One [`Reader`] is one device; its ROSpecs and settings outlive connections, [`Reader::reboot`] loses them. Times are
//! microseconds since 1970 by the reader's own clock, given by the caller (who may skew it). Drive it like this: after
//! any call, take [`Reader::poll_transmit`] until `None` and look at [`Reader::should_close`]; wait for bytes or for
//! [`Reader::poll_timeout`].
//!
//! Reports and events for the client wait in bounded queues; with HoldEventsAndReportsUponReconnect they also wait
//! there without a client, until ENABLE_EVENTS_AND_REPORTS (LLRP 1.0.1 §12.2.6.4). What a dropped connection left
//! untransmitted is held like the rest.

mod config;
mod describe;
mod inventory;
mod requests;

use std::collections::VecDeque;

pub use config::{ReaderConfig, ReaderCounters, ReaderError, Sighting};
use inventory::Spec;

use crate::VERSION_1_0_1;
use crate::codec::code::{
    AntennaEventType, ConnectionAttemptStatus, NotificationEventType, ROSpecEventType, ROSpecState,
};
use crate::codec::field::Text;
use crate::codec::param::{
    AntennaEvent, ConnectionAttemptEvent, GPIEvent, ROSpecEvent, ReaderEventNotificationData,
    ReaderExceptionEvent, ReportBufferOverflowErrorEvent, UTCTimestamp, Uptime,
};
use crate::codec::{Frame, Message, Param, Params, message};
use crate::frame::{FrameSplitter, Header};

/// Most responses and events queued for a client that takes none.
const CONTROL_MAX: usize = 256;
/// Most events held while no client takes them.
const EVENTS_MAX: usize = 64;

/// Settings made by SET_READER_CONFIG.
#[derive(Debug, Clone, Default)]
struct Settings {
    hold: bool,
    keepalive_ms: Option<u32>,
    notifications: Vec<NotificationEventType>,
    report_spec: Option<crate::codec::param::ROReportSpec>,
}

#[derive(Debug)]
struct Connection {
    splitter: FrameSplitter,
    control: VecDeque<Vec<u8>>,
    next_keepalive_us: Option<u64>,
    /// Events and reports may go out.
    released: bool,
    closing: bool,
}

/// A reader's protocol side.
#[derive(Debug)]
pub struct Reader {
    config: ReaderConfig,
    settings: Settings,
    specs: Vec<Spec>,
    connection: Option<Connection>,
    /// Encoded events, oldest first.
    events: VecDeque<Vec<u8>>,
    /// Encoded `TagReportData`, oldest first.
    reports: VecDeque<Vec<u8>>,
    overflow_untold: bool,
    booted_us: Option<u64>,
    now_us: u64,
    next_message_id: u32,
    counters: ReaderCounters,
}

impl Reader {
    /// A reader that has just been switched on; its uptime counts from the first time it is told.
    #[must_use]
    pub fn new(config: ReaderConfig) -> Self {
        Self {
            config,
            settings: Settings::default(),
            specs: Vec::new(),
            connection: None,
            events: VecDeque::new(),
            reports: VecDeque::new(),
            overflow_untold: false,
            booted_us: None,
            now_us: 0,
            next_message_id: 1,
            counters: ReaderCounters::default(),
        }
    }

    /// A client's transport is connected: queues the connection event.
    pub fn connect(&mut self, utc_us: u64) {
        self.disconnect();
        self.tick(utc_us);
        let splitter = FrameSplitter::new(self.config.max_message_len);
        let next_keepalive_us = self.keepalive_after(utc_us);
        let released = !self.settings.hold;
        self.connection = Some(Connection {
            splitter,
            control: VecDeque::new(),
            next_keepalive_us,
            released,
            closing: false,
        });
        let bytes = self.event(ConnectionAttemptEvent {
            status: ConnectionAttemptStatus::Success,
        });
        self.send_bytes(bytes);
    }

    /// What to send to a second client before closing its connection; the first one is told of it.
    pub fn refuse_second_client(&mut self) -> Vec<u8> {
        let told = self.event(ConnectionAttemptEvent {
            status: ConnectionAttemptStatus::AnotherAttempted,
        });
        self.send_bytes(told);
        self.event(ConnectionAttemptEvent {
            status: ConnectionAttemptStatus::ClientInitiatedExists,
        })
    }

    /// The transport is gone. Without holding, what was not transmitted is lost and counted.
    pub fn disconnect(&mut self) {
        self.connection = None;
        if !self.settings.hold {
            self.discard();
        }
    }

    /// A power cut: connection, ROSpecs, settings and reports are lost, the uptime starts again.
    pub fn reboot(&mut self) {
        self.connection = None;
        self.discard();
        self.specs.clear();
        self.settings = Settings::default();
        self.booted_us = None;
    }

    /// Takes in bytes from the client.
    ///
    /// # Errors
    /// [`ReaderError`]: the caller closes the transport and calls [`Reader::disconnect`].
    pub fn handle_bytes(&mut self, utc_us: u64, bytes: &[u8]) -> Result<(), ReaderError> {
        self.tick(utc_us);
        let Some(connection) = &mut self.connection else {
            return Err(ReaderError::NotConnected);
        };
        let mut splitter = std::mem::take(&mut connection.splitter);
        let mut input = bytes;
        let result = loop {
            match splitter.next_frame(&mut input) {
                Ok(Some(frame)) => self.handle_frame(frame),
                Ok(None) => break Ok(()),
                Err(error) => break Err(ReaderError::NotLlrp(error)),
            }
            let queued = self.connection.as_ref().map_or(0, |c| c.control.len());
            if queued > CONTROL_MAX {
                break Err(ReaderError::ClientStalled { queued });
            }
        };
        if let Some(connection) = &mut self.connection {
            connection.splitter = splitter;
            connection.closing |= result.is_err();
        }
        result
    }

    /// Sends keepalives and ends ROSpecs that are due.
    pub fn handle_timeout(&mut self, utc_us: u64) {
        self.tick(utc_us);
        self.end_due_specs();
        let due = self
            .connection
            .as_ref()
            .and_then(|c| c.next_keepalive_us)
            .is_some_and(|due| due <= utc_us);
        if due {
            self.counters.keepalives += 1;
            let bytes = self.message(message::Keepalive {});
            self.send_bytes(bytes);
            let next = self.keepalive_after(utc_us);
            if let Some(connection) = &mut self.connection {
                connection.next_keepalive_us = next;
            }
        }
    }

    /// When to call [`Reader::handle_timeout`] next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let keepalive = self.connection.as_ref().and_then(|c| c.next_keepalive_us);
        self.specs
            .iter()
            .filter_map(|spec| spec.ends_us)
            .chain(keepalive)
            .min()
    }

    /// The next bytes for the client: responses and keepalives first, then events, then reports.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        let connection = self.connection.as_mut()?;
        if let Some(bytes) = connection.control.pop_front() {
            return Some(bytes);
        }
        if !connection.released || connection.closing {
            return None;
        }
        if std::mem::take(&mut self.overflow_untold) {
            let bytes = self.event(ReportBufferOverflowErrorEvent {});
            return Some(bytes);
        }
        if let Some(bytes) = self.events.pop_front() {
            return Some(bytes);
        }
        self.next_report()
    }

    /// Whether the transport is to be closed: CLOSE_CONNECTION has been answered and sent, or an error occurred.
    #[must_use]
    pub fn should_close(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|c| c.closing && c.control.is_empty())
    }

    /// Whether a client is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Whether any ROSpec is active.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.specs
            .iter()
            .any(|spec| spec.spec.current_state == ROSpecState::Active)
    }

    /// Tag reports waiting for the client.
    #[must_use]
    pub fn waiting_reports(&self) -> usize {
        self.reports.len()
    }

    /// Counters since the reader was made.
    #[must_use]
    pub fn counters(&self) -> ReaderCounters {
        self.counters
    }

    /// An antenna was connected or disconnected.
    pub fn antenna_event(&mut self, utc_us: u64, antenna_id: u16, connected: bool) {
        self.tick(utc_us);
        let event_type = if connected {
            AntennaEventType::Connected
        } else {
            AntennaEventType::Disconnected
        };
        self.notify(
            NotificationEventType::AntennaEvent,
            AntennaEvent {
                event_type,
                antenna_id,
            },
        );
    }

    /// A general-purpose input changed.
    pub fn gpi_event(&mut self, utc_us: u64, gpi_port_number: u16, high: bool) {
        self.tick(utc_us);
        self.notify(
            NotificationEventType::GpiEvent,
            GPIEvent {
                gpi_port_number,
                high,
            },
        );
    }

    /// Something went wrong in the reader.
    pub fn exception(&mut self, utc_us: u64, text: &str) {
        self.tick(utc_us);
        let event = ReaderExceptionEvent {
            message: Text::from(text),
            params: Params::default(),
        };
        self.notify(NotificationEventType::ReaderExceptionEvent, event);
    }

    fn tick(&mut self, utc_us: u64) {
        self.now_us = utc_us;
        self.booted_us.get_or_insert(utc_us);
    }

    fn uptime_us(&self) -> u64 {
        self.now_us
            .saturating_sub(self.booted_us.unwrap_or(self.now_us))
    }

    fn keepalive_after(&self, utc_us: u64) -> Option<u64> {
        self.settings
            .keepalive_ms
            .map(|ms| utc_us.saturating_add(u64::from(ms.max(1)) * 1000))
    }

    fn discard(&mut self) {
        let pending: usize = self
            .specs
            .iter_mut()
            .map(|spec| std::mem::take(&mut spec.seen).len())
            .sum();
        self.counters.reports_discarded += (self.reports.len() + pending) as u64;
        self.reports.clear();
        self.events.clear();
        self.overflow_untold = false;
    }

    /// A message of the reader's own accord.
    fn message(&mut self, message: impl Into<Message>) -> Vec<u8> {
        let message_id = self.next_message_id;
        self.next_message_id = message_id.wrapping_add(1);
        let frame = Frame {
            version: VERSION_1_0_1,
            message_id,
            message: message.into(),
        };
        // Only lists beyond 65,535 entries cannot be encoded; the reader's own messages have none.
        frame.encode().unwrap_or_default()
    }

    fn event(&mut self, event: impl Into<Param>) -> Vec<u8> {
        let time: Param = if self.config.has_utc_clock {
            UTCTimestamp {
                microseconds: self.now_us,
            }
            .into()
        } else {
            Uptime {
                microseconds: self.uptime_us(),
            }
            .into()
        };
        let data = ReaderEventNotificationData {
            params: Params(vec![time, event.into()]),
        };
        self.message(message::ReaderEventNotification {
            params: Params::default().with(data),
        })
    }

    /// Queues an event if the client has asked for its kind.
    fn notify(&mut self, kind: NotificationEventType, event: impl Into<Param>) {
        let kept = self.connection.is_some() || self.settings.hold;
        if !kept || !self.settings.notifications.contains(&kind) {
            return;
        }
        let bytes = self.event(event);
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(bytes);
    }

    fn notify_rospec(&mut self, event_type: ROSpecEventType, rospec_id: u32) {
        let event = ROSpecEvent {
            event_type,
            rospec_id,
            preempting_rospec_id: 0,
        };
        self.notify(NotificationEventType::ROSpecEvent, event);
    }

    fn send_bytes(&mut self, bytes: Vec<u8>) {
        if let Some(connection) = &mut self.connection {
            connection.control.push_back(bytes);
        }
    }

    fn next_report(&mut self) -> Option<Vec<u8>> {
        let count = self
            .reports
            .len()
            .min(self.config.reports_per_message.max(1));
        if count == 0 {
            return None;
        }
        let body: Vec<u8> = self.reports.drain(..count).flatten().collect();
        self.counters.reports_sent += count as u64;
        let header = Header {
            version: VERSION_1_0_1,
            message_type: message::ROAccessReport::TYPE,
            message_id: self.next_message_id,
        };
        self.next_message_id = self.next_message_id.wrapping_add(1);
        let length = u32::try_from(crate::frame::HEADER_LEN + body.len()).unwrap_or(u32::MAX);
        let mut bytes = header.encode(length).to_vec();
        bytes.extend_from_slice(&body);
        Some(bytes)
    }
}
