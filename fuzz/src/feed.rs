//! Scanners: what HID devices say of themselves and then send.

use tracegate_feed::hid::{
    Assembler, Descriptor, Heard, Layout, MAX_REPORT_BITS, MAX_SCAN, Vendor,
};

/// Vendor and length of the descriptor, then the descriptor, then reports: a byte with the length, the pause before it in
/// tenths of a second, the report.
pub fn hid(data: &[u8]) {
    let Some(([vendor, len], rest)) = data.split_first_chunk() else {
        return;
    };
    let (descriptor, mut rest) = rest.split_at(rest.len().min(usize::from(*len)));
    let parsed = Descriptor::parse(descriptor);
    if let Ok(descriptor) = &parsed {
        for field in &descriptor.fields {
            let end = field.bit(field.count);
            let len = descriptor.report_len(field.kind, field.report_id);
            assert!(
                end <= MAX_REPORT_BITS && len.is_some_and(|len| end.div_ceil(8) as usize <= len)
            );
        }
    }
    let layout = parsed.ok().and_then(|it| Layout::of(&it));
    let vendor = if vendor & 1 == 0 {
        Vendor::Other
    } else {
        Vendor::Honeywell
    };
    let mut assembler = Assembler::new(layout.unwrap_or(Layout::Usual), vendor);
    let (mut now_us, mut out, mut taken) = (0, Vec::new(), 0);
    while let Some(([len, pause], more)) = rest.split_first_chunk() {
        let (report, more) = more.split_at(more.len().min(usize::from(*len)));
        rest = more;
        now_us += u64::from(*pause) * 100_000;
        assembler.push(report, now_us, &mut out);
        taken += report.len();
        assert!(assembler.deadline_us().is_none_or(|at| at > now_us));
    }
    assembler.reset(&mut out);
    assert_eq!(assembler.deadline_us(), None);
    let mut given = 0;
    for heard in out {
        if let Heard::Scan(code) = heard {
            assert!(!code.is_empty() && code.len() <= MAX_SCAN + 3);
            given += code.len();
        }
    }
    assert!(given <= taken);
}
