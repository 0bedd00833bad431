//! The connection to PostgreSQL, and its schema.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, SqlSafeStr};

/// The schema's versions, in their order.
const MIGRATIONS: [(&str, &str); 3] = [
    ("tables", include_str!("../migrations/0001_tables.sql")),
    ("keeping", include_str!("../migrations/0002_keeping.sql")),
    ("recall", include_str!("../migrations/0003_recall.sql")),
];
/// Connections: one that writes, one that says how far it got; for an answer one for each of its lists.
const CONNECTIONS: u32 = 5;

/// A pool of connections; none is made yet.
///
/// # Errors
/// The address is no `postgres://…`.
pub fn pool(url: &str) -> anyhow::Result<PgPool> {
    let options = PgConnectOptions::from_str(url)
        .context("the database's address is not like postgres://user:password@host/database")?
        .application_name("tracegate-store")
        // Compiling a query takes longer than any of ours.
        .options([("jit", "off")]);
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(10))
        .after_connect(|connection, _| {
            Box::pin(async move {
                // What is acknowledged must be on disk. A site that wants more, such as a replica's word, keeps that.
                let set = "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";
                sqlx::query(set).execute(connection).await.map(|_| ())
            })
        })
        .connect_lazy_with(options);
    Ok(pool)
}

/// Brings the schema up to date; of several at a time one does it.
///
/// # Errors
/// The database is not there, or belongs to a newer version of this program.
pub async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    let migrations = (1_i64..).zip(MIGRATIONS).map(|(version, (name, text))| {
        let sql = AssertSqlSafe(text).into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
        .run(pool)
        .await
        .context("cannot set up the tables in PostgreSQL")
}
