//! `tracegate capture`: record what the running gateway reads.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::gateway::{Gateway, Trouble};
use crate::config::{ByteSize, FromText};
use crate::control::Request;
use crate::control::client::Client;

/// Record what the running gateway reads, to replay it elsewhere
///
/// Writes every input of the gateway as lines of JSON until Ctrl-C, and what was open when it began, so that `tracegate
/// replay` gives the same events. It never holds the gateway up: if the file cannot be written fast enough the capture
/// has a gap, and says so. A file whose name ends in .gz is compressed.
///
/// Exit code: 0 done, 1 the file cannot be written, 69 no gateway answers, 78 problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// File to write; it must not be there yet.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// End after this time, such as 10m.
    #[arg(long = "for", value_name = "TIME", value_parser = from_text::<Duration>)]
    duration: Option<Duration>,
    /// End when the file has this size, such as "100 MiB".
    #[arg(long, value_name = "SIZE", default_value = "1 GiB", value_parser = from_text::<ByteSize>)]
    max_size: ByteSize,
    #[command(flatten)]
    gateway: Gateway,
}

pub(super) fn from_text<T: FromText>(text: &str) -> Result<T, String> {
    T::from_text(text).map_err(|refusal| refusal.to_string())
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = arguments.output.as_path();
    let ending = path.extension().and_then(|ending| ending.to_str());
    if matches!(ending, Some("zst" | "xz" | "bz2" | "zip")) {
        anyhow::bail!("{}: only .gz is compressed", path.display());
    }
    let runtime = super::run::runtime()?;
    let outcome = runtime.block_on(record(arguments));
    runtime.shutdown_background();
    match outcome? {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(trouble) => Ok(trouble.exit()),
    }
}

async fn record(arguments: &Arguments) -> anyhow::Result<Result<(), Trouble>> {
    let begun = async {
        let mut client = arguments.gateway.connect().await?;
        client.ask(&Request::new("capture")).await?;
        Ok::<_, Trouble>(client)
    };
    let mut client = match begun.await {
        Ok(client) => client,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let path = &arguments.output;
    let mut output = Output::create(path).map_err(|error| super::cannot_create(path, error))?;
    let stop = CancellationToken::new();
    super::run::stop_on_signals(stop.clone())?;
    let recorded = copy(arguments, &mut client, &mut output, &stop).await;
    // Whatever happened: what is there shall be whole.
    let finished = output.finish();
    let count = match recorded {
        Ok(count) => count,
        Err(Problem::Control(trouble)) => {
            finished.with_context(|| format!("write {}", path.display()))?;
            return Ok(Err(trouble));
        }
        Err(Problem::File(error)) => {
            return Err(error).with_context(|| format!("write {}", path.display()));
        }
    };
    let bytes = finished.with_context(|| format!("write {}", path.display()))?;
    let size = crate::buffer::size_text(bytes);
    remark!("{}: {} lines, {size}", path.display(), count.lines);
    if count.gaps > 0 {
        remark!("warning: it has gaps where it could not keep up; see the lines of type \"gap\"");
    }
    if count.cut {
        remark!("warning: the gateway stopped meanwhile");
    }
    Ok(Ok(()))
}

enum Problem {
    Control(Trouble),
    File(std::io::Error),
}

#[derive(Default)]
struct Count {
    lines: u64,
    gaps: u64,
    cut: bool,
}

async fn copy(
    arguments: &Arguments,
    client: &mut Client,
    output: &mut Output,
    stop: &CancellationToken,
) -> Result<Count, Problem> {
    let mut count = Count::default();
    let deadline = arguments.duration.map(|time| Instant::now() + time);
    loop {
        let end = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let line = tokio::select! {
            line = client.line() => line.map_err(|error| Problem::Control(error.into()))?,
            () = end => break,
            () = stop.cancelled() => break,
        };
        let Some(line) = line.filter(|line| line.ends_with('\n')) else {
            count.cut = true;
            break;
        };
        count.lines += 1;
        count.gaps += u64::from(line.starts_with("{\"type\":\"gap\""));
        output.write(line.as_bytes()).map_err(Problem::File)?;
        if output.bytes() >= arguments.max_size.bytes() {
            remark!("--max-size is reached");
            break;
        }
    }
    Ok(count)
}

enum Output {
    Plain(BufWriter<Counted>),
    Gzip(GzEncoder<BufWriter<Counted>>),
}

struct Counted(File, u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.0.write(bytes)?;
        self.1 += count as u64;
        Ok(count)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Output {
    fn create(path: &Path) -> std::io::Result<Self> {
        let file = BufWriter::new(Counted(File::create_new(path)?, 0));
        let gzip = path.extension().is_some_and(|ending| ending == "gz");
        Ok(match gzip {
            true => Self::Gzip(GzEncoder::new(file, Compression::fast())),
            false => Self::Plain(file),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gzip(file) => file.write_all(bytes),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Plain(file) => file.get_ref().1,
            Self::Gzip(file) => file.get_ref().get_ref().1,
        }
    }

    fn finish(self) -> std::io::Result<u64> {
        let mut file = match self {
            Self::Plain(file) => file,
            Self::Gzip(file) => file.finish()?,
        };
        file.flush()?;
        file.get_ref().0.sync_all()?;
        Ok(file.get_ref().1)
    }
}
