//! What is refused, each with the field it is about.

mod common;

use tracegate_epcis::{Action, Event, EventData, Quantity, SensorElement, What};

fn refused(data: EventData, expected: &str) {
    assert_eq!(
        Event::new(data).expect_err("a refused event").to_string(),
        expected
    );
}

fn changed(change: impl FnOnce(&mut EventData)) -> EventData {
    let mut data = common::pallet_received();
    change(&mut data);
    data
}

fn with_quantity(amount: Option<&str>, uom: Option<&str>) -> EventData {
    let quantity = Quantity {
        epc_class: "urn:epc:class:lgtin:0952132.012000.L42".to_owned(),
        quantity: amount.map(|text| text.parse().expect("a decimal")),
        uom: uom.map(str::to_owned),
    };
    let time = common::pallet_received().time;
    EventData::object(time, Action::Observe, Vec::new(), vec![quantity])
}

#[test]
fn events_about_nothing() {
    let time = common::pallet_received().time;
    refused(
        EventData::object(time, Action::Observe, Vec::new(), Vec::new()),
        "`epcList` is needed: the event names neither instances nor quantities",
    );
    refused(
        EventData::aggregation(time, Action::Observe, None, Vec::new(), Vec::new()),
        "`childEPCs` is needed: the event names neither instances nor quantities",
    );
    refused(
        EventData::aggregation(
            time,
            Action::Add,
            None,
            vec!["urn:x:1".to_owned()],
            Vec::new(),
        ),
        "`parentID` is needed to add or delete",
    );
    let parent = Some("urn:epc:id:sscc:0952123.1456789123".to_owned());
    assert!(
        EventData::aggregation(time, Action::Delete, parent, Vec::new(), Vec::new())
            .validate()
            .is_ok()
    );
}

#[test]
fn texts_that_are_no_identifiers() {
    refused(
        changed(|data| data.read_point = Some("dock 1".to_owned())),
        "`readPoint.id` is `dock 1`, which is not a URI",
    );
    refused(
        changed(|data| data.biz_location = Some(String::new())),
        "`bizLocation.id` is ``, which is not a URI",
    );
    refused(
        changed(|data| {
            if let What::Object { epcs, .. } = &mut data.what {
                epcs.push("30340789".to_owned());
            }
        }),
        "`epcList[2]` is `30340789`, which is not a URI",
    );
    refused(
        changed(|data| {
            if let What::Object { epcs, .. } = &mut data.what {
                epcs.push(epcs[0].clone());
            }
        }),
        "`epcList[2]` repeats `urn:epc:id:sscc:0952123.1456789123`",
    );
}

#[test]
fn words_outside_the_vocabulary() {
    refused(
        changed(|data| data.biz_step = Some("issuing".to_owned())),
        "`bizStep` is `issuing`, which is neither a word of the vocabulary nor a URI of its own",
    );
    refused(
        changed(|data| data.disposition = Some("urn:epcglobal:cbv:disp:active".to_owned())),
        "`disposition` is `urn:epcglobal:cbv:disp:active`, which is neither a word of the vocabulary nor a URI of its own",
    );
    refused(
        changed(|data| data.biz_transactions[0].kind = "order".to_owned()),
        "`bizTransactionList[0].type` is `order`, which is neither a word of the vocabulary nor a URI of its own",
    );
    assert!(
        changed(|data| data.biz_step = Some("https://plant.example/issuing".to_owned()))
            .validate()
            .is_ok()
    );
}

#[test]
fn quantities_that_count_nothing() {
    refused(
        with_quantity(None, Some("KGM")),
        "`quantityList[0].uom` is there without a quantity",
    );
    refused(
        with_quantity(Some("1.5"), None),
        "`quantityList[0].quantity` is 1.5, but without a unit only whole pieces count",
    );
    refused(
        with_quantity(Some("1"), Some("kg")),
        "`quantityList[0].uom` is `kg`, which is not a UN/CEFACT unit of two or three capitals or digits",
    );
    refused(
        with_quantity(Some("1"), Some("INF")),
        "`uom` holds an infinite number, which has no event hash",
    );
    assert!(Event::new(with_quantity(None, None)).is_ok());
}

#[test]
fn sensor_data_that_reports_nothing_or_in_no_known_words() {
    let sensed = |change: fn(&mut SensorElement)| {
        changed(|data| {
            let mut element = common::sensor::logger(data.time);
            change(&mut element);
            data.sensor_elements = vec![element];
        })
    };
    refused(
        sensed(|element| element.reports.clear()),
        "`sensorElementList[0].sensorReport` is needed: the sensor element reports nothing",
    );
    refused(
        sensed(|element| element.reports[1].kind = "temperature".to_owned()),
        "`sensorElementList[0].sensorReport[1].type` is `temperature`, which is neither a word of the vocabulary nor a URI of its own",
    );
    refused(
        sensed(|element| element.reports[0].kind = "https://gs1.org/voc/Temperature".to_owned()),
        "`sensorElementList[0].sensorReport[0].type` is `https://gs1.org/voc/Temperature`, which is neither a word of the vocabulary nor a URI of its own",
    );
    refused(
        sensed(|element| element.metadata.device_id = Some("logger 7".to_owned())),
        "`sensorElementList[0].sensorMetadata.deviceID` is `logger 7`, which is not a URI",
    );
    refused(
        sensed(|element| element.reports[0].hex_binary_value = Some("0x1f".to_owned())),
        "`sensorElementList[0].sensorReport[0].hexBinaryValue` is `0x1f`, which is not hex digits",
    );
    refused(
        sensed(|element| {
            element.extensions.insert("shift".to_owned(), "late".into());
        }),
        "`sensorElementList[0].shift` is `shift`, which is not a URI",
    );
    let only_sensed = |read_point: Option<&str>| {
        let time = common::pallet_received().time;
        let mut data = EventData::object(time, Action::Observe, Vec::new(), Vec::new());
        data.sensor_elements = vec![common::sensor::logger(time)];
        data.read_point = read_point.map(str::to_owned);
        data
    };
    assert!(Event::new(only_sensed(Some("urn:epc:id:sgln:4012345.00002.cold1"))).is_ok());
    refused(
        only_sensed(None),
        "`epcList` is needed: the event names neither instances nor quantities",
    );
}
