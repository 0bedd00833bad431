//! `tracegate decode --jsonl`: every line answered by a line, in order.
//!
//! The committed cases lie in `tests/decode/`: a question and its answer in turn; after a change of wording,
//! `UPDATE_EXPECT=1 cargo test --test decode` writes the new answers. The project's shared vectors lie outside the
//! repository, in `$TRACEGATE_SHARED`, else in `../shared` beside it; without them their tests say so and check
//! nothing.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The answers to `lines`.
fn ask(lines: &[String]) -> Vec<String> {
    if lines.is_empty() {
        return Vec::new();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_tracegate"))
        .args(["decode", "--jsonl"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let mut input = child.stdin.take().expect("a pipe");
    let text = lines.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("it ends by itself");
    writer.join().expect("no panic").expect("it reads all");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("output is text");
    let answers: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len(), "a line for each line");
    answers
}

#[test]
fn committed_cases() {
    let file = root().join("tests/decode/cases.jsonl");
    let text = std::fs::read_to_string(&file).expect("readable");
    let questions: Vec<String> = text.lines().step_by(2).map(str::to_owned).collect();
    assert!(questions.len() >= 20, "only {} cases", questions.len());
    let turns = questions.iter().cloned().zip(ask(&questions));
    let actual: String = turns
        .map(|(asked, answer)| format!("{asked}\n{answer}\n"))
        .collect();
    if actual != text && std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&file, &actual).expect("writable");
    } else {
        assert_eq!(actual, text);
    }
}

/// The rows of a vector file, or nothing and a note where the files are absent.
fn vectors(name: &str) -> Vec<Value> {
    let shared = std::env::var_os("TRACEGATE_SHARED")
        .map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = shared.join("vectors/gs1").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
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

/// Asks with `fields` of every row of `files`; `compare` says what is wrong with an answer.
fn every_row(
    files: &[&str],
    fields: &[&str],
    compare: impl Fn(&Value, &Value) -> Result<(), String>,
) {
    for name in files {
        let rows = vectors(name);
        let question = |row: &Value| {
            let asked = fields
                .iter()
                .map(|&field| (field.to_owned(), row[field].clone()));
            Value::Object(asked.collect::<Map<_, _>>()).to_string()
        };
        let questions: Vec<String> = rows.iter().map(question).collect();
        let mut wrong = Vec::new();
        for (row, answer) in rows.iter().zip(ask(&questions)) {
            let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
            assert_eq!(answer["id"], row["id"], "in order");
            if let Err(why) = compare(row, &answer) {
                wrong.push(format!("{}: {why}: {answer}", row["id"]));
            }
        }
        eprintln!(
            "{name}: {} of {} right",
            rows.len() - wrong.len(),
            rows.len()
        );
        assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    }
}

/// The field is as in the vector; links may have their query in another order.
fn same(row: &Value, answer: &Value, field: &str) -> Result<(), String> {
    let (expected, found) = (&row[field], &answer[field]);
    let link = |value: &Value| {
        let text = value.as_str()?.to_owned();
        let (path, query) = text.split_once('?').unwrap_or((&text, ""));
        let query: BTreeSet<String> = query.split('&').map(str::to_owned).collect();
        Some((path.to_owned(), query))
    };
    let is_link = matches!(field, "digital_link" | "canonical");
    if found == expected || is_link && link(found) == link(expected) {
        Ok(())
    } else {
        Err(format!("{field} should be {expected}"))
    }
}

fn all_same(row: &Value, answer: &Value, fields: &[&str]) -> Result<(), String> {
    if !answer["error"].is_null() {
        return Err("refused".to_owned());
    }
    fields.iter().try_for_each(|field| same(row, answer, field))
}

/// Refused; or taken with a warning where only other symbols of the label could settle it.
fn refused(row: &Value, answer: &Value) -> Result<(), String> {
    let of_a_whole_label = matches!(
        row["error_class"].as_str(),
        Some("mutex_ais" | "requisite_ais")
    );
    match (answer["error"].is_string(), of_a_whole_label) {
        (true, false) => Ok(()),
        (false, true) if answer["warning"].is_string() => Ok(()),
        _ => Err("not refused, or not warned of".to_owned()),
    }
}

#[test]
fn tags() {
    let files = ["epc_binary.jsonl", "epc_binary_tds_examples.jsonl"];
    every_row(&files, &["id", "hex"], |row, answer| {
        if row["error"] == true {
            refused(row, answer)?;
            return same(row, answer, "uri_raw").or_else(|why| {
                // The vector has none where the memory is not whole words.
                if row.get("uri_raw").is_none() {
                    Ok(())
                } else {
                    Err(why)
                }
            });
        }
        all_same(
            row,
            answer,
            &["uri_tag", "uri_pure", "gs1_element", "digital_link"],
        )?;
        let given = |field: &&&str| row.get(field).is_some();
        let optional = ["scheme", "filter", "ais", "hostname"];
        optional
            .iter()
            .filter(given)
            .try_for_each(|field| same(row, answer, field))
    });
}

#[test]
fn banks() {
    let fields = ["toggle", "afi", "tag_uri", "identity", "iso"];
    every_row(
        &["gen2_epc_bank.jsonl"],
        &["id", "pc", "epc", "xpc"],
        |row, answer| all_same(row, answer, &fields),
    );
}

#[test]
fn scans() {
    let files = ["gs1_barcode.jsonl", "gs1_syntax_engine_scan_tests.jsonl"];
    every_row(&files, &["id", "raw"], |row, answer| {
        if row["valid"] == false {
            return refused(row, answer);
        }
        all_same(row, answer, &["ais", "warning"])?;
        let given = |field: &&&str| row.get(field).is_some();
        ["element_string", "digital_link", "gtin14", "kind", "aim"]
            .iter()
            .filter(given)
            .try_for_each(|field| same(row, answer, field))
    });
}

#[test]
fn messages_and_hibc() {
    let files = ["iso15434.jsonl", "hibc.jsonl"];
    every_row(&files, &["id", "raw"], |row, answer| {
        if row["valid"] == false {
            return refused(row, answer);
        }
        let meta = ["id", "raw", "valid", "category"];
        let names = row.as_object().into_iter().flat_map(Map::keys);
        let fields: Vec<&str> = names
            .map(String::as_str)
            .filter(|name| !meta.contains(name))
            .collect();
        all_same(row, answer, &fields)?;
        let own = [
            "lot",
            "serial",
            "expiry",
            "manufactured",
            "quantity",
            "warning",
        ];
        own.iter().try_for_each(|field| same(row, answer, field))
    });
}

#[test]
fn links() {
    let files = ["digital_link.jsonl", "gs1_syntax_engine_dl_tests.jsonl"];
    every_row(&files, &["id", "uri"], |row, answer| {
        if row["valid"] == false {
            return refused(row, answer);
        }
        all_same(row, answer, &["ais", "canonical", "warning"])
    });
}

#[test]
fn event_hashes() {
    for name in ["epcis_hash.jsonl", "epcis_hash_reference_examples.jsonl"] {
        let (mut questions, mut expected) = (Vec::new(), Vec::new());
        for row in vectors(name) {
            let context = &row["doc"]["@context"];
            let events = row["doc"]["epcisBody"]["eventList"].as_array();
            for (index, event) in events.into_iter().flatten().enumerate() {
                let question = json!({"id": row["id"], "event": event, "context": context});
                questions.push(question.to_string());
                let alternatives = row["alternative_hashes"].as_array().cloned();
                let hash = row.get("hash").unwrap_or(&row["hashes"][index]);
                expected.push((hash.clone(), alternatives.unwrap_or_default()));
            }
        }
        let mut wrong = Vec::new();
        for (answer, (hash, alternatives)) in ask(&questions).into_iter().zip(&expected) {
            let found: Value = serde_json::from_str(&answer).expect("an answer is JSON");
            if found["hash"] != *hash && !alternatives.contains(&found["hash"]) {
                wrong.push(format!("{answer} should be {hash}"));
            }
        }
        eprintln!(
            "{name}: {} of {} right",
            expected.len() - wrong.len(),
            expected.len()
        );
        assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    }
}
