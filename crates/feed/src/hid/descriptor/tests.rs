use proptest::prelude::*;

use super::*;

fn usage(page: u16, id: u16) -> Usage {
    Usage { page, id }
}

/// A keyboard, as in appendix B.1 of the standard: modifiers, a constant byte, lamps, an array of keys.
const KEYBOARD: &[u8] = &[
    0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01,
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x01, 0x95, 0x05, 0x75, 0x01,
    0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02, 0x95, 0x01, 0x75, 0x03, 0x91, 0x01, 0x95, 0x06,
    0x75, 0x08, 0x15, 0x00, 0x25, 0x65, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0xC0,
];

#[test]
fn the_keyboard_of_the_standard_is_understood() {
    let keyboard = Descriptor::parse(KEYBOARD).unwrap();
    assert_eq!(keyboard.applications, [usage(1, 6)]);
    assert_eq!(keyboard.report_len(Kind::Input, None), Some(8));
    assert_eq!(keyboard.report_len(Kind::Output, None), Some(1));
    assert_eq!(keyboard.report_len(Kind::Feature, None), None);
    let [modifiers, lamps, keys] = keyboard.fields.as_slice() else {
        panic!("{keyboard:?}")
    };
    assert_eq!(modifiers.element(usage(7, 0xE1)), Some(1));
    assert_eq!(modifiers.bit(1), 1);
    assert_eq!((lamps.kind, lamps.count), (Kind::Output, 5));
    assert_eq!((keys.offset, keys.bits, keys.variable), (16, 8, false));
    assert_eq!(keys.element(usage(7, 0x04)), None);
}

#[test]
fn pushed_states_come_back_and_pages_are_those_of_the_main_item() {
    let descriptor = Descriptor::parse(&[
        0x75, 0x08, 0x95, 0x02, // 2 of 8 bits
        0xA4, 0x75, 0x01, 0x85, 0x07, // pushed; 2 of 1 bit in report 7
        0x09, 0x12, 0x0B, 0x01, 0x00, 0x66, 0xFF, 0x06, 0x8C, 0x00, 0x81, 0x02, //
        0xB4, 0xFE, 0x02, 0x44, 0xAA, 0xBB, 0x81, 0x02, // popped, a long item, 2 of 8 bits
    ])
    .unwrap();
    let [flags, bytes] = descriptor.fields.as_slice() else {
        panic!("{descriptor:?}")
    };
    assert_eq!(flags.report_id, Some(7));
    assert_eq!(flags.element(usage(0x8C, 0x12)), Some(0));
    assert_eq!(flags.element(usage(0xFF66, 1)), Some(1));
    assert_eq!((bytes.report_id, bytes.bits, bytes.count), (None, 8, 2));
    assert_eq!(bytes.usages, []);
}

#[test]
fn of_alternative_usages_the_first_counts() {
    let descriptor = Descriptor::parse(&[
        0x05, 0x01, 0x75, 0x08, 0x95, 0x02, 0xA9, 0x01, 0x09, 0x30, 0x09, 0x31, 0xA9, 0x00, 0x09,
        0x32, 0x81, 0x02,
    ])
    .unwrap();
    let [field] = descriptor.fields.as_slice() else {
        panic!("{descriptor:?}")
    };
    assert_eq!(field.element(usage(1, 0x31)), None);
    assert_eq!(field.element(usage(1, 0x32)), Some(1));
}

#[test]
fn the_last_usage_holds_for_the_rest() {
    let descriptor = Descriptor::parse(&[
        0x05, 0x8C, 0x75, 0x08, 0x95, 0x06, 0x09, 0xFB, 0x09, 0xFE, 0x81, 0x02,
    ])
    .unwrap();
    let field = descriptor.fields.first().unwrap();
    assert_eq!((field.run(0), field.run(1)), (1, 5));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let refused = |bytes: &[u8]| Descriptor::parse(bytes).unwrap_err();
    assert_eq!(
        refused(&[0x05, 0x01, 0xC0]),
        DescriptorError::NoCollection { at: 2 }
    );
    assert_eq!(
        refused(&[0x05, 0x01, 0xB4]),
        DescriptorError::NothingPushed { at: 2 }
    );
    assert_eq!(
        refused(&[0x05, 0x01, 0x26, 0xFF]),
        DescriptorError::CutOff { at: 2 }
    );
    assert_eq!(refused(&[0xFE, 0x02]), DescriptorError::CutOff { at: 0 });
    assert_eq!(
        refused(&[0xFE, 0x02, 0x00, 0x00]),
        DescriptorError::CutOff { at: 0 }
    );
    assert_eq!(
        refused(&[0x85, 0x00]),
        DescriptorError::BadReportId { at: 0 }
    );
    assert_eq!(
        refused(&[0x86, 0x00, 0x01]),
        DescriptorError::BadReportId { at: 0 }
    );
    assert_eq!(refused(&[0xA1; 200]), DescriptorError::TooDeep { at: 64 });
    assert_eq!(refused(&[0xA4; 20]), DescriptorError::TooDeep { at: 16 });
    let huge = [
        0x77, 0xFF, 0xFF, 0xFF, 0xFF, 0x97, 0xFF, 0xFF, 0xFF, 0xFF, 0x81, 0x02,
    ];
    assert_eq!(refused(&huge), DescriptorError::ReportTooLong { at: 10 });
    let shown = refused(&huge).to_string();
    assert_eq!(
        shown,
        "the report descriptor has a report that is too long, at byte 10"
    );
    assert_eq!(refused(&[0; 5000]), DescriptorError::TooLong { len: 5000 });
}

#[test]
fn collections_may_stay_open() {
    let open = Descriptor::parse(&[0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01]).unwrap();
    assert_eq!(open.applications, [usage(0x8C, 2)]);
}

proptest! {
    #[test]
    fn no_bytes_are_too_bad(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(descriptor) = Descriptor::parse(&bytes) {
            for field in &descriptor.fields {
                let len = descriptor.report_len(field.kind, field.report_id).unwrap();
                let end = field.bit(field.count);
                prop_assert!(end <= MAX_REPORT_BITS && (end as usize).div_ceil(8) <= len);
            }
        }
    }

    #[test]
    fn cut_anywhere_it_is_refused_or_shorter(cut in 0..KEYBOARD.len()) {
        let whole = Descriptor::parse(KEYBOARD).unwrap();
        if let Ok(part) = Descriptor::parse(&KEYBOARD[..cut]) {
            prop_assert!(whole.fields.starts_with(&part.fields));
        }
    }
}
