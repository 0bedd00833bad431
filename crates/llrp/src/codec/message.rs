//! The table of messages (LLRP 1.0.1 §16.1.2, 1.1 §17.1) and whole frames.

use crate::codec::code::{CapabilitiesRequest, ConfigRequest};
use crate::codec::field::Rest;
use crate::codec::odd::Oddities;
use crate::codec::schema::Row;
use crate::codec::vendor;
use crate::frame::{FrameError, HEADER_LEN, Header, RawFrame};
use crate::wire::{DecodeError, Reader, TooLong, Writer};

/// One message with its header, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Header version: 1 for LLRP 1.0.1, 2 for 1.1, 3 for 2.0.
    pub version: u8,
    /// Message id.
    pub message_id: u32,
    /// Content.
    pub message: Message,
}

impl Frame {
    /// Decodes a whole message strictly: what the standard demands must be there.
    ///
    /// An unknown message type is no error, see [`Message::Unknown`].
    ///
    /// # Errors
    /// [`DecodeError`] where the body breaks the standard.
    pub fn decode(raw: RawFrame<'_>) -> Result<Self, DecodeError> {
        Self::decode_with(raw, &mut Reader::new(raw.body))
    }

    /// Decodes what can be used of a message, see [`Reader::lenient`].
    ///
    /// # Errors
    /// [`DecodeError`] if not even the outermost parameters can be told apart.
    pub fn decode_lenient(raw: RawFrame<'_>) -> Result<Self, DecodeError> {
        Self::decode_with(raw, &mut Reader::lenient(raw.body))
    }

    /// Decodes what can be used of a message, and counts what was kept unread or skipped.
    ///
    /// # Errors
    /// [`DecodeError`] if not even the outermost parameters can be told apart.
    pub fn decode_counted(raw: RawFrame<'_>) -> Result<(Self, Oddities), DecodeError> {
        let mut r = Reader::lenient(raw.body);
        let frame = Self::decode_with(raw, &mut r)?;
        let mut odd = Oddities::default();
        frame.message.count_odd(&mut odd);
        if let Message::CustomMessage(custom) = &frame.message {
            vendor::count_odd_message(custom, &mut odd);
        }
        odd.skipped_bytes = (r.skipped() + r.left()) as u64;
        Ok((frame, odd))
    }

    fn decode_with(raw: RawFrame<'_>, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let Header {
            version,
            message_type,
            message_id,
        } = raw.header;
        let message = Message::decode(message_type, r)?;
        r.end(message_name(message_type).unwrap_or("message"))?;
        Ok(Self {
            version,
            message_id,
            message,
        })
    }

    /// The bytes of the message, header included.
    ///
    /// # Errors
    /// [`TooLong`] if a parameter or list exceeds 65,535 bytes or elements.
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let mut w = Writer::new();
        self.message.encode(&mut w);
        let body = w.finish()?;
        let length = u32::try_from(HEADER_LEN + body.len()).map_err(|_| TooLong)?;
        let header = Header {
            version: self.version,
            message_type: self.message.message_type(),
            message_id: self.message_id,
        };
        let mut bytes = Vec::with_capacity(HEADER_LEN + body.len());
        bytes.extend_from_slice(&header.encode(length));
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }
}

/// Why bytes are not one valid message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The header is wrong.
    #[error("split the stream into messages")]
    Frame(#[source] FrameError),
    /// The body is wrong.
    #[error("decode the message")]
    Decode(#[source] DecodeError),
}

/// Decodes bytes that are exactly one message, strictly.
///
/// # Errors
/// [`ParseError`], telling header and body apart.
pub fn parse(bytes: &[u8]) -> Result<Frame, ParseError> {
    let raw = RawFrame::parse(bytes).map_err(ParseError::Frame)?;
    Frame::decode(raw).map_err(ParseError::Decode)
}

/// A message type this crate does not know, kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownMessage {
    /// Type number.
    pub message_type: u16,
    /// Its body.
    pub body: Vec<u8>,
}

macro_rules! messages {
    ($( since $since:literal {
        $( $number:literal $label:literal $name:ident { $($fields:tt)* } $([ $($needs:tt)* ])?; )*
    } )*) => {
        $( $(
            body! {
                concat!("Message ", $number, ", `", $label, "`, since LLRP ", $since, "."),
                $label, $name { $($fields)* } $([ $($needs)* ])?
            }

            impl $name {
                /// Type number on the wire.
                pub const TYPE: u16 = $number;
            }

            impl From<$name> for Message {
                fn from(value: $name) -> Self {
                    Self::$name(value)
                }
            }
        )* )*

        /// The table as data.
        pub(crate) const ROWS: &[Row] = &[ $( $(
            Row { number: $number, name: $label, since: $since, tv: false, body: $name::ROW },
        )* )* ];

        /// Any message.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Message {
            $( $(
                #[doc = concat!("`", $label, "`, type ", $number, ", since LLRP ", $since, ".")]
                $name($name),
            )* )*
            /// A type this crate does not know.
            Unknown(UnknownMessage),
        }

        impl Message {
            fn decode(message_type: u16, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match message_type {
                    $( $( $number => $name::decode_body(r).map(Self::$name), )* )*
                    _ => Ok(Self::Unknown(UnknownMessage { message_type, body: r.remainder().to_vec() })),
                }
            }

            fn encode(&self, w: &mut Writer) {
                match self {
                    $( $( Self::$name(value) => value.encode_body(w), )* )*
                    Self::Unknown(unknown) => w.bytes(&unknown.body),
                }
            }

            pub(crate) fn count_odd(&self, odd: &mut Oddities) {
                match self {
                    $( $( Self::$name(value) => value.count_odd(odd), )* )*
                    Self::Unknown(_) => odd.unknown_messages += 1,
                }
            }

            /// Type number on the wire.
            #[must_use]
            pub fn message_type(&self) -> u16 {
                match self {
                    $( $( Self::$name(_) => $number, )* )*
                    Self::Unknown(unknown) => unknown.message_type,
                }
            }

            #[cfg(test)]
            pub(crate) fn sample_any(g: &mut crate::codec::sample::Sampler<'_>) -> Self {
                let choices: &[fn(&mut crate::codec::sample::Sampler<'_>) -> Self] =
                    &[ $( $( |g| <$name as crate::codec::sample::Sample>::sample(g).into() ),* ),* ];
                choices[g.below(choices.len())](g)
            }
        }

        /// Name of a message type, as the standard spells it.
        #[must_use]
        pub fn message_name(message_type: u16) -> Option<&'static str> {
            match message_type {
                $( $( $number => Some($label), )* )*
                _ => None,
            }
        }
    };
}

messages! {
    since "1.0.1" {
        1 "GET_READER_CAPABILITIES" GetReaderCapabilities { requested_data: CapabilitiesRequest } [];
        2 "GET_READER_CONFIG" GetReaderConfig { antenna_id: u16, requested_data: ConfigRequest, gpi_port_num: u16,
            gpo_port_num: u16 } [];
        3 "SET_READER_CONFIG" SetReaderConfig { reset_to_factory_default: bool | 7 } [];
        4 "CLOSE_CONNECTION_RESPONSE" CloseConnectionResponse {} [LLRPStatus];
        11 "GET_READER_CAPABILITIES_RESPONSE" GetReaderCapabilitiesResponse {} [LLRPStatus];
        12 "GET_READER_CONFIG_RESPONSE" GetReaderConfigResponse {} [LLRPStatus];
        13 "SET_READER_CONFIG_RESPONSE" SetReaderConfigResponse {} [LLRPStatus];
        14 "CLOSE_CONNECTION" CloseConnection {};
        20 "ADD_ROSPEC" AddROSpec {} [ROSpec];
        21 "DELETE_ROSPEC" DeleteROSpec { rospec_id: u32 };
        22 "START_ROSPEC" StartROSpec { rospec_id: u32 };
        23 "STOP_ROSPEC" StopROSpec { rospec_id: u32 };
        24 "ENABLE_ROSPEC" EnableROSpec { rospec_id: u32 };
        25 "DISABLE_ROSPEC" DisableROSpec { rospec_id: u32 };
        26 "GET_ROSPECS" GetROSpecs {};
        30 "ADD_ROSPEC_RESPONSE" AddROSpecResponse {} [LLRPStatus];
        31 "DELETE_ROSPEC_RESPONSE" DeleteROSpecResponse {} [LLRPStatus];
        32 "START_ROSPEC_RESPONSE" StartROSpecResponse {} [LLRPStatus];
        33 "STOP_ROSPEC_RESPONSE" StopROSpecResponse {} [LLRPStatus];
        34 "ENABLE_ROSPEC_RESPONSE" EnableROSpecResponse {} [LLRPStatus];
        35 "DISABLE_ROSPEC_RESPONSE" DisableROSpecResponse {} [LLRPStatus];
        36 "GET_ROSPECS_RESPONSE" GetROSpecsResponse {} [LLRPStatus];
        40 "ADD_ACCESSSPEC" AddAccessSpec {} [AccessSpec];
        41 "DELETE_ACCESSSPEC" DeleteAccessSpec { access_spec_id: u32 };
        42 "ENABLE_ACCESSSPEC" EnableAccessSpec { access_spec_id: u32 };
        43 "DISABLE_ACCESSSPEC" DisableAccessSpec { access_spec_id: u32 };
        44 "GET_ACCESSSPECS" GetAccessSpecs {};
        45 "CLIENT_REQUEST_OP" ClientRequestOp {} [TagReportData];
        50 "ADD_ACCESSSPEC_RESPONSE" AddAccessSpecResponse {} [LLRPStatus];
        51 "DELETE_ACCESSSPEC_RESPONSE" DeleteAccessSpecResponse {} [LLRPStatus];
        52 "ENABLE_ACCESSSPEC_RESPONSE" EnableAccessSpecResponse {} [LLRPStatus];
        53 "DISABLE_ACCESSSPEC_RESPONSE" DisableAccessSpecResponse {} [LLRPStatus];
        54 "GET_ACCESSSPECS_RESPONSE" GetAccessSpecsResponse {} [LLRPStatus];
        55 "CLIENT_REQUEST_OP_RESPONSE" ClientRequestOpResponse {} [ClientRequestResponse];
        60 "GET_REPORT" GetReport {};
        61 "RO_ACCESS_REPORT" ROAccessReport {} [];
        62 "KEEPALIVE" Keepalive {};
        63 "READER_EVENT_NOTIFICATION" ReaderEventNotification {} [ReaderEventNotificationData];
        64 "ENABLE_EVENTS_AND_REPORTS" EnableEventsAndReports {};
        72 "KEEPALIVE_ACK" KeepaliveAck {};
        100 "ERROR_MESSAGE" ErrorMessage {} [LLRPStatus];
        1023 "CUSTOM_MESSAGE" CustomMessage { vendor: u32, subtype: u8, data: Rest };
    }
    since "1.1" {
        46 "GET_SUPPORTED_VERSION" GetSupportedVersion {};
        47 "SET_PROTOCOL_VERSION" SetProtocolVersion { protocol_version: u8 };
        56 "GET_SUPPORTED_VERSION_RESPONSE" GetSupportedVersionResponse { current_version: u8,
            supported_version: u8 } [LLRPStatus];
        57 "SET_PROTOCOL_VERSION_RESPONSE" SetProtocolVersionResponse {} [LLRPStatus];
    }
}
