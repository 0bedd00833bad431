//! Print quality grades as verifiers write them.
//!
//! An overall grade is a number from 0.0 to 4.0 (two-dimensional symbols, ISO/IEC 15415:2011 §5.1; linear ones,
//! ISO/IEC 15416:2016 §6) or a letter A to F, reported as `grade/aperture/wavelength/angle`, such as `3.0/10/660/45Q`: the
//! aperture in thousandths of an inch, the light in nanometres (`W` is white), the angle in degrees. A grade of a direct part
//! mark (ISO/IEC 29158, AIM DPM-1-2006) begins with `DPM`: `DPM3.0/7.5-25/650/(45Q|30Q)`.

use serde::{Deserialize, Serialize};

/// Parameters of one grade at most: the standards know a dozen.
const MAX_PARAMETERS: usize = 16;
/// Longer texts are not grades.
const MAX_TEXT: usize = 256;

/// Names of parameters, with what verifiers call them (ISO/IEC 15415 §7.8, 15416 §5.4, 29158 §7).
const PARAMETERS: &[(&str, &[&str])] = &[
    ("decode", &["DEC", "DECODE"]),
    ("symbol_contrast", &["SC", "CC"]),
    ("modulation", &["MOD", "CM"]),
    ("reflectance_margin", &["RM"]),
    ("fixed_pattern_damage", &["FPD", "DDG"]),
    ("axial_nonuniformity", &["AN", "ANU"]),
    ("grid_nonuniformity", &["GN", "GNU"]),
    ("unused_error_correction", &["UEC"]),
    ("print_growth", &["PG"]),
    ("minimum_reflectance", &["MR", "RMIN"]),
    ("edge_contrast", &["EC", "ECMIN"]),
    ("defects", &["DEF", "ERN"]),
    ("decodability", &["DCD"]),
];

/// The standard that a grade is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Standard {
    /// ISO/IEC 15415: two-dimensional symbols.
    Iso15415,
    /// ISO/IEC 15416: linear symbols.
    Iso15416,
    /// ISO/IEC 29158: direct part marks.
    Iso29158,
}

impl Standard {
    /// As it is cited.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iso15415 => "ISO/IEC 15415",
            Self::Iso15416 => "ISO/IEC 15416",
            Self::Iso29158 => "ISO/IEC 29158",
        }
    }
}

/// A grade in tenths, 0 to 40.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Level(u8);

impl Level {
    /// From tenths; `None` above 40.
    #[must_use]
    pub const fn from_tenths(tenths: u8) -> Option<Self> {
        if tenths <= 40 {
            Some(Self(tenths))
        } else {
            None
        }
    }

    /// In tenths, 0 to 40.
    #[must_use]
    pub const fn tenths(self) -> u8 {
        self.0
    }

    /// The letter (ISO/IEC 15415 §5.1): A from 3.5, B from 2.5, C from 1.5, D from 0.5, else F.
    #[must_use]
    pub const fn letter(self) -> char {
        match self.0 {
            35.. => 'A',
            25..=34 => 'B',
            15..=24 => 'C',
            5..=14 => 'D',
            _ => 'F',
        }
    }

    /// A number with a decimal point or comma, or a letter; with a letter the grade is its whole number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [letter] if letter.is_ascii_alphabetic() => match letter.to_ascii_uppercase() {
                b'A' => Some(Self(40)),
                b'B' => Some(Self(30)),
                b'C' => Some(Self(20)),
                b'D' => Some(Self(10)),
                b'F' => Some(Self(0)),
                _ => None,
            },
            [whole @ b'0'..=b'4'] => Self::from_tenths((whole - b'0') * 10),
            [
                whole @ b'0'..=b'4',
                b'.' | b',',
                tenth @ b'0'..=b'9',
                rest @ ..,
            ] if rest.len() <= 2 && rest.iter().all(|digit| *digit == b'0') => {
                Self::from_tenths((whole - b'0') * 10 + (tenth - b'0'))
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// What a verifier says of one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// The overall grade.
    pub overall: Level,
    /// Its standard, if it was said or can be told from the form.
    pub standard: Option<Standard>,
    /// Aperture, light and angle as written, without the grade: `10/660/45Q`.
    pub conditions: Option<String>,
    /// Grades of single parameters by name, in the order in which they came.
    pub parameters: Vec<(String, Level)>,
}

/// The text is no grade.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no grade: a number from 0.0 to 4.0 or a letter A to F comes first")]
pub struct NotAGrade;

impl Grade {
    /// Reads `B`, `3.0`, `3,0/10/660/45Q`, `DPM3.0/…`, with `ISO15415`, `ISO/IEC 29158` … before it, and parameters behind
    /// it: `A,A,B,A` after the overall grade in the order of the standard, or named ones as in `SC=A MOD=3.2`.
    ///
    /// # Errors
    /// There is no overall grade where it has to be.
    pub fn parse(text: &str) -> Result<Self, NotAGrade> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return Err(NotAGrade);
        }
        let (standard, rest) = standard(text);
        let is_comma_decimal = |at: usize| {
            let digit = |at: Option<usize>| {
                at.and_then(|at| rest.as_bytes().get(at))
                    .is_some_and(u8::is_ascii_digit)
            };
            // "3,0/10/660": a comma between two digits, the second of which ends the number.
            at <= 3
                && digit(at.checked_sub(1))
                && digit(Some(at + 1))
                && !digit(Some(at + 2))
                && matches!(
                    rest.as_bytes().get(at + 2),
                    None | Some(b'/' | b' ' | b';' | b',')
                )
        };
        let end = rest
            .char_indices()
            .find(|(at, c)| match c {
                ';' | ' ' | '\t' => true,
                ',' => !is_comma_decimal(*at),
                _ => false,
            })
            .map_or(rest.len(), |(at, _)| at);
        let (head, tail) = rest.split_at_checked(end).ok_or(NotAGrade)?;
        let (overall, conditions) = match head.split_once('/') {
            Some((overall, conditions)) => (overall, Some(conditions)),
            None => (head, None),
        };
        let (is_dpm, overall) = match overall.get(..3) {
            Some(dpm) if dpm.eq_ignore_ascii_case("dpm") => (
                true,
                overall
                    .get(3..)
                    .unwrap_or_default()
                    .trim_start_matches([' ', '-']),
            ),
            _ => (false, overall),
        };
        // A letter with its number, as some verifiers write it: "B(3.0)".
        let overall = match overall.split_once('(') {
            Some((_, number)) => number.trim_end_matches(')'),
            None => overall,
        };
        let overall = Level::parse(overall).ok_or(NotAGrade)?;
        let conditions = conditions.filter(|it| !it.is_empty()).map(str::to_owned);
        let standard = if is_dpm {
            Some(Standard::Iso29158)
        } else {
            // Only grades of two-dimensional symbols tell an angle with its number of directions.
            let quadrants = |it: &String| it.ends_with(['Q', 'q']);
            standard.or_else(|| {
                conditions.as_ref().filter(|it| quadrants(it))?;
                Some(Standard::Iso15415)
            })
        };
        Ok(Self {
            overall,
            parameters: parameters(tail, standard),
            standard,
            conditions,
        })
    }
}

/// The standard that the text begins with, and the rest.
fn standard(text: &str) -> (Option<Standard>, &str) {
    let rest = ["ISO/IEC TR", "ISO/IEC", "ISO", "AIM"]
        .iter()
        .find_map(|word| {
            let head = text.get(..word.len())?;
            head.eq_ignore_ascii_case(word)
                .then(|| text.get(word.len()..).unwrap_or_default())
        })
        .unwrap_or(text)
        .trim_start_matches([' ', '-', '/']);
    let known = [
        ("15415", Standard::Iso15415),
        ("15416", Standard::Iso15416),
        ("29158", Standard::Iso29158),
        ("DPM-1-2006", Standard::Iso29158),
    ];
    for (number, standard) in known {
        if let Some(rest) = rest.strip_prefix(number) {
            // The year of the edition is part of the citation.
            let rest = match rest.strip_prefix(':') {
                Some(year) => year.trim_start_matches(|c: char| c.is_ascii_digit()),
                None => rest,
            };
            return (
                Some(standard),
                rest.trim_start_matches([' ', ':', ',', ';', '=', '\t']),
            );
        }
    }
    (None, text)
}

/// Order in which unnamed grades of parameters stand.
fn order(standard: Option<Standard>) -> &'static [&'static str] {
    match standard {
        Some(Standard::Iso15416) => &[
            "decode",
            "symbol_contrast",
            "minimum_reflectance",
            "edge_contrast",
            "modulation",
            "defects",
            "decodability",
        ],
        _ => &[
            "decode",
            "symbol_contrast",
            "modulation",
            "reflectance_margin",
            "fixed_pattern_damage",
            "axial_nonuniformity",
            "grid_nonuniformity",
            "unused_error_correction",
            "print_growth",
        ],
    }
}

fn parameters(text: &str, standard: Option<Standard>) -> Vec<(String, Level)> {
    let mut unnamed = order(standard).iter();
    let pieces = text
        .split([',', ';', ' ', '\t', '|'])
        .filter(|it| !it.is_empty());
    let read = |piece: &str| match piece.split_once(['=', ':']) {
        Some((name, level)) => {
            let level = Level::parse(level)?;
            let name = name.trim().to_ascii_uppercase();
            let known = PARAMETERS
                .iter()
                .find(|(_, names)| names.contains(&name.as_str()));
            Some((
                known.map_or_else(|| name.to_ascii_lowercase(), |it| it.0.to_owned()),
                level,
            ))
        }
        None => {
            let level = Level::parse(piece)?;
            Some(((*unnamed.next()?).to_owned(), level))
        }
    };
    pieces.filter_map(read).take(MAX_PARAMETERS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, overall: &str, letter: char, standard: Option<Standard>) -> Grade {
        let grade = Grade::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (
                grade.overall.to_string().as_str(),
                grade.overall.letter(),
                grade.standard
            ),
            (overall, letter, standard),
            "{text}"
        );
        grade
    }

    #[test]
    fn grades_as_verifiers_write_them() {
        let whole = check("3.0/10/660/45Q", "3.0", 'B', Some(Standard::Iso15415));
        assert_eq!(whole.conditions.as_deref(), Some("10/660/45Q"));
        check("3,0/10/660/45Q", "3.0", 'B', Some(Standard::Iso15415));
        check("3,4", "3.4", 'B', None);
        check("3.5", "3.5", 'A', None);
        check("2.5", "2.5", 'B', None);
        check("1,5/06/660", "1.5", 'C', None);
        check("0.4", "0.4", 'F', None);
        check("4", "4.0", 'A', None);
        check("f", "0.0", 'F', None);
        check("B(3.0)", "3.0", 'B', None);
        let dpm = check(
            "DPM3.0/7.5-25/650/(45Q|30Q)",
            "3.0",
            'B',
            Some(Standard::Iso29158),
        );
        assert_eq!(dpm.conditions.as_deref(), Some("7.5-25/650/(45Q|30Q)"));
        check(
            "ISO/IEC 29158:2020 DPM2.1/10/640/90",
            "2.1",
            'C',
            Some(Standard::Iso29158),
        );
        check("ISO15416 2.8/06/660", "2.8", 'B', Some(Standard::Iso15416));
        check("ISO/IEC 15415: A", "4.0", 'A', Some(Standard::Iso15415));
    }

    #[test]
    fn parameters_by_order_and_by_name() {
        let level = |text: &str| Level::parse(text).unwrap();
        let grade = Grade::parse("B,A,A,B,A").unwrap();
        let expected = |list: &[(&str, &str)]| -> Vec<(String, Level)> {
            list.iter()
                .map(|(name, it)| ((*name).to_owned(), level(it)))
                .collect()
        };
        assert_eq!(
            grade.parameters,
            expected(&[
                ("decode", "A"),
                ("symbol_contrast", "A"),
                ("modulation", "B"),
                ("reflectance_margin", "A"),
            ])
        );
        let named = Grade::parse("3.0/10/660/45Q SC=A MOD=3.2;UEC:4.0 ZZ=1.0").unwrap();
        assert_eq!(
            named.parameters,
            expected(&[
                ("symbol_contrast", "A"),
                ("modulation", "3.2"),
                ("unused_error_correction", "4.0"),
                ("zz", "1.0"),
            ])
        );
    }

    #[test]
    fn what_is_no_grade() {
        for text in [
            "", "E", "5", "4.1", "-1", "3.25", "OK", "/10/660", "DPM", "3.0.0",
        ] {
            assert_eq!(Grade::parse(text), Err(NotAGrade), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_grade_or_none(text in "\\PC{0,60}") {
            if let Ok(grade) = Grade::parse(&text) {
                prop_assert!(grade.overall.tenths() <= 40);
                prop_assert!(grade.parameters.len() <= MAX_PARAMETERS);
            }
        }

        #[test]
        fn a_level_is_read_as_it_is_written(tenths in 0_u8..=40) {
            let level = Level::from_tenths(tenths).unwrap();
            prop_assert_eq!(Level::parse(&level.to_string()), Some(level));
            prop_assert_eq!(Level::parse(&level.to_string().replace('.', ",")), Some(level));
        }
    }
}
