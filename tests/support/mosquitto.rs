//! A real Mosquitto as a child process that goes away with the test.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::leash::Leashed;

/// A Mosquitto of our own: loopback, a free port, persistence on.
pub struct Mosquitto {
    folder: TempDir,
    port: u16,
    keeps: bool,
    child: Option<Leashed>,
}

impl Mosquitto {
    pub fn start() -> Self {
        Self::new(true)
    }

    /// One that keeps everything in memory only: fast with long queues, and not to be restarted.
    pub fn in_memory() -> Self {
        Self::new(false)
    }

    fn new(keeps: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut broker = Self {
            folder,
            port: free_port(),
            keeps,
            child: None,
        };
        broker.restart();
        broker
    }

    /// Starts it again with what it has stored, on the same port.
    pub fn restart(&mut self) {
        let folder = self.folder.path().display();
        // It stores after every change: a PUBACK of a broker that keeps sessions in memory promises nothing.
        let persistence = match self.keeps {
            true => "true\nautosave_on_changes true\nautosave_interval 1",
            false => "false",
        };
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence {persistence}\npersistence_location {folder}/\n\
             max_queued_messages 0\nlog_dest file {folder}/mosquitto.log\n",
            port = self.port,
        );
        let path = self.folder.path().join("mosquitto.conf");
        fs::write(&path, config).expect("write mosquitto.conf");
        let binary = [
            "/usr/sbin/mosquitto",
            "/usr/local/sbin/mosquitto",
            "/usr/bin/mosquitto",
        ]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("mosquitto is not installed; tests/run installs it");
        let child = Leashed::spawn(
            Command::new(binary)
                .arg("-c")
                .arg(&path)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        self.child = Some(child.expect("start mosquitto"));
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(self.addr()).is_err() {
            assert!(
                Instant::now() < deadline,
                "mosquitto does not listen: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kill mosquitto");
            child.wait().expect("wait for mosquitto");
        }
    }

    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("mosquitto.log")).unwrap_or_default()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Mosquitto has no port 0; the kernel does not give the same port out again soon.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
