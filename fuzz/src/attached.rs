//! Scanners: what HID devices say of themselves and then send, and what others type.

use tracegate_feed::hid::{
    Assembler, Descriptor, Heard, Layout, MAX_REPORT_BITS, MAX_SCAN, Vendor,
};
use tracegate_feed::wedge::{self, Press, Settings, Suffix, Wedge};

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

/// Layout and suffix, then events: key, what it does or that events were lost, the pause before it in milliseconds.
pub fn wedge(data: &[u8]) {
    const MIN_LENGTH: usize = 3;
    let Some(([layout, suffix], mut rest)) = data.split_first_chunk() else {
        return;
    };
    let count = wedge::Layout::all().count().max(1);
    let layout = wedge::Layout::all().nth(usize::from(*layout) % count);
    let Some(layout) = layout else { return };
    let settings = Settings {
        layout,
        suffix: match suffix % 3 {
            0 => Suffix::Enter,
            1 => Suffix::Tab,
            _ => Suffix::None,
        },
        min_length: MIN_LENGTH,
        max_gap_us: 40_000,
        idle_gap_us: 60_000,
    };
    let (mut now_us, mut out, mut pressed) = (0, Vec::new(), 0);
    let mut wedge = Wedge::new(settings, &[], now_us);
    while let Some(([code, kind, pause], more)) = rest.split_first_chunk() {
        rest = more;
        now_us += u64::from(*pause) * 1_000;
        let code = u16::from(*code);
        let press = match kind % 4 {
            0 => Press::Down,
            1 => Press::Up,
            2 => Press::Repeat,
            _ => {
                wedge.dropped(&[code], now_us, &mut out);
                continue;
            }
        };
        pressed += 1;
        wedge.key(code, press, now_us, &mut out);
    }
    wedge.tick(now_us + 60_000, &mut out);
    assert_eq!(wedge.deadline_us(), None);
    wedge.reset(&mut out);
    let mut typed = 0;
    for heard in out {
        if let wedge::Heard::Scan(code) = heard {
            let text = String::from_utf8(code).expect("codes are text");
            let count = text.chars().count();
            assert!((MIN_LENGTH..=wedge::MAX_SCAN).contains(&count));
            typed += count;
        }
    }
    // An accent and the character behind it may both stand for themselves.
    assert!(typed <= 2 * pressed);
}
