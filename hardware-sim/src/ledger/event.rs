//! EPCIS 2.0 events as the store reads them: just enough of the JSON to know what an event claims.

use jiff::Timestamp;
use serde_json::Value;

use crate::scenario::canonical_uri;

/// Events nested deeper than this are no events.
const DEEPEST: usize = 4;

/// What one event claims.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    pub(crate) id: String,
    pub(crate) time: Option<Timestamp>,
    /// Seconds to add to UTC for the clock on the wall, from `eventTimeZoneOffset`.
    pub(crate) zone_s: i64,
    pub(crate) read_point: String,
    pub(crate) biz_step: String,
    /// The passage that it tells of, as this gateway says it.
    pub(crate) passage: Option<String>,
    /// All EPCs, the parent too, as Digital Links.
    pub(crate) epcs: Vec<String>,
    /// Class and quantity.
    pub(crate) quantities: Vec<(String, Option<f64>)>,
}

/// All events of a message: a bare event, a list of them, or an EPCISDocument.
pub(crate) fn claims(payload: &[u8]) -> Result<Vec<Claim>, String> {
    let value: Value =
        serde_json::from_slice(payload).map_err(|error| format!("not JSON: {error}"))?;
    let mut found = Vec::new();
    collect(&value, 0, &mut found)?;
    if found.is_empty() {
        Err("no event in it".to_owned())
    } else {
        Ok(found)
    }
}

fn collect(value: &Value, depth: usize, found: &mut Vec<Claim>) -> Result<(), String> {
    if depth > DEEPEST {
        return Err("nested too deep".to_owned());
    }
    match value {
        Value::Array(events) => events
            .iter()
            .try_for_each(|event| collect(event, depth + 1, found)),
        Value::Object(object) => match object.get("type").and_then(Value::as_str) {
            Some("EPCISDocument") => {
                let list = value
                    .pointer("/epcisBody/eventList")
                    .or_else(|| value.pointer("/epcisBody/event"));
                list.map_or(Ok(()), |list| collect(list, depth + 1, found))
            }
            Some(kind) if kind.ends_with("Event") => {
                found.push(claim(value).ok_or_else(|| format!("a {kind} without eventID"))?);
                Ok(())
            }
            other => Err(format!("type {other:?} is no event")),
        },
        _ => Err("neither object nor list".to_owned()),
    }
}

fn claim(event: &Value) -> Option<Claim> {
    let text = |pointer: &str| {
        event
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let mut epcs: Vec<String> = event
        .get("parentID")
        .and_then(Value::as_str)
        .map(canonical)
        .into_iter()
        .collect();
    for list in ["epcList", "childEPCs"] {
        let listed = event
            .get(list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        epcs.extend(listed.filter_map(Value::as_str).map(canonical));
    }
    let mut quantities = Vec::new();
    for list in ["quantityList", "childQuantityList"] {
        for entry in event
            .get(list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let class = entry.get("epcClass").and_then(Value::as_str).map(canonical);
            quantities
                .extend(class.map(|class| (class, entry.get("quantity").and_then(Value::as_f64))));
        }
    }
    Some(Claim {
        id: event.get("eventID").and_then(Value::as_str)?.to_owned(),
        time: text("/eventTime").parse().ok(),
        zone_s: zone(text("/eventTimeZoneOffset")).unwrap_or(0),
        read_point: canonical(text("/readPoint/id")),
        biz_step: bare_step(text("/bizStep")).to_owned(),
        passage: event
            .get("gw:passage")
            .and_then(Value::as_str)
            .map(str::to_owned),
        epcs,
        quantities,
    })
}

/// Without attributes after `?`, which are no part of the identity.
fn canonical(uri: &str) -> String {
    let uri = uri.split_once('?').map_or(uri, |(uri, _)| uri);
    canonical_uri(uri)
}

/// The word of a business step, whichever of the three spellings it has.
pub(crate) fn bare_step(step: &str) -> &str {
    let word = step.rsplit_once("BizStep-").map_or(step, |(_, word)| word);
    word.strip_prefix("urn:epcglobal:cbv:bizstep:")
        .unwrap_or(word)
}

fn zone(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read_and_the_rest_is_explained() {
        let event = r#"{"type":"AggregationEvent","eventID":"ni:1","eventTime":"2026-11-22T10:15:30.125Z",
            "eventTimeZoneOffset":"-01:30","parentID":"urn:epc:id:sscc:4012345.3000000123",
            "childEPCs":["https://id.gs1.org/01/04012345123456/21/9?17=281231"],
            "readPoint":{"id":"urn:epc:id:sgln:4012345.00001.d"},"bizStep":"urn:epcglobal:cbv:bizstep:receiving",
            "childQuantityList":[{"epcClass":"urn:epc:class:lgtin:4012345.012345.L1","quantity":3.0}]}"#;
        let document =
            format!(r#"{{"type":"EPCISDocument","epcisBody":{{"eventList":[{event},{event}]}}}}"#);
        let read = claims(event.as_bytes()).unwrap();
        assert_eq!(
            claims(document.as_bytes()).unwrap(),
            [read[0].clone(), read[0].clone()]
        );
        assert_eq!(claims(format!("[{event}]").as_bytes()).unwrap(), read);
        assert_eq!(
            read[0].epcs,
            [
                "https://id.gs1.org/00/340123450000001236",
                "https://id.gs1.org/01/04012345123456/21/9"
            ]
        );
        assert_eq!(
            read[0].quantities,
            [(
                "https://id.gs1.org/01/04012345123456/10/L1".to_owned(),
                Some(3.0)
            )]
        );
        assert_eq!(
            (read[0].biz_step.as_str(), read[0].zone_s),
            ("receiving", -5400)
        );
        for wrong in [
            "",
            "{",
            "3",
            "{}",
            "[]",
            r#"{"type":"ObjectEvent"}"#,
            r#"{"type":"EPCISDocument"}"#,
            "[[[[[[]]]]]]",
        ] {
            assert!(claims(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert_eq!(
            bare_step("https://ref.gs1.org/cbv/BizStep-shipping"),
            "shipping"
        );
    }
}
