//! The extended protocol control words of a Gen2 tag: what battery-assisted and sensor tags say
//! about themselves at every read.

/// The words XPC_W1 and XPC_W2, bits 210h to 22Fh of the EPC bank (EPC Gen2v2 section 6.3.2.1.2.5;
/// the sensor bits 214h to 217h since Gen2 v2.1).
///
/// Each flag as it is, whatever the others say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Xpc {
    /// XPC_W1, bits 210h (the most significant) to 21Fh.
    pub w1: u16,
    /// XPC_W2, bits 220h to 22Fh; 0 where the tag has none. All of it is reserved.
    pub w2: u16,
}

impl Xpc {
    /// The words as a reader reports them: one, or both if the tag sets the extension bit.
    pub fn new(w1: u16, w2: Option<u16>) -> Self {
        Self {
            w1,
            w2: w2.unwrap_or(0),
        }
    }

    /// Whether both words are zero, so that tag URIs leave them out.
    pub fn is_zero(self) -> bool {
        self.w1 == 0 && self.w2 == 0
    }

    /// XEB (bit 210h): XPC_W2 holds something too.
    pub fn has_second_word(self) -> bool {
        self.bit(0x0)
    }

    /// SA (bit 214h): a sensor has met an alarm condition.
    pub fn sensor_alarm(self) -> bool {
        self.bit(0x4)
    }

    /// SS (bit 215h): a simple sensor reports with the EPC.
    pub fn simple_sensor(self) -> bool {
        self.bit(0x5)
    }

    /// FS (bit 216h): the tag carries a full-function sensor.
    pub fn full_function_sensor(self) -> bool {
        self.bit(0x6)
    }

    /// SN (bit 217h): the tag carries a snapshot sensor.
    pub fn snapshot_sensor(self) -> bool {
        self.bit(0x7)
    }

    /// B (bit 218h): the tag is battery-assisted.
    pub fn battery_assisted(self) -> bool {
        self.bit(0x8)
    }

    /// C (bit 219h): the tag has a computed response waiting.
    pub fn computed_response(self) -> bool {
        self.bit(0x9)
    }

    /// SLI (bit 21Ah): the selected flag of the tag is set.
    pub fn selected(self) -> bool {
        self.bit(0xA)
    }

    /// TN (bit 21Bh): the tag's maker has something to notify; tamper tags say here that their loop
    /// is open.
    pub fn notification(self) -> bool {
        self.bit(0xB)
    }

    /// U (bit 21Ch): the tag has been made untraceable, in part or whole.
    pub fn untraceable(self) -> bool {
        self.bit(0xC)
    }

    /// K (bit 21Dh): the tag can be killed.
    pub fn killable(self) -> bool {
        self.bit(0xD)
    }

    /// NR (bit 21Eh): the tag cannot be removed from its item without damage to it.
    pub fn nonremovable(self) -> bool {
        self.bit(0xE)
    }

    /// H (bit 21Fh): the item is hazardous.
    pub fn hazardous(self) -> bool {
        self.bit(0xF)
    }

    /// The flags that are set, in words, for people.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        const WORDS: [(u32, &str); 13] = [
            (0x0, "second XPC word"),
            (0x4, "sensor alarm"),
            (0x5, "simple sensor"),
            (0x6, "full-function sensor"),
            (0x7, "snapshot sensor"),
            (0x8, "battery-assisted"),
            (0x9, "computed response"),
            (0xA, "selected"),
            (0xB, "notification, such as tamper"),
            (0xC, "untraceable"),
            (0xD, "killable"),
            (0xE, "nonremovable"),
            (0xF, "hazardous"),
        ];
        WORDS
            .into_iter()
            .filter(move |(place, _)| self.bit(*place))
            .map(|(_, word)| word)
    }

    /// The bit at 210h + `place`.
    fn bit(self, place: u32) -> bool {
        self.w1 & (0x8000 >> place) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_has_its_bit() {
        type Flag = fn(Xpc) -> bool;
        let flags: [(u16, Flag); 13] = [
            (0x8000, Xpc::has_second_word),
            (0x0800, Xpc::sensor_alarm),
            (0x0400, Xpc::simple_sensor),
            (0x0200, Xpc::full_function_sensor),
            (0x0100, Xpc::snapshot_sensor),
            (0x0080, Xpc::battery_assisted),
            (0x0040, Xpc::computed_response),
            (0x0020, Xpc::selected),
            (0x0010, Xpc::notification),
            (0x0008, Xpc::untraceable),
            (0x0004, Xpc::killable),
            (0x0002, Xpc::nonremovable),
            (0x0001, Xpc::hazardous),
        ];
        for (bit, flag) in flags {
            assert!(flag(Xpc::new(bit, None)), "{bit:04X}");
            assert!(!flag(Xpc::new(!bit, Some(0xFFFF))), "{bit:04X}");
            assert_eq!(Xpc::new(bit, None).words().count(), 1);
        }
        let words: Vec<&str> = Xpc::new(0x0884, None).words().collect();
        assert_eq!(words, ["sensor alarm", "battery-assisted", "killable"]);
        assert!(Xpc::new(0, Some(0)).is_zero() && !Xpc::new(0, Some(1)).is_zero());
    }
}
