//! Syntax errors of the TOML parser in plain words, one per mistake.
//!
//! The parser recovers and reports everything it stumbles over, which is often more than was done wrong: one bracket
//! that is not closed makes a message per following line, a repeated section one per repeated setting.

use std::collections::BTreeSet;
use std::ops::Range;

use super::diagnostic::{Diagnostic, Place};
use super::source::Marks;
use super::units::shown;

/// What the syntax errors amount to.
#[derive(Debug, Default)]
pub(super) struct Syntax {
    pub(super) problems: Vec<Diagnostic>,
    /// Bytes of the lines that have a problem: what else is found there follows from it.
    pub(super) lines: Vec<Range<usize>>,
    /// From here on the parser may have misread the file.
    pub(super) doubtful_from: Option<usize>,
}

const MAX_PROBLEMS: usize = 100;

/// Puts the parser's errors in words.
pub(super) fn describe(text: &str, errors: &[toml::de::Error], marks: &Marks) -> Syntax {
    let mut syntax = Syntax::default();
    let mut errors: Vec<(Range<usize>, &str)> = errors
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), error.message()))
        .collect();
    errors.sort_by_key(|(span, _)| span.start);
    let repeated: BTreeSet<usize> = errors
        .iter()
        .filter(|(span, message)| {
            *message == "duplicate key" && is_header(line_at(text, span.start).1)
        })
        .map(|(span, _)| line_at(text, span.start).0.start)
        .collect();
    let mut seen_lines = BTreeSet::new();
    for (span, message) in &errors {
        if syntax.problems.len() >= MAX_PROBLEMS {
            break;
        }
        let (line, content) = line_at(text, span.start);
        if !seen_lines.insert(line.start) {
            continue;
        }
        let problem = if *message == "duplicate key" {
            let header = header_before(text, line.start);
            if !is_header(content) && header.is_some_and(|header| repeated.contains(&header)) {
                continue;
            }
            duplicate(text, span, &line, content)
        } else if let Some(unclosed) = unclosed(&errors, span, message, marks, text) {
            syntax.problems.push(unclosed);
            syntax.doubtful_from.get_or_insert(line.start);
            syntax.lines.push(line);
            break;
        } else {
            if !message.starts_with("string values must be quoted") {
                syntax.doubtful_from.get_or_insert(line.start);
            }
            let mut problem = plain(text, span, content, message);
            // The help repeats the line, and the line may hold a password.
            problem.help = problem.help.map(|help| super::mask::masked(&help));
            problem
        };
        syntax.problems.push(problem);
        syntax.lines.push(line);
    }
    syntax
}

/// The line that holds a byte: its range without line end, and its text.
fn line_at(text: &str, byte: usize) -> (Range<usize>, &str) {
    let byte = text.floor_char_boundary(byte.min(text.len()));
    let (before, after) = text.split_at(byte);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = after.find('\n').map_or(text.len(), |at| byte + at);
    (
        start..end,
        text.get(start..end).unwrap_or("").trim_end_matches('\r'),
    )
}

fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

/// Start of the last header line before `byte`.
fn header_before(text: &str, byte: usize) -> Option<usize> {
    lines(text)
        .take_while(|(start, _)| *start < byte)
        .filter(|(_, line)| is_header(line))
        .last()
        .map(|(start, _)| start)
}

/// Lines with the byte they start at.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    })
}

/// The name in a header line, without blanks and quotes, so that two spellings compare equal.
fn header_name(line: &str) -> Option<String> {
    let inner = line.trim_start().strip_prefix('[')?.split(']').next()?;
    Some(
        inner
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '"' && *c != '\'')
            .collect(),
    )
}

fn duplicate(text: &str, span: &Range<usize>, line: &Range<usize>, content: &str) -> Diagnostic {
    const HELP: &str = "rename or delete one of them";
    let indented = |start: usize, line: &str| start + (line.len() - line.trim_start().len());
    if is_header(content) {
        let name = header_name(content).unwrap_or_default();
        let first = lines(text)
            .take_while(|(start, _)| *start < line.start)
            .find(|(_, other)| header_name(other).as_ref() == Some(&name));
        let title = format!("[{}] is defined twice", shown(&name));
        let problem = Diagnostic::error(
            "duplicate",
            title,
            Place::bytes(span.clone()),
            "defined again here",
        )
        .help(HELP);
        return match first {
            Some((start, other)) => {
                let place = indented(start, other)..start + other.trim_end().len();
                problem.context(Place::bytes(place), "defined here first")
            }
            None => problem,
        };
    }
    let key = text.get(span.clone()).unwrap_or("");
    let from = header_before(text, line.start).unwrap_or(0);
    let first = lines(text)
        .filter(|(start, _)| (from..line.start).contains(start))
        .find(|(_, other)| {
            other
                .trim_start()
                .strip_prefix(key)
                .is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
        });
    // A section of its own sets it as well.
    let section = header_name(
        text.get(from..)
            .and_then(|it| it.lines().next())
            .unwrap_or(""),
    );
    let section = section.map(|section| format!("{section}.{key}"));
    let first = first.map(|(start, other)| (indented(start, other), key.len()));
    let first = first.or_else(|| {
        let (start, other) = lines(text).find(|(_, other)| header_name(other) == section)?;
        section.as_ref()?;
        Some((indented(start, other), other.trim().len()))
    });
    let title = format!("`{}` is set twice", shown(key));
    let problem = Diagnostic::error(
        "duplicate",
        title,
        Place::bytes(span.clone()),
        "set again here",
    )
    .help("delete one of them");
    match first {
        Some((start, length)) => {
            problem.context(Place::bytes(start..start + length), "set here first")
        }
        None => problem,
    }
}

/// A list or inline table without its end swallows what follows: point at its beginning.
fn unclosed(
    errors: &[(Range<usize>, &str)],
    span: &Range<usize>,
    message: &str,
    marks: &Marks,
    text: &str,
) -> Option<Diagnostic> {
    let in_value = |word: &str| message.contains(word);
    if !(in_value("array") || in_value("key-value pairs") || in_value("inline table")) {
        return None;
    }
    let (end, what) = errors.iter().find_map(|(end, message)| match *message {
        message if message.starts_with("unclosed array") => Some((end.start, "list")),
        message if message.starts_with("unclosed inline table") => Some((end.start, "table")),
        _ => None,
    })?;
    let bracket = if what == "list" { '[' } else { '{' };
    let start = marks
        .all()
        .iter()
        .map(|mark| mark.value.clone())
        .filter(|value| value.contains(&span.start) || value.end == span.start || value.end == end)
        .filter(|value| {
            text.get(value.clone())
                .is_some_and(|text| text.starts_with(bracket))
        })
        .map(|value| value.start)
        .max()?;
    let close = if what == "list" { ']' } else { '}' };
    let title = format!("a {what} is not closed");
    let label = format!("this {bracket} has no {close}, or a comma is missing after an entry");
    Some(Diagnostic::error(
        "syntax",
        title,
        Place::bytes(start..start + 1),
        label,
    ))
}

fn plain(text: &str, span: &Range<usize>, content: &str, message: &str) -> Diagnostic {
    let error = |title: &str, label: &str| {
        Diagnostic::error("syntax", title, Place::bytes(span.clone()), label)
    };
    let found = text.get(span.clone()).unwrap_or("");
    if let Some(problem) = invisible(text, span, content) {
        return problem;
    }
    let key = content.split('=').next().unwrap_or("").trim();
    let value = content.split_once('=').map_or("", |(_, value)| {
        value.split(" #").next().unwrap_or(value).trim()
    });
    let subject = |key: &str| {
        if key.is_empty() || key.len() > 60 {
            "a setting".to_owned()
        } else {
            format!("`{}`", shown(key))
        }
    };
    if message.starts_with("string values must be quoted") || message.starts_with("invalid boolean")
    {
        if found.trim().is_empty() {
            return error(
                &format!("{} has no value", subject(key)),
                "a value is missing here",
            )
            .help("to use the default, delete the line or put # in front of it");
        }
        if found.contains(['“', '”', '„', '‘', '’']) {
            return error(
                &format!("{} has curly quotes", subject(key)),
                "use straight quotes: \"…\"",
            );
        }
        if let Some(word) = match found {
            "yes" | "on" | "True" | "TRUE" | "Yes" | "On" => Some("true"),
            "no" | "off" | "False" | "FALSE" | "No" | "Off" => Some("false"),
            _ => None,
        } {
            return error(
                &format!("{} has a bad value", subject(key)),
                "expected true or false, in small letters",
            )
            .help(format!("{key} = {word}"));
        }
        let mut parts = found.split_whitespace();
        if value.starts_with('[') && parts.clone().count() > 1 && parts.all(is_number) {
            let list = found.split_whitespace().collect::<Vec<_>>().join(", ");
            return error("a comma is missing", "expected , between the entries")
                .help(format!("lists are written as [{list}]"));
        }
        if content.matches('=').count() > 1 && !content.contains('{') {
            return error(
                "two settings on one line",
                "start a new line for each setting",
            );
        }
        return error(
            &format!("{} is written without quotes", subject(key)),
            "put this in quotes",
        )
        .help(format!(
            "text and values with a unit are written in quotes: {key} = \"{}\"",
            shown(found.trim())
        ));
    }
    if message.starts_with("key with no value") || message.starts_with("invalid unquoted key") {
        let rest = content.trim_start();
        let name_end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        if after.trim() == ":" {
            let label = "there is no = here, and no value";
            return error("this is written as in YAML", label)
                .help(format!("a section begins with a line [{}]", shown(name)));
        }
        if after.trim_start().starts_with(['＝', '≔', '﹦']) {
            return error("this is not the = of the keyboard", "write = here");
        }
        if let Some(value) = after.trim_start().strip_prefix(':') {
            return error(
                "a setting is written with = between name and value",
                "use = here, not :",
            )
            .help(format!("{} = {}", shown(name), written(value.trim())));
        }
        if message.starts_with("invalid unquoted key") {
            if found.starts_with(';') || rest.starts_with("//") {
                return error("this is no comment", "a comment starts with #");
            }
            let label = format!("'{}' cannot be part of a name", shown(found));
            return error("a name has a character that names cannot have", &label)
                .help("names have letters a to z, digits and _");
        }
        if content.contains('=') {
            return error("the name of a setting has a blank in it", "expected = here")
                .help("names are written with _");
        }
        return error("a setting without a value", "expected = and a value")
            .help("a comment starts with #");
    }
    let rest = text.get(span.start..).unwrap_or("");
    let (title, label) = match message {
        m if m.starts_with("unclosed table") => {
            let inner = content.trim().strip_prefix('[').unwrap_or("");
            let Some((inner, _)) = inner.split_once(']') else {
                return error("the header of a section is not closed", "expected ]");
            };
            return error("the header of a section has a blank in it", "not here")
                .help(format!("write [{}]", shown(&header_meant(inner))));
        }
        m if m.starts_with("missing assignment") && rest.starts_with(':') => {
            return error(
                "a setting is written with = between name and value",
                "use = here, not :",
            );
        }
        m if m.starts_with("invalid key-value pair") && rest.starts_with('{') => {
            return error(
                "this is written as in JSON",
                "a section begins with a line [NAME]",
            )
            .help("tracegate sample prints a configuration to start from");
        }
        m if m.starts_with("invalid basic string") || m.starts_with("invalid literal string") => {
            ("a text is not closed", "the closing quote is missing")
        }
        m if m.starts_with("missing escaped value") => {
            let of_windows = value.trim_start_matches('"');
            let drive = of_windows.get(1..3) == Some(":\\");
            if drive || of_windows.starts_with("\\\\") {
                return error("a path of Windows", "paths have no \\ here").help(
                    "the gateway runs on Linux: a path starts with / and has / between its parts",
                );
            }
            return error(
                "a backslash in a text starts an escape",
                "this is no known escape",
            )
            .help("write \\\\ for one backslash, or put the text in single quotes");
        }
        _ if value.len() > 1
            && value.starts_with('0')
            && is_number(value)
            && !value.contains('.') =>
        {
            let title = format!("{} begins with a zero", subject(key));
            let number = value.trim_start_matches('0');
            return error(&title, "numbers have no zeros in front").help(format!(
                "{key} = {}",
                if number.is_empty() { "0" } else { number }
            ));
        }
        m if m.starts_with("invalid float")
            || m.starts_with("invalid integer")
            || m.contains("leading zero") =>
        {
            return error(
                &format!("{} is no number", subject(key)),
                "the number ends here",
            )
            .help(format!(
                "addresses and values with a unit are written in quotes: {key} = \"{}\"",
                shown(value)
            ));
        }
        m if m.contains("dotted key") => {
            ("a setting is used as a section", "it already has a value")
        }
        m if m.starts_with("unexpected key or value") => {
            let problem = error(
                "something follows the value",
                "expected the end of the line",
            );
            let fraction = rest.strip_prefix(',').map(str::trim_end);
            return if rest.starts_with(';') {
                problem.help("settings do not end in ;")
            } else if rest.starts_with("//") {
                problem.help("a comment starts with #")
            } else if fraction.is_some() && is_number(&value.replacen(',', ".", 1)) {
                problem.help(format!(
                    "numbers have a point: {key} = {}",
                    value.replacen(',', ".", 1)
                ))
            } else {
                problem
            };
        }
        m if m.starts_with("extra `=`") => ("= is written twice", "one is enough"),
        m if m.starts_with("missing comma") => ("a comma is missing", "expected , here"),
        other => ("this is not TOML", other),
    };
    error(title, label)
}

/// A character that nobody sees and TOML does not take, outside of texts and comments of this line. It is what is wrong,
/// whatever the parser stumbled over behind it.
fn invisible(text: &str, span: &Range<usize>, content: &str) -> Option<Diagnostic> {
    let (line, _) = line_at(text, span.start);
    let before_text = content.split(['"', '\'', '#']).next().unwrap_or("");
    // The mark that some editors begin a file with is taken.
    let is_mark = |it: &(usize, char)| line.start + it.0 == 0 && it.1 == '\u{feff}';
    let is_seen = |it: &(usize, char)| it.1 == '\t' || it.1 == '\r' || is_mark(it);
    let seen = |it: &(usize, char)| !is_seen(it) && is_invisible(it.1);
    let (at, character) = before_text.char_indices().find(seen)?;
    let start = line.start + at;
    let place = Place::bytes(start..start + character.len_utf8());
    let label = format!("an invisible character, U+{:04X}", u32::from(character));
    let problem = Diagnostic::error("syntax", "a character cannot be here", place, label);
    Some(problem.help("delete it, and type a blank with the space bar"))
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn is_invisible(character: char) -> bool {
    let zero_width = [
        '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}',
    ];
    character.is_control()
        || !character.is_ascii() && character.is_whitespace()
        || zero_width.contains(&character)
}

/// A value as it would be written: text in quotes.
fn written(value: &str) -> String {
    let value = value.replace(char::is_control, " ");
    let is_value = value.starts_with(['"', '\'', '[', '{'])
        || is_number(&value)
        || ["", "true", "false"].contains(&value.as_str());
    if is_value {
        value
    } else {
        format!("\"{value}\"")
    }
}

/// A header with blanks in it, as it was probably meant: a point behind the kind, and names without blanks.
fn header_meant(inner: &str) -> String {
    let parts = inner
        .split_whitespace()
        .map(|part| part.trim_matches(['"', '\'']));
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    match parts.split_first() {
        Some((kind, name)) if !kind.contains('.') && !name.is_empty() => {
            format!("{kind}.{}", name.join("_").trim_start_matches('.'))
        }
        _ => parts.join("_"),
    }
}
