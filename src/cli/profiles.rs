//! `tracegate profiles`: what is known about makes of scanners.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::json;
use tracegate_feed::profile::{Frame, Profile, profile, profiles};

/// Print the profiles of scanners, or the settings that one stands for
///
/// Exit code: 0, or 1 when there is no such profile.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Name of a profile; without it, all are listed
    name: Option<String>,
    /// Write JSON: names and what they are for.
    #[arg(long, conflicts_with = "name")]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// There is no such profile.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.name {
        None if arguments.json => {
            let all = profiles().map(|it| json!({ "name": it.name, "about": it.about }));
            let all: Vec<_> = all.collect();
            super::print(&format!("{:#}\n", json!(all)))?;
        }
        None => {
            let all = profiles().map(|it| format!("{:<20}{}\n", it.name, it.about));
            super::print(&all.collect::<String>())?;
        }
        Some(name) => match profile(name) {
            Some(profile) => super::print(&settings(profile))?,
            None => {
                let known = profiles().map(|profile| profile.name);
                let near = crate::config::nearest(name, known);
                let near = near.map_or("tracegate profiles lists them".to_owned(), |near| {
                    format!("did you mean {near}?")
                });
                anyhow::bail!(
                    "no profile is named {:?}; {near}",
                    crate::health::tame(name)
                );
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

/// The profile as the section that it stands for.
fn settings(profile: &Profile) -> String {
    let mut text = format!("# {}\n[scanner.x]\n", profile.about);
    let mut say = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    say("profile", quoted(profile.name));
    match profile.frame {
        Frame::Delimited { starts, ends } => {
            say("frame", quoted("delimited"));
            say("start", list(starts.iter().copied().map(byte_text)));
            say("end", list(ends.iter().copied().map(byte_text)));
        }
        Frame::IdleGap { gap_ms } => say("frame", quoted(&format!("idle {gap_ms}ms"))),
        Frame::Ssi => say("frame", quoted("ssi")),
    }
    say("max_length", profile.max_length.to_string());
    say("encoding", quoted(profile.encoding.as_str()));
    for (key, patterns) in [
        ("no_read", profile.no_read),
        ("heartbeat", profile.heartbeat),
        ("status", profile.status),
        ("ignore", profile.ignore),
    ] {
        say(key, list(patterns.iter().map(|text| (*text).to_owned())));
    }
    let window = std::time::Duration::from_millis(profile.duplicate_window_ms.into());
    say(
        "duplicate_window",
        quoted(&crate::config::show_duration(window)),
    );
    for (key, told) in [
        ("on_accept", profile.on_accept),
        ("on_warn", profile.on_warn),
        ("on_refuse", profile.on_refuse),
        ("on_no_read", profile.on_no_read),
    ] {
        if !told.is_empty() {
            say(key, quoted(told));
        }
    }
    let serial = profile.serial;
    let parity = if serial.even_parity { "even" } else { "none" };
    let _ = writeln!(
        text,
        "# On a serial port:\n# baud = {}\n# data_bits = {}\n# parity = \"{parity}\"",
        serial.baud, serial.data_bits
    );
    if let Some(port) = profile.port {
        let _ = writeln!(text, "# In the network:\n# tcp = \"10.0.4.30:{port}\"");
    }
    for (name, bytes) in profile.triggers {
        let _ = writeln!(text, "# Trigger {name}: {}", quoted(bytes));
    }
    text
}

fn byte_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn list(texts: impl Iterator<Item = String>) -> String {
    let quoted: Vec<String> = texts.map(|text| quoted(&text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// As TOML writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\r' => quoted.push_str("\\r"),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scanner;

    /// What is printed is what would be used without it.
    #[test]
    fn what_is_printed_says_the_same_as_the_profile() {
        for profile in profiles() {
            let text = settings(profile);
            let read = |text: &str| -> Scanner {
                let file: toml::Value = toml::from_str(text).unwrap();
                let section = file["scanner"]["x"].clone();
                section.try_into().unwrap()
            };
            let printed = read(&text);
            let named = read(&format!("[scanner.x]\nprofile = {}", quoted(profile.name)));
            assert_eq!(printed.framing(), named.framing(), "{text}");
            assert_eq!(printed.duplicate_window(), named.duplicate_window());
            assert_eq!(printed.encoding(), named.encoding());
            for key in ["on_accept", "on_warn", "on_refuse", "on_no_read"] {
                assert_eq!(printed.told(key), named.told(key), "{key} of {text}");
            }
            for frame in [
                &b"NOREAD"[..],
                b"ERROR",
                b"",
                b"0401234567890",
                b"Heartbeat",
            ] {
                let class = |scanner: &Scanner| scanner.rules().unwrap().classify(frame);
                assert_eq!(class(&printed), class(&named), "{frame:?} of {text}");
            }
        }
    }
}
