//! A real Mosquitto.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use tracegate_sim::wait_until;

use super::site::{SOON, Site};
use super::store::Address;

pub struct Mosquitto {
    process: Child,
    keeps: bool,
    addr: Address,
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Mosquitto {
    /// Starts it behind the site's proxy; `keeps`: what it has is saved when it is told to stop.
    pub async fn start(site: &Site, keeps: bool) -> anyhow::Result<Self> {
        let (process, addr) = launch(site.folder.path(), keeps).await?;
        site.proxy.redirect(addr);
        Ok(Self {
            process,
            keeps,
            addr: Arc::new(Mutex::new(addr)),
        })
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Tells it to stop, and waits.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let id = i32::try_from(self.process.id())?;
        let id = rustix::process::Pid::from_raw(id).context("a process")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        self.process.wait()?;
        Ok(())
    }

    /// Starts it again.
    pub async fn again(&mut self, site: &Site) -> anyhow::Result<()> {
        let (process, addr) = launch(site.folder.path(), self.keeps).await?;
        self.process = process;
        site.proxy.redirect(addr);
        *self.addr.lock().expect("nobody panics with it") = addr;
        Ok(())
    }

    /// Where it is.
    pub fn addr(&self) -> &Address {
        &self.addr
    }
}

async fn launch(folder: &Path, keeps: bool) -> anyhow::Result<(Child, SocketAddr)> {
    // Mosquitto cannot tell a port it chose itself, so a free one is looked for; another process may be quicker.
    for _ in 0..20 {
        let listener = TcpListener::bind(super::site::ANY)?;
        let addr = listener.local_addr()?;
        drop(listener);
        let mut config = format!("listener {} 127.0.0.1\nallow_anonymous true\n", addr.port());
        writeln!(config, "max_queued_messages 0\npersistence {keeps}")?;
        writeln!(config, "persistence_location {}/", folder.display())?;
        // As root it would change to a user who may not use our folder.
        if rustix::process::geteuid().is_root() {
            config.push_str("user root\n");
        }
        let path = folder.join("mosquitto.conf");
        std::fs::write(&path, config)?;
        let programs = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let log = std::fs::File::create(folder.join("mosquitto.log"))?;
        let mut process = Command::new("mosquitto")
            .env("PATH", programs)
            .arg("-c")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("mosquitto is needed")?;
        let mut alive = true;
        wait_until("mosquitto", SOON, || {
            alive = process.try_wait().is_ok_and(|status| status.is_none());
            !alive || TcpStream::connect(addr).is_ok()
        })
        .await?;
        if alive {
            return Ok((process, addr));
        }
    }
    bail!("no free port for mosquitto");
}
