//! Serial and TCP scanners: a line of bytes is a scan; the answer goes back once the scan is stored.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_serial::{SerialPortBuilderExt, SerialStream};
use tracegate_pipeline::Input;
use tracing::{debug, warn};

use super::lines::LineSplitter;
use super::{Context, Sparingly};
use crate::core::Feedback;
use crate::downlink::order::Action;

/// Between attempts to open the device, jittered up to twice that: a replugged scanner is back within two seconds.
const RETRY: Duration = Duration::from_secs(1);
/// A scanner that again and again accepts the connection and ends it at once is tried up to so many times more rarely.
const RETRY_SLOWDOWN: u32 = 8;
/// A connection that lasted so long was a good one, even without a scan.
const STEADY: Duration = Duration::from_secs(30);
/// A frame that does not go on for so long has no terminator.
const UNFINISHED: Duration = Duration::from_secs(2);
/// TCP keepalive: a scanner that lost power says nothing, and nobody would notice before the next answer.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);
/// A peer that does not answer a connect.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Signs of life even when nothing happens.
const WAKE: Duration = Duration::from_secs(5);
/// Between two beeps of a scanner that shows which one it is.
const BEEP: Duration = Duration::from_secs(1);
/// A scanner that does not take its answer is not waited for.
const WRITE_DEADLINE: Duration = Duration::from_secs(1);

/// How to reach a scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A serial port.
    Serial {
        /// Its device file.
        path: PathBuf,
        /// Bits per second.
        baud: u32,
        /// 7 or 8.
        data_bits: tokio_serial::DataBits,
        /// None, even or odd.
        parity: tokio_serial::Parity,
        /// 1 or 2.
        stop_bits: tokio_serial::StopBits,
    },
    /// A TCP server in the scanner, as `host:port`.
    Tcp(String),
}

/// One scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How to reach it.
    pub transport: Transport,
    /// Sent once a scan is stored.
    pub on_accept: Vec<u8>,
    /// Sent when a scan is refused.
    pub on_refuse: Vec<u8>,
    /// Sent once a second while it shows which one it is.
    pub on_identify: Vec<u8>,
}

/// Runs until stopped.
pub async fn run(settings: Settings, context: Context, mut feedback: mpsc::Receiver<Feedback>) {
    let mut slowdown = 1;
    loop {
        context.beat.touch();
        let mut session = Session {
            settings: &settings,
            context: &context,
            feedback: &mut feedback,
            heard: false,
        };
        let started = Instant::now();
        let reason = tokio::select! {
            opened = open(&settings.transport) => match opened {
                Ok(Port::Serial(port)) => session.serve(port).await,
                Ok(Port::Tcp(stream)) => session.serve(stream).await,
                Err(reason) => {
                    // It was not reached at all: looking again costs nobody anything.
                    session.heard = true;
                    Some(reason)
                }
            },
            () = context.stop.cancelled() => None,
        };
        slowdown = if session.heard || started.elapsed() >= STEADY {
            1
        } else {
            (slowdown * 2).min(RETRY_SLOWDOWN)
        };
        let Some(reason) = reason else { break };
        context.down(&reason);
        if !context
            .pause((RETRY * slowdown).mul_f64(1.0 + fastrand::f64()))
            .await
        {
            break;
        }
    }
    context.beat.finish();
}

enum Port {
    Serial(SerialStream),
    Tcp(TcpStream),
}

/// Opens the device, or says why not.
async fn open(transport: &Transport) -> Result<Port, String> {
    match transport {
        Transport::Serial {
            path,
            baud,
            data_bits,
            parity,
            stop_bits,
        } => tokio_serial::new(path.to_string_lossy(), *baud)
            .data_bits(*data_bits)
            .parity(*parity)
            .stop_bits(*stop_bits)
            .open_native_async()
            .map(Port::Serial)
            .map_err(|error| serial_reason(path, &error)),
        Transport::Tcp(address) => {
            match timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    if let Err(error) = watch(&stream) {
                        debug!(address, %error, "Socket options not set");
                    }
                    Ok(Port::Tcp(stream))
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(format!(
                    "{address} refuses connections; is this the scanner's TCP server and its port?"
                )),
                Ok(Err(error)) => Err(format!("cannot connect to {address}: {error}")),
                Err(_) => Err(format!(
                    "{address} does not answer; check its address and cable"
                )),
            }
        }
    }
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

struct Session<'a> {
    settings: &'a Settings,
    context: &'a Context,
    feedback: &'a mut mpsc::Receiver<Feedback>,
    /// Whether the scanner sent anything.
    heard: bool,
}

impl Session<'_> {
    /// Reads until the device goes away (the reason) or the gateway stops (`None`).
    async fn serve<S>(&mut self, stream: S) -> Option<String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (context, scanner) = (self.context, &self.context.name);
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (mut splitter, mut frames, mut bytes) =
            (LineSplitter::default(), Vec::new(), [0; 1024]);
        let mut remarks = Sparingly::default();
        let (mut shows, mut beep_at) = (0, Instant::now());
        // Answers for a scan made before the connection was lost would confuse the operator now.
        while self.feedback.try_recv().is_ok() {}
        context.up();
        if !link(context, true).await {
            return None;
        }
        let reason = loop {
            context.beat.touch();
            let unfinished = splitter.unfinished() > 0;
            tokio::select! {
                got = reader.read(&mut bytes) => match got {
                    Ok(0) => break Some(self.closed()),
                    Ok(count) => {
                        self.heard = true;
                        let pushed = splitter.push(bytes.get(..count).unwrap_or_default(), &mut frames);
                        if pushed.overlong > 0 {
                            context.health.counters().scans_malformed.add(pushed.overlong as u64);
                            if remarks.say().is_some() {
                                warn!(scanner, "Frame without end thrown away; check the scanner's suffix and line settings");
                            }
                        }
                        for data in frames.drain(..) {
                            context.health.reads(scanner, None, 1);
                            let at = context.clock.now();
                            if !context.send(Input::Scan { device: context.device, at, data }).await {
                                return None;
                            }
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => break Some(format!("the scanner is gone: {error}")),
                },
                Some(answer) = self.feedback.recv() => {
                    let bytes = match answer {
                        Feedback::Accept => &self.settings.on_accept,
                        Feedback::Refuse => &self.settings.on_refuse,
                        // For readers.
                        Feedback::Movement => &[][..],
                    };
                    match timeout(WRITE_DEADLINE, writer.write_all(bytes)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => break Some(format!("the scanner takes no answer: {error}")),
                        Err(_) => if remarks.say().is_some() {
                            warn!(scanner, "The scanner did not take its answer in time");
                        },
                    }
                }
                order = context.orders.next() => {
                    let answer = match order.action {
                        Action::Identify(time) => {
                            (shows, beep_at) = (time.as_secs(), Instant::now());
                            Ok(())
                        }
                        Action::Output { .. } => Err("a scanner has no outputs".to_owned()),
                    };
                    // Nobody may wait any more.
                    let _ = order.done.send(answer);
                }
                () = sleep_until(beep_at), if shows > 0 => {
                    (shows, beep_at) = (shows - 1, beep_at + BEEP);
                    let beep = writer.write_all(&self.settings.on_identify);
                    if let Ok(Err(error)) = timeout(WRITE_DEADLINE, beep).await {
                        break Some(format!("the scanner takes no answer: {error}"));
                    }
                }
                () = sleep(UNFINISHED), if unfinished => {
                    // Kept, it would spoil the next scan.
                    let count = splitter.discard();
                    context.health.counters().scans_malformed.add(1);
                    if remarks.say().is_some() {
                        warn!(scanner, count, "Scan without line end thrown away; set the scanner's suffix to CR or LF");
                    }
                }
                () = sleep(WAKE) => {}
                () = context.stop.cancelled() => break None,
            }
        };
        if splitter.unfinished() > 0 {
            context.health.counters().scans_malformed.add(1);
        }
        link(context, false).await;
        reason
    }

    fn closed(&self) -> String {
        match &self.settings.transport {
            Transport::Serial { path, .. } => format!("{} was unplugged", path.display()),
            Transport::Tcp(address) if !self.heard => format!(
                "{address} closed the connection before any scan; does another host use the scanner?"
            ),
            Transport::Tcp(address) => format!("{address} closed the connection"),
        }
    }
}

pub(super) async fn link(context: &Context, up: bool) -> bool {
    let at = context.clock.now();
    context
        .send(Input::Device {
            device: context.device,
            at,
            up,
            reader_time: None,
        })
        .await
}

pub(super) fn serial_reason(path: &Path, error: &tokio_serial::Error) -> String {
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
            format!("{shown} is not there: is the scanner plugged in and in serial mode?")
        }
        _ if std::fs::metadata(path).is_ok_and(|file| !file.file_type().is_char_device()) => {
            format!("{shown} is no serial port")
        }
        _ => format!("{shown} cannot be opened as a serial port: {error}"),
    }
}
