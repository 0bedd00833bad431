//! What of a configuration does not fit this machine: devices that are not there, names without an address, files that
//! cannot be read, a buffer without room, ports that somebody else has.
//!
//! Nothing is opened that could be taken from the running gateway, and nobody is spoken to but name servers: devices are
//! looked at, not connected to ([`doctor`](crate::doctor) does that).
//!
//! **Invariant**: what may be different tomorrow, or for another user, is a warning, so that an unplugged scanner stops no
//! rollout. An error is only what keeps the gateway from running here at all.

mod ports;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Access, access, statvfs};
use rustix::io::Errno;
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::buffer::size_text;
use crate::config::{Config, Diagnostic, FileName, Loaded, Scanner};
use crate::source::hid;

/// For a name server.
const PATIENCE: Duration = Duration::from_secs(5);
/// Files of the buffer's folder that are counted; a folder with more is no buffer's.
const MAX_BUFFER_FILES: usize = 1_000;

/// Everything that does not fit. `is_running` says whether a gateway runs here; the ports that it holds are its own.
pub async fn look(loaded: &Loaded, is_running: bool) -> Vec<Diagnostic> {
    let mut preflight = Preflight {
        loaded,
        found: Vec::new(),
    };
    preflight.devices();
    preflight.files();
    preflight.buffer();
    preflight.control();
    preflight.ports(is_running);
    preflight.hosts().await;
    preflight.found
}

struct Preflight<'a> {
    loaded: &'a Loaded,
    found: Vec<Diagnostic>,
}

impl<'a> Preflight<'a> {
    fn config(&self) -> &'a Config {
        &self.loaded.config
    }

    fn error(&mut self, at: &[&str], code: &'static str, title: String, label: &str, help: &str) {
        let place = self.loaded.place(at);
        let problem = Diagnostic::error(code, title, place, label).help(help);
        self.found.push(problem);
    }

    fn warn(&mut self, at: &[&str], code: &'static str, title: String, label: &str, help: &str) {
        let place = self.loaded.place(at);
        let problem = Diagnostic::error(code, title, place, label).help(help);
        self.found.push(problem.as_warning());
    }

    /// Every connection of a scanner, receiver or marker.
    fn connections(&self) -> Vec<(&'static str, &'a String, Scanner)> {
        let config = self.config();
        let scanners = config.scanner.iter();
        let receivers = config.receiver.iter();
        let markers = config.marker.iter();
        scanners
            .map(|(name, it)| ("scanner", name, it.clone()))
            .chain(receivers.map(|(name, it)| ("receiver", name, it.connection())))
            .chain(markers.map(|(name, it)| ("marker", name, it.connection())))
            .collect()
    }

    fn devices(&mut self) {
        for (kind, name, connection) in self.connections() {
            if let Some(path) = connection.serial_path() {
                self.device(&[kind, name, "serial"], &path);
            }
            if let Some(path) = connection.keyboard_path() {
                self.device(&[kind, name, "keyboard"], &path);
            }
            if let Some(hid) = &connection.hid
                && let Err(reason) = hid::look(&hid.0)
            {
                let title = format!("{kind} `{name}`: {reason}");
                let help = "tracegate discover shows what is plugged in";
                self.warn(&[kind, name, "hid"], "device", title, "", help);
            }
        }
        for (name, marker) in &self.config().marker {
            let log = marker.tail.as_ref().map(|path| ("tail", path));
            let folder = marker.drop.as_ref().map(|path| ("drop", path));
            if let Some((key, path)) = log.or(folder) {
                self.readable(&["marker", name, key], path.path());
            }
        }
    }

    /// A device file, which is not opened: whoever holds it would lose data.
    fn device(&mut self, at: &[&str], path: &Path) {
        let [kind, name, _] = at else {
            return;
        };
        let shown = path.display();
        let (title, help) = match access(path, Access::READ_OK | Access::WRITE_OK) {
            Ok(()) => return,
            Err(Errno::NOENT | Errno::NOTDIR) => (
                format!("{kind} `{name}` is not plugged in: {shown} is not there"),
                "tracegate discover shows what is plugged in, under the names to use",
            ),
            Err(Errno::ACCESS | Errno::PERM) => (
                format!("{kind} `{name}`: this user may not open {shown}"),
                "the gateway's user must be in the group of the device (dialout, input); to check as that user: sudo -u tracegate tracegate check",
            ),
            Err(error) => (
                format!("{kind} `{name}`: {shown} cannot be used: {error}"),
                "look at the kernel's log (dmesg)",
            ),
        };
        self.warn(at, "device", title, "", help);
    }

    /// A log or a folder that a marker writes.
    fn readable(&mut self, at: &[&str], path: &Path) {
        let opened = match at.last() {
            Some(&"drop") => fs::read_dir(path).map(drop),
            _ => fs::metadata(path).and_then(|file| match file.is_file() {
                true => File::open(path).map(drop),
                false => Err(ErrorKind::InvalidInput.into()),
            }),
        };
        let Err(error) = opened else {
            return;
        };
        let shown = path.display();
        let title = match error.kind() {
            ErrorKind::NotFound => format!("{shown} is not there"),
            ErrorKind::PermissionDenied => format!("this user may not read {shown}"),
            ErrorKind::InvalidInput => format!("{shown} is no file"),
            _ => format!("{shown} cannot be read: {error}"),
        };
        let help = "is the drive mounted, and does the marking software write there?";
        self.warn(at, "device", title, "", help);
    }

    /// Passwords, certificates and keys.
    fn files(&mut self) {
        let config = self.config();
        let mqtt = &config.mqtt;
        let page = &config.status;
        let mut files: Vec<(Vec<&str>, &FileName)> = Vec::new();
        let of_broker = [
            ("password_file", &mqtt.password_file),
            ("ca_file", &mqtt.ca_file),
            ("client_certificate_file", &mqtt.client_certificate_file),
            ("client_key_file", &mqtt.client_key_file),
        ];
        let of_broker = of_broker.map(|(key, file)| (vec!["mqtt", key], file));
        let of_page = [
            ("password_file", &page.password_file),
            ("tls_certificate_file", &page.tls_certificate_file),
            ("tls_key_file", &page.tls_key_file),
            ("client_ca_file", &page.client_ca_file),
        ];
        let of_page = of_page.map(|(key, file)| (vec!["status", key], file));
        for (path, file) in of_broker.into_iter().chain(of_page) {
            files.extend(file.as_ref().map(|file| (path, file)));
        }
        for (name, reader) in &config.llrp {
            for (key, file) in [
                ("ca_file", &reader.ca_file),
                ("client_certificate_file", &reader.client_certificate_file),
                ("client_key_file", &reader.client_key_file),
            ] {
                files.extend(file.as_ref().map(|file| (vec!["llrp", name, key], file)));
            }
        }
        for (name, receiver) in &config.receiver {
            for (key, file) in [
                ("mqtt_password_file", &receiver.mqtt_password_file),
                ("mqtt_ca_file", &receiver.mqtt_ca_file),
            ] {
                files.extend(
                    file.as_ref()
                        .map(|file| (vec!["receiver", name, key], file)),
                );
            }
        }
        for (at, file) in files {
            self.file(&at, file.path());
        }
    }

    fn file(&mut self, at: &[&str], path: &Path) {
        let shown = path.display();
        let is_file = fs::metadata(path).map(|it| it.is_file());
        let first = is_file.and_then(|is_file| match is_file {
            true => File::open(path)?.read(&mut [0; 1]),
            false => Err(ErrorKind::InvalidInput.into()),
        });
        let (title, help) = match first {
            Ok(1..) => return,
            Ok(0) => (format!("{shown} is empty"), "write into it what it is for"),
            Err(error) => match error.kind() {
                ErrorKind::NotFound => (
                    format!("{shown} is not there"),
                    "put it there; a credential of the service (LoadCredential=) is only seen by the service itself",
                ),
                ErrorKind::PermissionDenied => (
                    format!("this user may not read {shown}"),
                    "to check as the gateway's user: sudo -u tracegate tracegate check",
                ),
                ErrorKind::InvalidInput => (format!("{shown} is no file"), "name the file itself"),
                _ => (format!("{shown} cannot be read: {error}"), "check the disk"),
            },
        };
        self.warn(at, "file", title, "", help);
    }

    fn buffer(&mut self) {
        let buffer = &self.config().buffer;
        let folder = buffer.directory.path();
        let at = ["buffer", "directory"];
        // The gateway makes what is missing of the path.
        let there = folder.ancestors().find(|it| it.exists());
        let there = there.unwrap_or(Path::new("/"));
        let shown = there.display();
        if !there.is_dir() {
            let title = format!("the buffer cannot be made: {shown} is no folder");
            return self.error(
                &at,
                "buffer",
                title,
                "",
                "name another folder, or move the file",
            );
        }
        match access(there, Access::WRITE_OK | Access::EXEC_OK) {
            Ok(()) => {}
            Err(Errno::ROFS) => {
                let title = format!("the buffer cannot be written: {shown} is read-only");
                let help = "name a folder on a disk that can be written";
                return self.error(&at, "buffer", title, "", help);
            }
            Err(error) => {
                let title = format!("this user may not write to {shown}: {error}");
                let help = "the folder must be that of the gateway's user; to check as that user: sudo -u tracegate tracegate check";
                self.warn(&at, "buffer", title, "", help);
            }
        }
        let Ok(disk) = statvfs(there) else {
            return;
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let (keep, max) = (buffer.keep_free.bytes(), buffer.max_size.bytes());
        let free_text = size_text(free);
        if free <= keep {
            let title = format!("the buffer's disk is full: {free_text} are free");
            let label = format!("{} are to stay free: sources would wait", size_text(keep));
            let help = "make room on it, or name a folder on another disk";
            return self.warn(&at, "disk", title, &label, help);
        }
        let room = free.saturating_add(used(folder)).saturating_sub(keep);
        if room < max {
            let title =
                format!("the disk has less room than the buffer may take: {free_text} are free");
            let label = format!("sources would wait at about {}", size_text(room));
            let help =
                "make room on the disk, name a folder on another one, or set a smaller max_size";
            self.warn(&["buffer", "max_size"], "disk", title, &label, help);
        }
    }

    fn control(&mut self) {
        let Some(socket) = &self.config().control.socket else {
            return;
        };
        let folder = socket.path().parent().unwrap_or(Path::new("/"));
        if !folder.is_dir() {
            let title = format!(
                "the control socket has no folder: {} is not there",
                folder.display()
            );
            let help =
                "make the folder; that of the service (RuntimeDirectory=) is there while it runs";
            self.warn(&["control", "socket"], "control", title, "", help);
        }
    }

    /// Names of devices and brokers, each asked for once.
    async fn hosts(&mut self) {
        let config = self.config();
        let mut names: BTreeMap<String, Vec<Vec<&str>>> = BTreeMap::new();
        let mut add = |host: String, at: Vec<&'a str>| {
            if host.parse::<IpAddr>().is_err() {
                names.entry(host.to_lowercase()).or_default().push(at);
            }
        };
        for (name, reader) in &config.llrp {
            if let Some(host) = &reader.host {
                add(host.to_string(), vec!["llrp", name, "host"]);
            }
        }
        for (kind, name, connection) in self.connections() {
            if let Some(tcp) = &connection.tcp {
                add(tcp.host.to_string(), vec![kind, name, "tcp"]);
            }
        }
        for (name, light) in &config.light {
            if let Some(module) = &light.modbus {
                add(module.host.to_string(), vec!["light", name, "modbus"]);
            }
        }
        for (name, receiver) in &config.receiver {
            if let Some(url) = &receiver.mqtt_url {
                add(url.host.to_string(), vec!["receiver", name, "mqtt_url"]);
            }
        }
        for url in config.mqtt.url.all() {
            add(url.host.to_string(), vec!["mqtt", "url"]);
        }
        let mut questions = JoinSet::new();
        for name in names.keys().cloned() {
            questions.spawn(async move {
                let answer = timeout(PATIENCE, lookup_host((name.clone(), 0))).await;
                let answer = answer.map(|found| found.map(|mut it| it.next().is_some()));
                let why = match answer {
                    Ok(Ok(true)) => return None,
                    Ok(Ok(false)) => "it has none".to_owned(),
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => "no name server answers".to_owned(),
                };
                Some((name, why))
            });
        }
        for (name, why) in questions.join_all().await.into_iter().flatten() {
            for at in names.get(&name).into_iter().flatten() {
                let title = format!("the name {name} has no address here");
                let help =
                    "check the spelling, and this machine's name server; an IP address needs none";
                self.warn(at, "no-address", title, &why, help);
            }
        }
    }
}

/// What the buffer takes already.
fn used(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries
        .take(MAX_BUFFER_FILES)
        .filter_map(|it| it.metadata().ok());
    sizes.filter(fs::Metadata::is_file).map(|it| it.len()).sum()
}
