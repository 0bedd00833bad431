//! Simulated laser markers: a TCP server that tells of marks as its make does, and answers who asks for its state; and
//! [`log`]s as marking software writes them.

pub mod log;

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::Task;

/// Pieces waiting to be sent; then the feeder waits.
const QUEUE: usize = 64;

/// Makes of markers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// Keyence MD: the dialogue of a host with it, as heard on a tap.
    Keyence,
    /// Gravotech.
    Gravotech,
    /// Panasonic LP with the response at the end of marking.
    Panasonic,
    /// Telesis, extended protocol.
    Telesis,
    /// Videojet, as heard on a tap.
    Videojet,
    /// Lines.
    Generic,
}

impl Make {
    /// All of them, with the name of their profile.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Keyence, "keyence_md"),
        (Self::Gravotech, "gravotech"),
        (Self::Panasonic, "panasonic_lp"),
        (Self::Telesis, "telesis"),
        (Self::Videojet, "videojet"),
        (Self::Generic, "generic"),
    ];

    /// What is on the wire when `code` is marked: frame by frame. `error` is its code for a mark that fails.
    pub fn mark(self, code: &str, error: Option<&str>) -> Vec<Vec<u8>> {
        let texts = match (self, error) {
            (Self::Keyence, None) => vec![
                format!("WX,JOB=0007,BLK=000,CharacterString={code}\r"),
                "WX,OK\r".to_owned(),
                "WX,StartMarking\r".to_owned(),
                "WX,OK\r".to_owned(),
            ],
            (Self::Keyence, Some(error)) => vec![
                format!("WX,JOB=0007,BLK=000,CharacterString={code}\r"),
                "WX,OK\r".to_owned(),
                "WX,StartMarking\r".to_owned(),
                format!("WX,NG,{error}\r"),
            ],
            (Self::Gravotech, None) => vec![
                format!("VS 0 \"{code}\"\r\n"),
                "VS 1\r\n".to_owned(),
                "GO M\r\n".to_owned(),
                "GO F\r\n".to_owned(),
            ],
            (Self::Gravotech, Some(error)) => vec![
                format!("VS 0 \"{code}\"\r\n"),
                "GO M\r\n".to_owned(),
                format!("ER {error}\r\n"),
            ],
            (Self::Panasonic, None) => vec![
                format!("\x02STRS001{code}\r"),
                "\x0600\r".to_owned(),
                "\x02MSTA0000\r".to_owned(),
            ],
            (Self::Panasonic, Some(error)) => vec![
                format!("\x02STRS001{code}\r"),
                "\x0600\r".to_owned(),
                format!("\x02MSTA{error}\r"),
            ],
            (Self::Telesis, None) => vec![
                format!("\x01V\x0200{code}\x03A1\r"),
                "\x01G\x02\x03B2\r".to_owned(),
                "DONE\r".to_owned(),
            ],
            (Self::Telesis, Some(error)) => vec![
                format!("\x01V\x0200{code}\x03A1\r"),
                "\x01G\x02\x03B2\r".to_owned(),
                format!("ERROR {error}\r"),
            ],
            (Self::Videojet, None) => vec![
                format!("SetVars code={code};"),
                "Marking;".to_owned(),
                "Ready;".to_owned(),
            ],
            (Self::Videojet, Some(error)) => vec![
                format!("SetVars code={code};"),
                "Marking;".to_owned(),
                format!("Error {error};"),
            ],
            (Self::Generic, None) => vec![format!("START {code}\n"), "DONE\n".to_owned()],
            (Self::Generic, Some(error)) => {
                vec![format!("START {code}\n"), format!("FAIL {code} {error}\n")]
            }
        };
        texts.into_iter().map(String::into_bytes).collect()
    }
}

/// How frames arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Each at once.
    Whole,
    /// One byte at a time.
    Bytes,
    /// Three at once.
    Threes,
}

impl Delivery {
    /// The pieces that frames arrive in.
    pub fn pieces(self, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
        match self {
            Self::Whole => frames.to_vec(),
            Self::Bytes => frames.iter().flatten().map(|byte| vec![*byte]).collect(),
            Self::Threes => frames.chunks(3).map(<[Vec<u8>]>::concat).collect(),
        }
    }
}

/// A running marker.
#[derive(Debug)]
pub struct SimMarker {
    addr: SocketAddr,
    pieces: mpsc::Sender<Vec<u8>>,
    state: watch::Sender<Vec<u8>>,
    _task: Task,
}

impl SimMarker {
    /// Starts one on a free port of this machine. It serves one client at a time.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let (pieces, queue) = mpsc::channel(QUEUE);
        let (state, answer) = watch::channel(Vec::new());
        let task = Task::spawn(serve(listener, queue, answer));
        Ok(Self {
            addr,
            pieces,
            state,
            _task: task,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends pieces, each in a segment of its own.
    pub async fn send(&self, pieces: Vec<Vec<u8>>) {
        for piece in pieces {
            // Without a client nobody hears it.
            let _ = self.pieces.send(piece).await;
        }
    }

    /// Whether all that was to be sent is on its way: what it answers from then on comes later.
    pub fn is_idle(&self) -> bool {
        self.pieces.capacity() == self.pieces.max_capacity()
    }

    /// What it answers from now on when it is asked for its state.
    pub fn answers(&self, answer: &[u8]) {
        self.state.send_replace(answer.to_vec());
    }

    /// Ends the connection, in the middle of whatever was said.
    pub async fn hang_up(&self) {
        let _ = self.pieces.send(Vec::new()).await;
    }
}

async fn serve(
    listener: TcpListener,
    mut queue: mpsc::Receiver<Vec<u8>>,
    answer: watch::Receiver<Vec<u8>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        // A client that goes away is followed by the next.
        let _ = talk(client, &mut queue, &answer).await;
    }
}

async fn talk(
    mut client: TcpStream,
    queue: &mut mpsc::Receiver<Vec<u8>>,
    answer: &watch::Receiver<Vec<u8>>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut bytes = [0; 256];
    loop {
        tokio::select! {
            piece = queue.recv() => match piece {
                Some(piece) if !piece.is_empty() => client.write_all(&piece).await?,
                _ => return Ok(()),
            },
            count = client.read(&mut bytes) => {
                let count = count?;
                if count == 0 {
                    return Ok(());
                }
                let asked = bytes.iter().take(count).any(|byte| matches!(byte, b'\r' | b';'));
                let answer = answer.borrow().clone();
                if asked && !answer.is_empty() {
                    client.write_all(&answer).await?;
                }
            }
        }
    }
}
