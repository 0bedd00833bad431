//! `--jsonl`: every line of standard input is answered by a line, in order.
//!
//! | asked | answered |
//! |---|---|
//! | `{"id","hex"}` tag memory | `uri_tag`, `uri_pure`, `gs1_element`, `digital_link` |
//! | `{"id","pc","epc","xpc"}` EPC bank | `tag_uri`, `identity` |
//! | `{"id","raw"}` scan | `ais`, or `formats`, or the fields of HIBC |
//! | `{"id","uri"}` Digital Link | `ais`, `canonical` |
//! | `{"id","event","context"}` EPCIS event | `hash` |
//!
//! What is refused is answered with `error`; a tag with `uri_raw` beside it.

use std::io::{BufRead, Read, Write};

use anyhow::Context;
use serde_json::{Map, Value, json};
use tracegate_gs1::ScanOptions;

use super::answer::{self, Answer, refusal};
use super::tag;
use crate::error_chain;

/// Longest line, in bytes; a longer one is answered with an error.
const MAX_LINE: u64 = 4 << 20;

pub(super) fn run(
    mut lines: impl BufRead,
    out: &mut impl Write,
    options: &ScanOptions,
) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(out);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = lines
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .context("read standard input")?;
        if read == 0 {
            break;
        }
        let cut = read as u64 == MAX_LINE && line.last() != Some(&b'\n');
        let answer = if cut {
            skip_line(&mut lines)?;
            with_id(Value::Null, refusal("the line is longer than 4 MiB"))
        } else {
            line_answer(number, &line, options)
        };
        serde_json::to_writer(&mut out, &answer).context("write to standard output")?;
        out.write_all(b"\n").context("write to standard output")?;
    }
    out.flush().context("write to standard output")
}

fn skip_line(lines: &mut impl BufRead) -> anyhow::Result<()> {
    loop {
        let buffer = lines.fill_buf().context("read standard input")?;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        let done = end.is_some() || buffer.is_empty();
        lines.consume(length);
        if done {
            return Ok(());
        }
    }
}

fn line_answer(number: u64, line: &[u8], options: &ScanOptions) -> Answer {
    let row = match serde_json::from_slice(line) {
        Ok(Value::Object(row)) => row,
        Ok(_) => {
            return with_id(
                Value::Null,
                refusal(format!("line {number} is not a JSON object")),
            );
        }
        Err(error) => {
            let column = error.column();
            let reason = format!("line {number} is not JSON, from column {column} on");
            return with_id(Value::Null, refusal(reason));
        }
    };
    let id = row.get("id").cloned().unwrap_or_default();
    with_id(id, row_answer(&row, options))
}

fn with_id(id: Value, answer: Answer) -> Answer {
    let mut with_id = Map::new();
    with_id.insert("id".to_owned(), id);
    with_id.extend(answer);
    with_id
}

fn row_answer(row: &Map<String, Value>, options: &ScanOptions) -> Answer {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    if let Some(event) = row.get("event") {
        return hash(event, row.get("context").unwrap_or(&Value::Null));
    }
    if let Some(raw) = text("raw") {
        return answer::scan(raw.as_bytes(), options);
    }
    if let Some(uri) = text("uri") {
        return answer::link(uri, options);
    }
    if let Some(hex) = text("hex") {
        return tag::memory(hex);
    }
    if let (Some(pc), Some(epc)) = (text("pc"), text("epc")) {
        return tag::bank(pc, epc, text("xpc"));
    }
    refusal(
        "nothing to decode: there must be a text hex, raw or uri, texts pc and epc, or an event",
    )
}

/// The event hash id of CBV 2.0.
fn hash(event: &Value, context: &Value) -> Answer {
    match tracegate_epcis::hash_json(event, context) {
        Ok(hash) => {
            let mut answer = Map::new();
            answer.insert("hash".to_owned(), json!(hash.id().to_string()));
            answer
        }
        Err(error) => refusal(error_chain(&error)),
    }
}
