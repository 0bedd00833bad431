//! The project's shared vectors of scans: element strings and EAN.
//!
//! They lie outside the repository: in `$TRACEGATE_SHARED`, else in `../shared` beside the
//! workspace. Without them these tests say so and check nothing; the fixtures still do.

mod shared;

use std::collections::BTreeMap;

use serde_json::Value;
use tracegate_gs1::{
    Carrier, DigitalLink, Element, LinkOptions, Scan, ScanContent, ScanOptions, Unidentified,
    associations,
    hibc::HibcDate,
    iso15434::{Format, FormatContent},
    link_of, parse_digital_link, parse_scan,
};

use shared::{as_set, pairs, text, vectors};

#[test]
fn scans() {
    // As the reference engine does.
    let options = ScanOptions {
        unidentified: Unidentified::Refused,
        ..ScanOptions::default()
    };
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for name in ["gs1_barcode.jsonl", "gs1_syntax_engine_scan_tests.jsonl"] {
        for row in vectors(name) {
            let scan = parse_scan(text(&row, "raw").as_bytes(), &options);
            let outcome = match (row["valid"] == true, scan) {
                (true, Ok(scan)) => valid(&row, &scan),
                (true, Err(error)) => Err(format!("refused: {error:?}")),
                (false, Ok(scan)) => invalid(&row, &scan),
                (false, Err(_)) => Ok("invalid refused"),
            };
            match outcome {
                Ok(outcome) => *count.entry(outcome).or_default() += 1,
                Err(why) => wrong.push(format!("{} {:?}: {why}", row["id"], text(&row, "raw"))),
            }
        }
    }
    eprintln!("Scans: {count:?}");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn valid(row: &Value, scan: &Scan) -> Result<&'static str, String> {
    let ScanContent::Gs1(elements) = &scan.content else {
        return if row["ais"].is_null() {
            Ok("plain kept plain")
        } else {
            Err("kept plain".to_owned())
        };
    };
    let breaches = associations(elements);
    if !breaches.is_empty() {
        return Err(format!("warned: {breaches:?}"));
    }
    let ean = matches!(
        scan.aim.map(|aim| aim.carrier()),
        Some(Carrier::Ean13 | Carrier::Ean8)
    );
    let (gtin, elements) = elements.split_at(usize::from(ean));
    if let Some(expected) = row["gtin14"].as_str()
        && gtin.first().map(Element::value) != Some(expected)
    {
        return Err(format!("GTIN {gtin:?}"));
    }
    if elements.is_empty() && row["ais"].is_null() {
        return Ok("EAN exact");
    }
    if pairs(elements) != row["ais"] {
        return Err(pairs(elements).to_string());
    }
    let link = link_of(elements);
    if as_set(link.as_deref()) != as_set(row["digital_link"].as_str()) {
        return Err(format!("{link:?}"));
    }
    Ok(if ean {
        "EAN with composite exact"
    } else {
        "element strings exact"
    })
}

/// Only what concerns a whole label may pass, and then with a warning.
fn invalid(row: &Value, scan: &Scan) -> Result<&'static str, String> {
    match &scan.content {
        ScanContent::Gs1(elements) => breach(row, elements),
        _ => Err("kept plain".to_owned()),
    }
}

fn breach(row: &Value, elements: &[Element]) -> Result<&'static str, String> {
    let breaches = associations(elements);
    let excluded = breaches.iter().any(|breach| breach.excluded().is_some());
    let missing = breaches.iter().any(|breach| breach.excluded().is_none());
    match text(row, "error_class") {
        "mutex_ais" if excluded => Ok("exclusive identifiers, warned"),
        "requisite_ais" if missing => Ok("missing identifiers, warned"),
        class => Err(format!("accepted despite {class}, warned {breaches:?}")),
    }
}

#[test]
fn links() {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for name in ["digital_link.jsonl", "gs1_syntax_engine_dl_tests.jsonl"] {
        for row in vectors(name) {
            let parsed = parse_digital_link(text(&row, "uri"), &LinkOptions::default());
            let outcome = match (row["valid"] == true, parsed) {
                (true, Ok(link)) => valid_link(&row, &link),
                (true, Err(error)) => Err(format!("refused: {error}")),
                (false, Ok(link)) => breach(&row, link.elements()),
                (false, Err(_)) => Ok("invalid refused"),
            };
            match outcome {
                Ok(outcome) => *count.entry(outcome).or_default() += 1,
                Err(why) => wrong.push(format!("{} {:?}: {why}", row["id"], text(&row, "uri"))),
            }
        }
    }
    eprintln!("Digital Links: {count:?}");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn valid_link(row: &Value, link: &DigitalLink) -> Result<&'static str, String> {
    if pairs(link.elements()) != row["ais"] {
        return Err(pairs(link.elements()).to_string());
    }
    let canonical = link.canonical();
    if as_set(Some(&canonical)) != as_set(row["canonical"].as_str()) {
        return Err(canonical);
    }
    let breaches = associations(link.elements());
    if !breaches.is_empty() {
        return Err(format!("warned: {breaches:?}"));
    }
    Ok("exact")
}

#[test]
fn messages_and_hibc() {
    let options = ScanOptions {
        unidentified: Unidentified::Refused,
        ..ScanOptions::default()
    };
    let mut count = 0;
    for name in ["iso15434.jsonl", "hibc.jsonl"] {
        for row in vectors(name) {
            let scan = parse_scan(text(&row, "raw").as_bytes(), &options);
            count += 1;
            if row["valid"] == false {
                assert!(scan.is_err(), "{}", row["id"]);
                continue;
            }
            let scan = scan.unwrap_or_else(|error| panic!("{}: {error:?}", row["id"]));
            match &scan.content {
                ScanContent::Message(message) => {
                    let formats: Value = message.formats.iter().map(format_json).collect();
                    assert_eq!(formats, row["formats"], "{}", row["id"]);
                    let warning = scan.warnings.first().map(ToString::to_string);
                    assert_eq!(warning.as_deref(), row["warning"].as_str(), "{}", row["id"]);
                }
                ScanContent::Hibc(hibc) => {
                    let primary = hibc.primary.as_ref().expect("primary data");
                    let date = |date: Option<HibcDate>| date.map(|date| date.to_string());
                    let unit = primary.unit_of_measure.to_string();
                    for (field, found) in [
                        ("lic", Some(primary.labeler.clone())),
                        ("product", Some(primary.product.clone())),
                        ("unit_of_measure", Some(unit)),
                        ("lot", hibc.lot.clone()),
                        ("serial", hibc.serial.clone()),
                        ("expiry", date(hibc.expiry)),
                        ("manufactured", date(hibc.manufactured)),
                    ] {
                        assert_eq!(
                            found.as_deref(),
                            row[field].as_str(),
                            "{} {field}",
                            row["id"]
                        );
                    }
                }
                other => panic!("{}: {other:?}", row["id"]),
            }
        }
    }
    eprintln!("Messages and HIBC: {count} exact");
}

fn format_json(format: &Format) -> Value {
    let elements = match &format.content {
        FormatContent::Gs1(elements) => pairs(elements),
        FormatContent::Di(elements) => elements
            .iter()
            .map(|element| vec![element.di.to_string(), element.value.clone()])
            .collect(),
        _ => Value::Null,
    };
    serde_json::json!({"format": format.indicator, "elements": elements})
}
