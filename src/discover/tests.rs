//! What is found, against folders that stand for `/sys` and `/dev`, and simulated readers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tracegate_sim::reader::{SimReader, SimReaderConfig};

use super::*;
use crate::config::from_bytes;

fn report(sys: &Path, dev: &Path) -> String {
    Found::local(sys, dev).to_string()
}

#[test]
fn what_is_plugged_in_becomes_lines_for_the_configuration() {
    let root = tempfile::tempdir().unwrap();
    let (sys, dev) = (root.path().join("sys"), root.path().join("dev"));
    for folder in ["serial/by-id", "input/by-id"] {
        fs::create_dir_all(dev.join(folder)).unwrap();
    }
    for (device, link) in [
        (
            "ttyACM0",
            "serial/by-id/usb-Honeywell_1950g_21075B0A3C-if00",
        ),
        ("event5", "input/by-id/usb-Logitech_K120-event-kbd"),
        ("event6", "input/by-id/usb-Newland_Auto-ID_HR22-event-kbd"),
        ("event7", "input/by-id/usb-Logitech_M90-event-mouse"),
    ] {
        fs::write(dev.join(device), "").unwrap();
        symlink(dev.join(device), dev.join(link)).unwrap();
    }
    // Two of a model without serial numbers, and a mouse.
    let scanner = [0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0xC0];
    let mouse = [0x05, 0x01, 0x09, 0x02, 0xA1, 0x01, 0xC0];
    for (at, socket, descriptor) in [
        (0, "1-2", scanner),
        (1, "1-4.1", scanner),
        (2, "1-3", mouse),
    ] {
        let device = sys.join(format!("devices/usb1/{socket}/0003:0C2E:0B6A.000{at}"));
        let node = device.join(format!("hidraw/hidraw{at}"));
        fs::create_dir_all(&node).unwrap();
        fs::create_dir_all(sys.join("class/hidraw")).unwrap();
        symlink(&device, node.join("device")).unwrap();
        symlink(&node, sys.join(format!("class/hidraw/hidraw{at}"))).unwrap();
        let uevent = "HID_ID=0003:00000C2E:00000B6A\nHID_NAME=Voyager\u{1b}[2J 1400g\n";
        fs::write(device.join("uevent"), uevent).unwrap();
        fs::write(device.join("report_descriptor"), descriptor).unwrap();
    }
    let shown = report(&sys, &dev).replace(&root.path().display().to_string(), "");
    let expected = r#"# A line goes below [scanner.NAME]; the name is yours.

# Serial ports
serial = "usb-Honeywell_1950g_21075B0A3C-if00"   # /dev/ttyACM0

# Scanners in mode HID POS
hid = "usb:1-2"   # /dev/hidraw0, Voyager [2J 1400g, USB socket 1-2
hid = "usb:1-4.1"   # /dev/hidraw1, Voyager [2J 1400g, USB socket 1-4.1

# Keyboards
# keyboard = "usb-Logitech_K120-event-kbd"   # /dev/event5, if that is a scanner
keyboard = "usb-Newland_Auto-ID_HR22-event-kbd"   # /dev/event6, by its name a scanner
"#;
    assert_eq!(shown, expected);
    let nothing = report(&dev, &sys);
    assert_eq!(nothing.matches("# none").count(), 3, "{nothing}");
}

/// Two scanners without serial numbers share one name by id.
#[test]
fn ports_without_a_name_of_their_own_are_named_by_their_socket() {
    let root = tempfile::tempdir().unwrap();
    let dev = root.path();
    for folder in ["serial/by-id", "serial/by-path"] {
        fs::create_dir_all(dev.join(folder)).unwrap();
    }
    for (device, links) in [
        (
            "ttyACM0",
            vec![
                "by-path/pci-0000:00:14.0-usb-0:1:1.0",
                "by-path/pci-0000:00:14.0-usbv2-0:1:1.0",
            ],
        ),
        (
            "ttyACM1",
            vec![
                "by-id/usb-Newland_HR22-if00",
                "by-path/pci-0000:00:14.0-usb-0:2:1.0",
            ],
        ),
    ] {
        fs::write(dev.join(device), "").unwrap();
        for link in links {
            symlink(dev.join(device), dev.join("serial").join(link)).unwrap();
        }
    }
    let shown = report(Path::new("/nowhere"), dev).replace(&dev.display().to_string(), "/dev");
    assert!(
        shown.contains(
            "serial = \"usb-Newland_HR22-if00\"   # /dev/ttyACM1, if another one below has the same serial number, this name may mean either\n\
             serial = \"pci-0000:00:14.0-usb-0:1:1.0\"   # /dev/ttyACM0, by its socket: it has no serial number of its own\n\n"
        ),
        "{shown}"
    );
}

#[test]
fn what_may_not_be_opened_says_so() {
    let denied = Local {
        kind: local::KINDS[0],
        value: "usb-x".to_owned(),
        device: "/dev/ttyACM0".into(),
        is_scanner: true,
        notes: Vec::new(),
        is_permitted: false,
    };
    assert_eq!(
        denied.to_string(),
        "serial = \"usb-x\"   # /dev/ttyACM0, not permitted to this user, who is not in the group dialout"
    );
}

fn texts(texts: &[&str]) -> Result<String, TargetError> {
    let all = targets(texts)?;
    let all = all.iter().map(|it| format!("{}:{}", it.host, it.port));
    Ok(all.collect::<Vec<_>>().join(" "))
}

#[test]
fn addresses_as_people_write_them() {
    for (given, meant) in [
        ("10.0.4.21", "10.0.4.21:5084"),
        (
            "10.0.4.21:5085, reader-1.plant.example",
            "10.0.4.21:5085 reader-1.plant.example:5084",
        ),
        ("10.0.4.21,10.0.4.21", "10.0.4.21:5084"),
        ("10.0.4.8/30", "10.0.4.9:5084 10.0.4.10:5084"),
        ("10.0.4.8/31:99", "10.0.4.8:99 10.0.4.9:99"),
        (
            "10.0.4.254-10.0.5.1",
            "10.0.4.254:5084 10.0.4.255:5084 10.0.5.0:5084 10.0.5.1:5084",
        ),
        ("10.0.4.3-5", "10.0.4.3:5084 10.0.4.4:5084 10.0.4.5:5084"),
        ("[fe80::1]:77,fe80::1", "fe80::1:77 fe80::1:5084"),
        ("255.255.255.255/32", "255.255.255.255:5084"),
    ] {
        assert_eq!(texts(&[given]).unwrap(), meant, "{given}");
    }
    for wrong in [
        "",
        "10.0.4.256",
        "10.0.4",
        "10.0.4.0/33",
        "a b",
        "10.0.4.1:0",
        "10.0.4.1:x",
        "[::1",
        "10.0.4.1-x",
    ] {
        assert_eq!(
            texts(&[wrong]),
            Err(TargetError::Unreadable(wrong.to_owned()))
        );
    }
    assert_eq!(
        texts(&["10.0.4.9-3"]),
        Err(TargetError::Backwards("10.0.4.9-3".to_owned()))
    );
    for many in [
        "10.0.0.0/16",
        "0.0.0.0/0",
        "10.0.0.0-10.0.4.0",
        "10.0.0.0/22,10.1.0.0/22",
    ] {
        assert_eq!(texts(&[many]), Err(TargetError::TooMany), "{many}");
    }
    assert_eq!(targets(&["10.0.0.0/22"]).unwrap().len(), 1022);
}

#[tokio::test]
async fn readers_that_are_free_busy_held_and_none() {
    let free = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let busy = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let held = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let _holder = TcpStream::connect(busy.addr()).await.unwrap();
    while !busy.status().connected {
        tokio::task::yield_now().await;
    }
    let strange = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = [
        free.addr(),
        busy.addr(),
        held.addr(),
        strange.local_addr().unwrap(),
        nobody.local_addr().unwrap(),
    ];
    drop(nobody);
    let server = tokio::spawn(async move {
        let (mut stream, _) = strange.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let config = format!(
        "[gateway]\nsite = \"plant-3\"\n[llrp.dock_1]\nhost = \"localhost\"\nport = {}\n[mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n",
        at[2].port()
    );
    let config = from_bytes(Path::new("x.toml"), config.as_bytes(), std::iter::empty())
        .unwrap()
        .config;
    let addresses: Vec<String> = at.iter().map(|it| it.to_string()).collect();
    let wanted = targets(&addresses).unwrap();
    let found = |readers| {
        Found {
            local: Vec::new(),
            readers: Some(readers),
            announced: None,
        }
        .to_string()
    };

    let running = visit(wanted, Held::of(&config, true).await).await;
    server.await.unwrap();
    let [one, two, three, four, _] = at.map(|it| it.port());
    let text = found(running);
    let (_, text) = text.split_once("# Readers\n").unwrap();
    let (sections, rest) = text.split_once("# 127").unwrap();
    let antennas = "antennas = [1, 2, 3, 4]   # connected, as it says\n";
    assert!(sections.starts_with("[llrp.reader_1]   # "), "{sections}");
    assert!(
        sections.ends_with(&format!("\nhost = \"127.0.0.1\"\nport = {one}\n{antennas}")),
        "{sections}"
    );
    assert_eq!(
        format!("# 127{rest}"),
        format!(
            "# 127.0.0.1:{two}: another client holds the reader; a reader serves one client at a time\n\
             # 127.0.0.1:{three} is dock_1, which the running gateway has\n\
             # 127.0.0.1:{four}: what answers is not an LLRP reader, check host and port: not LLRP: a message states a length of 1414541105 bytes, at most 1048576 are accepted\n"
        )
    );
    assert_eq!(held.status().connections, 0, "left alone");
    assert!(busy.status().connected, "the other one still has it");

    // Without a running gateway it is visited, and what is configured is not offered again.
    let alone = visit(
        targets(&addresses[2..3]).unwrap(),
        Held::of(&config, false).await,
    )
    .await;
    let text = found(alone);
    assert!(
        text.contains("# in the configuration as [llrp.dock_1]: "),
        "{text}"
    );
    assert!(!text.contains("\nhost"), "{text}");
    assert_eq!(held.status().connections, 1);
    assert!(!held.status().connected, "and left");
}
