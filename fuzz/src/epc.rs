//! What is in a tag and what is written about tags: EPC memory, tag URIs, patterns.

use tracegate_gs1::{
    Epc, TagIdentity,
    epc::{Gen2Bank, Pattern, PcWord, Xpc, decode, encode_tag_uri},
};

/// The start of the EPC in its bank, where Select masks count from.
const EPC_START: usize = 0x20;

/// The EPC bank: a byte of settings, the PC word, the EPC.
///
/// What decodes comes back from its own bits, its own tag URI and its own elements, and has one
/// name however it is asked for.
pub fn memory(data: &[u8]) {
    let Some((&[settings, high, low], memory)) = data.split_first_chunk() else {
        return;
    };
    let word = u16::from_be_bytes([high, low]);
    let whole = memory.len() * 8;
    let bank = Gen2Bank {
        pc: (settings & 1 != 0).then_some(PcWord(word)),
        xpc: (settings & 2 != 0).then_some(Xpc::new(word, Some(!word))),
        epc: memory,
        // Any length, a little too long as well.
        bit_len: whole.saturating_sub(usize::from(settings >> 4)) + usize::from(settings & 4),
    };
    assert!(!bank.tag_uri().is_empty());
    let _ = bank.iso_data().and_then(|data| data.thing());
    if let TagIdentity::Epc(epc) = bank.identity() {
        check(&epc);
    }
}

fn check(epc: &Epc) {
    let binary = epc.to_binary();
    let again = decode(&binary.bytes, binary.bit_len);
    assert_eq!(again.as_ref(), Ok(epc), "by its bits");
    let padded = decode(&binary.bytes, binary.bytes.len() * 8);
    assert_eq!(padded.as_ref(), Ok(epc), "by its words");
    if let Some(uri) = epc.tag_uri() {
        assert_eq!(Epc::from_tag_uri(&uri).as_ref(), Ok(epc), "{uri}");
    }
    let elements = epc.elements();
    let Some(identity) = epc.identity() else {
        assert!(elements.is_empty());
        return;
    };
    assert_eq!(identity.instance_uri(), Some(epc.instance_uri()));
    if epc.tag_uri().is_none() {
        let filter = epc.filter().unwrap_or(0);
        let built = Epc::from_elements(epc.scheme(), filter, 0, &elements, epc.host());
        assert_eq!(built.as_ref(), Ok(epc), "by its elements");
    }
}

/// A tag URI, which comes back from the bits that it makes.
pub fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(epc) = Epc::from_tag_uri(text) {
        check(&epc);
        let binary = encode_tag_uri(text).expect("it was parsed");
        let again = decode(&binary.bytes, binary.bit_len).expect("it was encoded");
        assert_eq!(again, epc, "{text}");
    }
}

/// A pattern, a line feed, and memory to match it with.
///
/// What matches has every bit of the pattern's Select masks.
pub fn pattern(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == b'\n');
    let text = parts.next().unwrap_or_default();
    let memory = parts.next().unwrap_or_default();
    let Ok(pattern) = String::from_utf8_lossy(text).parse::<Pattern>() else {
        return;
    };
    assert_eq!(pattern.to_string().parse().as_ref(), Ok(&pattern));
    let select = pattern.select();
    let matches = pattern.matches(memory, memory.len() * 8);
    let bit = |bytes: &[u8], at: usize| bytes.get(at / 8).map(|byte| byte >> (7 - at % 8) & 1);
    let selected = select.masks.iter().all(|mask| {
        (0..mask.bit_len).all(|place| {
            let at = mask.bit_pointer - EPC_START + place;
            bit(memory, at) == bit(&mask.mask, place)
        })
    });
    assert!(!matches || selected, "{pattern} {memory:02X?}");
}
