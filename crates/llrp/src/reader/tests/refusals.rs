use super::*;
use crate::codec::code::{ConfigRequest, MemoryBank};
use crate::codec::field::Rest;
use crate::codec::param::{
    AntennaConfiguration, AntennaProperties, C1G2Filter, C1G2InventoryCommand, C1G2RFControl,
    C1G2TagInventoryMask, Custom, EventsAndReports, GPOWriteData, RFReceiver, RFSurveySpec,
    RFSurveySpecStopTrigger, RFTransmitter,
};
use crate::codec::{Param, UnknownParam};
use crate::reader::{ReaderFaults, RefusedRequest};

/// A ROSpec whose inventory has this for every antenna.
fn with_antenna(param: impl Into<Param>) -> message::AddROSpec {
    let param = param.into();
    let mut spec = rospec(immediately(), ROSpecStopTrigger::default());
    for part in &mut spec.params.0 {
        if let Param::AISpec(part) = part
            && let Some(Param::InventoryParameterSpec(inventory)) = part.params.0.last_mut()
        {
            inventory.params.push(AntennaConfiguration {
                antenna_id: 0,
                params: Params(vec![param.clone()]),
            });
        }
    }
    add(spec)
}

fn add(spec: ROSpec) -> message::AddROSpec {
    message::AddROSpec {
        params: Params::default().with(spec),
    }
}

fn set(param: impl Into<Param>) -> message::SetReaderConfig {
    message::SetReaderConfig {
        params: Params(vec![param.into()]),
        ..Default::default()
    }
}

fn plain() -> ROSpec {
    rospec(immediately(), ROSpecStopTrigger::default())
}

#[test]
fn each_mistake_is_named_where_it_is() {
    let power = |transmit_power, channel_index| RFTransmitter {
        hop_table_id: 0,
        channel_index,
        transmit_power,
    };
    let filters: Params = (0..3)
        .map(|_| C1G2Filter {
            params: Params::default().with(C1G2TagInventoryMask {
                mb: MemoryBank::Epc,
                ..Default::default()
            }),
            ..Default::default()
        })
        .collect();
    let survey = RFSurveySpec {
        params: Params::default().with(RFSurveySpecStopTrigger::default()),
        ..Default::default()
    };
    let mut with_survey = plain();
    with_survey.params.push(survey);
    let cases: Vec<(Message, &[&str])> = vec![
        (
            add(ROSpec {
                rospec_id: 0,
                ..plain()
            })
            .into(),
            &[
                "ROSpecID 0 is not allowed",
                "ROSpec (177)",
                "field number 0",
            ],
        ),
        (
            add(ROSpec {
                priority: 8,
                ..plain()
            })
            .into(),
            &["priorities are 0 to 7", "field number 1"],
        ),
        (
            add(ROSpec {
                current_state: ROSpecState::Inactive,
                ..plain()
            })
            .into(),
            &["a new ROSpec must be disabled", "field number 2"],
        ),
        (
            with_antenna(power(99, 1)).into(),
            &[
                "the power table has entries 1 to 21",
                "ROSpec (177): an error in a sub-parameter (200); AISpec (183)",
                "RFTransmitter (224): an error in a field of the parameter (201); field number 2",
            ],
        ),
        (
            with_antenna(power(1, 9)).into(),
            &["the frequency table has entries 1 to 4"],
        ),
        (
            with_antenna(RFReceiver {
                receiver_sensitivity: 9,
            })
            .into(),
            &["the sensitivity table has entries 1 to 4"],
        ),
        (
            with_antenna(C1G2InventoryCommand {
                tag_inventory_state_aware: false,
                params: filters,
            })
            .into(),
            &["at most 2 filters are supported", "C1G2Filter (331)"],
        ),
        (
            with_antenna(C1G2InventoryCommand {
                tag_inventory_state_aware: true,
                params: Params::default(),
            })
            .into(),
            &["does not singulate by the tags"],
        ),
        (
            with_antenna(C1G2InventoryCommand {
                params: Params::default().with(C1G2RFControl {
                    mode_index: 5,
                    tari: 0,
                }),
                ..Default::default()
            })
            .into(),
            &["the modes are [1000]", "C1G2RFControl (335)"],
        ),
        (
            with_antenna(Custom {
                vendor: 25882,
                subtype: 23,
                data: Rest(vec![0, 1]),
            })
            .into(),
            &["does not know the vendor", "Custom (1023)"],
        ),
        (
            with_antenna(Param::Unknown(UnknownParam {
                header: 900,
                bytes: Vec::new(),
            }))
            .into(),
            &[
                "does not know the parameter",
                "the reader does not know (207)",
            ],
        ),
        (
            add(with_survey).into(),
            &["makes no surveys", "RFSurveySpec (187)"],
        ),
        (
            set(AntennaProperties::default()).into(),
            &["cannot be set", "AntennaProperties (221)"],
        ),
        (
            set(GPOWriteData {
                gpo_port_number: 9,
                gpo_data: true,
            })
            .into(),
            &["outputs 1 to 4"],
        ),
        (
            message::DeleteROSpec { rospec_id: 7 }.into(),
            &[
                "there is no ROSpec 7",
                "an error in a field of the message (101)",
            ],
        ),
        (
            message::ClientRequestOpResponse {
                params: Params::default().with(crate::codec::param::ClientRequestResponse {
                    params: Params::default().with(crate::codec::param::EPCData::default()),
                    ..Default::default()
                }),
            }
            .into(),
            &["does not support the message (109)"],
        ),
    ];
    for (request, words) in cases {
        let mut desk = Desk::new(ReaderConfig::default());
        let before = desk.reader.counters().refused;
        let text = desk.refused(request);
        for word in words {
            assert!(text.contains(word), "`{word}` in: {text}");
        }
        assert_eq!(desk.reader.counters().refused, before + 1);
    }
}

#[test]
fn a_refused_configuration_changes_nothing() {
    let mut desk = Desk::new(ReaderConfig {
        can_hold_reports: false,
        ..ReaderConfig::default()
    });
    let request = message::SetReaderConfig {
        params: Params::default()
            .with(GPOWriteData {
                gpo_port_number: 1,
                gpo_data: true,
            })
            .with(EventsAndReports {
                hold_events_and_reports_upon_reconnect: true,
            }),
        ..Default::default()
    };
    assert!(desk.refused(request).contains("cannot hold"));
    assert_eq!(desk.reader.gpo(1), Some(false));
}

#[test]
fn a_reader_is_as_narrow_as_it_is_made() {
    let mut desk = Desk::new(ReaderConfig {
        max_rospecs: 1,
        refuse_delete_of_enabled: true,
        has_tag_observation_trigger: false,
        ..ReaderConfig::default()
    });
    desk.run(plain());
    let second = desk.refused(add(ROSpec {
        rospec_id: 2,
        ..plain()
    }));
    assert!(second.contains("at most 1 ROSpecs"), "{second}");
    let enabled = desk.refused(message::DeleteROSpec { rospec_id: 0 });
    assert!(enabled.contains("disable the ROSpec before"), "{enabled}");
    desk.ask(message::DisableROSpec { rospec_id: 0 });
    desk.ask(message::DeleteROSpec { rospec_id: 0 });
    let mut spec = plain();
    for param in &mut spec.params.0 {
        if let Param::AISpec(part) = param {
            part.params.0[0] = AISpecStopTrigger {
                trigger_type: code::AISpecStopTriggerType::TagObservation,
                ..Default::default()
            }
            .into();
        }
    }
    assert!(
        desk.refused(add(spec))
            .contains("does not stop by tags seen")
    );
}

#[test]
fn refusals_and_silence_come_on_command() {
    let mut desk = Desk::new(ReaderConfig::default());
    desk.reader.set_faults(ReaderFaults {
        refuse: vec![
            RefusedRequest {
                message_type: 20,
                parameter: Some(335),
                times: u32::MAX,
            },
            RefusedRequest {
                message_type: 3,
                parameter: None,
                times: 1,
            },
        ],
        ignore: vec![26],
        ..ReaderFaults::default()
    });
    let mode = C1G2InventoryCommand {
        params: Params::default().with(C1G2RFControl {
            mode_index: 1000,
            tari: 0,
        }),
        ..Default::default()
    };
    for _ in 0..3 {
        let text = desk.refused(with_antenna(mode.clone()));
        assert!(text.contains("C1G2RFControl (335)"), "{text}");
    }
    desk.run(plain());
    desk.refused(message::SetReaderConfig::default());
    desk.ask(message::SetReaderConfig::default());
    assert_eq!(desk.say(message::GetROSpecs {}), None);
}

#[test]
fn versions_are_negotiated_once() {
    // A reader of 1.0.1 does not even take the question.
    let mut desk = Desk::new(ReaderConfig::default());
    desk.version = 2;
    let text = desk.refused(message::GetSupportedVersion {});
    assert!(
        text.contains("does not speak this protocol version (110)"),
        "{text}"
    );

    let mut desk = Desk::new(ReaderConfig {
        max_version: 2,
        ..ReaderConfig::default()
    });
    desk.version = 2;
    let Message::GetSupportedVersionResponse(told) = desk.ask(message::GetSupportedVersion {})
    else {
        panic!("the response");
    };
    assert_eq!((told.current_version, told.supported_version), (1, 2));
    let config = message::GetReaderConfig {
        requested_data: ConfigRequest::KeepaliveSpec,
        ..Default::default()
    };
    assert!(
        desk.refused(config.clone()).contains("(110)"),
        "not before it is set"
    );
    let three = message::SetProtocolVersion {
        protocol_version: 3,
    };
    assert!(desk.refused(three).contains("the versions are 1 to 2"));
    let two = message::SetProtocolVersion {
        protocol_version: 2,
    };
    desk.ask(two.clone());
    desk.ask(config.clone());
    let again = desk.refused(two);
    assert!(
        again.contains("does not expect the message now (112)"),
        "{again}"
    );
    desk.version = 1;
    assert!(
        desk.refused(config)
            .contains("the version of this connection is 2")
    );
    // The next connection starts anew.
    desk.reader.disconnect();
    desk.reader.connect(desk.now_us);
    desk.listen();
    desk.ask(message::GetROSpecs {});
}
