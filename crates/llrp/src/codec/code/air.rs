//! Enumerations of the air protocol, EPC Gen2 (LLRP 1.0.1 §15).

codes! {
    /// Air protocol (LLRP 1.0.1 §8.1).
    AirProtocol: u8 {
        0 Unspecified "unspecified",
        1 EpcGen2 "EPC Gen2",
    }

    /// Memory bank of a tag (EPC Gen2 §6.3.2.1).
    MemoryBank: u8: 2 {
        0 Reserved "reserved bank with the passwords",
        1 Epc "EPC bank",
        2 Tid "TID bank",
        3 User "user bank",
    }

    /// Number of subcarrier cycles per symbol (LLRP 1.0.1 §15.2.1.1.3).
    C1G2MValue: u8 {
        0 Fm0 "FM0",
        1 Miller2 "Miller 2",
        2 Miller4 "Miller 4",
        3 Miller8 "Miller 8",
    }

    /// Modulation from reader to tag (LLRP 1.0.1 §15.2.1.1.3).
    C1G2ForwardLinkModulation: u8 {
        0 PrAsk "PR-ASK",
        1 SsbAsk "SSB-ASK",
        2 DsbAsk "DSB-ASK",
    }

    /// How many readers around a mode is made for (LLRP 1.0.1 §15.2.1.1.3).
    C1G2SpectralMaskIndicator: u8 {
        0 NotKnown "not known",
        1 SingleInterrogator "single interrogator",
        2 MultiInterrogator "multi interrogator",
        3 DenseInterrogator "dense interrogator",
    }

    /// Whether tags cut their answer (LLRP 1.0.1 §15.2.1.2.1).
    C1G2TruncateAction: u8: 2 {
        0 Unspecified "unspecified",
        1 DoNotTruncate "do not truncate",
        2 Truncate "truncate",
    }

    /// What a Select changes (LLRP 1.0.1 §15.2.1.2.1.2).
    C1G2StateAwareTarget: u8 {
        0 Sl "the SL flag",
        1 S0 "the inventoried flag of session 0",
        2 S1 "the inventoried flag of session 1",
        3 S2 "the inventoried flag of session 2",
        4 S3 "the inventoried flag of session 3",
    }

    /// What a Select does to tags that match, then to those that do not (LLRP 1.0.1 §15.2.1.2.1.2).
    C1G2StateAwareAction: u8 {
        0 AssertDeassert "assert SL or A, deassert SL or B",
        1 AssertNothing "assert SL or A, nothing",
        2 NothingDeassert "nothing, deassert SL or B",
        3 NegateNothing "negate SL or swap A and B, nothing",
        4 DeassertAssert "deassert SL or B, assert SL or A",
        5 DeassertNothing "deassert SL or B, nothing",
        6 NothingAssert "nothing, assert SL or A",
        7 NothingNegate "nothing, negate SL or swap A and B",
    }

    /// Which tags take part, those that match and those that do not (LLRP 1.0.1 §15.2.1.2.1.3).
    C1G2StateUnawareAction: u8 {
        0 SelectUnselect "select, unselect",
        1 SelectNothing "select, nothing",
        2 NothingUnselect "nothing, unselect",
        3 UnselectNothing "unselect, nothing",
        4 UnselectSelect "unselect, select",
        5 NothingSelect "nothing, select",
    }

    /// What a lock does (LLRP 1.0.1 §15.2.1.3.2.5.1).
    C1G2LockPrivilege: u8 {
        0 ReadWrite "readable and writable, or lock by password",
        1 PermaLock "locked for good",
        2 PermaUnlock "unlocked for good",
        3 Unlock "unlocked",
    }

    /// What a lock is for (LLRP 1.0.1 §15.2.1.3.2.5.1).
    C1G2LockDataField: u8 {
        0 KillPassword "kill password",
        1 AccessPassword "access password",
        2 EpcMemory "EPC memory",
        3 TidMemory "TID memory",
        4 UserMemory "user memory",
    }

    /// Outcome of a read (LLRP 1.0.1 §15.2.1.5.5.1; 4 to 6 since 1.1).
    C1G2ReadResult: u8 {
        0 Success "success",
        1 TagError "an error in the tag, not specified",
        2 NoResponse "no answer from the tag",
        3 ReaderError "an error in the reader, not specified",
        4 MemoryOverrun "beyond the tag's memory",
        5 MemoryLocked "the tag's memory is locked",
        6 IncorrectPassword "a wrong password",
    }

    /// Outcome of a write, block write or block erase (LLRP 1.0.1 §15.2.1.5.5.2, .5 and .6; 7 since 1.1).
    C1G2WriteResult: u8 {
        0 Success "success",
        1 MemoryOverrun "beyond the tag's memory",
        2 MemoryLocked "the tag's memory is locked",
        3 InsufficientPower "too little power at the tag",
        4 TagError "an error in the tag, not specified",
        5 NoResponse "no answer from the tag",
        6 ReaderError "an error in the reader, not specified",
        7 IncorrectPassword "a wrong password",
    }

    /// Outcome of a kill or a recommissioning (LLRP 1.0.1 §15.2.1.5.5.3; 6 since 1.1).
    C1G2KillResult: u8 {
        0 Success "success",
        1 ZeroKillPassword "the kill password is zero",
        2 InsufficientPower "too little power at the tag",
        3 TagError "an error in the tag, not specified",
        4 NoResponse "no answer from the tag",
        5 ReaderError "an error in the reader, not specified",
        6 IncorrectPassword "a wrong password",
    }

    /// Outcome of a lock (LLRP 1.0.1 §15.2.1.5.5.4; 5 to 7 since 1.1).
    C1G2LockResult: u8 {
        0 Success "success",
        1 InsufficientPower "too little power at the tag",
        2 TagError "an error in the tag, not specified",
        3 NoResponse "no answer from the tag",
        4 ReaderError "an error in the reader, not specified",
        5 IncorrectPassword "a wrong password",
        6 MemoryOverrun "beyond the tag's memory",
        7 MemoryLocked "the tag's memory is locked",
    }

    /// Outcome of a permanent lock (LLRP 1.1).
    C1G2BlockPermalockResult: u8 {
        0 Success "success",
        1 InsufficientPower "too little power at the tag",
        2 TagError "an error in the tag, not specified",
        3 NoResponse "no answer from the tag",
        4 ReaderError "an error in the reader, not specified",
        5 IncorrectPassword "a wrong password",
        6 MemoryOverrun "beyond the tag's memory",
    }

    /// Outcome of asking for permanent locks (LLRP 1.1).
    C1G2GetBlockPermalockStatusResult: u8 {
        0 Success "success",
        1 TagError "an error in the tag, not specified",
        2 NoResponse "no answer from the tag",
        3 ReaderError "an error in the reader, not specified",
        4 IncorrectPassword "a wrong password",
        5 MemoryOverrun "beyond the tag's memory",
    }
}
