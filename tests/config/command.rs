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
    let (text, code) = tracegate(&["check", "--offline", "config/plant.toml"], &[]);
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
    let expected = "TRACEGATE_MQTT__WINDOW: error: `window` has the wrong type: \
                    expected a whole number from 0 to 65535, found text \"lots\" [wrong-type]\n";
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
    let problem = &report["diagnostics"][0];
    let expected = serde_json::json!({
        "file": folder.to_str().unwrap(),
        "line": 2,
        "column": 8,
        "severity": "error",
        "code": "bad-value",
        "message": "`site` has a bad value",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(problem[key], *value, "{key}");
    }
    assert!(problem["help"].is_string());
    let span = &problem["spans"][0];
    assert_eq!(
        (&span["line"], &span["column"], &span["end_column"]),
        (&2.into(), &8.into(), &9.into())
    );
    std::fs::remove_file(folder).unwrap();
}

#[test]
fn what_is_not_plugged_in_is_a_warning_that_can_be_denied() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let shown = folder.path().display();
    let text = format!(
        "[gateway]\nsite = \"a\"\n[scanner.line_2]\nserial = \"usb-gone-if00\"\n[read_point.line_2]\nmode = \"station\"\n\
         sgln = \"urn:epc:id:sgln:4012345.00003.line2\"\nscanners = [\"line_2\"]\nscan = {{ biz_step = \"picking\" }}\n\
         [buffer]\ndirectory = \"{shown}\"\nmax_size = \"16 MiB\"\n[status]\nlisten = \"off\"\n[mqtt]\nurl = \"mqtt://127.0.0.1\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let check = |more: &[&str]| {
        let mut arguments = vec!["check", "--format", "short", file.to_str().unwrap()];
        arguments.extend(more);
        let (text, code) = tracegate(&arguments, &[]);
        (text.replace(&format!("{shown}"), "FOLDER"), code)
    };
    let warning = "FOLDER/gateway.toml:4:10: warning: scanner `line_2` is not plugged in: \
                   /dev/serial/by-id/usb-gone-if00 is not there [device]\n";
    let ok = "FOLDER/gateway.toml: ok (0 readers, 1 scanner, 1 read point)\n";
    assert_eq!(check(&[]), (format!("{warning}{ok}"), 0));
    assert_eq!(check(&["--deny-warnings"]), (warning.to_owned(), 78));
    assert_eq!(check(&["--deny-warnings", "--offline"]), (ok.to_owned(), 0));
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
