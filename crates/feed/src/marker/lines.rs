//! Lines of a file in pieces, with the place where each stands.

use std::borrow::Cow;

use crate::text;

/// Longer lines are thrown away, in bytes.
pub const MAX_LINE: usize = 64 * 1024;

/// How the text of a file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Encoding {
    /// UTF-16 where a byte order mark says so, else UTF-8 if it is, else Windows-1252.
    #[default]
    Auto,
    /// UTF-8; what is none becomes U+FFFD.
    Utf8,
    /// Windows-1252.
    Windows1252,
    /// UTF-16, least significant byte first.
    Utf16Le,
}

/// A whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where its first byte stands in the file.
    pub start: u64,
    /// Where the byte after its end stands.
    pub end: u64,
    /// The line without its end; `None` if it was longer than [`MAX_LINE`].
    pub text: Option<String>,
}

/// Cuts lines at LF; a CR before it is no part of them.
#[derive(Debug, Clone)]
pub struct Lines {
    encoding: Encoding,
    /// Of the byte after those in `pending`.
    offset: u64,
    pending: Vec<u8>,
    /// Bytes of an overlong line that are gone already.
    skipped: u64,
}

impl Lines {
    /// Goes on at this place, which is the beginning of a line.
    #[must_use]
    pub const fn new(encoding: Encoding, offset: u64) -> Self {
        Self {
            encoding,
            offset,
            pending: Vec::new(),
            skipped: 0,
        }
    }

    /// Decides what `Auto` means, by the first bytes of the file.
    pub fn look(&mut self, head: &[u8]) {
        if self.encoding == Encoding::Auto && head.starts_with(&[0xff, 0xfe]) {
            self.encoding = Encoding::Utf16Le;
        }
    }

    /// Where the line begins that has not ended.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.offset
            .saturating_sub(self.pending.len() as u64)
            .saturating_sub(self.skipped)
    }

    /// Takes the bytes that follow.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Line>) {
        for byte in bytes {
            self.offset = self.offset.saturating_add(1);
            self.pending.push(*byte);
            let wide = self.encoding == Encoding::Utf16Le;
            let ended = match self.pending.as_slice() {
                // Code units begin at even places of the file.
                [.., b'\n', 0] if wide => self.offset.is_multiple_of(2),
                [.., b'\n'] => !wide,
                _ => false,
            };
            if ended {
                let line = self.line();
                out.push(line);
            } else if self.pending.len() > MAX_LINE {
                // An even number, so that code units stay whole.
                let gone = self.pending.len() & !1;
                self.pending.drain(..gone);
                self.skipped = self.skipped.saturating_add(gone as u64);
            }
        }
    }

    /// The end of the file is the end of its last line, if there is one.
    pub fn finish(&mut self, out: &mut Vec<Line>) {
        if !self.pending.is_empty() || self.skipped > 0 {
            let line = self.line();
            out.push(line);
        }
    }

    fn line(&mut self) -> Line {
        let (start, bytes) = (self.start(), std::mem::take(&mut self.pending));
        let skipped = std::mem::take(&mut self.skipped);
        let text = (skipped == 0).then(|| {
            let text = decode(self.encoding, &bytes);
            let text = text.trim_start_matches('\u{feff}');
            text.strip_suffix('\n')
                .map_or(text, |it| it.strip_suffix('\r').unwrap_or(it))
                .to_owned()
        });
        Line {
            start,
            end: self.offset,
            text,
        }
    }
}

/// Text of bytes; never fails, since one bad byte must not cost the line.
#[must_use]
pub fn decode(encoding: Encoding, bytes: &[u8]) -> Cow<'_, str> {
    match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(bytes),
        Encoding::Auto => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => windows_1252(bytes),
        },
        Encoding::Windows1252 => windows_1252(bytes),
        Encoding::Utf16Le => {
            let units = bytes.chunks_exact(2).map(|pair| match pair {
                [low, high] => u16::from_le_bytes([*low, *high]),
                _ => 0xfffd,
            });
            let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
            text.collect::<String>().into()
        }
    }
}

fn windows_1252(bytes: &[u8]) -> Cow<'_, str> {
    // Every byte is a character there.
    text::decode(text::Encoding::Windows1252, bytes)
        .unwrap_or_else(|_| String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(encoding: Encoding, pieces: &[&[u8]]) -> Vec<Line> {
        let (mut lines, mut out) = (Lines::new(encoding, 0), Vec::new());
        lines.look(pieces.concat().as_slice());
        for piece in pieces {
            lines.push(piece, &mut out);
        }
        out
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines
            .iter()
            .map(|line| line.text.as_deref().unwrap_or("?"))
            .collect()
    }

    #[test]
    fn only_whole_lines() {
        let mut out = Vec::new();
        let mut cut = Lines::new(Encoding::Auto, 100);
        cut.push(b"a\r\n\nbc", &mut out);
        assert_eq!(texts(&out), ["a", ""]);
        assert_eq!(
            out.iter()
                .map(|line| (line.start, line.end))
                .collect::<Vec<_>>(),
            [(100, 103), (103, 104)]
        );
        assert_eq!(cut.start(), 104);
        cut.push(b"d\n", &mut out);
        assert_eq!(
            out[2],
            Line {
                start: 104,
                end: 108,
                text: Some("bcd".to_owned())
            }
        );
        cut.push(b"e", &mut out);
        cut.finish(&mut out);
        assert_eq!(texts(&out), ["a", "", "bcd", "e"]);
    }

    #[test]
    fn encodings() {
        let wide: Vec<u8> = "\u{feff}Prüf 1\r\nਊx\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(texts(&lines(Encoding::Auto, &[&wide])), ["Prüf 1", "ਊx"]);
        assert_eq!(
            texts(&lines(Encoding::Auto, &[b"Pr\xfcf \x80\n"])),
            ["Prüf €"]
        );
        assert_eq!(
            texts(&lines(Encoding::Auto, &["Prüf\n".as_bytes()])),
            ["Prüf"]
        );
        assert_eq!(
            texts(&lines(Encoding::Windows1252, &["ü\n".as_bytes()])),
            ["Ã¼"]
        );
        assert_eq!(texts(&lines(Encoding::Utf8, &[b"\xff\n"])), ["\u{fffd}"]);
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let (mut cut, mut out) = (Lines::new(Encoding::Auto, 0), Vec::new());
        for _ in 0..160 {
            cut.push(&[b'x'; 64 * 1024], &mut out);
            assert!(cut.pending.len() <= MAX_LINE + 1);
        }
        cut.push(b"\nok\n", &mut out);
        let end = 160 * 64 * 1024 + 1;
        assert_eq!(
            out[0],
            Line {
                start: 0,
                end,
                text: None
            }
        );
        assert_eq!(out[1].text.as_deref(), Some("ok"));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            bytes in prop::collection::vec(prop::sample::select(vec![b'a', b'\n', b'\r', 0, 0xff, 0xfe]), 0..60),
            cuts in prop::collection::vec(0_usize..60, 0..5),
            encoding in prop::sample::select(vec![Encoding::Auto, Encoding::Utf16Le]),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let (mut from, mut pieces) = (0, Vec::new());
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            let whole = lines(encoding, &[&bytes]);
            prop_assert_eq!(&lines(encoding, &pieces), &whole);
            prop_assert!(whole.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }
}
