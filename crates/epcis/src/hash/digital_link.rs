//! One spelling per GS1 identifier, as the reference hash generator chooses it.
//!
//! EPC URNs, EPC class and pattern URNs become Digital Links under `https://id.gs1.org`; Digital Links lose their
//! own domain, query, consumer product variant and, beside a serial, their lot. What the reference does not
//! recognise stays as it is, and its edge cases are kept on purpose: a percent escape in a Digital Link switches
//! normalising off, and replacements touch the whole text.

use super::urn;

pub(super) const CANONICAL: &str = "https://id.gs1.org";

/// The canonical Digital Link, or `None` when the text stays as it is.
pub(super) fn normalise(uri: &str) -> Option<String> {
    if !uri.contains('.') {
        return None;
    }
    match uri.strip_prefix("urn:epc:") {
        Some(body) => urn::to_link(body),
        None => from_link(uri),
    }
}

const KEYS: &[(&str, &str)] = &[
    ("gtin", "01"),
    ("itip", "8006"),
    ("cpid", "8010"),
    ("gln", "414"),
    ("party", "417"),
    ("gsrnp", "8017"),
    ("gsrn", "8018"),
    ("gcn", "255"),
    ("sscc", "00"),
    ("gdti", "253"),
    ("ginc", "401"),
    ("gsin", "402"),
    ("grai", "8003"),
    ("giai", "8004"),
];
const QUALIFIERS: &[(&str, &str)] = &[("cpv", "22"), ("lot", "10"), ("ser", "21")];
/// The order in which keys are looked for when a link under another domain is moved.
const SEARCH_ORDER: &[&str] = &[
    "00", "01", "253", "255", "401", "402", "414", "417", "8003", "8004", "8006", "8010", "8017",
    "8018",
];

fn from_link(uri: &str) -> Option<String> {
    if is_settled(uri) {
        return None;
    }
    if !has_key(uri) {
        return None;
    }
    let mut link = uri.split('?').next().unwrap_or(uri).to_owned();
    for (word, ai) in KEYS.iter().chain(QUALIFIERS) {
        link = link.replace(&format!("/{word}/"), &format!("/{ai}/"));
    }
    if !is_canonical_key(&link) {
        let start = SEARCH_ORDER
            .iter()
            .find_map(|ai| link.find(&format!("/{ai}/")));
        if let Some(path) = start.and_then(|start| link.get(start..)) {
            link = format!("{CANONICAL}{path}");
        }
    }
    if let Some(path) = path_of(&link) {
        let given = path.strip_prefix("01/").map_or(14, leading_digits);
        let zeros = match given {
            14.. => "",
            13 => "0",
            12 => "00",
            8..=11 => "000000",
            _ => "",
        };
        if !zeros.is_empty() {
            link = link.replace("/01/", &format!("/01/{zeros}"));
        }
    }
    link = without_variant(link);
    link = without_lot(link);
    path_of(&link).is_some_and(is_whole_key).then_some(link)
}

/// Already canonical: the common case, decided without building anything.
fn is_settled(uri: &str) -> bool {
    let path = uri
        .strip_prefix(CANONICAL)
        .and_then(|rest| rest.strip_prefix('/'));
    path.is_some_and(|path| !path.contains('?') && !path.starts_with("8010/") && is_whole_key(path))
}

/// Somewhere in the path a key with at least four digits and one more character.
fn has_key(uri: &str) -> bool {
    let Some(rest) = uri
        .strip_prefix("https:")
        .or_else(|| uri.strip_prefix("http:"))
    else {
        return false;
    };
    let path_len = rest.find(['?', '#']).unwrap_or(rest.len());
    rest.match_indices('/')
        .take_while(|(at, _)| *at < path_len)
        .any(|(at, _)| {
            let after = rest.get(at + 1..).unwrap_or("");
            let Some((segment, value)) = after.split_once('/') else {
                return false;
            };
            let known = KEYS
                .iter()
                .any(|(word, ai)| segment == *word || segment == *ai);
            known && starts_a_key(value)
        })
}

fn starts_a_key(value: &str) -> bool {
    leading_digits(value) >= 4 && value.as_bytes().get(4).is_some_and(|b| *b != b'/')
}

fn is_canonical_key(link: &str) -> bool {
    let Some((ai, value)) = path_of(link).and_then(|path| path.split_once('/')) else {
        return false;
    };
    KEYS.iter().any(|(_, known)| ai == *known) && starts_a_key(value)
}

/// What follows the canonical domain. The reference's pattern lets any character stand for its dots.
fn path_of(link: &str) -> Option<&str> {
    let mut rest = link.strip_prefix("https://id")?.chars();
    rest.next().filter(|c| *c != '\n')?;
    let mut rest = rest.as_str().strip_prefix("gs1")?.chars();
    rest.next().filter(|c| *c != '\n')?;
    rest.as_str().strip_prefix("org/")
}

/// What follows the key of a trade item, (01) or (8006).
fn after_trade_item(path: &str) -> Option<&str> {
    let gtin = path.strip_prefix("01/");
    let piece = path.strip_prefix("8006/");
    gtin.and_then(|rest| after_digits(rest, 14))
        .or_else(|| piece.and_then(|rest| after_digits(rest, 18)))
}

fn without_variant(link: String) -> String {
    let cut = || {
        let after = after_trade_item(path_of(&link)?)?;
        let rest = after.strip_prefix("/22/")?;
        let fits = rest.len() <= 20 && rest.bytes().all(|b| b == b'/' || is_link_char(b));
        let kept = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("");
        let head = link.get(..link.len() - after.len())?;
        fits.then(|| format!("{head}{kept}"))
    };
    cut().unwrap_or(link)
}

/// The serial is the finer identity: the lot beside it goes.
fn without_lot(link: String) -> String {
    let cut = || {
        let after = after_trade_item(path_of(&link)?)?;
        let (lot, serial) = after.strip_prefix("/10/")?.split_once("/21/")?;
        let fits = [lot, serial].iter().all(|part| chars_up_to(part, 20));
        let head = link.get(..link.len() - after.len())?;
        fits.then(|| format!("{head}/21/{serial}"))
    };
    cut().unwrap_or(link)
}

/// The path of a canonical link: exactly one key, at most one qualifier, no escapes.
fn is_whole_key(path: &str) -> bool {
    let Some((ai, value)) = path.split_once('/') else {
        return false;
    };
    match ai {
        "00" | "8017" | "8018" => after_digits(value, 18) == Some(""),
        "402" => after_digits(value, 17) == Some(""),
        "417" => after_digits(value, 13) == Some(""),
        "414" => after_digits(value, 13).is_some_and(|rest| qualified(rest, &[("/254/", 20)])),
        "01" => after_digits(value, 14)
            .is_some_and(|rest| qualified(rest, &[("/21/", 20), ("/10/", 20), ("/235/", 28)])),
        "8006" => after_digits(value, 18)
            .is_some_and(|rest| qualified(rest, &[("/21/", 20), ("/10/", 20)])),
        "253" => after_digits(value, 13).is_some_and(|rest| chars_up_to(rest, 17)),
        "255" => after_digits(value, 13)
            .is_some_and(|rest| rest.len() <= 12 && rest.bytes().all(|b| b.is_ascii_digit())),
        "8003" => after_digits(value, 14).is_some_and(|rest| chars_up_to(rest, 16)),
        "401" | "8004" => chars_up_to(value, 30),
        "8010" => {
            let part = |text: &str| {
                text.len() <= 30
                    && text.bytes().all(|b| {
                        b"#-/".contains(&b) || b.is_ascii_digit() || b.is_ascii_uppercase()
                    })
            };
            let with_serial = value
                .split_once("/8011/")
                .is_some_and(|(reference, serial)| {
                    part(reference)
                        && serial.len() <= 12
                        && serial.bytes().all(|b| b.is_ascii_digit())
                });
            with_serial || part(value)
        }
        _ => false,
    }
}

fn qualified(rest: &str, qualifiers: &[(&str, usize)]) -> bool {
    rest.is_empty()
        || qualifiers.iter().any(|(ai, most)| {
            rest.strip_prefix(ai)
                .is_some_and(|value| chars_up_to(value, *most))
        })
}

fn chars_up_to(text: &str, most: usize) -> bool {
    text.len() <= most && text.bytes().all(is_link_char)
}

fn is_link_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"\"'-.;<=>?_".contains(&byte)
}

fn leading_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// What follows exactly `count` digits (more digits are part of what follows).
fn after_digits(text: &str, count: usize) -> Option<&str> {
    let (head, tail) = text.split_at_checked(count)?;
    head.bytes().all(|b| b.is_ascii_digit()).then_some(tail)
}
