//! Mistakes and their reports, side by side in Markdown.

use std::path::PathBuf;

use super::*;

/// One `##` section: a `toml` block, perhaps an `env` block, and a `text` block with the report.
pub(super) struct Case {
    name: String,
    pub(super) toml: String,
    pub(super) env: Vec<(String, String)>,
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

pub(super) fn cases(text: &str) -> Vec<Case> {
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
    assert!(count >= 300, "only {count} cases were found");
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
