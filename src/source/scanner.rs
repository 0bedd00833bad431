//! Serial and TCP scanners: a line of bytes is a scan; the answer goes back once the scan is stored.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_serial::SerialPortBuilderExt;
use tracegate_pipeline::Input;
use tracing::{debug, warn};

use super::Context;
use super::lines::LineSplitter;
use crate::core::Feedback;

/// Between attempts to open the device: a replugged scanner is back within a second.
const RETRY: Duration = Duration::from_secs(1);
/// A peer that does not answer a connect.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
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
}

/// Runs until stopped.
pub async fn run(settings: Settings, context: Context, mut feedback: mpsc::Receiver<Feedback>) {
    loop {
        context.beat.touch();
        let reason = match &settings.transport {
            Transport::Serial {
                path,
                baud,
                data_bits,
                parity,
                stop_bits,
            } => {
                let port = tokio_serial::new(path.to_string_lossy(), *baud)
                    .data_bits(*data_bits)
                    .parity(*parity)
                    .stop_bits(*stop_bits)
                    .open_native_async();
                match port {
                    Ok(port) => serve(&settings, &context, &mut feedback, port).await,
                    Err(error) => Some(serial_reason(path, &error)),
                }
            }
            Transport::Tcp(address) => {
                match timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await {
                    Ok(Ok(stream)) => {
                        if let Err(error) = stream.set_nodelay(true) {
                            debug!(scanner = context.name, %error, "No TCP_NODELAY");
                        }
                        serve(&settings, &context, &mut feedback, stream).await
                    }
                    Ok(Err(error)) => Some(format!("cannot connect to {address}: {error}")),
                    Err(_) => Some(format!(
                        "{address} does not answer; check its address and cable"
                    )),
                }
            }
        };
        let Some(reason) = reason else { break };
        context.down(reason);
        if !context.pause(RETRY.mul_f64(1.0 + fastrand::f64())).await {
            break;
        }
    }
    context.beat.finish();
}

/// Reads until the device goes away (the reason) or the gateway stops (`None`).
async fn serve<S>(
    settings: &Settings,
    context: &Context,
    feedback: &mut mpsc::Receiver<Feedback>,
    stream: S,
) -> Option<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (mut splitter, mut frames, mut bytes) = (LineSplitter::default(), Vec::new(), [0; 1024]);
    // Answers for a scan made before the connection was lost would confuse the operator now.
    while feedback.try_recv().is_ok() {}
    context.up();
    if !link(context, true).await {
        return None;
    }
    let reason = loop {
        context.beat.touch();
        tokio::select! {
            got = reader.read(&mut bytes) => match got {
                Ok(0) => break Some("the scanner closed the connection".to_owned()),
                Ok(count) => {
                    let pushed = splitter.push(bytes.get(..count).unwrap_or_default(), &mut frames);
                    if pushed.overlong > 0 {
                        context.health.counters().scans_malformed.add(pushed.overlong as u64);
                        warn!(scanner = context.name, "Frame without end thrown away; check the scanner's suffix and line settings");
                    }
                    for data in frames.drain(..) {
                        let at = context.clock.now();
                        if !context.send(Input::Scan { device: context.device, at, data }).await {
                            return None;
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(format!("the scanner is gone: {error}")),
            },
            Some(answer) = feedback.recv() => {
                let bytes = match answer {
                    Feedback::Accept => &settings.on_accept,
                    Feedback::Refuse => &settings.on_refuse,
                };
                match timeout(WRITE_DEADLINE, writer.write_all(bytes)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break Some(format!("the scanner takes no answer: {error}")),
                    Err(_) => warn!(scanner = context.name, "The scanner did not take its answer in time"),
                }
            }
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
            () = context.stop.cancelled() => break None,
        }
    };
    if splitter.unfinished() > 0 {
        context.health.counters().scans_malformed.add(1);
    }
    link(context, false).await;
    reason
}

async fn link(context: &Context, up: bool) -> bool {
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

fn serial_reason(path: &Path, error: &tokio_serial::Error) -> String {
    let path = path.display();
    match error.kind() {
        tokio_serial::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            format!("{path} may not be opened: add the gateway's user to the group dialout")
        }
        tokio_serial::ErrorKind::NoDevice
        | tokio_serial::ErrorKind::Io(io::ErrorKind::NotFound) => {
            format!("{path} is not there: is the scanner plugged in and in serial mode?")
        }
        _ => format!("{path} cannot be opened: {error}"),
    }
}
