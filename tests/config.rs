//! The configuration as an operator meets it.
//!
//! - `tests/config/*.md`: a mistake and its rendered report side by side, byte for byte. After a change of wording,
//!   `UPDATE_EXPECT=1 cargo test --test config` writes the new reports; read the diff.
//! - every file in `config/` passes, and no mutation of the reference passes in silence;
//! - no bytes and no variables panic the loader;
//! - the command and its exit codes.

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use tracegate::config::{self, Config, Format, Loaded, Report};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn load(text: &str, env: &[(String, String)]) -> Result<Loaded, Report> {
    config::from_bytes(
        Path::new("gateway.toml"),
        text.as_bytes(),
        env.iter().cloned(),
    )
}

fn reference() -> String {
    std::fs::read_to_string(root().join("config/gateway.toml")).unwrap()
}

mod cases {
    use super::*;

    /// One `##` section: a `toml` block, perhaps an `env` block, and a `text` block with the report.
    struct Case {
        name: String,
        toml: String,
        env: Vec<(String, String)>,
        expected: String,
    }

    fn block<'a>(section: &'a str, language: &str) -> Option<&'a str> {
        let (_, rest) = section.split_once(&format!("```{language}\n"))?;
        // The fence that closes it stands at the start of a line, so an empty block closes at once.
        if rest.starts_with("```\n") {
            return Some("");
        }
        let end = rest
            .find("\n```\n")
            .or_else(|| rest.strip_suffix("\n```").map(str::len))?;
        rest.get(..=end)
    }

    fn cases(text: &str) -> Vec<Case> {
        text.split("\n## ")
            .skip(1)
            .map(|section| {
                let name = section.lines().next().unwrap_or_default().to_owned();
                let toml = block(section, "toml")
                    .unwrap_or_else(|| panic!("no toml block in {name}"))
                    .to_owned();
                let env = block(section, "env").unwrap_or_default().lines();
                let env = env
                    .filter_map(|line| line.split_once('='))
                    .map(|(a, b)| (a.to_owned(), b.to_owned()));
                let expected = block(section, "text")
                    .unwrap_or_else(|| panic!("no text block in {name}"))
                    .to_owned();
                Case {
                    name,
                    toml,
                    env: env.collect(),
                    expected,
                }
            })
            .collect()
    }

    fn actual(case: &Case) -> String {
        match load(&case.toml, &case.env) {
            Ok(loaded) => format!("{}ok\n", loaded.report().render(Format::Human)),
            Err(report) => report.render(Format::Human),
        }
    }

    #[test]
    fn every_mistake_is_explained_as_written() {
        let update = std::env::var_os("UPDATE_EXPECT").is_some();
        let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("tests/config"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .collect();
        files.sort();
        let (mut count, mut wrong) = (0, Vec::new());
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let mut updated = text.clone();
            for case in cases(&text) {
                count += 1;
                let actual = actual(&case);
                if actual == case.expected {
                    continue;
                }
                let block = |expected: &str| format!("```text\n{expected}```\n");
                let section = format!("\n## {}\n", case.name);
                let at = updated.find(&section).unwrap();
                let tail = updated.split_off(at);
                updated += &tail.replacen(&block(&case.expected), &block(&actual), 1);
                let name = file
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                wrong.push(format!(
                    "{name}: {}\n--- expected\n{}--- actual\n{actual}",
                    case.name, case.expected
                ));
            }
            if update && updated != text {
                std::fs::write(&file, updated).unwrap();
            }
        }
        assert!(count >= 25, "only {count} cases were found");
        assert!(
            update || wrong.is_empty(),
            "{} of {count} cases differ\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }

    #[test]
    fn no_report_shows_a_secret() {
        for entry in std::fs::read_dir(root().join("tests/config")).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for case in cases(&text) {
                if let Err(report) = load(&case.toml, &case.env) {
                    for format in [Format::Human, Format::Short, Format::Json] {
                        assert!(!report.render(format).contains("hunter2"), "{}", case.name);
                    }
                    assert!(!format!("{report:?}").contains("hunter2"), "{}", case.name);
                }
            }
        }
    }
}

mod examples {
    use super::*;

    #[test]
    fn every_file_in_config_passes_without_a_warning() {
        let mut count = 0;
        for entry in std::fs::read_dir(root().join("config")).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            match load(&text, &[]) {
                Ok(loaded) => assert_eq!(
                    loaded.report().render(Format::Short),
                    "",
                    "{}",
                    path.display()
                ),
                Err(report) => panic!("{}\n{}", path.display(), report.render(Format::Human)),
            }
            count += 1;
        }
        assert!(count >= 4);
    }

    #[test]
    fn file_names_are_resolved() {
        let text = std::fs::read_to_string(root().join("config/plant.toml")).unwrap();
        let path = Path::new("/etc/tracegate/gateway.toml");
        let resolved = |env: &[(&str, &str)]| {
            let env: Vec<_> = env
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect();
            let loaded = config::from_bytes(path, text.as_bytes(), env.into_iter()).unwrap();
            loaded.config.mqtt.password_file.unwrap().to_string()
        };
        assert_eq!(resolved(&[]), "/etc/tracegate/mqtt-password");
        assert_eq!(
            resolved(&[("CREDENTIALS_DIRECTORY", "/run/credentials/x")]),
            "/run/credentials/x/mqtt-password"
        );
    }

    #[test]
    fn variables_are_read_as_the_type_the_field_wants() {
        let env = [
            ("TRACEGATE_LLRP__DOCK_1__ANTENNAS", "1, 2,3,4"),
            ("TRACEGATE_LLRP__DOCK_1__REPLACE_FOREIGN_ROSPECS", "true"),
            ("TRACEGATE_LLRP__DOCK_1__PORT", "5085"),
            ("TRACEGATE_MQTT__USERNAME", "0123"),
            ("TRACEGATE_READ_POINT__DOCK_1__SIDE_LEVEL", "0.4"),
            (
                "TRACEGATE_READ_POINT__DOCK_1__IN",
                "{ biz_step = \"storing\" }",
            ),
            ("TRACEGATE_READ_POINT__DOCK_1__OUT__BIZ_STEP", "departing"),
            ("TRACEGATE_TAGS__IGNORE", "[\"hex:34*\", \"hex:35*\"]"),
            ("TRACEGATE_LOG", "debug"),
            ("PATH", "/bin"),
        ];
        let env: Vec<_> = env
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        let config = load(&reference(), &env)
            .map_err(|report| report.render(Format::Human))
            .unwrap()
            .config;
        let (llrp, point) = (&config.llrp["dock_1"], &config.read_point["dock_1"]);
        assert_eq!(
            llrp.antennas,
            config::Antennas::Ports((1..=4).map(|port| (port, None)).collect())
        );
        assert!(llrp.replace_foreign_rospecs);
        assert_eq!(llrp.port, 5085);
        assert_eq!(config.mqtt.username.unwrap().as_str(), "0123");
        assert_eq!(point.side_level, Some(0.4));
        assert_eq!(point.r#in.as_ref().unwrap().biz_step.as_str(), "storing");
        assert_eq!(point.out.as_ref().unwrap().biz_step.as_str(), "departing");
        assert_eq!(config.tags.ignore.len(), 2);
    }
}

mod mutations {
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
        assert!(settings.len() >= 60, "{}", settings.len());
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
                config
            });
            let mut expected = whole.clone();
            let mut got = dropped.clone();
            for config in std::iter::once(&mut expected).chain(got.as_mut()) {
                for point in config.read_point.values_mut() {
                    *point = config::ReadPoint {
                        mode: point.mode,
                        sgln: point.sgln.clone(),
                        inside: point.inside.clone(),
                        outside: point.outside.clone(),
                        scanners: point.scanners.clone(),
                        r#in: point.r#in.clone(),
                        out: point.out.clone(),
                        scan: point.scan.clone(),
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

    #[test]
    fn no_mutation_passes_in_silence() {
        let (lines, settings) = uncommented();
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
            if value.starts_with('"') && digits.parse::<f64>().is_ok() {
                mutants.push(format!("{key} = \"{digits}\""));
                mutants.push(format!("{key} = \"{digits}parsecs\""));
            }
            for mutant in mutants {
                assert!(
                    accepted(&with(&lines, *line, &mutant)).is_none(),
                    "line {}: {mutant}",
                    line + 1
                );
            }
        }
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
                assert!(
                    accepted(&with(&lines, line, &mutant)).is_none()
                        || header.starts_with("[read_point."),
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
                assert!(shown, "{key} of {header} is not in the reference");
            }
        }
    }
}

mod hostile {
    use super::*;

    /// Renders everything there is to render.
    fn exercise(bytes: &[u8], env: &[(String, String)]) {
        let loaded = config::from_bytes(Path::new("x/gateway.toml"), bytes, env.iter().cloned());
        let report = match &loaded {
            Ok(loaded) => {
                assert!(!loaded.report().has_errors());
                loaded.report()
            }
            Err(report) => {
                assert!(report.has_errors());
                report
            }
        };
        for format in [Format::Human, Format::Short, Format::Json] {
            report.render(format);
        }
    }

    /// Pieces of TOML, right and wrong, in any order.
    fn toml_like() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("[gateway]\n"),
            Just("[llrp.a]\n"),
            Just("[llrp]\n"),
            Just("[[llrp]]\n"),
            Just("[read_point.a]\n"),
            Just("[\"\"]\n"),
            Just("[\"a.b[99999999999]\"]\n"),
            Just("[mqtt"),
            Just("host"),
            Just("inside"),
            Just(" = "),
            Just("antennas"),
            Just("\"a/1\""),
            Just("[1, 1"),
            Just("]"),
            Just("{ 1 = \"30 dBm\""),
            Just("}"),
            Just(","),
            Just("\n"),
            Just("\r\n"),
            Just("\""),
            Just("\"\"\""),
            Just("'"),
            Just("#"),
            Just("é"),
            Just("\u{0}"),
            Just("\u{202e}"),
            Just("\t"),
            Just("1e999"),
            Just("-0"),
            Just("0x"),
            Just("99999999999999999999"),
            Just("nan"),
            Just("1979-05-27"),
            Just("password"),
            Just("://a@b"),
            Just("."),
            Just("x"),
            Just("mode = \"dock\"\n"),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            exercise(&bytes, &[]);
        }

        #[test]
        fn any_text(text in "\\PC{0,200}") {
            exercise(text.as_bytes(), &[]);
        }

        #[test]
        fn anything_like_toml(text in toml_like()) {
            exercise(text.as_bytes(), &[]);
        }

        #[test]
        fn any_variables(env in proptest::collection::vec(("TRACEGATE_[A-Z0-9_\\[\\].a-é]{0,30}", "\\PC{0,30}"), 0..6)) {
            exercise(reference().as_bytes(), &env);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_reference_with_damage(edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
            let (lines, _) = (reference().replace("\n# ", "\n"), ());
            let mut bytes = lines.into_bytes();
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            exercise(&bytes, &[]);
            bytes.truncate(cut.index(bytes.len()));
            exercise(&bytes, &[]);
        }
    }

    #[test]
    fn large_and_deep_files_end_soon() {
        let start = std::time::Instant::now();
        let many = |n: usize, line: &dyn Fn(usize) -> String| (0..n).map(line).collect::<String>();
        let files = [
            "[".repeat(500_000),
            format!("{}a = 1", "a.".repeat(300_000)),
            format!("[{}a]", "a.".repeat(300_000)),
            format!("[llrp]\n{}", many(20_000, &|n| format!("k{n} = 1\n"))),
            format!("[gateway]\n{}", many(20_000, &|n| format!("k{n} = 1\n"))),
            format!("[tags]\nignore = [{}]", many(20_000, &|_| "1,".to_owned())),
            many(20_000, &|n| format!("[llrp.a{n}]\n")),
            many(20_000, &|n| format!("k{n} = {n}x\n")),
            many(20_000, &|_| "[a]\n".to_owned()),
            "x = [".repeat(100_000),
        ];
        for file in files {
            exercise(file.as_bytes(), &[]);
        }
        let deep = (
            format!("TRACEGATE_{}A", "A__".repeat(20_000)),
            String::new(),
        );
        exercise(b"[gateway]\n", &[deep]);
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }
}

mod command {
    use super::*;

    fn tracegate(arguments: &[&str], env: &[(&str, &str)]) -> (String, i32) {
        let output = Command::new(env!("CARGO_BIN_EXE_tracegate"))
            .args(arguments)
            .env_clear()
            .envs(env.iter().copied())
            .current_dir(root())
            .output()
            .unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            output.status.code().unwrap(),
        )
    }

    #[test]
    fn a_good_file_exits_0() {
        let (text, code) = tracegate(&["check", "config/plant.toml"], &[]);
        assert_eq!(
            (text.as_str(), code),
            (
                "config/plant.toml: ok (2 readers, 1 scanner, 4 read points)\n",
                0
            )
        );
    }

    #[test]
    fn a_variable_can_spoil_it() {
        let env = [("TRACEGATE_MQTT__WINDOW", "lots")];
        let (text, code) = tracegate(&["check", "--format", "short", "config/plant.toml"], &env);
        let expected = "TRACEGATE_MQTT__WINDOW: error[wrong-type]: `window` has the wrong type: \
                        expected a whole number from 0 to 65535, found text \"lots\"\n";
        assert_eq!((text.as_str(), code), (expected, 78));
    }

    #[test]
    fn json_for_programs() {
        let folder = tempfile("json", b"[gateway]\nsite = 3\n[mqtt]\nurl = \"mqtt://b\"\n");
        let (text, code) = tracegate(
            &["check", "--format", "json", folder.to_str().unwrap()],
            &[],
        );
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(code, 78);
        assert_eq!(report["ok"], false);
        let span = &report["diagnostics"][0]["spans"][0];
        assert_eq!(
            (&span["line"], &span["column"], &span["end_column"]),
            (&2.into(), &8.into(), &9.into())
        );
        std::fs::remove_file(folder).unwrap();
    }

    fn tempfile(name: &str, content: &[u8]) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("tracegate-test-{name}-{}.toml", std::process::id()));
        std::fs::write(&path, content).unwrap();
        path
    }

    #[test]
    fn files_that_cannot_be_read_say_what_to_do() {
        for (name, content, title, help) in [
            (
                "empty",
                b" \n".as_slice(),
                "the configuration file is empty",
                "start from",
            ),
            (
                "latin1",
                b"[gateway]\n# \xe4\n",
                "the file is not UTF-8 text",
                "save it as UTF-8",
            ),
            (
                "utf16",
                b"\xff\xfe[\0",
                "the file is saved as UTF-16",
                "save it as UTF-8",
            ),
        ] {
            let path = tempfile(name, content);
            let (text, code) = tracegate(&["check", path.to_str().unwrap()], &[]);
            assert_eq!(code, 78);
            assert!(
                text.contains(title)
                    && text.contains(help)
                    && text.contains(path.to_str().unwrap()),
                "{text}"
            );
            std::fs::remove_file(path).unwrap();
        }
        let (text, code) = tracegate(&["check", "config"], &[]);
        assert_eq!(code, 78);
        assert!(text.contains("the configuration is a folder"), "{text}");
        let (text, code) = tracegate(&["check"], &[("PATH", "/bin")]);
        assert!(
            code == 78 && text.contains("/etc/tracegate/gateway.toml"),
            "{text}"
        );
    }
}
