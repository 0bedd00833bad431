//! A real PostgreSQL as a child process that goes away with the test: a cluster of its own in a temporary folder.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::leash::Leashed;
use super::mosquitto::free_port;

/// A PostgreSQL of our own: loopback, a free port, anybody is `postgres`. It forgets what a power cut would take, which no
/// test cuts.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    child: Option<Leashed>,
}

impl Postgres {
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With more settings, `name=value`.
    pub fn with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if is_root() {
            let owned = Command::new("chown")
                .arg("postgres")
                .arg(folder.path())
                .status();
            assert!(owned.expect("chown").success());
        }
        let mut server = Self {
            folder,
            port: free_port(),
            settings: settings.iter().map(|it| (*it).to_owned()).collect(),
            child: None,
        };
        let made = server
            .command("initdb")
            .args([
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--pgdata",
            ])
            .arg(server.data())
            .output()
            .expect("run initdb");
        assert!(made.status.success(), "initdb: {}", said(&made));
        server.restart();
        server
    }

    /// Starts it again with what it has stored, on the same port.
    pub fn restart(&mut self) {
        let log = fs::File::create(self.log_path()).expect("open the log");
        let port = self.port.to_string();
        let socket = self.folder.path().display().to_string();
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &port, "-k", &socket, "-h", "127.0.0.1"]);
        for setting in ["fsync=off", "full_page_writes=off"] {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let child = Leashed::spawn(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log),
        );
        self.child = Some(child.expect("start postgres"));
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.psql(&["-c", "select 1"]).status.success() {
            assert!(
                Instant::now() < deadline,
                "postgres does not answer: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Immediate shutdown: nothing is finished. A plain kill would leave its processes to notice by themselves.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("sh")
                .args(["-c", "kill -QUIT \"$0\"", &child.id().to_string()])
                .status();
            let _ = child.wait();
        }
    }

    /// For `--database`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// What a query says: rows as lines, columns with `|` between.
    pub fn query(&self, sql: &str) -> String {
        let output = self.psql(&["-v", "ON_ERROR_STOP=1", "-c", sql]);
        assert!(output.status.success(), "{sql}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// Runs a file of commands with `-v` variables, `name=value`.
    pub fn run(&self, file: &Path, variables: &[String]) {
        let mut arguments = vec!["-v", "ON_ERROR_STOP=1"];
        for variable in variables {
            arguments.extend(["-v", variable]);
        }
        let file = file.display().to_string();
        arguments.extend(["-f", &file]);
        let output = self.psql(&arguments);
        assert!(output.status.success(), "{file}: {}", said(&output));
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn psql(&self, arguments: &[&str]) -> Output {
        let psql = Command::new(program("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-h",
                "127.0.0.1",
                "-U",
                "postgres",
                "-p",
            ])
            .arg(self.port.to_string())
            .args(arguments)
            .arg("postgres")
            .output();
        psql.expect("run psql")
    }

    /// PostgreSQL refuses to run as root.
    fn command(&self, name: &str) -> Command {
        let program = program(name);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command
                    .args([
                        "--reuid=postgres",
                        "--regid=postgres",
                        "--init-groups",
                        "--",
                    ])
                    .arg(program);
                command
            }
            false => Command::new(program),
        };
        command.current_dir(self.folder.path());
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("postgres.log")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0)
}

/// Debian keeps the newest version's programs out of everybody's way.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let found = versions
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.exists());
    found.max().unwrap_or_else(|| PathBuf::from(name))
}
