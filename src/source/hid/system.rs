//! The HID devices of this machine, through hidapi.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hidapi::{HidApi, HidDevice, HidError};

use super::{Bus, Handle, Node, nodes};

pub(super) struct System {
    sys: PathBuf,
    dev: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self {
            sys: PathBuf::from("/sys"),
            dev: PathBuf::from("/dev"),
        }
    }
}

impl Bus for System {
    fn nodes(&self) -> Vec<Node> {
        nodes(&self.sys, &self.dev)
    }

    fn open(&self, node: &Node) -> Result<Box<dyn Handle>, String> {
        let shown = node.path.display();
        let refused = |error: &dyn std::fmt::Display| format!("{shown} cannot be opened: {error}");
        let path = CString::new(node.path.as_os_str().as_bytes()).map_err(|it| refused(&it))?;
        // It would look at every device; that was done.
        HidApi::disable_device_discovery();
        let api = HidApi::new().map_err(|it| refused(&it))?;
        let opened = api.open_path(&path);
        let device =
            opened.map_err(|it| may_open(&node.path).err().unwrap_or_else(|| refused(&it)))?;
        Ok(Box::new(Raw(device)))
    }
}

/// hidapi tells no reason that can be looked at.
pub(super) fn may_open(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.map(drop).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "{shown} may not be opened: plug the scanner in again; a maker that 70-tracegate-scanners.rules of udev lacks needs a line there"
        ),
        ErrorKind::NotFound => format!("{shown} is not there: it was unplugged just now, or the unit has no DeviceAllow for it"),
        _ => format!("{shown} cannot be opened: {error}"),
    })
}

struct Raw(HidDevice);

impl Handle for Raw {
    fn read(&mut self, report: &mut [u8], wait: Duration) -> Result<usize, String> {
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        match self.0.read_timeout(report, wait) {
            Ok(count) => Ok(count),
            // A signal for the process may reach any thread.
            Err(HidError::IoError { error }) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error.to_string()),
        }
    }

    fn write(&mut self, report: &[u8]) -> Result<(), String> {
        self.0
            .write(report)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    fn feature(&mut self, report: &[u8]) -> Result<(), String> {
        self.0
            .send_feature_report(report)
            .map_err(|error| error.to_string())
    }
}
