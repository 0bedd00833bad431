//! `photo_eyes` of a read point: beams across the door, wired to inputs of readers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use tracegate_pipeline::config::Side;

use super::check::Checker;
use super::diagnostic::{Diagnostic, Place};
use super::limits::{self, show_number, show_time};
use super::llrp::Level;
use super::model::ReadPoint;
use super::references::{names, unclear};
use super::suggest::nearest;
use super::units::{FromText, Refusal, deserialize_from_text, optional, shown};

/// Photo-eyes of a dock or belt; one of the two may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct PhotoEyes {
    /// The eye whose beam a load interrupts first on its way in.
    #[serde(deserialize_with = "optional")]
    pub outside: Option<InputRef>,
    /// The eye whose beam it interrupts last.
    #[serde(deserialize_with = "optional")]
    pub inside: Option<InputRef>,
    /// Level of the input while the beam is interrupted.
    pub active: Level,
    /// Changes that last for less do not count.
    #[serde(deserialize_with = "optional")]
    pub debounce: Option<Duration>,
    /// An eye that is interrupted for longer is ignored.
    #[serde(deserialize_with = "optional")]
    pub blocked_after: Option<Duration>,
}

impl PhotoEyes {
    /// The inputs in use, with their sides.
    pub fn inputs(&self) -> impl Iterator<Item = (Side, &InputRef)> {
        let outside = self.outside.iter().map(|input| (Side::Outside, input));
        let inside = self.inside.iter().map(|input| (Side::Inside, input));
        outside.chain(inside)
    }
}

/// One input of one reader: `dock_1/2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputRef {
    /// Name of the `[llrp.NAME]` section.
    pub llrp: String,
    /// General-purpose input, from 1.
    pub port: u16,
}

impl fmt::Display for InputRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.llrp, self.port)
    }
}

/// More inputs than any reader has.
const MOST_INPUTS: u16 = 32;

impl FromText for InputRef {
    const EXPECTED: &'static str = "reader/input in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str =
            "name the reader and one of its inputs (GPI), 1 to 32; example: \"dock_1/1\"";
        let Some((llrp, port)) = text.split_once('/') else {
            return Err(Refusal::new("the input is missing", HELP));
        };
        let digits = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
        match port.parse::<u16>() {
            Ok(port) if digits && port <= MOST_INPUTS && !llrp.is_empty() => Ok(InputRef {
                llrp: llrp.to_owned(),
                port,
            }),
            _ => Err(Refusal::new("this is no reader and input", HELP)),
        }
    }

    fn bare_number(number: &str) -> Refusal {
        Refusal::new(
            "the reader is missing",
            format!("name the reader too; example: \"dock_1/{number}\""),
        )
    }
}

deserialize_from_text!(InputRef);

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut uses: Vec<(Place, &InputRef, &str)> = Vec::new();
    for (name, read_point) in &config.read_point {
        let Some(eyes) = &read_point.photo_eyes else {
            continue;
        };
        let of = |key| ["read_point", name.as_str(), "photo_eyes", key];
        for (key, input) in [("outside", &eyes.outside), ("inside", &eyes.inside)] {
            uses.extend(
                input
                    .iter()
                    .map(|input| (checker.tree.at(&of(key)), input, name.as_str())),
            );
        }
        if checker.is_missing(&of("outside")) && checker.is_missing(&of("inside")) {
            let title = format!("`photo_eyes` of read point `{}` has no eye", shown(name));
            let place = checker.tree.at(&["read_point", name, "photo_eyes"]);
            let help = "add: outside = \"dock_1/1\", inside = \"dock_1/2\", or one of them";
            checker.error("missing", title, place, "", help);
        }
        let ms = Duration::from_millis;
        limits::optional(
            checker,
            &of("debounce"),
            eyes.debounce,
            ms(0)..=ms(1_000),
            show_time,
        );
        let longest = ms(3_600_000);
        limits::optional(
            checker,
            &of("blocked_after"),
            eyes.blocked_after,
            ms(5_000)..=longest,
            show_time,
        );
    }
    uses.sort();
    let mut owners: BTreeMap<&InputRef, (&Place, &str)> = BTreeMap::new();
    for (place, input, name) in &uses {
        if let Some(problem) = undefined(checker, place, input, name) {
            checker.problems.push(problem);
        } else if let Some((first, owner)) = owners.get(input) {
            let title = match owner == name {
                true => format!("input `{input}` is both eyes of `{}`", shown(name)),
                false => format!("input `{input}` belongs to two read points"),
            };
            let problem = Diagnostic::error("conflict", title, place.clone(), "used again here")
                .context((*first).clone(), format!("used by `{}` here", shown(owner)))
                .help("a photo-eye has an input of its own");
            checker.problems.push(problem);
        } else {
            owners.insert(input, (place, name));
        }
    }
}

fn undefined(
    checker: &Checker<'_>,
    place: &Place,
    input: &InputRef,
    name: &str,
) -> Option<Diagnostic> {
    let readers = &checker.config.llrp;
    let reader = input.llrp.as_str();
    let is_known = readers.contains_key(reader) || checker.tree.has(&["llrp", reader]);
    if is_known || unclear(checker, "llrp") {
        return None;
    }
    let title = format!(
        "read point `{}` uses an input of reader `{}`, which is not defined",
        shown(name),
        shown(reader)
    );
    let near = nearest(reader, readers.keys().map(String::as_str));
    let label = near
        .map(|near| format!("did you mean \"{near}/{}\"?", show_number(&input.port)))
        .unwrap_or_default();
    let problem = Diagnostic::error("undefined", title, place.clone(), label);
    Some(problem.help(format!("defined readers: {}", names(readers.keys()))))
}

impl ReadPoint {
    /// The inputs that photo-eyes are wired to.
    pub fn eyes(&self) -> impl Iterator<Item = (Side, &InputRef)> {
        self.photo_eyes.iter().flat_map(PhotoEyes::inputs)
    }
}
