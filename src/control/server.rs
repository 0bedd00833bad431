//! The gateway's side of the control socket.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Answer, PROTOCOL, Request};
use crate::bundle::Running;
use crate::capture::witness::{Ask, Asks};
use crate::health::{Beat, Health};
use crate::logs;
use crate::reload::Reloads;
use crate::story::Recent;
use crate::tail::Follower;
use crate::top::Sample;

/// Clients at a time; others are told to come back.
const CLIENTS: usize = 8;
/// Longest request, bytes.
const MAX_REQUEST: u64 = 64 * 1024;
/// A client that takes nothing for this long is cut off.
const STALLED: Duration = Duration::from_secs(10);
/// One that follows may look away for longer: for it the oldest is dropped.
const LOOKS_AWAY: Duration = Duration::from_secs(600);
/// A client that asks nothing for this long is cut off.
const IDLE: Duration = Duration::from_secs(60);
/// For the watchdog.
const WAKE: Duration = Duration::from_secs(5);

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another gateway answers there.
    #[error("{} belongs to another gateway that is running; give this one its own [control] socket", .0.display())]
    InUse(PathBuf),
    /// Something that is no socket has its name.
    #[error("{} is there and is no socket; remove it, or name another [control] socket", .0.display())]
    NoSocket(PathBuf),
    /// The system refuses.
    #[error("cannot open the control socket {}; its folder must be there and writable for the gateway's user, and its path at most 100 characters long", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}

/// An open control socket; the file goes away with it.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    path: PathBuf,
    reloads: Option<Reloads>,
}

impl Door {
    /// Opens the socket. What a gateway that was killed has left behind is replaced.
    ///
    /// # Errors
    /// Another gateway is there, or the system refuses.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let system = |source| OpenError::System {
            path: path.to_owned(),
            source,
        };
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(OpenError::NoSocket(path.to_owned()));
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(OpenError::InUse(path.to_owned()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(system(error)),
        }
        // Made under another name: nobody connects before its permissions are right, and the old one is replaced at once.
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        let _ = std::fs::remove_file(&fresh);
        let listener = UnixListener::bind(&fresh).map_err(system)?;
        let placed = std::fs::set_permissions(&fresh, Permissions::from_mode(0o660))
            .and_then(|()| std::fs::rename(&fresh, path));
        if let Err(error) = placed {
            let _ = std::fs::remove_file(&fresh);
            return Err(system(error));
        }
        let path = path.to_owned();
        Ok(Self {
            listener,
            path,
            reloads: None,
        })
    }

    /// Also takes `reload`.
    #[must_use]
    pub fn reloading(mut self, reloads: Reloads) -> Self {
        self.reloads = Some(reloads);
        self
    }

    /// Serves clients until `stop`.
    pub async fn serve(self, asks: Asks, health: Health, beat: Beat, stop: CancellationToken) {
        let mut clients = JoinSet::new();
        loop {
            beat.touch();
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) if clients.len() < CLIENTS => {
                        let reloads = self.reloads.clone();
                        clients.spawn(client(stream, asks.clone(), health.clone(), reloads));
                    }
                    Ok((stream, _)) => {
                        health.counters().control_refused.add(1);
                        let busy = refusal("too many commands are connected; try again");
                        // What does not fit into its buffer now is not for it.
                        let _ = stream.try_write(&busy);
                    }
                    Err(error) => {
                        warn!(code = logs::CONTROL_TROUBLE, %error, "Control socket does not accept");
                        sleep(Duration::from_millis(200)).await;
                    }
                },
                Some(_) = clients.join_next() => {}
                () = sleep(WAKE) => {}
                () = stop.cancelled() => break,
            }
        }
        beat.finish();
        clients.shutdown().await;
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn client(stream: UnixStream, asks: Asks, health: Health, reloads: Option<Reloads>) {
    let (reader, writer) = stream.into_split();
    let reloads = reloads.as_ref();
    match talk(BufReader::new(reader), writer, &asks, &health, reloads).await {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            health.counters().control_dropped.add(1);
            warn!(
                code = logs::CONTROL_TROUBLE,
                "A command at the control socket takes nothing any more; it was cut off"
            );
        }
        // Commands end when they like.
        Err(error) => debug!(%error, "Control client gone"),
    }
}

async fn talk(
    mut reader: BufReader<OwnedReadHalf>,
    mut writer: OwnedWriteHalf,
    asks: &Asks,
    health: &Health,
    reloads: Option<&Reloads>,
) -> std::io::Result<()> {
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut reader).take(MAX_REQUEST);
        let Ok(read) = timeout(IDLE, limited.read_until(b'\n', &mut line)).await else {
            return Ok(());
        };
        if read? == 0 {
            return Ok(());
        }
        if !line.ends_with(b"\n") {
            let error = "a request is a line of JSON with at most 64 KiB";
            return send(&mut writer, &refusal(error), STALLED).await;
        }
        match serve(&line, asks, health, reloads).await {
            Ok(Reply::Answer(answer)) => send(&mut writer, &told(answer), STALLED).await?,
            Ok(Reply::Stream(mut stream, answer)) => {
                send(&mut writer, &told(answer), STALLED).await?;
                return flow(&mut stream, &mut reader, &mut writer).await;
            }
            Err(error) => send(&mut writer, &refusal(&error), STALLED).await?,
        }
    }
}

enum Reply {
    Answer(Value),
    /// After its answer.
    Stream(Stream, Value),
}

enum Stream {
    Capture(mpsc::Receiver<Bytes>),
    Tail(Box<Follower>),
}

impl Stream {
    /// Nothing is lost when this is not waited for to its end.
    async fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::Capture(pieces) => pieces.recv().await,
            Self::Tail(follower) => follower.next().await,
        }
    }

    const fn patience(&self) -> Duration {
        match self {
            Self::Capture(_) => STALLED,
            Self::Tail(_) => LOOKS_AWAY,
        }
    }
}

async fn serve(
    line: &[u8],
    asks: &Asks,
    health: &Health,
    reloads: Option<&Reloads>,
) -> Result<Reply, String> {
    let request: Request = serde_json::from_slice(line)
        .map_err(|error| format!("this is no request of version {PROTOCOL}: {error}"))?;
    if request.v != PROTOCOL {
        return Err(format!(
            "this gateway speaks version {PROTOCOL} of the protocol, not {}",
            request.v
        ));
    }
    let gone = || "the gateway is stopping".to_owned();
    match (request.ask.as_str(), request.tag) {
        ("status", _) => {
            let status = health.status();
            json_of(&status).map(Reply::Answer)
        }
        ("why", Some(tag)) => {
            let (answer, told) = oneshot::channel();
            asks.send(Ask::Why { tag, answer })
                .await
                .map_err(|_| gone())?;
            let stories = told.await.map_err(|_| gone())?;
            json_of(&stories).map(Reply::Answer)
        }
        ("why", None) => Err("`why` needs `tag`".to_owned()),
        ("bundle", _) => {
            let running = Running::of(health, recent(asks).await?);
            json_of(&running).map(Reply::Answer)
        }
        ("top", _) => {
            let sample = Sample::of(health, recent(asks).await?);
            json_of(&sample).map(Reply::Answer)
        }
        ("capture", _) => {
            let (answer, told) = oneshot::channel();
            asks.send(Ask::Capture { answer })
                .await
                .map_err(|_| gone())?;
            match told.await.map_err(|_| gone())? {
                Some(pieces) => Ok(Reply::Stream(Stream::Capture(pieces), Value::Null)),
                None => Err("enough captures are under way; end one of them".to_owned()),
            }
        }
        ("tail", _) => {
            let (answer, told) = oneshot::channel();
            asks.send(Ask::Follow { answer })
                .await
                .map_err(|_| gone())?;
            let following = told
                .await
                .map_err(|_| gone())?
                .ok_or("enough others follow already; end one `tracegate tail`")?;
            let answer = json!({ "time_zone": following.view.time_zone() });
            let wish = request.tail.unwrap_or_default();
            let follower = Follower::new(wish, following, health.clone())?;
            Ok(Reply::Stream(Stream::Tail(Box::new(follower)), answer))
        }
        ("reload", _) => {
            let (answer, told) = oneshot::channel();
            let reloads = reloads.ok_or_else(gone)?;
            reloads.send(answer).await.map_err(|_| gone())?;
            let outcome = told.await.map_err(|_| gone())?;
            let outcome = serde_json::to_value(outcome);
            outcome
                .map(Reply::Answer)
                .map_err(|error| error.to_string())
        }
        (other, _) => Err(format!(
            "`{}` is nothing to ask for; known are status, why, tail, top, capture, bundle, reload",
            crate::health::tame(other)
        )),
    }
}

async fn recent(asks: &Asks) -> Result<Recent, String> {
    let gone = |_| "the gateway is stopping".to_owned();
    let (answer, told) = oneshot::channel();
    asks.send(Ask::Recent { answer })
        .await
        .map_err(|_| gone(()))?;
    told.await.map_err(|_| gone(()))
}

fn json_of(answer: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(answer).map_err(|error| error.to_string())
}

/// Until the gateway stops, or the client hangs up.
async fn flow(
    stream: &mut Stream,
    reader: &mut BufReader<OwnedReadHalf>,
    writer: &mut OwnedWriteHalf,
) -> std::io::Result<()> {
    let mut word = [0; 64];
    loop {
        tokio::select! {
            piece = stream.next() => match piece {
                Some(piece) => send(writer, &piece, stream.patience()).await?,
                None => return Ok(()),
            },
            read = reader.read(&mut word) => if read? == 0 {
                return Ok(());
            },
        }
    }
}

/// A slow reader may take long, but not take nothing.
async fn send(
    writer: &mut OwnedWriteHalf,
    mut bytes: &[u8],
    patience: Duration,
) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let written = timeout(patience, writer.write(bytes)).await;
        match written.map_err(|_| std::io::Error::from(ErrorKind::TimedOut))?? {
            0 => return Err(ErrorKind::WriteZero.into()),
            count => bytes = bytes.get(count..).unwrap_or_default(),
        }
    }
    Ok(())
}

fn told(answer: Value) -> Vec<u8> {
    line(&Answer {
        v: PROTOCOL,
        answer: Some(answer),
        error: None,
    })
}

fn refusal(error: &str) -> Vec<u8> {
    line(&Answer {
        v: PROTOCOL,
        answer: None,
        error: Some(error.to_owned()),
    })
}

fn line(answer: &Answer) -> Vec<u8> {
    let mut line = json!(answer).to_string().into_bytes();
    line.push(b'\n');
    line
}
