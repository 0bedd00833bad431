//! The command line: one file per command.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong arguments, 69 no gateway answers (`EX_UNAVAILABLE` of sysexits.h; `status`, which
//! monitoring asks, has 2 for something that is wrong and 3 for no answer), 74 the buffer's disk fails (`EX_IOERR`), 78 the configuration has problems
//! (`EX_CONFIG`). Those of each command stand in its help, and from there in docs/commands.md.

#[macro_use]
mod remark;

mod audit;
mod buffer;
mod bundle;
mod capture;
mod check;
mod completion;
mod decode;
#[cfg(feature = "demo")]
mod demo;
mod discover;
mod doctor;
mod gateway;
mod lots;
mod place;
mod profiles;
mod progress;
mod reload;
mod replay;
mod run;
mod schema;
mod show;
mod status;
mod survey;
mod tail;
mod top;
mod why;

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::{CommandFactory as _, Parser, Subcommand};

/// Where the packaged daemon has its configuration.
pub const DEFAULT_CONFIG: &str = "/etc/tracegate/gateway.toml";

/// The configuration has problems (`EX_CONFIG`).
pub const EXIT_CONFIG: u8 = 78;

/// No running gateway can be asked (`EX_UNAVAILABLE`).
pub const EXIT_UNAVAILABLE: u8 = 69;
/// The buffer's disk fails at the start, or has failed for too long (`EX_IOERR`).
pub const EXIT_DISK: u8 = 74;

/// Edge gateway for plant floors: RFID and scanners in, EPCIS 2.0 over MQTT out.
#[derive(Debug, Parser)]
#[command(name = "tracegate", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Show(show::Arguments),
    Sample(show::SampleArguments),
    Schema(schema::Arguments),
    Decode(decode::Arguments),
    Discover(discover::Arguments),
    Doctor(doctor::Arguments),
    Run(run::Arguments),
    Reload(reload::Arguments),
    Status(status::Arguments),
    Why(why::Arguments),
    Tail(tail::Arguments),
    Top(top::Arguments),
    Capture(capture::Arguments),
    Replay(replay::Arguments),
    Survey(survey::Arguments),
    Bundle(bundle::Arguments),
    Buffer(buffer::Arguments),
    Lots(lots::Arguments),
    Audit(audit::Arguments),
    Profiles(profiles::Arguments),
    Completion(completion::Arguments),
    Man(completion::ManArguments),
    #[cfg(feature = "demo")]
    Demo(demo::Arguments),
}

/// The commands with their arguments, for completion, manual pages, and whoever writes about them.
#[must_use]
pub fn command() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

/// Parses the arguments of the process and runs the command they name.
pub fn main() -> ExitCode {
    end_quietly_with_the_pipe();
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Sample(arguments) => show::sample(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Discover(arguments) => discover::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Why(arguments) => why::run(&arguments),
        Command::Tail(arguments) => tail::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Capture(arguments) => capture::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Survey(arguments) => survey::run(&arguments),
        Command::Bundle(arguments) => bundle::run(&arguments),
        Command::Buffer(arguments) => buffer::run(&arguments),
        Command::Lots(arguments) => lots::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Profiles(arguments) => profiles::run(&arguments),
        Command::Completion(arguments) => completion::run(&arguments),
        Command::Man(arguments) => completion::man(&arguments),
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        // `| head`: whoever read it has seen enough.
        if is_closed_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        remark!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// The standard library's macros panic when what they print to is closed; whoever closed it has seen enough.
fn end_quietly_with_the_pipe() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>();
        if said.is_some_and(|it| {
            it.starts_with("failed printing to std") && it.contains("Broken pipe")
        }) {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

/// A time as it is given to options.
fn time(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| {
        "a time is expected, such as 2026-11-22T10:00:00Z or 2026-11-22T11:00:00+01:00".to_owned()
    })
}

/// Why a new file cannot be made at `path`, and what to do.
fn cannot_create(path: &Path, error: std::io::Error) -> anyhow::Error {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let (path, folder) = (path.display(), folder.unwrap_or(Path::new(".")).display());
    match error.kind() {
        ErrorKind::AlreadyExists => {
            anyhow!("{path} is there already; give another name, or remove it first")
        }
        ErrorKind::NotFound => {
            anyhow!("there is no folder {folder} to write {path} to; make it first")
        }
        ErrorKind::PermissionDenied => {
            anyhow!(
                "this user may not write to {folder}; become root (sudo), or write elsewhere, such as to /tmp"
            )
        }
        _ => anyhow::Error::from(error).context(format!("create {path}")),
    }
}

/// Prints an answer.
fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|it| it.downcast_ref::<std::io::Error>());
    causes.any(|it| it.kind() == std::io::ErrorKind::BrokenPipe)
}

/// A command, as its help describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its words, such as `buffer list`.
    pub name: String,
    /// What it does, in a line.
    pub about: String,
    /// Whether it takes `--json`, or writes JSON another way (`--format json`).
    pub writes_json: bool,
    /// What its help says behind "Exit code:", on one line.
    pub exit: Option<String>,
}

/// Every command that does something, in the order of the help.
#[must_use]
pub fn commands() -> Vec<Described> {
    let mut all = Vec::new();
    for command in Arguments::command().get_subcommands() {
        describe(command, "", &mut all);
    }
    all
}

fn describe(command: &clap::Command, before: &str, all: &mut Vec<Described>) {
    let name = format!("{before}{}", command.get_name());
    if command.has_subcommands() {
        let before = name + " ";
        command
            .get_subcommands()
            .for_each(|it| describe(it, &before, all));
        return;
    }
    let help = command.get_long_about().or_else(|| command.get_about());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let exit = help.split_once("Exit code: ").map(|(_, exit)| {
        let paragraph = exit.split("\n\n").next().unwrap_or_default();
        paragraph.replace('\n', " ")
    });
    let is_json = |it: &clap::Arg| match it.get_long() {
        Some("json") => true,
        Some("format") => it
            .get_possible_values()
            .iter()
            .any(|it| it.get_name() == "json"),
        _ => false,
    };
    all.push(Described {
        about: command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default(),
        writes_json: command.get_arguments().any(is_json),
        exit,
        name,
    });
}

/// The variables of the process that are UTF-8; others cannot be settings.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn arguments_are_consistent() {
        super::command().debug_assert();
    }
}
