//! The command line: one file per command.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 something is wrong with the gateway (`status`), 69 no gateway
//! answers (`EX_UNAVAILABLE` of sysexits.h), 74 the buffer's disk fails (`EX_IOERR`), 78 the configuration has problems
//! (`EX_CONFIG`).

mod audit;
mod buffer;
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
mod reload;
mod replay;
mod run;
mod show;
mod status;
mod survey;
mod why;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    Decode(decode::Arguments),
    Discover(discover::Arguments),
    Doctor(doctor::Arguments),
    Run(run::Arguments),
    Reload(reload::Arguments),
    Status(status::Arguments),
    Why(why::Arguments),
    Capture(capture::Arguments),
    Replay(replay::Arguments),
    Survey(survey::Arguments),
    Buffer(buffer::Arguments),
    Lots(lots::Arguments),
    Audit(audit::Arguments),
    Profiles(profiles::Arguments),
    Completion(completion::Arguments),
    Man(completion::ManArguments),
    #[cfg(feature = "demo")]
    Demo(demo::Arguments),
}

/// Parses the arguments of the process and runs the command they name.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Sample(arguments) => show::sample(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Discover(arguments) => discover::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Why(arguments) => why::run(&arguments),
        Command::Capture(arguments) => capture::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Survey(arguments) => survey::run(&arguments),
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
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// The variables of the process that are UTF-8; others cannot be settings.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
