//! What the site publishes.

use super::*;

/// Every example of the site's messages is taken, and what the schema refuses the code refuses too.
#[test]
fn messages_of_the_site_are_as_documented() {
    let topics = [
        ("SiteLot", "lot/04012345000016/L%2F1"),
        ("SiteOrder", "order/4711"),
        ("SiteContents", "sscc/040123450000000016"),
        ("SiteSerial", "serial/04012345000016/7"),
        ("SiteMeta", "meta"),
        ("SiteHeartbeat", "heartbeat"),
    ];
    for (name, below) in topics {
        let schema = schemas()[name].clone();
        let taken = |message: &Value| {
            let read = tracegate::reference::read(below, message.to_string().as_bytes());
            read.map_err(|error| error.to_string())
        };
        let examples = schema["examples"].as_array().expect("examples").clone();
        assert!(!examples.is_empty());
        for example in examples {
            assert!(taken(&example).is_ok(), "{name}: {:?}", taken(&example));
            for field in schema["required"].as_array().unwrap() {
                let mut less = example.clone();
                less.as_object_mut()
                    .unwrap()
                    .remove(field.as_str().unwrap());
                assert!(taken(&less).is_err() && !mistakes(name, &less).is_empty());
            }
            for field in schema["properties"].as_object().unwrap().keys() {
                for wrong in [json!({}), json!(true), json!("\u{7}".repeat(300))] {
                    let mut other = example.clone();
                    other[field] = wrong;
                    // A reason is cut: a hold counts however it is explained.
                    if field == "hold_reason" && other[field].is_string() {
                        assert!(taken(&other).is_ok() && mistakes(name, &other).is_empty());
                        continue;
                    }
                    assert!(taken(&other).is_err(), "{other}");
                    assert!(!mistakes(name, &other).is_empty(), "{other}");
                }
            }
            let mut more = example;
            more["more"] = json!(1);
            assert!(taken(&more).is_err() && !mistakes(name, &more).is_empty());
        }
    }
}
