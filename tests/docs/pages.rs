//! README.md and the pages of docs/: links, configurations and commands in them.

use std::path::{Path, PathBuf};

use tracegate::config::{self, Format};

use super::{pages, read, root};

#[test]
fn links_lead_somewhere() {
    let others = [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "hardware-sim/README.md",
        "deploy/store/README.md",
        "deploy/broker/README.md",
    ];
    let others = others.map(str::to_owned);
    for document in pages().into_iter().chain(others) {
        let text = read(&document);
        let folder = Path::new(&document).parent().expect("it is in a folder");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf = match path {
                "" => document.clone().into(),
                path => folder.join(path),
            };
            assert!(root().join(&target).exists(), "{document} links to {link}");
            if !anchor.is_empty() && target.extension().is_some_and(|it| it == "md") {
                let text = read(&target.display().to_string());
                assert!(
                    text.lines().filter_map(heading).any(|it| it == anchor),
                    "{document} links to {link}, and there is no such heading"
                );
            }
        }
    }
}

/// The anchor of a line that is a heading.
fn heading(line: &str) -> Option<String> {
    let text = line
        .strip_prefix('#')?
        .trim_start_matches('#')
        .strip_prefix(' ')?;
    let sign = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    Some(text.chars().filter_map(sign).collect())
}

/// A fragment is completed by the two sections that every configuration has.
#[test]
fn configurations_in_the_docs_pass() {
    let mut blocks = 0;
    for page in pages() {
        let text = read(&page);
        for block in fenced(&text, "toml") {
            let mut whole = block.clone();
            for (section, rest) in [
                ("[gateway]", "site = \"plant-3\""),
                ("[mqtt]", "url = \"mqtt://10.0.4.2\""),
            ] {
                if !block.lines().any(|line| line.starts_with(section)) {
                    whole += &format!("\n{section}\n{rest}\n");
                }
            }
            let loaded = config::from_bytes(Path::new(&page), whole.as_bytes(), std::iter::empty());
            if let Err(report) = loaded {
                panic!("{page}:\n{}", report.render(Format::Human));
            }
            blocks += 1;
        }
    }
    assert!(blocks >= 5, "{blocks}");
}

#[test]
fn commands_in_the_docs_are_commands() {
    let mut commands = 0;
    for page in pages() {
        let text = read(&page);
        let shell = ["sh", "console"].map(|kind| fenced(&text, kind));
        for line in shell.iter().flatten().flat_map(|block| block.lines()) {
            let line = line.strip_prefix("$ ").unwrap_or(line);
            let line = line.strip_prefix("sudo ").unwrap_or(line);
            let Some(rest) = line.strip_prefix("tracegate ") else {
                continue;
            };
            // As the shell takes it, as far as the docs use it.
            let end = [" >", " |", "   #", " &"]
                .iter()
                .filter_map(|it| rest.find(it))
                .min();
            let rest = &rest[..end.unwrap_or(rest.len())];
            let mut words = vec!["tracegate".to_owned()];
            for (at, part) in rest.split('\'').enumerate() {
                match at % 2 {
                    0 => words.extend(part.split_whitespace().map(str::to_owned)),
                    _ => words.push(part.to_owned()),
                }
            }
            if let Err(error) = tracegate::cli::command().try_get_matches_from(&words) {
                let asks = [
                    clap::error::ErrorKind::DisplayHelp,
                    clap::error::ErrorKind::DisplayVersion,
                ];
                assert!(asks.contains(&error.kind()), "{page}: {line}: {error}");
            }
            commands += 1;
        }
    }
    assert!(commands >= 15, "{commands}");
}

/// The blocks of a kind in a page.
fn fenced(text: &str, kind: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.trim_start().strip_prefix("```") {
            let indent = line.len() - line.trim_start().len();
            let block: Vec<&str> = lines
                .by_ref()
                .take_while(|line| line.trim_start() != "```")
                .map(|line| line.get(indent..).unwrap_or_default())
                .collect();
            if found == kind {
                blocks.push(block.join("\n"));
            }
        }
    }
    blocks
}
