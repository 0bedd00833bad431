//! What a condition is about goes with a reload: then the condition goes with it.

use jiff::Timestamp;

use super::*;
use crate::health::{BrokerState, Code, DeviceKind, Holder, Problem};
use crate::tls::Validity;

/// A door whose reader has more than the door uses, a station with a light, and a light at the reader's outputs.
const WHOLE: &str = r#"
[llrp.dock_1]
host = "127.0.0.1"
port = 1
tls = true
antennas = { 1 = "30 dBm", 2 = "30 dBm", 3 = "30 dBm" }
gpo = { 1 = "command" }
[read_point.dock_1]
mode = "dock"
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
outside = ["dock_1/1", "dock_1/3"]
inside = ["dock_1/2"]
photo_eyes = { outside = "dock_1/1" }
in = { biz_step = "receiving" }
[scanner.pack_1]
serial = "/dev/no-pack_1"
heartbeat = ["BEAT"]
light = "lamp_1"
[light.lamp_1]
modbus = "127.0.0.1:1"
green = 0
"#;

fn without(part: &str, instead: &str) -> String {
    assert!(WHOLE.contains(part), "{part}");
    WHOLE.replace(part, instead)
}

/// Without the section of this device, and what depends on it.
fn no_device(name: &str) -> String {
    let sections = WHOLE.split("\n[").skip(1);
    let own = format!(".{name}]");
    let left = sections.filter(|it| !it.lines().next().unwrap_or_default().ends_with(&own[1..]));
    let left: String = left.map(|it| format!("[{it}\n")).collect();
    left.replace(&format!("light = \"{name}\"\n"), "")
}

fn antenna_gone() -> [String; 3] {
    [
        without(", \"dock_1/3\"", ""),
        without(", \"dock_1/3\"", "").replace(", 3 = \"30 dBm\"", ""),
        no_device("dock_1"),
    ]
}

/// Notes that a certificate of the reader ends soon, or has.
fn certificate(health: &Health, days: i64) {
    let at = |days: i64| Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    let validity = Validity {
        not_before: at(-100),
        not_after: at(days),
    };
    let holder = Holder::Reader("dock_1".to_owned());
    health.certificate(holder, Some(validity));
}

/// Raises a condition, and says with which configurations it is about nothing any more; with none: it is about nothing that
/// a reload can take away, and what it is about waits for a restart.
fn raise(code: Code, health: &Health) -> Vec<String> {
    let down = |name: &str, reason: &str| {
        let reason = reason.to_owned();
        health.device(name, DeviceState::Down { reason });
        vec![no_device(name)]
    };
    let problem = |name: &str, problem| {
        health.problem(name, problem, Some("x"));
        vec![no_device(name)]
    };
    // Shown for a while; of a reader at another address that is not true.
    let incident = |problem| {
        health.incident("dock_1", problem, "x");
        let elsewhere = without("host = \"127.0.0.1\"", "host = \"127.0.0.2\"");
        vec![elsewhere, no_device("dock_1")]
    };
    let tls = || vec![without("tls = true\n", ""), no_device("dock_1")];
    match code {
        Code::ReaderBusy => down("dock_1", "another client holds the reader"),
        Code::ReaderRefused => down("dock_1", "the reader refused 9 dBm"),
        Code::DeviceUntrusted => down("dock_1", "its certificate has expired"),
        Code::DeviceDenied => down("pack_1", "it may not be opened"),
        Code::DeviceGone => down("pack_1", "it is not there"),
        Code::PortTaken => down("pack_1", "cannot listen on 127.0.0.1:1"),
        Code::DeviceAwaited => down("pack_1", "waits for the scanner"),
        Code::ReaderUnreachable => down("dock_1", "does not answer"),
        Code::DeviceUnreachable => down("lamp_1", "does not answer"),
        Code::ReaderSilent => {
            problem("dock_1", Problem::NoReads);
            // Nobody knows any more what it should read.
            let sections = without("[llrp.dock_1]", "[llrp.dock_2]");
            let no_door = WHOLE.split("[read_point").next().unwrap().to_owned();
            let other = sections.replace("\"dock_1/", "\"dock_2/");
            vec![no_door, other]
        }
        Code::AntennaDown => {
            problem("dock_1", Problem::Antenna(3));
            antenna_gone().to_vec()
        }
        Code::AntennaWeak => {
            problem("dock_1", Problem::Weak(3));
            antenna_gone().to_vec()
        }
        Code::EyeIgnored => {
            problem("dock_1", Problem::Input(1));
            let eyes = "photo_eyes = { outside = \"dock_1/1\" }\n";
            let other = eyes.replace("/1", "/2");
            vec![
                without(eyes, ""),
                without(eyes, &other),
                no_device("dock_1"),
            ]
        }
        Code::OutputFailed => {
            problem("dock_1", Problem::Output(1));
            vec![
                without("gpo = { 1 = \"command\" }\n", ""),
                no_device("dock_1"),
            ]
        }
        Code::ReaderOverflow => incident(Problem::Buffer),
        Code::ReaderFault => incident(Problem::Exception),
        Code::ReaderRebooted => incident(Problem::Reboot),
        Code::ReaderClock => problem("dock_1", Problem::ClockOff),
        Code::DeviceSilent => {
            problem("pack_1", Problem::Silent);
            vec![without("heartbeat = [\"BEAT\"]\n", ""), no_device("pack_1")]
        }
        Code::FramesUnknown => problem("pack_1", Problem::UnknownFrame),
        Code::LogTrouble => problem("pack_1", Problem::Log),
        Code::CertificateInvalid => {
            certificate(health, -1);
            tls()
        }
        Code::CertificateExpires => {
            certificate(health, 3);
            tls()
        }
        Code::StorageFailed
        | Code::BufferFull
        | Code::TaskStuck
        | Code::BrokerDenied
        | Code::BrokerDown
        | Code::BrokerRefuses
        | Code::BrokerStalled
        | Code::StoreRefused
        | Code::StoreSilent
        | Code::StoreSubscription
        | Code::BufferDamaged
        | Code::ReferenceFailed
        | Code::LotsNotHeard
        | Code::LotsStale
        | Code::LotsIncomplete
        | Code::LotsMessageRefused
        | Code::CommandsNotHeard
        | Code::EventsSetAside
        | Code::BufferGrowing
        | Code::BufferNearlyFull
        | Code::DiskLow
        | Code::CertificateUnusable
        | Code::SecretExposed
        | Code::ConfigLastGood
        | Code::ConfigRejected
        | Code::ConfigWaits
        | Code::ClockUnsynced => Vec::new(),
    }
}

/// Devices that are still there are connected: what is wrong with one that is not is not told.
fn connect(rig: &Rig) {
    for name in rig.health.status().devices.into_keys() {
        rig.health.device(&name, DeviceState::Up);
    }
}

#[tokio::test]
async fn no_condition_outlives_what_it_is_about() {
    let mut told = 0;
    for code in Code::ALL {
        let ways = raise(*code, &Health::new("plant-3", "e")).len();
        for way in 0..ways {
            let mut rig = Rig::new();
            rig.health.broker(BrokerState::Up);
            rig.follow(WHOLE).await;
            connect(&rig);
            let away = raise(*code, &rig.health).remove(way);
            assert!(rig.health.holds(*code), "{code:?}");
            rig.follow(&away).await;
            connect(&rig);
            assert!(!rig.health.holds(*code), "{code:?} outlives {away}");
            rig.running.stop().await;
            told += 1;
        }
    }
    assert!(told > 25, "{told}");
}

/// The same reload leaves alone what is wrong with what stays.
#[tokio::test]
async fn what_is_wrong_with_what_stays_stays() {
    let mut rig = Rig::new();
    rig.follow(WHOLE).await;
    connect(&rig);
    let health = rig.health.clone();
    for problem in [
        Problem::Antenna(2),
        Problem::Weak(1),
        Problem::Input(1),
        Problem::NoReads,
        Problem::ClockOff,
    ] {
        health.problem("dock_1", problem, Some("x"));
    }
    certificate(&health, 3);
    health.reads("dock_1", Some(2), 7);
    rig.follow(&without(", \"dock_1/3\"", "")).await;
    connect(&rig);
    for code in [
        Code::AntennaDown,
        Code::AntennaWeak,
        Code::EyeIgnored,
        Code::ReaderSilent,
        Code::ReaderClock,
        Code::CertificateExpires,
    ] {
        assert!(health.holds(code), "{code:?}");
    }
    let report = health.device_report("dock_1", DeviceKind::Reader);
    assert_eq!(report.antennas[&2].reads, 7);
    rig.running.stop().await;
}
