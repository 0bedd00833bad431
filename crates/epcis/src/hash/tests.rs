//! The hash on fixtures of our own. Expected values were computed with the reference generator (1.9.3).

use serde_json::{Value, json};

use super::{HashError, digital_link, hash_document, hash_json};

#[test]
fn identifiers_get_one_spelling() {
    for (given, canonical) in [
        (
            "urn:epc:id:sgtin:0952132.012000.A%2F(7)",
            "https://id.gs1.org/01/00952132120005/21/A%2F%287%29",
        ),
        (
            "urn:epc:id:sscc:0952123.1456789123",
            "https://id.gs1.org/00/109521234567891230",
        ),
        (
            "urn:epc:id:sgln:4012345.00001.0",
            "https://id.gs1.org/414/4012345000016",
        ),
        (
            "urn:epc:id:sgln:401234500001..dock1",
            "https://id.gs1.org/414/4012345000016/254/dock1",
        ),
        (
            "urn:epc:id:grai:4012345.00022.334455",
            "https://id.gs1.org/8003/04012345000221334455",
        ),
        (
            "urn:epc:id:grai:401234500022...334455",
            "https://id.gs1.org/8003/04012345000221.334455",
        ),
        (
            "urn:epc:id:giai:4012345.ABC:345",
            "https://id.gs1.org/8004/4012345ABC%3A345",
        ),
        (
            "urn:epc:id:gsrn:4012345.0000006765",
            "https://id.gs1.org/8018/401234500000067657",
        ),
        (
            "urn:epc:id:gsrnp:4012345.0000000007",
            "https://id.gs1.org/8017/401234500000000074",
        ),
        (
            "urn:epc:id:gdti:4012345.00009.PO-4711",
            "https://id.gs1.org/253/4012345000092PO-4711",
        ),
        (
            "urn:epc:id:gdti:401234500009..9",
            "https://id.gs1.org/253/40123450000929",
        ),
        (
            "urn:epc:id:cpi:4012345.A%23-1.42",
            "https://id.gs1.org/8010/4012345A%23-1/8011/42",
        ),
        (
            "urn:epc:id:sgcn:4012345.00009.42",
            "https://id.gs1.org/255/401234500009242",
        ),
        (
            "urn:epc:id:ginc:4012345.xyz%2F11",
            "https://id.gs1.org/401/4012345xyz%2F11",
        ),
        (
            "urn:epc:id:gsin:4012345.222333444",
            "https://id.gs1.org/402/40123452223334442",
        ),
        (
            "urn:epc:id:itip:4012345.011111.01.02.987",
            "https://id.gs1.org/8006/040123451111180102/21/987",
        ),
        (
            "urn:epc:id:upui:4012345.011111.51qIg",
            "https://id.gs1.org/01/04012345111118/235/51qIg",
        ),
        (
            "urn:epc:id:pgln:4012345.00000",
            "https://id.gs1.org/417/4012345000009",
        ),
        (
            "urn:epc:class:lgtin:4012345.012345.L+9",
            "https://id.gs1.org/01/04012345123456/10/L%2B9",
        ),
        (
            "urn:epc:idpat:sgtin:4012345.011111.*",
            "https://id.gs1.org/01/04012345111118",
        ),
        (
            "urn:epc:idpat:grai:4012345.00022.*",
            "https://id.gs1.org/8003/04012345000221",
        ),
        (
            "urn:epc:idpat:cpi:4012345.AB.*",
            "https://id.gs1.org/8010/4012345AB",
        ),
        (
            "urn:epc:idpat:itip:4012345.011111.01.02.*",
            "https://id.gs1.org/8006/040123451111180102",
        ),
        (
            "https://example.com/a/gtin/4012345111118/lot/L1?17=261231",
            "https://id.gs1.org/01/04012345111118/10/L1",
        ),
        (
            "http://id.gs1.org/01/09521321120008/22/2A/10/L1/21/S1",
            "https://id.gs1.org/01/09521321120008/21/S1",
        ),
        (
            "https://id.gs1.org/01/09521321120008/22/2A",
            "https://id.gs1.org/01/09521321120008",
        ),
        (
            "https://id.gs1.org/01/09521321120008/10/L1/21/S1",
            "https://id.gs1.org/01/09521321120008/21/S1",
        ),
        (
            "https://id.gs1.org/01/96385074",
            "https://id.gs1.org/01/00000096385074",
        ),
    ] {
        assert_eq!(
            digital_link::normalise(given).as_deref(),
            Some(canonical),
            "{given}"
        );
        assert_eq!(
            digital_link::normalise(canonical)
                .as_deref()
                .unwrap_or(canonical),
            canonical
        );
    }
}

#[test]
fn other_identifiers_stay_as_they_are() {
    for given in [
        "urn:epc:id:grai:401234500022..334455",
        "urn:epc:id:sgtin:4012345.01111.7",
        "urn:epc:id:sgtin:4012345.011111.a b",
        "urn:epc:id:usdod:CAGEY.1",
        "https://id.gs1.org/01/09521321120008/21/A%27B?x=1",
        "https://id.gs1.org/414/4012345000016/254/dock1",
        "https://example.com/414/40123",
        "https://id.gs1.org/8010/4012345AB/8011/42",
        "https://plant.example/orders/4711",
        "urn:epc:id:sgtin",
        "urn:epc:id:sgtin:.",
        "urn:epc:id:cpi:4012345.é.1",
        "https://é.example/01/é.",
        "",
    ] {
        assert_eq!(
            digital_link::normalise(given).as_deref().unwrap_or(given),
            given
        );
    }
}

fn transformation() -> Value {
    json!({
        "type": "TransformationEvent",
        "eventTime": "2026-11-22T10:15:30Z",
        "eventTimeZoneOffset": "+01:00",
        "recordTime": "2026-11-22T10:15:31Z",
        "certificationInfo": ["https://b.example/2", "https://b.example/1"],
        "outputEPCList": ["urn:epc:id:sgtin:0952132.012000.10"],
        "inputQuantityList": [
            { "epcClass": "urn:epc:class:lgtin:0952132.012000.L42", "quantity": 2.50, "uom": "KGM" }
        ],
        "persistentDisposition": { "set": ["recalled"], "unset": ["available"] },
        "readPoint": { "id": "urn:epc:id:sgln:4012345.00001.0", "gw:lane": "007" },
        "sensorElementList": [{
            "sensorReport": [
                { "uom": "CEL", "value": 26.0, "type": "Temperature" },
                { "type": "gs1:Mass", "booleanValue": true }
            ],
            "sensorMetadata": { "time": "2026-11-22T11:15:30+01:00" }
        }],
        "gw:shift": { "gw:name": "late", "gw:crew": [3, 1] },
        "ilmd": { "cbvmda:lotNumber": "L42" },
        "sourceList": [{ "type": "location", "source": "urn:epc:id:sgln:4012345.00001.0" }],
        "errorDeclaration": { "declarationTime": "2026-11-22T10:15:30Z", "reason": "incorrect_data" },
        "rdfs:comment": "free"
    })
}

fn context() -> Value {
    json!([crate::CONTEXT, { "gw": "https://plant.example/gw/" }])
}

#[test]
fn sensors_master_data_and_extensions_take_their_places() {
    let hash = hash_json(&transformation(), &context()).unwrap();
    assert_eq!(
        hash.prehash(),
        concat!(
            "eventType=TransformationEventeventTime=2026-11-22T10:15:30.000ZeventTimeZoneOffset=+01:00",
            "certificationInfo=https://b.example/1certificationInfo=https://b.example/2",
            "inputQuantityListquantityElementepcClass=https://id.gs1.org/01/00952132120005/10/L42",
            "quantity=2.5uom=KGMoutputEPCListepc=https://id.gs1.org/01/00952132120005/21/10",
            "persistentDispositionset=https://ref.gs1.org/cbv/Disp-recalled",
            "unset=https://ref.gs1.org/cbv/Disp-available",
            "readPointid=https://id.gs1.org/414/4012345000016{https://plant.example/gw/}lane=7",
            "sensorElementListsensorElementsensorMetadatatime=2026-11-22T10:15:30.000Z",
            "sensorReporttype=gs1:MassbooleanValue=True",
            "sensorReporttype=https://gs1.org/voc/Temperaturevalue=26uom=CEL",
            "ilmdcbvmda:lotNumber=L42",
            "sourceListtype=https://ref.gs1.org/cbv/SDT-locationsource=https://id.gs1.org/414/4012345000016",
            "{https://plant.example/gw/}shift{https://plant.example/gw/}crew=1",
            "{https://plant.example/gw/}crew=3{https://plant.example/gw/}name=late",
        )
    );
    assert_eq!(
        hash.id().hex(),
        "1e6580efcffe309f51d2a777c9e6f4683be20d2ecfc81a5906a115c92771d365"
    );
}

#[test]
fn an_event_hashes_alike_bare_and_in_documents() {
    let hash = hash_json(&transformation(), &context()).unwrap();
    let mut bare = transformation();
    bare["@context"] = context();
    assert_eq!(hash_json(&bare, &Value::Null), Ok(hash.clone()));
    assert_eq!(hash_document(&bare), Ok(vec![hash.clone()]));
    for body in [
        json!({ "eventList": [transformation()] }),
        json!({ "event": transformation() }),
        json!({ "queryResults": { "resultsBody": { "eventList": [transformation()] } } }),
    ] {
        let document = json!({ "@context": context(), "epcisBody": body });
        assert_eq!(hash_document(&document), Ok(vec![hash.clone()]));
    }
    assert_eq!(
        hash_document(&json!({ "epcisBody": {} })),
        Err(HashError::NoEventList)
    );
}

#[test]
fn what_the_reference_cannot_hash_is_an_error_that_names_the_field() {
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    for (field, value, message) in [
        ("type", Value::Null, "`type` is missing or not a text"),
        (
            "eventTime",
            json!(7),
            "`eventTime` is missing or not a text",
        ),
        (
            "eventTime",
            json!("2026-11-22 10:15"),
            "`eventTime` holds a time that is not RFC 3339 with an offset, which has no event hash",
        ),
        (
            "eventTime",
            json!("2026-11-22T10:15:30.9996Z"),
            "`eventTime` holds a fraction that rounds up to a full second, which has no event hash",
        ),
        (
            "gw:shift",
            json!("Infinity"),
            "`{https://plant.example/gw/}shift` holds an infinite number, which has no event hash",
        ),
        (
            "sourceList",
            json!([{ "source": "urn:x:1" }]),
            "`sourceList` holds an entry without type and value, which has no event hash",
        ),
        (
            "readPoint",
            json!({ "id": 7 }),
            "`id` holds an identifier that is not a text, which has no event hash",
        ),
        (
            "ilmd",
            json!({ "type": { "a": 1 } }),
            "`type` holds a type that is not a text, which has no event hash",
        ),
        ("gw:deep", deep, "the event is nested too deeply"),
        (
            "gw:x",
            json!({ "#text": "a" }),
            "`#text` holds an object with text of its own, which has no event hash",
        ),
    ] {
        let mut event = transformation();
        event[field] = value;
        assert_eq!(
            hash_json(&event, &context()).unwrap_err().to_string(),
            message
        );
    }
    let context = json!([{ "gw": { "@id": "https://plant.example/gw/" } }]);
    assert_eq!(
        hash_json(&transformation(), &context)
            .unwrap_err()
            .to_string(),
        "`@context.gw` holds a term definition that is not a text, which has no event hash"
    );
}
