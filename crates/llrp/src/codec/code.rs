//! Enumerations; a value the standard does not have is kept as `Unknown`.

use crate::codec::field::Field;
use crate::wire::{DecodeError, Reader, Writer};

macro_rules! codes {
    ($( $(#[$doc:meta])* $name:ident: $number:ty { $( $value:literal $variant:ident $text:literal ),* $(,)? } )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $(
                #[doc = concat!($value, ": ", $text, ".")]
                $variant,
            )*
            /// A value the standard does not have.
            Unknown($number),
        }

        impl $name {
            /// Every value the standard has.
            pub const ALL: &[Self] = &[$( Self::$variant ),*];

            /// The value in words.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Unknown(_) => "a value the standard does not have",
                }
            }

            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> $number {
                match self {
                    $( Self::$variant => $value, )*
                    Self::Unknown(code) => code,
                }
            }
        }

        impl From<$number> for $name {
            fn from(code: $number) -> Self {
                match code {
                    $( $value => Self::$variant, )*
                    _ => Self::Unknown(code),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::from(0)
            }
        }

        impl Field for $name {
            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                <$number>::get(r).map(Self::from)
            }

            fn put(&self, w: &mut Writer) {
                self.code().put(w);
            }
        }

        #[cfg(test)]
        impl crate::codec::sample::Sample for $name {
            fn sample(g: &mut crate::codec::sample::Sampler<'_>) -> Self {
                Self::from(<$number as crate::codec::sample::Sample>::sample(g))
            }
        }
    )*};
}

codes! {
    /// Outcome of a request (LLRP 1.0.1 §14.2.1).
    StatusCode: u16 {
        0 Success "success",
        100 ParameterError "an error in a parameter of the message",
        101 FieldError "an error in a field of the message",
        102 UnexpectedParameter "a parameter where none is expected",
        103 MissingParameter "a mandatory parameter is missing",
        104 DuplicateParameter "a parameter came more than once",
        105 OverflowParameter "more of a parameter than the reader can take",
        106 OverflowField "a field is larger than the reader can take",
        107 UnknownParameter "a parameter the reader does not know",
        108 UnknownField "a field the reader does not know",
        109 UnsupportedMessage "the reader does not support the message",
        110 UnsupportedVersion "the reader does not speak this protocol version",
        111 UnsupportedParameter "the reader does not support the parameter",
        112 UnexpectedMessage "the reader does not expect the message now",
        200 NestedParameterError "an error in a sub-parameter",
        201 NestedFieldError "an error in a field of the parameter",
        202 NestedUnexpectedParameter "a sub-parameter where none is expected",
        203 NestedMissingParameter "a mandatory sub-parameter is missing",
        204 NestedDuplicateParameter "a sub-parameter came more than once",
        205 NestedOverflowParameter "more of a sub-parameter than the reader can take",
        206 NestedOverflowField "a field of the parameter is larger than the reader can take",
        207 NestedUnknownParameter "a sub-parameter the reader does not know",
        208 NestedUnknownField "a field of the parameter the reader does not know",
        209 NestedUnsupportedParameter "the reader does not support the sub-parameter",
        300 Invalid "the value is invalid",
        301 OutOfRange "the value is out of range",
        401 DeviceError "a fault in the reader itself",
    }

    /// What became of a connection attempt (LLRP 1.0.1 §13.2.6.11).
    ConnectionAttemptStatus: u16 {
        0 Success "connected",
        1 ReaderInitiatedExists "the reader itself has opened a connection to another client",
        2 ClientInitiatedExists "another client holds the reader",
        3 Failed "the reader refuses the connection, without saying why",
        4 AnotherAttempted "another client tried to connect",
    }

    /// State of a ROSpec (LLRP 1.0.1 §10.2.1).
    ROSpecState: u8 {
        0 Disabled "disabled",
        1 Inactive "enabled, not started",
        2 Active "active",
    }

    /// What starts a ROSpec (LLRP 1.0.1 §10.2.1.1.1).
    ROSpecStartTriggerType: u8 {
        0 Null "by START_ROSPEC only",
        1 Immediate "as soon as enabled",
        2 Periodic "periodically",
        3 Gpi "by a general-purpose input",
    }

    /// What stops a ROSpec (LLRP 1.0.1 §10.2.1.1.2).
    ROSpecStopTriggerType: u8 {
        0 Null "by STOP_ROSPEC or the end of its parts",
        1 Duration "after a duration",
        2 GpiWithTimeout "by a general-purpose input, or a time-out",
    }

    /// What stops an AISpec (LLRP 1.0.1 §10.2.2.1).
    AISpecStopTriggerType: u8 {
        0 Null "with its ROSpec",
        1 Duration "after a duration",
        2 GpiWithTimeout "by a general-purpose input, or a time-out",
        3 TagObservation "by what tags were seen",
    }

    /// When reports are sent (LLRP 1.0.1 §13.2.1).
    ROReportTriggerType: u8 {
        0 None "only when asked for",
        1 UponNTagsOrEndOfAISpec "upon N tags or the end of the AISpec",
        2 UponNTagsOrEndOfROSpec "upon N tags or the end of the ROSpec",
    }

    /// Whether keepalives are sent (LLRP 1.0.1 §12.2.5).
    KeepaliveTriggerType: u8 {
        0 Null "never",
        1 Periodic "periodically",
    }

    /// Events that can be switched on and off (LLRP 1.0.1 §13.2.5.1).
    NotificationEventType: u16 {
        0 UponHoppingToNextChannel "hopping to the next channel",
        1 GpiEvent "a general-purpose input changed",
        2 ROSpecEvent "a ROSpec started or ended",
        3 ReportBufferFillWarning "the report buffer fills up",
        4 ReaderExceptionEvent "an exception in the reader",
        5 RFSurveyEvent "a survey started or ended",
        6 AISpecEvent "an AISpec ended",
        7 AISpecEventWithDetails "an AISpec ended, with details",
        8 AntennaEvent "an antenna was connected or disconnected",
    }

    /// What happened to a ROSpec (LLRP 1.0.1 §13.2.6.4).
    ROSpecEventType: u8 {
        0 Start "started",
        1 End "ended",
        2 Preemption "preempted by another",
    }

    /// What happened to an antenna (LLRP 1.0.1 §13.2.6.10).
    AntennaEventType: u8 {
        0 Disconnected "disconnected",
        1 Connected "connected",
    }

    /// Part of the capabilities asked for (LLRP 1.0.1 §9.2.1).
    CapabilitiesRequest: u8 {
        0 All "all",
        1 General "general device capabilities",
        2 Llrp "LLRP capabilities",
        3 Regulatory "regulatory capabilities",
        4 AirProtocol "air protocol capabilities",
    }

    /// Part of the configuration asked for (LLRP 1.0.1 §12.1.1).
    ConfigRequest: u8 {
        0 All "all",
        1 Identification "identification",
        2 AntennaProperties "antenna properties",
        3 AntennaConfiguration "antenna configuration",
        4 ROReportSpec "report contents and trigger",
        5 ReaderEventNotificationSpec "event notifications",
        6 AccessReportSpec "access report trigger",
        7 ConfigurationStateValue "configuration state value",
        8 KeepaliveSpec "keepalives",
        9 GpiPortCurrentState "general-purpose inputs",
        10 GpoWriteData "general-purpose outputs",
        11 EventsAndReports "holding of events and reports",
    }
}
