//! `tracegate buffer verify`: whether the file is what was written to it.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use crate::buffer::{Kind, Problem, Verified};
use crate::cli::place::FilePlace;
use crate::cli::progress::Progress;
use crate::health::tame;

/// Say whether the file is what was written to it
///
/// Looks at every page, event, dead letter, journal row and verdict, and says what is damaged and where. Changes nothing, and
/// works beside a running gateway, which goes on storing meanwhile. A gateway that comes upon damage mends what it can by
/// itself; this tells beforehand.
///
/// Exit code: 0 everything is as it was written, 1 something is not, or there is no buffer, or it cannot be read, 78 problems
/// in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: FilePlace,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = match arguments.place.look()? {
        Ok(path) => path,
        Err(trouble) => return Ok(trouble.exit()),
    };
    let mut progress = Progress::new(0, std::io::stderr().is_terminal());
    let mut told = |done, total| progress.of(done, total);
    let found = crate::cli::run::runtime()?.block_on(crate::buffer::verify(&path, &mut told))?;
    drop(progress);
    let text = match arguments.json {
        true => super::json(&found)?,
        false => words(&found),
    };
    crate::cli::print(&text)?;
    Ok(match found.is_sound {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn words(found: &Verified) -> String {
    let mut text = tame(&found.file.display().to_string());
    // Writing to a String cannot fail.
    if let Some(format) = found.format {
        let _ = write!(text, ", format {format}");
    }
    if let Some(epoch) = &found.epoch {
        let _ = write!(text, ", epoch {}", tame(epoch));
    }
    text.push_str("\n\n");
    for kind in &found.kinds {
        let said = match (kind.sound, kind.damaged) {
            (Some(sound), 0) => format!("{sound} sound"),
            (None, 0) => "sound".to_owned(),
            (Some(sound), _) => format!("{sound} sound, {}", problems(kind.damaged)),
            (None, _) => problems(kind.damaged),
        };
        let _ = writeln!(text, "{:<14}{said}", name(kind));
        for Problem { row, to, reason } in &kind.problems {
            let reason = tame(reason);
            let _ = match (row, to) {
                (Some(row), Some(to)) => writeln!(text, "  {row} to {to}: {reason}"),
                (Some(row), None) => writeln!(text, "  {row}: {reason}"),
                (None, _) => writeln!(text, "  {reason}"),
            };
        }
        let listed = kind.problems.len() as u64;
        if kind.damaged > listed {
            let _ = writeln!(text, "  and {} more", kind.damaged - listed);
        }
    }
    for note in &found.notes {
        let _ = writeln!(text, "note: {}", tame(note));
    }
    let count: u64 = found.kinds.iter().map(|kind| kind.damaged).sum();
    if found.is_sound {
        return text + "\nEverything is as it was written.\n";
    }
    let _ = writeln!(text, "\nNot as it was written: {}.", problems(count));
    for kind in found.kinds.iter().filter(|kind| kind.damaged > 0) {
        if let Some(advice) = advice(kind.kind)
            && !text.contains(advice)
        {
            let _ = writeln!(text, "-> {advice}");
        }
    }
    text + "-> Look after the disk (journalctl -k, smartctl): damage seldom comes alone.\n"
}

fn problems(count: u64) -> String {
    format!("{count} problem{}", if count == 1 { "" } else { "s" })
}

/// As people read it; JSON has the kind itself.
fn name(kind: &Kind) -> &str {
    match kind.kind {
        "movement" => "movements",
        "non_event" => "not booked",
        "gap" => "gaps told",
        "dead_letter" => "dead letters",
        "dropped" => "losses told",
        other => other,
    }
}

fn advice(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "pages" | "head" => {
            "The gateway replaces a damaged file when it is started: it saves what can be read and keeps the damaged one. \
             To have the events that wait before that: tracegate buffer export."
        }
        "movement" | "non_event" | "gap" => {
            "A damaged event that waits is set aside when its turn comes, and holds nothing up; tracegate buffer list shows it then."
        }
        "numbers" => {
            "What is missing is lost to the consumer: compare with the movements of that time."
        }
        "dead_letter" => {
            "A damaged dead letter cannot be sent: tracegate buffer show ID shows what is left, tracegate buffer discard ID --confirm removes it."
        }
        "record" => {
            "The record of verdicts was changed: tracegate audit export, and keep the export with the bundle."
        }
        _ => return None,
    })
}
