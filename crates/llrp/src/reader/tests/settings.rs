use super::*;
use crate::codec::code::{
    ConfigRequest, GPIPortState, KeepaliveTriggerType, NotificationEventType,
};
use crate::codec::param::{
    AntennaConfiguration, AntennaProperties, EventsAndReports, GPIPortCurrentState, GPOWriteData,
    KeepaliveSpec, LLRPConfigurationStateValue, RFTransmitter,
};

fn set(params: Params) -> message::SetReaderConfig {
    message::SetReaderConfig {
        params,
        ..Default::default()
    }
}

impl Desk {
    fn config(&mut self, requested_data: ConfigRequest) -> Params {
        let request = message::GetReaderConfig {
            requested_data,
            ..Default::default()
        };
        match self.ask(request) {
            Message::GetReaderConfigResponse(response) => response.params,
            other => panic!("{other:?}"),
        }
    }

    fn state_value(&mut self) -> u32 {
        let config = self.config(ConfigRequest::ConfigurationStateValue);
        config.first::<LLRPConfigurationStateValue>().unwrap().value
    }
}

#[test]
fn what_is_set_is_told_and_forgotten_by_a_reset() {
    let mut desk = Desk::new(ReaderConfig::default());
    let radio = RFTransmitter {
        hop_table_id: 0,
        channel_index: 2,
        transmit_power: 7,
    };
    let antenna = AntennaConfiguration {
        antenna_id: 0,
        params: Params::default().with(radio.clone()),
    };
    let write = GPOWriteData {
        gpo_port_number: 3,
        gpo_data: true,
    };
    let keepalive = KeepaliveSpec {
        trigger_type: KeepaliveTriggerType::Periodic,
        period_ms: 750,
    };
    let hold = EventsAndReports {
        hold_events_and_reports_upon_reconnect: true,
    };
    let fresh = desk.config(ConfigRequest::All);
    desk.ask(set(Params::default()
        .with(antenna)
        .with(write.clone())
        .with(keepalive.clone())
        .with(hold.clone())));
    let told = desk.config(ConfigRequest::All);
    let radios: Vec<_> = told
        .all::<AntennaConfiguration>()
        .map(|antenna| antenna.params.first::<RFTransmitter>().unwrap())
        .collect();
    assert_eq!(radios, vec![&radio; 4]);
    assert!(told.all::<GPOWriteData>().any(|told| *told == write));
    assert_eq!(told.first(), Some(&keepalive));
    assert_eq!(told.first(), Some(&hold));
    assert_eq!(desk.reader.gpo(3), Some(true));
    desk.ask(message::SetReaderConfig {
        reset_to_factory_default: true,
        params: Params::default(),
    });
    let state = |params: &Params| {
        let mut params = params.clone();
        params
            .0
            .retain(|param| param.name() != "LLRPConfigurationStateValue");
        params
    };
    assert_eq!(state(&desk.config(ConfigRequest::All)), state(&fresh));
}

#[test]
fn one_antenna_or_port_is_told_by_its_number() {
    let mut desk = Desk::new(ReaderConfig::default());
    desk.reader.antenna_event(desk.now_us, 2, false);
    desk.reader.gpi_event(desk.now_us, 4, true);
    let request = |requested_data, antenna_id, gpi_port_num| message::GetReaderConfig {
        requested_data,
        antenna_id,
        gpi_port_num,
        ..Default::default()
    };
    let Message::GetReaderConfigResponse(told) =
        desk.ask(request(ConfigRequest::AntennaProperties, 2, 0))
    else {
        panic!("the response");
    };
    let antennas: Vec<_> = told.params.all::<AntennaProperties>().collect();
    assert_eq!(antennas.len(), 1);
    assert_eq!(
        (antennas[0].antenna_id, antennas[0].antenna_connected),
        (2, false)
    );
    let Message::GetReaderConfigResponse(told) =
        desk.ask(request(ConfigRequest::GpiPortCurrentState, 0, 4))
    else {
        panic!("the response");
    };
    let inputs: Vec<_> = told.params.all::<GPIPortCurrentState>().collect();
    assert_eq!((inputs.len(), inputs[0].state), (1, GPIPortState::High));
    let beyond = desk.refused(request(ConfigRequest::All, 5, 0));
    assert!(
        beyond.contains("antennas 1 to 4") && beyond.contains("field number 0"),
        "{beyond}"
    );
}

#[test]
fn the_state_value_tells_changes_and_reboots() {
    let mut desk = Desk::new(ReaderConfig::default());
    let mut last = desk.state_value();
    assert_eq!(desk.state_value(), last, "asking changes nothing");
    let mut changes = |desk: &mut Desk, message: Message| {
        desk.ask(message);
        let now = desk.state_value();
        assert_ne!(now, last);
        last = now;
    };
    changes(&mut desk, set(Params::default()).into());
    let spec = rospec(ROSpecStartTrigger::default(), ROSpecStopTrigger::default());
    let add = message::AddROSpec {
        params: Params::default().with(spec),
    };
    changes(&mut desk, add.into());
    changes(&mut desk, message::DeleteROSpec { rospec_id: 1 }.into());
    let missing = message::DeleteROSpec { rospec_id: 1 };
    desk.refused(missing);
    assert_eq!(desk.state_value(), last, "a refusal changes nothing");
    desk.reader.reboot();
    desk.reader.connect(desk.now_us);
    desk.listen();
    assert_ne!(desk.state_value(), last);
}

#[test]
fn an_input_that_is_not_watched_says_nothing() {
    let mut desk = Desk::new(ReaderConfig::default());
    desk.wants(NotificationEventType::GpiEvent);
    desk.reader.gpi_event(desk.now_us, 1, true);
    desk.listen();
    assert!(desk.events().contains("GPIEvent"));
    desk.ask(set(Params::default().with(GPIPortCurrentState {
        gpi_port_num: 1,
        config: false,
        state: GPIPortState::NotKnown,
    })));
    desk.reader.gpi_event(desk.now_us, 1, false);
    desk.listen();
    assert_eq!(desk.events(), "");
}

#[test]
fn a_disconnected_antenna_sees_nothing() {
    let mut desk = Desk::new(ReaderConfig::default());
    desk.run(rospec(immediately(), ROSpecStopTrigger::default()));
    desk.reader.antenna_event(desk.now_us, 2, false);
    assert!(desk.see(1, 1) && !desk.see(2, 2));
    desk.reader.antenna_event(desk.now_us, 2, true);
    assert!(desk.see(3, 2));
}

#[test]
fn a_full_buffer_warns_once_then_overflows() {
    let mut desk = Desk::new(ReaderConfig {
        held_reports_max: 10,
        ..ReaderConfig::default()
    });
    desk.run(rospec(immediately(), ROSpecStopTrigger::default()));
    desk.wants(NotificationEventType::ReportBufferFillWarning);
    desk.ask(set(Params::default().with(EventsAndReports {
        hold_events_and_reports_upon_reconnect: true,
    })));
    desk.reader.disconnect();
    for tag in 1..=12 {
        assert!(desk.reader.tag(desk.now_us, &sighting(tag, 1)));
    }
    desk.reader.connect(desk.now_us);
    desk.listen();
    assert_eq!(desk.tags(), [], "held until released");
    desk.say(message::EnableEventsAndReports {});
    let events = desk.events();
    assert_eq!(events.matches("percentage_full: 80").count(), 1, "{events}");
    assert_eq!(events.matches("ReportBufferOverflowErrorEvent(").count(), 1);
    assert_eq!(
        desk.tags(),
        (3..=12).collect::<Vec<_>>(),
        "the oldest are gone"
    );
}

#[test]
fn the_clock_may_be_wrong_without_delaying_anything() {
    let mut desk = Desk::new(ReaderConfig::default());
    desk.ask(set(Params::default().with(KeepaliveSpec {
        trigger_type: KeepaliveTriggerType::Periodic,
        period_ms: 100,
    })));
    desk.told.clear();
    desk.reader.set_clock_error_us(-3_600_000_000);
    desk.pass_ms(1000);
    assert_eq!(desk.told, vec![Message::from(message::Keepalive {}); 10]);
    desk.wants(NotificationEventType::ReaderExceptionEvent);
    desk.reader.exception(desk.now_us, "x");
    desk.listen();
    let time = desk.now_us - 3_600_000_000;
    assert!(desk.events().contains(&time.to_string()), "an hour behind");
}
