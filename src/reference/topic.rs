//! What the topic of a message says: which thing it is about.
//!
//! | below `[reference] topic` | about |
//! |---|---|
//! | `lot/{gtin}/{lot}` | a lot |
//! | `order/{id}` | an order, by its number or its URI |
//! | `sscc/{sscc}` | what is on a pallet |
//! | `serial/{gtin}/{serial}` | the lot of a serial number |
//! | `meta`, `heartbeat` | the data as a whole |
//!
//! In a level `/`, `+`, `#` and `%` are percent-encoded; anything else may be.

use tracegate_gs1::{Ai, Element, Identity};
use tracegate_pipeline::reference::Order;

/// Longest name of an order, in bytes.
const MAX_ORDER: usize = 200;

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A thing, by the key of its record.
    Thing(Kind, String),
    /// The data as a whole: its newest snapshot.
    Meta,
    /// The data as a whole: the site is there.
    Heartbeat,
}

/// Kinds of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A lot of a GTIN.
    Lot,
    /// A production order, or another one.
    Order,
    /// A pallet.
    Sscc,
    /// A serial number of a GTIN.
    Serial,
}

/// Reads what comes below the configured topic.
///
/// # Errors
/// What is wrong with it, in words.
pub fn about(below: &str) -> Result<About, String> {
    let levels: Vec<&str> = below.split('/').collect();
    let (kind, key) = match levels.as_slice() {
        ["meta"] => return Ok(About::Meta),
        ["heartbeat"] => return Ok(About::Heartbeat),
        ["lot", gtin, lot] => {
            let of = [(Ai::GTIN, gtin14(&level(gtin)?)), (Ai::LOT, level(lot)?)];
            (Kind::Lot, identity(&of)?.class_uri())
        }
        ["serial", gtin, serial] => {
            let serial = (Ai::SERIAL, level(serial)?);
            let of = [(Ai::GTIN, gtin14(&level(gtin)?)), serial];
            (Kind::Serial, identity(&of)?.instance_uri())
        }
        ["sscc", sscc] => {
            let of = [(Ai::SSCC, level(sscc)?)];
            (Kind::Sscc, identity(&of)?.instance_uri())
        }
        ["order", order] => (Kind::Order, Some(order_key(&level(order)?)?)),
        _ => {
            return Err(
                "no such topic; there are lot/GTIN/LOT, order/ID, sscc/SSCC, serial/GTIN/SERIAL, meta and heartbeat; write %2F for / in a name"
                    .to_owned(),
            );
        }
    };
    let key = key.ok_or("it names nothing")?;
    Ok(About::Thing(kind, key))
}

/// The key of an order's record.
///
/// # Errors
/// The name is empty, or too long.
pub(super) fn order_key(name: &str) -> Result<String, String> {
    if name.is_empty() || name.len() > MAX_ORDER || name.chars().any(char::is_control) {
        return Err(format!(
            "an order's name has 1 to {MAX_ORDER} bytes without control characters"
        ));
    }
    Ok(Order::key(name))
}

pub(super) fn identity(elements: &[(Ai, String)]) -> Result<Identity, String> {
    let element = |(ai, value): &(Ai, String)| {
        let element = Element::new(*ai, value.as_str());
        element.map_err(|error| format!("\"{value}\": {}", crate::error_chain(&error)))
    };
    let elements: Vec<Element> = elements.iter().map(element).collect::<Result<_, _>>()?;
    Identity::from_elements(elements).map_err(|error| crate::error_chain(&error))
}

/// A value of an application identifier, as it must be.
pub(super) fn checked(ai: Ai, value: &str) -> Result<String, String> {
    match Element::new(ai, value) {
        Ok(_) => Ok(value.to_owned()),
        Err(error) => Err(format!("\"{value}\": {}", crate::error_chain(&error))),
    }
}

/// GTINs of 8, 12 and 13 digits with the zeros in front that make them 14.
pub(super) fn gtin14(gtin: &str) -> String {
    match gtin.len() {
        8 | 12 | 13 => format!("{gtin:0>14}"),
        _ => gtin.to_owned(),
    }
}

fn level(text: &str) -> Result<String, String> {
    decoded(text).ok_or_else(|| {
        format!(
            "\"{text}\" has a % without two hexadecimal digits, or is no UTF-8; write %25 for %"
        )
    })
}

/// Without percent-encoding (RFC 3986 §2.1).
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = match (first, more) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(*high)? * 16 + digit(*low)?;
                bytes.push(u8::try_from(value).ok()?);
                after
            }
            (b'%', _) => return None,
            _ => {
                bytes.push(*first);
                more
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_name_things() {
        for (below, expected) in [
            (
                "lot/4012345000016/L%2F1",
                "Lot https://id.gs1.org/01/04012345000016/10/L%2F1",
            ),
            (
                "serial/04012345000016/A%2B7",
                "Serial https://id.gs1.org/01/04012345000016/21/A%2B7",
            ),
            (
                "sscc/040123450000000016",
                "Sscc https://id.gs1.org/00/040123450000000016",
            ),
            ("order/47%2F11", "Order tracegate:order/47%2F11"),
            ("order/urn:x:1", "Order urn:x:1"),
        ] {
            let about = about(below).unwrap();
            let About::Thing(kind, key) = about else {
                panic!("{about:?}")
            };
            assert_eq!(format!("{kind:?} {key}"), expected);
        }
        assert_eq!(about("meta"), Ok(About::Meta));
        assert_eq!(about("heartbeat"), Ok(About::Heartbeat));
    }

    #[test]
    fn topics_that_name_nothing_are_refused_in_words() {
        for (below, expected) in [
            ("", "no such topic"),
            ("lot/04012345000016", "no such topic"),
            ("lot/04012345000016/a/b", "no such topic"),
            ("lot/04012345000017/L1", "\"04012345000017\": (01)"),
            ("lot/04012345000016/%zz", "\"%zz\" has a % without"),
            ("lot/04012345000016/100%", "\"100%\" has a % without"),
            ("sscc/1", "\"1\": (00)"),
            ("order/", "an order's name"),
        ] {
            let error = about(below).unwrap_err();
            assert!(error.starts_with(expected), "{below}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_topic_stops_anything(below in "\\PC{0,80}", lot in "\\PC{0,30}") {
            drop(about(&below));
            drop(about(&format!("lot/04012345000016/{lot}")));
            drop(decoded(&lot));
        }
    }
}
