//! Checks the codec against the shared sample vectors, where they are present.
//!
//! They lie beside the workspace (`../shared/vectors/llrp`) or where `TRACEGATE_SHARED` points. Without them these
//! tests say so and pass: the crate's own tests do not need them.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::path::PathBuf;

use serde_json::Value;
use tracegate_llrp::codec::message::{Message, parse};
use tracegate_llrp::codec::{Frame, Param};
use tracegate_llrp::frame::{FrameSplitter, RawFrame};
use tracegate_llrp::report::{ReportCounters, read_tags};

fn rows(file: &str) -> Option<Vec<Value>> {
    let root = std::env::var_os("TRACEGATE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = root.join("vectors/llrp").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("NOT CHECKED: {} is not there", path.display());
        return None;
    };
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

fn hex(row: &Value) -> Vec<u8> {
    let text = row["hex"].as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

#[test]
fn valid_frames_decode_and_encode_to_the_same_bytes() {
    let Some(rows) = rows("vectors.jsonl") else {
        return;
    };
    for row in &rows {
        let (id, bytes) = (&row["id"], hex(row));
        let frame = parse(&bytes).unwrap_or_else(|error| panic!("{id}: {error:?}"));
        assert!(
            !matches!(frame.message, Message::Unknown(_)),
            "{id}: the table lacks {}",
            row["message"]
        );
        assert_eq!(
            frame.message.message_type(),
            row["type"].as_u64().unwrap() as u16,
            "{id}"
        );
        assert_eq!(frame.encode().unwrap(), bytes, "{id}");
        let lenient = Frame::decode_lenient(RawFrame::parse(&bytes).unwrap()).unwrap();
        assert_eq!(
            lenient, frame,
            "{id}: strict and lenient agree on valid frames"
        );
        let tree = format!("{frame:?}");
        assert!(
            !tree.contains("Unknown(UnknownParam") && !tree.contains("Tail("),
            "{id}: unknown parameters"
        );
    }
    eprintln!("checked {} valid vectors", rows.len());
}

#[test]
fn malformed_frames_are_rejected_or_tolerated_as_wanted() {
    let Some(rows) = rows("malformed.jsonl") else {
        return;
    };
    let mut report = Vec::new();
    for row in &rows {
        let (id, bytes, want) = (
            row["id"].as_str().unwrap(),
            hex(row),
            row["want"].as_str().unwrap(),
        );
        let accepted = if row["level"] == "frame" {
            let mut splitter = FrameSplitter::default();
            let mut input = &bytes[..];
            loop {
                match splitter.next_frame(&mut input) {
                    Ok(Some(_)) => {}
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            }
        } else {
            let strict = parse(&bytes);
            if let Ok(raw) = RawFrame::parse(&bytes) {
                let _ = Frame::decode_lenient(raw);
                // The report path agrees with the tree on what is a tag.
                if let Ok(Frame {
                    message: Message::ROAccessReport(tree),
                    ..
                }) = &strict
                {
                    let tags = tree
                        .params
                        .0
                        .iter()
                        .filter(|p| matches!(p, Param::TagReportData(_)))
                        .count();
                    let (mut reads, mut counters) = (Vec::new(), ReportCounters::default());
                    read_tags(raw.body, &mut reads, &mut counters);
                    assert_eq!(reads.len(), tags, "{id}: {counters:?}");
                }
            }
            strict.is_ok()
        };
        let fits = match want {
            "reject" => !accepted,
            "tolerate" => accepted,
            _ => true,
        };
        report.push((id.to_owned(), fits, row["kind"].to_string()));
    }
    let short: Vec<_> = report.iter().filter(|(_, fits, _)| !fits).collect();
    eprintln!(
        "checked {} malformed vectors, {} not as wanted",
        report.len(),
        short.len()
    );
    assert!(short.is_empty(), "{short:?}");
}
