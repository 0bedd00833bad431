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
    },
    /// Set-up is done and the reader reads.
    Ready {
        /// What the reader says it can do.
        capabilities: Box<Capabilities>,
        /// Our ROSpec was still running and was left alone, so reading had no gap.
        kept_rospec: bool,
    },
    /// Tag reports, in the reader's order; also held ones of before the connection, and before [`Self::Ready`].
    Reports(Vec<TagRead>),
    /// An antenna was connected or disconnected.
    Antenna {
        /// Antenna id, from 1.
        id: u16,
        /// Whether it is connected now.
        connected: bool,
    },
    /// A general-purpose input changed.
    Gpi {
        /// Port number, from 1.
        port: u16,
        /// Whether it is high now.
        high: bool,
    },
    /// The reader reports a fault of its own.
    ReaderException {
        /// The reader's words.
        text: String,
    },
    /// The reader's report buffer fills up: it is read too slowly.
    BufferWarning {
        /// How full it is.
        percent_full: u8,
    },
    /// The reader's report buffer has overflowed: reads were lost.
    BufferOverflow,
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
    /// Tag reports dropped because the caller did not take events.
    pub undelivered_tags: u64,
    /// Events other than reports dropped because the caller did not take events.
    pub undelivered_events: u64,
    /// Responses nobody waits for (any more).
    pub stray_responses: u64,
    /// Messages of a type this crate does not know, or that a reader does not send.
    pub unexpected_messages: u64,
    /// Messages that could not be decoded.
    pub malformed_messages: u64,
    /// Keepalives answered.
    pub keepalives: u64,
    /// Keepalives not answered because too many answers were queued.
    pub dropped_acks: u64,
}
