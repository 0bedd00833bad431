//! EPC URNs (TDS §6) as canonical Digital Links: identities, classes and patterns.
//!
//! Recognises exactly what the reference hash generator recognises, its edge cases included: GRAI and GDTI under a
//! prefix of 12 digits want extra dots, and which percent escapes are legal is its list.

use std::borrow::Cow;

use super::digital_link::CANONICAL;

/// The Digital Link of an EPC URN, given from behind `urn:epc:`; `None` when it has none.
pub(super) fn to_link(body: &str) -> Option<String> {
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
