//! The command line as a person meets it: what each command prints, and its exit code.
//!
//! Every file in `tests/cli/` named `*.txt` is a case: the command in its first line, then what came of it, byte for
//! byte. After a change of wording, `UPDATE_EXPECT=1 cargo test --test cli` writes the new output; read the diff.

#[path = "cli/buffer.rs"]
mod buffer;
#[path = "cli/top.rs"]
mod top;

use std::path::Path;
use std::process::Command;

#[test]
fn every_command_prints_what_is_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let (mut count, mut wrong) = (0, String::new());
    let mut cases: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    for case in cases {
        if case.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        count += 1;
        let expected = std::fs::read_to_string(&case).unwrap();
        let command = expected.lines().next().unwrap_or_default();
        let actual = run(command, &folder);
        if actual != expected && update {
            std::fs::write(&case, &actual).unwrap();
        } else if actual != expected {
            wrong += &format!(
                "{}:\n--- expected\n{expected}\n--- actual\n{actual}\n",
                case.display()
            );
        }
    }
    assert!(count >= 10, "only {count} cases found");
    assert!(wrong.is_empty(), "{wrong}");
}

/// A reader that has seen enough ends a command quietly, whichever way it prints.
#[test]
fn a_closed_pipe_ends_a_command_without_a_word() {
    for command in [
        "profiles",
        "sample",
        "man --help",
        "decode 3074257BF7194E4000001A85",
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tracegate"))
            .args(command.split_whitespace())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut said).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{command}: {said}");
        assert!(
            !said.contains("panicked") && !said.contains("error"),
            "{command}: {said}"
        );
    }
}

/// Runs `$ tracegate …` in `folder` with an empty environment; returns the text of the case.
fn run(command: &str, folder: &Path) -> String {
    let arguments = command
        .strip_prefix("$ tracegate")
        .expect("the first line is a command");
    let output = Command::new(env!("CARGO_BIN_EXE_tracegate"))
        .args(arguments.split_whitespace())
        .env_clear()
        .current_dir(folder)
        .output()
        .expect("the binary was built");
    let code = output.status.code().expect("it ended by itself");
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    format!(
        "{command}\nexit code {code}\n-- stdout\n{}-- stderr\n{}",
        text(output.stdout),
        text(output.stderr)
    )
}
