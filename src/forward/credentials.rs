//! What a connection is secured with and is read from files: whom to trust, our certificate and key, the password.
//!
//! Read anew for every connection, and looked at while it lasts. What counts is the content, so that a file that is replaced,
//! a link that is turned and a file that is written in place are all seen. Renewed files are used only once two looks found
//! the same in them, and only if they can be used: until then what is there stays in use, and a condition says why.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::client::AbortOnDrop;
use super::mqtt::{SessionEnd, Settings};
use crate::config::Secret;
use crate::health::{Code, FileProblem, Health, Holder, Stage};
use crate::tls::{self, Files, day};

/// Where everything is read from.
#[derive(Debug)]
struct Sources {
    tls: Option<tls::Setup>,
    password: Option<PathBuf>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Material {
    files: Option<Files>,
    password: Option<Secret>,
}

/// For one connection.
#[derive(Debug)]
pub(super) struct Ready {
    /// TLS, if the broker is spoken to so.
    pub(super) tls: Option<tls::Client>,
    /// The password, if there is a file for it.
    pub(super) password: Option<Secret>,
}

/// Keeps an eye on the files for as long as the forwarder lives.
#[derive(Debug)]
pub(super) struct Credentials {
    sources: Arc<Sources>,
    health: Health,
    used: Used,
    renewed: watch::Receiver<()>,
    _watcher: AbortOnDrop,
}

/// What the last connection was made with.
#[derive(Debug, Clone, Default)]
struct Used(Arc<Mutex<Option<Material>>>);

impl Used {
    fn lock(&self) -> MutexGuard<'_, Option<Material>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Credentials {
    pub(super) fn new(settings: &Settings, health: &Health) -> Self {
        let password = settings.credentials.clone().and_then(|(_, file)| file);
        let sources = Arc::new(Sources {
            tls: settings.tls.clone(),
            password,
        });
        let (renewed_in, renewed) = watch::channel(());
        let used = Used::default();
        let watcher = Watcher {
            sources: sources.clone(),
            health: health.clone(),
            used: used.clone(),
            every: settings.timing.watch,
            renewed: renewed_in,
        };
        Self {
            sources,
            health: health.clone(),
            used,
            renewed,
            _watcher: AbortOnDrop(tokio::spawn(watcher.run())),
        }
    }

    /// For the next connection: what the files hold now; or, if that cannot be used, what the last one was made with.
    pub(super) fn take(&mut self) -> Result<Ready, SessionEnd> {
        self.renewed.mark_unchanged();
        let mut used = self.used.lock();
        let problem = self.sources.exposed();
        self.health.file_problem(FileProblem::Exposed, problem);
        let read = self.sources.read();
        let fault = match &read {
            Ok(new) => self.sources.fault(new),
            Err(error) => Some(crate::error_chain(error)),
        };
        let material = match (read, fault, used.take()) {
            (_, Some(fault), Some(old)) => {
                note(&self.health, Some(fault));
                old
            }
            // Without anything to fall back to, the broker may be the judge: our clock may be wrong.
            (read, _, _) => {
                note(&self.health, None);
                read?
            }
        };
        let tls = self.sources.client(&material)?;
        let own = tls.as_ref().and_then(|tls| tls.own);
        self.health.certificate(Holder::Gateway, own);
        let password = material.password.clone();
        *used = Some(material);
        Ok(Ready { tls, password })
    }

    /// Waits until the files hold something else that can be used.
    pub(super) async fn renewed(&mut self) {
        if self.renewed.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Sources {
    fn read(&self) -> Result<Material, SessionEnd> {
        let files = self.tls.as_ref().map(tls::Setup::read).transpose()?;
        let password = self.password.as_ref().map(|path| {
            Secret::read(path).map_err(|error| SessionEnd::Password(path.clone(), error))
        });
        Ok(Material {
            files,
            password: password.transpose()?,
        })
    }

    fn client(&self, material: &Material) -> Result<Option<tls::Client>, SessionEnd> {
        let client = |(setup, files): (&tls::Setup, &Files)| setup.client_with(files);
        let both = self.tls.as_ref().zip(material.files.as_ref());
        Ok(both.map(client).transpose()?)
    }

    /// Why this cannot be used.
    fn fault(&self, material: &Material) -> Option<String> {
        let client = match self.client(material) {
            Ok(client) => client?,
            Err(error) => return Some(crate::error_chain(&error)),
        };
        let (own, now) = (client.own?, Timestamp::now());
        if own.days_left(now) < 0 {
            let ended = day(own.not_after);
            return Some(format!("the new certificate has expired, on {ended}"));
        }
        let begins = day(own.not_before);
        (now < own.not_before).then(|| format!("the new certificate is valid only from {begins}"))
    }

    fn exposed(&self) -> Option<String> {
        let identity = self.tls.as_ref().and_then(|tls| tls.identity.as_ref());
        let secrets = identity.map(|identity| &identity.key).into_iter();
        let told: Vec<String> = secrets
            .chain(&self.password)
            .filter_map(|path| tls::exposure(path))
            .collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

/// Notes why changed files are not used; returns whether that is news.
fn note(health: &Health, fault: Option<String>) {
    let text = fault.map(|fault| {
        format!("the files of the broker's connection were changed and cannot be used, the old ones stay in use: {fault}")
    });
    if health.file_problem(FileProblem::Unusable, text.clone())
        && let Some(reason) = text
    {
        health.counters().renewals_failed.add(1);
        warn!(
            code = Code::CertificateUnusable.as_str(),
            reason, "Renewed files are not used"
        );
    }
}

struct Watcher {
    sources: Arc<Sources>,
    health: Health,
    used: Used,
    every: Duration,
    renewed: watch::Sender<()>,
}

impl Watcher {
    async fn run(self) {
        loop {
            sleep(self.every).await;
            if self.look().await {
                // The session takes the new files; until then there is nothing to say about them.
                self.renewed.send_replace(());
            }
            for (stage, text) in self.health.expiring() {
                match stage {
                    Stage::Month | Stage::Week => {
                        warn!(code = Code::CertificateExpires.as_str(), "{text}");
                    }
                    Stage::Day => error!(code = Code::CertificateExpires.as_str(), "{text}"),
                    Stage::Invalid => {
                        error!(code = Code::CertificateInvalid.as_str(), "{text}");
                    }
                }
            }
        }
    }

    /// Whether there is something new that can be used.
    async fn look(&self) -> bool {
        let Some(new) = self.changed().await else {
            return false;
        };
        sleep(self.every / 5).await;
        let again = self.changed().await;
        let fault = match (new, again) {
            (Ok(new), Some(Ok(again))) if new == again => match self.sources.fault(&new) {
                None => {
                    note(&self.health, None);
                    info!(
                        code = Code::CertificateUnusable.as_str(),
                        "Certificates or password of the broker's connection were renewed"
                    );
                    return true;
                }
                Some(fault) => fault,
            },
            (Err(_), Some(Err(error))) => crate::error_chain(&error),
            // Somebody is writing, or has put back what was there.
            _ => return false,
        };
        // Without a connection before there is nothing that stays in use, and the broker's condition says all.
        if self.used.lock().is_some() {
            note(&self.health, Some(fault));
        }
        false
    }

    /// What the files hold, if it is not what is used.
    async fn changed(&self) -> Option<Result<Material, SessionEnd>> {
        let sources = self.sources.clone();
        // Files may be on a disk that hangs.
        let looked = spawn_blocking(move || (sources.exposed(), sources.read())).await;
        let (exposed, read) = looked.ok()?;
        self.health.file_problem(FileProblem::Exposed, exposed);
        let used = self.used.lock();
        if read.as_ref().ok() == used.as_ref() {
            if used.is_some() {
                note(&self.health, None);
                return None;
            }
            // Never read yet, and not readable now.
            return Some(read);
        }
        Some(read)
    }
}
