//! Random valid events of all five types, with everything that EPCIS lets them hold.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tracegate_epcis::{
    Action, BizTransaction, ErrorDeclaration, Event, EventData, Extensions, PersistentDisposition,
    SourceDest, What, biz_steps, biz_transaction_types, dispositions, source_dest_types,
};

use super::{any_action, any_quantity, any_time, distinct_uris, sensor, site_uri, uri, word};

pub fn any_event() -> impl Strategy<Value = Event> {
    let why = (
        option::of(prop_oneof![word(biz_steps()), site_uri()]),
        option::of(any_disposition()),
        any_transactions(),
        any_parties(),
        any_parties(),
        (distinct_dispositions(), distinct_dispositions()),
    );
    let about = (
        option::of(any_time()),
        vec(uri(), 0..3),
        option::weighted(0.2, any_declaration()),
        rare(sensor::any_extensions()),
        rare(sensor::any_extensions()),
    );
    (
        (any_time(), any_what()),
        why,
        about,
        (
            option::of(uri()),
            option::of(uri()),
            prop_oneof![8 => Just(Extensions::new()), 1 => sensor::any_extensions()],
        ),
        prop_oneof![3 => Just(Vec::new()), 1 => vec(sensor::any_element(), 1..3)],
    )
        .prop_map(|((time, what), why, about, places, sensor_elements)| {
            let mut data = EventData::new(time, what);
            (data.biz_step, data.disposition, ..) = (why.0, why.1);
            data.biz_transactions.extend(why.2);
            (data.sources, data.destinations) = (why.3, why.4);
            (data.record_time, data.certification_info) = (about.0, about.1);
            data.error_declaration = about.2;
            (data.read_point, data.biz_location) = (places.0, places.1);
            if data.read_point.is_some() {
                data.read_point_extensions = places.2.clone();
            }
            if data.biz_location.is_some() {
                data.biz_location_extensions = places.2;
            }
            data.sensor_elements = sensor_elements;
            data.extensions = about.3;
            if matches!(data.what, What::Object { .. } | What::Transformation { .. }) {
                let (set, unset) = why.5;
                data.persistent_disposition = PersistentDisposition { set, unset };
            }
            if matches!(
                data.what,
                What::Transformation { .. }
                    | What::Object {
                        action: Action::Add,
                        ..
                    }
            ) {
                data.ilmd = about.4;
            }
            if matches!(data.what, What::Transaction { .. }) && data.biz_transactions.is_empty() {
                data.biz_transactions.push(BizTransaction {
                    kind: "po".to_owned(),
                    id: "https://erp.example/po/4711".to_owned(),
                });
            }
            data.namespaces = vec![super::own_namespace()];
            Event::new(data).unwrap()
        })
}

fn any_what() -> impl Strategy<Value = What> {
    let parts = (
        any_action(),
        uri(),
        distinct_uris(),
        vec(any_quantity(), 0..4),
        distinct_uris(),
        vec(any_quantity(), 0..4),
    );
    (0..5, parts).prop_filter_map("names something", |(kind, parts)| {
        let (action, parent, epcs, quantities, outputs, output_quantities) = parts;
        let names_something = !epcs.is_empty() || !quantities.is_empty();
        let what = match kind {
            0 => What::Object {
                action,
                epcs,
                quantities,
            },
            1 => What::Aggregation {
                action,
                parent: Some(parent),
                children: epcs,
                child_quantities: quantities,
            },
            2 => What::Transaction {
                action,
                parent: Some(parent),
                epcs,
                quantities,
            },
            3 => What::Association {
                action,
                parent,
                children: epcs,
                child_quantities: quantities,
            },
            _ => What::Transformation {
                inputs: epcs,
                input_quantities: quantities,
                outputs,
                output_quantities,
                id: Some(parent),
            },
        };
        let fits = names_something || matches!(what, What::Transaction { .. });
        fits.then_some(what)
    })
}

fn any_disposition() -> impl Strategy<Value = String> {
    prop_oneof![word(dispositions()), site_uri()]
}

fn distinct_dispositions() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::btree_set(any_disposition(), 0..3).prop_map(Vec::from_iter)
}

fn any_transactions() -> impl Strategy<Value = Vec<BizTransaction>> {
    let kind = prop_oneof![word(biz_transaction_types()), site_uri()];
    vec(
        (kind, uri()).prop_map(|(kind, id)| BizTransaction { kind, id }),
        0..4,
    )
}

fn any_parties() -> impl Strategy<Value = Vec<SourceDest>> {
    let kind = prop_oneof![word(source_dest_types()), site_uri()];
    let party = (kind, uri()).prop_map(|(kind, id)| SourceDest { kind, id });
    prop_oneof![2 => Just(Vec::new()), 1 => vec(party, 1..3)]
}

fn any_declaration() -> impl Strategy<Value = ErrorDeclaration> {
    (
        any_time(),
        option::of(prop_oneof![
            word(["did_not_occur", "incorrect_data"].into_iter()),
            site_uri()
        ]),
        vec(uri(), 0..3),
        rare(sensor::any_extensions()),
    )
        .prop_map(
            |(declaration_time, reason, corrective_event_ids, extensions)| ErrorDeclaration {
                declaration_time,
                reason,
                corrective_event_ids,
                extensions,
            },
        )
}

fn rare(extensions: impl Strategy<Value = Extensions>) -> impl Strategy<Value = Extensions> {
    prop_oneof![2 => Just(Extensions::new()), 1 => extensions]
}
