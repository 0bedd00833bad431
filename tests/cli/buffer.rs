//! `tracegate buffer` on real buffers, beside a gateway that has them open and without.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use tracegate::buffer::{Opened, OutboxReader, Store};
use tracegate_epcis::EventId;
use tracegate_pipeline::Time;
use tracegate_pipeline::input::MovementEvent;

/// 2026-11-22T13:00:00Z
const ONE_O_CLOCK: i64 = 1_795_352_400_000_000;

fn event(n: i64) -> MovementEvent {
    MovementEvent {
        id: EventId::of_prehash(&n.to_string()),
        read_point: format!("dock_{n}"),
        uncertainty: Default::default(),
        at: Time(ONE_O_CLOCK + n * 1_000_000),
        json: format!(r#"{{"n":{n}}}"#),
        summary: String::new(),
        eyes: tracegate_pipeline::eyes::Says::Nothing,
        incomplete: false,
    }
}

/// Six events: one acknowledged, three set aside, two waiting.
async fn prepared(directory: &Path) -> Store {
    let Opened { mut store, .. } = Store::open(directory, 64 << 20).await.unwrap();
    let events: Vec<_> = (1..=6).map(event).collect();
    store.commit(&[], &events, Time(ONE_O_CLOCK)).await.unwrap();
    store.acknowledged(1).await.unwrap();
    for (seq, reason) in [
        (2, "not authorized to publish to the topic"),
        (3, "damaged on disk"),
        (4, "too large\u{1b}[2J"),
    ] {
        let at = Time(ONE_O_CLOCK + seq * 60_000_000);
        store.set_aside(seq, reason, 30, at).await.unwrap();
    }
    store
}

/// What the command says about the buffer in `directory`.
fn run(directory: &Path, command: &str) -> String {
    let folder = directory.to_str().unwrap();
    let output = super::run(
        &format!("$ tracegate buffer {command} --directory {folder}"),
        Path::new(env!("CARGO_MANIFEST_DIR")),
    );
    let (_, said) = output.split_once('\n').unwrap();
    said.replace(folder, "FOLDER")
}

fn ok(stdout: &str) -> String {
    format!("exit code 0\n-- stdout\n{stdout}-- stderr\n")
}

fn refused(stderr: &str) -> String {
    format!("exit code 1\n-- stdout\n-- stderr\nerror: {stderr}\n")
}

const LIST: &str = "\
id    seq       read point      set aside             tries  why
1     2         dock_2          2026-11-22T13:02:00Z  30     not authorized to publish to the topic
2     3         dock_3          2026-11-22T13:03:00Z  30     damaged on disk
3     4         dock_4          2026-11-22T13:04:00Z  30     too large [2J
";

#[tokio::test]
async fn looking_works_beside_a_running_gateway_and_changing_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let mut store = prepared(folder).await;
    let epoch = store.epoch().to_owned();
    let stats = |waiting: i64, last: i64| {
        ok(&format!(
            "waiting       {waiting}, the oldest since 2026-11-22T13:00:00Z
telemetry     0 of these, 0 dropped
kept          0
dead letters  3
dropped       0
in use        44 KiB
last number   {last} of epoch {epoch}
"
        ))
    };
    assert_eq!(run(folder, "list"), ok(LIST));
    assert_eq!(run(folder, "stats"), stats(2, 6));
    assert_eq!(
        run(folder, "list --waiting --limit 1"),
        ok(&format!(
            "seq       stream     read point      stored                event
5         movement   dock_5          2026-11-22T13:00:00Z  {}
",
            event(5).id
        ))
    );
    for command in ["requeue 1", "requeue --all", "discard 2"] {
        assert_eq!(
            run(folder, command),
            refused(
                "the gateway is running and has the buffer FOLDER/buffer.sqlite open; stop it (systemctl stop tracegate), then try again"
            )
        );
    }
    // And the gateway is not disturbed.
    let more = [event(7)];
    store.commit(&[], &more, Time(ONE_O_CLOCK)).await.unwrap();
    assert_eq!(run(folder, "stats"), stats(3, 7));
    store.close().await.unwrap();
}

#[tokio::test]
async fn dead_letters_are_shown_requeued_and_discarded() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let store = prepared(folder).await;
    let (path, epoch) = (store.path().to_owned(), store.epoch().to_owned());
    store.close().await.unwrap();

    let id = event(2).id;
    assert_eq!(
        run(folder, "show 1"),
        ok(&format!(
            "dead letter  1
why          not authorized to publish to the topic
set aside    2026-11-22T13:02:00Z, after 30 attempts
stream       movement
read point   dock_2
happened     2026-11-22T13:00:02Z
stored       2026-11-22T13:00:00Z
number       2 of epoch {epoch}
event        {id}
intact       yes

{{\"n\":2}}
"
        ))
    );
    let said = run(folder, "show 1 --json");
    let (_, said) = said.split_once("-- stdout\n").unwrap();
    let json: serde_json::Value =
        serde_json::from_str(said.strip_suffix("-- stderr\n").unwrap()).unwrap();
    assert_eq!(json["event_id"], id.to_string());
    assert_eq!(json["payload"], r#"{"n":2}"#);

    let unknown = refused("there is no dead letter 9; tracegate buffer list shows those there are");
    assert_eq!(run(folder, "show 9"), unknown);
    assert_eq!(run(folder, "requeue 1 9"), unknown);
    assert_eq!(run(folder, "list"), ok(LIST), "all or none");
    assert_eq!(
        run(folder, "requeue 1 3 1"),
        ok("2 dead letters requeued; the gateway sends them when it runs\n")
    );
    assert_eq!(
        run(folder, "discard 2"),
        refused(
            "1 dead letter would be thrown away for good, and nothing was; tracegate buffer show ID shows what each is, --confirm throws away"
        )
    );
    assert_eq!(
        run(folder, "discard 2 --confirm"),
        ok("1 dead letter discarded\n")
    );
    let none = ok("no dead letters: no event had to be set aside\n");
    assert_eq!(run(folder, "list"), none);
    let stats = run(folder, "stats");
    assert!(stats.contains("dropped       1\n"), "{stats}");

    let mut opened = Store::open(folder, 64 << 20).await.unwrap();
    assert_eq!((opened.store.waiting(), opened.store.last_seq()), (4, 8));
    let rows = OutboxReader::open(&path).await.unwrap().after(0, 9).await;
    let sent: Vec<_> = rows
        .unwrap()
        .into_iter()
        .map(|row| (row.seq, row.event_id, row.intact))
        .collect();
    let expected = [(5, 5), (6, 6), (7, 2), (8, 4)];
    let expected = expected.map(|(seq, n)| (seq, event(n).id.to_string(), true));
    assert_eq!(sent, expected);
    assert_eq!(opened.store.figures().await.unwrap().dead_letters, 0);
}

#[tokio::test]
async fn what_is_damaged_is_not_requeued() {
    use sqlx::ConnectOptions;

    let directory = tempfile::tempdir().unwrap();
    let store = prepared(directory.path()).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(store.path());
    store.close().await.unwrap();
    let mut outsider = options.connect().await.unwrap();
    sqlx::raw_sql("UPDATE dead_letter SET payload = x'7b80' WHERE id = 2")
        .execute(&mut outsider)
        .await
        .unwrap();
    drop(outsider);
    assert_eq!(
        run(directory.path(), "requeue --all"),
        refused(
            "dead letter 2 is damaged on disk and cannot be sent; tracegate buffer show 2 shows what is left of it"
        )
    );
    let shown = run(directory.path(), "show 2");
    assert!(
        shown.contains("intact       no: it is not what was stored\n\n{\u{fffd}\n"),
        "{shown}"
    );
    assert_eq!(run(directory.path(), "list"), ok(LIST));
}

#[tokio::test]
async fn what_waits_is_exported_beside_a_running_gateway_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let mut store = prepared(folder).await;
    let epoch = store.epoch().to_owned();
    let line = |n: i64| {
        let (id, at) = (event(n).id, ONE_O_CLOCK + n * 1_000_000);
        format!(
            "{{\"epoch\":\"{epoch}\",\"seq\":{n},\"stream\":\"movement\",\"event_id\":\"{id}\",\"read_point\":\"dock_{n}\",\
             \"occurred_us\":{at},\"recorded_us\":{ONE_O_CLOCK},\"intact\":true,\"event\":{{\"n\":{n}}}}}\n"
        )
    };
    for _ in 0..2 {
        assert_eq!(run(folder, "export"), ok(&(line(5) + &line(6))));
    }
    // And the gateway is not disturbed.
    let more = [event(7)];
    store.commit(&[], &more, Time(ONE_O_CLOCK)).await.unwrap();
    // What is acknowledged and has not left yet does not wait.
    let mut reader = OutboxReader::open(store.path()).await.unwrap();
    reader.note_acknowledged(&epoch, 5);
    assert_eq!(run(folder, "export"), ok(&(line(6) + &line(7))));
    assert_eq!(store.waiting(), 3);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_event_is_named_by_verify_and_exported_as_it_is() {
    use sqlx::ConnectOptions;

    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let store = prepared(folder).await;
    let (path, epoch) = (store.path().to_owned(), store.epoch().to_owned());
    store.close().await.unwrap();
    let said = run(folder, "verify");
    assert!(said.starts_with("exit code 0\n"), "{said}");
    assert!(
        said.ends_with("\nEverything is as it was written.\n-- stderr\n"),
        "{said}"
    );

    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut outsider = options.connect().await.unwrap();
    sqlx::raw_sql("UPDATE outbox SET payload = '{\"n\":9}' WHERE seq = 6")
        .execute(&mut outsider)
        .await
        .unwrap();
    sqlx::Connection::close(outsider).await.unwrap();
    assert_eq!(
        run(folder, "verify"),
        format!(
            "exit code 1
-- stdout
FOLDER/buffer.sqlite, format 4, epoch {epoch}

pages         11 sound
head          sound
movements     1 sound, 1 problem
  6: its check sum is wrong; it waits, and will be set aside
not booked    0 sound
gaps told     0 sound
numbers       sound
dead letters  3 sound
losses told   0 sound
journal       1 sound
snapshot      0 sound
tail          0 sound

Not as it was written: 1 problem.
-> A damaged event that waits is set aside when its turn comes, and holds nothing up; tracegate buffer list shows it then.
-> Look after the disk (journalctl -k, smartctl): damage seldom comes alone.
-- stderr
"
        )
    );
    let said = run(folder, "verify --json");
    let (_, said) = said.split_once("-- stdout\n").unwrap();
    let json: serde_json::Value =
        serde_json::from_str(said.strip_suffix("-- stderr\n").unwrap()).unwrap();
    assert_eq!(json["is_sound"], false);
    assert_eq!(json["kinds"][2]["problems"][0]["row"], 6);

    let said = run(folder, "export");
    assert!(said.starts_with("exit code 1\n"), "{said}");
    assert!(
        said.contains("\"intact\":true,\"event\":{\"n\":5}}\n"),
        "{said}"
    );
    assert!(
        said.contains("\"intact\":false,\"payload\":\"{\\\"n\\\":9}\"}\n"),
        "{said}"
    );
    assert!(
        said.ends_with(
            "2 events are written; not all of them are what was stored:\n  \
             6: its check sum is wrong; its line has `intact` false\ntracegate buffer verify tells more\n"
        ),
        "{said}"
    );
}
