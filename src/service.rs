//! The daemon's life: start order, readiness, watchdog, shutdown order.

use std::collections::BTreeMap;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::Input;
use tracegate_pipeline::input::DeviceIndex;
use tracing::{error, info, warn};

use crate::buffer::{BufferError, Limits, Opened, OutboxReader, Request, Store, Trouble, is_sound};
use crate::capture::tap::Tap;
use crate::capture::witness::{Asks, Witness};
use crate::clock::GatewayClock;
use crate::config::Config;
use crate::control::{self, server::Door};
use crate::core::{Core, DiskFailed, Wiring};
use crate::forward::{mqtt, site, sparkplug};
use crate::health::{Code, DeviceState, Health};
use crate::logs;
use crate::reference::Known;
use crate::source::Context;
use crate::status;
use crate::topology::{self, TopologyError};

/// Inputs that wait for the core at most; beyond, sources hold back.
const INPUT_QUEUE: usize = 256;
/// What the forwarder may ask of the core before it waits for an answer.
const REQUEST_QUEUE: usize = 4;
/// A device that does not let go in this time at stop is left alone.
const SOURCES_STOP: Duration = Duration::from_secs(8);
/// The status line is renewed this often, and when something changes, but not more often than the second figure.
const STATUS_EVERY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(200));

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

/// Runs until `stop`.
///
/// # Errors
/// The buffer cannot be opened, or a part of the daemon failed; devices and brokers that cannot be reached are no errors.
pub async fn run(config: &Config, stop: CancellationToken) -> Result<(), ServiceError> {
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

    let mut devices = topology::devices(config)?;
    topology::recall(&mut devices, &pipeline);
    let first = vec![
        Input::Configure(Box::new(topology::pipeline(config, &devices))),
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
    let (inputs_in, inputs) = mpsc::channel(INPUT_QUEUE);
    let (committed_in, committed) = watch::channel(store.last_seq());
    let (acknowledged_in, acknowledged) = watch::channel(store.last_acknowledged());
    let (requests_in, requests) = mpsc::channel(REQUEST_QUEUE);
    let (stop_sources, stop_forward, stop_core, stop_control) = (
        CancellationToken::new(),
        CancellationToken::new(),
        CancellationToken::new(),
        CancellationToken::new(),
    );

    let (directory, orders) = topology::downlink::targets(&devices);
    let mut sources = JoinSet::new();
    let lights = topology::light::start(
        config,
        &devices,
        &directory,
        &health,
        &stop_sources,
        &mut sources,
    );
    let reader = OutboxReader::open(store.path()).await;
    let reader = reader.map_err(ServiceError::at_start)?;
    let links = mqtt::Links {
        reader,
        committed,
        acknowledged: acknowledged_in,
        requests: requests_in.clone(),
        devices: directory,
        health: health.clone(),
        beat: health.beat("forwarder"),
        stop: stop_forward.clone(),
    };
    let mut forwarder = tokio::spawn(mqtt::run(topology::forwarder(config), links));

    let edge_node = topology::edge_node(config).map(|settings| {
        let (beat, stop) = (health.beat("sparkplug"), stop_forward.clone());
        tokio::spawn(sparkplug::run(settings, health.clone(), beat, stop))
    });

    for (name, kind) in topology::kinds(config) {
        health.know(&name, kind);
    }
    if let Some(max_age) = config.reference.max_age() {
        health.site_data_matters(max_age);
    }
    let site_data = topology::site_data(config).map(|settings| {
        let (beat, stop) = (health.beat("reference"), stop_sources.clone());
        tokio::spawn(site::run(settings, health.clone(), beat, stop))
    });

    let mut feedback = BTreeMap::new();
    let (mut doors, mut stored) = (topology::Doors::default(), BTreeMap::new());
    for (index, ((name, device), orders)) in devices.into_iter().zip(orders).enumerate() {
        let index =
            DeviceIndex::try_from(index).map_err(|_| TopologyError::TooManyDevices(index))?;
        health.device(&name, DeviceState::Starting);
        let context = Context {
            device: index,
            inputs: inputs_in.clone(),
            clock,
            health: health.clone(),
            orders,
            beat: health.beat(&name),
            stop: stop_sources.clone(),
            name,
        };
        if let Some(answers) =
            topology::start(device, context, &mut doors, &mut stored, &mut sources)
        {
            feedback.insert(index, answers);
        }
    }
    doors.open(&health, &stop_sources, &mut sources);
    drop(inputs_in);

    let directory = config.buffer.directory.path();
    let known = Known::open(directory, config.reference.max_records, health.clone()).await;
    let wiring = Wiring {
        known,
        inputs,
        feedback,
        lights,
        stored,
        committed: committed_in,
        acknowledged,
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
    let page = page(config, &asks, &health, &stop_control).await;
    let control = match Door::open(&socket).await {
        Ok(door) => {
            let beat = health.beat("control");
            Some(tokio::spawn(door.serve(
                asks,
                health.clone(),
                beat,
                stop_control.clone(),
            )))
        }
        Err(error) => {
            let error = crate::error_chain(&error);
            error!(
                code = logs::CONTROL_ABSENT,
                error, "No control socket: tracegate status, why, capture and survey do not work"
            );
            None
        }
    };
    notify(&[NotifyState::Ready]);
    let supervisor = tokio::spawn(supervise(health.clone()));
    let mut ended_core = None;
    let fault = tokio::select! {
        // In this order: without the core the others end too, and are not to blame.
        biased;
        () = stop.cancelled() => None,
        ended = &mut core => {
            ended_core = Some(ended);
            Some("core")
        }
        _ = &mut forwarder => Some("forwarder"),
        Some(ended) = sources.join_next() => Some(if ended.is_ok() { "core" } else { "device task" }),
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
    if timeout(SOURCES_STOP, async {
        while sources.join_next().await.is_some() {}
    })
    .await
    .is_err()
    {
        warn!(
            code = logs::STOP_HURRIED,
            "Some devices did not let go in time"
        );
        sources.shutdown().await;
    }
    stop_forward.cancel();
    if !forwarder.is_finished() && forwarder.await.is_err() {
        error!(
            code = logs::PART_FAILED,
            "The forwarder failed while stopping"
        );
    }
    stop_control.cancel();
    if let Some(control) = control {
        // It removes its socket; clients are cut off.
        let _ = control.await;
    }
    if let Some(page) = page {
        let _ = page.await;
    }
    if let Some(edge_node) = edge_node
        && edge_node.await.is_err()
    {
        error!(code = logs::PART_FAILED, "Sparkplug failed while stopping");
    }
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
) -> Option<JoinHandle<()>> {
    let settings = status::Settings::of(config)?;
    let address = settings.listen;
    match status::Server::open(settings).await {
        Ok(server) => {
            let address = server.address().unwrap_or(address);
            info!(%address, "Status page");
            let beat = health.beat("status page");
            let served = server.serve(asks.clone(), health.clone(), beat, stop.clone());
            Some(tokio::spawn(served))
        }
        Err(error) => {
            warn!(code = logs::PAGE_ABSENT, %address, %error, "No status page and no metrics: the port cannot be opened; choose another [status] listen");
            None
        }
    }
}

/// Feeds systemd's watchdog for as long as every task shows signs of life, and tells systemd how things are.
async fn supervise(health: Health) {
    let watchdog = sd_notify::watchdog_enabled();
    let every = watchdog.map_or(STATUS_EVERY.0, |limit| (limit / 3).min(STATUS_EVERY.0));
    let mut changes = health.subscribe();
    let mut told = logs::Told::default();
    loop {
        match health.stuck() {
            None if watchdog.is_some() => notify(&[NotifyState::Watchdog]),
            None => {}
            Some(task) => error!(
                code = Code::TaskStuck.as_str(),
                task, "A task shows no sign of life; the watchdog is not fed"
            ),
        }
        let next = health.settle();
        let conditions = health.shown();
        told.look(&conditions);
        let waiting = health.counters().waiting.get();
        let text = match conditions.as_slice() {
            [] => format!("Everything is being delivered; {waiting} waiting"),
            [only] => format!("{only}; {waiting} waiting"),
            [first, more @ ..] => {
                format!("{first} (and {} more); {waiting} waiting", more.len())
            }
        };
        notify(&[NotifyState::Status(&text)]);
        sleep(STATUS_EVERY.1.min(every)).await;
        // Nobody should read "not connected" where it says "connected" a moment later; `health` keeps the sender alive.
        let wait = next.map_or(every, |next| next.min(every));
        let _ = timeout(wait, changes.changed()).await;
    }
}

/// Without systemd there is nobody to tell.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(code = logs::SYSTEMD_NOT_TOLD, %error, "systemd cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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
        let loaded = config::from_bytes(
            Path::new("gateway.toml"),
            text.as_bytes(),
            std::iter::empty(),
        )
        .unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human)));
        for _ in 0..2 {
            let stop = CancellationToken::new();
            let gateway = tokio::spawn({
                let (config, stop) = (loaded.config.clone(), stop.clone());
                async move { run(&config, stop).await }
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
