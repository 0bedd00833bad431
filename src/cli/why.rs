//! `tracegate why`: the story of a tag.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use tracegate_gs1::{LinkOptions, parse_digital_link};
use tracegate_pipeline::Output;

use super::gateway::{Gateway, Trouble, pipeline};
use crate::capture::{self, Options};
use crate::control::Request;
use crate::story::{Book, Story, render};

/// Tell what became of a tag: where it was read, what it was booked with, and why it was not
///
/// TAG is the memory of a tag in hexadecimal, an EPC URI (urn:epc:tag:… or urn:epc:id:…), an address such as
/// https://id.gs1.org/00/340123450000000017, '(00)340123450000000017', or the 18 digits of an SSCC. The running gateway
/// remembers the last 4096 tags, 1000 movements and 1000 loads that were not booked, since its start.
///
/// A capture that names no configuration is read under that of --config.
///
/// Exit code: 0 with a story, 1 when nothing is known of the tag, 69 no gateway answers, 78 problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The tag.
    tag: String,
    /// Tell it from this capture instead of asking the gateway.
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    capture: Option<PathBuf>,
    #[command(flatten)]
    gateway: Gateway,
    /// Write JSON, a list of stories.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let told = match &arguments.capture {
        Some(path) => from_capture(path, arguments)?,
        None => super::run::runtime()?.block_on(ask(arguments)),
    };
    let stories = match told {
        Ok(stories) => stories,
        Err(trouble) => return Ok(trouble.exit()),
    };
    if arguments.json {
        let text = serde_json::to_string_pretty(&stories).context("write JSON")? + "\n";
        print(&text)?;
    } else {
        for story in &stories {
            print(&render(story))?;
        }
    }
    if stories.is_empty() {
        let place = match arguments.capture {
            Some(_) => "in this capture",
            None => "lately",
        };
        let tag = crate::health::tame(&arguments.tag);
        match doubt(&arguments.tag) {
            Some(doubt) => remark!("nothing is known of {tag}: {doubt}"),
            None => remark!(
                "nothing is known of {tag}: nothing reported it {place}. Does the tag answer at all, and is the label the right one?"
            ),
        }
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Why no tag can be meant by this, if none can.
fn doubt(tag: &str) -> Option<String> {
    const WAYS: &str = "name a tag by its memory in hexadecimal, as (00)340123450000000017 with what its label says, as urn:epc:… or as \
         https://id.gs1.org/…; `tracegate decode` says what a text means";
    let tag = tag.trim();
    let is_hex = tag.len() >= 8 && tag.bytes().all(|it| it.is_ascii_hexdigit());
    let path = match tag.strip_prefix('(') {
        Some(elements) => elements.replace([')', '('], "/"),
        None if tag.len() == 18 && tag.bytes().all(|it| it.is_ascii_digit()) => format!("00/{tag}"),
        None if is_hex || tag.starts_with("urn:") || tag.contains("://") => return None,
        None => return Some(WAYS.to_owned()),
    };
    let link = format!("https://id.gs1.org/{path}");
    let error = parse_digital_link(&link, &LinkOptions::default()).err()?;
    Some(format!("{error}; {WAYS}"))
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")
}

async fn ask(arguments: &Arguments) -> Result<Vec<Story>, Trouble> {
    let mut client = arguments.gateway.connect().await?;
    let request = Request {
        tag: Some(arguments.tag.clone()),
        ..Request::new("why")
    };
    let answer = client.ask(&request).await?;
    serde_json::from_value(answer).map_err(|error| {
        let text = format!("its answer cannot be read: {error}");
        crate::control::client::ControlError::Refused(text).into()
    })
}

fn from_capture(path: &Path, arguments: &Arguments) -> anyhow::Result<Result<Vec<Story>, Trouble>> {
    let mut book = Book::default();
    let mut options = Options {
        run_on: true,
        ..Options::default()
    };
    match capture::config(path)? {
        Some(config) => book.configure(&config),
        None => match pipeline(&arguments.gateway.config) {
            Ok(config) => options.config = Some(config),
            Err(trouble) => return Ok(Err(trouble)),
        },
    }
    let mut sink = |input: &_, outputs: Vec<Output>| {
        book.input(input);
        for output in &outputs {
            match output {
                Output::Event(event) => book.booked(event),
                Output::NonEvent(load) => book.not_booked(load),
                Output::Alert(_)
                | Output::Verdict(_)
                | Output::Learned(_)
                | Output::ClockStepped { .. } => {}
            }
        }
    };
    capture::play(path, &options, &mut sink)?;
    Ok(Ok(book.stories(&arguments.tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_tag_is_told() {
        for good in [
            "3034f4e4e4000c4000000000",
            "(00)340123450000000017",
            "340123450000000017",
            "(01)04012345000498(21)7",
            "urn:epc:id:sscc:4012345.0000000001",
            "https://id.gs1.org/01/04012345000498/21/7",
        ] {
            assert_eq!(doubt(good), None, "{good}");
        }
        let doubts = |text| doubt(text).unwrap_or_default();
        assert!(
            doubts("dock_1").starts_with("name a tag by"),
            "{}",
            doubts("dock_1")
        );
        let wrong = doubts("(00)340123450000000018");
        assert!(
            wrong.contains("the check digit is 8, it should be 7"),
            "{wrong}"
        );
        assert!(doubts("340123450000000018").contains("check digit"));
    }
}
