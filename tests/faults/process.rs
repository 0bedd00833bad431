//! The gateway's process: started, killed, listened to.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, ensure};
use tracegate_sim::wait_until;

use super::gateway::Load;

/// From the last acknowledgement to the end of the process, deletion and goodbye included.
const TO_END: Duration = Duration::from_secs(60);

/// What the gateway has told, over all its lives.
#[derive(Debug, Default, Clone)]
pub struct Told {
    /// The newest event that was accepted.
    pub accepted: i64,
    /// The newest that it had at a start was less.
    pub forgotten: Vec<(i64, i64)>,
    /// Times that the buffer was full.
    pub full: usize,
    /// Events set aside.
    pub aside: Vec<i64>,
    /// How often the last life lost its connection.
    pub disconnects: i64,
    /// Events that the last life sent again.
    pub resent: i64,
    /// Dead letters at the end.
    pub dead: Option<i64>,
}

impl Told {
    fn hear(&mut self, line: &str) -> Option<()> {
        let (word, number) = line.split_once(' ')?;
        let number = number.parse().ok()?;
        match word {
            "start" if number < self.accepted => self.forgotten.push((self.accepted, number)),
            "start" => self.accepted = number,
            "accepted" => self.accepted = self.accepted.max(number),
            "full" => self.full += 1,
            "aside" => self.aside.push(number),
            "resent" => self.resent = number,
            "disconnects" => self.disconnects = number,
            "dead" => self.dead = Some(number),
            _ => {}
        }
        Some(())
    }
}

/// A gateway that may be running; it is killed with this.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    listener: Option<std::thread::JoinHandle<()>>,
}

impl Gateway {
    /// Starts it in a folder with `gateway.toml`; `through` is a command that runs it.
    pub fn start(
        folder: &Path,
        load: &Load,
        told: &Arc<Mutex<Told>>,
        through: &[String],
    ) -> anyhow::Result<Self> {
        let own = std::env::current_exe()?.display().to_string();
        let mut line = through.to_vec();
        line.extend([own, "gateway".to_owned(), folder.display().to_string()]);
        line.push(serde_json::to_string(load)?);
        let (program, arguments) = line.split_first().context("a program")?;
        let errors = std::fs::File::options()
            .append(true)
            .create(true)
            .open(folder.join("log"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()?;
        let output = BufReader::new(child.stdout.take().context("its output")?);
        let told = told.clone();
        let listener = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                lock(&told).hear(&line);
            }
        });
        Ok(Self {
            child,
            listener: Some(listener),
        })
    }

    /// `kill -9`; returns when all that it said is heard.
    pub fn kill(mut self) {
        self.end();
    }

    /// Waits until it has died, in no good order.
    #[cfg(feature = "failpoints")]
    pub async fn dies(&mut self) -> anyhow::Result<()> {
        let mut status = None;
        wait_until("the gateway to die", TO_END, || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        })
        .await?;
        ensure!(
            status.is_some_and(|status| status.code().is_none()),
            "the gateway ended with {status:?}"
        );
        Ok(())
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.listener.take().map(std::thread::JoinHandle::join);
    }

    /// Waits for its own end, in good order.
    pub async fn finished(mut self) -> anyhow::Result<()> {
        let mut status = None;
        wait_until("the gateway to finish", TO_END, || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        })
        .await?;
        let status = status.context("a status")?;
        self.end();
        ensure!(status.success(), "the gateway ended with {status}");
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end();
    }
}

pub fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().expect("nobody panics while hearing")
}
