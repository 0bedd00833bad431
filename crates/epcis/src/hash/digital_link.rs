//! One spelling per GS1 identifier, as the reference hash generator chooses it.
//!
//! EPC URNs, EPC class and pattern URNs become Digital Links under `https://id.gs1.org`; Digital Links lose their
//! own domain, query, consumer product variant and, beside a serial, their lot. What the reference does not
//! recognise stays as it is, and its edge cases are kept on purpose: 12-digit prefixes of GRAI and GDTI want extra
//! dots, a percent escape in a Digital Link switches normalising off, replacements touch the whole text.

use std::borrow::Cow;

const CANONICAL: &str = "https://id.gs1.org";

/// The canonical Digital Link, or `None` when the text stays as it is.
pub(super) fn normalise(uri: &str) -> Option<String> {
    if !uri.contains('.') {
        return None;
    }
    match uri.strip_prefix("urn:epc:") {
        Some(body) => from_urn(body),
        None => from_link(uri),
    }
}

/// EPC URNs after `urn:epc:` (TDS §6, class and pattern URIs included).
fn from_urn(body: &str) -> Option<String> {
    let (kind, rest) = body.split_once(':')?;
    let (scheme, key) = rest.split_once(':')?;
    match (kind, scheme) {
        ("id", "sgtin") => {
            let (gtin, tail) = gtin(key)?;
            Some(format!(
                "{CANONICAL}/01/{gtin}/21/{}",
                escaped(serial(tail, 20)?)
            ))
        }
        ("id", "sscc") => {
            let split = SplitKey::new(key, 17)?;
            let (extension, reference) = split.reference.split_at_checked(1)?;
            let sscc = format!("{extension}{}{reference}", split.prefix);
            split
                .whole()
                .then(|| format!("{CANONICAL}/00/{}", checked(sscc)))
        }
        ("id", "sgln") => {
            let split = SplitKey::new(key, 12)?;
            let gln = checked(split.joined());
            match serial(split.tail, 20)? {
                "0" => Some(format!("{CANONICAL}/414/{gln}")),
                extension => Some(format!("{CANONICAL}/414/{gln}/254/{}", escaped(extension))),
            }
        }
        ("id", "grai") => {
            let split = SplitKey::new(key, 12)?;
            let units = if split.reference.is_empty() {
                split.tail.strip_prefix('.')?
            } else {
                split.tail
            };
            serial(units, 16)?;
            let asset = checked(format!("0{}", split.joined()));
            Some(format!(
                "{CANONICAL}/8003/{asset}{}",
                escaped(split.tail.get(1..)?)
            ))
        }
        ("id", "gdti") => {
            let split = SplitKey::new(key, 12)?;
            let units = if split.reference.is_empty() {
                split.tail.strip_prefix('.')?
            } else {
                split.tail
            };
            within(units, 20, serial_unit)?;
            Some(format!(
                "{CANONICAL}/253/{}{}",
                checked(split.joined()),
                escaped(split.tail.get(1..)?)
            ))
        }
        ("id", "giai") => {
            let (prefix, reference) = free_reference(key, serial_unit)?;
            Some(format!("{CANONICAL}/8004/{prefix}{}", escaped(reference)))
        }
        ("id", "ginc") => {
            let (prefix, reference) = free_reference(key, serial_unit)?;
            Some(format!("{CANONICAL}/401/{prefix}{}", escaped(reference)))
        }
        ("id", "gsrn") => numeric(key, 17, "8018"),
        ("id", "gsrnp") => numeric(key, 17, "8017"),
        ("id", "gsin") => numeric(key, 16, "402"),
        ("id", "pgln") => numeric(key, 12, "417"),
        ("id", "cpi") => {
            let (part, serial) = key.rsplit_once('.')?;
            let (prefix, reference) = free_reference(part, part_unit)?;
            digits(serial, 1..=12)?;
            Some(format!(
                "{CANONICAL}/8010/{prefix}{}/8011/{serial}",
                escaped(reference)
            ))
        }
        ("id", "sgcn") => {
            let split = SplitKey::new(key, 12)?;
            let serial = split.tail.strip_prefix('.')?;
            digits(serial, 1..=12)?;
            Some(format!(
                "{CANONICAL}/255/{}{serial}",
                checked(split.joined())
            ))
        }
        ("id", "itip") => {
            let (gtin, tail) = gtin(key)?;
            let (pieces, tail) = piece_of_total(tail)?;
            Some(format!(
                "{CANONICAL}/8006/{gtin}{pieces}/21/{}",
                escaped(serial(tail, 20)?)
            ))
        }
        ("id", "upui") => {
            let (gtin, tail) = gtin(key)?;
            Some(format!(
                "{CANONICAL}/01/{gtin}/235/{}",
                escaped(serial(tail, 28)?)
            ))
        }
        ("class", "lgtin") => {
            let (gtin, tail) = gtin(key)?;
            Some(format!(
                "{CANONICAL}/01/{gtin}/10/{}",
                escaped(serial(tail, 20)?)
            ))
        }
        ("idpat", _) => from_pattern(scheme, key),
        _ => None,
    }
}

/// Pattern URNs stand for a class: their serial is `*`.
fn from_pattern(scheme: &str, key: &str) -> Option<String> {
    match scheme {
        "sgtin" | "upui" => {
            let (gtin, tail) = gtin(key)?;
            (tail == ".*").then(|| format!("{CANONICAL}/01/{gtin}"))
        }
        "grai" | "gdti" | "sgcn" => {
            let split = SplitKey::new(key, 12)?;
            let wildcard = if split.reference.is_empty() {
                "..*"
            } else {
                ".*"
            };
            let key = match scheme {
                "grai" => format!("8003/{}", checked(format!("0{}", split.joined()))),
                "gdti" => format!("253/{}", checked(split.joined())),
                _ => format!("255/{}", checked(split.joined())),
            };
            (split.tail == wildcard).then(|| format!("{CANONICAL}/{key}"))
        }
        "cpi" => {
            let (prefix, reference) = free_reference(key.strip_suffix(".*")?, part_unit)?;
            Some(format!("{CANONICAL}/8010/{prefix}{}", escaped(reference)))
        }
        "itip" => {
            let (gtin, tail) = gtin(key)?;
            let (pieces, tail) = piece_of_total(tail)?;
            (tail == ".*").then(|| format!("{CANONICAL}/8006/{gtin}{pieces}"))
        }
        _ => None,
    }
}

/// `prefix.reference` with a fixed number of digits in all, and what follows.
struct SplitKey<'a> {
    prefix: &'a str,
    reference: &'a str,
    tail: &'a str,
}

impl<'a> SplitKey<'a> {
    fn new(key: &'a str, total: usize) -> Option<Self> {
        let (prefix, rest) = key.split_once('.')?;
        digits(prefix, 6..=12)?;
        let (reference, tail) = rest.split_at_checked(total - prefix.len())?;
        reference
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then_some(Self {
                prefix,
                reference,
                tail,
            })
    }

    fn joined(&self) -> String {
        format!("{}{}", self.prefix, self.reference)
    }

    fn whole(&self) -> bool {
        self.tail.is_empty()
    }
}

/// A GTIN-14 from `prefix.indicator+item`, and what follows.
fn gtin(key: &str) -> Option<(String, &str)> {
    let split = SplitKey::new(key, 13)?;
    let (indicator, item) = split.reference.split_at_checked(1)?;
    Some((
        checked(format!("{indicator}{}{item}", split.prefix)),
        split.tail,
    ))
}

fn numeric(key: &str, total: usize, ai: &str) -> Option<String> {
    let split = SplitKey::new(key, total)?;
    split
        .whole()
        .then(|| format!("{CANONICAL}/{ai}/{}", checked(split.joined())))
}

/// A company prefix and a reference of free length: 30 characters together.
fn free_reference(key: &str, unit: fn(&[u8]) -> Option<usize>) -> Option<(&str, &str)> {
    let (prefix, reference) = key.split_once('.')?;
    digits(prefix, 6..=12)?;
    within(reference, 30 - prefix.len(), unit)?;
    Some((prefix, reference))
}

/// `.02.05` of an ITIP as `0205`, and what follows.
fn piece_of_total(tail: &str) -> Option<(String, &str)> {
    let (piece, rest) = tail.strip_prefix('.')?.split_at_checked(2)?;
    let (total, rest) = rest.strip_prefix('.')?.split_at_checked(2)?;
    digits(piece, 2..=2)?;
    digits(total, 2..=2)?;
    Some((format!("{piece}{total}"), rest))
}

/// The serial after its dot, 1 to `most` characters.
fn serial(tail: &str, most: usize) -> Option<&str> {
    let serial = tail.strip_prefix('.')?;
    within(serial, most, serial_unit)?;
    Some(serial)
}

fn digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<()> {
    (lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then_some(())
}

/// The text is 1 to `most` characters, each of which `unit` recognises by its length in bytes.
fn within(text: &str, most: usize, unit: fn(&[u8]) -> Option<usize>) -> Option<()> {
    let mut rest = text.as_bytes();
    let mut count = 0;
    while !rest.is_empty() {
        rest = rest.get(unit(rest)?..)?;
        count += 1;
    }
    (1..=most).contains(&count).then_some(())
}

/// A character of a serial number, plain or escaped, as the reference lists them.
fn serial_unit(rest: &[u8]) -> Option<usize> {
    match rest {
        [
            b'%',
            b'2',
            b'1' | b'2' | b'5'..=b'9' | b'A'..=b'F' | b'a'..=b'f',
            ..,
        ]
        | [b'%', b'3', b'0'..=b'9' | b'A'..=b'F' | b'a'..=b'f', ..]
        | [
            b'%',
            b'4' | b'6',
            b'1'..=b'9' | b'A'..=b'F' | b'a'..=b'f',
            ..,
        ]
        | [b'%', b'5', b'0'..=b'9' | b'A' | b'a' | b'F' | b'f', ..]
        | [b'%', b'7', b'0'..=b'9' | b'A' | b'a', ..] => Some(3),
        [byte, ..] if byte.is_ascii_alphanumeric() || b"!')(*+,.:;=_-".contains(byte) => Some(1),
        _ => None,
    }
}

/// A character of a component or part reference.
fn part_unit(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'%', b'2', b'3' | b'd' | b'f' | b'D' | b'F', ..]
        | [b'%', b'3', b'0'..=b'9', ..]
        | [b'%', b'4', b'1'..=b'9' | b'A'..=b'F' | b'a'..=b'f', ..]
        | [b'%', b'5', b'0'..=b'9' | b'A' | b'a', ..] => Some(3),
        [b'0'..=b'9' | b'A'..=b'Z' | b'-', ..] => Some(1),
        _ => None,
    }
}

/// The key with its check digit (GS1 General Specifications §7.9.1) behind.
fn checked(mut key: String) -> String {
    let weighted = key.bytes().rev().zip([3, 1].into_iter().cycle());
    let sum: u32 = weighted
        .map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight)
        .sum();
    key.push(char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0'));
    key
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| b"!()*+,:".contains(&b)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '!' | '(' | ')' | '*' | '+' | ',' | ':' => {
                out.push_str(&format!("%{:02X}", u32::from(c)))
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
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

fn without_variant(link: String) -> String {
    let cut = || {
        let path = path_of(&link)?;
        let after = path
            .strip_prefix("01/")
            .and_then(|rest| after_digits(rest, 14))
            .or_else(|| {
                path.strip_prefix("8006/")
                    .and_then(|rest| after_digits(rest, 18))
            })?;
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
        let path = path_of(&link)?;
        let after = path
            .strip_prefix("01/")
            .and_then(|rest| after_digits(rest, 14))
            .or_else(|| {
                path.strip_prefix("8006/")
                    .and_then(|rest| after_digits(rest, 18))
            })?;
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
