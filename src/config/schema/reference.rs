//! What `config/gateway.toml` says about each setting: the one place where settings are explained.
//!
//! The file is written for people; the rules that make it readable here are theirs as well. A comment explains the
//! setting below it, up to an empty comment line above; what is above that is about the section. A setting without a
//! comment of its own is explained by the one before it. A commented setting shows its default, or an example after
//! "Example:". "Required." says that it must be there.

use std::collections::BTreeMap;

use super::shape::{Section, Shape};

/// The reference of all settings, which is the sample of the package.
pub(crate) const REFERENCE: &str = include_str!("../../../config/gateway.toml");

/// A setting as the reference shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The header that it stands under, `["llrp", "dock_1"]`.
    pub(crate) section: Vec<&'static str>,
    /// Its name.
    pub(crate) key: &'static str,
    /// The value, as TOML.
    pub(crate) value: &'static str,
    /// The value is the default, not an example.
    pub(crate) is_default: bool,
    /// The comment, in one line.
    comment: String,
}

/// What is known of a setting, beside what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct About {
    /// What it means.
    pub(super) meaning: String,
    /// Its default, as TOML.
    pub(super) default: Option<&'static str>,
    /// Its default in words, where there is no one value.
    pub(super) otherwise: Option<String>,
    /// A value, as TOML.
    pub(super) example: Option<&'static str>,
    pub(super) is_required: bool,
}

/// Everything that the reference says.
#[derive(Debug, Clone, Default)]
pub(super) struct Reference {
    /// By struct and field.
    settings: BTreeMap<(&'static str, &'static str), About>,
    /// By kind of section: title, and what it says about the section as a whole.
    sections: BTreeMap<&'static str, (String, String)>,
}

/// Settings that are only ever written in one line with others of their kind: by struct and field. The reference has no line
/// of their own for them.
const PARTS: &[(&str, &str, &str)] = &[
    (
        "Trigger",
        "gpi",
        "Number of the reader's input (GPI), from 1. Required.",
    ),
    ("Trigger", "level", "Level at which it reads."),
    (
        "Trigger",
        "timeout",
        "Reading ends after this although the level stays, 10ms to 1h.",
    ),
    (
        "DutyCycle",
        "on",
        "How long it reads, 10ms to 1h. Required.",
    ),
    (
        "DutyCycle",
        "off",
        "How long it pauses, 10ms to 1h. Required.",
    ),
    (
        "PhotoEyes",
        "outside",
        "The eye, as reader/input, whose beam a load interrupts first on its way in.",
    ),
    (
        "PhotoEyes",
        "inside",
        "The eye whose beam a load interrupts last on its way in; closer to the other than a load is long, on a belt than twice that.",
    ),
    (
        "PhotoEyes",
        "active",
        "Level of the inputs while a beam is interrupted. Default: high.",
    ),
    (
        "PhotoEyes",
        "debounce",
        "Changes that last for less do not count, 0s to 1s. Default: 30ms.",
    ),
    (
        "PhotoEyes",
        "blocked_after",
        "An eye that is interrupted for longer is ignored, and told of, 5s to 1h. Default: 60s.",
    ),
    (
        "PersistentDispositions",
        "set",
        "Those that hold from now on.",
    ),
    (
        "PersistentDispositions",
        "unset",
        "Those that hold no more.",
    ),
];

impl Reference {
    /// Reads the reference; `shape` says which struct a header stands for.
    pub(super) fn read(shape: &Shape) -> Self {
        let mut reference = Reference {
            sections: sections(),
            ..Reference::default()
        };
        let mut intros: Vec<(Vec<&str>, String)> = Vec::new();
        let all = shown(&mut intros);
        for shown in &all {
            let Some((of, field)) = field(shape, &shown.section, shown.key) else {
                continue;
            };
            let about = about(shown);
            let entry = reference.settings.entry((of.name, field)).or_default();
            if entry.meaning.is_empty() {
                entry.meaning = about.meaning;
                entry.is_required = about.is_required;
            }
            entry.otherwise = entry.otherwise.take().or(about.otherwise);
            entry.default = entry.default.or(about.default);
            entry.example = entry.example.or(about.example);
        }
        // What none explains is explained by what stands above it.
        let mut above = None;
        for shown in &all {
            let found = field(shape, &shown.section, shown.key);
            let Some(key) = found.map(|(of, field)| (of.name, field)) else {
                continue;
            };
            let from = above.filter(|(section, _)| *section == &shown.section);
            let meaning = from.and_then(|(_, key)| reference.settings.get(&key));
            let meaning = meaning.map(|about| about.meaning.clone());
            let entry = reference.settings.entry(key).or_default();
            if let Some(meaning) = meaning
                && entry.meaning.is_empty()
            {
                entry.meaning = meaning;
            }
            above = Some((&shown.section, key));
        }
        for (path, text) in intros {
            // What a section of a section begins with explains the setting that it is.
            let Some((last, above)) = path.split_last() else {
                continue;
            };
            match field(shape, above, last) {
                Some((of, field)) if above.len() > 1 => {
                    let entry = reference.settings.entry((of.name, field)).or_default();
                    if entry.meaning.is_empty() {
                        entry.meaning = text;
                    }
                }
                _ => {
                    let kind = path.first().copied().unwrap_or_default();
                    let said = &mut reference.sections.entry(kind).or_default().1;
                    if path.len() <= 2 && !said.contains(&text) {
                        join(said, &text);
                    }
                }
            }
        }
        for (of, field, meaning) in PARTS {
            let entry = reference.settings.entry((of, field)).or_default();
            if entry.meaning.is_empty() {
                let (meaning, otherwise, is_required) = sentences(meaning);
                entry.meaning = meaning;
                entry.otherwise = otherwise;
                entry.is_required = is_required;
            }
        }
        reference
    }

    /// What is known of a field of a struct.
    pub(super) fn about(&self, of: &Section, field: &str) -> Option<&About> {
        // The key borrows for ever, the question does not.
        let mut all = self.settings.iter();
        all.find(|((name, it), _)| *name == of.name && *it == field)
            .map(|(_, about)| about)
    }

    /// Title of a kind of section, and what is said about it as a whole.
    pub(super) fn section(&self, kind: &str) -> Option<(&str, &str)> {
        let (title, text) = self.sections.get(kind)?;
        Some((title, text))
    }
}

/// The struct and the field of it that a setting is.
fn field<'a>(shape: &'a Shape, section: &[&str], key: &str) -> Option<(&'a Section, &'static str)> {
    let at = section.iter().try_fold(shape, |at, step| at.below(step))?;
    let of = at.section.as_ref()?;
    let (field, _) = of.fields.iter().find(|(field, _)| *field == key)?;
    Some((of, field))
}

/// Every setting of the reference, in its order.
pub(crate) fn settings() -> Vec<Shown> {
    shown(&mut Vec::new())
}

/// As [`settings`], and what headers begin with.
fn shown(intros: &mut Vec<(Vec<&'static str>, String)>) -> Vec<Shown> {
    let (mut all, mut section, mut comment) = (Vec::<Shown>::new(), Vec::new(), String::new());
    for line in REFERENCE.lines() {
        if let Some(path) = header(line) {
            section = path;
            comment.clear();
            continue;
        }
        let bare = line.strip_prefix("# ");
        if let Some((key, value)) = setting(bare.unwrap_or(line)) {
            let ends = |word| comment.ends_with(word);
            all.push(Shown {
                section: section.clone(),
                key,
                value,
                is_default: bare.is_some() && !ends("Example:") && !ends("Examples:"),
                comment: std::mem::take(&mut comment),
            });
        } else if line == "#" {
            if !section.is_empty() && !comment.is_empty() {
                intros.push((section.clone(), std::mem::take(&mut comment)));
            }
            comment.clear();
        } else if let Some(text) = bare.filter(|text| !text.starts_with("---")) {
            join(&mut comment, text.trim());
        } else {
            comment.clear();
        }
    }
    all
}

/// By kind: the title of the banner above its first header, and the text between them.
fn sections() -> BTreeMap<&'static str, (String, String)> {
    let mut sections = BTreeMap::new();
    let (mut title, mut text) = ("", String::new());
    for line in REFERENCE.lines() {
        if let Some(banner) = line.strip_prefix("# ---- ") {
            title = banner.trim_end_matches('-').trim();
            text.clear();
        } else if let Some(path) = header(line) {
            if let Some(kind) = path.first()
                && !title.is_empty()
                && !sections.contains_key(kind)
            {
                sections.insert(*kind, (title.to_owned(), std::mem::take(&mut text)));
            }
            title = "";
        } else if let Some(said) = line.strip_prefix("# ")
            && !title.is_empty()
        {
            join(&mut text, said.trim());
        }
    }
    sections
}

/// The path in a header.
fn header(line: &'static str) -> Option<Vec<&'static str>> {
    let path = line.strip_prefix('[')?.strip_suffix(']')?;
    Some(path.split('.').collect())
}

fn setting(line: &'static str) -> Option<(&'static str, &'static str)> {
    let (key, value) = line.split_once(" = ")?;
    let mut bytes = key.bytes();
    let is_key = bytes.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_');
    (is_key && !key.is_empty()).then_some((key, value))
}

fn join(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

fn about(shown: &Shown) -> About {
    let (meaning, otherwise, is_required) = sentences(&shown.comment);
    About {
        meaning,
        default: shown.is_default.then_some(shown.value),
        otherwise,
        example: (!shown.is_default).then_some(shown.value),
        is_required,
    }
}

/// A comment without what it says about default, example and need; the default in words; and whether it must be there.
fn sentences(comment: &str) -> (String, Option<String>, bool) {
    let comment = ["Example:", "Examples:"]
        .iter()
        .find_map(|word| comment.strip_suffix(word))
        .unwrap_or(comment)
        .trim();
    let (mut meaning, mut otherwise, mut is_required) = (String::new(), None, false);
    for sentence in comment.split_inclusive(". ") {
        let sentence = sentence.trim();
        if sentence == "Required." {
            is_required = true;
        } else if let Some(default) = sentence.strip_prefix("Default: ") {
            otherwise = Some(default.trim_end_matches('.').to_owned());
        } else {
            join(&mut meaning, sentence);
        }
    }
    (meaning, otherwise, is_required)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_what_they_are() {
        let (meaning, otherwise, is_required) = sentences("Name of it. Required.");
        assert_eq!(
            (meaning.as_str(), otherwise, is_required),
            ("Name of it.", None, true)
        );
        let (meaning, otherwise, is_required) =
            sentences("How often, 1s to 10m. Default: as it is on the reader. Example:");
        assert_eq!(meaning, "How often, 1s to 10m.");
        assert_eq!(otherwise.as_deref(), Some("as it is on the reader"));
        assert!(!is_required);
        let (meaning, _, is_required) = sentences("Host. Required, unless it connects by itself.");
        assert_eq!(meaning, "Host. Required, unless it connects by itself.");
        assert!(!is_required);
    }
}
