//! Splits a scanner's byte stream into frames at CR, LF or NUL, whatever pieces it comes in.

/// Longest frame; a QR code holds 4,296 characters at most (ISO/IEC 18004).
pub const MAX_FRAME: usize = 8 * 1024;

/// What became of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pushed {
    /// Frames thrown away because they were longer than [`MAX_FRAME`].
    pub overlong: usize,
}

/// The splitter of one connection.
#[derive(Debug, Clone, Default)]
pub struct LineSplitter {
    pending: Vec<u8>,
    skipping: bool,
}

impl LineSplitter {
    /// Takes bytes; complete frames, without terminator and never empty, go to `frames`. After an overlong frame it
    /// finds its feet again at the next terminator.
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<Vec<u8>>) -> Pushed {
        let mut pushed = Pushed::default();
        for &byte in bytes {
            if matches!(byte, b'\r' | b'\n' | 0) {
                if !self.skipping && !self.pending.is_empty() {
                    frames.push(std::mem::take(&mut self.pending));
                }
                self.pending.clear();
                self.skipping = false;
            } else if !self.skipping {
                self.pending.push(byte);
                if self.pending.len() > MAX_FRAME {
                    self.pending = Vec::new();
                    self.skipping = true;
                    pushed.overlong += 1;
                }
            }
        }
        pushed
    }

    /// Throws away the frame that has not ended; returns its length.
    pub fn discard(&mut self) -> usize {
        std::mem::take(&mut self.pending).len()
    }

    /// Bytes of a frame that has not ended.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.pending.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, usize) {
        let (mut splitter, mut frames, mut overlong) = (LineSplitter::default(), Vec::new(), 0);
        for chunk in chunks {
            overlong += splitter.push(chunk, &mut frames).overlong;
        }
        (frames, overlong)
    }

    #[test]
    fn any_terminator_ends_a_frame_and_group_separators_survive() {
        let (frames, _) = split(&[b"]d2011", b"\x1d10A\r\n\n", b"B\nC\0D"]);
        assert_eq!(
            frames,
            [b"]d2011\x1d10A".to_vec(), b"B".to_vec(), b"C".to_vec()]
        );
    }

    #[test]
    fn overlong_frames_are_counted_and_the_next_is_whole() {
        let long = vec![b'x'; MAX_FRAME * 2];
        let (frames, overlong) = split(&[&long, b"rest\rgood\r"]);
        assert_eq!((frames, overlong), (vec![b"good".to_vec()], 1));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(data in proptest::collection::vec(any::<u8>(), 0..400), cut in 1..50usize) {
            let pieces: Vec<&[u8]> = data.chunks(cut).collect();
            prop_assert_eq!(split(&pieces), split(&[&data]));
        }
    }
}
