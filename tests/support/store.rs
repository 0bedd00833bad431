//! The store as a child process that goes away with the test.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::leash::Leashed;

/// One instance of `tracegate-store`.
pub struct Store {
    folder: TempDir,
    binary: PathBuf,
    broker: SocketAddr,
    database: String,
    client_id: String,
    child: Option<Leashed>,
    starts: usize,
}

impl Store {
    /// Starts the program and waits until it has subscribed.
    pub fn start(binary: &Path, broker: SocketAddr, database: &str, client_id: &str) -> Self {
        let mut store = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            binary: binary.to_owned(),
            broker,
            database: database.to_owned(),
            client_id: client_id.to_owned(),
            child: None,
            starts: 0,
        };
        store.restart();
        store
    }

    pub fn restart(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path());
        let child = Leashed::spawn(
            Command::new(&self.binary)
                .args([
                    "run",
                    "--broker",
                    &format!("mqtt://{}", self.broker),
                    "--client-id",
                    &self.client_id,
                ])
                .env("DATABASE_URL", &self.database)
                .env_remove("RUST_LOG")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log.expect("open the log")),
        );
        self.child = Some(child.expect("start the store"));
        self.starts += 1;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.log().matches("Subscribed").count() < self.starts {
            assert!(
                Instant::now() < deadline,
                "the store does not subscribe: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL: whatever it was doing.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kill the store");
            child.wait().expect("wait for the store");
        }
    }

    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("store.log")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a question to the store is answered.
pub fn ask(binary: &Path, database: &str, arguments: &[&str]) -> String {
    let output = Command::new(binary)
        .args(arguments)
        .env("DATABASE_URL", database)
        .output();
    let output = output.expect("run the store");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}
