//! `tracegate decode`: everything the gateway would make of a tag, a scan or a web address, and why it refuses what
//! it refuses.

mod answer;
mod bulk;
mod tag;
mod words;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Map, Value, json};
use tracegate_gs1::digital_link::is_web_address;
use tracegate_gs1::{ScanOptions, Unidentified};

/// Say what a tag, a scan or a Digital Link means, and why if it is refused.
///
/// INPUT is tag memory in hexadecimal (with --pc also its PC word), a scan with its AIM identifier such as
/// ']d20109506000134352', or an address such as https://id.gs1.org/01/09506000134352. Write GS as {GS}, RS as {RS} and
/// EOT as {EOT}. Exit code: 0 when something was understood, 1 when all was refused.
///
/// With --jsonl there is no INPUT: every line of standard input is a JSON object with "id" and one of "hex", "raw" (a
/// scan), "uri", "pc" with "epc", or "event"; it is answered by a line, which has "error" where it is refused. The exit
/// code is 0 then.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What to decode.
    #[arg(required_unless_present = "jsonl", conflicts_with = "jsonl")]
    input: Option<String>,
    /// Read INPUT as this only.
    #[arg(long, value_enum, conflicts_with = "jsonl")]
    r#as: Option<Kind>,
    /// PC word of the tag, four hexadecimal digits.
    #[arg(long, value_name = "HEX", conflicts_with = "jsonl")]
    pc: Option<String>,
    /// The scanner sends no AIM identifiers: read data without one as GS1.
    #[arg(long)]
    assume_gs1: bool,
    /// What the scanner sends for a lost GS, such as ^; may be repeated.
    #[arg(long, value_name = "TEXT")]
    gs: Vec<String>,
    /// Keep application identifiers that are not assigned.
    #[arg(long)]
    keep_unknown: bool,
    /// Answer with a JSON object.
    #[arg(long)]
    json: bool,
    /// Answer every line of standard input, a JSON object, with a line.
    #[arg(long)]
    jsonl: bool,
}

/// How an input may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Tag memory in hexadecimal
    Tag,
    /// What a scanner sent
    Scan,
    /// A GS1 Digital Link
    Uri,
}

impl Arguments {
    fn options(&self) -> ScanOptions {
        ScanOptions {
            unidentified: if self.assume_gs1 {
                Unidentified::Gs1
            } else {
                Unidentified::Refused
            },
            gs_substitutes: self.gs.clone(),
            keep_unknown_ais: self.keep_unknown,
            ..ScanOptions::default()
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let options = arguments.options();
    let mut out = std::io::stdout().lock();
    let Some(input) = &arguments.input else {
        bulk::run(std::io::stdin().lock(), &mut out, &options)?;
        return Ok(ExitCode::SUCCESS);
    };
    let pc = arguments.pc.as_deref().map(tag::word).transpose();
    let pc = pc.map_err(|error| anyhow::anyhow!("--pc: {error}"))?;
    let kinds = arguments
        .r#as
        .map_or_else(|| kinds(input), |kind| vec![kind]);
    let (mut json, mut text, mut understood) = (Map::new(), String::new(), false);
    for kind in kinds {
        let (name, answer, words) = match kind {
            Kind::Tag => ("tag", tag::answer(input, pc), tag::words(input, pc)),
            Kind::Scan => {
                let raw = control_characters(input);
                let raw = raw.as_bytes();
                (
                    "scan",
                    answer::scan(raw, &options),
                    words::scan(raw, &options),
                )
            }
            Kind::Uri => (
                "uri",
                answer::link(input, &options),
                words::link(input, &options),
            ),
        };
        understood |= !answer.contains_key("error");
        json.insert(name.to_owned(), Value::Object(answer));
        text += &words;
    }
    let text = if arguments.json {
        format!("{}\n", json!(json))
    } else {
        text
    };
    out.write_all(text.as_bytes())
        .context("write to standard output")?;
    Ok(if understood {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Digits alone may be the memory of a tag or the digits of a barcode, so both readings are shown.
fn kinds(input: &str) -> Vec<Kind> {
    let hexadecimal = !input.is_empty() && input.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = input.bytes().all(|byte| byte.is_ascii_digit());
    if is_web_address(input.as_bytes()) {
        vec![Kind::Uri]
    } else if input.starts_with("urn:epc:") || hexadecimal && !digits {
        vec![Kind::Tag]
    } else if hexadecimal && input.len() >= 16 {
        vec![Kind::Tag, Kind::Scan]
    } else {
        vec![Kind::Scan]
    }
}

/// The control characters that a command line cannot easily hold.
fn control_characters(input: &str) -> String {
    [("{GS}", "\x1d"), ("{RS}", "\x1e"), ("{EOT}", "\x04")]
        .iter()
        .fold(input.to_owned(), |text, (written, control)| {
            text.replace(written, control)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_an_input_tells_its_kind() {
        for (input, expected) in [
            ("https://id.gs1.org/01/09506000134352", vec![Kind::Uri]),
            ("3074257BF7194E4000001A85", vec![Kind::Tag]),
            ("urn:epc:tag:sscc-96:0.952012.03456789123", vec![Kind::Tag]),
            ("0109506000134352", vec![Kind::Tag, Kind::Scan]),
            ("4012345484922", vec![Kind::Scan]),
            ("]d20109506000134352", vec![Kind::Scan]),
            ("+PRFBWIV2T6M", vec![Kind::Scan]),
            ("", vec![Kind::Scan]),
        ] {
            assert_eq!(kinds(input), expected, "{input}");
        }
    }
}
