//! Files that are loaded.

use super::*;

#[test]
fn files_of_each_form_say_the_same() {
    let csv = "\u{feff}sscc;gtin;serial;lot;expiry;status;quantity\r
040123450000000016;4012345000016;7;L1;;;\r
;04012345000016;7;L1;2027-03-31;;\r
;04012345000016;;\"L;1\";270331;hold;\r
040123450000000016;04012345000016;;L2;;;40\r
";
    let json = r#"[
{"sscc": "040123450000000016", "contents": [{"gtin": "04012345000016", "serial": "7", "lot": "L1"}, {"gtin": "04012345000016", "lot": "L2", "quantity": 40}]},
{"gtin": "04012345000016", "serial": "7", "lot": "L1", "expiry": "270331"},
{"gtin": "04012345000016", "lot": "L;1", "expiry": "270331", "status": "hold"}]"#;
    let lines = json.trim_matches(['[', ']']).replace("},\n", "}\n");
    let records = parse(csv, Format::Csv, 5).unwrap();
    assert_eq!(parse(json, Format::Json, 5).unwrap(), records);
    assert_eq!(parse(&lines, Format::Json, 5).unwrap(), records);
    assert_eq!(records.len(), 3);
    assert_eq!(records[0].key, "https://id.gs1.org/00/040123450000000016");
    let Some(Facts::Contents(contents)) = &records[0].facts else {
        panic!("{records:?}")
    };
    assert_eq!(
        contents[1].item,
        "https://id.gs1.org/01/04012345000016/10/L2"
    );
    assert_eq!((contents[1].pieces, contents[0].instance), (Some(40), true));
    let lot = Facts::Lot(Lot {
        status: Some("hold".to_owned()),
        expiry: Some("270331".to_owned()),
        ..Lot::default()
    });
    assert_eq!(records[1].facts, Some(lot));
    assert_eq!(records[2].version, 5);
}

#[test]
fn orders_and_lots_come_with_everything_that_rules_look_at() {
    let csv = "order;status;gtin;line;open;uom;lots
4711;open;4012345000016;10;12.50;KGM;L1 L2
4711;;04012345001006;20;3;;
PO 9;closed;;;;;
";
    let json = r#"[{"order": "4711", "status": "open", "lines": [
  {"gtin": "4012345000016", "line": "10", "open": 12.5, "uom": "KGM", "lots": ["L1", "L2"]},
  {"gtin": "04012345001006", "line": "20", "open": "3"}]},
 {"order": "PO 9", "status": "closed"}]"#;
    let records = parse(csv, Format::Csv, 5).unwrap();
    assert_eq!(parse(json, Format::Json, 5).unwrap(), records);
    let keys = keys(&records);
    assert_eq!(keys, ["tracegate:order/4711", "tracegate:order/PO%209"]);
    let Some(Facts::Order(order)) = &records[0].facts else {
        panic!("{records:?}")
    };
    let line = &order.lines[0];
    assert_eq!(line.item, "https://id.gs1.org/01/04012345000016");
    assert_eq!(line.open.as_ref().unwrap().to_string(), "12.5 KGM");
    assert_eq!(line.lots, ["L1", "L2"]);
    assert_eq!(order.lines[1].line.as_deref(), Some("20"));

    let lots = "gtin,lot,status,expiry,received,quantity,uom,location,reason
04012345000016,L1,hold,2027-03-31,261101,200,KGM,A-01,moisture
";
    let records = parse(lots, Format::Csv, 5).unwrap();
    let lot = Lot {
        status: Some("hold".to_owned()),
        expiry: Some("270331".to_owned()),
        received: Some("261101".to_owned()),
        quantity: Some(Quantity {
            value: "200".parse().unwrap(),
            uom: Some("KGM".to_owned()),
        }),
        location: Some("A-01".to_owned()),
        reason: Some("moisture".to_owned()),
    };
    assert_eq!(records[0].facts, Some(Facts::Lot(lot)));
}

#[test]
fn files_are_refused_with_the_place_and_what_to_do() {
    for (text, format, expected) in [
        (
            "gtin,lott\n",
            Format::Csv,
            "1:6: column \"lott\" is not known; columns are sscc, grai, gtin, serial, lot, order, line, expiry",
        ),
        (
            "grai,gtin,serial\n04012345000016,04012345000016,7\n",
            Format::Csv,
            "2:1: a grai needs its serial number to name one carrier",
        ),
        (
            "gtin,lot\n04012345000016,L,9\n",
            Format::Csv,
            "2:18: 3 fields, the header has 2",
        ),
        (
            "lot,gtin\n\nL,04012345000017\n",
            Format::Csv,
            "3:3: \"04012345000017\": (01) ",
        ),
        (
            "gtin,serial\n04012345000016,7\n",
            Format::Csv,
            "2:1: a serial number needs its lot",
        ),
        (
            "gtin,lot,expiry\n04012345000016,L,tomorrow\n",
            Format::Csv,
            "2:18: expiry \"tomorrow\" is no date; write 2027-03-31 or 270331",
        ),
        (
            "gtin,lot\n04012345000016,\"L\n",
            Format::Csv,
            "2:16: a quote is not closed on its line",
        ),
        (
            "gtin,serial,lot\n04012345000016,7,A\n04012345000016,7,B\n",
            Format::Csv,
            "3:1: another line says something else about the same thing",
        ),
        (
            "order,gtin,open,uom\n1,4012345000016,2,kg\n",
            Format::Csv,
            "2:19: \"kg\" is no unit",
        ),
        (
            "order,gtin,open\n1,4012345000016,-2\n",
            Format::Csv,
            "2:17: \"-2\" is no amount",
        ),
        (
            "order,lot\n1,L\n",
            Format::Csv,
            "2:3: an order's line has gtin, open, uom, lots and line",
        ),
        (
            "{\"gtin\": \"04012345000016\", \"lot\": \"L\"}\n{\"gtn\": 1}\n",
            Format::Json,
            "2:6: unknown field `gtn`",
        ),
        (
            "[{\"order\": \"1\"},\n  {\"gtin\": \"1\", \"lot\": \"L\"}]",
            Format::Json,
            "2:3: \"1\": (01) ",
        ),
        (
            "[{\"order\": \"1\"} {}]",
            Format::Json,
            "1:17: a comma is missing",
        ),
        (
            "[{\"order\": \"1\"}",
            Format::Json,
            "1:16: the list has no end",
        ),
    ] {
        let error = parse(text, format, 1).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
}

proptest::proptest! {
    #[test]
    fn no_file_stops_the_loader(text in "\\PC{0,200}", csv in proptest::bool::ANY) {
        let format = if csv { Format::Csv } else { Format::Json };
        drop(parse(&text, format, 1));
        drop(parse(&format!("gtin,serial,lot,quantity,order\n{text}"), Format::Csv, 1));
    }
}
