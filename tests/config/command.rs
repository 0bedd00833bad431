//! `tracegate check` as a process.

use std::path::PathBuf;
use std::process::Command;

use super::*;

fn tracegate(arguments: &[&str], env: &[(&str, &str)]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_tracegate"))
        .args(arguments)
        .env_clear()
        .envs(env.iter().copied())
        .current_dir(root())
        .output()
        .expect("the binary was built");
    (
        String::from_utf8(output.stdout).expect("output is text"),
        output.status.code().expect("not killed"),
    )
}

#[test]
fn a_good_file_exits_0() {
    let (text, code) = tracegate(&["check", "config/plant.toml"], &[]);
    assert_eq!(
        (text.as_str(), code),
        (
            "config/plant.toml: ok (3 readers, 1 scanner, 5 read points)\n",
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
    std::fs::write(&path, content).expect("the folder for temporary files is writable");
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
            text.contains(title) && text.contains(help) && text.contains(path.to_str().unwrap()),
            "{text}"
        );
        std::fs::remove_file(path).unwrap();
    }
    let (text, code) = tracegate(&["check", "config"], &[]);
    assert_eq!(code, 78);
    assert!(text.contains("the configuration is a folder"), "{text}");
    // Whether this machine has that file or not.
    let (text, _) = tracegate(&["check"], &[("PATH", "/bin")]);
    assert!(text.contains("/etc/tracegate/gateway.toml"), "{text}");
}
