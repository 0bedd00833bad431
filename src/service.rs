//! The daemon's life: start order, readiness, watchdog, reload, shutdown order.

mod reloading;
mod supervise;

use sd_notify::NotifyState;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::Input;
use tracing::{error, info, warn};

use crate::buffer::{BufferError, Limits, Opened, OutboxReader, Request, Store, Trouble, is_sound};
use crate::capture::tap::Tap;
use crate::capture::witness::{Asks, Witness};
use crate::clock::GatewayClock;
use crate::config::Config;
use crate::control::{self, server::Door, signpost::Signposts};
use crate::core::{Core, DiskFailed, Wiring};
use crate::forward::{mqtt, site};
use crate::health::{Code, Health};
use crate::logs;
use crate::reference::{self, Known};
use crate::reload::{Outcome, Start};
use crate::source::marker;
use crate::status;
use crate::topology::running::{Common, Running};
use crate::topology::{self, TopologyError};
use reloading::{Reloading, part};
use supervise::{notify, supervise};

/// Inputs that wait for the core at most; beyond, sources hold back.
const INPUT_QUEUE: usize = 256;
/// What the forwarder may ask of the core before it waits for an answer.
const REQUEST_QUEUE: usize = 4;
/// Reloads that wait at most; whoever asks for another waits at its socket.
const RELOAD_QUEUE: usize = 4;

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The buffer cannot be opened.
    #[error(transparent)]
    Buffer(#[from] BufferError),
    /// Its disk does not let it.
    #[error(
        "the buffer's disk fails, is full or is read-only; the kernel's log, dmesg, and df tell more; what is stored is kept, and the gateway starts once the disk is well"
    )]
    DiskAtStart(#[source] BufferError),
    /// The configuration cannot be carried out.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The disk has failed for `[buffer] give_up_after`.
    #[error(transparent)]
    DiskFailed(#[from] DiskFailed),
    /// A part of the daemon ended by a fault of its own.
    #[error("the {0} stopped unexpectedly; this is a fault of the program, please report it")]
    Fault(&'static str),
}

impl ServiceError {
    /// Before anything is taken in nothing is gained by holding out: whoever starts the gateway again looks anew.
    fn at_start(error: BufferError) -> Self {
        use std::io::ErrorKind::{NotADirectory, PermissionDenied};
        let is_for_people = matches!(
            &error,
            BufferError::Directory { source, .. }
                if matches!(source.kind(), PermissionDenied | NotADirectory)
        );
        match error.trouble() {
            Trouble::Disk | Trouble::Full if !is_for_people => Self::DiskAtStart(error),
            _ => Self::Buffer(error),
        }
    }

    /// Whether the disk is to blame: it may come back without anybody changing anything here.
    #[must_use]
    pub const fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::DiskAtStart(_) | Self::DiskFailed(_))
    }
}

/// Runs until `stop`; each of `hangups` is a reload.
///
/// # Errors
/// The buffer cannot be opened, or a part of the daemon failed; devices and brokers that cannot be reached are no errors.
pub async fn run(
    start: Start,
    mut hangups: Option<Signal>,
    stop: CancellationToken,
) -> Result<(), ServiceError> {
    let config = &start.accepted.loaded.config;
    let clock = GatewayClock::start();
    let Opened {
        mut store,
        pipeline,
        replayed,
        unreadable,
        damage,
    } = Store::open(
        config.buffer.directory.path(),
        Limits {
            max_bytes: config.buffer.max_size.bytes(),
            keep_free: config.buffer.keep_free.bytes(),
        },
    )
    .await
    .map_err(ServiceError::at_start)?;
    if unreadable > 0 {
        error!(
            code = logs::JOURNAL_UNREADABLE,
            count = unreadable,
            "Parts of the journal cannot be read; loads that were passing a gate at the last stop may be missing"
        );
    }
    store.keep_sent(topology::keep_sent(config));
    store.share_telemetry(topology::telemetry_bytes(config));
    let health = Health::new(config.gateway.site.as_str(), store.epoch());
    if let Some(damage) = damage {
        error!(code = Code::BufferDamaged.as_str(), "{damage}");
        health.buffer_replaced(store.epoch(), damage.to_string());
    }
    info!(
        version = env!("CARGO_PKG_VERSION"),
        replayed,
        waiting = store.waiting(),
        epoch = store.epoch(),
        "Starting"
    );

    health.config_loaded(start.state());
    let (inputs_in, inputs) = mpsc::channel(INPUT_QUEUE);
    let stop_sources = CancellationToken::new();
    let mut running = Running::new(Common {
        clock,
        health: health.clone(),
        inputs: inputs_in,
        stop: stop_sources.clone(),
    });
    let plan = running.plan(config)?;
    let first = vec![
        Input::Configure(Box::new(plan.pipeline.clone())),
        Input::Start { at: clock.now() },
    ];
    let (tap, outlet) = Tap::new(health.clone());
    let (site, known) = (
        config.gateway.site.as_str().to_owned(),
        pipeline.config().clone(),
    );
    let (witness, asks) = Witness::new(outlet, known, site, health.clone());
    let antennas = config.buffer.directory.path().join("antennas.json");
    let witness = tokio::spawn(witness.judging(antennas).run());
    let (committed_in, committed) = watch::channel(store.last_seq());
    let (acknowledged_in, acknowledged) = watch::channel(store.last_acknowledged());
    let (requests_in, requests) = mpsc::channel(REQUEST_QUEUE);
    let (changes_in, changes) = mpsc::channel(1);
    let (reloads_in, mut reloads) = mpsc::channel::<oneshot::Sender<Outcome>>(RELOAD_QUEUE);
    let (stop_forward, stop_core, stop_control) = (
        CancellationToken::new(),
        CancellationToken::new(),
        CancellationToken::new(),
    );

    let (fleet_in, fleet) = watch::channel(plan.fleet.clone());
    let reader = OutboxReader::open(store.path()).await;
    let reader = reader.map_err(ServiceError::at_start)?;
    let links = mqtt::Links {
        reader,
        committed,
        acknowledged: acknowledged_in,
        requests: requests_in.clone(),
        fleet,
        health: health.clone(),
        beat: health.beat("forwarder"),
        stop: stop_forward.clone(),
    };
    let mut forwarder = tokio::spawn(mqtt::run(topology::forwarder(config), links));

    if let Some(max_age) = config.reference.max_age() {
        health.site_data_matters(max_age);
    }
    let site_data = topology::site_data(config).map(|settings| {
        let (beat, stop) = (health.beat("reference"), stop_sources.clone());
        tokio::spawn(site::run(settings, health.clone(), beat, stop))
    });

    let (feedback, lights, stored) = (
        plan.feedback.clone(),
        plan.lights.clone(),
        plan.stored.clone(),
    );
    running.start(plan, |name| marker::Known::of(pipeline.mark_feed(name)));

    let directory = config.buffer.directory.path();
    let known = Known::open(directory, config.reference.max_records, health.clone()).await;
    let ages = tokio::spawn(reference::watch(directory.to_owned(), health.clone()));
    let wiring = Wiring {
        known,
        inputs,
        feedback,
        lights,
        stored,
        committed: committed_in,
        acknowledged,
        changes,
        requests,
        tap,
        clock,
        health: health.clone(),
        beat: health.beat("core"),
        stop: stop_core.clone(),
        give_up_after: config.buffer.give_up_after,
        non_events: config.mqtt.non_events,
        keep_verdicts: config.audit.keep(),
    };
    let (path, epoch) = (store.path().to_owned(), store.epoch().to_owned());
    let check = tokio::spawn(async move {
        if !is_sound(&path).await {
            let _ = requests_in.send(Request::Damaged { epoch }).await;
        }
    });
    let mut core = tokio::spawn(Core::new(store, pipeline, wiring).run(first));

    let socket = control::server_path(config, std::env::var_os("RUNTIME_DIRECTORY").as_deref());
    let (page, facts) = page(config, &asks, &health, &stop_control).await;
    let control = match Door::open(&socket).await {
        Ok(door) => {
            let variable = |name: &str| std::env::var(name).ok();
            let folders = control::signpost_folders(config, variable);
            let signposts = Signposts::put_up(&folders, start.origin.file(), &socket);
            let beat = health.beat("control");
            let served = tokio::spawn(door.reloading(reloads_in).serve(
                asks,
                health.clone(),
                beat,
                stop_control.clone(),
            ));
            Some((served, signposts))
        }
        Err(error) => {
            let error = crate::error_chain(&error);
            error!(
                code = logs::CONTROL_ABSENT,
                error,
                "No control socket: tracegate status, why, reload, tail, capture and survey do not work"
            );
            None
        }
    };
    let mut reloading = Reloading::new(
        &start,
        changes_in,
        fleet_in,
        facts,
        (&health, &stop_forward),
    );
    if start.rejected.is_none() {
        start.origin.keep(&start.accepted, config);
    }
    notify(&[NotifyState::Ready]);
    let supervisor = tokio::spawn(supervise(health.clone()));
    let mut ended_core = None;
    let fault = loop {
        let answer = tokio::select! {
            // In this order: without the core the others end too, and are not to blame.
            biased;
            () = stop.cancelled() => break None,
            ended = &mut core => {
                ended_core = Some(ended);
                break Some("core");
            }
            _ = &mut forwarder => break Some("forwarder"),
            unexpected = running.failed() => break Some(part(unexpected)),
            Some(answer) = reloads.recv() => Some(answer),
            () = hangup(&mut hangups) => None,
        };
        match reloading.reload(&mut running, &stop).await {
            Ok(outcome) => {
                if let Some(answer) = answer {
                    // Whoever asked may be gone.
                    let _ = answer.send(outcome);
                }
            }
            Err(part) => break Some(part),
        }
    };
    notify(&[NotifyState::Stopping]);
    match fault {
        None => info!("Stopping"),
        Some(part) => error!(
            code = logs::PART_FAILED,
            part, "A part of the gateway failed; stopping"
        ),
    }
    stop_sources.cancel();
    running.stop().await;
    stop_forward.cancel();
    if !forwarder.is_finished() && forwarder.await.is_err() {
        error!(
            code = logs::PART_FAILED,
            "The forwarder failed while stopping"
        );
    }
    stop_control.cancel();
    if let Some((control, signposts)) = control {
        drop(signposts);
        // It removes its socket; clients are cut off.
        let _ = control.await;
    }
    if let Some(page) = page {
        let _ = page.await;
    }
    reloading.edge_node.stop().await;
    if let Some(site_data) = site_data
        && site_data.await.is_err()
    {
        error!(
            code = logs::PART_FAILED,
            "The site's data failed while stopping"
        );
    }
    stop_core.cancel();
    let core = match ended_core {
        Some(ended) => ended,
        None => core.await,
    };
    supervisor.abort();
    witness.abort();
    ages.abort();
    check.abort();
    // Also after a fault elsewhere the buffer is closed in good order.
    let store = core.map_err(|_| ServiceError::Fault("core"))??;
    let waiting = store.waiting();
    store.close().await?;
    info!(waiting, "Stopped; what waits is kept");
    fault.map_or(Ok(()), |part| Err(ServiceError::Fault(part)))
}

/// Serves the status page, if there is to be one; without it everything else works.
async fn page(
    config: &Config,
    asks: &Asks,
    health: &Health,
    stop: &CancellationToken,
) -> (Option<JoinHandle<()>>, Option<watch::Sender<status::Facts>>) {
    let Some(settings) = status::Settings::of(config) else {
        return (None, None);
    };
    let address = settings.listen;
    match status::Server::open(settings).await {
        Ok(server) => {
            let address = server.address().unwrap_or(address);
            info!(%address, "Status page");
            let (beat, facts) = (health.beat("status page"), server.facts());
            let served = server.serve(asks.clone(), health.clone(), beat, stop.clone());
            (Some(tokio::spawn(served)), Some(facts))
        }
        Err(error) => {
            warn!(code = logs::PAGE_ABSENT, %address, %error, "No status page and no metrics: the port cannot be opened; choose another [status] listen");
            (None, None)
        }
    }
}

/// The next SIGHUP; for ever where it means nothing.
async fn hangup(hangups: &mut Option<Signal>) {
    let came = match hangups {
        Some(hangups) => hangups.recv().await,
        None => None,
    };
    if came.is_none() {
        std::future::pending::<()>().await;
    }
    info!("SIGHUP");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::config;

    /// Nothing that the configuration names is there: that is no error, and a stop does not wait for it.
    #[tokio::test]
    async fn it_runs_and_stops_without_devices_and_broker() {
        let folder = tempfile::tempdir().unwrap();
        let buffer = folder.path().join("buffer");
        let text = format!(
            r#"[gateway]
site = "plant-3"
[llrp.dock_1]
host = "127.0.0.1"
port = 1
[scanner.pack_1]
serial = "/dev/no-such-scanner"
[read_point.dock_1]
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
mode = "dock"
inside = ["dock_1/1"]
outside = ["dock_1/2"]
in = {{ biz_step = "receiving" }}
[read_point.pack_1]
sgln = "urn:epc:id:sgln:4012345.00001.pack1"
mode = "station"
scanners = ["pack_1"]
scan = {{ biz_step = "packing" }}
[buffer]
directory = {buffer:?}
[mqtt]
url = "mqtt://127.0.0.1:1"
"#,
            buffer = buffer.display().to_string()
        );
        let start = Start::of_text("gateway.toml", &text)
            .unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human)));
        for _ in 0..2 {
            let stop = CancellationToken::new();
            let gateway = tokio::spawn({
                let (start, stop) = (start.clone(), stop.clone());
                async move { run(start, None, stop).await }
            });
            let file = buffer.join(crate::buffer::FILE_NAME);
            tracegate_sim::wait_until("the buffer", Duration::from_secs(20), || file.exists())
                .await
                .unwrap();
            stop.cancel();
            timeout(Duration::from_secs(20), gateway)
                .await
                .expect("it stops")
                .expect("it does not panic")
                .expect("it ends well");
        }
    }
}
