//! Which tasks begin and end, and which number a device has.

mod meaning;
mod past;

use std::path::Path;

use tracegate_pipeline::input::DeviceIndex;

use super::*;
use crate::config::{self, Config};
use crate::health::DeviceState;

fn config(sections: &str) -> Config {
    let text = format!(
        "[gateway]\nsite = \"plant-3\"\n{sections}\n[mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n"
    );
    config::from_bytes(Path::new("g.toml"), text.as_bytes(), std::iter::empty())
        .unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human)))
        .config
}

fn scanner(name: &str, more: &str) -> String {
    format!("[scanner.{name}]\nserial = \"/dev/no-{name}\"\n{more}\n")
}

struct Rig {
    running: Running,
    health: Health,
    _inputs: mpsc::Receiver<Input>,
}

impl Rig {
    fn new() -> Self {
        let health = Health::new("plant-3", "e");
        let (inputs, held) = mpsc::channel(64);
        let running = Running::new(Common {
            clock: GatewayClock::start(),
            health: health.clone(),
            inputs,
            stop: CancellationToken::new(),
        });
        Self {
            running,
            health,
            _inputs: held,
        }
    }

    /// Devices by number; who begins, and which numbers end.
    async fn follow(&mut self, sections: &str) -> (Vec<String>, Vec<String>, Vec<DeviceIndex>) {
        let plan = self.running.plan(&config(sections)).unwrap();
        let done = (
            plan.pipeline.devices.clone(),
            plan.anew().to_vec(),
            plan.ended.clone(),
        );
        let leaving = self.running.leaving(&plan);
        self.running.retire(leaving).await.unwrap();
        self.running.start(plan, |_| Known::default());
        done
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&it| it.to_owned()).collect()
}

#[tokio::test]
async fn a_device_keeps_its_number_and_only_what_changed_begins_anew() {
    let mut rig = Rig::new();
    let (b, c) = (scanner("b", ""), scanner("c", ""));
    let done = rig.follow(&format!("{b}{c}")).await;
    assert_eq!(done, (names(&["b", "c"]), names(&["b", "c"]), vec![]));
    // One before it in the alphabet: the others are not told to have other numbers.
    let a = scanner("a", "");
    let done = rig.follow(&format!("{a}{b}{c}")).await;
    assert_eq!(done, (names(&["b", "c", "a"]), names(&["a"]), vec![]));
    let other = scanner("b", "baud = 19200");
    let done = rig.follow(&format!("{a}{other}{c}")).await;
    assert_eq!(done, (names(&["b", "c", "a"]), names(&["b"]), vec![0]));
    // What the pipeline judges by is nothing to the task.
    let judged = scanner("c", "duplicate_window = \"9s\"");
    let done = rig.follow(&format!("{a}{other}{judged}")).await;
    assert_eq!(done, (names(&["b", "c", "a"]), vec![], vec![]));
    let done = rig.follow(&format!("{a}{judged}")).await;
    assert_eq!(done, (names(&["b", "c", "a"]), vec![], vec![0]));
    assert!(!rig.health.status().devices.contains_key("b"));
    // Its number is free for another, and for itself.
    let d = scanner("d", "");
    let done = rig.follow(&format!("{a}{judged}{d}")).await;
    assert_eq!(done, (names(&["d", "c", "a"]), names(&["d"]), vec![]));
    let done = rig.follow(&format!("{a}{b}{judged}{d}")).await;
    assert_eq!(done, (names(&["d", "c", "a", "b"]), names(&["b"]), vec![]));
    assert_eq!(rig.health.stuck(), None);
    rig.running.stop().await;
}

/// What is planned and not done leaves nothing behind that would be taken for stuck.
#[tokio::test]
async fn a_plan_changes_nothing() {
    let mut rig = Rig::new();
    rig.follow(&scanner("a", "")).await;
    let before = rig.health.status().devices;
    drop(rig.running.plan(&config(&scanner("b", ""))).unwrap());
    assert_eq!(rig.health.status().devices.len(), before.len());
    let same = rig.running.plan(&config(&scanner("a", ""))).unwrap();
    assert!(same.anew().is_empty() && same.ended.is_empty());
    rig.running.stop().await;
}

/// Readers that share a port: one that stays keeps its connection while the port is opened anew for another.
#[tokio::test]
async fn a_port_is_opened_anew_only_for_other_readers() {
    let mut rig = Rig::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let reader = |name: &str, from: &str| {
        format!(
            "[llrp.{name}]\nlisten = \"{at}\"\nfrom = \"{from}\"\nantennas = {{ 1 = \"30 dBm\" }}\n"
        )
    };
    let (a, b) = (reader("a", "10.0.0.1"), reader("b", "10.0.0.2"));
    rig.follow(&a).await;
    let handle = |rig: &Rig| {
        let mut doors = rig.running.doors.values();
        doors
            .next()
            .and_then(|(_, task)| Some(task.handle.as_ref()?.id()))
    };
    let first = handle(&rig);
    rig.health.device("a", DeviceState::Up);
    let (_, anew, ended) = rig.follow(&format!("{a}{b}")).await;
    assert_eq!((anew, ended), (names(&["b"]), vec![]));
    let second = handle(&rig);
    assert_ne!(first, second);
    tracegate_sim::wait_until("the port", PATIENCE, || {
        matches!(
            rig.health.status().devices["b"].state,
            DeviceState::Down { .. }
        )
    })
    .await
    .unwrap();
    assert!(
        rig.health.is_up("a"),
        "a connection that stands has nothing to do with it"
    );
    rig.follow(&format!("{a}{b}{}", scanner("c", ""))).await;
    assert_eq!(handle(&rig), second);
    rig.running.stop().await;
}

#[tokio::test]
async fn lights_begin_anew_with_their_module_only() {
    let mut rig = Rig::new();
    let light = |name: &str, coil: u16| {
        format!("[light.{name}]\nmodbus = \"127.0.0.1:1\"\ngreen = {coil}\n")
    };
    let pack = scanner("pack", "light = \"one\"");
    let one = format!("{pack}{}", light("one", 0));
    let (_, anew, _) = rig.follow(&one).await;
    assert_eq!(anew, names(&["pack", "one"]));
    let plan = rig.running.plan(&config(&one)).unwrap();
    assert!(plan.anew().is_empty() && plan.lights.contains_key(&0));
    let (_, anew, ended) = rig.follow(&format!("{one}{}", light("two", 1))).await;
    assert_eq!((anew, ended), (names(&["one", "two"]), vec![]));
    let (_, anew, _) = rig.follow(&scanner("pack", "")).await;
    assert_eq!(anew, [""; 0]);
    assert_eq!(rig.health.status().devices.len(), 1);
    rig.running.stop().await;
}
