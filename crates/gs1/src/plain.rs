//! Plain codes: what a plant prints without a standard, read by configured regular expressions.

use thiserror::Error;

/// A pattern for the plain codes of one kind, such as work orders; its named groups are the fields.
#[derive(Debug, Clone)]
pub struct PlainPattern {
    name: String,
    regex: regex_lite::Regex,
}

/// A plain code that a pattern matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainCode {
    /// The name of the pattern, which is the namespace of the code.
    pub pattern: String,
    /// The named groups that took part, in the order of the pattern.
    pub fields: Vec<(String, String)>,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlainPatternError {
    /// The name is part of a URI, so it must be plain itself.
    #[error("the name {name:?} must be small letters, digits, - and _")]
    Name {
        /// The name.
        name: String,
    },
    /// The expression is not a regular expression of the `regex-lite` crate.
    #[error("the regular expression cannot be used: {reason}")]
    Regex {
        /// What is wrong with it.
        reason: String,
    },
    /// The expression names no group, so a match would say nothing.
    #[error("the regular expression has no named group such as (?<serial>[0-9]+)")]
    NoGroup,
}

impl PlainPattern {
    /// A pattern that must match a whole code.
    ///
    /// # Errors
    /// [`PlainPatternError`].
    pub fn new(name: &str, expression: &str) -> Result<Self, PlainPatternError> {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            let name = name.to_owned();
            return Err(PlainPatternError::Name { name });
        }
        let regex = regex_lite::Regex::new(&format!("^(?:{expression})$")).map_err(|error| {
            PlainPatternError::Regex {
                reason: error.to_string(),
            }
        })?;
        if regex.capture_names().flatten().next().is_none() {
            return Err(PlainPatternError::NoGroup);
        }
        Ok(Self {
            name: name.to_owned(),
            regex,
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fields of `code`, if the pattern matches all of it.
    pub fn read(&self, code: &str) -> Option<PlainCode> {
        let captures = self.regex.captures(code)?;
        let fields = self.regex.capture_names().flatten().filter_map(|name| {
            let value = captures.name(name)?.as_str();
            Some((name.to_owned(), value.to_owned()))
        });
        Some(PlainCode {
            pattern: self.name.clone(),
            fields: fields.collect(),
        })
    }
}

impl PlainCode {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_codes() {
        let pattern =
            PlainPattern::new("work-order", r"WO(?<order>\d{6})(-(?<step>\d+))?").unwrap();
        let code = pattern.read("WO123456-20").unwrap();
        assert_eq!(code.field("order"), Some("123456"));
        assert_eq!(code.field("step"), Some("20"));
        let code = pattern.read("WO123456").unwrap();
        assert_eq!(code.fields, [("order".to_owned(), "123456".to_owned())]);
        for not in ["WO12345", "WO1234567", " WO123456", "WO123456\n"] {
            assert_eq!(pattern.read(not), None, "{not:?}");
        }
        // An alternative does not escape the anchors.
        let either = PlainPattern::new("either", "(?<a>A)|(?<b>B)").unwrap();
        assert_eq!(either.read("AB"), None);
        assert_eq!(either.read("B").unwrap().field("b"), Some("B"));
    }

    #[test]
    fn bad_patterns_say_why() {
        let why = |name, expression| PlainPattern::new(name, expression).unwrap_err().to_string();
        assert!(why("Work Order", "(?<a>x)").contains("small letters"));
        assert!(why("a", "(?<a>x").contains("cannot be used"));
        assert!(why("a", "x+").contains("no named group"));
    }
}
