//! The `portal` command: simulated docks and belts, and how well the gateway and others tell what happened there.

use std::ops::RangeInclusive;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracegate_sim::portal::{
    Air, Alerts, Conditions, Day, Method, Search, Situation, again, alerts, causes, reasons, rows,
    story, table,
};

/// Simulated dock doors and belts with ground truth, and a score.
///
/// The same arguments give the same output. Seeds 1 to 999 are for tuning; seeds 1000 to 1999 stay unused until a figure
/// is reported. Sites, traffic, tags and truth of a seed are the same in every air and at every speed: a rule that scores
/// well in one air only has learnt that air.
#[derive(Debug, Parser)]
#[command(name = "portal")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays one day and prints what happened and what was said, in order of time.
    Run {
        /// What is built and what drives.
        #[arg(long, value_enum)]
        situation: Situation,
        /// Of all chance in it.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Who decides.
        #[arg(long, value_enum, default_value_t = Method::Tracegate)]
        method: Method,
        #[command(flatten)]
        conditions: InAir,
        /// Length of the day.
        #[arg(long, default_value_t = 20.0, value_parser = minutes)]
        minutes: f64,
        /// Doors have photo-eyes.
        #[arg(long)]
        eyes: bool,
    },
    /// Prints what guarded doors tell of pallets that are held: every third one of each day.
    Alerts {
        /// First and last seed, as in 1..10.
        #[arg(long, default_value = "1..10", value_parser = seeds)]
        seeds: RangeInclusive<u64>,
        /// Only this one; all docks if it is not given.
        #[arg(long, value_enum)]
        situation: Option<Situation>,
        #[command(flatten)]
        conditions: InAir,
        /// Length of each day.
        #[arg(long, default_value_t = 20.0, value_parser = minutes)]
        minutes: f64,
        /// Doors have photo-eyes.
        #[arg(long)]
        eyes: bool,
    },
    /// Prints the movements that several events tell of, with these events: duplicates, pieces and supplements.
    Again {
        /// First and last seed, as in 1..10.
        #[arg(long, default_value = "1..10", value_parser = seeds)]
        seeds: RangeInclusive<u64>,
        /// Only this one; all if it is not given.
        #[arg(long, value_enum)]
        situation: Option<Situation>,
        #[command(flatten)]
        conditions: InAir,
        /// Length of each day.
        #[arg(long, default_value_t = 20.0, value_parser = minutes)]
        minutes: f64,
        /// Doors have photo-eyes.
        #[arg(long)]
        eyes: bool,
    },
    /// Prints the gateway's scores beside those of other methods: means over the seeds.
    Score {
        /// First and last seed, as in 1..10.
        #[arg(long, default_value = "1..10", value_parser = seeds)]
        seeds: RangeInclusive<u64>,
        /// Only this one; all if it is not given.
        #[arg(long, value_enum)]
        situation: Option<Situation>,
        /// Only this one; all if it is not given.
        #[arg(long, value_enum)]
        method: Option<Method>,
        #[command(flatten)]
        conditions: InAir,
        /// Length of each day.
        #[arg(long, default_value_t = 20.0, value_parser = minutes)]
        minutes: f64,
        /// Doors have photo-eyes.
        #[arg(long)]
        eyes: bool,
        /// Days simulated at the same time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
}

/// What the day is played in.
#[derive(Debug, Args)]
struct InAir {
    /// The radio model and the way of the rounds: link-budget is the one that the gateway's rules grew up with, waves is
    /// for judging them.
    #[arg(long, value_enum, default_value_t = Air::LinkBudget)]
    air: Air,
    /// How fast one reader reads: a number, or fast (500), usual (200) or slow (60). Without it 270 in link-budget and
    /// 200 in waves.
    #[arg(long, value_name = "N", value_parser = Conditions::parse_reads_per_second)]
    reads_per_second: Option<f64>,
    /// Another way of inventory than the preset's.
    #[arg(long, value_enum)]
    search: Option<Search>,
}

impl InAir {
    fn conditions(&self) -> Conditions {
        Conditions {
            air: self.air,
            reads_per_s: self.reads_per_second,
            search: self.search,
        }
    }
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let ends = text.split_once("..").unwrap_or((text, text));
    match (ends.0.parse(), ends.1.trim_start_matches('=').parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err("expected the first and the last seed, as in 1..10".to_owned()),
    }
}

fn minutes(text: &str) -> Result<f64, String> {
    let found = text.parse().ok();
    found
        .filter(|minutes| (1.0..=1440.0).contains(minutes))
        .ok_or_else(|| "expected a number of minutes from 1 to 1440".to_owned())
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run {
            situation,
            seed,
            method,
            conditions,
            minutes,
            eyes,
        } => {
            let conditions = conditions.conditions();
            let mut day = Day::under(situation, seed, minutes * 60.0, conditions);
            if eyes {
                day = day.with_eyes();
            }
            let told = method.tell(&day);
            let score = day.score(&told);
            print!("{}", story(&day, &told));
            println!(
                "\n{} seed {seed}, {minutes} min, {}: {} reads, {} eye edges, {} movements and {} that nobody could find",
                situation.as_str(),
                conditions.label(),
                day.reads(),
                day.eyes.len(),
                day.movements.len(),
                day.unreadable
            );
            println!(
                "{}: {} claims, {} found, {} strict, {} exact, {} duplicates, {} events again, {} false; strict F1 {:.3}",
                method.as_str(),
                score.claims,
                score.found,
                score.strict,
                score.exact,
                score.duplicates,
                score.again,
                score.false_claims(),
                score.strict_f1()
            );
        }
        Command::Alerts {
            seeds,
            situation,
            conditions,
            minutes,
            eyes,
        } => {
            let docks = Situation::ALL.into_iter();
            let docks = docks.filter(|it| *it != Situation::Conveyors);
            let one = situation.map(|situation| vec![situation]);
            for situation in one.unwrap_or_else(|| docks.collect()) {
                let mut all = Alerts::default();
                for seed in seeds.clone() {
                    let mut day =
                        Day::under(situation, seed, minutes * 60.0, conditions.conditions());
                    if eyes {
                        day = day.with_eyes();
                    }
                    all.add(alerts(&day));
                }
                println!("{:<14} {}", situation.as_str(), all.line());
            }
        }
        Command::Again {
            seeds,
            situation,
            conditions,
            minutes,
            eyes,
        } => {
            let one = situation.map(|situation| vec![situation]);
            for situation in one.unwrap_or_else(|| Situation::ALL.to_vec()) {
                for seed in seeds.clone() {
                    let mut day =
                        Day::under(situation, seed, minutes * 60.0, conditions.conditions());
                    if eyes {
                        day = day.with_eyes();
                    }
                    print!("{}", again(&day, &Method::Tracegate.tell(&day)));
                }
            }
        }
        Command::Score {
            seeds,
            situation,
            method,
            conditions,
            minutes,
            eyes,
            jobs,
        } => {
            let conditions = conditions.conditions();
            let one = situation.map(|situation| vec![situation]);
            let situations = one.unwrap_or_else(|| Situation::ALL.to_vec());
            let methods = method.map_or_else(|| Method::ALL.to_vec(), |method| vec![method]);
            let seeds: Vec<u64> = seeds.collect();
            let rows = rows(
                &situations,
                &methods,
                &seeds,
                minutes * 60.0,
                conditions,
                eyes,
                jobs,
            );
            print!("{}\n{}\n{}", table(&rows), causes(&rows), reasons(&rows));
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn seeds_are_first_and_last() {
        assert_eq!(super::seeds("3..5"), Ok(3..=5));
        assert_eq!(super::seeds("7"), Ok(7..=7));
        assert!(super::seeds("5..3").is_err() && super::seeds("a..b").is_err());
        assert!(super::minutes("0").is_err() && super::minutes("20").is_ok());
    }
}
