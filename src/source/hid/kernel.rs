//! A scanner made by the kernel, where the machine has `/dev/uhid`: hidraw, sysfs and hidapi as they are.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;

use tracegate_sim::wait_until;

use super::tests::DESCRIPTOR;
use super::*;
use crate::source::tests::{PATIENCE, Rig};

/// Types of `struct uhid_event` (Linux, `uhid.h`).
const DESTROY: u32 = 1;
const OUTPUT: u32 = 6;
const GET_REPORT: u32 = 9;
const GET_REPORT_REPLY: u32 = 10;
const CREATE2: u32 = 11;
const INPUT2: u32 = 12;
const SET_REPORT: u32 = 13;
const SET_REPORT_REPLY: u32 = 14;
const DATA_MAX: usize = 4096;

/// A device, until it is dropped.
struct Made {
    control: File,
    /// Output and feature reports that were sent to it.
    told: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Made {
    fn plug(serial: &str) -> std::io::Result<Self> {
        let control = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/uhid")?;
        let mut create = CREATE2.to_ne_bytes().to_vec();
        for (text, len) in [
            ("Tracegate test scanner", 128),
            ("test/input0", 64),
            (serial, 64),
        ] {
            let mut field = text.as_bytes().to_vec();
            field.resize(len, 0);
            create.extend(field);
        }
        create.extend((DESCRIPTOR.len() as u16).to_ne_bytes());
        create.extend(3_u16.to_ne_bytes());
        for number in [0x0C2E_u32, 0x0B6A, 1, 0] {
            create.extend(number.to_ne_bytes());
        }
        create.extend(DESCRIPTOR);
        create.resize(create.len() + DATA_MAX - DESCRIPTOR.len(), 0);
        let (mut events, told) = (control.try_clone()?, Arc::default());
        (&control).write_all(&create)?;
        let hears = Arc::clone(&told);
        thread::spawn(move || {
            let mut event = vec![0; 5000];
            while let Ok(count @ 4..) = events.read(&mut event) {
                let Some(reply) = heard(&event[..count], &hears) else {
                    continue;
                };
                if events.write_all(&reply).is_err() {
                    break;
                }
            }
        });
        Ok(Self { control, told })
    }

    fn report(&self, aim: &[u8; 3], data: &[u8], more: bool) {
        let mut report = vec![2, data.len() as u8];
        report.extend(aim);
        report.extend(data);
        report.resize(63, 0);
        report.push(u8::from(more));
        let mut event = INPUT2.to_ne_bytes().to_vec();
        event.extend((report.len() as u16).to_ne_bytes());
        event.extend(report);
        (&self.control).write_all(&event).unwrap();
    }

    fn unplug(self) {
        (&self.control).write_all(&DESTROY.to_ne_bytes()).unwrap();
    }
}

/// What the kernel wants of the device; returns its answer.
fn heard(event: &[u8], told: &Mutex<Vec<Vec<u8>>>) -> Option<Vec<u8>> {
    let kind = u32::from_ne_bytes(event[..4].try_into().unwrap());
    let reply = |kind: u32, rest: &[u8]| {
        let id = &event[4..8];
        Some([&kind.to_ne_bytes()[..], id, &0_u16.to_ne_bytes(), rest].concat())
    };
    let len = |at: usize| usize::from(u16::from_ne_bytes(event[at..at + 2].try_into().unwrap()));
    match kind {
        OUTPUT => {
            let report = event[4..4 + len(4 + DATA_MAX)].to_vec();
            told.lock().unwrap().push(report);
            None
        }
        SET_REPORT => {
            let report = event[12..12 + len(10)].to_vec();
            told.lock().unwrap().push(report);
            reply(SET_REPORT_REPLY, &[])
        }
        GET_REPORT => reply(GET_REPORT_REPLY, &0_u16.to_ne_bytes()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_of_the_kernel_is_read_told_and_replugged() {
    let serial = format!("tracegate-{}", std::process::id());
    let first = match Made::plug(&serial) {
        Ok(made) => made,
        Err(error) => {
            println!("not run: a kernel-made HID scanner, /dev/uhid: {error}");
            return;
        }
    };
    let (feedback, answers) = mpsc::channel(8);
    let choice = Choice::Model {
        vendor: 0x0C2E,
        product: 0x0B6A,
        serial: Some(serial.clone()),
    };
    let settings = Settings {
        choice,
        answers: Answers {
            accept: b"\x16\x07\r".to_vec(),
            ..Answers::default()
        },
    };
    let mut rig = Rig::start(10, |context| run(settings, context, answers));
    let mut plugged = Some(first);
    for _ in 0..2 {
        let made = match plugged.take() {
            Some(made) => made,
            None => Made::plug(&serial).unwrap(),
        };
        assert!(rig.link().await);
        let told = Arc::clone(&made.told);
        wait_until("it to be enabled", PATIENCE, || {
            told.lock().unwrap().contains(&vec![0xFE, 1])
        })
        .await
        .unwrap();
        made.report(b"]d2", &[b'7'; 56], true);
        made.report(b"]d2", b"8888\r", false);
        assert_eq!(rig.scan().await, format!("]d2{}8888", "7".repeat(56)));
        feedback.send(Feedback::Accept).await.unwrap();
        wait_until("the beep", PATIENCE, || {
            let told = told.lock().unwrap();
            told.iter().any(|it| it.starts_with(b"\xFD\x03\x16\x07\r"))
        })
        .await
        .unwrap();
        made.unplug();
        assert!(!rig.link().await);
        rig.says("is not there").await;
    }
    rig.stop().await;
    println!("run: a kernel-made HID scanner was read, told and replugged");
}
