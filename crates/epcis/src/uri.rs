//! A check for absolute URIs (RFC 3986 §3), as the JSON schema's `format: uri` wants them.

/// The text is an absolute URI: a scheme, then only characters and escapes that a URI may hold.
///
/// IP literals in brackets are refused: no identifier of an event has one.
#[must_use]
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    if !is_scheme(scheme) {
        return false;
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority_fits = match hierarchy.strip_prefix("//") {
        Some(after) => is_authority(after.split('/').next().unwrap_or("")),
        None => true,
    };
    authority_fits
        && only(hierarchy, |b| b":@/".contains(&b))
        && only(query, |b| b":@/?".contains(&b))
        && only(fragment, |b| b":@/?".contains(&b))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn is_authority(text: &str) -> bool {
    let (user, host) = text.rsplit_once('@').unwrap_or(("", text));
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    only(user, |b| b == b':') && only(name, |_| false) && port.bytes().all(|b| b.is_ascii_digit())
}

/// Unreserved characters, sub-delimiters, whole percent escapes, and what `more` allows.
fn only(text: &str, more: impl Fn(u8) -> bool) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => {
                let escape = [bytes.next(), bytes.next()];
                escape
                    .iter()
                    .all(|digit| digit.is_some_and(|b| b.is_ascii_hexdigit()))
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) || more(byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_of_events_are_uris() {
        for text in [
            "urn:epc:id:sgtin:0614141.107346.2017",
            "urn:epc:id:sgtin:0614141.812345.6789%2F%26%25%22!%3F()",
            "urn:epc:idpat:sgtin:4012345.044444.*",
            "https://id.gs1.org/01/09521321120008/10/AB%2F1?17=261231#x",
            "https://user:pw@plant.example:8443/bizstep/issuing",
            "geo:47.506694,11.104301",
        ] {
            assert!(is_uri(text), "{text}");
        }
    }

    #[test]
    fn other_text_is_not() {
        for text in [
            "",
            "receiving",
            ":x",
            "1a:x",
            "urn:epc:id sgtin",
            "https://id.gs1.org/01/%2",
            "https://id.gs1.org/01/%zz",
            "https://a:b/c",
            "https://[::1]/c",
            "urn:a#b#c",
            "urn:\"x\"",
            "urn:grün",
        ] {
            assert!(!is_uri(text), "{text}");
        }
    }
}
