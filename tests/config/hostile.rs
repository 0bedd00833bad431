//! Input that nobody would write on purpose.

use proptest::prelude::*;

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

/// CPU time of this thread, which a busy machine does not stretch; hundredths of a second (proc_pid_stat(5)).
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<u64>().unwrap();
    ticks(11) + ticks(12)
}

#[test]
fn large_and_deep_files_end_soon() {
    let before = cpu_ticks();
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
    let ticks = cpu_ticks() - before;
    assert!(ticks < 60 * 100, "{ticks}");
}
