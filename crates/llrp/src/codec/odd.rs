//! What a decoded message has that the table does not know: kept or skipped, and counted here.

/// Counts of what was kept unread, skipped or doubtful in one message or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Oddities {
    /// Messages of unknown type, kept as bytes.
    pub unknown_messages: u64,
    /// TLV parameters of unknown type, kept as bytes.
    pub unknown_params: u64,
    /// Parameters of known type that did not decode, kept as bytes.
    pub bad_params: u64,
    /// Unknown TV parameters: kept with all that follows them in their container, for they have no length.
    pub unknown_tv: u64,
    /// Values that their enumeration does not have, kept as numbers.
    pub unknown_codes: u64,
    /// Texts that are not UTF-8, kept as bytes.
    pub bad_texts: u64,
    /// Bit strings with bits set beyond their length, kept.
    pub stray_bits: u64,
    /// Vendor parameters and messages that [`crate::codec::vendor`] does not know, or shorter than it knows them.
    pub unknown_vendor: u64,
    /// Vendor parameters longer than [`crate::codec::vendor`] knows them; the rest is kept.
    pub grown_vendor: u64,
    /// Bytes after the last field of parameters and messages that end there, skipped.
    pub skipped_bytes: u64,
}

impl Oddities {
    /// Adds the counts of another message.
    pub fn add(&mut self, other: &Self) {
        self.unknown_messages += other.unknown_messages;
        self.unknown_params += other.unknown_params;
        self.bad_params += other.bad_params;
        self.unknown_tv += other.unknown_tv;
        self.unknown_codes += other.unknown_codes;
        self.bad_texts += other.bad_texts;
        self.stray_bits += other.stray_bits;
        self.unknown_vendor += other.unknown_vendor;
        self.grown_vendor += other.grown_vendor;
        self.skipped_bytes += other.skipped_bytes;
    }

    /// Whether nothing odd was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}
