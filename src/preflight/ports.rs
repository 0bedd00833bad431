//! Ports that the gateway is to listen on, and who has them.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use super::Preflight;

impl Preflight<'_> {
    /// Whether each port is free, or the gateway's own.
    pub(super) fn ports(&mut self, is_running: bool) {
        let config = self.config();
        let mut ports: Vec<(Vec<&str>, SocketAddr, Type)> = Vec::new();
        for (name, reader) in &config.llrp {
            let at = reader
                .listen
                .map(|at| (vec!["llrp", name, "listen"], at, Type::STREAM));
            ports.extend(at);
        }
        for (kind, name, connection) in self.connections() {
            let listen = connection.listen;
            ports.extend(listen.map(|at| (vec![kind, name, "listen"], at, Type::STREAM)));
            ports.extend(
                connection
                    .udp
                    .map(|at| (vec![kind, name, "udp"], at, Type::DGRAM)),
            );
        }
        let page = config.status.listen.0;
        ports.extend(page.map(|at| (vec!["status", "listen"], at, Type::STREAM)));
        // Readers may share a port.
        let mut seen = BTreeSet::new();
        ports.retain(|(_, at, kind)| at.port() != 0 && seen.insert((*at, *kind == Type::STREAM)));
        for (path, at, kind) in ports {
            let Err(error) = bind(at, kind) else {
                continue;
            };
            let what = if kind == Type::STREAM { "TCP" } else { "UDP" };
            let port = at.port();
            let (title, help) = match error.kind() {
                ErrorKind::AddrInUse => {
                    let holder = holder(port, kind);
                    let by = match &holder {
                        Some(name) if name.starts_with("tracegate ") => continue,
                        Some(name) => name.as_str(),
                        // Whose it is, only root sees; most likely it is what runs.
                        None if is_running => continue,
                        None => "another program",
                    };
                    (
                        format!("{what} port {port} is taken by {by}"),
                        "end that program, or choose another port",
                    )
                }
                ErrorKind::AddrNotAvailable => (
                    format!("this machine does not have the address {}", at.ip()),
                    "ip address shows those that it has; 0.0.0.0 is all of them",
                ),
                ErrorKind::PermissionDenied => (
                    format!("this user may not listen on {what} port {port}"),
                    "ports below 1024 are for root; choose another one",
                ),
                _ => (format!("{what} {at} cannot be used: {error}"), ""),
            };
            self.warn(&path, "port", title, "", help);
        }
    }
}

/// Takes a port and lets it go at once. It is not listened on, so nobody connects meanwhile.
fn bind(at: SocketAddr, kind: Type) -> std::io::Result<()> {
    let protocol = if kind == Type::STREAM {
        Protocol::TCP
    } else {
        Protocol::UDP
    };
    let socket = Socket::new(Domain::for_address(at), kind, Some(protocol))?;
    if kind == Type::STREAM {
        // As the gateway itself: connections that just ended do not count.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&at.into())
}

/// Name and number of the process that has a port, as far as this user may see it: `nginx (process 812)`.
fn holder(port: u16, kind: Type) -> Option<String> {
    let tables = match kind == Type::STREAM {
        true => ["tcp", "tcp6"],
        false => ["udp", "udp6"],
    };
    let mut sockets = BTreeSet::new();
    for table in tables {
        let text = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        sockets.extend(text.lines().filter_map(|line| socket(line, port, kind)));
    }
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(number) = process
            .file_name()
            .to_str()
            .and_then(|it| it.parse::<u32>().ok())
        else {
            continue;
        };
        let files = fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        let mut files = files.filter_map(|file| fs::read_link(file.path()).ok());
        if files.any(|it| it.to_str().is_some_and(|it| sockets.contains(it))) {
            let name = fs::read_to_string(process.path().join("comm")).ok()?;
            return Some(format!(
                "{} (process {number})",
                crate::health::tame(name.trim())
            ));
        }
    }
    None
}

/// The socket on a line of /proc/net/tcp, if it has this port and waits for others (proc(5)): `socket:[4711]`.
fn socket(line: &str, port: u16, kind: Type) -> Option<String> {
    let mut fields = line.split_whitespace();
    let (_, local) = fields.nth(1)?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    let is_open = kind == Type::DGRAM || state == "0A";
    let inode = fields.nth(5)?;
    let is_port = u16::from_str_radix(local, 16) == Ok(port);
    (is_port && is_open).then(|| format!("socket:[{inode}]"))
}
