//! What a reader says about itself, its inputs and its outputs.

use std::collections::{BTreeMap, BTreeSet};

use tracegate_llrp::client::{ClientConfig, RfMode};
use tracegate_llrp::reader::{ReaderConfig, RefusedRequest};
use tracegate_sim::reader::{Fault, SimReader, SimReaderConfig};

use super::reader::{reading, tag};
use super::*;
use crate::config::OutputUse;
use crate::core::Feedback;
use crate::downlink::order::{Action, OutputState};
use crate::health::{Configured, DeviceKind, Uses};
use crate::source::llrp::link::Link;
use crate::source::llrp::{Settings, run};

const USES: [(u16, OutputUse); 4] = [
    (1, OutputUse::Movement),
    (2, OutputUse::Alarm),
    (3, OutputUse::Connected),
    (4, OutputUse::Command),
];

fn settings(reader: &SimReader, uses: &[(u16, OutputUse)]) -> Settings {
    let (host, port) = (reader.addr().ip().to_string(), reader.addr().port());
    Settings {
        link: Link::Dial {
            host,
            port,
            tls: None,
        },
        client: ClientConfig {
            keepalive_period: Duration::from_millis(200),
            ..ClientConfig::default()
        },
        outputs: uses.iter().copied().collect(),
        sensors: Vec::new(),
    }
}

/// A reader that is read by a task, and where movements are told.
async fn start(config: SimReaderConfig) -> (SimReader, Rig, mpsc::Sender<Feedback>) {
    start_showing(config, &USES).await
}

async fn start_showing(
    config: SimReaderConfig,
    uses: &[(u16, OutputUse)],
) -> (SimReader, Rig, mpsc::Sender<Feedback>) {
    let reader = SimReader::spawn(config).await.unwrap();
    let (settings, (movements, told)) = (settings(&reader, uses), mpsc::channel(8));
    let rig = Rig::start(100, |context| run(settings, context, None, told));
    reading(&reader).await;
    (reader, rig, movements)
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    wait_until(what, PATIENCE, condition).await.unwrap();
}

#[tokio::test]
async fn antennas_faults_and_restarts_are_conditions_in_words() {
    let (reader, rig, _movements) = start(SimReaderConfig::default()).await;
    until("up", || rig.condition().is_empty()).await;
    reader.set_antenna(3, false).await;
    rig.says("dock_1: antenna 3 is disconnected; check its cable")
        .await;
    reader.set_antenna(3, true).await;
    until("the antenna", || rig.condition().is_empty()).await;
    reader.exception("fan stopped").await;
    rig.says("it reports a fault:").await;
    rig.health.shows_alone("READER-FAULT");
    assert!(
        rig.condition().contains("fan stopped"),
        "{}",
        rig.condition()
    );
    reader.reboot().await;
    rig.says("it was restarted, or lost its settings").await;
    let counters = rig.health.status().devices["dock_1"].counters.clone();
    for (name, count) in [
        ("antenna_disconnects", 1),
        ("exceptions", 1),
        ("reboots", 1),
        ("disconnects", 1),
    ] {
        assert_eq!(counters.get(name), Some(&count), "{name}: {counters:?}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn what_the_reader_refuses_and_what_it_lost_are_conditions() {
    /// ADD_ROSPEC (LLRP 1.1 §20).
    const ADD_ROSPEC: u16 = 20;
    let reader = SimReader::spawn(SimReaderConfig {
        faults: vec![Fault::Refuse(RefusedRequest {
            message_type: ADD_ROSPEC,
            parameter: None,
            times: u32::MAX,
        })],
        ..SimReaderConfig::default()
    });
    let reader = reader.await.unwrap();
    let settings = settings(&reader, &USES);
    let rig = Rig::start(100, |context| {
        run(settings, context, None, mpsc::channel(1).1)
    });
    rig.says("reader refused").await;
    rig.health.shows_alone("READER-REFUSED");
    rig.stop().await;

    let (reader, rig, _movements) = start(SimReaderConfig {
        llrp: ReaderConfig {
            held_reports_max: 4,
            // It does not warn before.
            buffer_warning_percent: 200,
            ..ReaderConfig::default()
        },
        ..SimReaderConfig::default()
    })
    .await;
    // It goes on reading for whoever connects next.
    reader.cut().await;
    for number in 0..40 {
        let now = tracegate_sim::utc_us(tokio::time::Instant::now());
        reader.feed().see(now, tag(number)).await;
    }
    rig.says("its report buffer overflowed").await;
    reading(&reader).await;
    until("up", || rig.health.is_up("dock_1")).await;
    rig.health.shows_alone("READER-OVERFLOW");
    rig.stop().await;
}

#[tokio::test]
async fn a_clock_that_was_never_set_is_a_condition_and_reads_come_all_the_same() {
    // 26 years and a bit back: the year 2000.
    let config = SimReaderConfig {
        clock_offset_us: -(850_000_000 * 1_000_000),
        ..SimReaderConfig::default()
    };
    let (reader, mut rig, _movements) = start(config).await;
    rig.says("its clock was never set").await;
    let now = rig.clock.now().0;
    reader.feed().see(u64::try_from(now).unwrap(), tag(1)).await;
    assert_eq!(rig.reads().await[0].epc[11], 1);
    // What was said during the set-up stands beside what is known at its end.
    let limits = rig.health.status().devices["dock_1"].limits.join("; ");
    assert!(limits.contains("before 2010"), "{limits}");
    rig.stop().await;
}

#[tokio::test]
async fn what_the_reader_cannot_do_stands_in_the_status_and_is_no_alarm() {
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let mut settings = settings(&reader, &USES);
    settings.client.mode = Some(RfMode::Id(999_999));
    let rig = Rig::start(100, |context| {
        run(settings, context, None, mpsc::channel(1).1)
    });
    let works_with = |antennas: &[u16]| {
        let configured = Configured {
            kind: DeviceKind::Reader,
            uses: Uses {
                antennas: antennas.iter().copied().collect(),
                eyes: BTreeSet::new(),
            },
            antennas: None,
        };
        let all = BTreeMap::from([("dock_1".to_owned(), configured)]);
        rig.health.configured(all);
    };
    works_with(&[4, 7]);
    reading(&reader).await;
    let limits = || match rig.health.status().devices.get("dock_1") {
        Some(device) => device.limits.join("; "),
        None => String::new(),
    };
    until("the limit", || limits().contains("999999")).await;
    let absent =
        "antenna 7, which a read point names, does not exist: the reader has antennas 1 to 4";
    until("the antenna", || limits().contains(absent)).await;
    assert!(!limits().contains("antenna 4,"), "{}", limits());
    // A reload by which read points name others, of which its task does not hear.
    works_with(&[4, 9]);
    let told = limits();
    assert!(
        told.contains("antenna 9,") && !told.contains("antenna 7,"),
        "{told}"
    );
    assert!(told.contains("999999"), "{told}");
    works_with(&[4]);
    assert!(!limits().contains("antenna"), "{}", limits());
    assert_eq!(rig.condition(), "");
    rig.stop().await;
}

#[tokio::test]
async fn inputs_come_as_inputs() {
    let (reader, mut rig, _movements) = start(SimReaderConfig::default()).await;
    reader.set_input(2, true).await;
    loop {
        if let Input::Gpi {
            port: 2,
            high: true,
            reader_time: Some(_),
            ..
        } = rig.input().await
        {
            break;
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn outputs_show_the_link_alarms_and_movements() {
    let (reader, rig, movements) = start(SimReaderConfig::default()).await;
    let outputs = || reader.status().outputs;
    until("connected", || outputs() == 0b100).await;
    rig.health.storing(Some("disk full".to_owned()));
    until("the alarm", || outputs() == 0b110).await;
    rig.health.storing(None);
    until("its end", || outputs() == 0b100).await;
    movements.send(Feedback::Movement).await.unwrap();
    until("a movement", || outputs() == 0b101).await;
    until("its end", || outputs() == 0b100).await;
    rig.stop().await;
    assert_eq!(outputs(), 0);
}

#[tokio::test]
async fn an_output_shows_what_may_not_leave() {
    let uses = [(1, OutputUse::Movement), (2, OutputUse::Refuse)];
    let (reader, rig, told) = start_showing(SimReaderConfig::default(), &uses).await;
    let outputs = || reader.status().outputs;
    told.send(Feedback::Refuse).await.unwrap();
    until("the red light", || outputs() == 0b10).await;
    told.send(Feedback::Movement).await.unwrap();
    until("a movement beside it", || outputs() == 0b11).await;
    until("its end", || outputs() == 0b10).await;
    rig.stop().await;
    assert_eq!(outputs(), 0);
}

#[tokio::test]
async fn a_command_switches_its_output_and_the_reader_answers() {
    let (reader, rig, _movements) = start(SimReaderConfig::default()).await;
    let outputs = || reader.status().outputs;
    until("connected", || outputs() == 0b100).await;
    let switch = |port, state| rig.target.give(Action::Output { port, state }).unwrap();
    assert_eq!(switch(4, OutputState::On).await, Ok(Ok(())));
    assert_eq!(outputs(), 0b1100);
    let pulse = OutputState::Pulse(Duration::from_millis(100));
    assert_eq!(switch(4, pulse).await, Ok(Ok(())));
    until("the end of the pulse", || outputs() == 0b100).await;
    rig.stop().await;
}
