//! `tracegate top`: how busy the running gateway is.

mod screen;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use rustix::termios::tcgetwinsize;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use self::screen::{Act, Screen, show};
use super::gateway::{Gateway, Trouble};
use crate::control::Request;
use crate::control::client::{Client, ControlError};
use crate::top::{Look, Sample, frame};

/// Between two frames.
const EVERY: Duration = Duration::from_secs(1);
/// Columns and lines where nobody tells.
const SIZE: (usize, usize) = (100, usize::MAX);

/// Watch how busy the running gateway is
///
/// Rates by device and antenna, read points, buffer and broker, drawn anew every second until q or Ctrl-C. What is not as it
/// should be is said in words, and coloured on a terminal unless NO_COLOR is set. A gateway that is started anew meanwhile
/// is found again.
///
/// Exit code: 0 after q or Ctrl-C, 69 no gateway answers, 78 problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print one frame, after a second; so it is, too, when standard output is no terminal that can be drawn on (TERM=dumb).
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    gateway: Gateway,
    /// Write what the gateway says at this moment, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = super::run::runtime()?;
    let outcome = runtime.block_on(watch(arguments));
    runtime.shutdown_background();
    match outcome? {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(trouble) => Ok(trouble.exit()),
    }
}

async fn watch(arguments: &Arguments) -> anyhow::Result<Result<(), Trouble>> {
    let begun = async {
        let mut client = arguments.gateway.connect().await?;
        let first = sample(&mut client).await?;
        Ok::<_, Trouble>((client, first))
    };
    let (mut client, first) = match begun.await {
        Ok(begun) => begun,
        Err(trouble) => return Ok(Err(trouble)),
    };
    if arguments.json {
        let text = serde_json::to_string_pretty(&first).context("write JSON")?;
        return show(&(text + "\n")).map(Ok);
    }
    if arguments.once || !screen::is_one() {
        sleep(EVERY).await;
        return match sample(&mut client).await {
            Ok(now) => show(&frame(Some(&first), &now, None, look(false))).map(Ok),
            Err(error) => Ok(Err(error.into())),
        };
    }
    let stop = CancellationToken::new();
    super::run::stop_on_signals(stop.clone())?;
    draw(arguments, client, first, &stop).await.map(Ok)
}

async fn draw(
    arguments: &Arguments,
    client: Client,
    first: Sample,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (mut client, mut before, mut now) = (Some(client), None, first);
    let mut trouble = None;
    let mut screen = Screen::take()?;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        let text = frame(before.as_ref(), &now, trouble.as_deref(), look(true));
        // Drawn over the last one, so that nothing flickers.
        show(&format!(
            "\x1b[H{}\x1b[J",
            text.trim_end().replace('\n', "\x1b[K\n") + "\x1b[K"
        ))?;
        tokio::select! {
            _ = ticks.tick() => {}
            act = screen.act() => match act? {
                Act::Quit => return Ok(()),
                Act::Redraw => continue,
            },
            () = stop.cancelled() => return Ok(()),
        }
        let asked = async {
            let mut connected = match client.take() {
                Some(client) => client,
                None => arguments.gateway.connect_anyhow().await?,
            };
            let sample = sample(&mut connected).await?;
            Ok::<_, Trouble>((connected, sample))
        };
        let answer = tokio::select! {
            answer = asked => answer,
            quit = quit(&mut screen) => return quit,
            () = stop.cancelled() => return Ok(()),
        };
        match answer {
            Ok((connected, sample)) => {
                client = Some(connected);
                before = Some(std::mem::replace(&mut now, sample));
                trouble = None;
            }
            // It may come back; what it said last stays there.
            Err(Trouble::Control(error)) => trouble = Some(crate::error_chain(&error)),
            Err(Trouble::Config) => trouble = Some("the configuration has problems".to_owned()),
        }
    }
}

/// Waits for somebody to leave; what is drawn next is right anyway.
async fn quit(screen: &mut Screen) -> anyhow::Result<()> {
    loop {
        if screen.act().await? == Act::Quit {
            return Ok(());
        }
    }
}

async fn sample(client: &mut Client) -> Result<Sample, ControlError> {
    let answer = client.ask(&Request::new("top")).await?;
    serde_json::from_value(answer)
        .map_err(|error| ControlError::Refused(format!("its answer cannot be read: {error}")))
}

fn look(is_screen: bool) -> Look {
    let terminal = std::io::stdout();
    let size = tcgetwinsize(&terminal).ok().filter(|it| it.ws_col > 0);
    let (width, height) = match size {
        Some(size) => (usize::from(size.ws_col), usize::from(size.ws_row)),
        None => SIZE,
    };
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
    Look {
        width,
        height: if is_screen { height } else { SIZE.1 },
        colour: screen::is_one() && !no_colour,
    }
}
