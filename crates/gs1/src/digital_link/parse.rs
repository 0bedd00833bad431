//! From an address to elements.

use super::{DigitalLink, LinkError, LinkOptions};
use crate::{Ai, Element, ai::Key, charset::hex_digit};

/// The words of DL 1.1 and what they stand for.
const WORDS: [(&str, &str); 22] = [
    ("cpid", "8010"),
    ("cpsn", "8011"),
    ("cpv", "22"),
    ("gcn", "255"),
    ("gdti", "253"),
    ("giai", "8004"),
    ("ginc", "401"),
    ("gln", "414"),
    ("glnx", "254"),
    ("gmn", "8013"),
    ("grai", "8003"),
    ("gsin", "402"),
    ("gsrn", "8018"),
    ("gsrnp", "8017"),
    ("gtin", "01"),
    ("itip", "8006"),
    ("lot", "10"),
    ("party", "417"),
    ("refno", "8020"),
    ("ser", "21"),
    ("srin", "8019"),
    ("sscc", "00"),
];

/// Whether `data` starts as a web address does, `https://` or `http://`, in small or in capital
/// letters throughout (DL section 4.2).
pub fn is_web_address(data: &[u8]) -> bool {
    after_scheme(data).is_some()
}

fn after_scheme(data: &[u8]) -> Option<&[u8]> {
    [&b"https://"[..], b"HTTPS://", b"http://", b"HTTP://"]
        .into_iter()
        .find_map(|scheme| data.strip_prefix(scheme))
}

/// Parses a Digital Link URI (DL section 4).
///
/// - Any domain, any stem; a fragment is dropped.
/// - Query parameters without a value, and those whose name is not a number, are not GS1's: dropped.
/// - Percent-escapes are undone; what is no escape stands for itself.
///
/// # Errors
/// [`LinkError`]; nothing partial is returned. Required and exclusive identifiers are not looked at:
/// see [`crate::associations`].
pub fn parse_digital_link(
    uri: impl AsRef<[u8]>,
    options: &LinkOptions,
) -> Result<DigitalLink, LinkError> {
    let uri = uri.as_ref();
    let rest = after_scheme(uri).ok_or(LinkError::Scheme)?;
    if let Some(position) = uri.iter().position(|&byte| !is_uri_character(byte)) {
        return Err(LinkError::Character { position });
    }
    let slash = rest
        .iter()
        .position(|&byte| byte == b'/')
        .ok_or(LinkError::Domain)?;
    let (domain, rest) = rest.split_at(slash);
    if domain.is_empty() || !domain.iter().all(|&byte| is_domain_character(byte)) {
        return Err(LinkError::Domain);
    }
    let rest = rest.split(|&byte| byte == b'#').next().unwrap_or_default();
    let (path, query) = split_once(rest, b'?').unwrap_or((rest, &[]));
    let (path, key) = elements_of_path(path, options)?;
    let mut link = DigitalLink {
        in_path: path.len(),
        elements: path,
    };
    add_query(&mut link, key, query, options)?;
    Ok(link)
}

fn is_uri_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

fn is_domain_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte)
}

fn split_once(data: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = data.iter().position(|&byte| byte == at)?;
    let (before, after) = data.split_at(place);
    Some((before, after.get(1..)?))
}

fn rsplit_once(data: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = data.iter().rposition(|&byte| byte == at)?;
    let (before, after) = data.split_at(place);
    Some((before, after.get(1..)?))
}

/// The key and its qualifiers, found from the right end of the path.
fn elements_of_path(
    path: &[u8],
    options: &LinkOptions,
) -> Result<(Vec<Element>, &'static Key), LinkError> {
    let mut pairs: Vec<(Ai, &[u8])> = Vec::new();
    let mut rest = path;
    let (primary, key) = loop {
        let pair = rsplit_once(rest, b'/').and_then(|(left, value)| {
            let (left, name) = rsplit_once(left, b'/')?;
            Some((left, identifier(name, options)?, value))
        });
        let Some((left, ai, value)) = pair else {
            return Err(missing_key(path));
        };
        pairs.push((ai, value));
        if let Some(key) = ai.spec().and_then(|spec| spec.key) {
            break (ai, key);
        }
        rest = left;
    };
    pairs.reverse();
    let elements: Vec<Element> = pairs
        .iter()
        .map(|&(ai, value)| element(ai, value, options.short_gtin, |byte| byte))
        .collect::<Result<_, _>>()?;
    let qualifiers: Vec<Ai> = pairs.iter().skip(1).map(|&(ai, _)| ai).collect();
    if !key.qualifiers.iter().any(|all| in_order(&qualifiers, all)) {
        let fits = |count: &usize| {
            let some = qualifiers.get(..*count).unwrap_or_default();
            !key.qualifiers.iter().any(|all| in_order(some, all))
        };
        let wrong = (1..=qualifiers.len()).find(fits).unwrap_or(1);
        let ai = qualifiers.get(wrong - 1).copied().unwrap_or(primary);
        return Err(LinkError::Qualifier { key: primary, ai });
    }
    Ok((elements, key))
}

/// Whether `some` are found in `all` in their order, each once.
fn in_order(some: &[Ai], all: &[Ai]) -> bool {
    let mut all = all.iter();
    some.iter().all(|ai| all.any(|other| other == ai))
}

/// An assigned identifier, written as a number or, if allowed, as a word.
fn identifier(name: &[u8], options: &LinkOptions) -> Option<Ai> {
    let number = if options.words {
        let word = WORDS.iter().find(|(word, _)| word.as_bytes() == name);
        word.map_or(name, |(_, number)| number.as_bytes())
    } else {
        name
    };
    Ai::from_digits(number).filter(|ai| ai.spec().is_some())
}

/// The compressed form is one segment of base64 whose first eight bits are two digits of a key.
fn missing_key(path: &[u8]) -> LinkError {
    let segment = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let sixth = |byte: &u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    };
    let first = match segment {
        [first, second, ..]
            if segment.len() >= 11 && segment.iter().all(|b| sixth(b).is_some()) =>
        {
            sixth(first)
                .zip(sixth(second))
                .map(|(first, second)| first << 2 | second >> 4)
        }
        _ => None,
    };
    match first {
        Some(0x00 | 0x01 | 0x25 | 0x40 | 0x41 | 0x80) => LinkError::Compressed,
        _ => LinkError::NoKey,
    }
}

fn add_query(
    link: &mut DigitalLink,
    key: &Key,
    query: &[u8],
    options: &LinkOptions,
) -> Result<(), LinkError> {
    for parameter in query.split(|&byte| byte == b'&') {
        let Some((name, value)) = split_once(parameter, b'=') else {
            continue;
        };
        if !name.iter().all(u8::is_ascii_digit) {
            continue;
        }
        let ai = Ai::from_digits(name).filter(|ai| ai.spec().is_some());
        let ai = ai.ok_or_else(|| LinkError::UnknownAi {
            name: String::from_utf8_lossy(name).into_owned(),
        })?;
        let plus_is_space = |byte| if byte == b'+' { b' ' } else { byte };
        let attribute = element(ai, value, options.short_gtin, plus_is_space)?;
        if link.elements.iter().any(|earlier| earlier.ai() == ai) {
            return Err(LinkError::Twice { ai });
        }
        if !ai.spec().is_some_and(|spec| spec.attribute) {
            return Err(LinkError::Attribute { ai });
        }
        let in_path = link.elements.iter().take(link.in_path).skip(1);
        let path: Vec<Ai> = in_path.map(Element::ai).collect();
        let belongs =
            |all: &&[Ai]| all.contains(&ai) && path.iter().all(|other| all.contains(other));
        if key.qualifiers.iter().any(belongs) {
            return Err(LinkError::BelongsInPath { ai });
        }
        link.elements.push(attribute);
    }
    Ok(())
}

/// Undoes the escapes of a value and checks it.
fn element(
    ai: Ai,
    escaped: &[u8],
    short_gtin: bool,
    bare: impl Fn(u8) -> u8,
) -> Result<Element, LinkError> {
    let mut value = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let [byte, tail @ ..] = rest {
        let escape = match tail {
            [high, low, ..] if *byte == b'%' => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        if let Some((high, low)) = escape {
            value.push(high << 4 | low);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            value.push(bare(*byte));
            rest = tail;
        }
    }
    if short_gtin && ai == Ai::GTIN && matches!(value.len(), 8 | 12 | 13) {
        let zeros = 14_usize.saturating_sub(value.len());
        value.splice(..0, std::iter::repeat_n(b'0', zeros));
    }
    // Bytes that are no text are no characters of any set either, so the check refuses them.
    Element::new(ai, String::from_utf8_lossy(&value)).map_err(LinkError::Value)
}
