//! The keyboards of this machine, through evdev.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evdev::raw_stream::RawDevice;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Keyboard, Keyboards, Raw};

pub(super) struct System;

impl Keyboards for System {
    fn open(&self, path: &Path) -> Result<Box<dyn Keyboard>, String> {
        let mut device = RawDevice::open(path).map_err(|error| reason(path, &error))?;
        device.grab().map_err(|error| match error.kind() {
            ErrorKind::ResourceBusy => in_use(path),
            _ => reason(path, &error),
        })?;
        Ok(Box::new(Grabbed(device)))
    }
}

/// Dropped, it lets the others hear the keyboard again.
struct Grabbed(RawDevice);

impl Keyboard for Grabbed {
    fn events(&mut self, wait: Duration) -> Result<Vec<Raw>, String> {
        let wait = Timespec::try_from(wait).map_err(|error| error.to_string())?;
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut ready, Some(&wait)) {
            Ok(0) => return Ok(Vec::new()),
            Ok(_) => {}
            // A signal for the process may reach any thread.
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        }
        let events = self.0.fetch_events().map_err(|error| error.to_string())?;
        let raw = |event: evdev::InputEvent| Raw {
            at_us: since_epoch(event.timestamp()),
            kind: event.event_type().0,
            code: event.code(),
            value: event.value(),
        };
        Ok(events.map(raw).collect())
    }

    fn held(&self) -> Result<Vec<u16>, String> {
        let keys = self.0.get_key_state().map_err(|error| error.to_string())?;
        Ok(keys.iter().map(|key| key.code()).collect())
    }

    /// Event times are those of the wall clock, unless asked otherwise.
    fn now_us(&self) -> u64 {
        since_epoch(SystemTime::now())
    }
}

fn since_epoch(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn reason(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound => {
            format!("{shown} is not there: is the scanner plugged in and in keyboard mode?")
        }
        ErrorKind::PermissionDenied => format!(
            "{shown} may not be opened: plug the scanner in again; a maker that 70-tracegate-scanners.rules of udev lacks needs a line there"
        ),
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOTTY.raw_os_error()) => {
            format!("{shown} is no keyboard")
        }
        _ => format!("{shown} cannot be opened as a keyboard: {error}"),
    }
}

/// Who has it open, as far as this process may see: one of them has grabbed it.
pub(super) fn in_use(path: &Path) -> String {
    let shown = path.display();
    let holders = fs::canonicalize(path)
        .map(|path| holders(&path))
        .unwrap_or_default();
    match holders.as_slice() {
        [] => format!(
            "{shown} is grabbed by another program; look who has it open with: fuser -v {shown}"
        ),
        _ => format!(
            "{shown} is grabbed by another program: {}",
            holders.join(" or ")
        ),
    }
}

/// Other processes that have the file open.
fn holders(file: &Path) -> Vec<String> {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let holder = |process: fs::DirEntry| {
        let id = process.file_name().into_string().ok()?;
        let is_other = id.bytes().all(|byte| byte.is_ascii_digit()) && id != own;
        let mut open = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        let has_it = is_other && open.any(|fd| fs::read_link(fd.path()).is_ok_and(|it| it == file));
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        has_it.then(|| format!("{} (process {id})", name.trim()))
    };
    processes.filter_map(holder).take(4).collect()
}
