//! A real Mosquitto, and the store that subscribes to it.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use tokio::sync::watch;
use tokio::time::sleep;
use tracegate_sim::{Task, wait_until};

use super::ledger::Ledger;
use super::site::{SOON, Site};

pub struct Mosquitto {
    process: Child,
    keeps: bool,
    addr: Arc<Mutex<SocketAddr>>,
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

    /// A store with a session that Mosquitto keeps; it is subscribed on return.
    pub async fn store(&self, site: &Site) -> anyhow::Result<Task> {
        let (ready, mut subscribed) = watch::channel(false);
        let task = Task::spawn(subscribe(self.addr.clone(), site.ledger.clone(), ready));
        let waited = tokio::time::timeout(SOON, subscribed.wait_for(|ready| *ready)).await;
        waited.context("the store does not subscribe")??;
        Ok(task)
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

/// Enters what comes, and acknowledges it only then.
async fn subscribe(addr: Arc<Mutex<SocketAddr>>, ledger: Arc<Ledger>, ready: watch::Sender<bool>) {
    loop {
        let broker = *addr.lock().expect("nobody panics with it");
        let mut options = MqttOptions::new("store", broker.ip().to_string(), broker.port());
        options
            .set_clean_start(false)
            .set_session_expiry_interval(Some(3_600))
            .set_manual_acks(true)
            .set_keep_alive(Duration::from_secs(5));
        let (client, mut events) = AsyncClient::new(options, 1_000);
        let asked = client.subscribe("tracegate/plant-3/events/#", QoS::AtLeastOnce);
        if asked.await.is_err() {
            return;
        }
        while let Ok(event) = events.poll().await {
            match event {
                Event::Incoming(Incoming::SubAck(_)) => {
                    ready.send_replace(true);
                }
                Event::Incoming(Incoming::Publish(publish)) => {
                    ledger.enter(&publish);
                    // Unacknowledged it comes again.
                    let _ = client.try_ack(&publish);
                }
                _ => {}
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}
