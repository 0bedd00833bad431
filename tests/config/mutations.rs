//! The reference with one thing changed at a time.

use super::*;

/// A setting of the reference, by line of the fully uncommented text.
struct Setting {
    line: usize,
    key: String,
    value: String,
    /// The value shown is the default.
    is_default: bool,
}

fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(" = ")?;
    let plain = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    plain.then_some((key, value))
}

/// The reference with every setting uncommented, and where they are.
fn uncommented() -> (Vec<String>, Vec<Setting>) {
    let (mut lines, mut settings) = (Vec::new(), Vec::new());
    let mut example = false;
    for (line, text) in reference().lines().enumerate() {
        let bare = text
            .strip_prefix("# ")
            .filter(|bare| setting(bare).is_some());
        if let Some((key, value)) = setting(bare.unwrap_or(text)) {
            let is_default = bare.is_some() && !example;
            settings.push(Setting {
                line,
                key: key.to_owned(),
                value: value.to_owned(),
                is_default,
            });
            example = false;
        } else {
            example = text.ends_with("Example:");
        }
        lines.push(bare.unwrap_or(text).to_owned());
    }
    (lines, settings)
}

fn with(lines: &[String], line: usize, text: &str) -> String {
    let mut lines = lines.to_vec();
    lines[line] = text.to_owned();
    lines.join("\n") + "\n"
}

fn accepted(text: &str) -> Option<Config> {
    load(text, &[])
        .ok()
        .filter(|loaded| loaded.warnings.is_empty())
        .map(|loaded| loaded.config)
}

/// Every value that is of another type than `value`.
fn retyped(value: &str) -> Vec<String> {
    let candidates = [
        "5",
        "1.5",
        "true",
        "\"x y\"",
        "[]",
        "[\"5\"]",
        "{}",
        "{ x = 1 }",
        "2024-01-31",
        "07:30:00",
    ];
    let kind = |value: &str| match value.chars().next() {
        Some('"') => 's',
        Some('[') => 'l',
        Some('{') => 't',
        Some('t' | 'f') => 'b',
        _ if value.contains(['-', ':']) => 'd',
        _ => 'n',
    };
    let mut retyped: Vec<String> = candidates
        .iter()
        .filter(|candidate| kind(candidate) != kind(value))
        .map(|candidate| (*candidate).to_owned())
        .collect();
    if kind(value) == 'n' || kind(value) == 'b' {
        retyped.push(format!("\"{value}\""));
    }
    retyped
}

#[test]
fn the_reference_shows_the_true_defaults() {
    let (lines, settings) = uncommented();
    let text = lines.join("\n") + "\n";
    let whole = load(&text, &[])
        .map_err(|report| report.render(Format::Human))
        .unwrap()
        .config;
    assert!(settings.len() >= 55, "{}", settings.len());
    for Setting {
        line,
        key,
        is_default,
        ..
    } in &settings
    {
        let dropped = accepted(&with(&lines, *line, "")).map(|mut config| {
            // Figures of a read point are optional; what counts is what comes of them.
            for (name, point) in &mut config.read_point {
                assert_eq!(point.tuning(), whole.read_point[name].tuning(), "{key}");
                *point = config::ReadPoint {
                    min_rssi: whole.read_point[name].min_rssi,
                    ..point.clone()
                };
            }
            for (name, scanner) in &mut config.scanner {
                *scanner = plain(scanner, &whole.scanner[name]);
            }
            for (name, light) in &mut config.light {
                if *is_default {
                    assert_eq!(light.shows(), whole.light[name].shows(), "{key}");
                }
                *light = bare(light);
            }
            config
        });
        let mut expected = whole.clone();
        for scanner in expected.scanner.values_mut() {
            *scanner = plain(scanner, &scanner.clone());
        }
        for light in expected.light.values_mut() {
            *light = bare(light);
        }
        let mut got = dropped.clone();
        for config in std::iter::once(&mut expected).chain(got.as_mut()) {
            for point in config.read_point.values_mut() {
                *point = config::ReadPoint {
                    mode: point.mode,
                    sgln: point.sgln.clone(),
                    inside: point.inside.clone(),
                    outside: point.outside.clone(),
                    scanners: point.scanners.clone(),
                    photo_eyes: point.photo_eyes.clone(),
                    r#in: point.r#in.clone(),
                    out: point.out.clone(),
                    scan: point.scan.clone(),
                    guard: point.guard.clone(),
                    issue: point.issue.clone(),
                    inspection: point.inspection.clone(),
                    packing: point.packing.clone(),
                    commissioning: point.commissioning.clone(),
                    r#return: point.r#return.clone(),
                    markers: point.markers.clone(),
                    mark: point.mark.clone(),
                    antennas: point.antennas.clone(),
                    arrive: point.arrive.clone(),
                    depart: point.depart.clone(),
                    alarm: point.alarm.clone(),
                    exciters: point.exciters.clone(),
                    stay: point.stay.clone(),
                    dwell: point.dwell.clone(),
                    profile: point.profile.clone(),
                    ..Default::default()
                };
            }
        }
        assert_eq!(
            got.as_ref() == Some(&expected),
            *is_default,
            "line {}: {key}",
            line + 1
        );
    }
}

/// A light without what most lights have.
fn bare(light: &config::Light) -> config::Light {
    config::Light {
        unit: light.unit.filter(|unit| *unit != 1),
        on_accept: None,
        on_warn: None,
        on_refuse: None,
        ..light.clone()
    }
}

/// A scanner without what is by its profile; what comes of that must be the same as in `other`.
fn plain(scanner: &config::Scanner, other: &config::Scanner) -> config::Scanner {
    if scanner.profile == other.profile {
        assert_eq!(scanner.framing(), other.framing());
        assert_eq!(scanner.encoding(), other.encoding());
        assert_eq!(scanner.wedge(), other.wedge());
        assert_eq!(scanner.duplicate_window(), other.duplicate_window());
        let line = |it: &config::Scanner| (it.baud(), it.data_bits(), it.parity());
        assert_eq!(line(scanner), line(other));
        assert_eq!(scanner.stop_bits.unwrap_or(1), other.stop_bits.unwrap_or(1));
        let words = |it: &config::Scanner| {
            [&it.no_read, &it.heartbeat, &it.status, &it.ignore]
                .map(|it| it.clone().unwrap_or_default())
        };
        assert_eq!(words(scanner), words(other));
    }
    config::Scanner {
        min_length: None,
        max_gap: None,
        idle_gap: None,
        baud: None,
        data_bits: None,
        parity: None,
        stop_bits: None,
        frame: None,
        start: None,
        end: None,
        max_length: None,
        encoding: None,
        no_read: None,
        heartbeat: None,
        status: None,
        ignore: None,
        duplicate_window: None,
        ..scanner.clone()
    }
}

#[test]
fn no_mutation_passes_in_silence() {
    let (lines, settings) = uncommented();
    let schema = schema::validator();
    let mut differ = String::new();
    let whole = schema::as_json(&(lines.join("\n") + "\n")).unwrap();
    for Setting {
        line, key, value, ..
    } in &settings
    {
        let mut mutants = vec![
            format!("{key}x = {value}"),
            format!("{} = {value}", &key[..key.len() - 1]),
            format!("{} = {value}", key.to_uppercase()),
            format!("{key} = {value}\n{key} = {value}"),
            format!("{key} ="),
            format!("{key}.x = {value}"),
        ];
        mutants.extend(
            retyped(value)
                .iter()
                .map(|value| format!("{key} = {value}")),
        );
        let digits = value
            .trim_matches('"')
            .trim_end_matches(|c: char| c.is_ascii_alphabetic())
            .trim_end();
        let unit = value.trim_matches('"') != digits;
        if value.starts_with('"') && unit && digits.parse::<f64>().is_ok() {
            mutants.push(format!("{key} = \"{digits}\""));
            mutants.push(format!("{key} = \"{digits}parsecs\""));
        }
        let mut above = lines[..*line].iter().rev();
        let header = above.find(|line| line.starts_with('[')).unwrap();
        for mutant in mutants {
            let checked = load(&with(&lines, *line, &mutant), &[]);
            let mutated = schema::with(&whole, header, key, &mutant);
            let compared = schema::compare(&schema, mutated, &checked);
            differ += &compared
                .err()
                .map_or_else(String::new, |it| format!("{mutant}: {it}\n"));
            // Any text will do.
            let is_text = mutant == format!("{key} = \"x y\"");
            if is_text && ["end", "suffix", "processed"].contains(&key.as_str()) {
                continue;
            }
            // Radio modes have numbers and names.
            if mutant == "mode = 5" && value == "\"AutoSet Dense Reader\"" {
                continue;
            }
            // One alternative needs no list.
            if ["start = \"x y\"", "end = \"x y\""].contains(&mutant.as_str()) {
                continue;
            }
            let is_silent = checked.is_ok_and(|loaded| loaded.warnings.is_empty());
            assert!(!is_silent, "line {}: {mutant}", line + 1);
        }
    }
    assert!(differ.is_empty(), "{differ}");
    for (line, header) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with('['))
    {
        let name = header.trim_matches(['[', ']']);
        for mutant in [
            format!("[x{name}]"),
            format!("[{name}.x]"),
            format!("[{name}x]"),
            header.to_uppercase(),
            String::new(),
        ] {
            // A device may have any name, but then its read point misses it.
            let has_free_name = ["[read_point.", "[tag_sensor.", "[active_tag.", "[light."]
                .iter()
                .any(|kind| header.starts_with(kind));
            assert!(
                accepted(&with(&lines, line, &mutant)).is_none() || has_free_name,
                "{mutant}"
            );
        }
    }
}

#[test]
fn the_reference_has_every_setting() {
    let (lines, settings) = uncommented();
    let kind = |line: usize| {
        let header = lines[..=line]
            .iter()
            .rev()
            .find(|line| line.starts_with('['))
            .unwrap();
        header
            .trim_matches(['[', ']'])
            .split('.')
            .next()
            .unwrap()
            .to_owned()
    };
    for (line, header) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with('['))
    {
        let report =
            load(&with(&lines, line, &format!("{header}\nzzzzzzzz = 1")), &[]).unwrap_err();
        let help = report.diagnostics[0].help.clone().unwrap();
        for key in help.strip_prefix("settings here: ").unwrap().split(", ") {
            let shown = settings
                .iter()
                .any(|setting| setting.key == key && kind(setting.line) == kind(line));
            // A section of its own shows it as well.
            let section = format!(".{key}]");
            let shown = shown || lines.iter().any(|line| line.ends_with(&section));
            assert!(shown, "{key} of {header} is not in the reference");
        }
    }
}
