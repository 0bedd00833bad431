//! What is damaged is named, what is sound is not, and nothing is written.

use super::damage::flip;
use super::*;

async fn look(directory: &Path) -> Verified {
    let path = directory.join(FILE_NAME);
    let mut told = |done, total| assert!(done <= total);
    verify(&path, &mut told).await.unwrap()
}

/// Kinds with problems, each problem as `row: reason`.
fn wrong(found: &Verified) -> Vec<(&'static str, Vec<String>)> {
    let kinds = found.kinds.iter().filter(|kind| kind.damaged > 0);
    let kinds = kinds.map(|kind| {
        let problems = kind.problems.iter().map(|it| {
            let row = it.row.map_or(String::new(), |row| format!("{row}: "));
            format!("{row}{}", it.reason)
        });
        (kind.kind, problems.collect())
    });
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(found.is_sound, kinds.is_empty());
    kinds
}

fn sound(found: &Verified, kind: &str) -> Option<u64> {
    let kind = found.kinds.iter().find(|it| it.kind == kind).unwrap();
    kind.sound
}

/// Every file of the folder.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_sound_file_is_sound_beside_a_gateway_and_without_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let mut store = open(folder).await.store;
    commit(&mut store, 1, &events(0..40)).await;
    store.acknowledged(4).await.unwrap();
    store.set_aside(5, "refused", 3, Time(7)).await.unwrap();
    for _ in 0..2 {
        let found = look(folder).await;
        assert_eq!(wrong(&found), []);
        assert_eq!(sound(&found, "movement"), Some(35));
        assert_eq!(sound(&found, "dead_letter"), Some(1));
        assert_eq!(sound(&found, "journal"), Some(1));
        assert_eq!(found.epoch.as_deref(), Some(store.epoch()));
        // And the gateway goes on.
        commit(&mut store, 2, &[]).await;
        let more = look(folder).await;
        assert_eq!(sound(&more, "journal"), Some(2));
        store.snapshot(&Pipeline::default()).await.unwrap();
        commit(&mut store, 3, &[]).await;
    }
    store.close().await.unwrap();
    let before = files(folder);
    assert_eq!(wrong(&look(folder).await), []);
    assert_eq!(files(folder), before, "not even a log is made");
}

/// Empties the log as the gateway does it; whether somebody's look at the file was in the way.
async fn log_is_held(folder: &Path) -> bool {
    let mut gateway = outsider(folder).await;
    let at_once = sqlx::raw_sql("PRAGMA busy_timeout = 0");
    at_once.execute(&mut gateway).await.unwrap();
    let emptied = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)");
    let (held, _, _): (i64, i64, i64) = emptied.fetch_one(&mut gateway).await.unwrap();
    held != 0
}

#[tokio::test]
async fn the_log_of_a_running_gateway_can_be_emptied_between_two_steps() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let mut store = open(folder).await.store;
    commit(&mut store, 1, &events(0..600)).await;
    let (runtime, mut steps) = (tokio::runtime::Handle::current(), Vec::new());
    let mut told = |_, _| {
        let held = std::thread::scope(|scope| {
            let asked = scope.spawn(|| runtime.block_on(log_is_held(folder)));
            asked.join().unwrap()
        });
        steps.push(held);
    };
    let found = verify(&folder.join(FILE_NAME), &mut told).await.unwrap();
    assert!(found.is_sound, "{found:?}");
    assert!(steps.len() >= 3, "{steps:?}");
    assert!(steps.iter().all(|held| !held), "{steps:?}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn each_damaged_row_is_named_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let mut store = open(folder).await.store;
    commit(&mut store, 1, &events(0..6)).await;
    store.set_aside(1, "refused", 3, Time(7)).await.unwrap();
    store.snapshot(&Pipeline::default()).await.unwrap();
    commit(&mut store, 2, &[]).await;
    store.close().await.unwrap();
    flip(folder, br#"{"n":3,"#, 5, 0x01);
    for sql in [
        "UPDATE dead_letter SET payload = 'x'",
        "UPDATE snapshot SET crc32 = crc32 + 1",
        "UPDATE journal SET inputs = x'00'",
        "DELETE FROM outbox WHERE seq = 5",
        "INSERT INTO dropped(epoch, from_seq, to_seq, count, reason, at_us) VALUES ('x', 9, 2, -1, 'x', 0)",
        "INSERT INTO meta(key, value) VALUES ('sent', '4 00000000')",
    ] {
        run(folder, sql).await;
    }
    let found = look(folder).await;
    let crc = "its check sum is wrong; ";
    let loads = format!("{crc}loads that were in a door may be missing");
    let expected = [
        ("head", "how far events were acknowledged has a wrong check sum: those that are kept are sent again".to_owned()),
        ("movement", format!("4: {crc}it waits, and will be set aside")),
        ("numbers", "5: missing between events that wait, and nothing says why".to_owned()),
        ("dead_letter", format!("1: {crc}set aside as: refused")),
        ("dropped", "1: it says that something is gone, and its numbers make no sense".to_owned()),
        ("journal", format!("2: {loads}")),
        ("snapshot", format!("1: {loads}")),
    ];
    let expected: Vec<_> = expected.map(|(kind, text)| (kind, vec![text])).into();
    assert_eq!(wrong(&found), expected);
    assert_eq!(sound(&found, "movement"), Some(3));
}

/// The version before this one wrote them, and whoever goes back to it finds what this one wrote.
#[tokio::test]
async fn what_another_version_wrote_is_not_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let mut store = open(folder).await.store;
    commit(&mut store, 1, &[]).await;
    store.snapshot(&Pipeline::default()).await.unwrap();
    commit(&mut store, 2, &[]).await;
    store.close().await.unwrap();
    for version in [STATE_VERSION - 1, STATE_VERSION + 1] {
        let crc = crc32(&[&version.to_le_bytes(), b"of another version"]);
        let mut other = outsider(folder).await;
        let rows = sqlx::query(
            "UPDATE journal SET inputs = CAST('of another version' AS BLOB), crc32 = ?1",
        );
        rows.bind(crc).execute(&mut other).await.unwrap();
        let state = sqlx::query("UPDATE snapshot SET version = ?1");
        state.bind(version).execute(&mut other).await.unwrap();
        drop(other);
        assert_eq!(wrong(&look(folder).await), []);
    }
}

/// What the export gives of a file is what a page that is gone leaves, and the rest is named.
#[tokio::test]
async fn a_page_that_is_gone_is_named_and_the_rest_is_exported() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let mut store = open(folder).await.store;
    commit(&mut store, 1, &events(0..300)).await;
    store.acknowledged(10).await.unwrap();
    store.close().await.unwrap();
    let path = folder.join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    let mark = br#"{"n":150,"#;
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark)
        .unwrap();
    bytes[at / 4096 * 4096..][..4096].fill(0);
    std::fs::write(&path, &bytes).unwrap();

    let found = look(folder).await;
    let kinds: Vec<_> = wrong(&found).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["pages", "movement"], "{found:?}");
    let unread = &found
        .kinds
        .iter()
        .find(|it| it.kind == "movement")
        .unwrap()
        .problems;
    let [gone] = unread.as_slice() else {
        panic!("{unread:?}");
    };
    let gone = (gone.row.unwrap(), gone.to.unwrap());
    assert!(
        gone.0 <= 151 && gone.1 >= 151 && gone.1 - gone.0 < 10,
        "{gone:?}"
    );

    let mut export = Export::open(&path).await.unwrap();
    let mut seqs = Vec::new();
    while let Some(rows) = export.next().await {
        assert!(rows.iter().all(|row| row.intact));
        seqs.extend(rows.iter().map(|row| row.seq));
    }
    seqs.sort_unstable();
    let expected: Vec<i64> = (11..=300)
        .filter(|n| !(gone.0..=gone.1).contains(n))
        .collect();
    assert_eq!(seqs, expected);
    assert_eq!(export.unread(), [gone]);
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing was written");
}

#[tokio::test]
async fn what_is_no_buffer_is_told_and_hostile_files_do_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let missing = verify(&path, &mut |_, _| {}).await.unwrap_err();
    assert!(matches!(missing, BufferError::NotThere { .. }), "{missing}");
    std::fs::write(&path, "this is a text and no database ".repeat(300)).unwrap();
    let found = look(directory.path()).await;
    assert_eq!(wrong(&found).len(), 1, "{found:?}");
    // Whatever is in the pages, it ends, and says so.
    std::fs::remove_file(&path).unwrap();
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 1, &events(0..60)).await;
    store.close().await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = whole.clone();
        for _ in 0..4 {
            let at = random.usize(100..bytes.len() - 400);
            random.fill(&mut bytes[at..at + 400]);
        }
        std::fs::write(&path, &bytes).unwrap();
        // Where nothing was stored nothing is damaged.
        if let Err(error) = verify(&path, &mut |_, _| {}).await {
            assert!(
                matches!(error, BufferError::Newer { .. }),
                "seed {seed}: {error}"
            );
        }
    }
}
