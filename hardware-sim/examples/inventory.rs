//! The smallest use of the LLRP client: connects, reads tags for some seconds, and prints each once.
//!
//! `cargo run -p tracegate-sim --example inventory -- HOST:PORT SECONDS [VERSION]`
//!
//! A plain socket and one thread are enough: the client is a state machine that is handed bytes and time.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tracegate_llrp::client::{Client, ClientConfig, ClientEvent};

/// Longest wait for bytes; the client's own time-outs are looked at in between.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, seconds, rest @ ..] = arguments.as_slice() else {
        return Err("usage: inventory HOST:PORT SECONDS [VERSION]".into());
    };
    let deadline = Duration::from_secs(seconds.parse()?);
    let config = ClientConfig {
        max_version: rest.first().map_or(Ok(2), |version| version.parse())?,
        ..ClientConfig::default()
    };
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(LOOK))?;
    let start = Instant::now();
    let mut client = Client::new(config, Duration::ZERO);
    let mut tags = BTreeSet::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        while let Some(bytes) = client.poll_transmit() {
            socket.write_all(&bytes)?;
        }
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Reports(reads) => {
                    for read in reads {
                        let tag = read.epc.to_string();
                        if tags.insert(tag.clone()) {
                            println!("tag {tag}");
                        }
                    }
                }
                ClientEvent::Ready {
                    version, limits, ..
                } => {
                    println!("ready, header version {version}, limits {limits:?}");
                }
                ClientEvent::Closed { reason } => {
                    println!("closed: {reason:?}");
                    return Ok(());
                }
                _ => {}
            }
        }
        match socket.read(&mut chunk) {
            Ok(0) => client.handle_end(start.elapsed()),
            Ok(count) => {
                client.handle_bytes(start.elapsed(), chunk.get(..count).unwrap_or_default());
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
        let now = start.elapsed();
        client.handle_timeout(now);
        if now >= deadline {
            client.close(now);
        }
    }
}
