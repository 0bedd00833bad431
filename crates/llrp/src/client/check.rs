//! What can be said about a configuration without a reader.

use std::collections::BTreeSet;

use super::config::{ClientConfig, MemoryBank, Select};

/// Largest [`AccessRead::id`](super::AccessRead::id); what lies above is for ids of our own.
pub(super) const ACCESS_ID_MAX: u32 = 65_000;

impl ClientConfig {
    /// Everything wrong with it, in words; empty if nothing is. A client with a wrong configuration does not get as far
    /// as reading.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.rospec_id == 0 {
            wrong.push("ROSpec id 0 means all ROSpecs, choose another".to_owned());
        }
        if !(1..=3).contains(&self.max_version) {
            wrong.push(format!(
                "protocol version {} does not exist: 1 is LLRP 1.0.1, 2 is 1.1, 3 is 2.0",
                self.max_version
            ));
        }
        if self.session > 3 {
            wrong.push(format!(
                "session {} does not exist, Gen2 has 0 to 3",
                self.session
            ));
        }
        self.check_antennas(&mut wrong);
        for select in &self.select {
            check_select(select, "a tag pattern", &mut wrong);
        }
        self.check_triggers(&mut wrong);
        self.check_access_reads(&mut wrong);
        wrong
    }

    fn check_antennas(&self, wrong: &mut Vec<String>) {
        let mut seen = BTreeSet::new();
        for antenna in &self.antennas {
            if antenna.id == 0 {
                wrong.push("antennas are numbered from 1, there is no antenna 0".to_owned());
            } else if !seen.insert(antenna.id) {
                wrong.push(format!("antenna {} is named twice", antenna.id));
            }
        }
    }

    fn check_triggers(&self, wrong: &mut Vec<String>) {
        if self.trigger.is_some() && self.duty_cycle.is_some() {
            wrong.push(
                "an input and a duty cycle cannot both say when to read, choose one".to_owned(),
            );
        }
        if self.trigger.is_some_and(|trigger| trigger.port == 0) {
            wrong.push("inputs are numbered from 1, there is no input 0".to_owned());
        }
        if let Some(cycle) = self.duty_cycle
            && (cycle.on.as_millis() == 0 || cycle.off.as_millis() == 0)
        {
            wrong.push("a duty cycle needs at least 1 ms on and 1 ms off".to_owned());
        }
        if let Some(cycle) = self.duty_cycle
            && u32::try_from(cycle.on.saturating_add(cycle.off).as_millis()).is_err()
        {
            wrong.push("a duty cycle of more than 49 days cannot be said in LLRP".to_owned());
        }
    }

    fn check_access_reads(&self, wrong: &mut Vec<String>) {
        let mut seen = BTreeSet::new();
        for read in &self.access_reads {
            if !(1..=ACCESS_ID_MAX).contains(&read.id) {
                wrong.push(format!(
                    "a memory read has id {}, only 1 to {ACCESS_ID_MAX} are possible",
                    read.id
                ));
            } else if !seen.insert(read.id) {
                wrong.push(format!("two memory reads have id {}", read.id));
            }
            if let Some(tags) = &read.tags {
                check_select(
                    tags,
                    &format!("the tag pattern of memory read {}", read.id),
                    wrong,
                );
            }
        }
    }
}

fn check_select(select: &Select, what: &str, wrong: &mut Vec<String>) {
    if select.bank == MemoryBank::Reserved {
        wrong.push(format!(
            "{what} is looked for in the password bank, Gen2 allows the others only"
        ));
    }
    if !(1..=255).contains(&select.bit_len) {
        wrong.push(format!(
            "{what} has {} bits, Gen2 allows 1 to 255",
            select.bit_len
        ));
    } else if select.mask.len() < usize::from(select.bit_len).div_ceil(8) {
        wrong.push(format!(
            "{what} has {} bits but only {} bytes",
            select.bit_len,
            select.mask.len()
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::config::{AccessRead, AntennaConfig, DutyCycle, GpiTrigger};
    use super::*;

    #[test]
    fn every_mistake_is_named() {
        assert_eq!(ClientConfig::default().check(), [""; 0]);
        let antenna = |id| AntennaConfig {
            id,
            power: None,
            receive_sensitivity: None,
        };
        let select = |bank, bytes, bit_len| Select {
            bank,
            bit_pointer: 32,
            mask: vec![0; bytes],
            bit_len,
        };
        let read = |id| AccessRead {
            id,
            tags: Some(select(MemoryBank::Epc, 0, 0)),
            bank: MemoryBank::Reserved,
            word_pointer: 0,
            word_count: 0,
            access_password: 0,
        };
        let config = ClientConfig {
            rospec_id: 0,
            max_version: 4,
            session: 4,
            antennas: vec![antenna(0), antenna(1), antenna(1)],
            select: vec![
                select(MemoryBank::Reserved, 1, 8),
                select(MemoryBank::User, 1, 9),
                select(MemoryBank::Tid, 40, 256),
            ],
            trigger: Some(GpiTrigger {
                port: 0,
                high: true,
                timeout: None,
            }),
            duty_cycle: Some(DutyCycle {
                on: Duration::ZERO,
                off: Duration::MAX,
            }),
            access_reads: vec![read(0), read(7), read(7)],
            ..ClientConfig::default()
        };
        assert_eq!(
            config.check(),
            [
                "ROSpec id 0 means all ROSpecs, choose another",
                "protocol version 4 does not exist: 1 is LLRP 1.0.1, 2 is 1.1, 3 is 2.0",
                "session 4 does not exist, Gen2 has 0 to 3",
                "antennas are numbered from 1, there is no antenna 0",
                "antenna 1 is named twice",
                "a tag pattern is looked for in the password bank, Gen2 allows the others only",
                "a tag pattern has 9 bits but only 1 bytes",
                "a tag pattern has 256 bits, Gen2 allows 1 to 255",
                "an input and a duty cycle cannot both say when to read, choose one",
                "inputs are numbered from 1, there is no input 0",
                "a duty cycle needs at least 1 ms on and 1 ms off",
                "a duty cycle of more than 49 days cannot be said in LLRP",
                "a memory read has id 0, only 1 to 65000 are possible",
                "the tag pattern of memory read 0 has 0 bits, Gen2 allows 1 to 255",
                "the tag pattern of memory read 7 has 0 bits, Gen2 allows 1 to 255",
                "two memory reads have id 7",
                "the tag pattern of memory read 7 has 0 bits, Gen2 allows 1 to 255",
            ]
        );
    }
}
