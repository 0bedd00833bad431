//! The value of one element while it is decoded, on the stack.

/// The longest value that any application identifier has.
const MAX: usize = 90;

/// Up to 90 bytes.
pub(super) struct Buffer {
    bytes: [u8; MAX],
    len: usize,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; MAX],
            len: 0,
        }
    }

    /// `None` when full.
    pub(super) fn push(&mut self, byte: u8) -> Option<()> {
        *self.bytes.get_mut(self.len)? = byte;
        self.len += 1;
        Some(())
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
