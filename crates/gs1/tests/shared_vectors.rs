//! The project's shared vectors, as far as the tables here cover them.
//!
//! They lie outside the repository: in `$TRACEGATE_SHARED`, else in `../shared` beside the
//! workspace. Without them these tests say so and check nothing; the fixtures still do.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tracegate_gs1::{
    Ai, Element, ElementError, Identity, ScanContent, ScanError, ScanOptions, parse_scan,
};

const AIS: [&str; 9] = ["00", "01", "10", "11", "15", "17", "21", "30", "37"];

/// The rows of a vector file, or nothing and a note where the files are absent.
fn vectors(name: &str) -> Vec<Value> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = env::var_os("TRACEGATE_SHARED").map_or(beside, PathBuf::from);
    let path = shared.join("vectors/gs1").join(name);
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!(
            "ABSENT: {} cannot be read, nothing is checked against it",
            path.display()
        );
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a vector is JSON"))
        .collect()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

fn pairs(elements: &[Element]) -> Value {
    elements
        .iter()
        .map(|element| vec![element.ai().to_string(), element.value().to_owned()])
        .collect()
}

/// The elements, null for plain data, and the identity they make.
fn scan_content(raw: &str) -> Result<(Value, Option<Identity>), ScanError> {
    let scan = parse_scan(raw.as_bytes(), &ScanOptions::default())?;
    let elements = match &scan.content {
        ScanContent::Gs1(elements) => pairs(elements),
        _ => Value::Null,
    };
    let identity = scan.identity();
    Ok((elements, identity))
}

#[test]
fn barcodes() {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let rows: Vec<Value> = ["gs1_barcode.jsonl", "gs1_syntax_engine_scan_tests.jsonl"]
        .into_iter()
        .flat_map(vectors)
        .collect();
    for row in &rows {
        let (id, raw) = (text(row, "id"), text(row, "raw"));
        let known = |pair: &Value| AIS.contains(&pair[0].as_str().unwrap_or_default());
        let covered = row["ais"]
            .as_array()
            .is_none_or(|ais| ais.iter().all(known));
        let outcome = match (row["valid"] == true, scan_content(raw)) {
            (true, Ok((elements, identity))) => valid(row, &elements, identity.as_ref()),
            (true, Err(error)) => {
                let unknown = matches!(
                    error,
                    ScanError::Gs1 {
                        source: ElementError::UnknownAi { .. },
                        ..
                    }
                );
                assert!(unknown, "{id} {raw:?}: {error:?}");
                assert!(!covered, "{id} {raw:?}: {error:?}");
                "valid, an identifier without a row"
            }
            (false, Ok((elements, _))) => accepted_though_invalid(row, &elements),
            (
                false,
                Err(ScanError::Gs1 {
                    source: ElementError::UnknownAi { .. },
                    ..
                }),
            ) => "invalid, refused at an identifier without a row",
            (false, Err(_)) => "invalid refused",
        };
        *count.entry(outcome).or_default() += 1;
    }
    eprintln!("Barcodes: {count:?}");
}

fn valid(row: &Value, elements: &Value, identity: Option<&Identity>) -> &'static str {
    let id = text(row, "id");
    if let Some(gtin) = row["gtin14"].as_str() {
        assert_eq!(elements[0][1], gtin, "{id}");
        return "EAN exact";
    }
    if elements.is_null() {
        let link = !row["ais"].is_null();
        return if link {
            "Digital Link kept plain"
        } else {
            "plain kept plain"
        };
    }
    if !row["ais"].is_null() {
        assert_eq!(elements, &row["ais"], "{id}");
    }
    if let Some(link) = row["digital_link"].as_str() {
        assert_eq!(
            identity.and_then(Identity::digital_link).as_deref(),
            Some(link),
            "{id}"
        );
    }
    "element strings exact"
}

/// Only what concerns a whole label, or carriers that this crate keeps plain, may pass.
fn accepted_though_invalid(row: &Value, elements: &Value) -> &'static str {
    let (id, class) = (text(row, "id"), text(row, "error_class"));
    if elements.is_null() {
        eprintln!(
            "{id} {:?}: invalid for the reference, plain here",
            text(row, "raw")
        );
        return "invalid for the reference, plain here";
    }
    assert!(
        ["requisite_ais", "mutex_ais"].contains(&class),
        "{id}: accepted {elements} despite {class}"
    );
    "associations of a whole label"
}

#[test]
fn identities_from_links() {
    let mut checked = 0;
    for row in vectors("digital_link.jsonl") {
        let Some(ais) = row["ais"].as_array().filter(|_| row["valid"] == true) else {
            continue;
        };
        let elements: Option<Vec<Element>> = ais
            .iter()
            .map(|pair| {
                let ai = Ai::from_digits(pair[0].as_str()?.as_bytes())?;
                Element::new(ai, pair[1].as_str()?).ok()
            })
            .collect();
        if let Some(identity) = elements.and_then(|elements| Identity::from_elements(elements).ok())
        {
            assert_eq!(
                identity.digital_link().as_deref(),
                row["canonical"].as_str(),
                "{}",
                row["id"]
            );
            checked += 1;
        }
    }
    eprintln!("Digital Links from elements: {checked} exact");
}
