//! Collects the parts.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;
use tracegate_pipeline::Time;

use super::{Bundle, Content, Part, Secrets, machine};
use crate::buffer::{BufferError, Inspector, Record};
use crate::config::{self, Format};
use crate::health::Health;
use crate::logs;
use crate::status::metrics;
use crate::story::Recent;

/// Dead letters that are listed.
const LETTERS: u32 = 50;
/// A record that takes longer to prove is left out.
const PROOF: Duration = Duration::from_secs(20);

/// What only the running gateway knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    /// The status message.
    pub status: Value,
    /// The metrics.
    pub metrics: String,
    /// What happened last.
    pub recent: Recent,
    /// Its last warnings and errors, a line each.
    #[serde(default)]
    pub log: String,
}

impl Running {
    /// At this moment.
    #[must_use]
    pub fn of(health: &Health, recent: Recent) -> Self {
        Self {
            // Texts and numbers only: nothing that JSON cannot say.
            status: serde_json::to_value(health.status()).unwrap_or_default(),
            metrics: metrics::text(health),
            recent,
            log: logs::recent()
                .iter()
                .map(|it| format!("{} {} {}\n", it.at, it.level, it.text))
                .collect(),
        }
    }
}

/// Collects what is known of the gateway with this configuration file: with what it says itself, or why it says nothing.
/// Takes some seconds, and holds nobody up.
pub async fn gather(file: &Path, running: Result<Running, String>) -> Bundle {
    let read = std::fs::read_to_string(file);
    let loaded = config::load(file, crate::cli::environment());
    let guessed = config::guess(file, crate::cli::environment());
    let buffer = read.is_ok().then(|| guessed.buffer.directory.path());
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    let mut folders = vec![file.parent().unwrap_or(Path::new(""))];
    folders.extend(credentials.as_deref().map(Path::new));
    let text = read.as_deref().unwrap_or_default();
    let secrets = Secrets::named_in(text, &folders);

    let check = match &loaded {
        Ok(loaded) => match loaded.report().render(Format::Human) {
            text if text.is_empty() => "no problems\n".to_owned(),
            text => text,
        },
        Err(report) => report.render(Format::Human),
    };
    let configuration = match &read {
        Ok(text) => Content::Text(text.clone()),
        Err(error) => Content::Missing(format!("{} cannot be read: {error}", file.display())),
    };
    let devices = crate::discover::Found::local(Path::new("/sys"), Path::new("/dev"));
    let part = |name, tells, content| Part {
        name,
        tells,
        content,
    };
    let mut parts = vec![
        part(
            "versions.txt",
            "program, system, machine",
            machine::versions(buffer),
        ),
        part(
            "configuration.toml",
            "the configuration file, secrets masked",
            configuration,
        ),
        part(
            "check.txt",
            "what `tracegate check` finds in it",
            Content::Text(check),
        ),
    ];
    parts.extend(told(running));
    parts.extend([
        part(
            "devices.txt",
            "scanners and ports of this machine",
            Content::Text(devices.to_string()),
        ),
        part(
            "log.txt",
            "last warnings and errors of the journal",
            machine::log().await,
        ),
        part(
            "kernel.txt",
            "what the kernel says of USB and serial ports",
            machine::kernel().await,
        ),
        part(
            "buffer.json",
            "the buffer in figures, and what was set aside",
            stored(buffer).await,
        ),
        part(
            "audit.txt",
            "whether the record of verdicts is whole",
            proof(buffer).await,
        ),
    ]);
    Bundle::new(parts, &secrets)
}

/// A status message as it may leave the site: who was at work is nobody's business elsewhere.
fn without_badges(mut status: Value) -> Value {
    let stations = status.get_mut("stations").and_then(Value::as_object_mut);
    for station in stations.into_iter().flat_map(|all| all.values_mut()) {
        if let Some(station) = station.as_object_mut() {
            station.remove("operator");
        }
    }
    status
}

/// What the gateway says itself.
fn told(running: Result<Running, String>) -> [Part; 5] {
    let [status, conditions, recent, log, figures] = match running {
        Ok(it) => [
            Content::Json(without_badges(it.status.clone())),
            Content::Text(conditions(&it.status)),
            Content::Json(json!(it.recent)),
            Content::Text(it.log),
            Content::Text(it.metrics),
        ],
        Err(why) => std::array::from_fn(|_| Content::Missing(why.clone())),
    };
    [
        ("status.json", "the status message", status),
        (
            "conditions.txt",
            "what is wrong, and what to do",
            conditions,
        ),
        (
            "events.json",
            "last movements, and loads not booked with the reason",
            recent,
        ),
        (
            "warnings.txt",
            "the gateway's last warnings and errors",
            log,
        ),
        ("metrics.txt", "the metrics", figures),
    ]
    .map(|(name, tells, content)| Part {
        name,
        tells,
        content,
    })
}

fn conditions(status: &Value) -> String {
    let text = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or("?")
            .to_owned()
    };
    let mut out = text(status, "summary") + "\n";
    let all = status.get("conditions").and_then(Value::as_array);
    for it in all.into_iter().flatten() {
        out += &format!(
            "{} {}, since {}: {}\n  -> {}\n",
            text(it, "severity"),
            text(it, "code"),
            text(it, "since"),
            text(it, "text"),
            text(it, "what_to_do")
        );
    }
    out
}

fn nowhere() -> Content {
    Content::Missing("the configuration does not tell where the buffer is".to_owned())
}

async fn stored(buffer: Option<&Path>) -> Content {
    let Some(directory) = buffer else {
        return nowhere();
    };
    let look = async {
        let mut look = Inspector::look(directory).await?;
        let (stats, letters) = (look.stats().await?, look.letters(LETTERS).await?);
        let letters = letters.into_iter().map(|mut letter| {
            // What it says is the site's business; why it was set aside is ours.
            letter.payload.clear();
            letter
        });
        let letters: Vec<_> = letters.collect();
        Ok::<_, BufferError>(json!({ "stats": stats, "dead_letters": letters }))
    };
    match look.await {
        Ok(found) => Content::Json(found),
        Err(error) => Content::Missing(crate::error_chain(&error)),
    }
}

async fn proof(buffer: Option<&Path>) -> Content {
    let Some(directory) = buffer else {
        return nowhere();
    };
    match timeout(PROOF, prove(directory)).await {
        Ok(Ok(text)) => Content::Text(text),
        Ok(Err(error)) => Content::Missing(crate::error_chain(&error)),
        Err(_) => Content::Missing(
            "it is too long to be proven in 20 s; see `tracegate audit`".to_owned(),
        ),
    }
}

async fn prove(directory: &Path) -> Result<String, BufferError> {
    let record = Record::open(directory, (Time(i64::MIN), Time(i64::MAX))).await?;
    Ok(match record.verify().await? {
        Ok(whole) => format!(
            "{} rows are as they were written; the last is row {}, hash {}\n",
            whole.rows, whole.last.n, whole.last.hash
        ),
        Err(broken) => format!("the record was changed: {broken}\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn badges_stay_on_the_site() {
        let status = json!({ "stations": { "line_2": { "operator": "0042", "task": "issue" } }, "site": "x" });
        let left = without_badges(status);
        assert_eq!(
            left,
            json!({ "stations": { "line_2": { "task": "issue" } }, "site": "x" })
        );
        assert_eq!(without_badges(json!({})), json!({}));
    }
}
