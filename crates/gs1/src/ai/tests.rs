//! The table: consistent in itself, and equal to the GS1 syntax dictionary where that is at hand.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use super::{check::Check, *};

#[test]
fn every_row_is_found_by_its_identifiers() {
    let mut before: Option<Ai> = None;
    let mut count = 0;
    for spec in table::rows() {
        assert!(
            before < Some(spec.first) && spec.first <= spec.last,
            "order at ({})",
            spec.first
        );
        before = Some(spec.last);
        for ai in identifiers(spec) {
            assert!(std::ptr::eq(ai.spec().unwrap(), spec), "({ai})");
            assert_eq!(Ai::at_start_of(ai.as_str().as_bytes()), Some(ai));
            count += 1;
        }
        let minimum: usize = spec.parts.iter().map(|part| part.min).sum();
        assert!(
            !spec.predefined || minimum == spec.max_length(),
            "({}) varies",
            spec.first
        );
    }
    assert_eq!(count, 541, "identifiers of the dictionary of 2026-01-27");
}

fn identifiers(spec: &AiSpec) -> Vec<Ai> {
    let number = |ai: Ai| ai.as_str().parse::<u32>().unwrap();
    (number(spec.first)..=number(spec.last))
        .map(|number| format!("{number:0width$}", width = spec.first.len()))
        .map(|digits| Ai::from_digits(digits.as_bytes()).unwrap())
        .collect()
}

#[test]
fn unassigned_identifiers_have_no_row() {
    for digits in [
        "04", "1", "100", "1000", "3106", "3944", "2350", "8", "701", "9900",
    ] {
        let spec = Ai::from_digits(digits.as_bytes()).and_then(Ai::spec);
        assert!(spec.is_none(), "{digits}");
    }
}

#[test]
fn order_is_that_of_text() {
    let mut ais =
        ["8003", "30", "00", "240", "10"].map(|ai| Ai::from_digits(ai.as_bytes()).unwrap());
    ais.sort();
    assert_eq!(ais.map(String::from), ["00", "10", "240", "30", "8003"]);
}

#[test]
fn identifiers_without_a_row_are_named_whole() {
    for (data, ai) in [
        ("8003123", "8003"),
        ("2401", "240"),
        ("99x", "99"),
        ("3103000123", "3103"),
        ("3800", "38"),
        ("8299", "8299"),
    ] {
        assert_eq!(Ai::at_start_of(data.as_bytes()).unwrap().as_str(), ai);
    }
    for data in ["", "0", "x1", "1x", "310", "31a3", "23", "23\0", "310\0"] {
        assert_eq!(Ai::at_start_of(data.as_bytes()), None, "{data:?}");
    }
}

/// The dictionary's text, or nothing and a note.
fn dictionary() -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = env::var_os("TRACEGATE_SHARED").map_or(beside, PathBuf::from);
    let path = shared.join("protocol/gs1/gs1-syntax-dictionary.txt");
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!(
            "ABSENT: {}, the table is not compared with it",
            path.display()
        );
    }
    text
}

/// Everything the dictionary says about one identifier, and everything our row says.
#[test]
fn the_table_is_the_dictionary() {
    let Some(text) = dictionary() else { return };
    let mut compared = 0;
    for line in text.lines() {
        let line = line.split('#').next().unwrap().trim();
        let Some((range, rest)) = line.split_once(' ') else {
            continue;
        };
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let numbers = first.parse::<u32>().unwrap()..=last.parse().unwrap();
        for number in numbers {
            let digits = format!("{number:0width$}", width = first.len());
            let ai = Ai::from_digits(digits.as_bytes()).unwrap();
            let ours = ai.spec().unwrap_or_else(|| panic!("({ai}) has no row"));
            assert_eq!(normal(rest), described(ours), "({ai})");
            compared += 1;
        }
    }
    assert_eq!(compared, 541);
    eprintln!("Dictionary: {compared} identifiers equal");
}

/// The words of a dictionary entry as a set, without the checks that digits always pass.
fn normal(entry: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut components = Vec::new();
    for word in entry.split_whitespace() {
        if word.chars().all(|flag| matches!(flag, '*' | '?')) {
            words.extend(word.chars().map(String::from));
        } else if word.contains('=') || word == "dlpkey" {
            words.insert(word.to_owned());
        } else {
            let digits = word.trim_start_matches('[').starts_with('N');
            let word = word.replace(",gcppos2", "");
            components.push(if digits {
                word.replace(",gcppos1", "")
            } else {
                word
            });
        }
    }
    words.insert(components.join(" "));
    words
}

/// The same words from our row.
fn described(spec: &AiSpec) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let components: Vec<String> = spec.parts.iter().map(component).collect();
    words.insert(components.join(" "));
    if spec.predefined {
        words.insert("*".to_owned());
    }
    if spec.attribute {
        words.insert("?".to_owned());
    }
    for need in spec.needs {
        let alternatives = need.alternatives().map(|all| {
            let names: Vec<String> = all.map(|pattern| pattern.to_string()).collect();
            names.join("+")
        });
        words.insert(format!(
            "req={}",
            alternatives.collect::<Vec<_>>().join(",")
        ));
    }
    if !spec.excludes.is_empty() {
        let names: Vec<String> = spec.excludes.iter().map(ToString::to_string).collect();
        words.insert(format!("ex={}", names.join(",")));
    }
    if let Some(key) = spec.key {
        let sequence = |ais: &&[Ai]| ais.iter().map(Ai::as_str).collect::<Vec<_>>().join(",");
        let sequences: Vec<String> = key.qualifiers.iter().map(sequence).collect();
        words.insert(match sequences.join("|") {
            none if none.is_empty() => "dlpkey".to_owned(),
            some => format!("dlpkey={some}"),
        });
    }
    words
}

fn component(part: &spec::Part) -> String {
    let set = match part.charset {
        Charset::Digits => "N",
        Charset::Set82 => "X",
        Charset::Set39 => "Y",
        Charset::Set64 => "Z",
    };
    let length = if part.min == part.max {
        part.max.to_string()
    } else {
        format!("..{}", part.max)
    };
    let head = format!("{set}{length}");
    let head = if part.optional {
        format!("[{head}]")
    } else {
        head
    };
    let checks = part.checks.iter().filter_map(|check| linter(*check));
    std::iter::once(head.as_str())
        .chain(checks)
        .collect::<Vec<_>>()
        .join(",")
}

/// The dictionary's name of a check.
fn linter(check: Check) -> Option<&'static str> {
    Some(match check {
        Check::Nothing | Check::Base64Padding => return None,
        Check::ModuloTen => "csum",
        Check::PrimePair => "csumalpha",
        Check::CompanyPrefix => "gcppos1",
        Check::Date => "yymmdd",
        Check::DateOrMonth => "yymmd0",
        Check::LongDate => "yyyymmdd",
        Check::HourMinute => "hhmi",
        Check::Hour => "hh",
        Check::Minute => "mi",
        Check::Second => "ss",
        Check::Country => "iso3166",
        Check::CountryOr999 => "iso3166999",
        Check::CountryLetters => "iso3166alpha2",
        Check::Currency => "iso4217",
        Check::PercentEncoding => "pcenc",
        Check::Iban => "iban",
        Check::PackageType => "packagetype",
        Check::MediaType => "mediatype",
        Check::Sex => "iso5218",
        Check::PositionInSequence => "posinseqslash",
        Check::PieceOfTotal => "pieceoftotal",
        Check::NonZero => "nonzero",
        Check::Zero => "zero",
        Check::Winding => "winding",
        Check::YesNo => "yesno",
        Check::Latitude => "latitude",
        Check::Longitude => "longitude",
        Check::Hyphens => "hyphen",
        Check::NoLeadingZero => "nozeroprefix",
        Check::HasNonDigit => "hasnondigit",
        Check::ImporterIndex => "importeridx",
        Check::Coupon => "couponcode",
        Check::PositiveOffer => "couponposoffer",
    })
}
