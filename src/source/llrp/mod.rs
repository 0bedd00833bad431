//! LLRP readers: the Tokio shell around the sans-IO client. One connection at a time, a new client for each.
//!
//! [`link`] makes connections (or takes those that a reader makes, through [`listen`]), `session` is the traffic of one.
//! Reading the socket and answering keepalives never wait for the core: reads go through a
//! [`ReadQueue`](super::queue::ReadQueue).

mod commanded;
pub mod link;
pub mod listen;
mod outputs;
pub mod probe;
mod read;
mod remarks;
mod session;

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tracegate_llrp::backoff::Backoff;
use tracegate_llrp::client::{ClientConfig, Memory};

use super::Context;
use crate::config::OutputUse;
use crate::core::Feedback;
use commanded::Commanded;
use link::{Line, Link};
use remarks::Remarks;
use session::Session;

/// One reader.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How the connection comes about.
    pub link: Link,
    /// How to work with it.
    pub client: ClientConfig,
    /// What its outputs show.
    pub outputs: BTreeMap<u16, OutputUse>,
    /// The tag sensor that each memory read of `client` is for, by its number minus 1.
    pub sensors: Vec<u16>,
}

/// Runs until stopped. `seat` is where a reader that dials in is found; `movements` tells of movements to show.
pub async fn run(
    settings: Settings,
    context: Context,
    seat: Option<listen::Seat>,
    mut movements: mpsc::Receiver<Feedback>,
) {
    let mut backoff = Backoff::default();
    let mut memory = Memory::default();
    let mut remarks = Remarks::default();
    let mut commanded = Commanded::default();
    let mut line = Line::new(settings.link.clone(), seat);
    loop {
        context.beat.touch();
        let mut session = Session::new(&settings, &context, memory, (remarks, commanded));
        let end = match line.connect(&context).await {
            Some(Ok((stream, peer))) => session.run(stream, peer, &mut line, &mut movements).await,
            Some(Err(reason)) => Some(reason),
            None => None,
        };
        if session.was_ready {
            backoff.reset();
        }
        // Before the rest is handed over: the core may take its time, and the reader is away meanwhile.
        if let Some(reason) = &end {
            context.down(reason);
        }
        session.finish().await;
        memory = session.memory();
        (remarks, commanded) = session.into_parts();
        if end.is_none() {
            break;
        }
        // A reader that has dialled in already is not kept waiting.
        if !line.has_newcomer() && !context.pause(backoff.next_delay(fastrand::f64())).await {
            break;
        }
    }
    context.beat.finish();
}
