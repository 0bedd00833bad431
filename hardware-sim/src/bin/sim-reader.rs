//! `sim-reader`: a simulated LLRP reader for other programs to try themselves on.
//!
//! It prints where it listens and the tags in its field, one a line, then what clients do. It ends with its standard
//! input, so that it never outlives who started it.

use std::{
    io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration,
};

use clap::{Parser, ValueEnum};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::AsyncReadExt,
    time::{Instant, MissedTickBehavior, interval},
};
use tracegate_sim::{
    reader::{FAULTS, Fault, ReaderConfig, ReaderStatus, SimReader, SimReaderConfig},
    scenario::Sighting,
};

/// A simulated LLRP reader with tags in its field.
///
/// Prints "listening on ADDRESS", then "tag EPC" for each tag, then a line whenever a client comes or goes. Lines on the
/// standard input are faults, carried out at once; it ends when the standard input ends.
#[derive(Debug, Parser)]
#[command(name = "sim-reader", after_help = format!("Faults: {FAULTS}"))]
struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Connect to a client that listens there, instead of listening.
    #[arg(long, conflicts_with_all = ["listen", "certificate"])]
    dial: Option<SocketAddr>,
    /// What kind of reader to be.
    #[arg(long, value_enum, default_value_t = Profile::Standard)]
    profile: Profile,
    /// How many tags are in the field.
    #[arg(long, default_value_t = 10)]
    tags: u32,
    /// Sightings a second, of all tags together.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Every so many seconds the tags go through the door as one load, in and out in turn: the first half of the antennas
    /// look at the yard, the others into the hall. At least 5, and 8 for a door with the default `settle`; --rate does not count then.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(5..))]
    loads: Option<u64>,
    /// Every so many seconds a box with a tag of its own comes along a belt, always the same way: first past the first half of
    /// the antennas. At least 5; --tags and --rate do not count then.
    #[arg(long, value_name = "SECONDS", conflicts_with = "loads", value_parser = clap::value_parser!(u64).range(5..))]
    boxes: Option<u64>,
    /// The light barrier of --loads or --boxes is at this input: high while something is in the field.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    input: Option<u16>,
    /// How many antennas it has; without it as many as its kind.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    antennas: Option<u16>,
    /// Speak TLS with this certificate (PEM).
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// Private key of the certificate (PEM).
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
    /// What is wrong from the start; may be given several times.
    #[arg(long = "fault")]
    faults: Vec<Fault>,
}

/// What kind of reader to be.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Profile {
    /// LLRP 1.0.1 and nothing else.
    Standard,
    /// LLRP 1.1, negotiated.
    Llrp11,
    /// LLRP 2.0, negotiated.
    Llrp20,
    /// With Impinj's extensions.
    Impinj,
    /// With Zebra's extensions.
    Zebra,
    /// Without a UTC clock: times are since its start.
    Uptime,
}

impl Profile {
    fn config(self) -> ReaderConfig {
        match self {
            Self::Standard => ReaderConfig::default(),
            Self::Llrp11 => ReaderConfig {
                max_version: 2,
                ..ReaderConfig::default()
            },
            Self::Llrp20 => ReaderConfig {
                max_version: 3,
                ..ReaderConfig::default()
            },
            Self::Impinj => ReaderConfig::impinj(),
            Self::Zebra => ReaderConfig::zebra(),
            Self::Uptime => ReaderConfig {
                has_utc_clock: false,
                ..ReaderConfig::default()
            },
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let run = |runtime: tokio::runtime::Runtime| runtime.block_on(run(options));
    match runtime.map_err(Into::into).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sim-reader: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

async fn run(options: Options) -> Result<(), Failure> {
    let tls = match (&options.certificate, &options.key) {
        (Some(certificate), Some(key)) => {
            let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
            let key = PrivateKeyDer::from_pem_file(key)?;
            let config = rustls::ServerConfig::builder().with_no_client_auth();
            Some(Arc::new(config.with_single_cert(chain, key)?))
        }
        _ => None,
    };
    let mut llrp = options.profile.config();
    llrp.antennas = options.antennas.unwrap_or(llrp.antennas);
    let antennas = llrp.antennas;
    let reader = SimReader::spawn(SimReaderConfig {
        llrp,
        listen: Some(options.listen),
        dial: options.dial,
        tls,
        faults: options.faults,
        ..SimReaderConfig::default()
    })
    .await?;
    let verb = if options.dial.is_some() {
        "connecting to"
    } else {
        "listening on"
    };
    say(&format!("{verb} {}", reader.addr()))?;
    if options.boxes.is_none() {
        for tag in 0..options.tags {
            say(&format!("tag {}", hex(tag)))?;
        }
    }
    let goods = match options.boxes {
        Some(_) => Goods::Boxes,
        None => Goods::Load(options.tags),
    };
    let played = async {
        match options.loads.or(options.boxes) {
            Some(seconds) => pass(&reader, goods, seconds.into(), antennas, options.input).await,
            None => play(&reader, options.tags, options.rate, antennas).await,
        }
    };
    tokio::select! {
        ended = played => ended,
        ended = obey(&reader) => ended,
    }
}

/// What goes through.
#[derive(Clone, Copy)]
enum Goods {
    /// So many tags together, there and back again.
    Load(u32),
    /// One tag after the other, each once.
    Boxes,
}

fn hex(tag: u32) -> String {
    epc(tag).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SGTIN-96 of one product, numbered.
fn epc(tag: u32) -> [u8; 12] {
    let mut epc = [0x30, 0x34, 0xf4, 0xe4, 0xe4, 0, 0x0c, 0x40, 0, 0, 0, 0];
    for (byte, number) in epc.iter_mut().rev().zip(tag.to_le_bytes()) {
        *byte = number;
    }
    epc
}

/// Shows the tags in turn, over the antennas in turn, and tells what clients do.
async fn play(reader: &SimReader, tags: u32, rate: u32, antennas: u16) -> Result<(), Failure> {
    let feed = reader.feed();
    let mut ticks = interval(Duration::from_secs(1) / rate.clamp(1, 1000));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut status = ReaderStatus::default();
    let mut turn: u32 = 0;
    loop {
        ticks.tick().await;
        status = tell(status, reader.status())?;
        let Some(tag) = turn.checked_rem(tags) else {
            continue;
        };
        let sighting = Sighting {
            at_us: 0,
            reader: "sim-reader".into(),
            antenna: 1 + (turn / tags % u32::from(antennas)) as u16,
            epc: epc(tag).into(),
            pc: 0x3000,
            rssi_dbm: -60 + (turn % 20) as i8,
        };
        turn = turn.wrapping_add(1);
        if !feed
            .see(tracegate_sim::utc_us(Instant::now()), sighting)
            .await
        {
            return Ok(());
        }
    }
}

/// Takes goods through again and again, each tag heard every tenth of a second, the louder the nearer.
async fn pass(
    reader: &SimReader,
    goods: Goods,
    every: u128,
    antennas: u16,
    input: Option<u16>,
) -> Result<(), Failure> {
    /// How long a load is in the field, in rounds of a tenth of a second: four seconds at five metres in all.
    const ROUNDS: u128 = 40;
    let feed = reader.feed();
    let start = Instant::now();
    let mut ticks = interval(Duration::from_millis(100));
    // Where a load is, is a matter of time, also on a machine that is too slow.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut status = ReaderStatus::default();
    let (mut told, mut barrier) = (0, false);
    loop {
        ticks.tick().await;
        status = tell(status, reader.status())?;
        let round = start.elapsed().as_millis() / 100;
        let (load, at) = (round / (every * 10), round % (every * 10));
        // The first load waits for its turn, so that whoever listens is there.
        let is_there = load > 0 && at < ROUNDS;
        if let Some(port) = input.filter(|_| is_there != barrier) {
            barrier = is_there;
            reader.set_input(port, is_there).await;
        }
        if !is_there {
            continue;
        }
        let (inwards, tags) = match goods {
            Goods::Load(tags) => (load % 2 == 1, 0..tags),
            Goods::Boxes => {
                let number = u32::try_from(load).unwrap_or(u32::MAX - 1);
                (true, number..number + 1)
            }
        };
        if load != told {
            told = load;
            match goods {
                Goods::Load(_) if inwards => say("load in")?,
                Goods::Load(_) => say("load out")?,
                Goods::Boxes => say(&format!("box {}", hex(tags.start)))?,
            }
        }
        let way = at as f64 / ROUNDS as f64 * 5.0 - 2.5;
        let place = if inwards { way } else { -way };
        for antenna in 1..=antennas {
            let aerial = if antenna <= antennas / 2 { -0.8 } else { 0.8 };
            let distance = ((place - aerial) * (place - aerial) + 1.5_f64).sqrt();
            for tag in tags.clone() {
                let sighting = Sighting {
                    at_us: 0,
                    reader: "sim-reader".into(),
                    antenna,
                    epc: epc(tag).into(),
                    pc: 0x3000,
                    rssi_dbm: (-48.0 - 30.0 * distance.log10()) as i8,
                };
                if !feed
                    .see(tracegate_sim::utc_us(Instant::now()), sighting)
                    .await
                {
                    return Ok(());
                }
            }
        }
    }
}

/// Says what clients have done since `before`; `now` for the next time.
fn tell(before: ReaderStatus, now: ReaderStatus) -> std::io::Result<ReaderStatus> {
    for (happens, text) in [
        (now.connections > before.connections, "client connected"),
        (now.refused > before.refused, "client refused"),
        (now.reading && !before.reading, "reading"),
        (before.reading && !now.reading, "stopped reading"),
        (before.connected && !now.connected, "client gone"),
    ] {
        if happens {
            say(text)?;
        }
    }
    Ok(now)
}

/// Carries out the faults on the standard input, until it ends.
async fn obey(reader: &SimReader) -> Result<(), Failure> {
    let mut input = tokio::io::stdin();
    let (mut text, mut chunk) = (String::new(), [0; 1024]);
    loop {
        let count = input.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        text.push_str(&String::from_utf8_lossy(
            chunk.get(..count).unwrap_or_default(),
        ));
        while let Some((line, rest)) = text.split_once('\n') {
            match line.parse::<Fault>() {
                Ok(fault) => {
                    reader.fault(fault).await;
                    say(&format!("done {line}"))?;
                }
                Err(error) => say(&error.to_string())?,
            }
            text = rest.to_owned();
        }
    }
}

/// A line at once, also into a pipe.
fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_help_names_every_option_and_fault() {
        Options::command().debug_assert();
        let help = Options::command().render_long_help().to_string();
        for word in [
            "--listen",
            "--dial",
            "--loads",
            "--boxes",
            "--input",
            "--antennas",
            "--profile",
            "--fault",
            "impinj",
            "cut fin|rst",
        ] {
            assert!(help.contains(word), "`{word}` in: {help}");
        }
        let options = [
            "sim-reader",
            "--fault",
            "segment bytes 1",
            "--fault",
            "stale 2s",
        ];
        assert_eq!(Options::parse_from(options).faults.len(), 2);
        assert!(Options::try_parse_from(["sim-reader", "--fault", "burn"]).is_err());
    }
}
