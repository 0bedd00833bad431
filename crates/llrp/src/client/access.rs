//! Our AccessSpecs: memory read from tags as they are seen.
//!
//! A reader carries out the first AccessSpec that fits a tag (LLRP 1.0.1 §11.2), so all that is wanted of one tag must
//! stand in one: reads of all tags are part of each. Ours are known by naming our ROSpec.

use super::capabilities::Capabilities;
use super::config::{AccessRead, ClientConfig, MemoryBank, Select, TID_OP_SPEC};
use super::rospec::{bank, bits};
use crate::codec::code::{AccessReportTriggerType, AccessSpecStopTriggerType, AirProtocol};
use crate::codec::field::Bits;
use crate::codec::param::{
    AccessCommand, AccessReportSpec, AccessSpec, AccessSpecStopTrigger, C1G2Read, C1G2TagSpec,
    C1G2TargetTag,
};
use crate::codec::{Params, code};

/// Words of a TID with a serial number, as tags of today have it.
const TID_WORDS: u16 = 6;

/// The AccessSpecs wanted, and in words what the reader has no room for.
pub(super) fn plan_access(
    config: &ClientConfig,
    capabilities: &Capabilities,
    tid: bool,
) -> (Vec<AccessSpec>, Vec<String>) {
    let mut limits = Vec::new();
    let mut of_all = Vec::new();
    if tid {
        of_all.push(C1G2Read {
            op_spec_id: TID_OP_SPEC,
            access_password: 0,
            mb: code::MemoryBank::Tid,
            word_pointer: 0,
            word_count: TID_WORDS,
        });
    }
    let reads = || config.access_reads.iter();
    of_all.extend(reads().filter(|read| read.tags.is_none()).map(op));
    let mut groups: Vec<(Option<&Select>, Vec<C1G2Read>)> = Vec::new();
    for read in reads() {
        let Some(tags) = &read.tags else { continue };
        match groups.iter_mut().find(|(group, _)| *group == Some(tags)) {
            Some((_, ops)) => ops.push(op(read)),
            None => groups.push((Some(tags), vec![op(read)])),
        }
    }
    for (_, ops) in &mut groups {
        ops.extend(of_all.iter().cloned());
    }
    if !of_all.is_empty() {
        groups.push((None, of_all));
    }

    let most_ops = bound(capabilities.max_ops_per_access_spec);
    for (_, ops) in &mut groups {
        if ops.len() > most_ops {
            limits.push(format!(
                "{} memory reads of one tag are asked for, the reader takes at most {most_ops}: {} left out",
                ops.len(),
                names(ops.get(most_ops..).unwrap_or_default())
            ));
            ops.truncate(most_ops);
        }
    }
    let most = bound(capabilities.max_access_specs);
    if groups.len() > most {
        let dropped: Vec<C1G2Read> = groups.drain(most..).flat_map(|(_, ops)| ops).collect();
        limits.push(format!(
            "the reader takes at most {most} AccessSpecs: {} left out",
            names(&dropped)
        ));
    }
    let specs = (0..=u32::MAX)
        .zip(groups)
        .map(|(index, (tags, ops))| access_spec(config.rospec_id, index, tags, ops))
        .collect();
    (specs, limits)
}

impl ClientConfig {
    /// Whether an AccessSpec with this id may be one that this client makes, and its results what was asked for here.
    #[must_use]
    pub fn owns_access_spec(&self, id: u32) -> bool {
        let mut groups: Vec<&Select> = Vec::new();
        for tags in self
            .access_reads
            .iter()
            .filter_map(|read| read.tags.as_ref())
        {
            if !groups.contains(&tags) {
                groups.push(tags);
            }
        }
        // One more, for all tags.
        let last = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        (0..=last).any(|index| access_spec_id(self.rospec_id, index) == id)
    }
}

/// Which reads an AccessSpec of ours does, in words.
pub(super) fn describe(spec: &AccessSpec) -> String {
    let ops: Vec<C1G2Read> = spec
        .params
        .first::<AccessCommand>()
        .map(|command| command.params.all().cloned().collect())
        .unwrap_or_default();
    names(&ops)
}

/// 0 means no limit.
fn bound(most: Option<u32>) -> usize {
    most.filter(|most| *most > 0)
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usize::MAX)
}

fn names(ops: &[C1G2Read]) -> String {
    let name = |op: &C1G2Read| {
        if op.op_spec_id == TID_OP_SPEC {
            "the TID".to_owned()
        } else {
            format!("memory read {}", op.op_spec_id)
        }
    };
    ops.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn op(read: &AccessRead) -> C1G2Read {
    C1G2Read {
        // The check allows no larger ones.
        op_spec_id: u16::try_from(read.id).unwrap_or_default(),
        access_password: read.access_password,
        mb: bank(read.bank),
        word_pointer: read.word_pointer,
        word_count: read.word_count,
    }
}

fn access_spec_id(rospec_id: u32, index: u32) -> u32 {
    rospec_id.checked_add(index).unwrap_or(index)
}

fn access_spec(
    rospec_id: u32,
    index: u32,
    tags: Option<&Select>,
    ops: Vec<C1G2Read>,
) -> AccessSpec {
    let target = match tags {
        Some(select) => C1G2TargetTag {
            mb: bank(select.bank),
            match_tag: true,
            pointer: select.bit_pointer,
            tag_mask: bits(select.bit_len, &[0xff; 32]),
            tag_data: bits(select.bit_len, &select.mask),
        },
        // No bits to compare: every tag.
        None => C1G2TargetTag {
            mb: bank(MemoryBank::Epc),
            match_tag: true,
            pointer: 0,
            tag_mask: Bits::default(),
            tag_data: Bits::default(),
        },
    };
    let mut command = AccessCommand {
        params: Params::default().with(C1G2TagSpec {
            params: Params::default().with(target),
        }),
    };
    command.params.0.extend(ops.into_iter().map(Into::into));
    let params = Params::default()
        .with(AccessSpecStopTrigger {
            trigger_type: AccessSpecStopTriggerType::Null,
            operation_count_value: 0,
        })
        .with(command)
        .with(AccessReportSpec {
            trigger: AccessReportTriggerType::WithROReport,
        });
    AccessSpec {
        access_spec_id: access_spec_id(rospec_id, index),
        antenna_id: 0,
        protocol_id: AirProtocol::EpcGen2,
        active: false,
        rospec_id,
        params,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(id: u32, tags: Option<u8>) -> AccessRead {
        let tags = tags.map(|mask| Select {
            bank: MemoryBank::Epc,
            bit_pointer: 32,
            mask: vec![mask],
            bit_len: 8,
        });
        AccessRead {
            id,
            tags,
            bank: MemoryBank::User,
            word_pointer: 2,
            word_count: 1,
            access_password: 0,
        }
    }

    #[test]
    fn all_that_is_wanted_of_a_tag_stands_in_one_access_spec() {
        let config = ClientConfig {
            access_reads: vec![
                read(1, Some(0x30)),
                read(2, None),
                read(3, Some(0x35)),
                read(4, Some(0x30)),
            ],
            ..ClientConfig::default()
        };
        let mut reader = Capabilities::default();
        let texts = |reader: &Capabilities, tid| {
            let (specs, limits) = plan_access(&config, reader, tid);
            let texts: Vec<String> = specs.iter().map(describe).collect();
            (texts, limits)
        };
        assert_eq!(
            texts(&reader, true),
            (
                vec![
                    "memory read 1, memory read 4, the TID, memory read 2".to_owned(),
                    "memory read 3, the TID, memory read 2".to_owned(),
                    "the TID, memory read 2".to_owned(),
                ],
                vec![]
            )
        );
        reader.max_ops_per_access_spec = Some(2);
        reader.max_access_specs = Some(2);
        assert_eq!(
            texts(&reader, false),
            (
                vec![
                    "memory read 1, memory read 4".to_owned(),
                    "memory read 3, memory read 2".to_owned(),
                ],
                vec![
                    "3 memory reads of one tag are asked for, the reader takes at most 2: memory read 2 left out".to_owned(),
                    "the reader takes at most 2 AccessSpecs: memory read 2 left out".to_owned(),
                ]
            )
        );
        assert_eq!(plan_access(&ClientConfig::default(), &reader, false).0, []);
        let (specs, _) = plan_access(&config, &Capabilities::default(), true);
        let ids: Vec<u32> = specs.iter().map(|spec| spec.access_spec_id).collect();
        let first = config.rospec_id;
        let owned: Vec<u32> = (first - 3..first + 9)
            .filter(|id| config.owns_access_spec(*id))
            .collect();
        assert_eq!(owned, ids);
    }
}
