//! `tracegate buffer`: what waits, what was set aside and why, and what to do with it.

mod export;
mod verify;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;

use super::place::Place;
use crate::buffer::{BufferError, Inspector, Letter, Stats, Waiting};
use crate::health::tame;

/// Look at the buffer, and decide about events that could not be sent.
///
/// An event that the broker refuses again and again for what it is, or that is damaged on disk, is set aside as a dead
/// letter. list, show, stats, verify and export work beside a running gateway; requeue and discard need it stopped.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List dead letters, what waits, or what is kept
    ///
    /// Exit code: 0 done, 1 there is no buffer, or it cannot be read, 78 problems in the configuration.
    List {
        /// List events that wait to be sent instead.
        #[arg(long)]
        waiting: bool,
        /// List acknowledged events that are kept instead.
        #[arg(long, conflicts_with = "waiting")]
        kept: bool,
        /// As many as this, the oldest.
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        place: Place,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter whole
    ///
    /// Exit code: 0 done, 1 there is none with this number, or no buffer, 78 problems in the configuration.
    Show {
        /// Its number, from list.
        id: i64,
        #[command(flatten)]
        place: Place,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send dead letters again, after everything that waits
    ///
    /// Exit code: 0 done, 1 nothing was changed: the gateway runs, or a letter is damaged or not there, 78 problems in the
    /// configuration.
    Requeue {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        place: Place,
        /// Write JSON: how many.
        #[arg(long)]
        json: bool,
    },
    /// Throw dead letters away for good
    ///
    /// Exit code: 0 done, 1 nothing was changed: --confirm is missing, the gateway runs, or a letter is not there, 78 problems
    /// in the configuration.
    Discard {
        #[command(flatten)]
        which: Which,
        /// Yes, for good.
        #[arg(long)]
        confirm: bool,
        #[command(flatten)]
        place: Place,
        /// Write JSON: how many.
        #[arg(long)]
        json: bool,
    },
    /// Show the buffer in figures
    ///
    /// Exit code: 0 done, 1 there is no buffer, or it cannot be read, 78 problems in the configuration.
    Stats {
        #[command(flatten)]
        place: Place,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    Verify(verify::Arguments),
    Export(export::Arguments),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Numbers of dead letters, from list.
    ids: Vec<i64>,
    /// All dead letters.
    #[arg(long)]
    all: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = match &arguments.command {
        Command::List { place, .. }
        | Command::Show { place, .. }
        | Command::Requeue { place, .. }
        | Command::Discard { place, .. }
        | Command::Stats { place, .. } => place,
        Command::Verify(arguments) => return verify::run(arguments),
        Command::Export(arguments) => return export::run(arguments),
    };
    let directory = match place.look() {
        Ok((directory, _)) => directory,
        Err(trouble) => return Ok(trouble.exit()),
    };
    let text = super::run::runtime()?.block_on(answer(&arguments.command, &directory))?;
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(command: &Command, directory: &std::path::Path) -> anyhow::Result<String> {
    let text = match command {
        // They were run before.
        Command::Verify(_) | Command::Export(_) => String::new(),
        Command::List {
            waiting: in_line,
            kept,
            limit,
            json: as_json,
            ..
        } if *in_line || *kept => {
            let mut look = Inspector::look(directory).await?;
            let found = match kept {
                true => look.kept(*limit).await?,
                false => look.waiting(*limit).await?,
            };
            match (as_json, kept) {
                (true, _) => json(&found)?,
                (false, true) => events(&found, "nothing is kept"),
                (false, false) => events(&found, "nothing waits"),
            }
        }
        Command::List {
            limit,
            json: as_json,
            ..
        } => {
            let found = Inspector::look(directory).await?.letters(*limit).await?;
            if *as_json {
                json(&found)?
            } else {
                letters(&found)
            }
        }
        Command::Show {
            id, json: as_json, ..
        } => {
            let found = Inspector::look(directory).await?.letter(*id).await?;
            if *as_json {
                json(&found)?
            } else {
                letter(&found)
            }
        }
        Command::Stats { json: as_json, .. } => {
            let found = Inspector::look(directory).await?.stats().await?;
            if *as_json {
                json(&found)?
            } else {
                stats(&found)
            }
        }
        Command::Requeue {
            which,
            json: as_json,
            ..
        } => {
            let (mut inspector, ids) = change(directory, which).await?;
            inspector.requeue(&ids).await?;
            inspector.close().await?;
            if *as_json {
                return json(&serde_json::json!({ "requeued": ids.len() }));
            }
            format!(
                "{} requeued; the gateway sends them when it runs\n",
                counted(ids.len())
            )
        }
        Command::Discard {
            which,
            confirm,
            json: as_json,
            ..
        } => {
            let (mut inspector, ids) = change(directory, which).await?;
            anyhow::ensure!(
                *confirm,
                "{} would be thrown away for good, and nothing was; tracegate buffer show ID shows what each is, \
                 --confirm throws away",
                counted(ids.len())
            );
            inspector.discard(&ids).await?;
            inspector.close().await?;
            if *as_json {
                return json(&serde_json::json!({ "discarded": ids.len() }));
            }
            format!("{} discarded\n", counted(ids.len()))
        }
    };
    Ok(text)
}

async fn change(
    directory: &std::path::Path,
    which: &Which,
) -> anyhow::Result<(Inspector, Vec<i64>)> {
    let mut inspector = match Inspector::change(directory).await {
        Err(BufferError::InUse { path }) => anyhow::bail!(
            "the gateway is running and has the buffer {} open; stop it (systemctl stop tracegate), then try again",
            path.display()
        ),
        opened => opened?,
    };
    let mut ids = which.ids.clone();
    if which.all {
        let all = inspector.letters(u32::MAX).await?;
        ids = all.iter().map(|letter| letter.id).collect();
    }
    ids.sort_unstable();
    ids.dedup();
    Ok((inspector, ids))
}

fn json<T: Serialize>(value: &T) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value).context("write JSON")? + "\n")
}

/// `1 dead letter`
fn counted(count: usize) -> String {
    format!("{count} dead letter{}", if count == 1 { "" } else { "s" })
}

/// RFC 3339, in UTC.
fn time(us: i64) -> String {
    Timestamp::from_microsecond(us).map_or_else(
        |_| "?".to_owned(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

fn letters(found: &[Letter]) -> String {
    if found.is_empty() {
        return "no dead letters: no event had to be set aside\n".to_owned();
    }
    let mut text = format!(
        "{:<6}{:<10}{:<16}{:<22}{:<7}why\n",
        "id", "seq", "read point", "set aside", "tries"
    );
    for letter in found {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<6}{:<10}{:<16}{:<22}{:<7}{}",
            letter.id,
            letter.seq,
            tame(&letter.read_point),
            time(letter.at_us),
            letter.attempts,
            tame(&letter.reason)
        );
    }
    text
}

fn events(events: &[Waiting], none: &str) -> String {
    if events.is_empty() {
        return format!("{none}\n");
    }
    let mut text = format!(
        "{:<10}{:<11}{:<16}{:<22}event\n",
        "seq", "stream", "read point", "stored"
    );
    for event in events {
        let _ = writeln!(
            text,
            "{:<10}{:<11}{:<16}{:<22}{}",
            event.seq,
            event.stream.as_str(),
            tame(&event.read_point),
            time(event.recorded_us),
            tame(&event.event_id)
        );
    }
    text
}

fn letter(letter: &Letter) -> String {
    format!(
        "dead letter  {}\nwhy          {}\nset aside    {}, after {} attempts\nstream       {}\nread point   {}\nhappened     {}\nstored       {}\nnumber       {} of epoch {}\nevent        {}\nintact       {}\n\n{}\n",
        letter.id,
        tame(&letter.reason),
        time(letter.at_us),
        letter.attempts,
        letter.stream.as_str(),
        tame(&letter.read_point),
        time(letter.occurred_us),
        time(letter.recorded_us),
        letter.seq,
        tame(&letter.epoch),
        tame(&letter.event_id),
        if letter.intact {
            "yes"
        } else {
            "no: it is not what was stored"
        },
        letter
            .payload
            .replace(|c: char| c.is_control() && c != '\n', " ")
    )
}

fn stats(stats: &Stats) -> String {
    let oldest = stats
        .oldest_us
        .map_or_else(String::new, |at| format!(", the oldest since {}", time(at)));
    let used = u64::try_from(stats.bytes).unwrap_or(0);
    format!(
        "waiting       {}{oldest}\ntelemetry     {} of these, {} dropped\nkept          {}\ndead letters  {}\ndropped       {}\nin use        {}\nlast number   {} of epoch {}\n",
        stats.waiting,
        stats.telemetry,
        stats.telemetry_dropped,
        stats.kept,
        stats.dead_letters,
        stats.dropped,
        crate::buffer::size_text(used),
        stats.last_seq,
        stats.epoch
    )
}
