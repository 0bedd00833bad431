use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000;
const SHIFT: u16 = 42;
const CTRL: u16 = 29;
const ALT: u16 = 56;
const ALTGR: u16 = 100;
const ENTER: u16 = 28;
const CAPS: u16 = 58;

fn settings(layout: &str) -> Settings {
    Settings {
        layout: Layout::named(layout).unwrap(),
        suffix: Suffix::Enter,
        min_length: 4,
        max_gap_us: 40 * MS,
        idle_gap_us: 60 * MS,
    }
}

/// A scanner plugged in long ago.
struct Rig {
    wedge: Wedge,
    now_us: u64,
    step_us: u64,
    out: Vec<Heard>,
}

impl Rig {
    fn new(settings: Settings) -> Self {
        Self {
            wedge: Wedge::new(settings, &[], 0),
            now_us: 1_000 * MS,
            step_us: MS,
            out: Vec::new(),
        }
    }

    fn event(&mut self, code: u16, press: Press) -> &mut Self {
        self.now_us += self.step_us;
        self.wedge.key(code, press, self.now_us, &mut self.out);
        self
    }

    fn tap(&mut self, code: u16) -> &mut Self {
        self.event(code, Press::Down).event(code, Press::Up)
    }

    fn taps(&mut self, codes: &[u16]) -> &mut Self {
        for code in codes {
            self.tap(*code);
        }
        self
    }

    /// Types with keys held.
    fn with(&mut self, held: &[u16], codes: &[u16]) -> &mut Self {
        for code in held {
            self.event(*code, Press::Down);
        }
        self.taps(codes);
        for code in held.iter().rev() {
            self.event(*code, Press::Up);
        }
        self
    }

    fn wait(&mut self, us: u64) -> &mut Self {
        self.now_us += us;
        self.wedge.tick(self.now_us, &mut self.out);
        self
    }

    /// Types a text as a scanner set to that layout does.
    fn types(&mut self, layout: &Layout, text: &str) -> &mut Self {
        for char in text.chars() {
            let plain = |code: u16, shift, altgr| {
                layout.glyph(code, shift, altgr) == Some(super::layout::Glyph::Plain(char))
            };
            let found = (1..90).find_map(|code| {
                let levels = [(false, false), (true, false), (false, true), (true, true)];
                let level = levels
                    .into_iter()
                    .find(|(shift, altgr)| plain(code, *shift, *altgr))?;
                Some((code, level))
            });
            match found {
                Some((code, (shift, altgr))) => {
                    let held: Vec<u16> = [shift.then_some(SHIFT), altgr.then_some(ALTGR)]
                        .into_iter()
                        .flatten()
                        .collect();
                    self.with(&held, &[code]);
                }
                // As scanners do for what the layout has no key for.
                None => {
                    let digits = format!("{:04}", u32::from(char));
                    let keypad = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73];
                    let codes = digits
                        .bytes()
                        .map(|digit| keypad[usize::from(digit - b'0')]);
                    let codes: Vec<u16> = codes.collect();
                    self.with(&[ALT], &codes);
                }
            }
        }
        self
    }

    fn heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.out)
    }
}

fn scan(text: &str) -> Heard {
    Heard::Scan(text.as_bytes().to_vec())
}

fn lost(why: Lost) -> Heard {
    Heard::Lost(why)
}

const TEXT: &str = "]d20104012345678901 aBzYqW-/(%_+;:.,<>=*'\"&!?{}[]\\|@#$~^";

#[test]
fn each_layout_gives_back_what_a_scanner_types_in_it() {
    for layout in Layout::all() {
        let mut rig = Rig::new(settings(layout.name));
        rig.types(layout, TEXT).tap(ENTER);
        assert_eq!(rig.heard(), [scan(TEXT)], "{}", layout.name);
    }
}

/// The classic failures: digits on a Czech and a French keyboard, Y and Z on a German one, " and @ on a British one.
#[test]
fn the_wrong_layout_is_what_it_always_was() {
    let read = |layout: &str| {
        let mut rig = Rig::new(settings(layout));
        rig.taps(&[2, 3, 4, 21, 44])
            .with(&[SHIFT], &[3, 40])
            .tap(ENTER);
        rig.heard()
    };
    assert_eq!(read("us"), [scan("123yz@\"")]);
    assert_eq!(read("uk"), [scan("123yz\"@")]);
    assert_eq!(read("de"), [scan("123zy\"Ä")]);
    assert_eq!(read("cz"), [scan("+ěšzy2!")]);
    assert_eq!(read("fr"), [scan("&é\"yw2%")]);
}

#[test]
fn control_characters_come_by_ctrl_and_by_the_keypad() {
    let mut rig = Rig::new(settings("us"));
    // Ctrl+] and Alt+0029 are GS.
    rig.taps(&[2, 3]).with(&[CTRL], &[27]).tap(4);
    rig.with(&[ALT], &[82, 82, 80, 73]).tap(5).tap(ENTER);
    assert_eq!(rig.heard(), [scan("12\x1D3\x1D4")]);
    // On a German keyboard the key in that place has no ], and gives GS nevertheless.
    let mut rig = Rig::new(settings("de"));
    rig.taps(&[2, 3]).with(&[CTRL], &[27]).tap(4);
    // RS and EOT: Ctrl+Shift+6 and Ctrl+D.
    rig.with(&[CTRL, SHIFT], &[7])
        .with(&[CTRL], &[32])
        .tap(ENTER);
    assert_eq!(rig.heard(), [scan("12\x1D3\x1E\x04")]);
    // CR typed as Ctrl+M ends as Enter does.
    rig.taps(&[2, 3, 4, 5]).with(&[CTRL], &[50]);
    assert_eq!(rig.heard(), [scan("1234")]);
}

#[test]
fn codes_on_the_keypad_are_those_of_windows() {
    let mut rig = Rig::new(settings("us"));
    rig.taps(&[2, 3, 4]);
    rig.with(&[ALT], &[82, 79, 80, 72])
        .with(&[ALT], &[82, 80, 81, 77]);
    rig.tap(ENTER);
    assert_eq!(rig.heard(), [scan("123€ì")]);
    // 132 without a 0 is ä or ź or „: nobody knows.
    rig.taps(&[2, 3, 4]).with(&[ALT], &[79, 81, 80]).tap(ENTER);
    let unknown = Lost::NoCharacter {
        code: ALT,
        layout: "us",
    };
    assert_eq!(rig.heard(), [lost(unknown)]);
    // The next code is whole.
    rig.taps(&[2, 3, 4, 5, ENTER]);
    assert_eq!(rig.heard(), [scan("1234")]);
}

#[test]
fn accents_wait_for_their_letter() {
    let mut rig = Rig::new(settings("de"));
    // ´ e, ^ space, ^ 1, ^ ^, and ^ at the end.
    rig.taps(&[13, 18, 41, 57, 41, 2, 41, 41, 41, ENTER]);
    assert_eq!(rig.heard(), [scan("é^^1^^")]);
    rig.tap(13).with(&[SHIFT], &[22]).taps(&[30, 30, 30, ENTER]);
    assert_eq!(rig.heard(), [scan("Úaaa")]);
}

#[test]
fn caps_lock_changes_letters_and_no_digits() {
    let mut rig = Rig::new(settings("us"));
    rig.taps(&[CAPS, 30, 48, 2])
        .with(&[SHIFT], &[30, 2])
        .tap(ENTER);
    rig.taps(&[CAPS, 30, 48, 2, 3, ENTER]);
    assert_eq!(rig.heard(), [scan("AB1a!"), scan("ab12")]);
}

#[test]
fn ctrl_and_alt_are_altgr() {
    let mut rig = Rig::new(settings("de"));
    rig.taps(&[2, 3, 4])
        .with(&[CTRL, ALT], &[8])
        .with(&[ALTGR], &[11])
        .tap(ENTER);
    assert_eq!(rig.heard(), [scan("123{}")]);
}

#[test]
fn keypad_and_both_enters_and_tab() {
    let mut rig = Rig::new(settings("us"));
    rig.taps(&[79, 80, 81, 83, 82, 98, 55, 74, 78, 96]);
    assert_eq!(rig.heard(), [scan("123.0/*-+")]);
    rig.taps(&[2, 3, 15, 4, 5, ENTER]);
    assert_eq!(rig.heard(), [scan("12\t34")]);
    let mut rig = Rig::new(Settings {
        suffix: Suffix::Tab,
        ..settings("us")
    });
    rig.taps(&[2, 3, 4, 5, 15, ENTER]);
    assert_eq!(rig.heard(), [scan("1234")]);
}

#[test]
fn doubled_characters_survive_and_held_keys_do_not_repeat() {
    let mut rig = Rig::new(settings("us"));
    rig.taps(&[3, 3, 3]).event(3, Press::Down);
    for _ in 0..20 {
        rig.event(3, Press::Repeat);
    }
    rig.now_us -= 20 * MS;
    rig.event(3, Press::Up).tap(ENTER);
    assert_eq!(rig.heard(), [scan("2222")]);
    // Some scanners release late, all at once.
    rig.event(2, Press::Down)
        .event(2, Press::Down)
        .event(3, Press::Down);
    rig.event(4, Press::Down).tap(ENTER);
    assert_eq!(rig.heard(), [scan("1123")]);
}

#[test]
fn what_a_person_types_is_no_scan() {
    let mut rig = Rig::new(settings("us"));
    rig.step_us = 70 * MS;
    rig.taps(&[2, 3, 4, 5, 6, 7, 8]).tap(ENTER);
    let heard = rig.heard();
    assert!(
        heard
            .iter()
            .all(|it| matches!(it, Heard::Lost(Lost::Typed { len: 1 }))),
        "{heard:?}"
    );
    assert_eq!(heard.len(), 7);
    // Between the two limits: one line, and too slow.
    rig.step_us = 45 * MS;
    rig.taps(&[2, 3, 4, 5, 6, ENTER]);
    assert_eq!(rig.heard(), [lost(Lost::Typed { len: 5 })]);
    // Fast, but no code is so short.
    rig.step_us = MS;
    rig.taps(&[2, 3, 4, ENTER]);
    assert_eq!(rig.heard(), [lost(Lost::Typed { len: 3 })]);
    rig.wait(100 * MS).taps(&[2, 3, 4, 5, ENTER]);
    assert_eq!(rig.heard(), [scan("1234")]);
}

#[test]
fn silence_ends_a_code_of_a_scanner_without_suffix() {
    let mut rig = Rig::new(Settings {
        suffix: Suffix::None,
        ..settings("us")
    });
    rig.taps(&[2, 3, 4, 5]);
    assert_eq!(rig.heard(), []);
    let deadline = rig.wedge.deadline_us().unwrap();
    assert_eq!(deadline, rig.now_us + 60 * MS);
    rig.wait(60 * MS);
    assert_eq!(rig.heard(), [scan("1234")]);
    assert_eq!(rig.wedge.deadline_us(), None);
    // Also when nobody looked at the clock; and Enter is no character.
    rig.taps(&[2, 3, 4, 5, ENTER]);
    rig.now_us += 200 * MS;
    rig.taps(&[6, 7, 8, 9]).wait(60 * MS);
    assert_eq!(rig.heard(), [scan("1234"), scan("5678")]);
}

#[test]
fn a_missing_suffix_is_told() {
    let mut rig = Rig::new(settings("us"));
    rig.taps(&[2, 3, 4, 5]).wait(60 * MS);
    assert_eq!(rig.heard(), [lost(Lost::NoSuffix { len: 4 })]);
}

#[test]
fn what_was_under_way_at_the_start_is_passed_over() {
    let mut out = Vec::new();
    let mut wedge = Wedge::new(settings("us"), &[SHIFT, 3], 0);
    let mut now = 0;
    let mut key = |wedge: &mut Wedge, code, press, out: &mut Vec<Heard>| {
        now += MS;
        wedge.key(code, press, now, out);
    };
    key(&mut wedge, 3, Press::Up, &mut out);
    key(&mut wedge, 4, Press::Down, &mut out);
    key(&mut wedge, SHIFT, Press::Up, &mut out);
    key(&mut wedge, ENTER, Press::Down, &mut out);
    assert_eq!(out, [lost(Lost::Begun { len: 1 })]);
    out.clear();
    for code in [2, 3, 4, 5, ENTER] {
        key(&mut wedge, code, Press::Down, &mut out);
    }
    assert_eq!(out, [scan("1234")]);
    // A Shift that is held since before the start counts.
    out.clear();
    let mut wedge = Wedge::new(settings("us"), &[SHIFT], 0);
    for (at, code) in [30, 48, 46, 32, ENTER].into_iter().enumerate() {
        wedge.key(code, Press::Down, 100 * MS + at as u64, &mut out);
    }
    assert_eq!(out, [scan("ABCD")]);
}

#[test]
fn lost_events_spoil_one_code_only() {
    let mut rig = Rig::new(settings("us"));
    rig.event(SHIFT, Press::Down).taps(&[30, 30]);
    // The release of Shift is among what was lost.
    rig.wedge.dropped(&[], rig.now_us, &mut rig.out);
    rig.taps(&[30, 30, 30, 30, ENTER])
        .taps(&[2, 3, 30, 5, ENTER]);
    assert_eq!(rig.heard(), [lost(Lost::Dropped { len: 2 }), scan("12a4")]);
}

#[test]
fn an_unplugged_scanner_takes_its_beginning_with_it() {
    let mut rig = Rig::new(settings("us"));
    rig.event(SHIFT, Press::Down).taps(&[30, 30]);
    rig.wedge.reset(&mut rig.out);
    rig.wait(100 * MS).taps(&[30, 30, 30, 30, ENTER]);
    assert_eq!(rig.heard(), [lost(Lost::Gone { len: 2 }), scan("aaaa")]);
}

#[test]
fn an_endless_code_is_bounded_and_told_once() {
    let mut rig = Rig::new(settings("us"));
    for _ in 0..3 * MAX_SCAN {
        rig.tap(2);
    }
    rig.tap(ENTER).taps(&[2, 3, 4, 5, ENTER]);
    assert_eq!(rig.heard(), [lost(Lost::TooLong), scan("1234")]);
}

#[test]
fn function_keys_are_no_characters() {
    let mut rig = Rig::new(settings("us"));
    rig.taps(&[59, 2, 103, 3, 4, 1, 5, ENTER]);
    assert_eq!(rig.heard(), [scan("1234")]);
}

proptest! {
    #[test]
    fn any_text_comes_back_in_any_layout(
        layout in 0..9_usize,
        text in "[ -~\u{1}-\u{8}\u{e}-\u{1f}]{4,60}",
    ) {
        let layout = Layout::all().nth(layout).unwrap();
        let mut rig = Rig::new(settings(layout.name));
        rig.types(layout, &text).tap(ENTER);
        prop_assert_eq!(rig.heard(), [scan(&text)]);
    }

    #[test]
    fn no_events_are_too_bad(
        suffix in 0..3_u8,
        events in proptest::collection::vec((0..120_u16, 0..4_u8, 0..90_u64), 0..300),
    ) {
        let suffix = [Suffix::Enter, Suffix::Tab, Suffix::None][usize::from(suffix)];
        let mut rig = Rig::new(Settings { suffix, ..settings("cz") });
        for (code, press, pause) in &events {
            rig.now_us += pause * MS;
            match press {
                0 => { rig.event(*code, Press::Down); }
                1 => { rig.event(*code, Press::Up); }
                2 => { rig.event(*code, Press::Repeat); }
                _ => rig.wedge.dropped(&[*code], rig.now_us, &mut rig.out),
            }
        }
        rig.wait(100 * MS);
        for heard in rig.heard() {
            if let Heard::Scan(code) = heard {
                prop_assert!(code.len() >= 4 && String::from_utf8(code).is_ok());
            }
        }
        // And it is well again afterwards.
        rig.wedge.dropped(&[], rig.now_us, &mut rig.out);
        rig.wait(100 * MS).heard();
        let layout = Layout::named("cz").unwrap();
        rig.types(layout, "12345").tap(if suffix == Suffix::Tab { 15 } else { ENTER });
        rig.wait(100 * MS);
        prop_assert_eq!(rig.heard().pop(), Some(scan("12345")));
    }
}
