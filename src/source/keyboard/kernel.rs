//! A keyboard made by the kernel, where the machine has `/dev/uinput`: evdev and the grab as they are.

use evdev::uinput::VirtualDevice;
use evdev::{AttributeSet, InputEvent, KeyCode};
use tracegate_feed::wedge::{Layout, Suffix};

use super::*;
use crate::source::tests::Rig;

const ENTER: u16 = 28;

fn plug() -> std::io::Result<(VirtualDevice, PathBuf)> {
    let keys: AttributeSet<KeyCode> = (1..100).map(KeyCode::new).collect();
    let mut made = VirtualDevice::builder()?
        .name("Tracegate test wedge")
        .with_keys(&keys)?
        .build()?;
    let node = made.enumerate_dev_nodes_blocking()?.find_map(Result::ok);
    let node = node.ok_or(std::io::ErrorKind::NotFound)?;
    Ok((made, node))
}

fn taps(made: &mut VirtualDevice, codes: &[u16]) {
    for code in codes {
        for value in [1, 0] {
            made.emit(&[InputEvent::new(EV_KEY, *code, value)]).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyboard_of_the_kernel_is_grabbed_and_replugged() {
    let first = match plug() {
        Ok(made) => made,
        Err(error) => {
            println!("not run: a kernel-made keyboard, /dev/uinput: {error}");
            return;
        }
    };
    // The name of a node changes with each plugging in; by-id links do not.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usb-Tracegate_test_wedge-event-kbd");
    let settings = Settings {
        path: path.clone(),
        wedge: wedge::Settings {
            layout: Layout::named("us").unwrap(),
            suffix: Suffix::Enter,
            min_length: 4,
            // Virtual machines without acceleration are slow.
            max_gap_us: 900_000,
            idle_gap_us: 1_000_000,
        },
    };
    let (_feedback, answers) = mpsc::channel(1);
    let mut rig = Rig::start(10, |context| run(settings, context, answers));
    rig.says("is the scanner plugged in and in keyboard mode?")
        .await;
    let mut plugged = Some(first);
    for _ in 0..2 {
        let (mut made, node) = match plugged.take() {
            Some(made) => made,
            None => plug().unwrap(),
        };
        // Somebody else has grabbed it first.
        let mut other = evdev::raw_stream::RawDevice::open(&node).unwrap();
        other.grab().unwrap();
        std::os::unix::fs::symlink(&node, &path).unwrap();
        rig.says("is grabbed by another program").await;
        drop(other);
        assert!(rig.link().await);
        // What was under way at the start would be passed over.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        taps(&mut made, &[2, 3, 3, 4, ENTER]);
        assert_eq!(rig.scan().await, "1223");
        let mut second = evdev::raw_stream::RawDevice::open(&node).unwrap();
        assert!(second.grab().is_err(), "nobody else may hear it");
        drop((second, made));
        std::fs::remove_file(&path).unwrap();
        assert!(!rig.link().await);
        rig.says("is the scanner plugged in").await;
    }
    rig.stop().await;
    println!("run: a kernel-made keyboard was grabbed, read and replugged");
}
