use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;

use tracegate_feed::wedge::{Layout, Suffix};
use tracegate_sim::wait_until;

use super::*;
use crate::downlink::order::Action;
use crate::source::tests::{PATIENCE, Rig};

const MS: u64 = 1_000;
const ENTER: u16 = 28;

#[derive(Default)]
struct Desk {
    /// Why it cannot be opened.
    refusal: Option<String>,
    events: VecDeque<Result<Vec<Raw>, String>>,
    held: Vec<u16>,
    now_us: u64,
    open: usize,
}

#[derive(Clone, Default)]
struct FakeKeyboards(Arc<Mutex<Desk>>);

impl FakeKeyboards {
    fn with<T>(&self, act: impl FnOnce(&mut Desk) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    fn raw(&self, kind: u16, code: u16, value: i32) -> Raw {
        let at_us = self.with(|it| {
            it.now_us += MS;
            it.now_us
        });
        Raw {
            at_us,
            kind,
            code,
            value,
        }
    }

    /// As a scanner types, each key with its reports.
    fn taps(&self, codes: &[u16]) {
        for code in codes {
            for value in [1, 0] {
                let key = self.raw(EV_KEY, *code, value);
                let report = self.raw(EV_SYN, SYN_REPORT, 0);
                self.with(|it| it.events.push_back(Ok(vec![key, report])));
            }
        }
    }

    fn pause(&self, ms: u64) {
        self.with(|it| it.now_us += ms * MS);
    }
}

impl Keyboards for FakeKeyboards {
    fn open(&self, _path: &Path) -> Result<Box<dyn Keyboard>, String> {
        self.with(|it| match it.refusal.clone() {
            Some(refusal) => Err(refusal),
            None if it.open > 0 => Err("grabbed twice".to_owned()),
            None => {
                it.open += 1;
                Ok(())
            }
        })?;
        Ok(Box::new(FakeKeyboard(self.clone())))
    }
}

struct FakeKeyboard(FakeKeyboards);

impl Drop for FakeKeyboard {
    fn drop(&mut self) {
        self.0.with(|it| it.open -= 1);
    }
}

impl Keyboard for FakeKeyboard {
    fn events(&mut self, _wait: Duration) -> Result<Vec<Raw>, String> {
        self.0.with(|it| it.events.pop_front()).unwrap_or_else(|| {
            thread::sleep(Duration::from_millis(1));
            Ok(Vec::new())
        })
    }

    fn held(&self) -> Result<Vec<u16>, String> {
        Ok(self.0.with(|it| it.held.clone()))
    }

    fn now_us(&self) -> u64 {
        self.0.with(|it| it.now_us)
    }
}

fn start(desk: &FakeKeyboards, suffix: Suffix) -> Rig {
    let (_, answers) = mpsc::channel(1);
    let settings = Settings {
        path: PathBuf::from("/dev/input/by-id/usb-Scanner-event-kbd"),
        wedge: wedge::Settings {
            layout: Layout::named("us").unwrap(),
            suffix,
            min_length: 4,
            max_gap_us: 40 * MS,
            idle_gap_us: 60 * MS,
        },
    };
    let keyboards = desk.clone();
    Rig::start(10, |context| attach(keyboards, settings, context, answers))
}

#[tokio::test]
async fn what_is_typed_becomes_scans_across_a_replug() {
    let desk = FakeKeyboards::default();
    desk.with(|it| it.refusal = Some("not there: is the scanner plugged in".to_owned()));
    let mut rig = start(&desk, Suffix::Enter);
    rig.says("not there: is the scanner plugged in").await;
    for round in 1..4 {
        desk.with(|it| it.refusal = None);
        assert!(rig.link().await);
        desk.pause(100);
        desk.taps(&[2, 3, 3, 4, ENTER]);
        assert_eq!(rig.scan().await, "1223");
        // So short no code is: a person typed it.
        desk.pause(100);
        desk.taps(&[2, 3, ENTER]);
        let counters = rig.health.counters();
        wait_until("typing to be counted", PATIENCE, || {
            counters.scans_foreign.get() == round
        })
        .await
        .unwrap();
        // Pulled out within a code.
        desk.taps(&[2, 3]);
        desk.with(|it| {
            it.refusal = Some("not there".to_owned());
            it.events.push_back(Err("no such device".to_owned()));
        });
        assert!(!rig.link().await);
        rig.says("not there").await;
        assert_eq!(rig.health.counters().scans_malformed.get(), round);
    }
    rig.stop().await;
    assert_eq!(desk.with(|it| it.open), 0);
}

#[tokio::test]
async fn silence_ends_a_code_without_suffix() {
    let desk = FakeKeyboards::default();
    let mut rig = start(&desk, Suffix::None);
    assert!(rig.link().await);
    desk.pause(100);
    desk.taps(&[2, 3, 4, 5]);
    assert_eq!(rig.scan().await, "1234");
    let done = rig.target.give(Action::Identify(Duration::from_secs(1)));
    assert!(
        done.unwrap()
            .await
            .unwrap()
            .unwrap_err()
            .contains("cannot be told")
    );
    rig.stop().await;
}

#[tokio::test]
async fn what_the_kernel_lost_spoils_one_code_only() {
    let desk = FakeKeyboards::default();
    let mut rig = start(&desk, Suffix::Enter);
    assert!(rig.link().await);
    desk.pause(100);
    desk.taps(&[2, 3]);
    // Up to the next report everything is stale, and Shift is down since.
    let lost = vec![
        desk.raw(EV_SYN, SYN_DROPPED, 0),
        desk.raw(EV_KEY, 4, 1),
        desk.raw(EV_SYN, SYN_REPORT, 0),
    ];
    desk.with(|it| {
        it.held = vec![42];
        it.events.push_back(Ok(lost));
    });
    desk.taps(&[5, ENTER]);
    let released = vec![desk.raw(EV_KEY, 42, 0)];
    desk.taps(&[30, 48]);
    desk.with(|it| it.events.push_back(Ok(released)));
    desk.taps(&[46, 32, ENTER]);
    assert_eq!(rig.scan().await, "ABcd");
    wait_until("the loss to be counted", PATIENCE, || {
        rig.health.counters().scans_malformed.get() == 1
    })
    .await
    .unwrap();
    rig.stop().await;
}

#[test]
fn what_cannot_be_opened_is_explained() {
    let path = Path::new("/nonexistent/usb-Scanner-event-kbd");
    let missing = system::System.open(path).err().unwrap();
    assert!(
        missing.contains("is the scanner plugged in and in keyboard mode?"),
        "{missing}"
    );
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    let denied = system::reason(path, &denied);
    assert!(denied.contains("70-tracegate-scanners.rules"), "{denied}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = system::System.open(file.path()).err().unwrap();
    assert!(refused.contains("is no keyboard"), "{refused}");
    assert!(system::in_use(path).contains("fuser -v /nonexistent"));
    // Who has a file open can be seen, at least of one's own processes.
    let mut other = std::process::Command::new("sleep")
        .arg("60")
        .stdin(std::fs::File::open(file.path()).unwrap())
        .spawn()
        .unwrap();
    let told = system::in_use(file.path());
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(
        told.contains(&format!("(process {})", other.id())),
        "{told}"
    );
}
