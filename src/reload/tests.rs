//! What is different, what waits, and what a gateway starts with.

use super::waits::WAITS;
use super::*;

const GOOD: &str = r#"[gateway]
site = "plant-3"
time_zone = "Europe/Berlin"
[llrp.dock_1]
host = "10.0.4.21"
[scanner.pack_1]
serial = "/dev/pack"
[read_point.dock_1]
mode = "dock"
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
inside = ["dock_1/1"]
outside = ["dock_1/2"]
in = { biz_step = "receiving" }
[mqtt]
url = "mqtt://10.0.4.2"
"#;

fn loaded(text: &str) -> Loaded {
    match Start::of_text("gateway.toml", text) {
        Ok(start) => start.accepted.loaded,
        Err(report) => panic!("{}", report.render(Format::Human)),
    }
}

fn between(old: &str, new: &str, anew: &[&str]) -> Outcome {
    let (old, new) = (loaded(old), loaded(new));
    let anew: Vec<String> = anew.iter().map(|&it| it.to_owned()).collect();
    let sections = old.sections();
    let changes = Changes::between(&sections, (&sections, &old.config), &new, &anew);
    Outcome {
        verdict: Verdict::Applied,
        file: "gateway.toml".to_owned(),
        report: String::new(),
        changes,
    }
}

#[test]
fn what_is_different_is_named_with_its_settings() {
    let new = GOOD
        .replace("Europe/Berlin", "Europe/Paris")
        .replace("10.0.4.21", "10.0.4.22")
        .replace("[scanner.pack_1]", "[scanner.pack_2]")
        .replace("in = {", "rearm = \"9s\"\nin = {")
        .replace("plant-3", "plant-4")
        .replace("mqtt://10.0.4.2", "mqtt://10.0.4.3")
        + "keep_alive = \"7s\"\n[buffer]\ndirectory = \"/srv/a\"\n";
    let outcome = between(GOOD, &new, &["dock_1", "pack_2"]);
    let told = "gateway.toml is in force.\n  added    scanner.pack_2\n  removed  scanner.pack_1\n  \
                changed  gateway: time_zone\n  changed  llrp.dock_1: host (connects anew)\n  \
                changed  read_point.dock_1: rearm\n  `gateway.site` waits for a restart\n  \
                `buffer.directory` waits for a restart\n  `mqtt.keep_alive` waits for a restart\n  \
                `mqtt.url` waits for a restart\n";
    assert_eq!(outcome.to_string(), told);
    let json = serde_json::to_value(&outcome).unwrap();
    assert_eq!(serde_json::from_value::<Outcome>(json).unwrap(), outcome);
}

#[test]
fn a_default_that_is_written_out_waits_for_nothing() {
    let new = format!("{GOOD}keep_alive = \"30s\"\n");
    let same = loaded(&new).config.mqtt == loaded(GOOD).config.mqtt;
    let outcome = between(GOOD, &new, &[]);
    assert_eq!(outcome.changes.waits.is_empty(), same);
    let new = format!("{GOOD}[buffer]\nmax_size = \"2 GiB\"\n");
    let outcome = between(GOOD, &new, &[]);
    assert_eq!(outcome.changes, Changes::default());
    assert!(
        outcome
            .to_string()
            .ends_with("It means the same as before.\n")
    );
}

/// Each entry of the table is put back, and nothing else is.
#[test]
fn what_waits_stays_as_it_was_and_the_rest_does_not() {
    let running = loaded(GOOD).config;
    let text = GOOD
        .replace("plant-3", "plant-4")
        .replace("Europe/Berlin", "Europe/Paris")
        .replace("10.0.4.2\"", "10.0.4.3\"")
        + "[reference]\nmax_records = 5000\n[buffer]\nmax_size = \"3 GiB\"\n[command]\ntopic = \"a/{command}\"\n\
           [control]\nsocket = \"/run/a\"\n[status]\nlisten = \"127.0.0.1:9999\"\n[log]\nlevel = \"debug\"\n[audit]\nkeep = \"9 d\"\n";
    let mut new = loaded(&text).config;
    keep_waiting(&running, &mut new);
    assert_eq!(new.gateway.site, running.gateway.site);
    assert_ne!(new.gateway.time_zone, running.gateway.time_zone);
    assert_eq!(
        (&new.reference, &new.buffer, &new.mqtt),
        (&running.reference, &running.buffer, &running.mqtt)
    );
    assert_eq!(
        (&new.command, &new.control, &new.status),
        (&running.command, &running.control, &running.status)
    );
    assert_ne!(new.audit, running.audit);
    let told = between(GOOD, &text, &[]).changes.waits;
    for entry in WAITS {
        let is_told = |it: &String| it == entry || it.starts_with(&format!("{entry}."));
        assert!(told.iter().any(is_told), "{entry} is not in {told:?}");
    }
}

#[test]
fn a_bad_file_starts_with_its_last_good_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (file, state) = (folder.path().join("gateway.toml"), folder.path().join("s"));
    std::fs::create_dir(&state).unwrap();
    let variables = [("STATE_DIRECTORY".to_owned(), state.display().to_string())];
    let start = || Origin::new(&file, variables.clone().into_iter()).start();
    assert!(start().is_err(), "no file, and no copy");
    std::fs::write(&file, GOOD).unwrap();
    let first = start().unwrap();
    assert!(first.rejected.is_none() && !first.state().last_good);
    first
        .origin
        .keep(&first.accepted, &first.accepted.loaded.config);
    // Cut short by a power failure, gone, or wrong.
    for bad in [
        Some(""),
        Some("[llrp.dock_1"),
        None,
        Some("[gateway]\nsight = 1\n"),
    ] {
        match bad {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let again = start().unwrap();
        assert!(again.state().last_good);
        assert!(again.rejected.unwrap().rendered.contains("error"));
        assert_eq!(again.accepted.loaded.config, first.accepted.loaded.config);
        assert_eq!(again.accepted.sha(), first.accepted.sha());
    }
    // A copy is of one file, and it has to be good itself.
    let other = Origin::new(&folder.path().join("g.toml"), variables.clone().into_iter());
    assert!(other.start().is_err());
    let copy = state.join(FILE_NAME);
    let text = std::fs::read_to_string(&copy).unwrap();
    std::fs::write(&copy, text.replace("site", "sight")).unwrap();
    assert!(start().is_err());
}

/// Without systemd the copy is beside the buffer, which a file that is only wrong still names.
#[test]
fn a_wrong_file_still_tells_where_the_copy_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let buffer = folder.path().display().to_string();
    let good = format!("[buffer]\ndirectory = {buffer:?}\n{GOOD}");
    std::fs::write(&file, &good).unwrap();
    let start = || Origin::new(&file, std::iter::empty()).start();
    let first = start().unwrap();
    first
        .origin
        .keep(&first.accepted, &first.accepted.loaded.config);
    std::fs::write(&file, good.replace("host", "hots") + "[llrp.dock_2\n").unwrap();
    assert!(start().unwrap().state().last_good);
}

/// The reference says of each entry of the table that it waits, and of no other section.
#[test]
fn the_reference_says_what_waits() {
    let reference = include_str!("../../config/gateway.toml");
    let mut told = Vec::new();
    let mut is_told = false;
    for line in reference.lines() {
        if let Some(section) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']'))
            && is_told
        {
            told.push(section);
        }
        is_told = line == "# This section waits for a restart.";
    }
    let sections: Vec<&str> = WAITS
        .iter()
        .copied()
        .filter(|it| !it.contains('.'))
        .collect();
    assert_eq!(told, sections);
    let site = reference.split("\nsite = ").next().unwrap_or_default();
    assert!(site.ends_with("Waits for\n# a restart."));
}
