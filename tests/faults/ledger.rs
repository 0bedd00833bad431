//! What has arrived for good: the broker's disk, or the store behind it. It outlives every broker.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rumqttc::v5::mqttbytes::v5::Publish;
use tokio::sync::watch;
use tracegate_epcis::EventId;

use super::gateway::{Load, is_telemetry, payload, read_point};

/// Only a test that fails waits for so long without progress.
const PATIENCE: Duration = Duration::from_secs(60);
/// Wherever the wall clock jumps, an event is not older than its run: it must not expire sooner than this, in seconds.
const LEAST_EXPIRY_S: u32 = 3_000;

#[derive(Debug)]
pub struct Ledger {
    load: Load,
    book: Mutex<Book>,
    distinct: watch::Sender<i64>,
}

#[derive(Debug, Default)]
struct Book {
    seen: BTreeSet<i64>,
    count: i64,
    /// Per read point, the newest event.
    newest: Vec<i64>,
    tally: Tally,
    foreign: Vec<String>,
}

/// What came, beside what should have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub lost: i64,
    pub foreign: i64,
    pub duplicates: i64,
    pub out_of_order: i64,
    /// Messages with several events.
    pub documents: i64,
}

/// Ids of the events, by their numbers; the same in all scenarios.
fn ids(events: i64) -> Arc<Vec<String>> {
    static IDS: OnceLock<Arc<Vec<String>>> = OnceLock::new();
    let id = |number: i64| EventId::of_prehash(&number.to_string()).to_string();
    IDS.get_or_init(|| Arc::new((0..=events).map(id).collect()))
        .clone()
}

impl Ledger {
    pub fn new(load: &Load) -> Arc<Self> {
        let points = usize::try_from(load.read_points.max(1)).unwrap_or(1);
        let book = Book {
            newest: vec![0; points],
            ..Book::default()
        };
        Arc::new(Self {
            load: load.clone(),
            book: Mutex::new(book),
            distinct: watch::channel(0).0,
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("nobody panics with the book open")
    }

    /// Enters the events of a message.
    pub fn enter(&self, publish: &Publish) {
        let entered = self.read(publish);
        let mut book = self.book();
        match entered {
            Ok(numbers) => {
                book.tally.documents += i64::from(numbers.len() > 1);
                for number in numbers {
                    book.enter(number);
                }
            }
            Err(why) => {
                book.tally.foreign += 1;
                book.foreign.push(
                    format!("{why:#}: {publish:?}")
                        .chars()
                        .take(2_000)
                        .collect(),
                );
            }
        }
        let count = book.count;
        drop(book);
        self.distinct.send_replace(count);
    }

    /// The numbers of the events in a message that is exactly what was stored.
    pub fn read(&self, publish: &Publish) -> anyhow::Result<Vec<i64>> {
        let text = std::str::from_utf8(&publish.payload)?;
        let properties = publish.properties.as_ref();
        let user = |name: &str| {
            let all = properties.map_or(&[][..], |given| &given.user_properties);
            let found = all.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        let (numbers, told) = match text.split_once("\"eventList\":[") {
            None => (vec![self.event(text)?.0], user("event_id")),
            Some((_, mut rest)) => {
                let mut numbers = Vec::new();
                loop {
                    let (number, length) = self.event(rest)?;
                    numbers.push(number);
                    rest = rest.get(length..).context("more text")?;
                    match rest.strip_prefix(',') {
                        Some(more) => rest = more,
                        None => break,
                    }
                }
                ensure!(rest == "]}}", "a document that ends in {rest}");
                (numbers, user("event_ids"))
            }
        };
        let ids = ids(self.load.events);
        if let Some(told) = told {
            let numbers = numbers.iter().copied();
            let expected = numbers.map(|number| ids[usize::try_from(number).unwrap_or(0)].as_str());
            ensure!(told.split(' ').eq(expected), "its event ids are {told}");
        }
        let topic = std::str::from_utf8(&publish.topic)?;
        for number in &numbers {
            let place = read_point(*number, self.load.read_points);
            let kind = match is_telemetry(&self.load, *number) {
                true => "nonevents",
                false => "events",
            };
            ensure!(
                topic == format!("tracegate/plant-3/{kind}/{place}"),
                "a topic of its own"
            );
        }
        if let Some(expiry) = properties.and_then(|given| given.message_expiry_interval) {
            ensure!(expiry > LEAST_EXPIRY_S, "it expires in {expiry} s");
        }
        Ok(numbers)
    }

    /// The number and length of the event that the text begins with.
    fn event(&self, text: &str) -> anyhow::Result<(i64, usize)> {
        let (_, after) = text.split_once("\"number\":").context("no event")?;
        let digits = after.split(',').next().unwrap_or_default();
        let number: i64 = digits.parse()?;
        if !(1..=self.load.events).contains(&number) {
            bail!("there is no event {number}");
        }
        let ids = ids(self.load.events);
        let expected = payload(number, &ids[usize::try_from(number)?]);
        ensure!(
            text.starts_with(&expected),
            "event {number} is not what was stored"
        );
        Ok((number, expected.len()))
    }

    /// Waits until so many different events have come.
    pub async fn reached(&self, count: i64) -> anyhow::Result<()> {
        let mut distinct = self.distinct.subscribe();
        while *distinct.borrow_and_update() < count {
            let news = tokio::time::timeout(PATIENCE, distinct.changed()).await;
            news.with_context(|| format!("no progress for {PATIENCE:?} at {}", self.count()))??;
        }
        Ok(())
    }

    pub fn count(&self) -> i64 {
        self.book().count
    }

    /// What came, beside what should have; and of what was not stored by the gateway, what and why.
    pub fn tally(&self) -> (Tally, Vec<String>) {
        let book = self.book();
        let lost = self.load.events - book.count;
        (Tally { lost, ..book.tally }, book.foreign.clone())
    }
}

impl Book {
    fn enter(&mut self, number: i64) {
        if !self.seen.insert(number) {
            self.tally.duplicates += 1;
            return;
        }
        self.count += 1;
        let points = i64::try_from(self.newest.len()).unwrap_or(1);
        let newest = &mut self.newest[usize::try_from(number % points).unwrap_or(0)];
        // The first of a read point follows none.
        let before = if *newest == 0 && number <= points {
            number
        } else {
            *newest + points
        };
        if number != before {
            self.tally.out_of_order += 1;
        }
        *newest = number.max(*newest);
    }
}
