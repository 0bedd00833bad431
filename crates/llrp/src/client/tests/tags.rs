//! What is asked of tags: which ones, what of them, and their memory.

use std::time::Duration;

use super::pair::Pair;
use crate::client::*;
use crate::codec::code::C1G2StateUnawareAction;
use crate::codec::message::*;
use crate::codec::param::*;
use crate::codec::{Frame, Params};
use crate::reader::{ReaderConfig, TagMemory};
use crate::report::OpResult;

fn read(id: u32) -> AccessRead {
    AccessRead {
        id,
        tags: None,
        bank: MemoryBank::User,
        word_pointer: 1,
        word_count: 2,
        access_password: 0,
    }
}

fn with_reads(ids: &[u32]) -> ClientConfig {
    ClientConfig {
        access_reads: ids.iter().copied().map(read).collect(),
        ..ClientConfig::default()
    }
}

fn with_memory(pair: &mut Pair, tag: u8) {
    pair.reader.set_memory(
        &[tag; 12],
        TagMemory {
            tid: vec![0xe280, 0x1160, 1, 2, 3, 4],
            user: vec![10, 11, 12, 13],
            ..TagMemory::default()
        },
    );
}

fn results(pair: &mut Pair) -> Vec<(u16, Vec<u16>)> {
    let reads = pair.reads();
    let ops = reads
        .iter()
        .flat_map(|read| read.extra.iter().flat_map(|extra| &extra.ops));
    ops.map(|op: &OpResult| (op.op_spec_id, op.words.clone()))
        .collect()
}

#[test]
fn memory_is_read_as_tags_are_seen() {
    let mut config = with_reads(&[7, 9]);
    config.report.tid = true;
    let mut pair = Pair::new(config, ReaderConfig::default());
    pair.drive();
    assert_eq!(pair.told_ready(), (false, &[][..]));
    with_memory(&mut pair, 1);
    pair.see(1, 1);
    pair.drive();
    let told = |event: &ClientEvent| match event {
        ClientEvent::Reports(reads) => reads.first().and_then(|read| read.access_spec_id),
        _ => None,
    };
    assert_eq!(pair.events.iter().find_map(told), Some(14150));
    assert_eq!(
        results(&mut pair),
        [
            (TID_OP_SPEC, vec![0xe280, 0x1160, 1, 2, 3, 4]),
            (7, vec![11, 12]),
            (9, vec![11, 12]),
        ]
    );
    pair.reconnect(Duration::from_secs(1));
    assert!(pair.told_ready().0);
    assert!(
        !pair.sent.contains(&AddAccessSpec::TYPE),
        "it is still there"
    );
}

#[test]
fn changed_and_stale_access_specs_are_replaced_and_foreign_ones_kept() {
    let mut pair = Pair::new(with_reads(&[7]), ReaderConfig::default());
    let foreign = AccessSpec {
        access_spec_id: 3,
        rospec_id: 0,
        ..plan_access_of(&with_reads(&[1]))
    };
    let message = AddAccessSpec {
        params: Params::default().with(foreign),
    }
    .into();
    let frame = Frame {
        version: 1,
        message_id: 1,
        message,
    };
    pair.drive();
    pair.reader
        .handle_bytes(pair.utc_us(), &frame.encode().unwrap())
        .unwrap();
    let changed = "other software has changed the reader's configuration since the last session";
    for (ids, deleted, added) in [(&[8][..], 1, 1), (&[][..], 1, 0), (&[9][..], 0, 1)] {
        pair.config = with_reads(ids);
        pair.reconnect(Duration::from_secs(1));
        let warnings: &[&str] = if ids == [8] { &[changed] } else { &[] };
        assert_eq!(pair.warnings(), warnings);
        assert_eq!(pair.told_ready().1, [""; 0]);
        let count = |message_type| {
            pair.sent
                .iter()
                .filter(|sent| **sent == message_type)
                .count()
        };
        assert_eq!(
            (count(DeleteAccessSpec::TYPE), count(AddAccessSpec::TYPE)),
            (deleted, added)
        );
        with_memory(&mut pair, 1);
        pair.see(1, 1);
        pair.drive();
        // The foreign one came first and is disabled; ours alone gives results.
        let seen: Vec<u32> = results(&mut pair)
            .iter()
            .map(|(id, _)| u32::from(*id))
            .collect();
        assert_eq!(seen, ids);
    }
    assert!(
        pair.client
            .setup
            .stock
            .access
            .iter()
            .any(|spec| spec.access_spec_id == 3)
    );
}

fn plan_access_of(config: &ClientConfig) -> AccessSpec {
    let (mut specs, _) = access::plan_access(config, &Capabilities::default(), false);
    specs.remove(0)
}

#[test]
fn memory_reads_that_are_refused_do_not_stop_reading() {
    let mut pair = Pair::new(with_reads(&[7]), ReaderConfig::default());
    pair.reader
        .refuse(AddAccessSpec::TYPE, Some(C1G2Read::TYPE), u32::MAX);
    pair.drive();
    let limits = pair.told_ready().1;
    assert!(
        limits[0].starts_with("memory read 7 left out, as the reader refuses: "),
        "{limits:?}"
    );
    assert!(!pair.sent.contains(&EnableAccessSpec::TYPE));
    pair.see(1, 1);
    pair.drive();
    assert_eq!(pair.reads().len(), 1);
}

#[test]
fn an_impinj_reader_brings_tid_and_phase_along() {
    let mut config = ClientConfig::default();
    config.report.tid = true;
    config.report.phase = true;
    let mut pair = Pair::new(config, ReaderConfig::impinj());
    pair.drive();
    with_memory(&mut pair, 1);
    pair.see(1, 1);
    pair.drive();
    let reads = pair.reads();
    assert_eq!(
        reads[0].extra.as_ref().unwrap().tid,
        [0xe280, 0x1160, 1, 2, 3, 4]
    );
    assert!(reads[0].phase.is_some());
    assert!(!pair.sent.contains(&AddAccessSpec::TYPE));
}

#[test]
fn any_of_several_patterns_selects_a_tag() {
    let select = |bit_len| Select {
        bank: MemoryBank::Epc,
        bit_pointer: 32,
        mask: vec![0xff, 0xff],
        bit_len,
    };
    let config = ClientConfig {
        select: vec![select(8), select(11)],
        ..ClientConfig::default()
    };
    let mut pair = Pair::new(config, ReaderConfig::default());
    pair.drive();
    assert_eq!(pair.told_ready().1, [""; 0]);
    let command = pair
        .planned()
        .params
        .first::<AISpec>()
        .and_then(|ai| ai.params.first::<InventoryParameterSpec>())
        .and_then(|inventory| inventory.params.first::<AntennaConfiguration>())
        .and_then(|antenna| antenna.params.first::<C1G2InventoryCommand>())
        .unwrap();
    let filter = |filter: &C1G2Filter| {
        let mask = filter.params.first::<C1G2TagInventoryMask>().unwrap();
        let action = filter
            .params
            .first::<C1G2TagInventoryStateUnawareFilterAction>();
        (
            mask.pointer,
            mask.tag_mask.bytes().to_vec(),
            action.unwrap().action,
        )
    };
    assert_eq!(
        command.params.all().map(filter).collect::<Vec<_>>(),
        [
            (32, vec![0xff], C1G2StateUnawareAction::SelectUnselect),
            (32, vec![0xff, 0xe0], C1G2StateUnawareAction::SelectNothing),
        ]
    );
}
