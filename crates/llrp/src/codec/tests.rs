//! Round trips through the whole table, and hostile bytes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::codec::message::parse;
use crate::codec::sample::Sampler;
use crate::frame::RawFrame;

fn sample_frame(bytes: &[u8]) -> Frame {
    let mut g = Sampler::new(bytes);
    let message = Message::sample_any(&mut g);
    Frame {
        version: 1,
        message_id: u32::from(g.byte()),
        message,
    }
}

proptest! {
    #[test]
    fn encode_then_decode_is_identity(bytes in vec(any::<u8>(), 0..2000)) {
        let frame = sample_frame(&bytes);
        let wire = frame.encode().unwrap();
        let back = parse(&wire).unwrap();
        prop_assert_eq!(&back, &frame);
        prop_assert_eq!(back.encode().unwrap(), wire);
    }

    #[test]
    fn truncation_at_every_byte_is_no_panic(bytes in vec(any::<u8>(), 0..300)) {
        let wire = sample_frame(&bytes).encode().unwrap();
        for cut in 0..wire.len() {
            let mut short = wire[..cut].to_vec();
            prop_assert!(parse(&short).is_err());
            if cut >= 10 {
                short[2..6].copy_from_slice(&(cut as u32).to_be_bytes());
                let raw = RawFrame::parse(&short).unwrap();
                let _ = Frame::decode(raw);
                let _ = Frame::decode_lenient(raw);
            }
        }
    }

    #[test]
    fn any_bytes_decode_or_fail(message_type in 0u16..1024, body in vec(any::<u8>(), 0..400)) {
        let header = crate::frame::Header { version: 1, message_type, message_id: 1 };
        for frame in [Frame::decode(RawFrame { header, body: &body }), Frame::decode_lenient(RawFrame { header, body: &body })]
            .into_iter().flatten()
        {
            prop_assert!(frame.encode().is_ok());
        }
    }

    #[test]
    fn one_flipped_byte_is_no_panic(bytes in vec(any::<u8>(), 0..600), place in any::<usize>(), value: u8) {
        let mut wire = sample_frame(&bytes).encode().unwrap();
        let place = 6 + place % (wire.len() - 6);
        wire[place] = value;
        let raw = RawFrame::parse(&wire).unwrap();
        let _ = Frame::decode(raw);
        let _ = Frame::decode_lenient(raw);
    }
}

#[test]
fn nesting_ends_at_the_limit() {
    let mut body = Vec::new();
    for depth in 0..8000_u16 {
        body.extend_from_slice(&289_u16.to_be_bytes());
        body.extend_from_slice(&(8 * (8000 - depth)).to_be_bytes());
        body.extend_from_slice(&[0, 100, 0, 100]);
    }
    let header = crate::frame::Header {
        version: 1,
        message_type: 100,
        message_id: 1,
    };
    let raw = RawFrame {
        header,
        body: &body,
    };
    assert_eq!(Frame::decode(raw), Err(DecodeError::TooDeep));
    let lenient = Frame::decode_lenient(raw).unwrap();
    assert_eq!(
        lenient.encode().unwrap().get(10..),
        Some(&body[..]),
        "what is too deep stays as bytes"
    );
}

#[test]
fn unknown_tv_keeps_the_rest_as_bytes() {
    // KeepaliveSpec, then TV type 100 that nobody knows.
    let body = [0, 0, 220, 0, 9, 1, 0, 0, 3, 232, 0x80 | 100, 1, 2, 3];
    let header = crate::frame::Header {
        version: 1,
        message_type: 3,
        message_id: 1,
    };
    let body = [&body[..1], &body[1..]].concat();
    let frame = Frame::decode(RawFrame {
        header,
        body: &body,
    })
    .unwrap();
    let Message::SetReaderConfig(config) = &frame.message else {
        panic!("wrong type")
    };
    assert_eq!(
        config
            .params
            .first::<param::KeepaliveSpec>()
            .unwrap()
            .period_ms,
        1000
    );
    assert_eq!(
        config.params.0.last(),
        Some(&Param::Tail(vec![0x80 | 100, 1, 2, 3]))
    );
    assert_eq!(&frame.encode().unwrap()[10..], &body[..]);
}

#[test]
fn missing_and_surplus_are_errors_only_when_strict() {
    let header = crate::frame::Header {
        version: 1,
        message_type: 30,
        message_id: 1,
    };
    let raw = RawFrame { header, body: &[] };
    assert_eq!(
        Frame::decode(raw),
        Err(DecodeError::Missing {
            name: "ADD_ROSPEC_RESPONSE",
            missing: "LLRPStatus"
        })
    );
    assert!(Frame::decode_lenient(raw).is_ok());
    let header = crate::frame::Header {
        message_type: 62,
        ..header
    };
    let raw = RawFrame { header, body: &[1] };
    assert_eq!(
        Frame::decode(raw),
        Err(DecodeError::Trailing {
            name: "KEEPALIVE",
            bytes: 1
        })
    );
    assert!(Frame::decode_lenient(raw).is_ok());
}

fn tree_of(params: Params) -> Message {
    message::SetReaderConfig {
        reset_to_factory_default: false,
        params,
    }
    .into()
}

fn over_the_wire(version: u8, message: impl Into<Message>) -> (Frame, Vec<u8>) {
    let frame = Frame {
        version,
        message_id: 1,
        message: message.into(),
    };
    let wire = frame.encode().unwrap();
    let back = parse(&wire).unwrap();
    assert_eq!(back, frame);
    (back, wire)
}

#[test]
fn a_changed_parameter_keeps_its_bytes_in_every_version() {
    let old = param::C1G2LLRPCapabilities {
        can_support_block_erase: true,
        max_num_select_filters_per_query: 2,
        ..Default::default()
    };
    let (_, wire) = over_the_wire(1, tree_of(Params::default().with(old.clone())));
    assert_eq!(
        wire[11..],
        [1, 71, 0, 7, 0x80, 0, 2],
        "no bytes of LLRP 2.0"
    );
    let new = param::C1G2LLRPCapabilities {
        can_support_xpc: true,
        gen2v2: Some(field::Gen2V2Capabilities {
            can_support_untraceable: true,
            can_support_extended_power_on_period: true,
            ..Default::default()
        }),
        ..old
    };
    let (_, wire) = over_the_wire(3, tree_of(Params::default().with(new)));
    assert_eq!(wire[11..], [1, 71, 0, 9, 0x84, 0, 2, 0x80, 0x80]);
    let (_, wire) = over_the_wire(
        2,
        message::GetSupportedVersionResponse {
            current_version: 1,
            supported_version: 2,
            params: Params::default().with(param::LLRPStatus::default()),
        },
    );
    assert_eq!(wire[..2], [8, 56], "version 2 in the header");
    assert_eq!(
        wire[10..],
        [1, 2, 1, 31, 0, 8, 0, 0, 0, 0],
        "the status is last"
    );
    let untraceable = param::C1G2Untraceable {
        op_spec_id: 1,
        u: true,
        epc_length_words: field::U6(0b10_0001),
        tid: field::U2(2),
        user: true,
        range: field::U2(1),
        ..Default::default()
    };
    let (_, wire) = over_the_wire(3, tree_of(Params::default().with(untraceable)));
    assert_eq!(wire[15..], [0, 1, 0, 0, 0, 0, 0b1010_0001, 0b1010_1000]);
}

#[test]
fn vendor_parameters_have_typed_views_that_keep_every_byte() {
    let bytes: Vec<u8> = (0..=255).cycle().take(4000).collect();
    for (sample, view) in impinj::SAMPLES.iter().chain(zebra::SAMPLES) {
        let original = sample(&mut Sampler::new(&bytes));
        let Param::Custom(custom) = &original else {
            panic!("vendor parameters are Custom")
        };
        assert_eq!(view(custom), Some(original.clone()));
        let mut other = custom.clone();
        other.vendor = 1;
        assert_eq!(view(&other), None);
    }
    let grown = param::Custom {
        vendor: impinj::VENDOR,
        subtype: 57,
        data: field::Rest(vec![0xe7, 0x5a, 9, 9]),
    };
    let (frame, _) = over_the_wire(1, tree_of(Params::default().with(grown.clone())));
    let Message::SetReaderConfig(config) = &frame.message else {
        panic!("wrong type")
    };
    let typed = config.params.vendor::<impinj::PeakRSSI>().unwrap();
    assert_eq!(typed.rssi_hundredths_dbm, -6310);
    assert_eq!(
        Param::from(typed),
        grown.into(),
        "what the firmware added stays"
    );
    let cut = param::Custom {
        vendor: impinj::VENDOR,
        subtype: 57,
        data: field::Rest(vec![0xe7]),
    };
    assert!(impinj::PeakRSSI::from_custom(&cut).is_none());
}

#[test]
fn impinj_extensions_are_enabled_and_confirmed() {
    let (frame, wire) = over_the_wire(1, impinj::EnableExtensions);
    assert_eq!(wire[10..], [0, 0, 0x65, 0x1a, 21, 0, 0, 0, 0]);
    let Message::CustomMessage(request) = &frame.message else {
        panic!("wrong type")
    };
    assert!(impinj::EnableExtensions::from_message(request).is_some());
    assert!(impinj::EnableExtensionsResponse::from_message(request).is_none());
    let answer = impinj::EnableExtensionsResponse {
        params: Params::default().with(param::LLRPStatus::default()),
    };
    let (frame, _) = over_the_wire(1, answer.clone());
    let Message::CustomMessage(response) = &frame.message else {
        panic!("wrong type")
    };
    assert_eq!(
        impinj::EnableExtensionsResponse::from_message(response),
        Some(answer)
    );
}
