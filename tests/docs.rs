//! What README.md and ARCHITECTURE.md say about the program is what the program does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tracegate::config::{self, Format};
use tracegate::health::{Code, Counters, DeviceCounter, DeviceKind, DeviceState, Health};
use tracegate_pipeline::guard::Rule;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the first table at or after the line that starts with `start`; cells without padding.
fn table<'a>(text: &'a str, start: &str) -> Vec<Vec<&'a str>> {
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with(start))
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    let cells = |line: &'a str| line.trim_matches('|').split('|').map(str::trim).collect();
    // Without header and rule.
    rows.skip(2).map(cells).collect()
}

#[test]
fn the_configuration_in_the_readme_passes_and_counts_as_shown() {
    let readme = read("README.md");
    let toml = readme
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the README shows a configuration");
    let settings = toml.lines().filter(|line| line.contains(" = ")).count();
    assert!(
        (8..=12).contains(&settings),
        "{settings} settings are not about ten"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.toml"), toml).unwrap();
    match config::load(&folder.path().join("gateway.toml"), std::iter::empty()) {
        Ok(loaded) => assert_eq!(loaded.report().render(Format::Short), ""),
        Err(report) => panic!("{}", report.render(Format::Human)),
    }
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tracegate"))
        .args(["check", "--offline", "gateway.toml"])
        .env_clear()
        .current_dir(folder.path())
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        readme.contains(&format!(
            "$ tracegate check --offline gateway.toml\n{shown}"
        )),
        "the README does not show {shown:?}"
    );
}

#[test]
fn every_counter_is_explained() {
    let readme = read("README.md");
    let documented: BTreeSet<&str> = table(&readme, "| counter |")
        .iter()
        .map(|row| quoted(row[0]).next().expect("a name"))
        .collect();
    let counted: BTreeSet<&str> = Counters::default().snapshot().into_keys().collect();
    assert_eq!(documented, counted);
}

#[test]
fn every_rule_of_a_guard_is_explained_with_its_defaults() {
    let readme = read("README.md");
    let documented: Vec<Vec<String>> = table(&readme, "| rule | finds |")
        .iter()
        .map(|row| {
            let name = quoted(row[0]).next().expect("a name");
            [name, row[2], row[3], row[4]].map(str::to_owned).to_vec()
        })
        .collect();
    let row = |rule: Rule| {
        let strict = rule.default_strictness();
        let at_doors = if rule.is_about_the_thing() { "yes" } else { "" };
        let levels = [strict.current.as_str(), strict.stale.as_str(), at_doors];
        let row = std::iter::once(rule.as_str()).chain(levels);
        row.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(documented, Rule::ALL.map(row));
}

#[test]
fn every_counter_of_a_reader_is_explained() {
    let readme = read("README.md");
    let documented: BTreeSet<&str> = table(&readme, "| counter of a reader |")
        .iter()
        .flat_map(|row| quoted(row[0]))
        .collect();
    let counted: BTreeSet<&str> = DeviceCounter::ALL.iter().map(|it| it.as_str()).collect();
    assert_eq!(documented, counted);
}

#[test]
fn every_field_of_the_status_message_is_explained() {
    let health = Health::new("plant-3", "epoch");
    health.device("dock_1", DeviceState::Up);
    let status: serde_json::Value = serde_json::from_str(&health.status().to_json()).unwrap();
    let readme = read("README.md");
    let explained: BTreeSet<&str> = table(&readme, "| field |")
        .iter()
        .flat_map(|row| quoted(row[0]))
        .collect();
    for name in status.as_object().unwrap().keys() {
        assert!(
            explained.contains(name.as_str()),
            "`{name}` is not explained"
        );
    }
}

#[test]
fn every_condition_is_explained_in_the_words_of_the_program() {
    let readme = read("README.md");
    let documented: Vec<String> = table(&readme, "| code | severity |")
        .iter()
        .map(|row| row.join(" | "))
        .collect();
    let row = |code: &Code| {
        let (word, severity) = (code.as_str(), code.severity().as_str());
        format!(
            "`{word}` | {severity} | {} | {}",
            code.meaning(),
            code.remedy()
        )
    };
    let known: Vec<String> = Code::ALL.iter().map(row).collect();
    assert_eq!(documented, known);
    let sent: serde_json::Value = serde_json::from_str(&read("deploy/asyncapi.json")).unwrap();
    let sent = &sent["components"]["schemas"]["Condition"]["properties"]["code"]["enum"];
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(sent, &serde_json::json!(codes));
}

/// Written by `UPDATE_EXPECT=1 cargo test --test docs`.
#[test]
fn every_metric_is_explained() {
    let mut text = "# Metrics\n\n\
        The status page's `/metrics`, in Prometheus' text format. Names and labels stay as they are; new ones are added at the\n\
        end of their kind. Counters begin at 0 with the gateway. Devices and antennas are labelled as in the configuration.\n\n\
        | name | type | labels | what it tells |\n|---|---|---|---|\n"
        .to_owned();
    for (name, kind, labels, help) in tracegate::status::metrics::families() {
        let labels: Vec<String> = labels
            .split(", ")
            .filter(|label| !label.is_empty())
            .map(|label| format!("`{label}`"))
            .collect();
        text += &format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "));
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(root().join("docs")).unwrap();
        std::fs::write(root().join("docs/metrics.md"), &text).unwrap();
    }
    assert_eq!(read("docs/metrics.md"), text);
}

#[test]
fn every_field_of_the_message_about_a_device_is_explained() {
    let health = Health::new("plant-3", "epoch");
    let reason = "it is silent; look at its cable".to_owned();
    health.reads("dock_1", Some(1), 1);
    health.device("dock_1", DeviceState::Down { reason });
    let report = health.device_report("dock_1", DeviceKind::Reader).to_json();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let readme = read("README.md");
    let rows = table(&readme, "| field of a device |");
    let explained: BTreeSet<&str> = rows.iter().flat_map(|row| quoted(row[0])).collect();
    let sent: BTreeSet<&str> = report
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(explained, sent);
}

/// A technician searches for the words he sees; they must be the words the program says.
#[test]
fn the_troubleshooting_table_has_the_real_texts() {
    let mut sources = String::new();
    for folder in [
        "src",
        "crates/llrp/src",
        "crates/pipeline/src",
        "crates/feed/src",
    ] {
        collect(&root().join(folder), &mut sources);
    }
    let readme = read("README.md");
    let rows = table(&readme, "| symptom |");
    assert!(rows.len() > 20);
    for row in rows {
        for text in quoted(row[1]) {
            for part in text
                .split('…')
                .map(str::trim)
                .filter(|part| !part.is_empty())
            {
                assert!(
                    sources.contains(part),
                    "the program never says {part:?} (of {text:?})"
                );
            }
        }
    }
}

fn collect(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            collect(&path, text);
        } else {
            text.push_str(&std::fs::read_to_string(&path).expect("sources are text"));
        }
    }
}

#[test]
fn bounds_in_the_architecture_are_those_of_the_code() {
    let architecture = read("ARCHITECTURE.md");
    let rows = table(&architecture, "## Bounds");
    assert!(rows.len() >= 10);
    for row in rows {
        let [_, place, value, ..] = row.as_slice() else {
            panic!("a row has too few cells: {row:?}");
        };
        let mut names = quoted(place);
        let (Some(file), Some(name)) = (names.next(), names.next()) else {
            panic!("{place:?} names no file and constant");
        };
        let value = quoted(value).next().expect("a value in backticks");
        let source = read(file);
        assert!(
            source
                .lines()
                .any(|line| line.contains(&format!("const {name}: "))
                    && line.ends_with(&format!("= {value};"))),
            "{file} has no {name} = {value}"
        );
    }
}

#[test]
fn links_lead_somewhere() {
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = read(document);
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if !link.contains("://") {
                let path: PathBuf = root().join(link.split('#').next().unwrap_or(link));
                assert!(path.exists(), "{document} links to {link}");
            }
        }
    }
}

#[test]
fn fields_that_the_gateway_writes_are_known_to_the_check() {
    let readme = read("README.md");
    let rows = table(&readme, "| field of an event |");
    let more = readme.split("## Pallets, contents and lots").nth(1);
    let more = table(more.expect("the section is there"), "| field of an event |");
    let all = rows.iter().chain(&more);
    let mut names: Vec<&str> = all
        .flat_map(|row| quoted(row[0]))
        .filter_map(|name| name.strip_prefix("gw:"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, tracegate_pipeline::remarks::OWN_FIELDS);
    let text = read("deploy/asyncapi.json");
    let document: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let documented = &document["components"]["schemas"]["EventFields"]["properties"];
    let documented = documented.as_object().expect("fields");
    let mut documented: Vec<&str> = documented
        .keys()
        .filter_map(|name| name.strip_prefix("gw:"))
        .collect();
    documented.sort_unstable();
    assert_eq!(documented, names);
}
