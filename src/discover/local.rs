//! What is plugged into this machine. Opens nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use serde::Serialize;

use crate::health::tame;
use crate::source::hid;

/// How a scanner can be plugged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A serial port.
    Serial,
    /// In mode HID POS.
    Hid,
    /// As a keyboard.
    Keyboard,
}

/// All of them, in the order of the report.
pub(super) const KINDS: [Kind; 3] = [Kind::Serial, Kind::Hid, Kind::Keyboard];

impl Kind {
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Serial => "Serial ports",
            Self::Hid => "Scanners in mode HID POS",
            Self::Keyboard => "Keyboards",
        }
    }

    const fn setting(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Hid => "hid",
            Self::Keyboard => "keyboard",
        }
    }

    /// Why it may not be opened, as a rule.
    const fn lacks(self) -> &'static str {
        match self {
            Self::Serial => "not permitted to this user, who is not in the group dialout",
            Self::Hid | Self::Keyboard => {
                "not permitted to this user; see systemd/70-tracegate-scanners.rules"
            }
        }
    }

    const fn access(self) -> Access {
        match self {
            Self::Serial | Self::Hid => Access::READ_OK.union(Access::WRITE_OK),
            Self::Keyboard => Access::READ_OK,
        }
    }
}

/// Something that is plugged in. Displays as a line for the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Local {
    /// How it is plugged in.
    pub kind: Kind,
    /// The value of the setting: a name that is the same after a restart.
    pub value: String,
    /// Its device file now.
    pub device: PathBuf,
    /// Whether it is a scanner by its name; serial ports do not tell.
    pub is_scanner: bool,
    /// What else is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Whether this user may open it.
    pub is_permitted: bool,
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_scanner {
            f.write_str("# ")?;
        }
        let device = tame(&self.device.display().to_string());
        write!(f, "{} = {:?}   # ", self.kind.setting(), self.value)?;
        let denied = (!self.is_permitted).then(|| self.kind.lacks().to_owned());
        let said: Vec<String> = [device]
            .into_iter()
            .chain(self.notes.clone())
            .chain(denied)
            .collect();
        f.write_str(&said.join(", "))
    }
}

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

/// Everything that may be a scanner, below `/sys` and `/dev` or what stands for them.
#[must_use]
pub fn plugged_in(sys: &Path, dev: &Path) -> Vec<Local> {
    let mut all = serial(dev);
    all.extend(hid(sys, dev));
    all.extend(keyboards(dev));
    all
}

fn local(
    kind: Kind,
    value: String,
    device: PathBuf,
    is_scanner: bool,
    notes: Vec<String>,
) -> Local {
    let is_permitted = access(&device, kind.access()) != Err(Errno::ACCESS);
    Local {
        kind,
        value,
        device,
        is_scanner,
        notes,
        is_permitted,
    }
}

/// By id, which follows the scanner; and by place, which follows the socket, for those that have no id of their own: a link
/// by id leads to one device, so of two with one serial number only one has it.
fn serial(dev: &Path) -> Vec<Local> {
    let by_id = links(&dev.join("serial/by-id"));
    let known: BTreeSet<PathBuf> = by_id.iter().map(|(_, device)| device.clone()).collect();
    let mut seen = known.clone();
    // Newer systemd makes two links by place for a port; one is enough.
    let mut by_path = links(&dev.join("serial/by-path"));
    by_path.retain(|(_, device)| seen.insert(device.clone()));
    let port = |(value, device), note: Option<&str>| {
        let notes = note.map(str::to_owned).into_iter().collect();
        local(Kind::Serial, value, device, true, notes)
    };
    let twin = match by_path.is_empty() || known.is_empty() {
        true => None,
        false => Some("if another one below has the same serial number, this name may mean either"),
    };
    let place = "by its socket: it has no serial number of its own";
    let mut all: Vec<Local> = by_id.into_iter().map(|it| port(it, twin)).collect();
    all.extend(by_path.into_iter().map(|it| port(it, Some(place))));
    all
}

fn hid(sys: &Path, dev: &Path) -> Vec<Local> {
    let mut nodes = hid::nodes(sys, dev);
    nodes.retain(hid::Node::is_scanner);
    let found = nodes.iter().map(|node| {
        let twins = nodes
            .iter()
            .filter(|it| (it.vendor, it.product) == (node.vendor, node.product));
        let choice = node.choice(twins.count() == 1).to_string();
        let socket = node.socket.as_deref().map(|it| format!("USB socket {it}"));
        let notes = [tame(&node.name)].into_iter().chain(socket).collect();
        local(Kind::Hid, choice, node.path.clone(), true, notes)
    });
    found.collect()
}

fn keyboards(dev: &Path) -> Vec<Local> {
    let mut keyboards = links(&dev.join("input/by-id"));
    keyboards.retain(|(name, _)| name.ends_with("-event-kbd"));
    let found = keyboards.into_iter().map(|(name, device)| {
        let small = name.to_lowercase();
        let is_scanner = SCANNERS.iter().any(|word| small.contains(word));
        let note = match is_scanner {
            true => "by its name a scanner",
            false => "if that is a scanner",
        };
        local(
            Kind::Keyboard,
            name,
            device,
            is_scanner,
            vec![note.to_owned()],
        )
    });
    found.collect()
}

/// Names of the links in a folder, with what they lead to.
fn links(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let link = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        Some((name, fs::canonicalize(entry.path()).ok()?))
    };
    let mut links: Vec<_> = entries.filter_map(link).collect();
    links.sort();
    links
}
