use std::collections::VecDeque;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::downlink::order::Action;
use crate::source::tests::{PATIENCE, Rig};
use tracegate_sim::wait_until;

/// What a scanner says of itself: report 2 with count, identifiers, data and a flag; output report FD.
pub(super) const DESCRIPTOR: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x85, 0x02, 0x75, 0x08, 0x95, 0x01, 0x05, 0x01, 0x09, 0x3B,
    0x81, 0x02, 0x05, 0x8C, 0x95, 0x03, 0x19, 0xFB, 0x29, 0xFD, 0x81, 0x02, 0x95, 0x38, 0x09, 0xFE,
    0x81, 0x02, 0x95, 0x02, 0x81, 0x03, 0x75, 0x01, 0x95, 0x08, 0x09, 0xFF, 0x81, 0x02, 0x85, 0xFD,
    0x75, 0x08, 0x95, 0x3F, 0x09, 0x22, 0x91, 0x02, 0xC0,
];
/// A keyboard's.
const KEYBOARD: &[u8] = &[0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0xC0];

/// A USB socket, and what is plugged in.
#[derive(Default)]
struct Socket {
    nodes: Vec<Node>,
    refusal: Option<String>,
    /// Answers to reads; an error is an unplugged device.
    reports: VecDeque<Result<Vec<u8>, String>>,
    written: Vec<Vec<u8>>,
    features: Vec<Vec<u8>>,
    open: usize,
}

#[derive(Clone, Default)]
struct FakeBus(Arc<Mutex<Socket>>);

impl FakeBus {
    fn with<T>(&self, act: impl FnOnce(&mut Socket) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    fn plug(&self, node: Node) {
        self.with(|it| it.nodes.push(node));
    }

    fn report(&self, aim: &[u8; 3], data: &[u8], more: bool) {
        let mut report = vec![2, data.len() as u8];
        report.extend(aim);
        report.extend(data);
        report.resize(63, 0);
        report.push(u8::from(more));
        self.with(|it| it.reports.push_back(Ok(report)));
    }

    fn unplug(&self) {
        self.with(|it| {
            it.nodes.clear();
            it.reports.push_back(Err("no such device".to_owned()));
        });
    }
}

impl Bus for FakeBus {
    fn nodes(&self) -> Vec<Node> {
        self.with(|it| it.nodes.clone())
    }

    fn open(&self, _node: &Node) -> Result<Box<dyn Handle>, String> {
        self.with(|it| match it.refusal.clone() {
            Some(refusal) => Err(refusal),
            None => {
                it.open += 1;
                Ok(())
            }
        })?;
        Ok(Box::new(FakeHandle(self.clone())))
    }
}

struct FakeHandle(FakeBus);

impl Drop for FakeHandle {
    fn drop(&mut self) {
        self.0.with(|it| it.open -= 1);
    }
}

impl Handle for FakeHandle {
    fn read(&mut self, report: &mut [u8], _wait: Duration) -> Result<usize, String> {
        let Some(next) = self.0.with(|it| it.reports.pop_front()) else {
            thread::sleep(Duration::from_millis(1));
            return Ok(0);
        };
        let next = next?;
        report[..next.len()].copy_from_slice(&next);
        Ok(next.len())
    }

    fn write(&mut self, report: &[u8]) -> Result<(), String> {
        self.0.with(|it| it.written.push(report.to_vec()));
        Ok(())
    }

    fn feature(&mut self, report: &[u8]) -> Result<(), String> {
        self.0.with(|it| it.features.push(report.to_vec()));
        Ok(())
    }
}

fn honeywell(path: &str, socket: &str) -> Node {
    Node {
        path: PathBuf::from(path),
        vendor: 0x0C2E,
        product: 0x0B6A,
        serial: None,
        socket: Some(socket.to_owned()),
        name: "Honeywell 1950g".to_owned(),
        descriptor: DESCRIPTOR.to_vec(),
    }
}

fn model() -> Choice {
    Choice::Model {
        vendor: 0x0C2E,
        product: 0x0B6A,
        serial: None,
    }
}

fn start(bus: &FakeBus, choice: Choice) -> (Rig, mpsc::Sender<Feedback>) {
    let (feedback, answers) = mpsc::channel(8);
    let settings = Settings {
        choice,
        answers: Answers {
            accept: b"\x16\x07\r".to_vec(),
            warn: Vec::new(),
            pending: Vec::new(),
            refuse: Vec::new(),
            identify: b"\x07".to_vec(),
        },
    };
    let bus = bus.clone();
    let rig = Rig::start(10, |context| attach(bus, settings, context, answers));
    (rig, feedback)
}

#[tokio::test]
async fn scans_come_with_their_identifier_and_are_answered() {
    let bus = FakeBus::default();
    bus.plug(honeywell("/dev/hidraw0", "1-2"));
    let (mut rig, feedback) = start(&bus, model());
    assert!(rig.link().await);
    assert_eq!(bus.with(|it| it.features.clone()), [vec![0xFE, 1]]);
    bus.report(b"]d2", &[b'7'; 56], true);
    bus.report(b"]d2", b"8888\r", false);
    assert_eq!(rig.scan().await, format!("]d2{}8888", "7".repeat(56)));
    feedback.send(Feedback::Accept).await.unwrap();
    feedback.send(Feedback::Refuse).await.unwrap();
    wait_until("the beep", PATIENCE, || {
        bus.with(|it| it.written.len()) == 1
    })
    .await
    .unwrap();
    let beep = bus.with(|it| it.written[0].clone());
    assert!(beep.starts_with(b"\xFD\x03\x16\x07\r\0") && beep.len() == 64);
    // Its answer to a command is no scan, and a report of another kind is told.
    bus.report(b"]X0", b"REVINF", false);
    bus.with(|it| it.reports.push_back(Ok(vec![4, 1])));
    bus.report(b"]C1", b"10A", false);
    assert_eq!(rig.scan().await, "]C110A");
    let counters = rig.health.counters();
    let counted = (counters.scans_foreign.get(), counters.scans_malformed.get());
    assert_eq!(counted, (1, 0));
    let done = rig.target.give(Action::Identify(Duration::from_secs(1)));
    assert_eq!(done.unwrap().await, Ok(Ok(())));
    wait_until("the second beep", PATIENCE, || {
        bus.with(|it| it.written.len()) == 2
    })
    .await
    .unwrap();
    rig.stop().await;
    wait_until("the device to be let go", PATIENCE, || {
        bus.with(|it| it.open) == 0
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_replugged_scanner_is_back_and_nothing_after_it_is_lost() {
    let bus = FakeBus::default();
    let (mut rig, _feedback) = start(&bus, model());
    rig.says("0c2e:0b6a is not there: is the scanner plugged in?")
        .await;
    for round in 0..3 {
        // Each time under another number; what it sends at once waits in the system.
        bus.report(b"]C0", format!("first {round}").as_bytes(), false);
        bus.plug(honeywell(&format!("/dev/hidraw{round}"), "1-2"));
        assert!(rig.link().await);
        assert_eq!(rig.scan().await, format!("]C0first {round}"));
        // Pulled out within a code: that one is lost, and told.
        bus.report(b"]C0", &[b'x'; 56], true);
        bus.unplug();
        assert!(!rig.link().await);
        rig.says("0c2e:0b6a is not there").await;
        assert_eq!(rig.health.counters().scans_malformed.get(), round + 1);
        assert_eq!(bus.with(|it| it.open), 0);
    }
    rig.stop().await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_said() {
    let bus = FakeBus::default();
    let mut typing = honeywell("/dev/hidraw0", "1-1");
    typing.descriptor = KEYBOARD.to_vec();
    bus.plug(typing);
    let (rig, _feedback) = start(&bus, model());
    rig.says("0c2e:0b6a is plugged in but not as HID POS").await;
    let mut damaged = honeywell("/dev/hidraw0", "1-1");
    damaged.descriptor = vec![0x05, 0x8C, 0xC0];
    bus.with(|it| it.nodes = vec![damaged]);
    rig.says("ends a collection that was not begun, at byte 2")
        .await;
    bus.plug(honeywell("/dev/hidraw1", "1-2"));
    bus.plug(honeywell("/dev/hidraw2", "1-4.1"));
    rig.says("is there 2 times; say which: hid = \"usb:1-2\" or hid = \"usb:1-4.1\"")
        .await;
    bus.with(|it| it.refusal = Some("/dev/hidraw1 may not be opened".to_owned()));
    rig.stop().await;

    let (mut other, _feedback) = start(&bus, Choice::Socket("1-4.1".to_owned()));
    other.says("/dev/hidraw1 may not be opened").await;
    bus.with(|it| it.refusal = None);
    assert!(other.link().await);
    assert_eq!(other.condition(), "");
    other.stop().await;

    let path = Path::new("/nonexistent/hidraw0");
    assert!(
        system::may_open(path)
            .unwrap_err()
            .contains("was unplugged just now")
    );
}

/// The layout of `/sys/class/hidraw`, as Linux 6.1 has it for a scanner behind a hub.
#[test]
fn devices_are_found_in_sysfs() {
    let root = tempfile::tempdir().unwrap();
    let sys = root.path();
    let device = "devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4.1/1-4.1:1.0/0003:0C2E:0B6A.0002";
    let node = sys.join(device).join("hidraw/hidraw3");
    std::fs::create_dir_all(&node).unwrap();
    std::fs::create_dir_all(sys.join("class/hidraw")).unwrap();
    symlink(sys.join(device), node.join("device")).unwrap();
    symlink(&node, sys.join("class/hidraw/hidraw3")).unwrap();
    let uevent = "DRIVER=hid-generic\nHID_ID=0003:00000C2E:00000B6A\nHID_NAME=Honeywell 1950g\n\
        HID_PHYS=usb-0000:00:14.0-4.1/input0\nHID_UNIQ=21075B0A3C\nMODALIAS=hid:b0003\n";
    std::fs::write(sys.join(device).join("uevent"), uevent).unwrap();
    std::fs::write(sys.join(device).join("report_descriptor"), DESCRIPTOR).unwrap();
    // Gone while it was looked at.
    symlink(sys.join("gone"), sys.join("class/hidraw/hidraw4")).unwrap();

    let found = nodes(sys, Path::new("/dev"));
    let mut expected = honeywell("/dev/hidraw3", "1-4.1");
    expected.serial = Some("21075B0A3C".to_owned());
    assert_eq!(found, [expected.clone()]);
    assert!(expected.is_scanner());
    assert_eq!(expected.choice(true).to_string(), "0c2e:0b6a:21075B0A3C");
    assert_eq!(nodes(&sys.join("class"), Path::new("/dev")), []);
}
