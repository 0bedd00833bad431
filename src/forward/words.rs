//! What the broker and the MQTT client say, in words for the technician.

use std::io;

use rumqttc::TlsError;
use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, DisconnectReasonCode, PubAckReason, SubscribeReasonCode,
};

use super::client::{Endpoint, Failure, Version};
use super::mqtt::{SessionEnd, Settings};

/// Why there is no connection.
pub(super) fn connect_failure(
    settings: &Settings,
    endpoint: &Endpoint,
    failure: Failure,
) -> SessionEnd {
    if let Failure::Refused(code) = failure {
        return SessionEnd::Refused {
            why: connect_refusal(code, settings.version),
            passing: is_passing(code),
        };
    }
    if let Some(error) = tls_error(&failure) {
        return SessionEnd::Unreachable(endpoint.to_string(), tls(settings, endpoint, error));
    }
    // An end in the middle of CONNECT is an answer too.
    let hung_up = matches!(&failure, Failure::Io(error) if is_hang_up(error));
    let why = match failure {
        Failure::Tls(_) => format!("{}; {}", client(&failure), no_tls_there()),
        _ if hung_up || matches!(failure, Failure::NotMqtt(_) | Failure::Closed) => {
            let tls = match settings.tls {
                None => ", and whether it expects TLS: then [mqtt] url begins with mqtts://",
                Some(_) => "",
            };
            let (version, why) = (settings.version.name(), client(&failure));
            let other = match settings.version {
                Version::V5 => "; an old broker needs [mqtt] version = \"3.1.1\"",
                Version::V311 => "",
            };
            format!("what answers does not speak {version}; check the port{tls}{other} ({why})")
        }
        _ => client(&failure),
    };
    SessionEnd::Unreachable(endpoint.to_string(), why)
}

/// Why the connection that was there has ended.
pub(super) fn loss(failure: Failure) -> SessionEnd {
    use DisconnectReasonCode as Code;
    let Failure::SentAway(code, reason_string) = failure else {
        return match &failure {
            // Also a DISCONNECT of three bytes, as Mosquitto sends it: the client cannot read it.
            Failure::Closed => SessionEnd::HungUp("closed by the broker; its log tells why, for example that another client has the same client id".to_owned()),
            Failure::Io(error) if is_hang_up(error) => SessionEnd::HungUp(client(&failure)),
            _ => SessionEnd::Lost(client(&failure)),
        };
    };
    let by_message = matches!(
        code,
        Code::UnspecifiedError
            | Code::MalformedPacket
            | Code::ProtocolError
            | Code::ImplementationSpecificError
            | Code::NotAuthorized
            | Code::TopicNameInvalid
            | Code::TopicAliasInvalid
            | Code::PacketTooLarge
            | Code::PayloadFormatInvalid
    );
    let why = match code {
        Code::SessionTakenOver => {
            "another client has connected with the same client id; give each gateway its own [mqtt] client_id".to_owned()
        }
        Code::ServerShuttingDown => "it is shutting down".to_owned(),
        Code::NotAuthorized => "not authorized; check its access list".to_owned(),
        Code::AdministrativeAction => "its administrator did it".to_owned(),
        Code::KeepAliveTimeout => "it has heard nothing from us for too long".to_owned(),
        Code::TopicNameInvalid => {
            "it does not accept a topic; change [mqtt] topic or status_topic".to_owned()
        }
        Code::PacketTooLarge => "a message is too large for it; raise its limit".to_owned(),
        Code::MessageRateTooHigh | Code::ConnectionRateExceeded | Code::QuotaExceeded => {
            format!("its limit is reached ({code:?})")
        }
        Code::RetainNotSupported => "it does not allow retained messages, which the status needs".to_owned(),
        Code::QoSNotSupported => "it does not allow QoS 1".to_owned(),
        Code::UseAnotherServer | Code::ServerMoved => {
            "it says to use another server; change [mqtt] url".to_owned()
        }
        other => format!("{other:?}"),
    };
    let passing = !matches!(
        code,
        Code::SessionTakenOver
            | Code::NotAuthorized
            | Code::AdministrativeAction
            | Code::TopicNameInvalid
            | Code::RetainNotSupported
            | Code::QoSNotSupported
            | Code::UseAnotherServer
            | Code::ServerMoved
    );
    let why = match reason_string {
        Some(text) => format!("{why} (it says: {text})"),
        None => why,
    };
    SessionEnd::SentAway {
        why,
        passing,
        by_message,
    }
}

/// Why the broker refused the connection.
fn connect_refusal(code: ConnectReturnCode, version: Version) -> &'static str {
    match code {
        ConnectReturnCode::BadUserNamePassword => {
            "user name or password is wrong; check [mqtt] username and password_file"
        }
        ConnectReturnCode::NotAuthorized => {
            "this client is not authorized; check user name, password, and the broker's access list for [mqtt] client_id"
        }
        ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => {
            "the client id is not allowed; change [mqtt] client_id"
        }
        ConnectReturnCode::Banned => "this client is banned; ask the broker's administrator",
        ConnectReturnCode::ServerBusy
        | ConnectReturnCode::ServiceUnavailable
        | ConnectReturnCode::ServerUnavailable
        | ConnectReturnCode::ConnectionRateExceeded
        | ConnectReturnCode::QuotaExceeded => "it is busy; trying again",
        ConnectReturnCode::UnsupportedProtocolVersion
        | ConnectReturnCode::RefusedProtocolVersion => match version {
            Version::V5 => {
                "it does not speak MQTT 5; upgrade the broker, or set [mqtt] version = \"3.1.1\""
            }
            Version::V311 => "it does not speak MQTT 3.1.1; set [mqtt] version = \"5\"",
        },
        ConnectReturnCode::UseAnotherServer | ConnectReturnCode::ServerMoved => {
            "it says to use another server; change [mqtt] url"
        }
        ConnectReturnCode::TopicNameInvalid => {
            "it does not accept the topic of the Last Will; change [mqtt] status_topic"
        }
        ConnectReturnCode::RetainNotSupported => {
            "it does not allow retained messages, which the status needs"
        }
        ConnectReturnCode::QoSNotSupported => "it does not allow QoS 1",
        _ => "it gave no usable reason; see the broker's log",
    }
}

/// All that MQTT 3.1.1 can say of a subscription that was refused.
pub(super) const NO_REASON: &str = "it does not say why; check its access list and its log";

/// Why the broker refused a subscription (MQTT 5 §3.9.3).
pub(super) fn subscribe_refusal(code: &SubscribeReasonCode) -> String {
    match code {
        SubscribeReasonCode::NotAuthorized => {
            "not authorized; check its access list (Mosquitto: topic read …)".to_owned()
        }
        SubscribeReasonCode::Unspecified | SubscribeReasonCode::Failure => NO_REASON.to_owned(),
        SubscribeReasonCode::TopicFilterInvalid => "it does not accept the topic".to_owned(),
        SubscribeReasonCode::QuotaExceeded => "its limit is reached".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Whether a refusal may end without anybody's doing.
const fn is_passing(code: ConnectReturnCode) -> bool {
    matches!(
        code,
        ConnectReturnCode::ServerBusy
            | ConnectReturnCode::ServiceUnavailable
            | ConnectReturnCode::ServerUnavailable
            | ConnectReturnCode::ConnectionRateExceeded
            | ConnectReturnCode::QuotaExceeded
            | ConnectReturnCode::UnspecifiedError
            | ConnectReturnCode::ImplementationSpecificError
    )
}

/// Why the broker did not take an event.
pub(super) const fn refusal(reason: PubAckReason) -> &'static str {
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

/// Why an event is given up that was under way alone each time that the broker ended the connection.
pub(super) const ENDS_THE_CONNECTION: &str = "the broker ends the connection whenever this event is sent; its log tells why, for example because the topic is not allowed or the message too large";

/// What a refusal is about (MQTT 5 §3.4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// The event itself, 0x87, 0x90 and 0x99: it may be given up.
    Event,
    /// The topic has no subscriber, 0x10: others may have.
    Topic,
    /// The broker's own state: it would refuse others as well.
    Broker,
}

/// What the refusal is about.
pub(super) const fn blame(reason: PubAckReason) -> Blame {
    match reason {
        PubAckReason::NotAuthorized
        | PubAckReason::TopicNameInvalid
        | PubAckReason::PayloadFormatInvalid => Blame::Event,
        PubAckReason::NoMatchingSubscribers => Blame::Topic,
        _ => Blame::Broker,
    }
}

/// A message that the broker has said it would not accept.
pub(super) fn too_large(size: usize, maximum: u32) -> String {
    format!(
        "a message of {size} bytes is larger than the {maximum} bytes that the broker accepts; raise its limit (Mosquitto: max_packet_size)"
    )
}

/// The client's errors, without its type names.
pub(crate) fn client(failure: &Failure) -> String {
    match failure {
        Failure::Io(error) => io(error),
        Failure::Tls(error) => format!("TLS: {}", crate::error_chain(error)),
        Failure::NotMqtt(why) | Failure::Other(why) => why.clone(),
        Failure::Closed => "closed by the broker".to_owned(),
        Failure::NoPong => "the broker does not answer pings".to_owned(),
        Failure::Refused(code) => format!("{code:?}"),
        Failure::SentAway(code, _) => format!("{code:?}"),
    }
}

fn io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "connection refused; is the broker running, and this its port?".to_owned()
        }
        _ => error.to_string(),
    }
}

/// The other side has ended the connection.
fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof
    )
}

fn no_tls_there() -> &'static str {
    "does this port speak TLS? Without it [mqtt] url begins with mqtt://"
}

/// TLS's own error, wherever it is packed.
fn tls_error(failure: &Failure) -> Option<&rustls::Error> {
    let packed = match failure {
        Failure::Tls(TlsError::TLS(error)) => return Some(error),
        Failure::Tls(TlsError::Io(error)) | Failure::Io(error) => error,
        _ => return None,
    };
    packed.get_ref()?.downcast_ref()
}

fn tls(settings: &Settings, endpoint: &Endpoint, error: &rustls::Error) -> String {
    match (error, &settings.tls) {
        (rustls::Error::InvalidMessage(_), _) => format!("TLS: {error}; {}", no_tls_there()),
        (_, Some(setup)) => setup.explain(&endpoint.host, error),
        (_, None) => format!("TLS: {error}"),
    }
}
