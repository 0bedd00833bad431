//! Tags: memory in hexadecimal, the EPC bank with its PC word, EPC tag URIs.

use serde_json::{Map, Value, json};
use tracegate_gs1::epc::{
    Epc, Gen2Bank, IsoData, PcWord, TagIdentity, Xpc, decode, encode_tag_uri, raw_uri,
};
use tracegate_gs1::{EpcError, Thing};

use super::answer::{self, Answer, refusal};
use super::words::Words;
use crate::error_chain;

/// Bytes and the number of bits of hexadecimal digits; the last byte may be half there.
struct Memory {
    bytes: Vec<u8>,
    bits: usize,
}

impl Memory {
    fn parse(hex: &str) -> Result<Self, String> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let digits: Option<Vec<u32>> = hex.bytes().map(digit).collect();
        let digits = digits.ok_or_else(|| format!("{hex:?} is not hexadecimal"))?;
        let bytes = digits.chunks(2).map(|pair| match pair {
            [high, low] => high << 4 | low,
            [high, ..] => high << 4,
            [] => 0,
        });
        let bytes = bytes.filter_map(|byte| u8::try_from(byte).ok()).collect();
        let bits = digits.len() * 4;
        Ok(Self { bytes, bits })
    }
}

/// A word of four hexadecimal digits.
pub(super) fn word(hex: &str) -> Result<u16, String> {
    let digits = hex.len() == 4 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = u16::from_str_radix(hex, 16).ok().filter(|_| digits);
    word.ok_or_else(|| format!("{hex:?} is not a word of four hexadecimal digits"))
}

/// `{"hex"}`: the EPC, or `error` and `uri_raw`.
pub(super) fn memory(hex: &str) -> Answer {
    let memory = match Memory::parse(hex) {
        Ok(memory) => memory,
        Err(reason) => return refusal(reason),
    };
    match decode(&memory.bytes, memory.bits) {
        Ok(epc) => epc_answer(&epc),
        Err(error) => refused(&memory, &error),
    }
}

/// TDS 15.2: what does not decode is named by its memory, if that is whole words.
fn refused(memory: &Memory, error: &EpcError) -> Answer {
    let mut answer = refusal(error_chain(error));
    let raw = memory
        .bits
        .is_multiple_of(16)
        .then(|| raw_uri(&memory.bytes, memory.bits));
    answer.insert("uri_raw".to_owned(), json!(raw));
    answer
}

fn epc_answer(epc: &Epc) -> Answer {
    let mut answer = Map::new();
    let mut put = |name: &str, value: Value| {
        answer.insert(name.to_owned(), value);
    };
    put("scheme", json!(epc.scheme().name()));
    put("filter", json!(epc.filter()));
    put("uri_tag", json!(epc.tag_uri()));
    put("uri_pure", json!(epc.pure_uri()));
    put("gs1_element", json!(epc.element_string()));
    let elements = epc.elements();
    let ais = if elements.is_empty() {
        Value::Null
    } else {
        answer::pairs(&elements)
    };
    put("ais", ais);
    put("digital_link", json!(epc.digital_link()));
    if let Some(host) = epc.host() {
        put("hostname", json!(host));
    }
    answer::named(epc.identity().map(Thing::Gs1).as_ref(), &mut answer);
    answer
}

/// `{"pc","epc","xpc"}`: `tag_uri` and `identity`, `iso` of an ISO tag; never refused for its content.
pub(super) fn bank(pc: &str, epc: &str, xpc: Option<&str>) -> Answer {
    let read = || -> Result<_, String> {
        let memory = Memory::parse(epc)?;
        Ok((word(pc)?, xpc.map(xpc_words).transpose()?, memory))
    };
    match read() {
        Ok((pc, xpc, memory)) => bank_answer(Some(pc), xpc, &memory),
        Err(reason) => refusal(reason),
    }
}

/// One or two words.
fn xpc_words(hex: &str) -> Result<Xpc, String> {
    let (first, second) = hex.split_at_checked(4).unwrap_or((hex, ""));
    let second = if second.is_empty() {
        None
    } else {
        Some(word(second)?)
    };
    Ok(Xpc::new(word(first)?, second))
}

fn bank_answer(pc: Option<u16>, xpc: Option<Xpc>, memory: &Memory) -> Answer {
    let bank = bank_of(pc, xpc, memory);
    let mut answer = Map::new();
    let mut put = |name: &str, value: Value| {
        answer.insert(name.to_owned(), value);
    };
    let identity = bank.identity();
    put(
        "toggle",
        json!(u8::from(bank.pc.is_some_and(PcWord::is_iso))),
    );
    let afi = bank.pc.and_then(PcWord::afi);
    put("afi", json!(afi.map(|afi| format!("{afi:02X}"))));
    put("tag_uri", json!(bank.tag_uri()));
    put("identity", json!(identity_name(&identity)));
    if let TagIdentity::Raw { reason, .. } = &identity {
        put("reason", json!(error_chain(reason)));
    }
    if let Some(iso) = bank.iso_data() {
        put(
            "iso",
            json!({"di": iso.di.as_str(), "data": iso.data, "text": iso.text()}),
        );
    }
    let thing = thing(&identity, bank.iso_data().as_ref());
    answer::named(thing.as_ref(), &mut answer);
    answer
}

fn bank_of(pc: Option<u16>, xpc: Option<Xpc>, memory: &Memory) -> Gen2Bank<'_> {
    Gen2Bank {
        bit_len: memory.bits,
        ..Gen2Bank::new(pc, xpc, &memory.bytes)
    }
}

/// The pure identity URI; the Digital Link where there is none; else the raw URI.
fn identity_name(identity: &TagIdentity) -> String {
    match identity {
        TagIdentity::Epc(epc) => epc.pure_uri().unwrap_or_else(|| epc.instance_uri()),
        TagIdentity::Raw { uri, .. } => uri.clone(),
    }
}

fn thing(identity: &TagIdentity, iso: Option<&IsoData>) -> Option<Thing> {
    match identity.epc() {
        Some(epc) => epc.identity().map(Thing::Gs1),
        None => iso?.thing(),
    }
}

/// The memory that a single input names: in hexadecimal, or by its EPC tag URI.
fn named_memory(input: &str) -> Result<Memory, String> {
    if input.starts_with("urn:epc:") {
        let binary = encode_tag_uri(input).map_err(|error| error_chain(&error))?;
        return Ok(Memory {
            bytes: binary.bytes,
            bits: binary.bit_len,
        });
    }
    Memory::parse(input)
}

/// A single input as an object.
pub(super) fn answer(input: &str, pc: Option<u16>) -> Answer {
    let memory = match named_memory(input) {
        Ok(memory) => memory,
        Err(reason) => return refusal(reason),
    };
    let mut answer = match decode(&memory.bytes, memory.bits) {
        Ok(epc) => epc_answer(&epc),
        Err(error) => refused(&memory, &error),
    };
    answer.insert("hex".to_owned(), json!(hex(&memory)));
    match pc {
        Some(pc) => bank_answer(Some(pc), None, &memory),
        None => answer,
    }
}

/// A single input in words.
pub(super) fn words(input: &str, pc: Option<u16>) -> String {
    let memory = match named_memory(input) {
        Ok(memory) => memory,
        Err(reason) => return Words::titled("Not a tag").line("reason", &reason).done(),
    };
    let bank = bank_of(pc, None, &memory);
    let identity = bank.identity();
    let mut words = match &identity {
        TagIdentity::Epc(epc) => {
            let mut words = Words::titled(&format!("Tag of scheme {}", epc.scheme().name()));
            words.optional("filter", epc.filter().map(|filter| filter.to_string()));
            words.optional("tag URI", Some(bank.tag_uri()));
            words.optional("pure identity", epc.pure_uri());
            words.elements(&epc.elements());
            words.optional("Digital Link", epc.digital_link());
            words
        }
        TagIdentity::Raw { uri, reason } => {
            let mut words = Words::titled("Tag that holds no EPC");
            words.optional("reason", Some(error_chain(reason)));
            words.optional("raw URI", Some(uri.clone()));
            words
        }
    };
    if let Some(iso) = bank.iso_data() {
        words.optional("data identifier", Some(iso.di.to_string()));
        words.optional("data", Some(iso.data.clone()));
    }
    words.optional("memory", Some(hex(&memory)));
    words.thing(thing(&identity, bank.iso_data().as_ref()).as_ref());
    words.done()
}

fn hex(memory: &Memory) -> String {
    let mut text: String = memory
        .bytes
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    text.truncate(memory.bits.div_ceil(4));
    text
}
