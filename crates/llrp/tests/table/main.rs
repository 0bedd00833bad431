//! The codec's tables against the shared definition files of LLRP, where they are present, and against a listing
//! of our own that is always there.
//!
//! After a change of a table, `UPDATE_EXPECT=1 cargo test -p tracegate-llrp --test table` writes the new listing;
//! read the diff.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

mod compare;
mod defs;
mod yaml;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use defs::Defs;
use tracegate_llrp::codec::schema::{self, Row};
use tracegate_llrp::codec::vendor;

fn definition(file: &str) -> Option<String> {
    let root = std::env::var_os("TRACEGATE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = root.join("protocol/llrp").join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("NOT CHECKED: {} is not there", path.display());
    }
    text
}

/// One line of the listing: number, name, version, fields with widths, reserved bits and values, mandatory parts.
fn line(kind: &str, row: &Row) -> String {
    let mut text = format!("{kind} {} {} since {}:", row.number, row.name, row.since);
    if row.body.leading_reserved > 0 {
        write!(text, " -{}", row.body.leading_reserved).unwrap();
    }
    for field in row.body.fields {
        write!(text, " {}:{}", field.name, field.kind).unwrap();
        if let (Some(first), Some(last)) = (field.codes.first(), field.codes.last()) {
            write!(text, "({first}..{last}, {} values)", field.codes.len()).unwrap();
        }
        if field.reserved_after > 0 {
            write!(text, " -{}", field.reserved_after).unwrap();
        }
    }
    for part in row.body.mandatory {
        write!(text, " <{}>", part.join("|")).unwrap();
    }
    text.push_str(if row.body.has_params { " ..." } else { " ." });
    text
}

#[test]
fn the_tables_are_as_listed() {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(schema::messages().iter().map(|row| line("message", row)));
    for row in schema::parameters() {
        lines.push(line(if row.tv { "TV" } else { "TLV" }, row));
    }
    lines.extend(vendor::parameters().map(|row| line("vendor", row)));
    let listing = lines.join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/table/listing.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &listing).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (ours, theirs) in listing.lines().zip(expected.lines()) {
        assert_eq!(ours, theirs, "the table (left) is not as listed (right)");
    }
    assert_eq!(listing.lines().count(), expected.lines().count());
}

#[test]
fn numbers_are_unique_and_as_many_as_in_the_standard() {
    let count =
        |rows: &[Row], since: &[&str]| rows.iter().filter(|row| since.contains(&row.since)).count();
    assert_eq!(count(schema::messages(), &["1.0.1"]), 42);
    assert_eq!(count(schema::messages(), &["1.0.1", "1.1"]), 46);
    assert_eq!(count(schema::messages(), &["2.0"]), 0);
    assert_eq!(count(schema::parameters(), &["1.0.1"]), 111);
    assert_eq!(count(schema::parameters(), &["1.0.1", "1.1"]), 123);
    assert_eq!(count(schema::parameters(), &["2.0"]), 17);
    for rows in [schema::messages(), schema::parameters()] {
        let mut numbers: Vec<u16> = rows.iter().map(|row| row.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), rows.len());
    }
    for row in schema::parameters() {
        assert_eq!(row.tv, row.number < 128, "{}", row.name);
    }
}

#[test]
fn the_newest_form_of_every_row_is_that_of_the_definitions() {
    let files = ["llrp-1x0-def.xml", "llrp-1x1-def.xml"].map(definition);
    let deltas = ["llrp-1.1.yaml", "llrp-2.0-delta.yaml"].map(definition);
    let ([Some(base), Some(community)], [Some(v1_1), Some(v2_0)]) = (files, deltas) else {
        return;
    };
    let mut defs = Defs::default();
    // The community's 1.1 first: what it lacks or has wrong is then as in the other files.
    defs.add_xml(&community);
    let community_only: Vec<(String, defs::Def)> = ["C1G2XPCW1", "C1G2XPCW2"]
        .map(|name| (name.to_owned(), defs.params[name].clone()))
        .into();
    let version_response = defs.messages["GET_SUPPORTED_VERSION_RESPONSE"].clone();
    defs.messages.clear();
    defs.params.clear();
    defs.add_xml(&base);
    defs.params.extend(community_only);
    defs.add_yaml(&v1_1);
    // Known error of llrp-1.1.yaml: the status is last on the wire.
    defs.messages.insert(
        "GET_SUPPORTED_VERSION_RESPONSE".to_owned(),
        version_response,
    );
    defs.add_yaml(&v2_0);

    let mut wrong = compare::rows(&defs, schema::messages(), &defs.messages, false);
    wrong.extend(compare::rows(
        &defs,
        schema::parameters(),
        &defs.params,
        false,
    ));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    eprintln!(
        "checked {} messages and {} parameters",
        defs.messages.len(),
        defs.params.len()
    );
}

#[test]
fn rows_read_the_forms_of_older_versions_too() {
    for file in [
        "llrp-1x0-def.xml",
        "llrp-1x0-def.ltk.xml",
        "llrp-1x1-def.xml",
    ] {
        let Some(text) = definition(file) else { return };
        let mut defs = Defs::default();
        // The community's names of these bits are not those of the other files.
        let names = [
            ("BIT_3SB", "ThreeSB"),
            ("BIT_2SB", "TwoSB"),
            ("BIT_LSB", "LSB"),
        ];
        let text = names
            .iter()
            .fold(text, |text, (from, to)| text.replace(from, to));
        defs.add_xml(&text);
        if file == "llrp-1x1-def.xml" {
            // Known errors: LoopSpec's number and width; the count of a list written twice.
            assert_eq!(defs.params.remove("LoopSpec").unwrap().number, 189);
            defs.params.remove("C1G2BlockPermalock").unwrap();
        }
        let mut wrong = compare::rows(&defs, schema::messages(), &defs.messages, true);
        wrong.extend(compare::rows(
            &defs,
            schema::parameters(),
            &defs.params,
            true,
        ));
        assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
        eprintln!("checked {file}");
    }
}

#[test]
fn zebra_parameters_are_laid_out_as_captured() {
    let Some(text) = definition("zebra-fx9600-1.0.1.yml") else {
        return;
    };
    let known = defs::vendor_params(&text);
    let rows: Vec<Row> = vendor::parameters()
        .filter(|row| row.since == "Zebra")
        .copied()
        .collect();
    let checked = [
        1, 100, 101, 102, 110, 120, 121, 122, 200, 300, 350, 400, 466, 500, 511, 704, 708, 709,
        710, 712,
    ];
    assert_eq!(
        rows.iter().map(|row| row.number).collect::<Vec<_>>(),
        checked
    );
    for row in &rows {
        // `extra`, what newer firmware appends, is ours.
        let ours = compare::widths(&row.body, &["extra"]);
        assert_eq!(
            ours,
            compare::def_widths(&known[&row.number]),
            "{}",
            row.name
        );
    }
    eprintln!("checked {} Zebra parameters", rows.len());
}
