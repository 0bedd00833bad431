use proptest::prelude::*;

use super::*;

/// What Honeywell's scanners say of themselves, as far as it matters here: report 2 with byte count, identifiers, data, two
/// bytes of their own and flags; output report FD.
fn honeywell() -> Descriptor {
    let mut bytes = vec![
        0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x85, 0x02,
    ];
    bytes.extend([0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x01]);
    bytes.extend([0x05, 0x01, 0x09, 0x3B, 0x81, 0x02]);
    bytes.extend([
        0x95, 0x03, 0x05, 0x8C, 0x09, 0xFB, 0x09, 0xFC, 0x09, 0xFD, 0x81, 0x02,
    ]);
    bytes.extend([0x95, 0x38, 0x09, 0xFE, 0x82, 0x02, 0x01]);
    bytes.extend([
        0x06, 0x66, 0xFF, 0x95, 0x02, 0x09, 0x04, 0x09, 0x00, 0x81, 0x02,
    ]);
    bytes.extend([
        0x05, 0x8C, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x09, 0xFF, 0x81, 0x02, 0xC0,
    ]);
    bytes.extend([
        0x06, 0x66, 0xFF, 0x75, 0x08, 0x09, 0x01, 0xA1, 0x02, 0x85, 0xFD,
    ]);
    bytes.extend([
        0x95, 0x01, 0x09, 0x21, 0x91, 0x02, 0x95, 0x3E, 0x09, 0x22, 0x91, 0x02,
    ]);
    bytes.extend([0xC0, 0xC0]);
    Descriptor::parse(&bytes).unwrap()
}

/// No count, and one bit of continuation behind the data.
fn plain() -> Descriptor {
    Descriptor::parse(&[
        0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x85, 0x02, 0x75, 0x08, 0x95, 0x03, 0x19, 0xFB, 0x29,
        0xFD, 0x81, 0x02, 0x95, 0x38, 0x09, 0xFE, 0x81, 0x02, 0x75, 0x01, 0x95, 0x01, 0x09, 0xFF,
        0x81, 0x02, 0x75, 0x07, 0x81, 0x03, 0xC0,
    ])
    .unwrap()
}

fn usual(aim: &[u8], extra: bool, data: &[u8], more: bool) -> Vec<u8> {
    let mut report = vec![0x02, data.len() as u8];
    report.extend(extra.then_some(0));
    report.extend(aim);
    report.extend(data);
    report.resize(61 + usize::from(extra), 0);
    report.resize(63, b's');
    report.push(u8::from(more));
    report
}

fn assembler(vendor: Vendor) -> Assembler {
    Assembler::new(Layout::Usual, vendor)
}

fn heard(assembler: &mut Assembler, reports: &[Vec<u8>]) -> Vec<Heard> {
    let mut out = Vec::new();
    for (at, report) in reports.iter().enumerate() {
        assembler.push(report, at as u64 * 2_000, &mut out);
    }
    out
}

fn scan(text: &str) -> Heard {
    Heard::Scan(text.as_bytes().to_vec())
}

#[test]
fn the_places_come_from_the_descriptor() {
    let Some(Layout::Standard(layout)) = Layout::of(&honeywell()) else {
        panic!("not standard")
    };
    let expected = Standard {
        report_id: Some(2),
        data: 5..61,
        aim: Some([2, 3, 4]),
        length: Some(1),
        continued: Some((63, 1)),
    };
    assert_eq!(layout, expected);
    let Some(Layout::Standard(layout)) = Layout::of(&plain()) else {
        panic!("not standard")
    };
    assert_eq!((layout.data, layout.length), (4..60, None));
    assert_eq!(
        (layout.aim, layout.continued),
        (Some([1, 2, 3]), Some((60, 1)))
    );
}

#[test]
fn a_scanner_that_describes_no_data_has_the_usual_layout_and_a_keyboard_none() {
    let vague = [
        0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x75, 0x08, 0x95, 0x3F, 0x85, 0x02, 0x81, 0x02, 0xC0,
    ];
    let vague = Descriptor::parse(&vague).unwrap();
    assert_eq!(Layout::of(&vague), Some(Layout::Usual));
    let keyboard = Descriptor::parse(&[0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0xC0]).unwrap();
    assert_eq!(Layout::of(&keyboard), None);
    // Data in pieces of seven bits are read by nobody.
    let odd = [
        0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x75, 0x07, 0x95, 0x08, 0x09, 0xFE, 0x81, 0x02, 0xC0,
    ];
    assert_eq!(
        Layout::of(&Descriptor::parse(&odd).unwrap()),
        Some(Layout::Usual)
    );
}

#[test]
fn one_report_is_one_scan_with_its_identifier_and_without_line_end() {
    let reports = [
        usual(b"]C1", false, b"0104012345678901\x1D10A\r", false),
        usual(b"]d2", true, b"010401\r\n", false),
        usual(&[0; 3], false, b"no identifier", false),
        usual(b"]Q3", false, b"", false),
        usual(b"]Q3", false, b"\r", false),
    ];
    let out = heard(&mut assembler(Vendor::Other), &reports);
    let first = scan("]C10104012345678901\x1D10A");
    assert_eq!(out, [first, scan("]d2010401"), scan("no identifier")]);
}

#[test]
fn a_code_of_60_bytes_comes_as_56_and_4() {
    let text: Vec<u8> = (b'0'..=b'9').cycle().take(60).collect();
    let (head, tail) = text.split_at(56);
    let reports = [
        usual(b"]d2", false, head, true),
        usual(b"]d2", false, tail, false),
    ];
    for layout in [Layout::Usual, Layout::of(&honeywell()).unwrap()] {
        let mut assembler = Assembler::new(layout, Vendor::Honeywell);
        assert_eq!(
            heard(&mut assembler, &reports),
            [Heard::Scan([b"]d2", &text[..]].concat())]
        );
        assert_eq!(assembler.deadline_us(), None);
    }
}

#[test]
fn answers_of_honeywell_are_no_scans_and_the_like_of_others_are() {
    let report = [usual(b"]X0", false, b"REVINF: 31207571\r", false)];
    let out = heard(&mut assembler(Vendor::Honeywell), &report);
    assert_eq!(out, [Heard::Status(b"REVINF: 31207571".to_vec())]);
    let out = heard(&mut assembler(Vendor::Other), &report);
    assert_eq!(out, [scan("]X0REVINF: 31207571")]);
}

#[test]
fn without_a_count_the_filling_is_cut_off() {
    let mut report = vec![0x02];
    report.extend(b"]E04012345678901");
    report.resize(61, 0);
    let mut assembler = Assembler::new(Layout::of(&plain()).unwrap(), Vendor::Other);
    assert_eq!(heard(&mut assembler, &[report]), [scan("]E04012345678901")]);
}

#[test]
fn damaged_and_foreign_reports_are_told() {
    let mut assembler = assembler(Vendor::Other);
    let long = usual(b"]C0", false, &[b'x'; 56], true);
    let mut lies = usual(b"]C0", false, b"x", false);
    lies[1] = 57;
    let trigger = vec![0x04, 0x01];
    let out = heard(
        &mut assembler,
        &[
            long,
            b"\x02\x05]C0".to_vec(),
            trigger.clone(),
            lies,
            Vec::new(),
        ],
    );
    let damaged = |bad| Heard::Lost(Lost::Damaged(bad));
    let expected = [
        damaged(BadReport::Short { len: 5, needed: 64 }),
        Heard::Other(trigger),
        damaged(BadReport::Length { says: 57, room: 56 }),
        damaged(BadReport::Short { len: 0, needed: 64 }),
    ];
    assert_eq!(out, expected);
    let mut standard = Assembler::new(Layout::of(&honeywell()).unwrap(), Vendor::Honeywell);
    let out = heard(&mut standard, &[vec![0x02; 63]]);
    assert_eq!(
        out,
        [damaged(BadReport::Short {
            len: 63,
            needed: 64
        })]
    );
}

#[test]
fn a_code_that_does_not_go_on_is_lost_and_the_next_is_whole() {
    let (mut assembler, mut out) = (assembler(Vendor::Other), Vec::new());
    let begun = usual(b"]d2", false, &[b'a'; 56], true);
    let next = usual(b"]d2", false, b"next", false);
    assembler.push(&begun, 0, &mut out);
    assert_eq!(assembler.deadline_us(), Some(CONTINUE_WITHIN_US));
    assembler.tick(CONTINUE_WITHIN_US - 1, &mut out);
    assert_eq!(out, []);
    // Late, it is another code, also if nobody looked at the clock before.
    assembler.push(&next, CONTINUE_WITHIN_US, &mut out);
    let lost = |why| Heard::Lost(why);
    assert_eq!(out, [lost(Lost::TimedOut { len: 56 }), scan("]d2next")]);

    out.clear();
    assembler.push(&begun, 0, &mut out);
    assembler.push(&usual(b"]C1", false, b"other", false), 1, &mut out);
    assert_eq!(out, [lost(Lost::Interrupted { len: 56 }), scan("]C1other")]);

    out.clear();
    assembler.push(&begun, 0, &mut out);
    assembler.reset(&mut out);
    assembler.push(&next, 1, &mut out);
    assert_eq!(out, [lost(Lost::Gone { len: 56 }), scan("]d2next")]);
}

#[test]
fn an_endless_code_is_bounded() {
    let (mut assembler, mut out) = (assembler(Vendor::Other), Vec::new());
    let piece = usual(b"]Q1", false, &[b'a'; 56], true);
    for at in 0..1000 {
        assembler.push(&piece, at, &mut out);
    }
    assembler.push(&usual(b"]Q1", false, b"end", false), 1000, &mut out);
    assembler.push(&usual(b"]Q1", false, b"next", false), 1001, &mut out);
    assert_eq!(out, [Heard::Lost(Lost::TooLong), scan("]Q1next")]);
}

#[test]
fn commands_go_in_the_data_stream() {
    let beep = b"\x16\x07\r";
    let told = commands(&honeywell(), Vendor::Honeywell, beep);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].len(), 64);
    assert!(told[0].starts_with(b"\xFD\x03\x16\x07\r\0"));
    let untold = commands(&Descriptor::default(), Vendor::Honeywell, beep);
    assert_eq!(untold, [b"\xFD\x03\x16\x07\r".to_vec()]);
    let raw = commands(&plain(), Vendor::Other, b"\x04\x40");
    assert_eq!(raw, [b"\x04\x40".to_vec()]);
    assert_eq!(commands(&honeywell(), Vendor::Honeywell, &[7; 63]).len(), 2);
    assert!(commands(&honeywell(), Vendor::Honeywell, b"").is_empty());
    assert_eq!(Vendor::of(0x0C2E).enable(), Some([0xFE, 1]));
    assert_eq!(Vendor::of(0x05E0).enable(), None);
}

proptest! {
    #[test]
    fn a_code_of_any_length_comes_back(data in proptest::collection::vec(1..=255_u8, 1..400)) {
        prop_assume!(!data.ends_with(b"\r") && !data.ends_with(b"\n"));
        let chunks: Vec<&[u8]> = data.chunks(56).collect();
        let last = chunks.len() - 1;
        let reports: Vec<Vec<u8>> = chunks
            .iter()
            .enumerate()
            .map(|(at, chunk)| usual(b"]d2", false, chunk, at < last))
            .collect();
        for layout in [Layout::Usual, Layout::of(&honeywell()).unwrap()] {
            let mut assembler = Assembler::new(layout, Vendor::Other);
            let expected = Heard::Scan([b"]d2", &data[..]].concat());
            prop_assert_eq!(heard(&mut assembler, &reports), [expected]);
        }
    }

    #[test]
    fn no_reports_are_too_bad(
        descriptor in proptest::collection::vec(any::<u8>(), 0..80),
        reports in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..70), 0..20),
    ) {
        let mut head = vec![0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x75, 0x08, 0x95, 0x10, 0x09, 0xFE];
        head.extend(descriptor);
        let parsed = Descriptor::parse(&head).ok();
        let layout = parsed.and_then(|it| Layout::of(&it)).unwrap_or(Layout::Usual);
        let out = heard(&mut Assembler::new(layout, Vendor::Other), &reports);
        prop_assert!(out.len() <= 2 * reports.len());
    }
}
