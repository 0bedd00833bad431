//! Answers as JSON objects, in the fields of the project's vectors.

use serde_json::{Map, Value, json};
use tracegate_gs1::hibc::{Hibc, HibcDate};
use tracegate_gs1::iso15434::{Format, FormatContent};
use tracegate_gs1::{
    Carrier, Element, Scan, ScanContent, ScanOptions, Thing, associations, link_of,
    parse_digital_link, parse_scan,
};

use crate::error_chain;

/// An answer: `error` when the input is refused.
pub(super) type Answer = Map<String, Value>;

pub(super) fn refusal(reason: impl Into<String>) -> Answer {
    let mut answer = Map::new();
    answer.insert("error".to_owned(), json!(reason.into()));
    answer
}

/// `[["01", "09506000134352"], …]`
pub(super) fn pairs(elements: &[Element]) -> Value {
    elements
        .iter()
        .map(|element| json!([element.ai(), element.value()]))
        .collect()
}

/// `(01)09506000134352(21)S`
pub(super) fn element_string(elements: &[Element]) -> String {
    elements
        .iter()
        .map(|element| format!("({}){}", element.ai(), element.value()))
        .collect()
}

/// A scan: `ais`, or `formats`, or the fields of HIBC; `warning` beside them.
pub(super) fn scan(raw: &[u8], options: &ScanOptions) -> Answer {
    let scan = match parse_scan(raw, options) {
        Ok(scan) => scan,
        Err(error) => return refusal(error_chain(&error)),
    };
    let mut answer = Map::new();
    let mut put = |name: &str, value: Value| {
        answer.insert(name.to_owned(), value);
    };
    if let Some(aim) = scan.aim {
        put("aim", json!(aim));
    }
    match &scan.content {
        ScanContent::Gs1(elements) => gs1(&scan, elements, &mut put),
        ScanContent::Message(message) => {
            put("kind", json!("iso15434"));
            let formats = message.formats.iter().map(format).collect();
            put("formats", Value::Array(formats));
        }
        ScanContent::Hibc(data) => hibc(data, &mut put),
        ScanContent::Code(code) => {
            put("kind", json!("plain"));
            put("pattern", json!(code.pattern));
            let fields = code.fields.iter().cloned();
            let fields = fields.map(|(name, value)| (name, json!(value))).collect();
            put("fields", Value::Object(fields));
            put("ais", Value::Null);
        }
        _ => {
            put("kind", json!("plain"));
            put("ais", Value::Null);
            put("data", json!(scan.data));
        }
    }
    named(scan.thing().as_ref(), &mut answer);
    if let Some(udi) = scan.udi() {
        answer.insert("udi".to_owned(), json!(udi));
    }
    warn(&scan.warnings, &mut answer);
    answer
}

/// The symbol of an EAN holds a GTIN and no identifier: `gtin14`; `ais` are those of a composite part.
fn gs1(scan: &Scan, elements: &[Element], put: &mut impl FnMut(&str, Value)) {
    let digits_only = scan
        .aim
        .is_some_and(|aim| matches!(aim.carrier(), Carrier::Ean13 | Carrier::Ean8 | Carrier::Itf));
    let (gtin, elements) = elements.split_at(usize::from(digits_only));
    put("kind", json!(if digits_only { "ean" } else { "gs1" }));
    if let [gtin] = gtin {
        put("gtin14", json!(gtin.value()));
    }
    let (ais, text) = if elements.is_empty() {
        (Value::Null, Value::Null)
    } else {
        (pairs(elements), json!(element_string(elements)))
    };
    put("ais", ais);
    put("element_string", text);
    put("digital_link", json!(link_of(elements)));
}

fn format(format: &Format) -> Value {
    let elements = match &format.content {
        FormatContent::Gs1(elements) => pairs(elements),
        FormatContent::Di(elements) => elements
            .iter()
            .map(|element| json!([element.di.as_str(), element.value]))
            .collect(),
        FormatContent::Text(elements) => json!(elements),
        FormatContent::Other(data) => {
            return json!({"format": format.indicator, "data": data});
        }
        _ => Value::Null,
    };
    json!({"format": format.indicator, "elements": elements})
}

/// Only the fields that the symbol has.
fn hibc(hibc: &Hibc, put: &mut impl FnMut(&str, Value)) {
    put("kind", json!("hibc"));
    if let Some(primary) = &hibc.primary {
        put("lic", json!(primary.labeler));
        put("product", json!(primary.product));
        put("unit_of_measure", json!(primary.unit_of_measure));
    }
    let date = |date: Option<HibcDate>| date.map(|date| json!(date.to_string()));
    for (name, value) in [
        ("link", hibc.link.map(|link| json!(link))),
        ("quantity", hibc.quantity.map(|quantity| json!(quantity))),
        ("expiry", date(hibc.expiry)),
        ("lot", hibc.lot.as_ref().map(|lot| json!(lot))),
        ("serial", hibc.serial.as_ref().map(|serial| json!(serial))),
        ("manufactured", date(hibc.manufactured)),
    ] {
        if let Some(value) = value {
            put(name, value);
        }
    }
}

/// A Digital Link: `ais` and its `canonical` form.
pub(super) fn link(uri: &str, options: &ScanOptions) -> Answer {
    let link = match parse_digital_link(uri, &options.link) {
        Ok(link) => link,
        Err(error) => return refusal(error_chain(&error)),
    };
    let mut answer = Map::new();
    answer.insert("ais".to_owned(), pairs(link.elements()));
    let text = element_string(link.elements());
    answer.insert("element_string".to_owned(), json!(text));
    answer.insert("canonical".to_owned(), json!(link.canonical()));
    let thing = link.identity().ok().map(Thing::Gs1);
    named(thing.as_ref(), &mut answer);
    warn(&associations(link.elements()), &mut answer);
    answer
}

/// What the gateway calls it: `level`, `instance` and `class`.
pub(super) fn named(thing: Option<&Thing>, answer: &mut Answer) {
    let Some(thing) = thing else { return };
    answer.insert("level".to_owned(), json!(thing.level().as_str()));
    answer.insert("instance".to_owned(), json!(thing.instance_uri()));
    answer.insert("class".to_owned(), json!(thing.class_uri()));
}

fn warn(warnings: &[impl ToString], answer: &mut Answer) {
    if !warnings.is_empty() {
        let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        answer.insert("warning".to_owned(), json!(texts.join("; ")));
    }
}
