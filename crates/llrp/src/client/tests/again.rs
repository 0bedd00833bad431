//! What is recognised after a reconnect, and what has changed meanwhile: ROSpec, configuration, clock.

use std::time::Duration;

use super::pair::{EPOCH_US, Pair, rospec};
use crate::client::*;
use crate::codec::Params;
use crate::codec::code::GPIPortState;
use crate::codec::message::*;
use crate::codec::param::*;
use crate::codec::{Frame, Message};
use crate::reader::ReaderConfig;
use crate::report::ReaderTime;

fn events(pair: &Pair) -> Vec<&ClientEvent> {
    let of_clock = |event: &&ClientEvent| {
        matches!(
            event,
            ClientEvent::Rebooted | ClientEvent::ClockStepped { .. }
        )
    };
    pair.events.iter().filter(of_clock).collect()
}

/// Another client's request, as if it had the reader for a moment.
fn interfere(pair: &mut Pair, message: impl Into<Message>) {
    let frame = Frame {
        version: 1,
        message_id: 1,
        message: message.into(),
    };
    pair.client.handle_end(pair.now);
    pair.reader.connect(pair.utc_us());
    pair.reader
        .handle_bytes(pair.utc_us(), &frame.encode().unwrap())
        .unwrap();
    while pair.reader.poll_transmit().is_some() {}
}

fn filling_in() -> ReaderConfig {
    ReaderConfig {
        fills_in_defaults: true,
        ..ReaderConfig::default()
    }
}

#[test]
fn a_rospec_with_defaults_filled_in_is_recognised() {
    let mut pair = Pair::new(ClientConfig::default(), filling_in());
    pair.drive();
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(pair.told_ready(), (true, &[][..]));
    let told = pair.client.setup.stock.own.clone().unwrap();
    assert_ne!(
        told.params,
        pair.planned().params,
        "the reader does fill in"
    );
}

#[test]
fn what_was_deleted_from_the_configuration_goes_though_the_gateway_was_restarted() {
    let antenna = AntennaConfig {
        id: 1,
        power: None,
        receive_sensitivity: None,
    };
    let plain = ClientConfig {
        antennas: vec![antenna],
        ..ClientConfig::default()
    };
    let power = AntennaConfig {
        power: Some(Dbm::from_hundredths(2000)),
        ..antenna
    };
    let sensitivity = AntennaConfig {
        receive_sensitivity: Some(20),
        ..antenna
    };
    let with = |antenna| ClientConfig {
        antennas: vec![antenna],
        ..ClientConfig::default()
    };
    let search = ClientConfig {
        search_mode: Some(SearchMode::DualTarget),
        ..plain.clone()
    };
    let mode = ClientConfig {
        mode: Some(RfMode::Id(1000)),
        ..plain.clone()
    };
    for (before, vendor) in [
        (with(power), false),
        (with(sensitivity), false),
        (search, true),
        (mode, false),
    ] {
        let reader = ReaderConfig {
            fills_in_defaults: false,
            ..if vendor {
                ReaderConfig::impinj()
            } else {
                ReaderConfig::default()
            }
        };
        let mut pair = Pair::new(before.clone(), reader);
        pair.drive();
        assert!(pair.client.is_ready(), "{:?}", pair.events);
        let forget = |pair: &mut Pair| pair.client.memory = Memory::default();
        forget(&mut pair);
        pair.reconnect(Duration::from_secs(1));
        assert!(pair.told_ready().0, "unchanged: {before:?}");
        pair.config = plain.clone();
        forget(&mut pair);
        pair.reconnect(Duration::from_secs(1));
        assert!(!pair.told_ready().0, "{before:?}");
    }
}

#[test]
fn what_others_did_to_our_rospec_is_undone() {
    let mut pair = Pair::new(ClientConfig::default(), filling_in());
    pair.drive();
    let input = GPIPortCurrentState {
        gpi_port_num: 1,
        config: false,
        state: GPIPortState::Low,
    };
    interfere(
        &mut pair,
        SetReaderConfig {
            reset_to_factory_default: false,
            params: Params::default().with(input),
        },
    );
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(
        pair.warnings(),
        ["other software has changed the reader's configuration since the last session"]
    );
    assert!(
        !pair.told_ready().0,
        "defaults or somebody's doing: it cannot be told"
    );
    assert_eq!(events(&pair), [&ClientEvent::Rebooted; 0]);
}

#[test]
fn additions_that_choose_tags_or_antennas_are_no_defaults() {
    let config = ClientConfig {
        antennas: vec![AntennaConfig {
            id: 1,
            power: None,
            receive_sensitivity: None,
        }],
        ..ClientConfig::default()
    };
    let ours = rospec(&config);
    let mut more_antennas = ours.clone();
    let mut filtered = ours.clone();
    let mut reordered = ours.clone();
    reordered.params.0.reverse();
    for param in &mut more_antennas.params.0 {
        if let Param::AISpec(ai) = param {
            ai.antenna_ids.push(2);
        }
    }
    for param in &mut filtered.params.0 {
        let Param::AISpec(ai) = param else { continue };
        for param in &mut ai.params.0 {
            let Param::InventoryParameterSpec(inventory) = param else {
                continue;
            };
            for param in &mut inventory.params.0 {
                let Param::AntennaConfiguration(antenna) = param else {
                    continue;
                };
                for param in &mut antenna.params.0 {
                    if let Param::C1G2InventoryCommand(command) = param {
                        command.params.push(C1G2Filter::default());
                    }
                }
            }
        }
    }
    let holds = |theirs: &ROSpec| compare::holds_rospec(&ours, theirs, Some(4), true);
    assert!(holds(&ours) && holds(&reordered));
    assert!(!holds(&more_antennas) && !holds(&filtered));
    let all = rospec(&ClientConfig::default());
    let listed = rospec(&ClientConfig {
        antennas: (1..=4)
            .map(|id| AntennaConfig {
                id,
                ..config.antennas[0]
            })
            .collect(),
        ..ClientConfig::default()
    });
    assert!(
        compare::holds_rospec(&all, &listed, Some(4), true),
        "antenna 0 is all of them"
    );
    assert!(!compare::holds_rospec(&all, &listed, Some(5), true));
}

#[test]
fn a_restart_is_noticed_by_what_is_gone_or_by_the_uptime() {
    for has_utc_clock in [true, false] {
        let config = ReaderConfig {
            has_utc_clock,
            ..ReaderConfig::default()
        };
        let mut pair = Pair::new(ClientConfig::default(), config);
        pair.drive();
        pair.pass(Duration::from_secs(100));
        pair.reconnect(Duration::from_secs(1));
        assert_eq!(events(&pair), [&ClientEvent::Rebooted; 0]);
        pair.client.handle_end(pair.now);
        pair.reader.reboot();
        pair.reconnect(Duration::from_secs(1));
        assert_eq!(events(&pair), [&ClientEvent::Rebooted]);
        assert!(pair.reader.is_reading());
        // Not once more.
        pair.reconnect(Duration::from_secs(1));
        assert_eq!(events(&pair), [&ClientEvent::Rebooted; 0]);
    }
}

#[test]
fn an_uptime_that_went_back_is_a_restart_though_the_reader_kept_its_specs() {
    let config = ReaderConfig {
        has_utc_clock: false,
        ..ReaderConfig::default()
    };
    let mut pair = Pair::new(ClientConfig::default(), config);
    pair.drive();
    pair.client.memory.last_time = Some(ReaderTime::Uptime(3_600_000_000));
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(events(&pair), [&ClientEvent::Rebooted]);
    assert!(pair.reader.is_reading());
}

#[test]
fn our_own_writes_to_outputs_are_no_doing_of_others() {
    let mut pair = Pair::new(ClientConfig::default(), filling_in());
    pair.drive();
    pair.client.set_gpo(pair.now, 1, true);
    pair.drive();
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(pair.told_ready(), (true, &[][..]));
    assert_eq!(pair.warnings(), [""; 0]);
}

#[test]
fn a_rospec_that_we_replace_is_no_restart() {
    let mut pair = Pair::ready();
    pair.config.session = 2;
    pair.reader.refuse(AddROSpec::TYPE, None, u32::MAX);
    pair.reconnect(Duration::from_secs(1));
    assert!(pair.client.is_closed());
    pair.reader
        .set_faults(crate::reader::ReaderFaults::default());
    pair.reconnect(Duration::from_secs(1));
    assert!(pair.client.is_ready());
    assert_eq!(events(&pair), [&ClientEvent::Rebooted; 0]);
}

#[test]
fn a_clock_that_was_never_set_or_goes_back_is_flagged() {
    let year_2000 = 946_684_800_000_000;
    let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
    pair.reader
        .set_clock_error_us(year_2000 - EPOCH_US as i64 - 1_000_000_000);
    pair.reader.connect(pair.utc_us());
    pair.drive();
    assert_eq!(
        pair.events[0],
        ClientEvent::Connected {
            reader_time: ReaderTime::Utc(year_2000 as u64),
            clock_unset: true
        }
    );
    assert_eq!(
        pair.warnings(),
        [
            "the reader's clock was never set, it tells a time before 2010: give the reader a time server"
        ]
    );
    // Somebody sets it, then sets it back by a minute.
    pair.reader.set_clock_error_us(0);
    pair.reader.exception(pair.utc_us(), "x");
    pair.drive();
    assert_eq!(events(&pair), [&ClientEvent::Rebooted; 0]);
    pair.reader.set_clock_error_us(-60_000_000);
    pair.reader.exception(pair.utc_us(), "x");
    pair.drive();
    let us = pair.utc_us();
    let stepped = |from, to| ClientEvent::ClockStepped {
        from: ReaderTime::Utc(from),
        to: ReaderTime::Utc(to),
    };
    assert_eq!(events(&pair), [&stepped(us, us - 60_000_000)]);
    // Back to before the connection, when nothing that was held can come any more.
    pair.events.clear();
    pair.pass(Duration::from_secs(10));
    let us = pair.utc_us();
    pair.reader
        .set_clock_error_us(year_2000 - us as i64 - 10_000_000);
    pair.reader.exception(pair.utc_us(), "x");
    pair.drive();
    assert_eq!(events(&pair).len(), 1);
    pair.reader.set_clock_error_us(-60_000_000);
    pair.reader.exception(pair.utc_us(), "x");
    pair.drive();
    // Between two connections as well.
    pair.reader.set_clock_error_us(-120_000_000);
    pair.reconnect(Duration::from_secs(1));
    let now = pair.utc_us();
    assert_eq!(
        events(&pair),
        [&stepped(us - 60_000_000, now - 120_000_000)]
    );
}

#[test]
fn held_events_are_old_and_no_step_back() {
    let mut pair = Pair::ready();
    pair.client.handle_end(pair.now);
    pair.reader.disconnect();
    for second in 0..10 {
        pair.now += Duration::from_secs(1);
        pair.reader.gpi_event(pair.utc_us(), 1, second % 2 == 0);
    }
    pair.reconnect(Duration::from_secs(30));
    let held = |event: &&ClientEvent| {
        matches!(
            event,
            ClientEvent::Gpi {
                reader_time: Some(_),
                ..
            }
        )
    };
    assert_eq!(pair.events.iter().filter(held).count(), 10);
    assert_eq!(events(&pair), [&ClientEvent::Rebooted; 0]);
}

/// As readers do that tell of their buffer at once, and then what is in it.
#[test]
fn a_held_event_after_one_of_the_present_is_no_step_back() {
    let mut pair = Pair::ready();
    pair.reconnect(Duration::from_secs(30));
    let now = pair.utc_us();
    pair.reader.exception(now, "of the present");
    pair.drive();
    for ago_s in [25, 20, 15] {
        tell(&mut pair, now - ago_s * 1_000_000);
        pair.pass(Duration::from_millis(900));
    }
    assert_eq!(events(&pair), [&ClientEvent::Rebooted; 0]);
    // Long after, such a time means that the clock was set back.
    pair.pass(Duration::from_secs(7));
    tell(&mut pair, now - 10_000_000);
    assert_eq!(events(&pair).len(), 1);
}

/// A warning of the reader's, with this time.
fn tell(pair: &mut Pair, microseconds: u64) {
    let data = ReaderEventNotificationData {
        params: Params::default().with(UTCTimestamp { microseconds }).with(
            ReportBufferLevelWarningEvent {
                percentage_full: 90,
            },
        ),
    };
    let params = Params::default().with(data);
    pair.deliver_message(7, ReaderEventNotification { params });
}

#[test]
fn events_without_a_use_still_tell_the_time() {
    let pair = Pair::ready();
    let started = |event: &ClientEvent| matches!(event, ClientEvent::Time { .. });
    assert!(pair.events.iter().any(started), "of the ROSpec's start");
}
