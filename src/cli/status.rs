//! `tracegate status`: how the running gateway is.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::gateway::{Gateway, Trouble};
use crate::control::Request;
use crate::health::{spoken, tame};

/// The gateway runs, and something is wrong.
const EXIT_DEGRADED: u8 = 2;
/// No gateway answers; init scripts and `systemctl status` say so by the same code.
const EXIT_DOWN: u8 = 3;

/// Say how the running gateway is
///
/// Exit code: 0 everything is being delivered, 2 something is wrong (it says what), 3 no gateway answers, 78 problems in the
/// configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    gateway: Gateway,
    /// Write the status message as it is published, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let asked = super::run::runtime()?.block_on(async {
        let mut client = arguments.gateway.connect().await?;
        Ok::<_, Trouble>(client.ask(&Request::new("status")).await?)
    });
    let status = match asked {
        Ok(status) => status,
        Err(Trouble::Control(error)) if error.is_absence() => {
            remark!("error: {}", crate::error_chain(&error));
            return Ok(ExitCode::from(EXIT_DOWN));
        }
        Err(trouble) => return Ok(trouble.exit()),
    };
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&status).context("write JSON")? + "\n",
        false => words(&status),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")?;
    Ok(match conditions(&status).next() {
        Some(_) => ExitCode::from(EXIT_DEGRADED),
        None => ExitCode::SUCCESS,
    })
}

fn conditions(status: &Value) -> impl Iterator<Item = &Value> {
    let list = status.get("conditions").and_then(Value::as_array);
    list.into_iter().flatten()
}

fn words(status: &Value) -> String {
    let text =
        |value: &Value, key: &str| tame(value.get(key).and_then(Value::as_str).unwrap_or("?"));
    let mut out = format!(
        "{}\ntracegate {} at {}\n",
        text(status, "summary"),
        text(status, "version"),
        text(status, "site")
    );
    // Writing to a String cannot fail.
    for condition in conditions(status) {
        let (severity, code) = (text(condition, "severity"), text(condition, "code"));
        let _ = writeln!(
            out,
            "  {severity} {code}, since {}",
            text(condition, "since")
        );
        let _ = writeln!(out, "    {}", text(condition, "text"));
        let _ = writeln!(out, "    -> {}", text(condition, "what_to_do"));
    }
    let devices = status.get("devices").and_then(Value::as_object);
    for (name, device) in devices.into_iter().flatten() {
        let _ = writeln!(out, "  {:<16}{}", tame(name), text(device, "state"));
    }
    let stations = status.get("stations").and_then(Value::as_object);
    for (name, station) in stations.into_iter().flatten() {
        let _ = writeln!(out, "  {:<16}{}", tame(name), told(station));
    }
    let counter = |name: &str| {
        let value = status.get("counters").and_then(|all| all.get(name));
        value.and_then(Value::as_u64).unwrap_or(0)
    };
    let _ = writeln!(
        out,
        "  {} reads, {} events, {} loads not booked, {} waiting, {} dead letters",
        counter("reads"),
        counter("events"),
        counter("non_events"),
        counter("waiting"),
        counter("dead_letters"),
    );
    out
}

/// What was last told at a station, for people.
fn told(station: &Value) -> String {
    let text = |key: &str| station.get(key).and_then(Value::as_str).map(tame);
    let age = station.get("age_s").and_then(Value::as_u64).unwrap_or(0);
    let mut out = format!(
        "{} {} ago",
        text("verdict").unwrap_or_default(),
        spoken(Duration::from_secs(age))
    );
    let by = [("operator", "operator"), ("rule", "rule")];
    for (key, word) in by {
        if let Some(value) = text(key) {
            let _ = write!(out, ", {word} {value}");
        }
    }
    let told = text("text");
    if let Some(text) = &told {
        let _ = write!(out, ": {text}");
    }
    let uncleared = station.get("uncleared");
    let uncleared = uncleared.and_then(|it| it.get("text")?.as_str()).map(tame);
    match uncleared {
        Some(text) if told.as_ref() == Some(&text) => out += "; not cleared yet",
        Some(text) => out += &format!("; not cleared yet: {text}"),
        None => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_verdict_of_a_station_is_one_line() {
        let refused = serde_json::json!({
            "verdict": "refused", "at": "2026-11-22T06:15:00Z", "age_s": 130, "rule": "lot_hold", "operator": "0042",
            "text": "lot B-9 is not released (hold)", "task": "issue"
        });
        assert_eq!(
            told(&refused),
            "refused 2 min ago, operator 0042, rule lot_hold: lot B-9 is not released (hold)"
        );
        let accepted = serde_json::json!({"verdict": "accepted", "age_s": 3});
        assert_eq!(told(&accepted), "accepted 3 s ago");
        let waits = |verdict, text: &str| {
            told(&serde_json::json!({
                "verdict": verdict, "age_s": 3, "text": text, "uncleared": { "at": "2026-11-22T06:15:00Z", "text": "on hold" }
            }))
        };
        let line = "refused 3 s ago: on hold; not cleared yet";
        assert_eq!(waits("refused", "on hold"), line);
        let line = "accepted 3 s ago: badge; not cleared yet: on hold";
        assert_eq!(waits("accepted", "badge"), line);
    }
}
