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

/// The blocks of the guide that begin with "```json KIND ": what follows that, and what stands in them.
fn blocks(guide: &str, kind: &str) -> Vec<(String, String)> {
    let begin = format!("```json {kind} ");
    let mut found = Vec::new();
    for block in guide.split(&begin).skip(1) {
        let (name, rest) = block.split_once('\n').expect("a line");
        let (text, _) = rest.split_once("```").expect("an end");
        found.push((name.to_owned(), text.to_owned()));
    }
    found
}

/// A schema that stands by itself.
fn inlined(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => match map.get("$ref").and_then(Value::as_str) {
            Some(path) => inlined(&schemas()[path.rsplit('/').next().unwrap_or(path)]),
            None => {
                let kept = map.iter().filter(|(name, _)| *name != "examples");
                kept.map(|(name, value)| (name.clone(), inlined(value)))
                    .collect()
            }
        },
        Value::Array(list) => list.iter().map(inlined).collect(),
        other => other.clone(),
    }
}

/// The guide's examples are taken as they stand, by the code and by the schemas beside them; these are the document's.
#[test]
fn the_guide_shows_messages_that_work_and_their_schemas() {
    let file = path("docs/site-data.md");
    let mut guide = std::fs::read_to_string(&file).unwrap();
    let mut validators = Vec::new();
    for (name, written) in blocks(&guide, "schema") {
        let mut schema = inlined(&schemas()[&name]);
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            let before = format!("```json schema {name}\n{written}```");
            guide = guide.replace(&before, &format!("```json schema {name}\n{text}```"));
            std::fs::write(&file, &guide).unwrap();
        } else {
            assert!(written == text, "{name}: UPDATE_EXPECT=1 writes it anew");
        }
        validators.push((name, jsonschema::validator_for(&schema).unwrap()));
    }
    let kinds = [
        ("lot/", "SiteLot"),
        ("order/", "SiteOrder"),
        ("sscc/", "SiteContents"),
        ("serial/", "SiteSerial"),
        ("meta", "SiteMeta"),
        ("heartbeat", "SiteHeartbeat"),
    ];
    let examples = blocks(&guide, "example");
    for (begin, name) in kinds {
        let own = examples.iter().filter(|it| it.0.starts_with(begin));
        let (_, validator) = validators.iter().find(|it| it.0 == name).unwrap();
        let own: Vec<_> = own.collect();
        assert!(!own.is_empty(), "{begin} has no example");
        for (below, payload) in own {
            let read = tracegate::reference::read(below, payload.as_bytes());
            assert!(read.is_ok(), "{below}: {read:?}");
            let value: Value = serde_json::from_str(payload).unwrap();
            let mistakes: Vec<_> = validator.iter_errors(&value).collect();
            assert!(mistakes.is_empty(), "{below}: {mistakes:?}");
        }
    }
}
