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
        play: Play,
    },
    /// Prints what guarded doors tell of pallets that are held: every third one of each day.
    Alerts {
        #[command(flatten)]
        days: Days,
    },
    /// Prints the movements that several events tell of, with these events: duplicates, pieces and supplements.
    Again {
        #[command(flatten)]
        days: Days,
    },
    /// Prints the gateway's scores beside those of other methods: means over the seeds.
    Score {
        #[command(flatten)]
        days: Days,
        /// Only this one; all if it is not given.
        #[arg(long, value_enum)]
        method: Option<Method>,
        /// Days simulated at the same time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
}

/// Days of several seeds.
#[derive(Debug, Args)]
struct Days {
    /// First and last seed, as in 1..10.
    #[arg(long, default_value = "1..10", value_parser = seeds)]
    seeds: RangeInclusive<u64>,
    /// Only this one; all if it is not given.
    #[arg(long, value_enum)]
    situation: Option<Situation>,
    #[command(flatten)]
    play: Play,
}

impl Days {
    fn situations(&self) -> Vec<Situation> {
        match self.situation {
            Some(situation) => vec![situation],
            None => Situation::ALL.to_vec(),
        }
    }

    fn of(&self, situation: Situation) -> impl Iterator<Item = Day> {
        let seeds = self.seeds.clone();
        seeds.map(move |seed| self.play.day(situation, seed))
    }
}

/// What a day is played in.
#[derive(Debug, Args)]
struct Play {
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
    /// Length of the day.
    #[arg(long, default_value_t = 20.0, value_parser = minutes)]
    minutes: f64,
    /// Doors have photo-eyes.
    #[arg(long)]
    eyes: bool,
}

impl Play {
    fn conditions(&self) -> Conditions {
        Conditions {
            air: self.air,
            reads_per_s: self.reads_per_second,
            search: self.search,
            eyes: self.eyes,
        }
    }

    fn length_s(&self) -> f64 {
        self.minutes * 60.0
    }

    fn day(&self, situation: Situation, seed: u64) -> Day {
        Day::under(situation, seed, self.length_s(), self.conditions())
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
            play,
        } => {
            let day = play.day(situation, seed);
            let told = method.tell(&day);
            let score = day.score(&told);
            print!("{}", story(&day, &told));
            println!(
                "\n{} seed {seed}, {} min, {}: {} reads, {} eye edges, {} movements and {} that nobody could find",
                situation.as_str(),
                play.minutes,
                play.conditions().label(),
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
        Command::Alerts { days } => {
            let mut docks = days.situations();
            if days.situation.is_none() {
                docks.retain(|it| *it != Situation::Conveyors);
            }
            for situation in docks {
                let mut all = Alerts::default();
                for day in days.of(situation) {
                    all.add(alerts(&day));
                }
                println!("{:<14} {}", situation.as_str(), all.line());
            }
        }
        Command::Again { days } => {
            for situation in days.situations() {
                for day in days.of(situation) {
                    print!("{}", again(&day, &Method::Tracegate.tell(&day)));
                }
            }
        }
        Command::Score { days, method, jobs } => {
            let methods = method.map_or_else(|| Method::ALL.to_vec(), |method| vec![method]);
            let seeds: Vec<u64> = days.seeds.clone().collect();
            let rows = rows(
                &days.situations(),
                &methods,
                &seeds,
                days.play.length_s(),
                days.play.conditions(),
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
