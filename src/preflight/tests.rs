use std::net::{TcpListener, UdpSocket};

use super::*;
use crate::config;

const HEAD: &str = "[gateway]\nsite = \"plant-3\"\n";
const STATION: &str = "[read_point.line_2]\nmode = \"station\"\nsgln = \"urn:epc:id:sgln:4012345.00003.line2\"\nscanners = [\"line_2\"]\nscan = { biz_step = \"picking\" }\n";

/// What is found of a configuration whose buffer is in `folder`, in short form; the status page is off unless it is in `text`.
async fn found(folder: &Path, text: &str, is_running: bool) -> String {
    let page = if text.contains("[status]") {
        ""
    } else {
        "[status]\nlisten = \"off\"\n"
    };
    let buffer = match text.contains("[buffer]") {
        true => String::new(),
        false => format!(
            "[buffer]\ndirectory = \"{}\"\nmax_size = \"16 MiB\"\nkeep_free = \"4 MiB\"\n",
            folder.display()
        ),
    };
    let url = if text.contains("[mqtt]") {
        ""
    } else {
        "[mqtt]\nurl = \"mqtt://127.0.0.1\"\n"
    };
    let text = format!("{HEAD}{text}\n{page}{buffer}{url}");
    let path = folder.join("gateway.toml");
    let loaded = config::from_bytes(&path, text.as_bytes(), std::iter::empty());
    let loaded = loaded
        .map_err(|it| it.render(config::Format::Human))
        .unwrap();
    let report = loaded.report_with(look(&loaded, is_running).await);
    let text = report.render(config::Format::Short);
    text.replace(&format!("{}", folder.display()), "FOLDER")
}

fn scanner(way: &str) -> String {
    format!("[scanner.line_2]\n{way}\n{STATION}")
}

#[tokio::test]
async fn what_is_there_is_not_told_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "secret").unwrap();
    let text = format!(
        "{}[mqtt]\nurl = \"mqtt://localhost\"\nusername = \"u\"\npassword_file = \"password\"\n",
        scanner("tcp = \"127.0.0.1:9004\"")
    );
    assert_eq!(found(folder.path(), &text, false).await, "");
}

#[tokio::test]
async fn devices_that_are_not_there_are_warnings() {
    let folder = tempfile::tempdir().unwrap();
    for (way, told) in [
        (
            "serial = \"usb-gone-if00\"",
            "FOLDER/gateway.toml:4:10: warning: scanner `line_2` is not plugged in: /dev/serial/by-id/usb-gone-if00 is not there [device]\n",
        ),
        (
            "keyboard = \"usb-gone-event-kbd\"",
            "FOLDER/gateway.toml:4:12: warning: scanner `line_2` is not plugged in: /dev/input/by-id/usb-gone-event-kbd is not there [device]\n",
        ),
        (
            "tcp = \"scanner.invalid:9004\"",
            "FOLDER/gateway.toml:4:7: warning: the name scanner.invalid has no address here: ",
        ),
    ] {
        let found = found(folder.path(), &scanner(way), false).await;
        assert!(
            found.starts_with(told) && found.lines().count() == 1,
            "{found}"
        );
    }
    let hid = found(folder.path(), &scanner("hid = \"fffe:fffd\""), false).await;
    assert!(
        hid.contains("gateway.toml:4:7: warning: scanner `line_2`: "),
        "{hid}"
    );
    // A device that is there, which is not opened: a pipe would wait for ever.
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    let way = format!("serial = \"{}\"", pipe.display());
    assert_eq!(found(folder.path(), &scanner(&way), false).await, "");
}

#[tokio::test]
async fn files_are_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    let broker = "[mqtt]\nurl = \"mqtts://127.0.0.1\"\n";
    let text = format!(
        "{}{broker}ca_file = \"gone.pem\"\nusername = \"u\"\npassword_file = \"empty\"\n",
        scanner("tcp = \"127.0.0.1:1\"")
    );
    let found = found(folder.path(), &text, false).await;
    assert!(
        found.contains("warning: FOLDER/gone.pem is not there [file]"),
        "{found}"
    );
    assert!(
        found.contains("warning: FOLDER/empty is empty [file]"),
        "{found}"
    );
    assert_eq!(found.lines().count(), 2, "{found}");
}

#[tokio::test]
async fn a_marker_s_log_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().display();
    let text = format!(
        "[marker.laser_1]\ntail = \"{shown}/marks.csv\"\n[read_point.laser_1]\nmode = \"station\"\nsgln = \"urn:epc:id:sgln:4012345.00003.laser1\"\nmarkers = [\"laser_1\"]\nscan = {{ biz_step = \"picking\" }}\n"
    );
    let text = text.replace(
        "scan = { biz_step = \"picking\" }",
        "mark = { biz_step = \"commissioning\" }",
    );
    let gone = found(folder.path(), &text, false).await;
    assert!(
        gone.contains("warning: FOLDER/marks.csv is not there [device]"),
        "{gone}"
    );
    fs::write(folder.path().join("marks.csv"), "x").unwrap();
    assert_eq!(found(folder.path(), &text, false).await, "");
}

#[tokio::test]
async fn a_buffer_that_cannot_be_is_an_error_and_one_without_room_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let way = scanner("tcp = \"127.0.0.1:1\"");
    let text = format!("{way}[buffer]\ndirectory = \"{}/below\"\n", file.display());
    let wrong = found(folder.path(), &text, false).await;
    let told = "error: the buffer cannot be made: FOLDER/file is no folder [buffer]\n";
    assert!(
        wrong.ends_with(told) && wrong.lines().count() == 1,
        "{wrong}"
    );
    let shown = folder.path().display();
    let text = format!("{way}[buffer]\ndirectory = \"{shown}\"\nmax_size = \"1 TiB\"\n");
    let small = found(folder.path(), &text, false).await;
    assert!(
        small.contains(":12: warning: the disk has less room than the buffer may take: "),
        "{small}"
    );
    let text = format!("{way}[buffer]\ndirectory = \"{shown}\"\nkeep_free = \"1 TiB\"\n");
    let full = found(folder.path(), &text, false).await;
    assert!(
        full.contains("warning: the buffer's disk is full: "),
        "{full}"
    );
}

#[tokio::test]
async fn ports_of_others_are_told_with_their_name_and_the_gateway_s_own_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = format!(
        "{}[status]\nlisten = \"127.0.0.1:{port}\"\n",
        scanner("tcp = \"127.0.0.1:1\"")
    );
    let told = found(folder.path(), &text, false).await;
    // The test is the other program; its threads have names of their own.
    let number = std::process::id();
    assert!(
        told.contains(&format!("warning: TCP port {port} is taken by ")),
        "{told}"
    );
    assert!(told.contains(&format!("(process {number})")), "{told}");
    drop(taken);
    assert_eq!(found(folder.path(), &text, false).await, "");
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = scanner(&format!("udp = \"127.0.0.1:{port}\""));
    let told = found(folder.path(), &text, false).await;
    assert!(
        told.contains(&format!("warning: UDP port {port} is taken by ")),
        "{told}"
    );
    let text = scanner("listen = \"192.0.2.1:9005\"");
    let told = found(folder.path(), &text, false).await;
    assert!(
        told.contains("warning: this machine does not have the address 192.0.2.1 [port]"),
        "{told}"
    );
}

#[tokio::test]
async fn a_control_socket_needs_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "{}[control]\nsocket = \"/gone/control.sock\"\n",
        scanner("tcp = \"127.0.0.1:1\"")
    );
    let told = found(folder.path(), &text, false).await;
    assert!(
        told.contains("warning: the control socket has no folder: /gone is not there [control]"),
        "{told}"
    );
}
