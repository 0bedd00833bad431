//! Message bodies, each odd in one way.

use tracegate_llrp::codec::Oddities;

pub fn tlv(number: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 4).unwrap();
    [&number.to_be_bytes(), &length.to_be_bytes(), content].concat()
}

pub fn custom(vendor: u32, subtype: u32, data: &[u8]) -> Vec<u8> {
    tlv(
        1023,
        &[&vendor.to_be_bytes(), &subtype.to_be_bytes(), data].concat(),
    )
}

pub const IMPINJ: u32 = 25882;

/// The error of the strict decoder, `""` for none; what the lenient one counts.
pub struct Case {
    pub name: &'static str,
    pub message_type: u16,
    pub body: Vec<u8>,
    pub strict: &'static str,
    pub odd: Oddities,
}

fn case(
    name: &'static str,
    message_type: u16,
    parts: &[&[u8]],
    strict: &'static str,
    odd: Oddities,
) -> Case {
    Case {
        name,
        message_type,
        body: parts.concat(),
        strict,
        odd,
    }
}

pub fn cases() -> Vec<Case> {
    let none = Oddities::default();
    let keepalive = tlv(220, &[1, 0, 0, 0, 9]);
    let status = |code: u16, text: &[u8]| {
        let count = u16::try_from(text.len()).unwrap().to_be_bytes();
        tlv(287, &[&code.to_be_bytes()[..], &count, text].concat())
    };
    let bits =
        |count: u16, bytes: &[u8]| tlv(240, &tlv(241, &[&count.to_be_bytes()[..], bytes].concat()));
    vec![
        case(
            "unknown TLV",
            3,
            &[&[0], &tlv(900, &[1, 2]), &keepalive],
            "",
            Oddities {
                unknown_params: 1,
                ..none
            },
        ),
        case(
            "unknown TLV without content",
            3,
            &[&[0], &tlv(901, &[])],
            "",
            Oddities {
                unknown_params: 1,
                ..none
            },
        ),
        case(
            "reserved bits of a TLV's type",
            3,
            &[&[0], &tlv(0x7c00 | 900, &[])],
            "",
            Oddities {
                unknown_params: 1,
                ..none
            },
        ),
        case(
            "unknown TV",
            3,
            &[&[0], &keepalive, &[0xe4, 1, 2, 3]],
            "",
            Oddities {
                unknown_tv: 1,
                ..none
            },
        ),
        case(
            "unknown message",
            999,
            &[&[1, 2, 3]],
            "",
            Oddities {
                unknown_messages: 1,
                ..none
            },
        ),
        case(
            "unknown status",
            13,
            &[&status(398, b"")],
            "",
            Oddities {
                unknown_codes: 1,
                ..none
            },
        ),
        case(
            "unknown notification",
            63,
            &[&tlv(246, &[tlv(128, &[0; 8]), tlv(256, &[0, 77])].concat())],
            "",
            Oddities {
                unknown_codes: 1,
                ..none
            },
        ),
        case(
            "unknown air protocol in a list",
            11,
            &[&status(0, b""), &tlv(140, &[0, 1, 0, 2, 1, 9])],
            "",
            Oddities {
                unknown_codes: 1,
                ..none
            },
        ),
        case(
            "text in Latin-1",
            13,
            &[&status(0, b"gepr\xfcft")],
            "",
            Oddities {
                bad_texts: 1,
                ..none
            },
        ),
        case("EPC of 13 bits", 61, &[&bits(13, &[0xab, 0xc8])], "", none),
        case(
            "EPC of 13 bits with stray ones",
            61,
            &[&bits(13, &[0xab, 0xcf])],
            "",
            Oddities {
                stray_bits: 1,
                ..none
            },
        ),
        case("EPC of no bits", 61, &[&bits(0, &[])], "", none),
        case(
            "vendor parameter as known",
            61,
            &[&custom(IMPINJ, 57, &[1, 2])],
            "",
            none,
        ),
        case(
            "grown vendor parameter",
            61,
            &[&custom(IMPINJ, 57, &[1, 2, 3])],
            "",
            Oddities {
                grown_vendor: 1,
                ..none
            },
        ),
        case(
            "shrunk vendor parameter",
            61,
            &[&custom(IMPINJ, 57, &[1])],
            "",
            Oddities {
                unknown_vendor: 1,
                ..none
            },
        ),
        case(
            "unknown vendor parameter",
            61,
            &[&custom(161, 1000, &[1]), &custom(7, 1, &[])],
            "",
            Oddities {
                unknown_vendor: 2,
                ..none
            },
        ),
        case(
            "unknown value in a vendor parameter",
            61,
            &[&custom(IMPINJ, 23, &[0, 99])],
            "",
            Oddities {
                unknown_codes: 1,
                ..none
            },
        ),
        case(
            "unknown vendor message",
            1023,
            &[&[0, 0, 0, 7, 1, 9, 9]],
            "",
            Oddities {
                unknown_vendor: 1,
                ..none
            },
        ),
        case("report without tags", 61, &[], "", none),
        case(
            "parameter twice",
            3,
            &[&[0], &keepalive, &keepalive],
            "",
            none,
        ),
        case(
            "parameters in another order",
            13,
            &[&keepalive, &status(0, b"")],
            "",
            none,
        ),
        case(
            "vendor parameter without its vendor",
            61,
            &[&tlv(1023, &[0, 0, 0, 1])],
            "4 bytes needed",
            Oddities {
                bad_params: 1,
                ..none
            },
        ),
        case(
            "parameter grown by a field",
            3,
            &[&[0], &tlv(220, &[1, 0, 0, 0, 9, 7])],
            "1 bytes too many in KeepaliveSpec",
            Oddities {
                skipped_bytes: 1,
                ..none
            },
        ),
        case(
            "message grown by a field",
            62,
            &[&[1, 2]],
            "2 bytes too many in KEEPALIVE",
            Oddities {
                skipped_bytes: 2,
                ..none
            },
        ),
        case(
            "parameter too short",
            3,
            &[&[0], &tlv(220, &[1, 0]), &keepalive],
            "4 bytes needed",
            Oddities {
                bad_params: 1,
                ..none
            },
        ),
        case(
            "list beyond its parameter",
            61,
            &[&bits(64, &[1, 2])],
            "8 bytes needed",
            Oddities {
                bad_params: 1,
                ..none
            },
        ),
        case("status missing", 13, &[], "lacks its LLRPStatus", none),
        case(
            "length 0",
            3,
            &[&[0], &[0, 220, 0, 0]],
            "length of 0",
            Oddities::default(),
        ),
        case(
            "length 3",
            3,
            &[&[0], &[0, 220, 0, 3]],
            "length of 3",
            Oddities::default(),
        ),
        case(
            "cut header of a parameter",
            3,
            &[&[0], &[0, 220, 0]],
            "2 bytes needed",
            Oddities::default(),
        ),
        case(
            "parameter beyond the message",
            3,
            &[&[0], &[0, 220, 0, 9, 1]],
            "5 bytes needed",
            Oddities::default(),
        ),
    ]
}
