//! What README.md, docs/ and ARCHITECTURE.md say about the program is what the program does.

mod pages;

use std::collections::BTreeSet;
use std::path::Path;

use tracegate::config::{self, Format};
use tracegate::health::{Code, Counters, DeviceCounter, DeviceKind, DeviceState, Health};
use tracegate::logs;
use tracegate_pipeline::guard::Rule;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// README.md and every page of docs/, in order: where a table stands is of no importance to what it must say.
fn manual() -> String {
    pages().iter().map(|page| read(page) + "\n").collect()
}

/// The pages of [`manual`].
fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned()];
    for entry in std::fs::read_dir(root().join("docs")).expect("docs/ is there") {
        let name = entry.expect("it can be read").file_name();
        let name = name.into_string().expect("names are text");
        if name.ends_with(".md") {
            pages.push(format!("docs/{name}"));
        }
    }
    pages.sort();
    pages
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

/// The rows of all tables that start so.
fn tables<'a>(text: &'a str, start: &str) -> Vec<Vec<&'a str>> {
    let begins = text.match_indices(start).map(|(at, _)| at);
    begins.flat_map(|at| table(&text[at..], start)).collect()
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
    let readme = manual();
    let documented: BTreeSet<&str> = table(&readme, "| counter |")
        .iter()
        .map(|row| quoted(row[0]).next().expect("a name"))
        .collect();
    let counted: BTreeSet<&str> = Counters::default().snapshot().into_keys().collect();
    assert_eq!(documented, counted);
}

#[test]
fn every_rule_of_a_guard_is_explained_with_its_defaults() {
    let readme = manual();
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
    let readme = manual();
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
    let readme = manual();
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

/// Written by `UPDATE_EXPECT=1 cargo test --test docs`.
#[test]
fn every_condition_is_explained_in_the_words_of_the_program() {
    let mut text = "# Conditions\n\n\
        Whatever is wrong is a condition with a code that does not change; `tracegate status`, the status page\n\
        and the status message show the same ones.\n\
        The worst stand first. `error`: something is not stored, not delivered or not read. `warning`: all of that works; it\n\
        will not for ever, or somebody should look. A condition is shown when it has held for the time under \"after\", and not\n\
        while one of those under \"not shown beside\" holds for the same device, the broker or the gateway: it follows from it.\n\
        `tracegate_condition` has each on `/metrics`, and errors and warnings of the log carry the same codes: [logs](logs.md).\n\n\
        | code | severity | what it means | what to do | after | not shown beside |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for code in Code::ALL {
        let (word, severity) = (code.as_str(), code.severity().as_str());
        let (meaning, remedy) = (code.meaning(), code.remedy());
        let after = match code.delay().as_secs() {
            0 => "at once".to_owned(),
            seconds => format!("{seconds} s"),
        };
        let roots: Vec<String> = code
            .roots()
            .iter()
            .map(|it| format!("`{}`", it.as_str()))
            .collect();
        let roots = roots.join(", ");
        text += &format!("| `{word}` | {severity} | {meaning} | {remedy} | {after} | {roots} |\n");
    }
    same("docs/conditions.md", &text);
    let sent: serde_json::Value = serde_json::from_str(&read("deploy/asyncapi.json")).unwrap();
    let sent = &sent["components"]["schemas"]["Condition"]["properties"]["code"]["enum"];
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(sent, &serde_json::json!(codes));
}

/// Written by `UPDATE_EXPECT=1 cargo test --test docs`.
#[test]
fn every_code_of_the_log_is_explained() {
    let mut text = "# Logs\n\n\
        Every error and every warning has a code that does not change, and fields: `device` (also under its kind: `reader`,\n\
        `scanner`, `receiver`, `marker`, `light`), `read_point`, `broker`, `file`, `reason` and others. What is a condition has\n\
        the condition's code, see [conditions](conditions.md); the other codes are below.\n\n\
        `[log] format` chooses the form; without it the gateway writes to the journal when its standard error leads there, as\n\
        in the packaged service, because its fields can be searched for, and else text to standard error:\n\n\
        ```console\n\
        $ journalctl -u tracegate DEVICE=dock_1\n\
        $ journalctl -u tracegate CODE=READER-UNREACHABLE --since today\n\
        $ journalctl -u tracegate -p warning\n\
        ```\n\n\
        `json` is an object a line: `time`, `level`, `code`, `message`, `device` and the other fields. `[log] level` and the\n\
        variable `RUST_LOG`, which counts before it, say how much is written.\n\n\
        The same code about the same device, read point, broker or file is written once in 10 s at most; a connection that comes\n\
        and goes has six lines at once, and then one in 10 s. `left_out` counts the lines that were left out before. The newest\n\
        of them is written when its time has come. The end of a trouble, a line of level info, has the code of the trouble: so the\n\
        last line with a code is how things are. Movements are never left out.\n\
        `tracegate_log_lines_total` counts all of them. Passwords are never written; user and password of an address are masked.\n\n\
        | code | level | what it means | what to do |\n|---|---|---|---|\n"
        .to_owned();
    for entry in logs::TABLE {
        let logs::Entry {
            code,
            level,
            meaning,
            remedy,
            ..
        } = entry;
        text += &format!("| `{code}` | {level} | {meaning} | {remedy} |\n");
    }
    same("docs/logs.md", &text);
}

/// Compares a file with what it must be, or writes it.
fn same(name: &str, text: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(root().join("docs")).expect("make docs");
        std::fs::write(root().join(name), text).expect("write it");
    }
    assert_eq!(read(name), text);
}

/// Every `warn!` and `error!` of the program has a code, of one of the two tables, and of the right level.
#[test]
fn no_warning_without_a_code() {
    let mut sources = String::new();
    for folder in [
        "src",
        "crates/llrp/src",
        "crates/pipeline/src",
        "crates/feed/src",
    ] {
        collect(&root().join(folder), &mut sources);
    }
    let mut calls = 0;
    for level in ["warn", "error"] {
        for call in sources.split(&format!(" {level}!(")).skip(1) {
            let call = call.trim_start();
            calls += 1;
            let start: String = call.chars().take(90).collect();
            let arguments = call.split('"').next().unwrap_or_default().split(',');
            let mut given = arguments.map(str::trim);
            let given = given.find(|it| *it == "code" || it.starts_with("code ="));
            assert!(given.is_some(), "{level}!({start}… has no code");
            if let Some(name) = given.and_then(|it| it.strip_prefix("code = logs::")) {
                let entry = logs::TABLE.iter().find(|it| it.name == name);
                let entry = entry.unwrap_or_else(|| panic!("{name} is not in the table"));
                assert_eq!(entry.level, level, "{name}");
            }
        }
    }
    assert!(calls > 70, "{calls} calls are not all");
    let mut seen: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for entry in logs::TABLE {
        assert!(seen.insert(entry.code), "{} twice", entry.code);
        let is_code = |c: char| c.is_ascii_uppercase() || c == '-';
        assert!(entry.code.chars().all(is_code), "{}", entry.code);
        assert!(entry.meaning.ends_with('.') && !entry.remedy.is_empty());
        let used = format!("logs::{}", entry.name);
        let used = sources.contains(&used) || entry.name == "LIBRARY";
        assert!(used, "{} is used nowhere", entry.name);
    }
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
    same("docs/metrics.md", &text);
}

/// Written by `UPDATE_EXPECT=1 cargo test --test docs`, from the help of the commands.
#[test]
fn every_command_is_explained_with_its_exit_codes() {
    let mut text = "# Commands\n\n\
        Every command explains itself with `--help`; this table is written from there. A command that prints a result takes\n\
        `--json`. Wrong arguments end with 2; a pipe that is closed (`| head`) ends a command quietly.\n\n\
        | command | what it does | `--json` | exit codes |\n|---|---|---|---|\n"
        .to_owned();
    let named: BTreeSet<u32> = EXIT_CODES.iter().map(|(code, _)| *code).collect();
    for command in tracegate::cli::commands() {
        let name = &command.name;
        let exit = command
            .exit
            .unwrap_or_else(|| panic!("{name} does not tell its exit codes"));
        let codes: BTreeSet<u32> = exit
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|it| it.parse().ok())
            .collect();
        assert!(
            codes.contains(&0) && codes.is_subset(&named),
            "{name}: {exit}"
        );
        let json = if command.writes_json { "yes" } else { "" };
        text += &format!(
            "| `{name}` | {} | {json} | {} |\n",
            command.about,
            exit.trim_end_matches('.')
        );
    }
    text += "\n## Exit codes\n\n| code | meaning |\n|---|---|\n";
    for (code, meaning) in EXIT_CODES {
        text += &format!("| {code} | {meaning} |\n");
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(root().join("docs/commands.md"), &text).unwrap();
    }
    assert_eq!(read("docs/commands.md"), text);
}

const EXIT_CODES: &[(u32, &str)] = &[
    (0, "done, or stopped on request"),
    (
        1,
        "cannot run, or found what it looked for to be wrong; the message says why",
    ),
    (
        2,
        "wrong arguments; `status`: the gateway runs, and something is wrong",
    ),
    (3, "`status`: no running gateway answers"),
    (69, "no running gateway answers, for all other commands"),
    (
        74,
        "the buffer's disk fails at the start, or has failed for `[buffer] give_up_after`; systemd starts the gateway again",
    ),
    (78, "the configuration has problems"),
];

#[test]
fn every_field_of_the_message_about_a_device_is_explained() {
    let health = Health::new("plant-3", "epoch");
    let reason = "it is silent; look at its cable".to_owned();
    health.reads("dock_1", Some(1), 1);
    health.device("dock_1", DeviceState::Down { reason });
    let report = health.device_report("dock_1", DeviceKind::Reader).to_json();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let readme = manual();
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
    let readme = manual();
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
    let metrics = tracegate::status::metrics::families();
    let metrics: Vec<String> = metrics.into_iter().map(|it| it.0).collect();
    for row in rows {
        let [_, place, value, at_bound] = row.as_slice() else {
            panic!("a row has too few cells: {row:?}");
        };
        let mut names = quoted(place);
        let (Some(file), Some(name)) = (names.next(), names.next()) else {
            panic!("{place:?} names no file and constant");
        };
        let value = quoted(value).next().expect("a value in backticks");
        // What happens there is counted, and the count can be seen.
        for name in quoted(at_bound).filter(|name| name.contains('_') && !name.contains("::")) {
            let ends = [format!("_{name}_total"), format!("_{name}")];
            let seen = |family: &str| ends.iter().any(|end| family.ends_with(end));
            assert!(metrics.iter().any(|it| seen(it)), "no metric has {name}");
        }
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
fn fields_that_the_gateway_writes_are_known_to_the_check() {
    let readme = manual();
    let all = tables(&readme, "| field of an event |");
    assert!(all.len() > 20);
    let all = all.iter();
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
