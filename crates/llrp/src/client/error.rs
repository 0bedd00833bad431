//! Why a session failed, by what the caller does next.

use crate::codec::code::ConnectionAttemptStatus;
use crate::frame::FrameError;

/// Why a session failed. All but [`Self::Misconfigured`] are worth another connection after a wait: readers are
/// restarted, cables replugged and other clients stopped by people who do not tell us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Something answers, but it is not an LLRP reader: somebody must look at host and port.
    #[error("what answers is not an LLRP reader, check host and port")]
    NotLlrp(#[source] Option<FrameError>),
    /// Another client has the reader; it must go, or its session must time out.
    #[error("{}; a reader serves one client at a time", .0.text())]
    Busy(ConnectionAttemptStatus),
    /// The reader turned the connection down for a reason of its own.
    #[error("{}", describe_refused_connection(.0))]
    ConnectionRefused(ConnectionAttemptStatus),
    /// The link or the reader is gone: reconnect.
    #[error(transparent)]
    LinkLost(#[from] LinkLoss),
    /// The reader refused a step of the set-up: config or reader must be changed, but retrying does no harm.
    #[error("reader refused {request}: {explanation}{hint}")]
    Refused {
        /// The request, as the standard names it.
        request: &'static str,
        /// LLRPStatus, FieldError and ParameterError in words.
        explanation: String,
        /// What may help, starting with a separator; empty if nothing is known.
        hint: String,
    },
    /// The configuration asks for what the reader does not have; nothing changes until one of them does.
    #[error("{0}")]
    Misconfigured(String),
}

/// How the link was lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkLoss {
    /// The transport ended.
    #[error("reader closed the transport")]
    TransportEnded,
    /// The reader said that it closes the connection.
    #[error("reader closed the connection")]
    ClosedByReader,
    /// The transport is open, but the connection event did not come.
    #[error("reader sent no connection event for {seconds} s")]
    NoConnectionEvent {
        /// How long was waited.
        seconds: u64,
    },
    /// No response to a request.
    #[error("reader did not answer {request} within {seconds} s")]
    RequestTimedOut {
        /// The request, as the standard names it.
        request: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// Nothing came for three keepalive periods.
    #[error("reader silent for {seconds} s")]
    Silent {
        /// How long nothing came.
        seconds: u64,
    },
    /// A message that the session cannot do without could not be decoded.
    #[error("reader's {message} is malformed")]
    Malformed {
        /// The message, as the standard names it.
        message: &'static str,
        /// What is wrong with it.
        #[source]
        error: crate::wire::DecodeError,
    },
    /// The reader's bytes stopped being LLRP in mid-session.
    #[error("reader's bytes can no longer be split into messages")]
    Garbled(#[source] FrameError),
}

fn describe_refused_connection(status: &ConnectionAttemptStatus) -> String {
    match status {
        ConnectionAttemptStatus::Unknown(code) => {
            format!("the reader refuses the connection with status {code}, not in the standard")
        }
        known => known.text().to_owned(),
    }
}
