//! What a frame is, by ordered rules, and the fields in it.

mod extract;
#[cfg(test)]
mod tests;

use regex_lite::Regex;

pub use extract::{BadCsv, Extract, csv};

use crate::text::{Encoding, decode};

/// Longest pattern in characters.
pub const MAX_PATTERN: usize = 1000;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// What the device is there for: a scan, a beacon, a result.
    Data,
    /// It looked and saw nothing.
    NoRead,
    /// It lives.
    Heartbeat,
    /// About itself.
    Status,
    /// Known, and of no interest.
    Ignore,
}

/// Which frames a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Every one.
    Any,
    /// Exactly these bytes; none for an empty frame.
    Literal(Vec<u8>),
    /// Those that begin so.
    Prefix(Vec<u8>),
    /// Those in which the pattern is found; named groups are fields. Frames that are no text never match.
    Regex(String),
}

impl Match {
    /// As written in a configuration: what begins with `^` is a pattern, `TEXT*` a prefix, the rest the frame itself.
    /// Spaces and line ends around a frame do not count where the text has none.
    #[must_use]
    pub fn written(text: &str) -> Match {
        match text.strip_suffix('*') {
            _ if text.starts_with('^') => Match::Regex(text.to_owned()),
            Some(prefix) if !prefix.is_empty() => Match::Prefix(prefix.as_bytes().to_vec()),
            _ => Match::Literal(text.as_bytes().to_vec()),
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What such a frame is.
    pub class: Class,
    /// For which frames it is.
    pub when: Match,
    /// How fields are found; a frame without them is none of these.
    pub extract: Option<Extract>,
}

impl Rule {
    /// A rule without fields.
    #[must_use]
    pub fn new(class: Class, when: Match) -> Rule {
        Rule {
            class,
            when,
            extract: None,
        }
    }
}

/// A rule that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// The pattern is none.
    #[error("the pattern is not understood: {0}")]
    Pattern(String),
    /// The pattern is too long.
    #[error("the pattern is longer than {MAX_PATTERN} characters")]
    TooLong,
    /// Fields by groups, but no pattern.
    #[error("fields by groups need a pattern")]
    NoPattern,
}

/// Names and texts, in the order of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The text of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(known, _)| known == name);
        field.map(|(_, text)| text.as_str())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a field behind the others.
    pub fn push(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.0.push((name.into(), text.into()));
    }
}

/// Rules, ready for use; without any, nothing is known.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    encoding: Encoding,
    rules: Vec<Compiled>,
}

#[derive(Debug, Clone)]
struct Compiled {
    class: Class,
    when: Test,
    extract: Option<Extract>,
}

#[derive(Debug, Clone)]
enum Test {
    Any,
    Literal(Vec<u8>),
    Prefix(Vec<u8>),
    Regex(Regex),
}

impl Rules {
    /// Rules in the order in which they are tried.
    ///
    /// # Errors
    /// With the position of the rule that cannot be.
    pub fn new(encoding: Encoding, rules: Vec<Rule>) -> Result<Rules, (usize, BadRule)> {
        let compiled = rules.into_iter().enumerate().map(|(index, rule)| {
            let Rule {
                class,
                when,
                extract,
            } = rule;
            let when = match when {
                Match::Any => Test::Any,
                Match::Literal(bytes) => Test::Literal(bytes),
                Match::Prefix(bytes) => Test::Prefix(bytes),
                Match::Regex(pattern) => Test::Regex(regex(&pattern).map_err(|bad| (index, bad))?),
            };
            if matches!(extract, Some(Extract::Regex)) && !matches!(when, Test::Regex(_)) {
                return Err((index, BadRule::NoPattern));
            }
            Ok(Compiled {
                class,
                when,
                extract,
            })
        });
        Ok(Rules {
            encoding,
            rules: compiled.collect::<Result<_, _>>()?,
        })
    }

    /// What the frame is and what is in it; `None` when no rule knows it.
    #[must_use]
    pub fn classify(&self, frame: &[u8]) -> Option<(Class, Fields)> {
        let text = decode(self.encoding, frame).ok();
        let trimmed = trim(frame);
        self.rules.iter().find_map(|rule| {
            if let (Test::Regex(pattern), Some(Extract::Regex)) = (&rule.when, &rule.extract) {
                let mut fields = Fields::default();
                for (name, text) in groups(pattern, text.as_deref()?)? {
                    fields.push(name, text);
                }
                return Some((rule.class, fields));
            }
            let matched = match &rule.when {
                Test::Any => true,
                Test::Literal(bytes) => frame == bytes || trimmed == bytes,
                Test::Prefix(bytes) => frame.starts_with(bytes) || trimmed.starts_with(bytes),
                Test::Regex(pattern) => pattern.is_match(text.as_deref()?),
            };
            if !matched {
                return None;
            }
            let fields = match &rule.extract {
                None => Fields::default(),
                Some(extract) => extract.fields(text.as_deref()?)?,
            };
            Some((rule.class, fields))
        })
    }
}

/// The named groups of the pattern that took part, and what they found; `None` when the pattern is not found.
pub(crate) fn groups<'a>(
    pattern: &'a Regex,
    text: &'a str,
) -> Option<impl Iterator<Item = (&'a str, &'a str)>> {
    let captures = pattern.captures(text)?;
    let names = pattern.capture_names().flatten();
    Some(names.filter_map(move |name| Some((name, captures.name(name)?.as_str()))))
}

/// A pattern that may be tried on untrusted text: linear time, bounded size.
///
/// # Errors
/// When it is none or too long.
pub fn regex(pattern: &str) -> Result<Regex, BadRule> {
    if pattern.len() > MAX_PATTERN {
        return Err(BadRule::TooLong);
    }
    Regex::new(pattern).map_err(|error| BadRule::Pattern(error.to_string()))
}

/// Without spaces and line ends around it; other control characters are content.
fn trim(frame: &[u8]) -> &[u8] {
    frame.trim_ascii()
}
