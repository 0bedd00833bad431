//! A short visit to a reader, for `tracegate doctor` and `discover`: it asks, and changes nothing.

use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tracegate_llrp::VERSION_1_0_1;
use tracegate_llrp::client::{Capabilities, ClientError, LinkLoss};
use tracegate_llrp::codec::code::{
    CapabilitiesRequest, ConfigRequest, ConnectionAttemptStatus as Status,
};
use tracegate_llrp::codec::message::{
    CloseConnection, Frame, GetReaderCapabilities, GetReaderConfig, Message,
};
use tracegate_llrp::codec::param::{
    AntennaProperties, ConnectionAttemptEvent, LLRPStatus, ReaderEventNotificationData,
    UTCTimestamp,
};
use tracegate_llrp::codec::{Params, code::StatusCode};
use tracegate_llrp::frame::FrameSplitter;
use tracegate_pipeline::time::Span;

use super::link::{Peer, Transport, dial};
use crate::health::clock_complaint;
use crate::tls;

/// For each answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that a reader has accepted, or not yet.
pub struct Probe {
    stream: Box<dyn Transport>,
    peer: Peer,
    splitter: FrameSplitter,
    /// What came and was not looked at.
    waiting: Vec<Message>,
}

impl Probe {
    /// Connects, in TLS if that is set up.
    ///
    /// # Errors
    /// Why it cannot, for the technician.
    pub async fn connect(host: &str, port: u16, tls: Option<&tls::Setup>) -> Result<Self, String> {
        let (stream, peer) = dial(host, port, tls).await?;
        Ok(Self {
            stream,
            peer,
            splitter: FrameSplitter::default(),
            waiting: Vec::new(),
        })
    }

    /// Waits for the reader to accept the session (LLRP 1.1 §19.3); returns what is wrong with its clock, if anything is.
    ///
    /// # Errors
    /// Why there is no session, for the technician.
    pub async fn session(&mut self) -> Result<Option<String>, String> {
        let accepted = |message: &Message| match message {
            Message::ReaderEventNotification(told) => {
                let data = told.params.first::<ReaderEventNotificationData>()?;
                let status = data.params.first::<ConnectionAttemptEvent>()?.status;
                let time = data.params.first::<UTCTimestamp>();
                Some((status, time.map(|time| time.microseconds)))
            }
            _ => None,
        };
        let silent = LinkLoss::NoConnectionEvent {
            seconds: PATIENCE.as_secs(),
        };
        let (status, time) = self
            .await_message(accepted, silent.into())
            .await
            .map_err(|error| super::session::failure(&self.peer, &error, false))?;
        match status {
            Status::Success => Ok(time.and_then(complaint)),
            Status::ReaderInitiatedExists | Status::ClientInitiatedExists => {
                Err(crate::error_chain(&ClientError::Busy(status)))
            }
            _ => Err(crate::error_chain(&ClientError::ConnectionRefused(status))),
        }
    }

    /// What the reader says it is and can do.
    ///
    /// # Errors
    /// Why it does not say, for the technician.
    pub async fn capabilities(&mut self) -> Result<Capabilities, String> {
        let request = GetReaderCapabilities {
            requested_data: CapabilitiesRequest::All,
            params: Params::default(),
        };
        let told = |message: &Message| match message {
            Message::GetReaderCapabilitiesResponse(answer) => Some(answer.params.clone()),
            _ => None,
        };
        let told = self
            .ask(request.into(), "GET_READER_CAPABILITIES", told)
            .await?;
        Ok(Capabilities::from_params(&told))
    }

    /// Each antenna, and whether the reader says that it is connected.
    ///
    /// # Errors
    /// Why it does not say, for the technician.
    pub async fn antennas(&mut self) -> Result<Vec<(u16, bool)>, String> {
        let request = GetReaderConfig {
            antenna_id: 0,
            requested_data: ConfigRequest::AntennaProperties,
            gpi_port_num: 0,
            gpo_port_num: 0,
            params: Params::default(),
        };
        let told = |message: &Message| match message {
            Message::GetReaderConfigResponse(answer) => Some(answer.params.clone()),
            _ => None,
        };
        let told = self.ask(request.into(), "GET_READER_CONFIG", told).await?;
        Ok(told
            .all::<AntennaProperties>()
            .map(|antenna| (antenna.antenna_id, antenna.antenna_connected))
            .collect())
    }

    /// The parameters of the answer to a request that asks for something.
    async fn ask(
        &mut self,
        request: Message,
        name: &'static str,
        told: impl Fn(&Message) -> Option<Params>,
    ) -> Result<Params, String> {
        self.send(request).await?;
        let silent = LinkLoss::RequestTimedOut {
            request: name,
            seconds: PATIENCE.as_secs(),
        };
        let told = self.await_message(told, silent.into()).await;
        let told = told.map_err(|error| crate::error_chain(&error))?;
        match told.first::<LLRPStatus>() {
            Some(status) if status.status_code != StatusCode::Success => Err(format!(
                "the reader does not tell: {}",
                status.error_description
            )),
            _ => Ok(told),
        }
    }

    /// Leaves in good order, so that the reader's only client slot is free at once (LLRP 1.1 §19.4).
    pub async fn close(mut self) {
        if self.send(CloseConnection {}.into()).await.is_ok() {
            let closed = |message: &Message| match message {
                Message::CloseConnectionResponse(_) => Some(()),
                _ => None,
            };
            // Whether it answers or not, the connection ends.
            let _ = self
                .await_message(closed, LinkLoss::TransportEnded.into())
                .await;
        }
        let _ = timeout(Duration::from_millis(500), self.stream.shutdown()).await;
    }

    async fn send(&mut self, message: Message) -> Result<(), String> {
        let frame = Frame {
            version: VERSION_1_0_1,
            message_id: 1,
            message,
        };
        let bytes = frame.encode().map_err(|error| error.to_string())?;
        let sent = timeout(PATIENCE, async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        });
        match sent.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the connection to the reader broke: {error}")),
            Err(_) => Err("the reader takes nothing".to_owned()),
        }
    }

    /// The first message that is `wanted`; others are passed over.
    async fn await_message<T>(
        &mut self,
        wanted: impl Fn(&Message) -> Option<T>,
        silent: ClientError,
    ) -> Result<T, ClientError> {
        let deadline = Instant::now() + PATIENCE;
        let mut bytes = vec![0; 16 * 1024];
        loop {
            if let Some(found) = self.waiting.drain(..).find_map(|message| wanted(&message)) {
                return Ok(found);
            }
            let count = match timeout_at(deadline, self.stream.read(&mut bytes)).await {
                Err(_) => return Err(silent),
                // How a connection ended a reader does not tell any better.
                Ok(Ok(0) | Err(_)) => return Err(LinkLoss::TransportEnded.into()),
                Ok(Ok(count)) => count,
            };
            let mut input = bytes.get(..count).unwrap_or_default();
            loop {
                match self.splitter.next_frame(&mut input) {
                    Err(error) => return Err(ClientError::NotLlrp(Some(error))),
                    Ok(None) => break,
                    Ok(Some(raw)) => {
                        // What cannot be decoded is nothing that is waited for.
                        if let Ok(frame) = Frame::decode_lenient(raw) {
                            self.waiting.push(frame.message);
                        }
                    }
                }
            }
        }
    }
}

/// What is wrong with a clock that says this, in microseconds since 1970.
fn complaint(reader_us: u64) -> Option<String> {
    let now = Timestamp::now().as_microsecond();
    let reader = i64::try_from(reader_us).unwrap_or(i64::MAX);
    clock_complaint(Span(now.saturating_sub(reader)))
}
