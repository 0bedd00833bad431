//! Lines of log files as marks: CSV by header or number, JSON by pointer, or free text by patterns.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rules::Rules;
use super::{Details, Step};
use crate::rules::csv;
use crate::text::scalar;

/// How lines of a file are read.
#[derive(Debug, Clone)]
pub enum Form {
    /// As the frames of a marker.
    Text(Rules),
    /// Columns.
    Csv {
        /// Between columns.
        delimiter: char,
        /// Whether the first line of a file names the columns.
        header: bool,
        /// Which column holds which detail.
        columns: Columns,
    },
    /// A JSON object per line.
    Json(Columns),
}

/// Where details stand: a name of the header, a number from 1, or a JSON pointer, by the name of the detail. `result` is
/// what tells a good mark from a bad one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    /// By detail.
    pub places: BTreeMap<String, String>,
    /// Words in `result` for a mark that is done, in small letters; none means that every line is one.
    pub done: Vec<String>,
    /// Words in `result` for one that failed, in small letters.
    pub failed: Vec<String>,
    /// Words in `result` for one that begins, in small letters.
    pub start: Vec<String>,
}

impl Columns {
    fn step(&self, result: Option<&str>) -> Step {
        let Some(result) = result.map(|it| it.trim().to_lowercase()) else {
            return Step::Done;
        };
        if self.failed.contains(&result) {
            Step::Failed
        } else if self.start.contains(&result) {
            Step::Start
        } else if self.done.contains(&result) || self.done.is_empty() && self.failed.is_empty() {
            Step::Done
        } else {
            Step::Ignore
        }
    }

    fn details<'a>(
        &self,
        find: impl Fn(&str) -> Option<std::borrow::Cow<'a, str>>,
    ) -> Option<(Step, Details)> {
        let (mut details, mut result) = (Details::default(), None);
        let mut found = false;
        for (detail, place) in &self.places {
            let Some(text) = find(place) else { continue };
            found = true;
            if detail == "result" {
                result = Some(text.into_owned());
            } else {
                details.set(detail, &text);
            }
        }
        let step = self.step(result.as_deref());
        if step == Step::Failed && details.error.is_none() {
            details.error = result;
        }
        found.then_some((step, details))
    }
}

/// The names of columns as a header gives them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header(Vec<String>);

impl Header {
    /// Reads a header line.
    #[must_use]
    pub fn new(line: &str, delimiter: char) -> Self {
        let names = csv(line.trim_start_matches('\u{feff}'), delimiter).unwrap_or_default();
        Self(
            names
                .into_iter()
                .map(|name| name.trim().to_owned())
                .collect(),
        )
    }

    /// The names, in their order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The first of the columns that the header lacks, if it lacks one.
    #[must_use]
    pub fn lacks<'a>(&self, columns: &'a Columns) -> Option<&'a str> {
        let has = |place: &&String| self.index(place).is_none();
        columns.places.values().find(has).map(String::as_str)
    }

    /// By name, letters alike; else by number from 1.
    fn index(&self, place: &str) -> Option<usize> {
        let named = self
            .0
            .iter()
            .position(|name| name.eq_ignore_ascii_case(place));
        named.or_else(|| place.parse::<usize>().ok()?.checked_sub(1))
    }
}

impl Form {
    /// What a line means; `None` for one that cannot be read. A blank line means nothing.
    #[must_use]
    pub fn read(&self, line: &str, header: &Header) -> Option<(Step, Details)> {
        if line.trim().is_empty() {
            return Some((Step::Ignore, Details::default()));
        }
        match self {
            Self::Text(rules) => rules.classify(line),
            Self::Csv {
                delimiter, columns, ..
            } => {
                let cells = csv(line, *delimiter).ok()?;
                columns.details(|place| {
                    let cell = cells.get(header.index(place)?)?;
                    Some(cell.as_str().into())
                })
            }
            Self::Json(columns) => {
                let value: Value = serde_json::from_str(line).ok()?;
                columns.details(|place| scalar(value.pointer(place)?))
            }
        }
    }

    /// Whether the first line of a file is no record, and what separates its names.
    #[must_use]
    pub const fn header(&self) -> Option<char> {
        match self {
            Self::Csv {
                delimiter,
                header: true,
                ..
            } => Some(*delimiter),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns(places: &[(&str, &str)]) -> Columns {
        Columns {
            places: places
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect(),
            done: vec!["ok".to_owned()],
            failed: vec!["ng".to_owned()],
            start: vec!["start".to_owned()],
        }
    }

    fn table(places: &[(&str, &str)]) -> Form {
        Form::Csv {
            delimiter: ';',
            header: true,
            columns: columns(places),
        }
    }

    #[test]
    fn columns_by_name_and_by_number() {
        let form = table(&[
            ("serial", "SerialNo"),
            ("result", "result"),
            ("grade", "4"),
            ("lot", "Charge"),
        ]);
        let header = Header::new(
            "Time;SerialNo;Result;Grade;Charge\r",
            form.header().unwrap(),
        );
        let (step, details) = form.read("10:00;SN17;OK;3,4;\"L;1\"", &header).unwrap();
        assert_eq!(
            (step, details.serial.as_deref()),
            (Step::Done, Some("SN17"))
        );
        assert_eq!(details.lot.as_deref(), Some("L;1"));
        assert_eq!(details.grade.unwrap().overall.tenths(), 34);
        let (step, details) = form.read("10:00;SN18;NG;F;", &header).unwrap();
        assert_eq!((step, details.error.as_deref()), (Step::Failed, Some("NG")));
        let step = |result| {
            form.read(&format!("10:00;SN18;{result};;"), &header)
                .unwrap()
                .0
        };
        assert_eq!((step("start"), step("rework")), (Step::Start, Step::Ignore));
        assert_eq!(form.read("  ", &header).unwrap().0, Step::Ignore);
    }

    #[test]
    fn a_header_without_a_column_is_told() {
        let columns = columns(&[("serial", "SerialNo"), ("lot", "7")]);
        assert_eq!(Header::new("Time;SerialNo", ';').lacks(&columns), None);
        assert_eq!(
            Header::new("Time;Serial", ';').lacks(&columns),
            Some("SerialNo")
        );
    }

    #[test]
    fn json_by_pointer() {
        let form = Form::Json(columns(&[
            ("serial", "/part/sn"),
            ("result", "/ok"),
            ("counter", "/n"),
        ]));
        let read = |line| form.read(line, &Header::default());
        let (step, details) = read(r#"{"part":{"sn":"SN17"},"ok":"OK","n":12}"#).unwrap();
        assert_eq!(
            (step, details.serial.as_deref(), details.counter.as_deref()),
            (Step::Done, Some("SN17"), Some("12"))
        );
        assert_eq!(read("{"), None);
        assert_eq!(read("{}"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_not(line in "\\PC{0,200}") {
            let form = table(&[("serial", "1"), ("result", "2")]);
            let _ = form.read(&line, &Header::default());
            let _ = Form::Json(columns(&[("serial", "/a")])).read(&line, &Header::default());
        }
    }
}
