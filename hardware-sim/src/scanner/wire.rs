//! The bare end of a scanner: bytes as they are, in any pieces, and nothing in return unless somebody listens.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::sleep,
};

use super::{Line, make::Delivery, pty::Pty};

/// Between two halves of a frame.
const PAUSE: Duration = Duration::from_millis(20);

/// A scanner's end of a connection; dropping it unplugs the scanner.
pub struct Wire(End);

enum End {
    Pty(Pty),
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Wire {
    /// A scanner on a new pty, and the path of its serial device.
    ///
    /// # Errors
    /// When the system has no pty left.
    pub fn pty() -> io::Result<(Self, PathBuf)> {
        let (pty, path) = Pty::open()?;
        Ok((Self(End::Pty(pty)), path))
    }

    /// A scanner with a TCP server; waits until the host connects.
    ///
    /// # Errors
    /// When the connection cannot be accepted.
    pub async fn accept(listener: &TcpListener) -> io::Result<Self> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(Self(End::Tcp(stream)))
    }

    /// A scanner that connects to the host.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(host: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self(End::Tcp(stream)))
    }

    /// A scanner that sends datagrams to the host.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn udp(host: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
        socket.connect(host).await?;
        Ok(Self(End::Udp(socket)))
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the host is gone.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            End::Pty(pty) => pty.send(bytes).await,
            End::Tcp(stream) => stream.write_all(bytes).await,
            End::Udp(socket) => socket.send(bytes).await.map(drop),
        }
    }

    /// Sends frames in pieces.
    ///
    /// # Errors
    /// When the host is gone.
    pub async fn deliver(&mut self, delivery: Delivery, frames: &[Vec<u8>]) -> io::Result<()> {
        for piece in delivery.pieces(frames) {
            self.send(&piece).await?;
            match delivery {
                Delivery::Halves => sleep(PAUSE).await,
                _ => tokio::task::yield_now().await,
            }
        }
        Ok(())
    }

    /// What the host says next; never returns when it says nothing.
    ///
    /// # Errors
    /// When the host is gone.
    pub async fn hear(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            End::Pty(pty) => {
                let byte = pty.answer().await;
                match bytes.first_mut() {
                    Some(first) => *first = byte,
                    None => return Ok(0),
                }
                Ok(1)
            }
            End::Tcp(stream) => match stream.read(bytes).await? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                count => Ok(count),
            },
            End::Udp(socket) => socket.recv(bytes).await,
        }
    }
}
