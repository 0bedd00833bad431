//! `tracegate buffer export`: what waits, for who wants it by another way than the broker.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::buffer::{Export, Trouble};
use crate::cli::place::FilePlace;
use crate::cli::progress::{Progress, is_watched_apart};

/// Write the events that wait to standard output, as lines of JSON
///
/// Takes nothing away: the gateway, which may be running, sends them all the same; what it has sent before its turn comes is
/// left out. A line has `epoch` and `seq`, `stream` (movement, non_event or gap), `event_id`, `read_point`, `occurred_us`,
/// `recorded_us` (µs since 1970), `intact`, and `event` as it would be sent. A damaged one has the text `payload` instead.
///
/// Exit code: 0 all that waits is written, 1 some of it is damaged or cannot be read (it says which; the rest is written), or
/// there is no buffer, 78 problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: FilePlace,
    /// Write JSON, as without it.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = match arguments.place.look()? {
        Ok(path) => path,
        Err(trouble) => return Ok(trouble.exit()),
    };
    crate::cli::run::runtime()?.block_on(export(&path))
}

async fn export(path: &Path) -> anyhow::Result<ExitCode> {
    let write = || "write to standard output";
    let mut export = match Export::open(path).await {
        Err(error) if error.trouble() == Trouble::Damaged => anyhow::bail!(
            "{} is no buffer, or its first page is damaged; the gateway saves what can be read when it is started, and \
             tracegate buffer verify tells more",
            path.display()
        ),
        opened => opened?,
    };
    let (first, last) = export.span();
    let count = |seq: i64| u64::try_from(seq.saturating_sub(first).saturating_add(1)).unwrap_or(0);
    let mut progress = Progress::new(count(last), is_watched_apart());
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut written, mut damaged) = (0_u64, Vec::new());
    while let Some(events) = export.next().await {
        for event in events {
            writeln!(out, "{}", event.json(export.epoch())).with_context(write)?;
            written += 1;
            if !event.intact {
                damaged.push(event.seq);
            }
            progress.at(count(event.seq));
        }
    }
    out.flush().with_context(write)?;
    drop(progress);
    let unread = export.unread();
    if damaged.is_empty() && unread.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    remark!("{written} events are written; not all of them are what was stored:");
    const LISTED: usize = 20;
    for seq in damaged.iter().take(LISTED) {
        remark!("  {seq}: its check sum is wrong; its line has `intact` false");
    }
    for (from, to) in unread.iter().take(LISTED) {
        match from == to {
            true => remark!("  {from}: cannot be read"),
            false => remark!("  {from} to {to}: cannot be read"),
        }
    }
    remark!("tracegate buffer verify tells more");
    Ok(ExitCode::FAILURE)
}
