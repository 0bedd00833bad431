//! `tracegate completion` and `tracegate man`: for shells and manuals, written from the same arguments as the help.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap_complete::Shell;

/// Print what makes a shell complete commands and options
///
/// For bash, as root: tracegate completion bash > /usr/share/bash-completion/completions/tracegate
///
/// Exit code: 0.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Write manual pages, one for each command
///
/// Exit code: 0, or 1 when they cannot be written.
#[derive(Debug, clap::Args)]
pub(super) struct ManArguments {
    /// Folder to write them to, such as /usr/local/share/man/man1.
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut command = super::command();
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "tracegate", &mut text);
    std::io::Write::write_all(&mut std::io::stdout(), &text).context("write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(arguments: &ManArguments) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    anyhow::ensure!(
        folder.is_dir(),
        "there is no folder {}; make it first: mkdir -p {0}",
        folder.display()
    );
    clap_mangen::generate_to(super::command(), folder)
        .with_context(|| format!("write manual pages into {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_each_command() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ManArguments {
            folder: folder.path().to_owned(),
        };
        man(&arguments).unwrap();
        // Those of commands that have others below them, too.
        for command in super::super::commands() {
            let name = command.name.replace(' ', "-");
            let page = folder.path().join(format!("tracegate-{name}.1"));
            let page = std::fs::read_to_string(&page).unwrap();
            let begin = command.about.split(['\'', '-']).next().unwrap();
            assert!(page.starts_with(".ie") && page.contains(begin), "{page}");
        }
    }

    /// Bash knows what it is given.
    #[test]
    fn bash_completes_commands_options_and_values() {
        let mut script = Vec::new();
        let mut command = super::super::command();
        clap_complete::generate(Shell::Bash, &mut command, "tracegate", &mut script);
        let script = String::from_utf8(script).unwrap();
        let complete = |words: &str| {
            let script = format!(
                "{script}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
                 _tracegate tracegate \"${{COMP_WORDS[$COMP_CWORD]}}\" \"${{COMP_WORDS[$((COMP_CWORD - 1))]}}\"\n\
                 printf '%s ' \"${{COMPREPLY[@]}}\""
            );
            let done = std::process::Command::new("bash")
                .arg("-c")
                .arg(script)
                .output();
            String::from_utf8(done.unwrap().stdout).unwrap()
        };
        assert_eq!(complete("tracegate doc").trim(), "doctor");
        assert_eq!(complete("tracegate check --form").trim(), "--format");
        assert_eq!(complete("tracegate buffer ver").trim(), "verify");
        assert_eq!(complete("tracegate buffer export --fi").trim(), "--file");
        assert_eq!(complete("tracegate discover --md").trim(), "--mdns");
        assert_eq!(
            complete("tracegate tail --read").trim(),
            "--reader --read-point"
        );
        assert_eq!(complete("tracegate check --format j").trim(), "json");
    }
}
