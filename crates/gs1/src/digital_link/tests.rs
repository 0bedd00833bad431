//! Digital Links: what is taken, what is refused and why.

use proptest::prelude::*;

use super::*;
use crate::parse_element_string;

fn canonical(uri: &str) -> String {
    with(uri, LinkOptions::default())
}

/// The canonical form without its resolver, or the reason for refusal.
fn with(uri: &str, options: LinkOptions) -> String {
    match parse_digital_link(uri, &options) {
        Ok(link) => link.canonical().replace("https://id.gs1.org", ""),
        Err(error) => error.to_string(),
    }
}

const GTIN: &str = "/01/09506000134352";

#[test]
fn any_domain_and_stem() {
    for start in [
        "https://id.gs1.org",
        "HTTP://a",
        "https://example.com:8443/some/stem",
        "http://192.0.2.7",
        "https://[2001:db8::1]",
        "https://a./01/info",
        "https://x.example/21",
        "https://a/00/106141412345678908",
    ] {
        assert_eq!(canonical(&format!("{start}{GTIN}")), GTIN, "{start}");
    }
}

#[test]
fn path_query_and_fragment() {
    for (tail, expected) in [
        ("/22/V/10/L/21/S", "/22/V/10/L/21/S"),
        ("/10/L%2F1?17=261231", "/10/L%2F1?17=261231"),
        ("/235/T?10=L", "/235/T?10=L"),
        ("/21/S#top", "/21/S"),
        (
            "?&&17=261231&&11=260101&lang=de&flag&",
            "?11=260101&17=261231",
        ),
        ("/10/a+b", "/10/a%2Bb"),
        ("/10/a%", "/10/a%25"),
        ("/10/a%4", "/10/a%254"),
        ("?17=261231&linkType=gs1:pip", "?17=261231"),
    ] {
        let uri = format!("https://a{GTIN}{tail}");
        assert_eq!(canonical(&uri), format!("{GTIN}{expected}"), "{uri}");
    }
}

#[test]
fn refusals_say_why() {
    let key = "no GS1 key in the path of the web address, such as /01/ and a GTIN, at its end";
    let domain = "the web address has no proper domain before its path";
    let scheme = "not a web address: it must start with https:// or http://";
    for (uri, why) in [
        ("", scheme),
        ("HtTp://a/01/09506000134352", scheme),
        ("ftp://a/01/09506000134352", scheme),
        ("https://", domain),
        ("https:///01/09506000134352", domain),
        ("https://u@a/01/09506000134352", domain),
        ("https://a?01=09506000134352", domain),
        (
            "https://a/01/0950600 0134352",
            "byte 20 is not allowed in a web address",
        ),
        ("https://a/", key),
        ("https://a/01/09506000134352/", key),
        ("https://a/01//09506000134352", key),
        ("https://a/gtin/09506000134352", key),
        ("https://a/99/X", key),
        ("https://a/p?01=09506000134352", key),
        (
            "https://a/01/09506000134352/21/S/10/L",
            "(10) may not follow in the path of (01)",
        ),
        (
            "https://a/01/09506000134352/10/L/10/L",
            "(10) may not follow in the path of (01)",
        ),
        (
            "https://a/01/09506000134352/240/X",
            "(240) may not follow in the path of (01)",
        ),
        (
            "https://a/01/09506000134352?=",
            "\"\" in the query is not an application identifier",
        ),
        (
            "https://a/01/09506000134352?999=x",
            "\"999\" in the query is not an application identifier",
        ),
        (
            "https://a/01/09506000134352?254=1",
            "(254) may not stand in the query",
        ),
        (
            "https://a/01/09506000134352/21/S?10=L",
            "(10) belongs in the path, not in the query",
        ),
        ("https://a/01/09506000134352?99=A&99=A", "(99) occurs twice"),
        (
            "https://a/01/09506000134352?01=09506000134352",
            "(01) occurs twice",
        ),
        (
            "https://a/01/09506000134352?99=",
            "(99) at byte 0: the value is empty",
        ),
        (
            "https://a/01/09506000134352/10/",
            "(10) at byte 0: the value is empty",
        ),
        (
            "https://a/01/09506000134352?99=a+b",
            "(99) at byte 1: the character is not one of GS1 character set 82",
        ),
        (
            "https://a/401/1234%00",
            "(401) at byte 4: the character is not one of GS1 character set 82",
        ),
        (
            "https://a/01/9506000134352",
            "(01) at byte 0: the value has 13 characters, fewer than 14",
        ),
        (
            "https://a/01/09506000134353",
            "(01) at byte 0: the check digit is 3, it should be 2",
        ),
        (
            "https://dlnkd.tn.gg/AQnYUc1gmiCNV4JGYgYAF6ckaCPg",
            "the web address is a compressed Digital Link, which is not supported; print the full form",
        ),
    ] {
        assert_eq!(canonical(uri), why, "{uri}");
    }
}

#[test]
fn old_forms_are_an_option() {
    let words = LinkOptions {
        words: true,
        ..LinkOptions::default()
    };
    assert_eq!(
        with("https://a/gtin/09506000134352/lot/L/ser/S", words),
        "/01/09506000134352/10/L/21/S"
    );
    let short = LinkOptions {
        short_gtin: true,
        ..LinkOptions::default()
    };
    assert_eq!(with("https://a/01/9506000134352", short), GTIN);
    assert_eq!(with("https://a/01/75238254", short), "/01/00000075238254");
}

#[test]
fn the_first_key_of_a_scan_leads_its_link() {
    for (data, link) in [
        ("0109506000134352\x1d0109506000134352", GTIN),
        (
            "800409500009\x1d0109506000134352",
            "/8004/09500009?01=09506000134352",
        ),
        (
            "0109506000134352800409500009\x1d10L",
            "/01/09506000134352/10/L?8004=09500009",
        ),
    ] {
        let elements = parse_element_string(data).unwrap();
        let found = link_of(&elements).unwrap();
        assert_eq!(found.replace("https://id.gs1.org", ""), link, "{data:?}");
    }
    for none in ["10L", "0109506000134352235T\x1d10L"] {
        assert_eq!(link_of(&parse_element_string(none).unwrap()), None);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(lot in "[!-\"%-?A-Z_a-z]{1,20}", serial in "[!-\"%-?A-Z_a-z]{1,20}") {
        let text = format!("0109506000134352\x1d10{lot}\x1d21{serial}\x1d17261231");
        let elements = parse_element_string(&text).unwrap();
        let written = link_of(&elements).unwrap();
        let read = parse_digital_link(&written, &LinkOptions::default()).unwrap();
        prop_assert_eq!(read.canonical(), written.clone());
        let identity = Identity::from_elements(elements).unwrap();
        prop_assert_eq!(identity.digital_link(), Some(written));
        prop_assert_eq!(read.identity().unwrap(), identity);
    }

    #[test]
    fn nothing_panics(uri in "https?://[a/]{0,3}(/(01|00|8004|10|x)/[0-9%]{0,20}){0,3}[?&=#0-9a]{0,8}", words: bool) {
        let options = LinkOptions { words, short_gtin: words };
        let _ = parse_digital_link(&uri, &options);
        let _ = parse_digital_link(uri.as_bytes().get(..9).unwrap_or_default(), &options);
    }
}
