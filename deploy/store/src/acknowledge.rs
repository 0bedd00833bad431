//! The store's word to gateways with `acknowledge = "store"`: how far everything is committed.
//!
//! The mark is computed in the database (`advance`), because with a shared subscription no instance sees all of an epoch.
//! Any instance may publish it. That a mark never goes back is held by a lock in the database, which is kept from reading
//! the mark until the broker has taken it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use sqlx::Row;
use sqlx::postgres::PgPool;
use tokio::sync::{Notify, mpsc};
use tracing::warn;

/// First half of the lock's key: ours among those of other programs.
const LOCK: i32 = 0x7472_6163;
/// How long the broker may take to acknowledge the mark.
const PATIENCE: Duration = Duration::from_secs(10);

/// Epochs whose mark is to be published.
#[derive(Debug, Default)]
pub struct Announcements {
    epochs: Mutex<BTreeSet<String>>,
    some: Notify,
}

impl Announcements {
    /// Something of these epochs was stored, or stored again.
    pub fn add(&self, epochs: BTreeSet<String>) {
        if !epochs.is_empty() {
            let mut waiting = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.extend(epochs);
            self.some.notify_one();
        }
    }

    async fn next(&self) -> String {
        loop {
            let next = {
                let mut waiting = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.pop_first()
            };
            match next {
                Some(epoch) => return epoch,
                None => self.some.notified().await,
            }
        }
    }
}

/// Publishes marks until the connection ends; `pubacks` tells that the broker took one.
pub async fn run(
    pool: &PgPool,
    root: &str,
    client: AsyncClient,
    mut pubacks: mpsc::Receiver<()>,
    announcements: std::sync::Arc<Announcements>,
) {
    loop {
        let epoch = announcements.next().await;
        if let Err(error) = announce(pool, root, &client, &mut pubacks, &epoch).await {
            warn!(epoch, error = %format_args!("{error:#}"), "The gateway does not hear what is committed; it will send again");
        }
    }
}

async fn announce(
    pool: &PgPool,
    root: &str,
    client: &AsyncClient,
    pubacks: &mut mpsc::Receiver<()>,
    epoch: &str,
) -> anyhow::Result<()> {
    let mut transaction = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1, hashtext($2))")
        .bind(LOCK)
        .bind(epoch)
        .execute(&mut *transaction)
        .await?;
    let row = sqlx::query("select site, mark from epochs where epoch = $1")
        .bind(epoch)
        .fetch_one(&mut *transaction)
        .await?;
    let (site, mark): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
    let word = serde_json::json!({ "epoch": epoch, "seq": mark }).to_string();
    // An acknowledgement that came after our patience is not this one's.
    while pubacks.try_recv().is_ok() {}
    client
        .publish(format!("{root}/{site}/ack"), QoS::AtLeastOnce, true, word)
        .await?;
    let taken = tokio::time::timeout(PATIENCE, pubacks.recv()).await;
    taken
        .context("the broker does not take the mark")?
        .context("the connection ended")?;
    transaction.commit().await?;
    Ok(())
}
