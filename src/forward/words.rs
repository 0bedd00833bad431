//! What the broker and the MQTT client say, in words for the technician.

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, PubAckReason};
use rumqttc::v5::{ConnectionError, StateError};

/// Why the broker refused the connection.
pub(super) fn connect_refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::BadUserNamePassword => {
            "user name or password is wrong; check [mqtt] username and password_file"
        }
        ConnectReturnCode::NotAuthorized => {
            "this client is not authorized; check the broker's access list for [mqtt] client_id and username"
        }
        ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => {
            "the client id is not allowed; change [mqtt] client_id"
        }
        ConnectReturnCode::Banned => "this client is banned; ask the broker's administrator",
        ConnectReturnCode::ServerBusy
        | ConnectReturnCode::ServiceUnavailable
        | ConnectReturnCode::ServerUnavailable => "it is busy; trying again",
        ConnectReturnCode::UnsupportedProtocolVersion
        | ConnectReturnCode::RefusedProtocolVersion => {
            "it does not speak MQTT 5; upgrade the broker"
        }
        ConnectReturnCode::UseAnotherServer | ConnectReturnCode::ServerMoved => {
            "it says to use another server; change [mqtt] url"
        }
        _ => "it gave no usable reason; see the broker's log",
    }
}

/// Why the broker did not take an event.
pub(super) fn refusal(reason: PubAckReason) -> &'static str {
    match reason {
        PubAckReason::Success => "none",
        PubAckReason::NoMatchingSubscribers => {
            "nobody is subscribed to the topic: is the traceability store connected? (on_no_subscriber = \"accept\" would drop events)"
        }
        PubAckReason::NotAuthorized => {
            "not authorized to publish to the topic; check the broker's access list"
        }
        PubAckReason::TopicNameInvalid => "the topic name is not accepted; change [mqtt] topic",
        PubAckReason::QuotaExceeded => "the broker's quota is exceeded",
        PubAckReason::PayloadFormatInvalid => "the broker does not accept the payload format",
        PubAckReason::PacketIdentifierInUse
        | PubAckReason::UnspecifiedError
        | PubAckReason::ImplementationSpecificError => {
            "the broker reports an error of its own; see its log"
        }
    }
}

/// The client's errors, without its type names.
pub(super) fn client(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Io(error) => io(error),
        ConnectionError::Tls(error) => format!("TLS: {}", crate::error_chain(error)),
        ConnectionError::Timeout(_) => "no answer in time".to_owned(),
        ConnectionError::MqttState(StateError::Io(error)) => io(error),
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            "closed by the broker".to_owned()
        }
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code,
            reason_string,
        }) => {
            format!(
                "closed by the broker: {}",
                reason_string
                    .clone()
                    .unwrap_or_else(|| format!("{reason_code:?}"))
            )
        }
        other => other.to_string(),
    }
}

fn io(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => {
            "connection refused; is the broker running, and this its port?".to_owned()
        }
        _ => error.to_string(),
    }
}
