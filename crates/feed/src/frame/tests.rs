use proptest::prelude::*;

use super::*;

fn delimited(starts: &[&[u8]], ends: &[&[u8]], max_len: usize) -> Framing {
    let owned = |list: &[&[u8]]| list.iter().map(|sequence| sequence.to_vec()).collect();
    Framing {
        kind: Kind::Delimited {
            starts: owned(starts),
            ends: owned(ends),
        },
        max_len,
    }
}

fn prefixed(width: Width, order: Order, counts_itself: bool) -> Framing {
    Framing {
        kind: Kind::LengthPrefixed {
            width,
            order,
            counts_itself,
        },
        max_len: 20,
    }
}

fn every_kind() -> Vec<Framing> {
    let of = |kind| Framing { kind, max_len: 20 };
    vec![
        Framing {
            max_len: 20,
            ..Framing::lines()
        },
        delimited(&[], &[b"\r\n"], 20),
        delimited(&[b"\x02"], &[b"\x03"], 20),
        delimited(&[b"<<", b"<"], &[b">", b">>"], 20),
        delimited(&[b"\x02"], &[b"\r\n", b"\x03"], 20),
        of(Kind::Fixed { len: 7 }),
        prefixed(Width::One, Order::Big, false),
        prefixed(Width::Two, Order::Big, true),
        prefixed(Width::Two, Order::Little, false),
        of(Kind::IdleGap { gap_us: 1000 }),
        of(Kind::Ssi),
    ]
}

/// What comes out of `bytes` in pieces of these sizes, at one time, with a reset at the end.
fn cut(framing: &Framing, bytes: &[u8], sizes: &[usize]) -> Vec<Piece> {
    let (mut framer, mut out, mut rest) = (Framer::new(framing.clone()), Vec::new(), bytes);
    let mut sizes = sizes.iter().copied().cycle();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        let (now, later) = rest.split_at(size);
        framer.push(now, 5, &mut out);
        rest = later;
    }
    framer.tick(u64::MAX / 2, &mut out);
    framer.reset(&mut out);
    out
}

fn frames(pieces: &[Piece]) -> Vec<String> {
    let text = |piece: &Piece| match piece {
        Piece::Frame(frame) => frame.escape_ascii().to_string(),
        Piece::Junk { len, why } => format!("!{why:?} {len}"),
    };
    pieces.iter().map(text).collect()
}

/// Whole, one byte at a time, and in threes: always these.
fn check(framing: &Framing, bytes: &[u8], expected: &[&str]) {
    for sizes in [vec![usize::MAX], vec![1], vec![3], vec![2, 5]] {
        assert_eq!(frames(&cut(framing, bytes, &sizes)), expected, "{sizes:?}");
    }
}

#[test]
fn lines_end_with_whatever_ends_a_line() {
    check(
        &Framing::lines(),
        b"]d2011\x1d10A\r\n\nB\nC\0D",
        &["]d2011\\x1d10A", "B", "C", "!Unfinished 1"],
    );
}

#[test]
fn the_only_end_keeps_empty_frames_and_its_parts_are_content() {
    check(
        &delimited(&[], &[b"\r\n"], 20),
        b"A\rB\r\n\r\nC\r\n",
        &["A\\rB", "", "C"],
    );
}

#[test]
fn what_is_between_frames_is_junk_but_for_line_ends() {
    check(
        &delimited(&[b"\x02"], &[b"\x03"], 20),
        b"xy\x02A\x03\r\n\x02B\x02C\x03z\x02\x03",
        &["!Outside 2", "A", "!Unfinished 1", "C", "!Outside 1", ""],
    );
}

#[test]
fn a_printable_start_is_content_inside_a_frame() {
    check(
        &delimited(&[b"~"], &[b"\r"], 20),
        b"~A~B\r~C\r",
        &["A~B", "C"],
    );
}

#[test]
fn after_a_frame_that_is_too_long_the_next_is_found() {
    let long = [b"L".repeat(21), b"\rB\r".to_vec()].concat();
    check(&delimited(&[], &[b"\r"], 20), &long, &["!Overlong 21", "B"]);
    let longer = [b"L".repeat(300), b"\rB\r".to_vec()].concat();
    check(
        &delimited(&[], &[b"\r"], 20),
        &longer,
        &["!Overlong 300", "B"],
    );
    // The end is half there when the frame becomes too long.
    for len in 18..26 {
        let cut = [b"L".repeat(len), b"\r\nB\r\n".to_vec()].concat();
        let pieces = cut_to_last(&delimited(&[], &[b"\r\n"], 20), &cut);
        assert_eq!(pieces, Piece::Frame(b"B".to_vec()), "{len}");
    }
    let framed = [b"\x02".as_slice(), &b"L".repeat(300), b"\x03\x02B\x03"].concat();
    let pieces = cut(&delimited(&[b"\x02"], &[b"\x03"], 20), &framed, &[7]);
    assert_eq!(pieces.last(), Some(&Piece::Frame(b"B".to_vec())));
    assert!(!pieces.contains(&Piece::Frame(Vec::new())), "{pieces:?}");
}

fn cut_to_last(framing: &Framing, bytes: &[u8]) -> Piece {
    cut(framing, bytes, &[1]).pop().unwrap()
}

#[test]
fn exactly_the_longest_frame_is_one() {
    let longest = [b"L".repeat(20), b"\r\n".to_vec()].concat();
    check(
        &delimited(&[], &[b"\r\n"], 20),
        &longest,
        &["LLLLLLLLLLLLLLLLLLLL"],
    );
}

#[test]
fn fixed_and_prefixed_frames() {
    let fixed = Framing {
        kind: Kind::Fixed { len: 3 },
        max_len: 20,
    };
    check(&fixed, b"ABCDEFG", &["ABC", "DEF", "!Unfinished 1"]);
    check(
        &prefixed(Width::One, Order::Big, false),
        b"\x02AB\x00\x01C",
        &["AB", "", "C"],
    );
    check(
        &prefixed(Width::One, Order::Big, false),
        b"\xff\xfe\x01C",
        &["!Overlong 2", "C"],
    );
    check(
        &prefixed(Width::Two, Order::Big, true),
        b"\x00\x04AB\x00\x02",
        &["AB", ""],
    );
    check(
        &prefixed(Width::Two, Order::Little, false),
        b"\x02\x00AB",
        &["AB"],
    );
    check(
        &prefixed(Width::One, Order::Big, true),
        b"\x00\x02C",
        &["!Damaged 1", "C"],
    );
}

#[test]
fn silence_ends_a_frame_and_nothing_else_does() {
    let framing = Framing {
        kind: Kind::IdleGap { gap_us: 1000 },
        max_len: 20,
    };
    let (mut framer, mut out) = (Framer::new(framing), Vec::new());
    framer.push(b"AB", 0, &mut out);
    framer.push(b"C\r", 999, &mut out);
    assert_eq!(framer.deadline_us(), Some(1999));
    framer.tick(1998, &mut out);
    assert!(out.is_empty());
    framer.push(b"D", 1999, &mut out);
    assert_eq!(frames(&out), ["ABC"]);
    framer.tick(2999, &mut out);
    assert_eq!(frames(&out), ["ABC", "D"]);
    assert_eq!(framer.deadline_us(), None);
}

#[test]
fn an_unfinished_frame_is_given_up_and_the_next_begins_anew() {
    for framing in every_kind() {
        let (mut framer, mut out) = (Framer::new(framing.clone()), Vec::new());
        framer.push(b"\x05", 0, &mut out);
        if let Some(deadline) = framer.deadline_us() {
            framer.tick(deadline - 1, &mut out);
            assert_eq!(framer.deadline_us(), Some(deadline), "{framing:?}");
            framer.tick(deadline, &mut out);
        }
        assert_eq!(framer.deadline_us(), None, "{framing:?}");
        assert_eq!(framer.unfinished(), 0);
        assert_eq!(out.len(), 1, "{framing:?} {out:?}");
    }
}

#[test]
fn the_end_of_a_datagram_ends_what_needs_no_end() {
    let cases: [(Framing, &[u8], &[&str]); 4] = [
        (Framing::lines(), b"A\rB", &["A", "B"]),
        (Framing::lines(), b"A\r\n", &["A"]),
        (
            delimited(&[b"\x02"], &[b"\x03"], 20),
            b"\x02A\x03\x02B",
            &["A", "!Unfinished 1"],
        ),
        (delimited(&[], &[b"\r\n"], 20), b"A", &["A"]),
    ];
    for (framing, bytes, expected) in cases {
        let (mut framer, mut out) = (Framer::new(framing), Vec::new());
        framer.push(bytes, 0, &mut out);
        framer.finish(&mut out);
        assert_eq!(frames(&out), expected);
    }
}

#[test]
fn ssi_packets_are_found_behind_junk_and_wake_up_bytes() {
    let ack = b"\x04\xd0\x00\x00\xff\x2c";
    let framing = Framing {
        kind: Kind::Ssi,
        max_len: 20,
    };
    let bytes = [b"\0\0".as_slice(), ack, b"\x03\x04\x05", ack].concat();
    let shown = ack.escape_ascii().to_string();
    let pieces = frames(&cut(&framing, &bytes, &[1]));
    assert_eq!(
        pieces.iter().filter(|piece| **piece == shown).count(),
        2,
        "{pieces:?}"
    );
}

#[test]
fn ten_megabytes_without_an_end_take_little_memory_and_are_told() {
    // The way is the same for all of them; a debug build takes its time.
    for (index, framing) in every_kind().into_iter().enumerate() {
        let megabytes = if index == 0 { 10 } else { 1 };
        let (mut framer, mut out, mut told) = (Framer::new(framing.clone()), Vec::new(), 0);
        let (mut framed, portion) = (0, [0xfe; 4096]);
        for _ in 0..megabytes * 256 {
            framer.push(&portion, 1, &mut out);
            assert!(framer.unfinished() <= 1024, "{framing:?}");
            for piece in out.drain(..) {
                match piece {
                    Piece::Frame(frame) => framed += frame.len(),
                    Piece::Junk { len, .. } => told += len,
                }
            }
        }
        framer.reset(&mut out);
        told += out
            .iter()
            .map(|piece| match piece {
                Piece::Frame(frame) => frame.len(),
                Piece::Junk { len, .. } => *len,
            })
            .sum::<usize>();
        assert_eq!(told + framed, megabytes * 1024 * 1024, "{framing:?}");
    }
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_pieces(
        bytes in proptest::collection::vec(
            prop_oneof![
                Just(0u8), Just(2), Just(3), Just(4), Just(5), Just(b'\r'), Just(b'\n'), Just(b'<'),
                Just(b'>'), Just(0xd0), Just(0xff), Just(0x2c), any::<u8>(),
            ],
            0..200,
        ),
        sizes in proptest::collection::vec(1usize..30, 1..10),
    ) {
        for framing in every_kind() {
            let whole = cut(&framing, &bytes, &[usize::MAX]);
            let split = cut(&framing, &bytes, &sizes);
            prop_assert_eq!(whole, split, "{:?}", framing);
        }
    }
}
