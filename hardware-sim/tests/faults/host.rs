//! The client half of LLRP as a gateway runs it: it connects again for ever, and keeps everything it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_rustls::TlsConnector;
use tracegate_llrp::client::{Client, ClientConfig, ClientEvent, Memory};
use tracegate_llrp::report::TagRead;
use tracegate_sim::Task;

/// Between two attempts; a gateway waits longer.
const RETRY: Duration = Duration::from_millis(20);
/// Bytes for the reader that wait for its socket.
const OUT_MAX: usize = 64 * 1024;

/// How the connection comes about.
pub enum Via {
    Tcp(SocketAddr),
    Tls(SocketAddr, Arc<rustls::ClientConfig>),
    /// The reader connects to us.
    Listener(TcpListener),
}

/// What a host has been told.
#[derive(Debug, Default)]
pub struct Told {
    pub reads: Vec<TagRead>,
    pub events: Vec<ClientEvent>,
    /// Times the set-up was completed.
    pub ready: u64,
    /// Calls that gave bytes.
    pub pieces: u64,
}

/// A client that is kept connected.
pub struct Host {
    told: Arc<Mutex<Told>>,
    stalled: watch::Sender<bool>,
    _task: Task,
}

impl Host {
    pub fn start(via: Via, config: ClientConfig) -> Self {
        Self::reading(via, config, 16 * 1024)
    }

    /// One that takes at most so many bytes at a time.
    pub fn reading(via: Via, config: ClientConfig, piece: usize) -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let (stalled, stall) = watch::channel(false);
        let task = Task::spawn(run(via, config, piece, told.clone(), stall));
        Self {
            told,
            stalled,
            _task: task,
        }
    }

    pub fn told<T>(&self, look: impl FnOnce(&Told) -> T) -> T {
        look(&self.told.lock().unwrap())
    }

    /// What was told beside reads, an event a line; of long ones the start.
    pub fn history(&self) -> String {
        let line = |event: &ClientEvent| match event {
            ClientEvent::Ready {
                kept_rospec,
                version,
                limits,
                ..
            } => {
                format!("Ready, kept_rospec {kept_rospec}, version {version}, {limits:?}\n")
            }
            event => format!("{event:?}\n"),
        };
        self.told(|told| told.events.iter().map(line).collect())
    }

    /// Stands still (`true`), as a process that is stopped or a machine that sleeps, or goes on.
    pub fn stall(&self, stalled: bool) {
        self.stalled.send_replace(stalled);
    }

    /// Whether an event of this kind was told.
    pub fn was_told(&self, wanted: impl Fn(&ClientEvent) -> bool) -> bool {
        self.told(|told| told.events.iter().any(wanted))
    }
}

async fn run(
    via: Via,
    config: ClientConfig,
    piece: usize,
    told: Arc<Mutex<Told>>,
    mut stall: watch::Receiver<bool>,
) {
    let mut memory = Memory::default();
    loop {
        let client = |memory: &mut Memory| {
            Client::with_memory(config.clone(), Duration::ZERO, std::mem::take(memory))
        };
        match &via {
            Via::Tcp(addr) => {
                if let Ok(socket) = TcpStream::connect(addr).await {
                    let session = Session::new(client(&mut memory), piece, &told);
                    memory = session.run(socket, &mut stall).await;
                }
            }
            Via::Tls(addr, tls) => {
                let name = ServerName::try_from("localhost").unwrap();
                if let Ok(socket) = TcpStream::connect(addr).await
                    && let Ok(stream) = TlsConnector::from(tls.clone()).connect(name, socket).await
                {
                    let session = Session::new(client(&mut memory), piece, &told);
                    memory = session.run(stream, &mut stall).await;
                }
            }
            Via::Listener(listener) => {
                if let Ok((socket, _)) = listener.accept().await {
                    let session = Session::new(client(&mut memory), piece, &told);
                    memory = session.run(socket, &mut stall).await;
                }
            }
        }
        sleep(RETRY).await;
    }
}

struct Session<'a> {
    client: Client,
    piece: usize,
    told: &'a Mutex<Told>,
    start: Instant,
}

impl<'a> Session<'a> {
    fn new(client: Client, piece: usize, told: &'a Mutex<Told>) -> Self {
        Self {
            client,
            piece,
            told,
            start: Instant::now(),
        }
    }

    async fn run(
        mut self,
        stream: impl AsyncRead + AsyncWrite,
        stall: &mut watch::Receiver<bool>,
    ) -> Memory {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (mut chunk, mut out) = (vec![0; self.piece], Vec::new());
        let (mut unflushed, mut deaf) = (false, false);
        loop {
            while out.len() < OUT_MAX
                && let Some(bytes) = self.client.poll_transmit()
            {
                out.extend_from_slice(&bytes);
            }
            self.take_events();
            if self.client.is_closed() {
                let _ = writer.write_all(&out).await;
                let _ = writer.shutdown().await;
                return self.client.memory();
            }
            let far = self.start + Duration::from_secs(60);
            let due = self.client.poll_timeout().map_or(far, |at| self.start + at);
            if stall.wait_for(|stalled| !stalled).await.is_err() {
                return self.client.memory();
            }
            let sends = !deaf && (unflushed || !out.is_empty());
            tokio::select! {
                // What is there is read before any silence is concluded.
                biased;
                got = reader.read(&mut chunk) => match got {
                    Ok(0) | Err(_) => self.client.handle_end(self.start.elapsed()),
                    Ok(count) => {
                        self.told.lock().unwrap().pieces += 1;
                        self.client.handle_bytes(self.start.elapsed(), &chunk[..count]);
                    }
                },
                // A reader that hears no more may have said something before: only the end of reading is the end.
                sent = send(&mut writer, &out, unflushed), if sends => match sent {
                    Ok(count) => { out.drain(..count); unflushed = count > 0; }
                    // It may have said something before: only the end of reading is the end.
                    Err(_) => deaf = true,
                },
                () = sleep_until(due) => self.client.handle_timeout(self.start.elapsed()),
                _ = stall.changed() => {}
            }
        }
    }

    fn take_events(&mut self) {
        let mut told = self.told.lock().unwrap();
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Reports(reads) => told.reads.extend(reads),
                event => {
                    told.ready += u64::from(matches!(event, ClientEvent::Ready { .. }));
                    told.events.push(event);
                }
            }
        }
    }
}

/// Writes, or hands on what was written: how many bytes were taken.
async fn send(
    writer: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    unflushed: bool,
) -> std::io::Result<usize> {
    match unflushed {
        true => writer.flush().await.map(|()| 0),
        false => writer.write(bytes).await,
    }
}
