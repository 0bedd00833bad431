//! What is plugged into this machine, as lines for the configuration. Opens nothing.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::health::tame;
use crate::source::hid;

/// Words in the names of scanners, as makers write them.
const SCANNERS: &[&str] = &[
    "scan",
    "barcode",
    "bar_code",
    "honeywell",
    "symbol",
    "zebra",
    "datalogic",
    "newland",
    "psc_",
    "metrologic",
    "hand_held",
    "opticon",
    "code_corp",
];

/// Something that is plugged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The setting of `[scanner.NAME]` that names it: `serial`, `hid` or `keyboard`.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// What it is, for people.
    pub about: String,
    /// It is a scanner as far as can be told; a port tells nothing of what is behind it.
    pub is_scanner: Option<bool>,
}

/// What is plugged in, by the folders `/sys` and `/dev`.
#[must_use]
pub fn found(sys: &Path, dev: &Path) -> Vec<Found> {
    let serial = links(&dev.join("serial/by-id")).into_iter();
    let serial = serial.map(|(value, about)| Found {
        setting: "serial",
        value,
        about,
        is_scanner: None,
    });

    let nodes: Vec<hid::Node> = hid::nodes(sys, dev)
        .into_iter()
        .filter(hid::Node::is_scanner)
        .collect();
    let hid = nodes.iter().map(|node| {
        let twins = nodes
            .iter()
            .filter(|it| (it.vendor, it.product) == (node.vendor, node.product));
        let socket = node
            .socket
            .as_deref()
            .map(|it| format!(", USB socket {it}"));
        let (name, path) = (tame(&node.name), node.path.display());
        Found {
            setting: "hid",
            value: node.choice(twins.count() == 1).to_string(),
            about: format!("{name}, {path}{}", socket.unwrap_or_default()),
            is_scanner: Some(true),
        }
    });

    let keyboards = links(&dev.join("input/by-id")).into_iter();
    let keyboards = keyboards.filter(|(name, _)| name.ends_with("-event-kbd"));
    let keyboards = keyboards.map(|(value, about)| {
        let small = value.to_lowercase();
        Found {
            setting: "keyboard",
            is_scanner: Some(SCANNERS.iter().any(|word| small.contains(word))),
            value,
            about,
        }
    });
    serial.chain(hid).chain(keyboards).collect()
}

/// As lines for the configuration.
#[must_use]
pub fn words(found: &[Found]) -> String {
    let mut text = "# A line goes below [scanner.NAME]; the name is yours.\n".to_owned();
    for (title, setting) in [
        ("Serial ports", "serial"),
        ("Scanners in mode HID POS", "hid"),
        ("Keyboards", "keyboard"),
    ] {
        let lines = found.iter().filter(|it| it.setting == setting).map(|it| {
            let Found { value, about, .. } = it;
            match (setting, it.is_scanner) {
                ("keyboard", Some(true)) => {
                    format!("{setting} = {value:?}   # {about}, by its name a scanner")
                }
                ("keyboard", _) => {
                    format!("# {setting} = {value:?}   # {about}, if that is a scanner")
                }
                _ => format!("{setting} = {value:?}   # {about}"),
            }
        });
        section(&mut text, title, lines);
    }
    text
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    let lines = match lines.is_empty() {
        true => "# none\n".to_owned(),
        false => lines.join("\n") + "\n",
    };
    let _ = write!(text, "\n# {title}\n{lines}");
}

/// Names of the links in a folder, with what they lead to.
fn links(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let link = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let device = fs::canonicalize(entry.path()).ok()?;
        Some((name, tame(&device.display().to_string())))
    };
    let mut links: Vec<_> = entries.filter_map(link).collect();
    links.sort();
    links
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

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
        let shown = words(&found(&sys, &dev)).replace(&root.path().display().to_string(), "");
        let expected = r#"# A line goes below [scanner.NAME]; the name is yours.

# Serial ports
serial = "usb-Honeywell_1950g_21075B0A3C-if00"   # /dev/ttyACM0

# Scanners in mode HID POS
hid = "usb:1-2"   # Voyager [2J 1400g, /dev/hidraw0, USB socket 1-2
hid = "usb:1-4.1"   # Voyager [2J 1400g, /dev/hidraw1, USB socket 1-4.1

# Keyboards
# keyboard = "usb-Logitech_K120-event-kbd"   # /dev/event5, if that is a scanner
keyboard = "usb-Newland_Auto-ID_HR22-event-kbd"   # /dev/event6, by its name a scanner
"#;
        assert_eq!(shown, expected);
        let nothing = words(&found(&dev, &sys));
        assert_eq!(nothing.matches("# none").count(), 3, "{nothing}");
    }
}
