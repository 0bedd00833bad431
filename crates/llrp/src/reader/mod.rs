//! The reader's half of LLRP: what a simulated reader says and remembers.
//!
//! One [`Reader`] is one device; its specs and settings outlive connections, [`Reader::reboot`] loses them. Times are
//! microseconds since 1970, given by the caller; the reader's own clock may be wrong by [`Reader::set_clock_error_us`].
//! Drive it like this: after any call, take [`Reader::poll_transmit`] until `None` and look at [`Reader::should_close`];
//! wait for bytes or for [`Reader::poll_timeout`].
//!
//! Reports and events for the client wait in bounded queues; with HoldEventsAndReportsUponReconnect they also wait
//! there without a client, until ENABLE_EVENTS_AND_REPORTS (LLRP 1.0.1 §12.2.6.4). What a dropped connection left
//! untransmitted is held like the rest.
//!
//! It checks what it is asked as strictly as real readers do, and answers with the status codes they use. What goes
//! wrong inside it is set by [`Reader::set_faults`]; what goes wrong on the way is for who moves the bytes.

mod access;
mod check;
mod config;
mod describe;
mod inventory;
mod memory;
mod refusal;
mod requests;
mod rospec;
mod settings;
#[cfg(test)]
mod tests;
mod vendor;

use std::collections::{BTreeMap, VecDeque};

use access::Access;
pub use config::{
    IMPINJ, ReaderConfig, ReaderCounters, ReaderError, ReaderFaults, RefusedRequest, Sighting,
    TagMemory, ZEBRA,
};
use rospec::Spec;
use settings::Settings;

use crate::VERSION_1_0_1;
use crate::codec::code::{ConnectionAttemptStatus, NotificationEventType, ROSpecState};
use crate::codec::field::Text;
use crate::codec::param::{
    ConnectionAttemptEvent, ConnectionCloseEvent, ReaderEventNotificationData,
    ReaderExceptionEvent, ReportBufferOverflowErrorEvent, UTCTimestamp, Uptime,
};
use crate::codec::{Frame, Message, Param, Params, message};
use crate::frame::{FrameSplitter, Header};

/// Most responses and events queued for a client that takes none.
const CONTROL_MAX: usize = 256;
/// Most events held while no client takes them.
const EVENTS_MAX: usize = 64;

#[derive(Debug)]
struct Connection {
    splitter: FrameSplitter,
    control: VecDeque<Vec<u8>>,
    next_keepalive_us: Option<u64>,
    /// Keepalives sent since the last answer to one.
    unanswered: u16,
    version: u8,
    negotiated: bool,
    /// The maker's extensions have been enabled.
    vendor_enabled: bool,
    /// Events and reports may go out.
    released: bool,
    closing: bool,
}

/// A reader's protocol side.
#[derive(Debug)]
pub struct Reader {
    config: ReaderConfig,
    faults: ReaderFaults,
    settings: Settings,
    specs: Vec<Spec>,
    access: Vec<Access>,
    memories: BTreeMap<Vec<u8>, TagMemory>,
    /// Whether each antenna is connected.
    antennas: Vec<bool>,
    /// Level of each general-purpose input.
    inputs: Vec<bool>,
    connection: Option<Connection>,
    /// Events with their times, oldest first.
    events: VecDeque<ReaderEventNotificationData>,
    /// Encoded `TagReportData`, oldest first.
    reports: VecDeque<Vec<u8>>,
    overflow_untold: bool,
    buffer_warned: bool,
    /// GET_REPORT wants an answer, an empty one too.
    report_wanted: bool,
    /// Differs whenever configuration or specs may.
    state_value: u32,
    clock_error_us: i64,
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
            settings: Settings::new(config.gpis, config.gpos),
            antennas: vec![true; usize::from(config.antennas)],
            inputs: vec![false; usize::from(config.gpis)],
            config,
            faults: ReaderFaults::default(),
            specs: Vec::new(),
            access: Vec::new(),
            memories: BTreeMap::new(),
            connection: None,
            events: VecDeque::new(),
            reports: VecDeque::new(),
            overflow_untold: false,
            buffer_warned: false,
            report_wanted: false,
            state_value: 1,
            clock_error_us: 0,
            booted_us: None,
            now_us: 0,
            next_message_id: 1,
            counters: ReaderCounters::default(),
        }
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&mut self, faults: ReaderFaults) {
        self.faults = faults;
    }

    /// Sets how far the reader's clock is ahead of the times it is given, in microseconds. Only what it says changes;
    /// what it does goes by the times it is given.
    pub fn set_clock_error_us(&mut self, clock_error_us: i64) {
        self.clock_error_us = clock_error_us;
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
            unanswered: 0,
            version: VERSION_1_0_1,
            negotiated: false,
            vendor_enabled: false,
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
        self.refusal(ConnectionAttemptStatus::ClientInitiatedExists)
    }

    /// What to send to a client that is not served, before closing its connection.
    pub fn refusal(&mut self, status: ConnectionAttemptStatus) -> Vec<u8> {
        self.event(ConnectionAttemptEvent { status })
    }

    /// Ends the connection of the reader's own accord, and says so.
    pub fn close(&mut self, utc_us: u64) {
        self.tick(utc_us);
        let bytes = self.event(ConnectionCloseEvent {});
        self.send_bytes(bytes);
        if let Some(connection) = &mut self.connection {
            connection.closing = true;
        }
    }

    /// The transport is gone. Without holding, what was not transmitted is lost and counted.
    pub fn disconnect(&mut self) {
        self.connection = None;
        if !self.settings.hold {
            self.discard();
        }
    }

    /// A power cut: connection, specs, settings and reports are lost, the uptime starts again.
    pub fn reboot(&mut self) {
        self.connection = None;
        self.discard();
        self.specs.clear();
        self.access.clear();
        self.settings = Settings::new(self.config.gpis, self.config.gpos);
        self.state_value = self.state_value.wrapping_add(0x1_0000);
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
        self.run_due_specs();
        let Some(connection) = &mut self.connection else {
            return;
        };
        if connection.next_keepalive_us.is_none_or(|due| due > utc_us) {
            return;
        }
        let given_up = |most: u16| connection.unanswered >= most;
        if self.settings.link_monitor.is_some_and(given_up) {
            // A client that has not answered does not read either: nothing is left to say.
            connection.control.clear();
            connection.closing = true;
            connection.next_keepalive_us = None;
            return;
        }
        if !self.faults.no_keepalives {
            connection.unanswered = connection.unanswered.saturating_add(1);
            self.counters.keepalives += 1;
            let bytes = self.message(message::Keepalive {});
            self.send_bytes(bytes);
        }
        let next = self.keepalive_after(utc_us);
        if let Some(connection) = &mut self.connection {
            connection.next_keepalive_us = next;
        }
    }

    /// When to call [`Reader::handle_timeout`] next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let keepalive = self.connection.as_ref().and_then(|c| c.next_keepalive_us);
        self.specs
            .iter()
            .filter_map(Spec::due_us)
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
        if let Some(data) = self.events.pop_front() {
            return Some(self.notification(data));
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

    /// Something went wrong in the reader.
    pub fn exception(&mut self, utc_us: u64, text: &str) {
        self.tick(utc_us);
        let event = ReaderExceptionEvent {
            message: Text::from(text),
            params: Params::default(),
        };
        self.notify(NotificationEventType::ReaderExceptionEvent, event);
    }

    /// Time does not go backwards here, whatever the reader's clock does.
    fn tick(&mut self, utc_us: u64) {
        self.now_us = self.now_us.max(utc_us);
        self.booted_us.get_or_insert(utc_us);
    }

    /// What the reader's clock says at `utc_us`: UTC if it has it, else its uptime.
    fn clock_us(&self, utc_us: u64) -> u64 {
        if self.config.has_utc_clock {
            utc_us.saturating_add_signed(self.clock_error_us)
        } else {
            utc_us.saturating_sub(self.booted_us.unwrap_or(utc_us))
        }
    }

    /// Header version of the connection.
    fn version(&self) -> u8 {
        self.connection
            .as_ref()
            .map_or(VERSION_1_0_1, |connection| connection.version)
    }

    fn state_changed(&mut self) {
        self.state_value = self.state_value.wrapping_add(1);
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
        self.buffer_warned = false;
    }

    /// A message of the reader's own accord.
    fn message(&mut self, message: impl Into<Message>) -> Vec<u8> {
        let message_id = self.next_message_id;
        self.next_message_id = message_id.wrapping_add(1);
        let frame = Frame {
            version: self.version(),
            message_id,
            message: message.into(),
        };
        // Only lists beyond 65,535 entries cannot be encoded; the reader's own messages have none.
        frame.encode().unwrap_or_default()
    }

    fn event(&mut self, event: impl Into<Param>) -> Vec<u8> {
        let data = self.event_data(event);
        self.notification(data)
    }

    fn event_data(&self, event: impl Into<Param>) -> ReaderEventNotificationData {
        let microseconds = self.clock_us(self.now_us);
        let time: Param = if self.config.has_utc_clock {
            UTCTimestamp { microseconds }.into()
        } else {
            Uptime { microseconds }.into()
        };
        let mut params = Params(vec![time, event.into()]);
        if self.faults.unknown_parameters {
            params.0.push(inventory::unknown_parameter());
        }
        ReaderEventNotificationData { params }
    }

    fn notification(&mut self, data: ReaderEventNotificationData) -> Vec<u8> {
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
        let data = self.event_data(event);
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(data);
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
        let wanted = std::mem::take(&mut self.report_wanted);
        if count == 0 && !wanted {
            return None;
        }
        let body: Vec<u8> = self.reports.drain(..count).flatten().collect();
        self.counters.reports_sent += count as u64;
        let header = Header {
            version: self.version(),
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
