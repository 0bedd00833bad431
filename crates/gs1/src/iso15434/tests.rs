//! Messages: whole ones, damaged ones, and those that are refused.

use proptest::prelude::*;

use super::*;

/// `06 P=1 Q=2; 05 …` with the defects behind it, or the reason for refusal.
fn read(written: &str) -> String {
    let data = written
        .replace('␞', "\x1e")
        .replace('␝', "\x1d")
        .replace('␄', "\x04");
    let message = match parse_message(data.as_bytes()) {
        Ok(message) => message,
        Err(error) => return error.to_string(),
    };
    let formats: Vec<String> = message.formats.iter().map(format).collect();
    let mut text = formats.join("; ");
    for defect in message.defects {
        text += &format!(" ({defect})");
    }
    text
}

fn format(format: &Format) -> String {
    let mut text = format.indicator.clone();
    match &format.content {
        FormatContent::Gs1(elements) => {
            for element in elements {
                text += &format!(" ({})={}", element.ai(), element.value());
            }
        }
        FormatContent::Di(elements) => {
            for element in elements {
                text += &format!(" {}={}", element.di, element.value);
            }
        }
        FormatContent::Text(elements) => {
            for (identifier, value) in elements {
                text += &format!(" {identifier}={value}");
            }
        }
        FormatContent::Other(data) => text += &format!(" {data:?}"),
    }
    text
}

#[test]
fn whole_messages() {
    for (message, expected) in [
        (
            "[)>␞06␝P12345␝Q100␝1TL 7␝4LDE␞␄",
            "06 P=12345 Q=100 1T=L 7 4L=DE",
        ),
        (
            "[)>␞05␝0109506000134352␝10A␝21S␞␄",
            "05 (01)=09506000134352 (10)=A (21)=S",
        ),
        (
            "[)>␞05␝010950600013435210A␝21S␞␄",
            "05 (01)=09506000134352 (10)=A (21)=S",
        ),
        ("[)>␞06␝P1␞05␝13220101␞␄", "06 P=1; 05 (13)=220101"),
        ("[)>␞12␝MFR S0167␝SER 12 3␞␄", "12 MFR=S0167 SER=12 3"),
        ("[)>␞07free text␞␄", "07 \"free text\""),
        ("[)>␞0196␝1Z2␞06␝P1␞␄", "01 \"96\\u{1d}1Z2\"; 06 P=1"),
        ("[)>␞06␝P1␝␞␄", "06 P=1"),
    ] {
        assert_eq!(read(message), expected, "{message}");
    }
}

#[test]
fn defects_of_the_envelope_are_told() {
    for (message, expected) in [
        ("[)>06␝P1␞␄", "06 P=1 (first RS missing)"),
        ("[)>␝06␝P1␞␄", "06 P=1 (first RS replaced)"),
        ("[)>\0\u{30}6␝P1␞␄", "06 P=1 (first RS replaced)"),
        ("[)>␞06␝P1␄", "06 P=1 (last RS missing)"),
        ("[)>␞06␝P1␞", "06 P=1 (EOT missing)"),
        ("[)>␞06␝P1", "06 P=1 (trailer missing)"),
        (
            "[)>{RS}06{GS}P1{GS}Q2{RS}{EOT}",
            "06 P=1 Q=2 (control characters written out)",
        ),
        (
            "[)><RS>06<GS>P1<RS><EOT>",
            "06 P=1 (control characters written out)",
        ),
        // Data that looks like a control character written out, in a message that has real ones.
        ("[)>␞06␝P1{GS}Q2␞␄", "06 P=1{GS}Q2"),
    ] {
        assert_eq!(read(message), expected, "{message}");
    }
}

#[test]
fn refusals_say_why() {
    let di = "no data identifier, up to three digits and a capital letter,";
    for (message, why) in [
        (
            "",
            "not an ISO/IEC 15434 message: it must start with [)>".to_owned(),
        ),
        (
            "[)>",
            "the ISO/IEC 15434 message has a header and no format".to_owned(),
        ),
        (
            "[)>␞",
            "the ISO/IEC 15434 message has a header and no format".to_owned(),
        ),
        (
            "[)>␞␄",
            "the ISO/IEC 15434 message has a header and no format".to_owned(),
        ),
        (
            "[)>␞P1␞␄",
            "no format indicator of two digits at byte 4".to_owned(),
        ),
        (
            "[)>␞06␝P1␞␞␄",
            "no format indicator of two digits at byte 10".to_owned(),
        ),
        (
            "[)>␞06P1␞␄",
            "format 06 at byte 4 does not start with GS".to_owned(),
        ),
        ("[)>␞06␞␄", "format 06 at byte 4 has no data".to_owned()),
        ("[)>␞06␝␞␄", "format 06 at byte 4 has no data".to_owned()),
        ("[)>␞07␞␄", "format 07 at byte 4 has no data".to_owned()),
        (
            "[)>␞99␝P1␞␄",
            "format 99 at byte 4 is not assigned".to_owned(),
        ),
        ("[)>␞00␞␄", "format 00 at byte 4 is not assigned".to_owned()),
        ("[)>␞06␝p1␞␄", format!("{di} at byte 7")),
        ("[)>␞06␝P1␝␝Q2␞␄", format!("{di} at byte 10")),
        ("[)>␞06␝P1␝Q␞␄", "Q at byte 10 has no data".to_owned()),
        (
            "[)>␞06␝P1\u{1f}2␞␄",
            "control character 1FH at byte 9".replace('H', "h"),
        ),
        ("[)>␞05␝99␞␄", "format 05 is not valid GS1 data".to_owned()),
        (
            "[)>␞06␝P1␄Q2␞␄",
            "data after the end of the message, at byte 10".to_owned(),
        ),
        (
            "[)>␞12␝MFRX␞␄",
            "no text element identifier, three letters and a space, at byte 7".to_owned(),
        ),
    ] {
        assert_eq!(read(message), why, "{message}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(data in "\\[\\)>[\x1e\x1d\x04{}<>056712P1GSREOT ]{0,24}") {
        let _ = parse_message(data.as_bytes());
    }

    #[test]
    fn fields_come_back(fields in proptest::collection::vec(("[0-9]{0,3}[A-Z]", "[ -~]{1,20}"), 1..6)) {
        let body: Vec<String> = fields.iter().map(|(di, value)| format!("{di}{value}")).collect();
        let message = format!("[)>\x1e06\x1d{}\x1e\x04", body.join("\x1d"));
        let parsed = parse_message(message.as_bytes()).unwrap();
        let found: Vec<(String, String)> = parsed
            .data_elements()
            .map(|element| (element.di.to_string(), element.value.clone()))
            .collect();
        prop_assert_eq!(found, fields);
        prop_assert!(parsed.defects.is_empty());
    }
}
