//! What a scanner may send: scans of every setting, Digital Links, messages, HIBC.

use tracegate_gs1::{
    Identity, LinkOptions, ScanContent, ScanOptions, Unidentified, associations, hibc::parse_hibc,
    iso15434::parse_message, link_of, parse_digital_link, parse_element_string, parse_scan,
    plain::PlainPattern,
};

/// A scan; its first byte is the setting of the feed.
///
/// Whatever is taken as GS1 data comes back from its own element string and from its own link.
pub fn scan(data: &[u8]) {
    let Some((setting, raw)) = data.split_first() else {
        return;
    };
    let options = ScanOptions {
        unidentified: match setting & 3 {
            0 => Unidentified::Plain,
            1 => Unidentified::Gs1,
            _ => Unidentified::Refused,
        },
        gs_substitutes: if setting & 4 == 0 {
            Vec::new()
        } else {
            vec!["^".to_owned(), "<GS>".to_owned()]
        },
        keep_unknown_ais: setting & 8 != 0,
        link: LinkOptions {
            words: setting & 16 != 0,
            short_gtin: setting & 32 != 0,
        },
        patterns: PlainPattern::new("order", "WO(?<order>[0-9]+)")
            .into_iter()
            .collect(),
    };
    let Ok(scan) = parse_scan(raw, &options) else {
        return;
    };
    let _ = (scan.thing().and_then(|thing| thing.uri()), scan.udi());
    let _ = scan.warnings.iter().map(ToString::to_string).count();
    let ScanContent::Gs1(elements) = &scan.content else {
        return;
    };
    if elements.is_empty() {
        return;
    }
    let text: Vec<String> = elements
        .iter()
        .map(|element| format!("{}{}", element.ai(), element.value()))
        .collect();
    let again = parse_element_string(text.join("\x1d"));
    assert_eq!(again.as_ref(), Ok(elements), "{raw:?}");
    if let Some(link) = link_of(elements) {
        let read = parse_digital_link(&link, &LinkOptions::default());
        let read = read.unwrap_or_else(|error| panic!("{link}: {error}"));
        assert_eq!(read.canonical(), link);
    }
    if let Ok(identity) = Identity::from_elements(elements.clone()) {
        let _ = (
            identity.instance_uri(),
            identity.class_uri(),
            identity.level(),
        );
        if let Some(link) = identity.digital_link() {
            let read = parse_digital_link(&link, &LinkOptions::default());
            let read = read.unwrap_or_else(|error| panic!("{link}: {error}"));
            assert_eq!(read.identity().as_ref(), Ok(&identity), "{link}");
        }
    }
}

/// A Digital Link; its first byte is the options. What is taken is canonical at the second time.
pub fn link(data: &[u8]) {
    let Some((options, uri)) = data.split_first() else {
        return;
    };
    let options = LinkOptions {
        words: options & 1 != 0,
        short_gtin: options & 2 != 0,
    };
    let Ok(link) = parse_digital_link(uri, &options) else {
        return;
    };
    let _ = associations(link.elements());
    let canonical = link.canonical();
    let again = parse_digital_link(&canonical, &LinkOptions::default());
    let again = again.unwrap_or_else(|error| panic!("{canonical}: {error}"));
    assert_eq!(again.canonical(), canonical);
}

/// An ISO/IEC 15434 message.
pub fn message(data: &[u8]) {
    if let Ok(message) = parse_message(data) {
        assert!(!message.formats.is_empty());
        for element in message.data_elements() {
            assert!(!element.value.is_empty(), "{data:?}");
        }
    }
}

/// HIBC data. One changed character is always seen.
pub fn hibc(data: &[u8]) {
    if parse_hibc(data).is_err() {
        return;
    }
    for place in 1..data.len() {
        let mut changed = data.to_vec();
        if let Some(byte) = changed.get_mut(place) {
            *byte = if *byte == b'7' { b'8' } else { b'7' };
        }
        assert!(parse_hibc(&changed).is_err(), "{data:?} at {place}");
    }
}
