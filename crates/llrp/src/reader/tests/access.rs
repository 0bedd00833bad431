use super::*;
use crate::codec::Param;
use crate::codec::code::{
    AccessReportTriggerType, AccessSpecStopTriggerType, AirProtocol, C1G2ReadResult,
    C1G2StateUnawareAction, C1G2WriteResult, MemoryBank,
};
use crate::codec::field::Bits;
use crate::codec::param::{
    AccessCommand, AccessReportSpec, AccessSpec, AccessSpecStopTrigger, AntennaConfiguration,
    C1G2Filter, C1G2InventoryCommand, C1G2Read, C1G2ReadOpSpecResult, C1G2TagInventoryMask,
    C1G2TagInventoryStateUnawareFilterAction, C1G2TagSpec, C1G2TargetTag, C1G2Write,
    C1G2WriteOpSpecResult,
};
use crate::reader::TagMemory;

fn read(mb: MemoryBank, word_pointer: u16, word_count: u16) -> C1G2Read {
    C1G2Read {
        op_spec_id: 5,
        access_password: 0,
        mb,
        word_pointer,
        word_count,
    }
}

/// For tags whose last EPC byte is `tag`, or all.
fn spec(tag: Option<u8>, op: impl Into<Param>) -> AccessSpec {
    let (mask, data) = match tag {
        Some(tag) => (Bits::new(8, &[0xff]), Bits::new(8, &[tag])),
        None => (Bits::default(), Bits::default()),
    };
    let target = C1G2TargetTag {
        mb: MemoryBank::Epc,
        match_tag: true,
        pointer: 32 + 88,
        tag_mask: mask,
        tag_data: data,
    };
    let tags = C1G2TagSpec {
        params: Params::default().with(target),
    };
    AccessSpec {
        access_spec_id: 3,
        antenna_id: 0,
        protocol_id: AirProtocol::EpcGen2,
        active: false,
        rospec_id: 0,
        params: Params::default()
            .with(AccessSpecStopTrigger::default())
            .with(AccessCommand {
                params: Params::default().with(tags).with(op.into()),
            }),
    }
}

fn desk_with(spec: AccessSpec) -> Desk {
    let mut desk = Desk::new(ReaderConfig::default());
    desk.run(rospec(immediately(), ROSpecStopTrigger::default()));
    let access_spec_id = spec.access_spec_id;
    desk.ask(message::AddAccessSpec {
        params: Params::default().with(spec),
    });
    desk.ask(message::EnableAccessSpec { access_spec_id });
    desk
}

#[test]
fn memory_is_read_with_the_tag() {
    let memory = TagMemory {
        tid: vec![0xe280, 1, 2],
        user: vec![7, 8],
        reserved: Vec::new(),
    };
    for (bank, pointer, count, result) in [
        (MemoryBank::Tid, 0, 0, Ok(vec![0xe280, 1, 2])),
        (MemoryBank::Tid, 1, 2, Ok(vec![1, 2])),
        (MemoryBank::User, 0, 2, Ok(vec![7, 8])),
        (MemoryBank::User, 1, 2, Err(C1G2ReadResult::TagError)),
        (MemoryBank::Reserved, 0, 0, Err(C1G2ReadResult::TagError)),
        (MemoryBank::Epc, 1, 2, Ok(vec![0x3000, 0x3030])),
    ] {
        let mut desk = desk_with(spec(Some(1), read(bank, pointer, count)));
        desk.reader
            .set_memory(sighting(1, 1).epc.as_slice(), memory.clone());
        assert!(desk.see(1, 1) && desk.see(2, 1));
        let reports = desk.reports();
        let expected = C1G2ReadOpSpecResult {
            result: result.as_ref().err().copied().unwrap_or_default(),
            op_spec_id: 5,
            read_data: result.unwrap_or_default(),
        };
        assert_eq!(reports[0].params.first(), Some(&expected));
        assert!(
            !reports[1].params.has::<C1G2ReadOpSpecResult>(),
            "another tag"
        );
    }
}

#[test]
fn a_tag_without_memory_has_a_tid_of_its_own() {
    let reader = Reader::new(ReaderConfig::default());
    let tids: Vec<_> = [1, 2]
        .map(|tag| reader.memory(sighting(tag, 1).epc.as_slice()).tid)
        .to_vec();
    assert_ne!(tids[0], tids[1]);
    assert!(tids.iter().all(|tid| tid.len() == 6 && tid[0] == 0xe280));
}

#[test]
fn what_is_written_is_read_afterwards() {
    let write = |word_pointer| C1G2Write {
        op_spec_id: 6,
        access_password: 0,
        mb: MemoryBank::User,
        word_pointer,
        write_data: vec![0xbeef],
    };
    let memory = TagMemory {
        user: vec![0; 2],
        ..TagMemory::default()
    };
    for (pointer, result, after) in [
        (1, C1G2WriteResult::Success, vec![0, 0xbeef]),
        (2, C1G2WriteResult::MemoryOverrun, vec![0, 0]),
    ] {
        let mut desk = desk_with(spec(None, write(pointer)));
        let epc = sighting(1, 1).epc;
        desk.reader.set_memory(epc.as_slice(), memory.clone());
        desk.see(1, 1);
        let reports = desk.reports();
        let told = reports[0].params.first::<C1G2WriteOpSpecResult>().unwrap();
        assert_eq!(told.result, result);
        assert_eq!(
            told.num_words_written,
            u16::from(result == C1G2WriteResult::Success)
        );
        assert_eq!(desk.reader.memory(epc.as_slice()).user, after);
    }
}

#[test]
fn a_number_of_operations_ends_it() {
    let mut counted = spec(None, read(MemoryBank::Tid, 0, 0));
    counted.params.0[0] = AccessSpecStopTrigger {
        trigger_type: AccessSpecStopTriggerType::OperationCount,
        operation_count_value: 2,
    }
    .into();
    counted.params.push(AccessReportSpec {
        trigger: AccessReportTriggerType::EndOfAccessSpec,
    });
    let mut desk = desk_with(counted);
    for tag in 1..=3 {
        desk.see(tag, 1);
    }
    let with_result = |report: &TagReportData| report.params.has::<C1G2ReadOpSpecResult>();
    let reports = desk.reports();
    assert_eq!(
        reports.iter().map(with_result).collect::<Vec<_>>(),
        [true, true, false]
    );
    let Message::GetAccessSpecsResponse(left) = desk.ask(message::GetAccessSpecs {}) else {
        panic!("the response");
    };
    assert!(
        !left.params.has::<AccessSpec>(),
        "it is deleted after the last"
    );
}

#[test]
fn access_specs_live_as_they_should() {
    let mut desk = desk_with(spec(None, read(MemoryBank::Tid, 0, 0)));
    let add = |spec| message::AddAccessSpec {
        params: Params::default().with(spec),
    };
    let twice = desk.refused(add(spec(None, read(MemoryBank::Tid, 0, 0))));
    assert!(twice.contains("the AccessSpecID is in use"), "{twice}");
    assert!(twice.contains("AccessSpec (207)"), "{twice}");
    let active = AccessSpec {
        access_spec_id: 9,
        active: true,
        ..spec(None, read(MemoryBank::Tid, 0, 0))
    };
    assert!(desk.refused(add(active)).contains("must be disabled"));
    desk.ask(message::DisableAccessSpec { access_spec_id: 3 });
    desk.see(1, 1);
    assert!(!desk.reports()[0].params.has::<C1G2ReadOpSpecResult>());
    desk.ask(message::DeleteAccessSpec { access_spec_id: 0 });
    let gone = desk.refused(message::EnableAccessSpec { access_spec_id: 3 });
    assert!(gone.contains("there is no AccessSpec 3"), "{gone}");
}

#[test]
fn select_filters_leave_tags_out() {
    use C1G2StateUnawareAction as Action;
    let filter = |tag: u8, action| C1G2Filter {
        params: Params::default()
            .with(C1G2TagInventoryMask {
                mb: MemoryBank::Epc,
                pointer: 32 + 88,
                tag_mask: Bits::new(8, &[tag]),
            })
            .with(C1G2TagInventoryStateUnawareFilterAction { action }),
        ..Default::default()
    };
    for (filters, passing) in [
        (vec![], vec![1, 2, 3]),
        (vec![filter(1, Action::SelectUnselect)], vec![1]),
        (vec![filter(1, Action::UnselectSelect)], vec![2, 3]),
        (
            vec![
                filter(1, Action::SelectUnselect),
                filter(3, Action::SelectNothing),
            ],
            vec![1, 3],
        ),
        (vec![filter(2, Action::UnselectNothing)], vec![1, 3]),
        (vec![filter(2, Action::NothingUnselect)], vec![2]),
    ] {
        let mut desk = Desk::new(ReaderConfig::default());
        let mut rospec = rospec(immediately(), ROSpecStopTrigger::default());
        for param in &mut rospec.params.0 {
            if let Param::AISpec(part) = param
                && let Some(Param::InventoryParameterSpec(inventory)) = part.params.0.last_mut()
            {
                inventory.params.push(AntennaConfiguration {
                    antenna_id: 0,
                    params: Params::default().with(C1G2InventoryCommand {
                        tag_inventory_state_aware: false,
                        params: filters.iter().cloned().collect(),
                    }),
                });
            }
        }
        desk.run(rospec);
        let passed: Vec<u8> = (1..=3).filter(|&tag| desk.see(tag, 1)).collect();
        assert_eq!(passed, passing, "{filters:?}");
    }
}
