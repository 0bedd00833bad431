//! Properties of all schemes.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn what_is_encoded_decodes(uri in testing::tag_uri()) {
        let binary = encode_tag_uri(&uri).unwrap();
        let epc = decode(&binary.bytes, binary.bit_len).unwrap();
        prop_assert_eq!(epc.tag_uri(), Some(uri));
        prop_assert_eq!(epc.to_binary(), binary.clone());
        prop_assert_eq!(decode(&binary.bytes, binary.bytes.len() * 8), Ok(epc.clone()));
        if let Some(identity) = epc.identity() {
            prop_assert_eq!(Some(epc.instance_uri()), identity.instance_uri());
            prop_assert_eq!(epc.digital_link(), identity.digital_link());
            prop_assert_eq!(identity.elements(), epc.elements());
        }
        for cut in 0..binary.bit_len {
            prop_assert!(decode(&binary.bytes, cut).is_err(), "{}", cut);
        }
    }

    #[test]
    fn elements_make_the_epc_they_came_from(uri in testing::tag_uri()) {
        let epc = Epc::from_tag_uri(&uri).unwrap();
        let elements = epc.elements();
        let prefix = uri.split(['.', ':']).nth(5).unwrap().len() as u8;
        let again = Epc::from_elements(epc.scheme(), epc.filter().unwrap_or(0), prefix, &elements, None);
        if elements.is_empty() {
            prop_assert_eq!(again, Err(EpcError::Elements { scheme: epc.scheme() }));
        } else {
            prop_assert_eq!(again, Ok(epc));
        }
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bits(
        scheme in prop::sample::select(Scheme::ALL),
        mut memory in prop::collection::vec(any::<u8>(), 12..40),
        zero_tail in 0..32_usize,
    ) {
        memory[0] = scheme.spec().header;
        let kept = memory.len().saturating_sub(zero_tail).max(2);
        memory[kept..].fill(0);
        match decode_bank(None, &memory, memory.len() * 8) {
            TagIdentity::Epc(epc) => {
                let binary = epc.to_binary();
                if let Some(uri) = epc.tag_uri() {
                    let whole = binary.bit_len / 8;
                    prop_assert_eq!(&binary.bytes[..whole], &memory[..whole]);
                    prop_assert_eq!(encode_tag_uri(&uri), Ok(binary.clone()));
                }
                prop_assert_eq!(decode(&binary.bytes, binary.bit_len), Ok(epc.clone()));
                prop_assert!(!epc.instance_uri().is_empty());
            }
            TagIdentity::Raw { uri, .. } => prop_assert!(uri.starts_with("urn:epc:raw:")),
        }
    }

    #[test]
    fn no_memory_panics(pc: Option<u16>, memory in prop::collection::vec(any::<u8>(), 0..40), bit_len in 0..400_usize) {
        let bank = Gen2Bank { pc: pc.map(PcWord), xpc: pc.map(|word| Xpc::new(word, pc)), epc: &memory, bit_len };
        let _ = (bank.identity().uri(), bank.tag_uri(), bank.iso_data());
    }

    #[test]
    fn no_uri_panics(
        scheme in prop::sample::select(Scheme::ALL),
        fields in "[0-9A-Z.%#a/]{0,40}",
    ) {
        let _ = encode_tag_uri(&format!("urn:epc:tag:{scheme}:{fields}"));
    }

    #[test]
    fn tag_and_barcode_of_one_item_have_one_name(uri in testing::sgtin_uri(), lot in "[A-Z0-9]{1,8}") {
        let epc = Epc::from_tag_uri(&uri).unwrap();
        let tag = epc.identity().unwrap();
        let (key, serial) = (&tag.elements()[0], tag.serial().unwrap());
        let barcode = format!("]d2{}{}17261231\x1d10{lot}\x1d21{serial}", key.ai(), key.value());
        let scan = crate::parse_scan(barcode.as_bytes(), &Default::default()).unwrap();
        let scanned = scan.identity().unwrap();
        prop_assert_eq!(scanned.instance_uri(), tag.instance_uri());
        prop_assert!(tag.instance_uri().is_some());
    }
}
