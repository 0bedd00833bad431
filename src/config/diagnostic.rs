//! What is wrong with a configuration, in a form for people (`human`), editors (`short`) and programs (`json`).
//!
//! A [`Report`] holds everything found in one run, sorted by position. Lines that hold a secret are masked before any
//! renderer sees them.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::mask::Masked;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The file as a whole.
    WholeFile,
    /// Bytes `start..end` of the file.
    Bytes {
        /// First byte.
        start: usize,
        /// One past the last byte.
        end: usize,
    },
    /// An environment variable, by name.
    Variable(String),
}

impl Place {
    /// A place in the file.
    pub fn bytes(range: Range<usize>) -> Self {
        Place::Bytes {
            start: range.start,
            end: range.end,
        }
    }
}

/// A place with a few words on it. The first span of a diagnostic is where the mistake is; others give context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where.
    pub place: Place,
    /// What about it.
    pub label: String,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, for the manual and for programs.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The problem in one line.
    pub title: String,
    /// Where it is; never empty.
    pub spans: Vec<Span>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at one place.
    pub fn error(
        code: &'static str,
        title: impl Into<String>,
        place: Place,
        label: impl Into<String>,
    ) -> Self {
        let spans = vec![Span {
            place,
            label: label.into(),
        }];
        Diagnostic {
            code,
            severity: Severity::Error,
            title: title.into(),
            spans,
            help: None,
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// With a hint; an empty one counts as none.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into()).filter(|help| !help.is_empty());
        self
    }

    /// With one more place for context.
    #[must_use]
    pub fn context(mut self, place: Place, label: impl Into<String>) -> Self {
        self.spans.push(Span {
            place,
            label: label.into(),
        });
        self
    }

    /// Where the mistake is.
    pub fn place(&self) -> &Place {
        self.spans
            .first()
            .map_or(&Place::WholeFile, |span| &span.place)
    }
}

/// How to write a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// With the lines of the file and carets.
    Human,
    /// One line per problem, as compilers write them: `FILE:LINE:COLUMN: error: title: label [code]`.
    Short,
    /// One JSON object.
    Json,
}

/// Everything found in one file and its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file, as named by the caller.
    pub file: String,
    /// Sorted by position; environment variables last. At most 100.
    pub diagnostics: Vec<Diagnostic>,
    left_out: usize,
    text: Box<Masked>,
}

/// More than this nobody reads; the rest is counted.
const MAX_DIAGNOSTICS: usize = 100;

/// Line and column, both from 1; a column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// The position of a byte.
fn position(text: &str, byte: usize) -> Position {
    let before = text.get(..byte.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or("").chars().count() + 1,
    }
}

impl Report {
    /// Sorts `diagnostics` and keeps `text` for the snippets, masked.
    pub fn new(file: &str, text: &str, diagnostics: Vec<Diagnostic>) -> Self {
        let mut report = Report {
            file: file.to_owned(),
            diagnostics,
            left_out: 0,
            text: Box::new(Masked::new(text)),
        };
        report.sort();
        report
    }

    fn sort(&mut self) {
        self.diagnostics.sort_by(|a, b| {
            (a.place(), a.severity, &a.title).cmp(&(b.place(), b.severity, &b.title))
        });
        let many = self.diagnostics.len().saturating_sub(MAX_DIAGNOSTICS);
        self.left_out += many;
        self.diagnostics.truncate(MAX_DIAGNOSTICS);
    }

    /// The same report with more in it.
    pub(super) fn with(&self, more: Vec<Diagnostic>) -> Self {
        let mut report = self.clone();
        report.diagnostics.extend(more);
        report.sort();
        report
    }

    /// The position of a byte of the file.
    pub(super) fn position(&self, byte: usize) -> Position {
        position(self.text.original_lines(), byte)
    }

    /// The lines that problems are on, from 1, each problem's own.
    pub fn lines(&self) -> impl Iterator<Item = usize> {
        let places = self.diagnostics.iter().map(Diagnostic::place);
        places.filter_map(|place| match place {
            Place::Bytes { start, .. } => Some(self.position(*start).line),
            Place::WholeFile | Place::Variable(_) => None,
        })
    }

    /// True when at least one of the diagnostics is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The report as text that ends with a line end.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Human => self.human(),
            Format::Short => self.short(),
            Format::Json => self.json(),
        }
    }

    fn human(&self) -> String {
        let mut out = String::new();
        for diagnostic in &self.diagnostics {
            match diagnostic.place() {
                Place::Bytes { .. } => out.push_str(&self.snippet(diagnostic)),
                _ => self.without_snippet(diagnostic, &mut out),
            }
            out.push('\n');
        }
        out.push_str(&self.footer());
        out
    }

    fn footer(&self) -> String {
        let count = |severity| {
            self.diagnostics
                .iter()
                .filter(|diagnostic| diagnostic.severity == severity)
                .count()
        };
        let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        if self.left_out > 0 {
            let n = self.diagnostics.len();
            return format!(
                "{} found; only the first {n} are shown\n",
                counted(n + self.left_out, "problem")
            );
        }
        match (count(Severity::Error), count(Severity::Warning)) {
            (0, 0) => String::new(),
            (0, warnings) => format!("{}\n", counted(warnings, "warning")),
            (errors, 0) => format!("{} found\n", counted(errors, "problem")),
            (errors, warnings) => format!(
                "{} found, {}\n",
                counted(errors, "problem"),
                counted(warnings, "warning")
            ),
        }
    }

    fn snippet(&self, diagnostic: &Diagnostic) -> String {
        let text = self.text.text();
        let marked: Vec<(Range<usize>, &str)> = diagnostic
            .spans
            .iter()
            .filter_map(|span| match span.place {
                Place::Bytes { start, end } => {
                    Some((self.text.map(start..end), span.label.as_str()))
                }
                _ => None,
            })
            .collect();
        // Only the lines in question: the renderer walks over all it is given, once per problem.
        let first = marked
            .iter()
            .map(|(range, _)| range.start)
            .min()
            .unwrap_or(0);
        let last = marked.iter().map(|(range, _)| range.end).max().unwrap_or(0);
        let from = text
            .get(..first)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1);
        let to = text
            .get(last..)
            .and_then(|after| after.find('\n'))
            .map_or(text.len(), |at| last + at + 1);
        let mut snippet = Snippet::source(text.get(from..to).unwrap_or(""))
            .line_start(text.get(..from).unwrap_or("").matches('\n').count() + 1)
            .path(&self.file);
        for (index, (range, label)) in marked.into_iter().enumerate() {
            let kind = if index == 0 {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            let label = Some(label).filter(|label| !label.is_empty());
            snippet =
                snippet.annotation(kind.span(range.start - from..range.end - from).label(label));
        }
        let level = if diagnostic.severity == Severity::Error {
            Level::ERROR
        } else {
            Level::WARNING
        };
        let mut group = level.primary_title(&diagnostic.title).element(snippet);
        for span in diagnostic.spans.iter().skip(1) {
            if let Place::Variable(name) = &span.place {
                group = group.element(
                    Level::NOTE.message(format!("{} in environment variable {name}", span.label)),
                );
            }
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help));
        }
        let mut text = Renderer::plain().term_width(TERM_WIDTH).render(&[group]);
        text.push('\n');
        text
    }

    fn without_snippet(&self, diagnostic: &Diagnostic, out: &mut String) {
        let place = match diagnostic.place() {
            Place::Variable(name) => format!("environment variable {name}"),
            _ => self.file.clone(),
        };
        *out += &format!(
            "{}: {}\n  --> {place}\n",
            diagnostic.severity.as_str(),
            diagnostic.title
        );
        for (index, span) in diagnostic.spans.iter().enumerate() {
            let place = match &span.place {
                _ if index == 0 => String::new(),
                Place::Variable(name) => format!(" (environment variable {name})"),
                Place::Bytes { start, .. } => {
                    let at = self.position(*start);
                    format!(" ({}:{}:{})", self.file, at.line, at.column)
                }
                Place::WholeFile => String::new(),
            };
            if !span.label.is_empty() {
                *out += &format!("   = {}{place}\n", span.label);
            }
        }
        if let Some(help) = &diagnostic.help {
            *out += &format!("   = help: {help}\n");
        }
    }

    fn short(&self) -> String {
        let mut out = String::new();
        for diagnostic in &self.diagnostics {
            let place = match diagnostic.place() {
                Place::WholeFile => self.file.clone(),
                Place::Variable(name) => name.clone(),
                Place::Bytes { start, .. } => {
                    let at = self.position(*start);
                    format!("{}:{}:{}", self.file, at.line, at.column)
                }
            };
            let Diagnostic {
                code,
                title,
                severity,
                ..
            } = diagnostic;
            let label = diagnostic
                .spans
                .first()
                .map_or("", |span| span.label.as_str());
            let colon = if label.is_empty() { "" } else { ": " };
            out += &format!(
                "{place}: {}: {title}{colon}{label} [{code}]\n",
                severity.as_str()
            );
        }
        out
    }

    fn json(&self) -> String {
        let span = |span: &Span| {
            let mut object = serde_json::Map::new();
            match &span.place {
                Place::WholeFile => {}
                Place::Variable(name) => {
                    drop(object.insert("variable".into(), name.as_str().into()))
                }
                Place::Bytes { start, end } => {
                    let (from, to) = (self.position(*start), self.position(*end));
                    for (key, value) in [
                        ("line", from.line),
                        ("column", from.column),
                        ("end_line", to.line),
                        ("end_column", to.column),
                    ] {
                        object.insert(key.into(), value.into());
                    }
                }
            }
            object.insert("label".into(), span.label.as_str().into());
            serde_json::Value::Object(object)
        };
        let diagnostics = self.diagnostics.iter().map(|diagnostic| {
            // What the whole file lacks is said of its beginning, where an editor can show it.
            let (line, column) = match diagnostic.place() {
                Place::Bytes { start, .. } => {
                    let at = self.position(*start);
                    (Some(at.line), Some(at.column))
                }
                Place::WholeFile => (Some(1), Some(1)),
                Place::Variable(_) => (None, None),
            };
            serde_json::json!({
                "file": self.file,
                "line": line,
                "column": column,
                "severity": diagnostic.severity.as_str(),
                "code": diagnostic.code,
                "message": diagnostic.title,
                "spans": diagnostic.spans.iter().map(span).collect::<Vec<_>>(),
                "help": diagnostic.help,
            })
        });
        let report = serde_json::json!({
            "file": self.file,
            "ok": !self.has_errors(),
            "diagnostics": diagnostics.collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

/// Wide enough that the comment after a setting stays; a terminal wraps what it cannot show.
const TERM_WIDTH: usize = 140;
