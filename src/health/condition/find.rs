//! What is wrong at this moment: from what devices, broker and buffer have told.

use jiff::Timestamp;

use super::{Code, Found, Subject};
use crate::health::certificates::Stage;
use crate::health::device::Device;
use crate::health::{
    BrokerState, DeviceKind, DeviceState, FileProblem, Inner, Links, Notice, Problem,
};

/// Words of a device's reason that tell what it is; the first that fits counts, and a test looks for them in the sources.
pub(super) const REASONS: &[(&str, Code)] = &[
    ("another client holds the reader", Code::ReaderBusy),
    ("reader refused", Code::ReaderRefused),
    ("certificate", Code::DeviceUntrusted),
    ("TLS", Code::DeviceUntrusted),
    ("may not be", Code::DeviceDenied),
    ("is taken by another program", Code::PortTaken),
    ("cannot listen on", Code::PortTaken),
    ("is no address of this machine", Code::PortTaken),
    ("waits for the", Code::DeviceAwaited),
    ("is not there", Code::DeviceGone),
];

/// Everything that is wrong. `counts` leaves out problems of devices; `stuck` is a task that shows no sign of life.
pub(in crate::health) fn found(
    inner: &Inner,
    links: &Links,
    stuck: Option<String>,
    counts: impl Fn(&str, Problem) -> bool,
) -> Vec<Found> {
    let mut all = Vec::new();
    let mut add = |code, subject, text: String| {
        all.push(Found {
            code,
            subject,
            text,
        });
    };
    if let Some(problem) = &links.storing {
        let code = of_storing(problem);
        let text = format!("nothing can be stored: {problem}");
        add(code, Subject::Buffer, text);
    }
    if let Some(what) = &links.lost {
        add(Code::BufferDamaged, Subject::Buffer, what.clone());
    }
    if let Some(problem) = &links.reference {
        add(Code::ReferenceFailed, Subject::Gateway, problem.clone());
    }
    if let Some(text) = links.site.condition(Timestamp::now()) {
        add(Code::LotsStale, Subject::Lots, text);
    }
    match &links.broker {
        BrokerState::Up => {}
        BrokerState::Refuses(why) => {
            let text = format!("it does not take events: {why}");
            add(Code::BrokerRefuses, Subject::Broker, text);
        }
        BrokerState::Denied(why) => add(Code::BrokerDenied, Subject::Broker, why.clone()),
        BrokerState::Down(why) => add(Code::BrokerDown, Subject::Broker, why.clone()),
    }
    if let Some(text) = links.brokers.condition() {
        add(Code::BrokerStalled, Subject::Broker, text);
    }
    for (notice, text) in &links.notices {
        let (code, subject) = of_notice(*notice);
        add(code, subject, text.clone());
    }
    for (problem, text) in links.certificates.file_problems() {
        let code = match problem {
            FileProblem::Unusable => Code::CertificateUnusable,
            FileProblem::Exposed => Code::SecretExposed,
        };
        add(code, Subject::Certificate, text.to_owned());
    }
    for (stage, text) in links.certificates.ending(Timestamp::now()) {
        let code = match stage {
            Stage::Invalid => Code::CertificateInvalid,
            Stage::Month | Stage::Week | Stage::Day => Code::CertificateExpires,
        };
        add(code, Subject::Certificate, text);
    }
    for (name, device) in &links.devices {
        of_device(name, device, &counts, &mut add);
    }
    if let Some(task) = stuck {
        let text = format!("the task {task} shows no sign of life");
        add(Code::TaskStuck, Subject::Gateway, text);
    }
    if let Some((code, text)) = links.buffer_trend.conditions(&links.buffer) {
        add(code, Subject::Buffer, text);
    }
    for (code, subject, text) in links.disks.conditions() {
        add(code, subject, text);
    }
    let aside = inner.counters.dead_letters.get();
    if aside > 0 {
        let text = format!("{aside} events are set aside, because they cannot be sent");
        add(Code::EventsSetAside, Subject::Buffer, text);
    }
    if let Some((at_start, text)) = links.config.condition() {
        let code = match at_start {
            true => Code::ConfigLastGood,
            false => Code::ConfigRejected,
        };
        add(code, Subject::Gateway, text);
    }
    if let Some(text) = links.config.waiting() {
        add(Code::ConfigWaits, Subject::Gateway, text);
    }
    if links.clock_unsynced {
        let text = "this gateway's clock is not synchronised: events are marked until it is";
        add(Code::ClockUnsynced, Subject::Gateway, text.to_owned());
    }
    all
}

const fn of_notice(notice: Notice) -> (Code, Subject) {
    match notice {
        Notice::StoreRefused => (Code::StoreRefused, Subject::Store),
        Notice::StoreSilent => (Code::StoreSilent, Subject::Store),
        Notice::StoreSubscription => (Code::StoreSubscription, Subject::Store),
        Notice::SiteData => (Code::LotsNotHeard, Subject::Lots),
        Notice::Snapshot => (Code::LotsIncomplete, Subject::Lots),
        Notice::SiteMessage => (Code::LotsMessageRefused, Subject::Lots),
        Notice::CommandSubscription(_) => (Code::CommandsNotHeard, Subject::Commands),
    }
}

fn of_device(
    name: &str,
    device: &Device,
    counts: &impl Fn(&str, Problem) -> bool,
    add: &mut impl FnMut(Code, Subject, String),
) {
    if let DeviceState::Down { reason } = &device.state {
        // What is wrong with a reader that cannot be heard is old news.
        let subject = Subject::Device(name.to_owned());
        add(of_reason(reason, device.kind), subject, reason.clone());
        return;
    }
    for (problem, text) in device.problems() {
        if counts(name, problem) {
            let (code, port) = of_problem(problem);
            let name = name.to_owned();
            let subject = match port {
                Some(port) => Subject::Port(name, port),
                None => Subject::Device(name),
            };
            add(code, subject, text.to_owned());
        }
    }
}

pub(in crate::health) fn of_reason(reason: &str, kind: Option<DeviceKind>) -> Code {
    let known = REASONS.iter().find(|(words, _)| reason.contains(words));
    match (known, kind) {
        (Some((_, code)), _) => *code,
        (None, Some(DeviceKind::Reader)) => Code::ReaderUnreachable,
        (None, _) => Code::DeviceUnreachable,
    }
}

pub(super) fn of_storing(problem: &str) -> Code {
    match problem.contains("is full") {
        true => Code::BufferFull,
        false => Code::StorageFailed,
    }
}

pub(super) const fn of_problem(problem: Problem) -> (Code, Option<u16>) {
    match problem {
        Problem::Antenna(id) => (Code::AntennaDown, Some(id)),
        Problem::Weak(id) => (Code::AntennaWeak, Some(id)),
        Problem::NoReads => (Code::ReaderSilent, None),
        Problem::Output(port) => (Code::OutputFailed, Some(port)),
        Problem::Input(port) => (Code::EyeIgnored, Some(port)),
        Problem::Clock | Problem::ClockOff => (Code::ReaderClock, None),
        Problem::Buffer => (Code::ReaderOverflow, None),
        Problem::Exception => (Code::ReaderFault, None),
        Problem::Reboot => (Code::ReaderRebooted, None),
        Problem::Silent => (Code::DeviceSilent, None),
        Problem::UnknownFrame => (Code::FramesUnknown, None),
        Problem::Log => (Code::LogTrouble, None),
    }
}
