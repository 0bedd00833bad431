//! A short visit to the broker, for `tracegate doctor`: it subscribes as the gateway does, and publishes nothing.

use std::time::Duration;

use tokio::time::timeout;

use super::client::{Endpoint, Event, Filter, Link, Options};
use super::connect::{open, options};
use super::credentials::Credentials;
use super::mqtt::{SessionEnd, Settings};
use crate::health::{Code, Health};

/// For the answer to the subscriptions, and to leave.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far a client with the gateway's credentials gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Its files cannot be used.
    Unusable(String),
    /// There is no TLS or no MQTT.
    Speechless(String),
    /// The broker refuses it.
    Refused(String),
    /// It is let in; topics that it may not subscribe to, each with the reason.
    In(Vec<(String, String)>),
}

/// Connects under a client id of its own, so that a gateway is not thrown out, and leaves. Also returns what is to be said
/// about certificates and files.
pub async fn enter(settings: &Settings, endpoint: &Endpoint) -> (Entry, Vec<(Code, String)>) {
    let health = Health::new(&settings.site, "");
    let entry = match visit(settings, endpoint, &health).await {
        Ok(refused) => Entry::In(refused),
        Err(end) => {
            let why = crate::error_chain(&end);
            match end {
                SessionEnd::Password(..) | SessionEnd::Tls(_) => Entry::Unusable(why),
                SessionEnd::Refused { .. } => Entry::Refused(why),
                _ => Entry::Speechless(why),
            }
        }
    };
    let of_files = |code: &Code| {
        matches!(
            code,
            Code::SecretExposed | Code::CertificateInvalid | Code::CertificateExpires
        )
    };
    let shown = health.shown().into_iter().map(|it| (it.code, it.text));
    (entry, shown.filter(|(code, _)| of_files(code)).collect())
}

async fn visit(
    settings: &Settings,
    endpoint: &Endpoint,
    health: &Health,
) -> Result<Vec<(String, String)>, SessionEnd> {
    let ready = Credentials::new(settings, health).take()?;
    let options = Options {
        client_id: format!("{}-doctor", settings.client_id),
        // Nobody is to hear that a gateway is gone.
        last_will: None,
        ..options(settings, endpoint, health, &ready)
    };
    let (mut link, _) = open(settings, &options).await?;
    let downlink = &settings.downlink;
    let commands = downlink.commands.topics.iter().map(|(_, topic)| topic);
    let acknowledge = downlink.acknowledge.iter().map(|(topic, _)| topic);
    let topics: Vec<String> = acknowledge.chain(commands).cloned().collect();
    let refused = match topics.is_empty() {
        true => Vec::new(),
        false => subscribe(&mut link, topics).await,
    };
    if link.client.disconnect().is_ok() {
        let left = async {
            while !matches!(
                link.events.recv().await,
                Some(Ok(Event::Left) | Err(_)) | None
            ) {}
        };
        // The end of the connection does it too.
        let _ = timeout(PATIENCE, left).await;
    }
    Ok(refused)
}

async fn subscribe(link: &mut Link, topics: Vec<String>) -> Vec<(String, String)> {
    let filters: Vec<Filter> = topics.iter().map(|it| Filter::from(it.as_str())).collect();
    let answers = async {
        link.client.subscribe(filters).ok()?;
        loop {
            match link.events.recv().await {
                Some(Ok(Event::Subscribed(answers))) => return Some(answers),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    };
    let answers = timeout(PATIENCE, answers)
        .await
        .ok()
        .flatten()
        .unwrap_or_default();
    let missing = || Err("it does not answer, or hangs up".to_owned());
    let answers = answers.into_iter().chain(std::iter::repeat_with(missing));
    let refused = |(topic, answer): (String, Result<(), String>)| Some((topic, answer.err()?));
    topics
        .into_iter()
        .zip(answers)
        .filter_map(refused)
        .collect()
}
