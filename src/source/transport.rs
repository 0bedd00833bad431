//! How a feed is reached: a serial port, a TCP server in the device, a port of ours that it connects to, or datagrams.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_serial::{FlowControl, SerialPortBuilderExt};
use tracing::debug;

/// TCP keepalive: a device that lost power says nothing, and nobody would notice before the next answer.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);
/// Reads of a connection that is given up, at most.
const DRAINED: usize = 64;
/// A peer that does not answer a connect.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// How to reach a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A serial port.
    Serial(Line),
    /// A TCP server in the device, as `host:port`.
    Tcp(String),
    /// A TCP port of ours; the device connects to it. One device: its newest connection counts.
    Listen(SocketAddr),
    /// A UDP port of ours; answers go to whoever sent last.
    Udp(SocketAddr),
}

impl Transport {
    /// Why a connection to the device ended by itself; `what` names the kind of device.
    #[must_use]
    pub fn ended(&self, what: &str) -> String {
        match self {
            Self::Serial(line) => format!("{} was unplugged", line.path.display()),
            Self::Tcp(address) => format!("{address} closed the connection"),
            Self::Listen(_) | Self::Udp(_) => format!("the {what} closed the connection"),
        }
    }
}

/// A serial line and its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its device file.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// 7 or 8.
    pub data_bits: tokio_serial::DataBits,
    /// None, even or odd.
    pub parity: tokio_serial::Parity,
    /// 1 or 2.
    pub stop_bits: tokio_serial::StopBits,
    /// None, RTS/CTS or XON/XOFF.
    pub flow: FlowControl,
}

/// Opens a transport again and again; keeps a listening port open in between.
#[derive(Debug)]
pub struct Opener {
    transport: Transport,
    listener: Option<TcpListener>,
}

/// An open connection.
pub struct Port {
    /// Where bytes come from.
    pub incoming: Incoming,
    /// Where bytes go to.
    pub outgoing: Outgoing,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The reading half.
pub enum Incoming {
    /// Bytes without borders.
    #[expect(private_interfaces, reason = "nobody outside takes it apart")]
    Stream(ReadHalf<Box<dyn Stream>>),
    /// Each read is a datagram.
    Datagrams(Arc<UdpSocket>, Peer),
}

/// The writing half.
pub enum Outgoing {
    /// Bytes without borders.
    #[expect(private_interfaces, reason = "nobody outside takes it apart")]
    Stream(WriteHalf<Box<dyn Stream>>),
    /// Each write is a datagram.
    Datagrams(Arc<UdpSocket>, Peer),
}

/// Who sent last.
type Peer = Arc<Mutex<Option<SocketAddr>>>;

impl Port {
    /// A connection over a stream of bytes.
    pub fn stream(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (reader, writer) = tokio::io::split(Box::new(stream) as Box<dyn Stream>);
        Self {
            incoming: Incoming::Stream(reader),
            outgoing: Outgoing::Stream(writer),
        }
    }
}

impl Incoming {
    /// Whether each read is a whole message.
    #[must_use]
    pub fn is_datagrams(&self) -> bool {
        matches!(self, Self::Datagrams(..))
    }

    /// Reads what is there; 0 is the end. Cancel safe.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stream(stream) => stream.read(bytes).await,
            Self::Datagrams(socket, peer) => loop {
                match socket.recv_from(bytes).await {
                    // Nobody listens where the last answer went: no reason to stop listening ourselves.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(error) => return Err(error),
                    Ok((0, _)) => {}
                    Ok((count, from)) => {
                        *peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
                        return Ok(count);
                    }
                }
            },
        }
    }
}

impl Incoming {
    /// Takes what has arrived and not been read, because the connection is given up.
    pub async fn drain(&mut self, mut take: impl FnMut(&[u8])) {
        let mut bytes = [0; 2048];
        for _ in 0..DRAINED {
            let Ok(Ok(count @ 1..)) = timeout(Duration::ZERO, self.read(&mut bytes)).await else {
                return;
            };
            take(bytes.get(..count).unwrap_or_default());
        }
    }
}

impl Outgoing {
    /// Writes all bytes.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stream(stream) => stream.write_all(bytes).await,
            Self::Datagrams(socket, peer) => {
                let to = *peer.lock().unwrap_or_else(PoisonError::into_inner);
                match to {
                    Some(to) => socket.send_to(bytes, to).await.map(drop),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Opener {
    /// Nothing is open yet.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            listener: None,
        }
    }

    /// Whether a port of ours is open, which the device connects to.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.listener.is_some()
    }

    /// Opens what the gateway can open by itself; returns what is waited for before [`open`](Self::open) returns, if that
    /// is the device's turn. `what` names the kind of device.
    ///
    /// # Errors
    /// Why it cannot, for the technician.
    pub async fn prepare(&mut self, what: &str) -> Result<Option<String>, String> {
        let Transport::Listen(at) = self.transport else {
            return Ok(None);
        };
        if self.listener.is_none() {
            let listener = TcpListener::bind(at).await;
            self.listener = Some(listener.map_err(|error| bind_reason(&error, at))?);
        }
        Ok(Some(format!(
            "waits for the {what} to connect to {at}; set this gateway's address and port {} in the {what}",
            at.port()
        )))
    }

    /// Opens the connection, or says why not.
    ///
    /// # Errors
    /// Why it cannot, for the technician.
    pub async fn open(&mut self, what: &str) -> Result<Port, String> {
        match &self.transport {
            Transport::Serial(line) => tokio_serial::new(line.path.to_string_lossy(), line.baud)
                .data_bits(line.data_bits)
                .parity(line.parity)
                .stop_bits(line.stop_bits)
                .flow_control(line.flow)
                .open_native_async()
                .map(Port::stream)
                .map_err(|error| serial_reason(&line.path, &error, what)),
            Transport::Tcp(address) => {
                match timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await {
                    Ok(Ok(stream)) => Ok(watched(stream)),
                    Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        Err(format!(
                            "{address} refuses connections; is this the {what}'s TCP server and its port?"
                        ))
                    }
                    Ok(Err(error)) => Err(format!("cannot connect to {address}: {error}")),
                    Err(_) => Err(format!(
                        "{address} does not answer; check its address and cable"
                    )),
                }
            }
            Transport::Listen(_) => self.newer().await,
            Transport::Udp(at) => {
                let socket = UdpSocket::bind(at).await;
                let socket = Arc::new(socket.map_err(|error| bind_reason(&error, *at))?);
                let peer = Peer::default();
                Ok(Port {
                    incoming: Incoming::Datagrams(socket.clone(), peer.clone()),
                    outgoing: Outgoing::Datagrams(socket, peer),
                })
            }
        }
    }

    /// The next connection that a device makes to us; waits for ever where it does not connect to us. Cancel safe.
    ///
    /// # Errors
    /// Why it cannot be accepted.
    pub async fn newer(&self) -> Result<Port, String> {
        match &self.listener {
            Some(listener) => match listener.accept().await {
                Ok((stream, _)) => Ok(watched(stream)),
                Err(error) => Err(format!("cannot accept a connection: {error}")),
            },
            None => std::future::pending().await,
        }
    }
}

fn watched(stream: TcpStream) -> Port {
    if let Err(error) = watch(&stream) {
        debug!(%error, "Socket options not set");
    }
    Port::stream(stream)
}

/// Lets the system notice a peer that is gone, also with an answer under way to it.
pub(super) fn watch(stream: &TcpStream) -> io::Result<()> {
    let (idle, interval, retries) = KEEPALIVE;
    let keepalive = TcpKeepalive::new()
        .with_time(idle)
        .with_interval(interval)
        .with_retries(retries);
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(idle + interval * retries))?;
    socket.set_tcp_nodelay(true)
}

fn bind_reason(error: &io::Error, at: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {at} is taken by another program; choose another, or stop that program")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{} is no address of this machine; use 0.0.0.0", at.ip())
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {at} may not be opened; choose one above 1023")
        }
        _ => format!("cannot listen on {at}: {error}"),
    }
}

pub(super) fn serial_reason(path: &Path, error: &tokio_serial::Error, what: &str) -> String {
    let shown = path.display();
    match error.kind() {
        tokio_serial::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            format!("{shown} may not be opened: add the gateway's user to the group dialout")
        }
        // A port that another program has claimed is reported as missing too.
        tokio_serial::ErrorKind::NoDevice if path.exists() => {
            format!("{shown} is in use by another program")
        }
        tokio_serial::ErrorKind::NoDevice
        | tokio_serial::ErrorKind::Io(io::ErrorKind::NotFound) => {
            format!("{shown} is not there: is the {what} plugged in and in serial mode?")
        }
        _ if std::fs::metadata(path).is_ok_and(|file| !file.file_type().is_char_device()) => {
            format!("{shown} is no serial port")
        }
        _ => format!("{shown} cannot be opened as a serial port: {error}"),
    }
}
