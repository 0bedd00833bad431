//! The EPC bank: PC word, XPC words, raw URIs.

use super::*;

#[test]
fn raw_uris_are_numbers() {
    for (hex, bit_len, uri) in [
        ("", 0, "urn:epc:raw:0.x"),
        ("e200abCD", 32, "urn:epc:raw:32.xE200ABCD"),
        ("FFF0", 12, "urn:epc:raw:12.xFFF"),
        ("FFE0", 11, "urn:epc:raw:11.x7FF"),
        ("FF80", 9, "urn:epc:raw:9.x1FF"),
        ("80", 1, "urn:epc:raw:1.x1"),
        ("FE", 7, "urn:epc:raw:7.x7F"),
    ] {
        assert_eq!(raw_uri(&bytes(hex), bit_len), uri);
    }
}

#[test]
fn the_toggle_bit_rules_the_header_out() {
    let sgtin = bytes("3074257BF7194E4000001A85");
    let iso = decode_bank(Some(0x31A1), &sgtin, 96);
    let uri = "urn:epc:raw:96.xA1.x3074257BF7194E4000001A85".to_owned();
    assert_eq!(
        iso,
        TagIdentity::Raw {
            uri: uri.clone(),
            reason: RawReason::Iso { afi: 0xA1 }
        }
    );
    assert_eq!(iso.uri(), uri);
    for pc in [None, Some(0x3000), Some(0x34A5)] {
        assert_eq!(
            decode_bank(pc, &sgtin, 96).uri(),
            "https://id.gs1.org/01/80614141123458/21/6789"
        );
    }
}

#[test]
fn undecodable_memory_is_kept_with_its_control_bits() {
    for (pc, uri) in [
        (None, "urn:epc:raw:32.xE2801160"),
        (Some(0x1000), "urn:epc:raw:32.xE2801160"),
        (Some(0x1480), "urn:epc:raw:[att=x80][umi=1]:32.xE2801160"),
    ] {
        let reason = RawReason::Undecodable(EpcError::Header(0xE2));
        assert_eq!(
            decode_bank(pc, &bytes("E2801160"), 32),
            TagIdentity::Raw {
                uri: uri.to_owned(),
                reason
            }
        );
    }
}

#[test]
fn control_information_leads_the_uri() {
    let sgtin = bytes("3074257BF7194E4000001A85");
    for (pc, xpc, control) in [
        (0x3000, None, ""),
        (0x3000, Some(Xpc::default()), ""),
        (0x34A5, None, "[att=xA5][umi=1]:"),
        (0x3200, Some(Xpc::new(0x0001, None)), "[xpc=x0001]:"),
        (
            0x3601,
            Some(Xpc::new(0x8884, Some(0x0102))),
            "[att=x01][umi=1][xpc=x88840102]:",
        ),
    ] {
        let bank = Gen2Bank::new(Some(pc), xpc, &sgtin);
        let uri = format!("urn:epc:tag:{control}sgtin-96:3.0614141.812345.6789");
        assert_eq!(bank.tag_uri(), uri);
        let raw = Gen2Bank::new(Some(pc), xpc, &[0xE2; 12]).tag_uri();
        assert_eq!(raw, format!("urn:epc:raw:{control}96.x{}", "E2".repeat(12)));
    }
    // An ISO tag has no attribute bits; the byte is its family.
    let iso = Gen2Bank::new(Some(0x35A1), Some(Xpc::new(0x0880, None)), &sgtin);
    let uri = "urn:epc:raw:[umi=1][xpc=x0880]:96.xA1.x3074257BF7194E4000001A85";
    assert_eq!(iso.tag_uri(), uri);
    // What has no tag URI is named by its Digital Link.
    let plus = bytes("F90095201234567891235000");
    let bank = Gen2Bank::new(Some(0x3000), None, &plus);
    assert_eq!(bank.tag_uri(), "https://id.gs1.org/00/095201234567891235");
}

#[test]
fn the_pc_word_rules_the_length() {
    let memory = bytes("3074257BF7194E4000001A85FFFF0000");
    let sgtin = "https://id.gs1.org/01/80614141123458/21/6789";
    // Six words; what the reader adds is not the EPC.
    assert_eq!(decode_bank(Some(0x3000), &memory, 128).uri(), sgtin);
    // No length at all says nothing.
    assert_eq!(decode_bank(Some(0x0000), &memory, 128).uri(), sgtin);
    let short = TagIdentity::Raw {
        uri: "urn:epc:raw:80.x3074257BF7194E400000".to_owned(),
        reason: RawReason::Undecodable(EpcError::TooShort {
            scheme: Scheme::Sgtin96,
            needs: 96,
            has: 80,
        }),
    };
    assert_eq!(decode_bank(Some(0x2800), &memory, 128), short);
    let cut = TagIdentity::Raw {
        uri: "urn:epc:raw:96.x3074257BF7194E4000001A85".to_owned(),
        reason: RawReason::Length {
            announced: 112,
            reported: 96,
        },
    };
    assert_eq!(decode_bank(Some(0x3800), &memory, 96), cut);
    // With XPC words the length may count these too.
    assert_eq!(decode_bank(Some(0x4200), &memory, 96).uri(), sgtin);
    assert!(decode_bank(Some(0x4A00), &memory, 96).epc().is_none());
    let pc = PcWord(0x34A5);
    assert_eq!(
        (pc.epc_words(), pc.attributes(), pc.afi()),
        (6, Some(0xA5), None)
    );
    let pc = PcWord(0x33A1);
    assert_eq!(
        (pc.has_xpc(), pc.attributes(), pc.afi()),
        (true, None, Some(0xA1))
    );
}

#[test]
fn data_of_iso_tags() {
    let memory = bytes("C4A54EE78CB2D73D38D45E0B");
    let iso = Gen2Bank::new(Some(0x31A2), None, &memory)
        .iso_data()
        .unwrap();
    assert_eq!(
        (iso.di.as_str(), iso.data.as_str()),
        ("1J", "UN982253485E8K")
    );
    for pc in [None, Some(0x30A2), Some(0x3190)] {
        assert_eq!(Gen2Bank::new(pc, None, &memory).iso_data(), None);
    }
}
