use super::*;
use serde_json::json;

/// Roles and names of an event with these fields.
fn roles(fields: Value) -> Vec<String> {
    let mut event = json!({
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"gw": "tracegate:event/"}],
        "eventTime": "2026-11-22T10:00:00.000+01:00", "eventTimeZoneOffset": "+01:00",
    });
    for (key, value) in fields.as_object().unwrap() {
        event[key] = value.clone();
    }
    let facts = facts(
        &event,
        &Value::Null,
        &["https://site.example/issuing".to_owned()],
    )
    .unwrap();
    let name = |uri: &str| uri.replace("https://id.gs1.org", "");
    let told = facts.uses.iter().map(|it| {
        let parent = it.parent.as_ref().map(|uri| format!(" in {}", name(uri)));
        let lot = it.thing.lot.as_ref().map(|lot| format!(" lot {lot}"));
        format!(
            "{} {}{}{}",
            it.role,
            name(&it.thing.uri),
            parent.unwrap_or_default(),
            lot.unwrap_or_default()
        )
    });
    told.collect()
}

const LOT: &str = "https://id.gs1.org/01/04012345123456/10/A";
const SERIAL: &str = "urn:epc:id:sgtin:9506000.013435.7";
const PALLET: &str = "https://id.gs1.org/00/340123450000001236";

fn order() -> Value {
    json!([{"type": "prodorder", "bizTransaction": "https://erp.example/order/1"}])
}

#[test]
fn what_goes_into_an_order_and_what_comes_out() {
    let lot = json!([{"epcClass": LOT, "quantity": 2.5, "uom": "KGM"}]);
    for step in ["picking", "https://site.example/issuing"] {
        let issue = json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": step, "quantityList": lot, "bizTransactionList": order()});
        assert_eq!(
            roles(issue),
            ["input /01/04012345123456/10/A lot A"],
            "{step}"
        );
    }
    let back = json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "storing", "quantityList": lot, "bizTransactionList": order()});
    assert_eq!(roles(back), ["epc /01/04012345123456/10/A lot A"]);
    let made = json!({"type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning", "epcList": [SERIAL], "bizTransactionList": order(), "ilmd": {"cbvmda:lotNumber": "P1"}});
    assert_eq!(roles(made), ["output /01/09506000134352/21/7 lot P1"]);
    let transformed =
        json!({"type": "TransformationEvent", "inputQuantityList": lot, "outputEPCList": [SERIAL]});
    assert_eq!(
        roles(transformed),
        [
            "input /01/04012345123456/10/A lot A",
            "output /01/09506000134352/21/7"
        ]
    );
}

#[test]
fn what_is_on_a_pallet_and_what_is_not_any_more() {
    let event = |action: &str, children: Value| json!({"type": "AggregationEvent", "action": action, "parentID": PALLET, "childEPCs": children});
    assert_eq!(
        roles(event("ADD", json!([SERIAL]))),
        [
            "parent /00/340123450000001236",
            "child /01/09506000134352/21/7 in /00/340123450000001236"
        ]
    );
    assert_eq!(
        roles(event("DELETE", json!([SERIAL]))),
        [
            "parent /00/340123450000001236",
            "child /01/09506000134352/21/7"
        ]
    );
    assert_eq!(
        roles(event("DELETE", json!([]))),
        ["emptied /00/340123450000001236"]
    );
}

#[test]
fn a_refusal_moves_nothing_and_counts_repeat() {
    let refused = json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "picking", "epcList": [SERIAL], "bizTransactionList": order(), "gw:verdict": "refuse"});
    assert_eq!(
        roles(refused.clone()),
        ["mentioned /01/09506000134352/21/7"]
    );
    let mut overridden = refused.clone();
    overridden["gw:overrides"] = json!([{"gw:rule": "lot_hold", "gw:by": "badge-9"}]);
    assert_eq!(roles(overridden), ["input /01/09506000134352/21/7"]);
    let mut cancelled = refused;
    cancelled["bizStep"] = json!("tracegate:event/issue_cancelled");
    cancelled["gw:verdict"] = json!("cancelled");
    assert_eq!(roles(cancelled), ["mentioned /01/09506000134352/21/7"]);
    let counts = json!({"type": "ObjectEvent", "action": "OBSERVE", "epcList": [PALLET], "gw:quantities": [{"gw:epcClass": LOT, "gw:quantity": 3}]});
    assert_eq!(
        roles(counts),
        [
            "epc /00/340123450000001236",
            "counted /01/04012345123456/10/A lot A"
        ]
    );
}
