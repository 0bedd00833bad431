use super::reference::About;
use super::shape::Section;
use super::*;

/// Every section and field, once for each struct.
fn fields(settings: &Settings) -> Vec<(Section, &'static str, Shape)> {
    fn walk(shape: &Shape, found: &mut Vec<(Section, &'static str, Shape)>) {
        let Some(section) = shape.settings() else {
            return;
        };
        if found.iter().any(|(it, ..)| it.name == section.name) {
            return;
        }
        for (field, shape) in &section.fields {
            found.push((section.clone(), field, shape.clone()));
        }
        for (_, shape) in &section.fields {
            walk(shape, found);
        }
    }
    let mut found = Vec::new();
    for (_, shape) in settings.kinds() {
        walk(shape, &mut found);
    }
    found
}

#[test]
fn every_setting_of_the_code_is_explained() {
    let settings = Settings::read();
    let fields = fields(&settings);
    assert!(fields.len() > 250, "{}", fields.len());
    let mut missing = Vec::new();
    for (section, field, shape) in &fields {
        let about = settings.reference.about(section, field);
        if about.is_none_or(|about| about.meaning.is_empty()) {
            missing.push(format!(
                "{}.{field} has no text in config/gateway.toml",
                section.name
            ));
        }
        let takes = shape.boolean || shape.whole || shape.fraction || shape.text;
        let takes = takes || shape.settings().is_some() || !shape.words.is_empty();
        if !takes && shape.list.is_none() && shape.table.is_none() {
            missing.push(format!("{}.{field} takes nothing", section.name));
        }
    }
    for (kind, _) in settings.kinds() {
        if settings.reference.section(kind).is_none() {
            missing.push(format!(
                "[{kind}] has no title (# ---- …) in config/gateway.toml"
            ));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn kinds_of_values_are_those_that_the_code_takes() {
    let settings = Settings::read();
    let fields = fields(&settings);
    let find = |name: &str, field: &str| {
        let found = fields
            .iter()
            .find(|(of, it, _)| of.name == name && *it == field);
        found.map(|(.., shape)| shape.clone()).unwrap()
    };
    let antennas = find("Llrp", "antennas");
    assert!(antennas.list.is_some() && antennas.table.is_some() && !antennas.text);
    let mode = find("Llrp", "mode");
    assert!(mode.whole && mode.text && !mode.boolean && mode.list.is_none());
    let keepalive = find("Llrp", "keepalive");
    assert!(keepalive.text && !keepalive.whole && !keepalive.fraction);
    assert_eq!(keepalive.expected, "a time with its unit");
    let dwell = find("ReadPoint", "dwell");
    assert_eq!(dwell.list.unwrap().expected, keepalive.expected);
    assert_eq!(
        find("ReadPoint", "mode").words,
        ["dock", "belt", "presence", "station"]
    );
    assert!(find("ReadPoint", "guard").section.is_some());
    assert!(find("TagSensor", "scale").fraction);
    let sources = find("Business", "sources").table.unwrap();
    assert!(sources.0.text && sources.1.text);
    assert!(find("Business", "ilmd").table.unwrap().1.text);
}

#[test]
fn defaults_examples_and_needs_come_from_the_reference() {
    let settings = Settings::read();
    let fields = fields(&settings);
    let about = |name: &str, field: &str| -> About {
        let of = fields.iter().find(|(of, ..)| of.name == name).unwrap();
        settings.reference.about(&of.0, field).unwrap().clone()
    };
    let site = about("Gateway", "site");
    assert!(site.is_required && site.default.is_none() && site.example == Some("\"plant-3\""));
    let port = about("Llrp", "port");
    assert_eq!(port.default, Some("5084"));
    let of = about("Llrp", "select");
    assert_eq!(
        (of.default, of.otherwise.as_deref()),
        (None, Some("all tags"))
    );
    assert!(
        about("Receiver", "data_bits")
            .meaning
            .contains("receiver's manual")
    );
}
