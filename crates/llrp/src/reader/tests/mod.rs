//! The reader as a client meets it: each request, each trigger, each refusal, in virtual time.

mod access;
mod refusals;
mod settings;
mod triggers;
mod vendors;

use super::{Reader, ReaderConfig, Sighting};
use crate::codec::code::{ROReportTriggerType, ROSpecState, StatusCode};
use crate::codec::message::{self, Message};
use crate::codec::param::{
    AISpec, AISpecStopTrigger, EventNotificationState, InventoryParameterSpec, LLRPStatus,
    ROBoundarySpec, ROReportSpec, ROSpec, ROSpecStartTrigger, ROSpecStopTrigger,
    ReaderEventNotificationSpec, TagReportContentSelector, TagReportData,
};
use crate::codec::status::explain;
use crate::codec::{Frame, Params, code, message::parse};
use crate::report::EpcBytes;

const START_US: u64 = 1_795_305_600_000_000;

/// A reader with a client that says what it likes.
struct Desk {
    reader: Reader,
    now_us: u64,
    version: u8,
    /// Messages that are no responses, in the order they came.
    told: Vec<Message>,
}

impl Desk {
    fn new(config: ReaderConfig) -> Self {
        let mut desk = Self {
            reader: Reader::new(config),
            now_us: START_US,
            version: 1,
            told: Vec::new(),
        };
        desk.reader.connect(desk.now_us);
        desk.listen();
        desk
    }

    /// Takes what the reader says; the response to `message_id`, if it is among it.
    fn hear(&mut self, message_id: u32) -> Option<Frame> {
        let mut response = None;
        while let Some(bytes) = self.reader.poll_transmit() {
            let frame = parse(&bytes).expect("the reader speaks LLRP strictly");
            let own = matches!(
                frame.message,
                Message::ROAccessReport(_)
                    | Message::ReaderEventNotification(_)
                    | Message::Keepalive(_)
            );
            if !own && frame.message_id == message_id {
                response = Some(frame);
            } else {
                self.told.push(frame.message);
            }
        }
        response
    }

    fn listen(&mut self) {
        assert_eq!(self.hear(u32::MAX), None);
    }

    /// Sends a message; its response, if one came.
    fn say(&mut self, message: impl Into<Message>) -> Option<Message> {
        let frame = Frame {
            version: self.version,
            message_id: 4711,
            message: message.into(),
        };
        self.reader
            .handle_bytes(self.now_us, &frame.encode().unwrap())
            .unwrap();
        self.hear(4711).map(|frame| frame.message)
    }

    /// The same for a request that must succeed.
    fn ask(&mut self, message: impl Into<Message>) -> Message {
        let response = self.say(message).expect("a response");
        let status = status_of(&response);
        assert_eq!(
            status.status_code,
            StatusCode::Success,
            "{}",
            explain(&status)
        );
        response
    }

    /// The same for one that must be refused: why, in words.
    fn refused(&mut self, message: impl Into<Message>) -> String {
        let response = self.say(message).expect("a response");
        let status = status_of(&response);
        assert_ne!(status.status_code, StatusCode::Success);
        explain(&status)
    }

    /// Lets time pass, with everything that falls due on the way.
    fn pass_ms(&mut self, ms: u64) {
        let end_us = self.now_us + ms * 1000;
        while let Some(due_us) = self.reader.poll_timeout().filter(|due| *due <= end_us) {
            assert!(due_us > self.now_us, "time goes on");
            self.now_us = due_us;
            self.reader.handle_timeout(due_us);
            self.listen();
        }
        self.now_us = end_us;
        self.reader.handle_timeout(end_us);
        self.listen();
    }

    /// The radio sees tag number `tag`; whether it counts.
    fn see(&mut self, tag: u8, antenna: u16) -> bool {
        let counts = self.reader.tag(self.now_us, &sighting(tag, antenna));
        self.listen();
        counts
    }

    /// Takes the tag reports so far out of what was told.
    fn reports(&mut self) -> Vec<TagReportData> {
        let mut reports = Vec::new();
        self.told.retain(|message| {
            if let Message::ROAccessReport(report) = message {
                reports.extend(report.params.all::<TagReportData>().cloned());
            }
            !matches!(message, Message::ROAccessReport(_))
        });
        reports
    }

    /// Tag numbers reported so far, taken out.
    fn tags(&mut self) -> Vec<u8> {
        let number = |report: &TagReportData| {
            let epc: &crate::codec::param::EPC96 = report.params.first().expect("96 bits");
            epc.epc[11]
        };
        self.reports().iter().map(number).collect()
    }

    /// Takes the events so far out of what was told, each in its debug form.
    fn events(&mut self) -> String {
        let mut events = String::new();
        self.told.retain(|message| {
            let is_event = matches!(message, Message::ReaderEventNotification(_));
            if is_event {
                events.push_str(&format!("{message:?}\n"));
            }
            !is_event
        });
        events
    }

    /// Adds a ROSpec and enables it.
    fn run(&mut self, spec: ROSpec) {
        let rospec_id = spec.rospec_id;
        self.ask(message::AddROSpec {
            params: Params::default().with(spec),
        });
        self.ask(message::EnableROSpec { rospec_id });
    }

    fn wants(&mut self, event_type: code::NotificationEventType) {
        let state = EventNotificationState {
            event_type,
            enabled: true,
        };
        let spec = ReaderEventNotificationSpec {
            params: Params::default().with(state),
        };
        self.ask(message::SetReaderConfig {
            params: Params::default().with(spec),
            ..Default::default()
        });
    }
}

fn sighting(tag: u8, antenna: u16) -> Sighting {
    let mut epc = [0x30; 12];
    epc[11] = tag;
    Sighting {
        epc: EpcBytes::new(&epc).unwrap(),
        bit_len: 96,
        pc: 0x3000,
        antenna,
        rssi_dbm: -60,
    }
}

/// The status of a response, wherever its kind has it.
fn status_of(message: &Message) -> LLRPStatus {
    macro_rules! status {
        ($($kind:ident)*) => {
            match message {
                $( Message::$kind(response) => response.params.first::<LLRPStatus>(), )*
                Message::CustomMessage(custom) => {
                    let response = crate::codec::impinj::EnableExtensionsResponse::from_message(custom);
                    return response.and_then(|r| r.status().cloned()).expect("a status");
                }
                _ => None,
            }
        };
    }
    let status = status!(
        GetSupportedVersionResponse SetProtocolVersionResponse GetReaderCapabilitiesResponse GetReaderConfigResponse
        SetReaderConfigResponse CloseConnectionResponse GetROSpecsResponse AddROSpecResponse DeleteROSpecResponse
        StartROSpecResponse StopROSpecResponse EnableROSpecResponse DisableROSpecResponse GetAccessSpecsResponse
        AddAccessSpecResponse DeleteAccessSpecResponse EnableAccessSpecResponse DisableAccessSpecResponse ErrorMessage
    );
    status.cloned().expect("a status")
}

/// A ROSpec over all antennas that reports each tag at once.
fn rospec(start: ROSpecStartTrigger, stop: ROSpecStopTrigger) -> ROSpec {
    let part = AISpec {
        antenna_ids: vec![0],
        params: Params::default()
            .with(AISpecStopTrigger::default())
            .with(InventoryParameterSpec {
                inventory_parameter_spec_id: 1,
                protocol_id: code::AirProtocol::EpcGen2,
                params: Params::default(),
            }),
    };
    ROSpec {
        rospec_id: 1,
        priority: 0,
        current_state: ROSpecState::Disabled,
        params: Params::default()
            .with(ROBoundarySpec {
                params: Params::default().with(start).with(stop),
            })
            .with(part)
            .with(report(ROReportTriggerType::UponNTagsOrEndOfROSpec, 1)),
    }
}

fn report(trigger: ROReportTriggerType, n: u16) -> ROReportSpec {
    ROReportSpec {
        trigger,
        n,
        params: Params::default().with(TagReportContentSelector::default()),
    }
}

fn immediately() -> ROSpecStartTrigger {
    ROSpecStartTrigger {
        trigger_type: code::ROSpecStartTriggerType::Immediate,
        ..Default::default()
    }
}
