//! What the client tells its caller.

use crate::client::capabilities::Capabilities;
use crate::client::error::ClientError;
use crate::report::{ReaderTime, TagRead};

/// Something the caller should know, in the order it happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The reader has accepted the connection; set-up follows.
    Connected {
        /// The reader's clock when it sent this: measure its offset against the arrival time.
        reader_time: ReaderTime,
        /// The clock says a time before 2010: it was never set, and runs from the year 2000 or 1970.
        clock_unset: bool,
    },
    /// Set-up is done and the reader reads.
    Ready {
        /// What the reader says it can do.
        capabilities: Box<Capabilities>,
        /// Our ROSpec was still running and was left alone, so reading had no gap.
        kept_rospec: bool,
        /// Protocol version spoken, as in message headers: 1 for LLRP 1.0.1, 2 for 1.1, 3 for 2.0.
        version: u8,
        /// What was asked for and the reader cannot do, in words.
        limits: Vec<String>,
    },
    /// The reader has lost what it was told since the last connection, by a restart most likely; it is set up anew.
    Rebooted,
    /// The reader's clock went back, so that times before and after cannot be compared.
    ClockStepped {
        /// Latest time it had told.
        from: ReaderTime,
        /// Time it tells now.
        to: ReaderTime,
    },
    /// The reader's time, from an event of which nothing else is told.
    Time {
        /// The reader's clock when it sent the event.
        reader_time: ReaderTime,
    },
    /// Tag reports, in the reader's order; also held ones of before the connection, and before [`Self::Ready`].
    Reports(Vec<TagRead>),
    /// An antenna was connected or disconnected.
    Antenna {
        /// Antenna id, from 1.
        id: u16,
        /// Whether it is connected now.
        connected: bool,
        /// When, by the reader's clock.
        reader_time: Option<ReaderTime>,
    },
    /// A general-purpose input changed; also once per port after each connection, as it may have changed meanwhile.
    Gpi {
        /// Port number, from 1.
        port: u16,
        /// Whether it is high now.
        high: bool,
        /// When, by the reader's clock; `None` if it was asked for.
        reader_time: Option<ReaderTime>,
    },
    /// A general-purpose output has been written.
    GpoWritten {
        /// Port number, from 1.
        port: u16,
    },
    /// A general-purpose output could not be written. It is not tried again before it is asked for again.
    GpoFailed {
        /// Port number, from 1.
        port: u16,
        /// Why, in words.
        explanation: String,
    },
    /// The reader reports a fault of its own.
    ReaderException {
        /// The reader's words.
        text: String,
        /// When, by the reader's clock.
        reader_time: Option<ReaderTime>,
    },
    /// The reader's report buffer fills up: it is read too slowly.
    BufferWarning {
        /// How full it is.
        percent_full: u8,
        /// When, by the reader's clock.
        reader_time: Option<ReaderTime>,
    },
    /// The reader's report buffer has overflowed: reads were lost.
    BufferOverflow {
        /// When, by the reader's clock.
        reader_time: Option<ReaderTime>,
    },
    /// Something worth a look, in words; the session goes on.
    Warning(String),
    /// The session is over. Take [`poll_transmit`](super::Client::poll_transmit) until `None`, then close the
    /// transport. Nothing follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// [`close`](super::Client::close) was called.
    Requested,
    /// An error; see its variants for what to do next.
    Failed(ClientError),
}

/// Counters of one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientCounters {
    /// Bytes and messages received.
    pub frames: crate::frame::FrameCounters,
    /// What became of tag reports.
    pub reports: crate::report::ReportCounters,
    /// Tag reports merged into waiting ones of the same tag and antenna because the caller did not take events.
    pub conflated_tags: u64,
    /// Tag reports dropped because the caller did not take events and too many different ones waited.
    pub undelivered_tags: u64,
    /// Events other than reports dropped because the caller did not take events.
    pub undelivered_events: u64,
    /// Responses that came after their time was up.
    pub late_responses: u64,
    /// Responses nobody waits for.
    pub stray_responses: u64,
    /// Messages of a type this crate does not know, or that a reader does not send.
    pub unexpected_messages: u64,
    /// Messages that could not be decoded.
    pub malformed_messages: u64,
    /// What was kept unread, skipped or doubtful in responses and events; of tag reports see [`Self::reports`].
    pub odd: crate::codec::Oddities,
    /// Keepalives answered.
    pub keepalives: u64,
    /// Keepalives not answered because too many answers were queued.
    pub dropped_acks: u64,
}
