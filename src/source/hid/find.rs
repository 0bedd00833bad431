//! Which HID device is meant: read from sysfs, so that no udev is needed and nothing is opened.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use tracegate_feed::hid::{Descriptor, Layout};

/// Which device a scanner is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// By who made it.
    Model {
        /// USB vendor id.
        vendor: u16,
        /// USB product id.
        product: u16,
        /// Serial number; needed when there are two of the model.
        serial: Option<String>,
    },
    /// By the socket it is plugged into: bus, and ports of the hubs on the way, as in `1-2.3`.
    Socket(String),
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Model {
                vendor,
                product,
                serial,
            } => {
                write!(f, "{vendor:04x}:{product:04x}")?;
                serial.iter().try_for_each(|serial| write!(f, ":{serial}"))
            }
            Choice::Socket(socket) => write!(f, "usb:{socket}"),
        }
    }
}

/// A HID device as the system shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its device file.
    pub path: PathBuf,
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    /// Serial number; many have none.
    pub serial: Option<String>,
    /// The USB socket it is plugged into.
    pub socket: Option<String>,
    /// What it calls itself.
    pub name: String,
    /// Its report descriptor.
    pub descriptor: Vec<u8>,
}

impl Node {
    /// Whether it is a scanner in mode HID POS.
    #[must_use]
    pub fn is_scanner(&self) -> bool {
        Descriptor::parse(&self.descriptor).is_ok_and(|it| Layout::of(&it).is_some())
    }

    fn fits(&self, choice: &Choice) -> bool {
        match choice {
            Choice::Model {
                vendor,
                product,
                serial,
            } => {
                (self.vendor, self.product) == (*vendor, *product)
                    && (serial.is_none() || self.serial == *serial)
            }
            Choice::Socket(socket) => self.socket.as_ref() == Some(socket),
        }
    }

    /// The narrowest choice that means this device.
    #[must_use]
    pub fn choice(&self, alone: bool) -> Choice {
        match (&self.serial, &self.socket) {
            (None, Some(socket)) if !alone => Choice::Socket(socket.clone()),
            (serial, _) => Choice::Model {
                vendor: self.vendor,
                product: self.product,
                serial: serial.clone(),
            },
        }
    }
}

/// The device that is meant.
pub(super) fn choose(nodes: Vec<Node>, choice: &Choice) -> Result<Node, String> {
    let mut fitting: Vec<Node> = nodes.into_iter().filter(|it| it.fits(choice)).collect();
    if fitting.is_empty() {
        return Err(format!("{choice} is not there: is the scanner plugged in?"));
    }
    let damaged = fitting
        .iter()
        .find_map(|it| Descriptor::parse(&it.descriptor).err());
    // A device may be several: a keyboard, a scanner, something of the vendor's.
    fitting.retain(Node::is_scanner);
    if fitting.len() > 1 {
        let others: Vec<String> = fitting
            .iter()
            .map(|it| format!("hid = \"{}\"", it.choice(false)))
            .collect();
        let count = fitting.len();
        let others = others.join(" or ");
        return Err(format!(
            "{choice} is there {count} times; say which: {others}"
        ));
    }
    fitting.pop().ok_or_else(|| match damaged {
        Some(error) => format!("{choice} cannot be understood: {error}"),
        None => format!(
            "{choice} is plugged in but not as HID POS; scan the code \"USB HID POS\" of its manual"
        ),
    })
}

/// All HID devices below a sysfs, in the order of their numbers.
pub(crate) fn nodes(sys: &Path, dev: &Path) -> Vec<Node> {
    let Ok(entries) = fs::read_dir(sys.join("class/hidraw")) else {
        return Vec::new();
    };
    let mut nodes: Vec<Node> = entries
        .flatten()
        .filter_map(|entry| node(&entry.path(), dev))
        .collect();
    nodes.sort_by(|a, b| a.path.cmp(&b.path));
    nodes
}

fn node(class: &Path, dev: &Path) -> Option<Node> {
    let uevent = fs::read_to_string(class.join("device/uevent")).ok()?;
    let value = |key: &str| {
        let line = uevent.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.strip_prefix('=')?.trim()).filter(|value| !value.is_empty())
    };
    // HID_ID=0003:00000C2E:00000B6A
    let mut id = value("HID_ID")?.split(':').skip(1);
    let mut number = || u16::try_from(u32::from_str_radix(id.next()?, 16).ok()?).ok();
    let (vendor, product) = (number()?, number()?);
    Some(Node {
        path: dev.join(class.file_name()?),
        vendor,
        product,
        serial: value("HID_UNIQ").map(str::to_owned),
        socket: fs::canonicalize(class).ok().and_then(|it| socket(&it)),
        name: value("HID_NAME").unwrap_or_default().to_owned(),
        descriptor: fs::read(class.join("device/report_descriptor")).ok()?,
    })
}

/// The USB device in a path of sysfs: `…/usb1/1-2/1-2.3/1-2.3:1.0/…` is `1-2.3`.
fn socket(path: &Path) -> Option<String> {
    let parts = path.components().rev();
    let names = parts.filter_map(|part| part.as_os_str().to_str());
    let mut sockets = names.filter(|name| is_socket(name));
    sockets.next().map(str::to_owned)
}

/// `1-2.3`: a bus, and ports.
pub fn is_socket(text: &str) -> bool {
    let number = |text: &str| {
        (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.split_once('-')
        .is_some_and(|(bus, ports)| number(bus) && ports.split('.').all(number))
}
