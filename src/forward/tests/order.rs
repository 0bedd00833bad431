//! With acknowledgement by the store: what it can say, when events are refused, go together, or the connection ends.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rumqttc::v5::mqttbytes::v5::{PubAckReason, Publish};
use tokio::time::Instant;

use super::fake::{Answer, Fake};
use super::*;
use crate::downlink::ack::{Limits, StoreAcks};
use crate::forward::lanes::{Class, Lanes};

const HOLD: Duration = Duration::from_secs(2);

/// A store as README.md describes it.
#[derive(Debug, Default)]
struct Ledger {
    got: BTreeSet<i64>,
    mark: i64,
}

impl Ledger {
    fn take(&mut self, previous: i64, seqs: &[i64]) {
        self.got.extend(seqs);
        if previous <= self.mark {
            self.mark = seqs.iter().copied().fold(self.mark, i64::max);
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Ask(usize),
    /// The broker answers, in order, and the store speaks, or is late.
    Answer {
        taken: bool,
        speaks: bool,
    },
    Wait,
    GiveUp,
    SetAside,
    Reconnect {
        came: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..5_usize).prop_map(Step::Ask),
        6 => (prop::bool::weighted(0.8), any::<bool>()).prop_map(|(taken, speaks)| Step::Answer { taken, speaks }),
        2 => Just(Step::Wait),
        1 => Just(Step::GiveUp),
        2 => Just(Step::SetAside),
        1 => any::<bool>().prop_map(|came| Step::Reconnect { came }),
    ];
    prop::collection::vec(step, 0..120)
}

/// The gateway as [`Session`](crate::forward::session) drives it, and what it talks to.
struct World {
    now: Instant,
    lanes: Lanes<()>,
    acks: StoreAcks,
    under_way: VecDeque<(i64, Vec<i64>)>,
    refused: Option<i64>,
    hopeless: BTreeSet<i64>,
    aside: BTreeSet<i64>,
    store: Ledger,
}

/// Numbers have gaps, and read points take turns now and then.
fn rows() -> impl Iterator<Item = (i64, &'static str)> {
    let places = ["t1", "t1", "t1", "t2", "t3", "t3"];
    let numbers = (1..60).filter(|seq| seq % 7 != 0);
    numbers.zip(places.into_iter().cycle())
}

impl World {
    fn new() -> Self {
        let limits = Limits {
            patience: HOLD,
            ahead: 1000,
        };
        let mut world = Self {
            now: Instant::now(),
            lanes: Lanes::in_order(0),
            acks: StoreAcks::new(limits, 0, 0),
            under_way: VecDeque::new(),
            refused: None,
            hopeless: BTreeSet::new(),
            aside: BTreeSet::new(),
            store: Ledger::default(),
        };
        world.admit(0);
        world
    }

    fn admit(&mut self, behind: i64) {
        for (seq, topic) in rows().filter(|(seq, _)| *seq > behind) {
            match self.hopeless.contains(&seq) {
                true => self
                    .lanes
                    .admit_hopeless(seq, Class::Movement, "no".to_owned(), 1),
                false => self.lanes.admit(seq, (Class::Movement, topic), 10, ()),
            }
        }
    }

    fn back(&mut self) {
        if self.under_way.is_empty() {
            self.acks.back_to(self.lanes.mark());
        }
    }

    fn hear(&mut self) {
        let word = format!(r#"{{"epoch":"e","seq":{}}}"#, self.store.mark);
        // It knows nothing of what was set aside.
        let _ = self.acks.hear(word.as_bytes(), "e", self.now);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Ask(most) => {
                self.back();
                let Some(group) = self.lanes.next(self.now, *most, 1000) else {
                    return;
                };
                let previous = self.acks.previous();
                for seq in &group {
                    self.acks.sending(*seq, self.now);
                }
                self.under_way.push_back((previous, group));
            }
            Step::Answer { taken, speaks } => {
                let Some((previous, group)) = self.under_way.pop_front() else {
                    return;
                };
                if *taken {
                    self.store.take(previous, &group);
                    self.lanes.taken(&group);
                    self.acks.taken(self.lanes.mark());
                } else {
                    self.lanes.refused(&group, "no", self.now + HOLD);
                    self.refused = group.first().copied();
                }
                if *speaks {
                    self.hear();
                }
            }
            Step::Wait => self.now += HOLD,
            Step::GiveUp => {
                if let Some(seq) = self
                    .refused
                    .take()
                    .filter(|seq| !self.store.got.contains(seq))
                {
                    self.lanes.give_up(seq, "no".to_owned(), 1);
                    let given_up = self.lanes.content(seq).is_none();
                    self.hopeless.extend(given_up.then_some(seq));
                }
            }
            Step::SetAside => {
                self.back();
                let first = self.lanes.to_set_aside().map(|(seq, ..)| seq);
                if let Some(seq) =
                    first.filter(|_| self.under_way.is_empty() && self.acks.previous() == 0)
                {
                    self.aside.insert(seq);
                    self.lanes.finish(seq);
                    self.acks.skip(seq, self.now);
                }
            }
            Step::Reconnect { came } => {
                for (previous, group) in std::mem::take(&mut self.under_way) {
                    if *came {
                        self.store.take(previous, &group);
                    }
                }
                let from = self.acks.connected(self.now);
                self.lanes = Lanes::in_order(from);
                self.refused = None;
                self.admit(from);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever the broker refuses and whenever the connection ends: the store's mark never passes an event that it does not
    /// have and nobody set aside, and it comes to the end without anything being sent again for its silence.
    #[test]
    fn the_store_can_say_what_it_has_and_gets_to_the_end(all in steps()) {
        let mut world = World::new();
        let is_safe = |world: &World| {
            let mark = world.store.mark.max(world.acks.mark());
            let mut before = rows().filter(|(seq, _)| *seq <= mark);
            before.all(|(seq, _)| world.store.got.contains(&seq) || world.aside.contains(&seq))
        };
        for each in &all {
            world.step(each);
            prop_assert!(is_safe(&world), "{each:?}: {:?}", world.store);
        }
        for _ in 0..150 {
            let rest = [Step::Wait, Step::Ask(4), Step::Answer { taken: true, speaks: true }, Step::SetAside];
            rest.iter().for_each(|each| world.step(each));
            world.hear();
        }
        let last = rows().map(|(seq, _)| seq).last().unwrap();
        prop_assert!(is_safe(&world));
        prop_assert_eq!(world.acks.mark(), last);
        prop_assert!(world.acks.previous() == 0 && world.lanes.is_empty());
    }
}

/// A message: `previous`, and its events.
type Came = (i64, Vec<i64>);

/// What came, and how far a store has everything of it.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<Came>>>);

impl Seen {
    /// A broker that so many times more refuses messages with this event, for what they are.
    fn answer(&self, refuses: &Mutex<(i64, usize)>, number: i64, publish: &Publish) -> Answer {
        if number == 0 {
            return Answer::taken(publish);
        }
        let all = numbers(&publish.payload);
        let mut refuses = refuses.lock().unwrap();
        if all.contains(&refuses.0) && refuses.1 > 0 {
            refuses.1 -= 1;
            return Answer::because(publish, PubAckReason::NotAuthorized);
        }
        let user = publish.properties.clone().unwrap().user_properties;
        let previous = user.iter().find(|(name, _)| name == "previous").unwrap();
        let came = (previous.1.parse().unwrap(), all);
        self.0.lock().unwrap().push(came);
        Answer::taken(publish)
    }

    fn marked(&self) -> i64 {
        let mut store = Ledger::default();
        for (previous, all) in self.0.lock().unwrap().iter() {
            store.take(*previous, all);
        }
        assert!((1..=store.mark).all(|seq| store.got.contains(&seq)));
        store.mark
    }

    async fn complete(&self, last: i64) {
        let waited = wait_until("the store's mark", PATIENCE, || self.marked() == last).await;
        waited.unwrap_or_else(|error| panic!("{error}: at {}: {:?}", self.marked(), self.0));
    }
}

/// Several events in a message, and the store's silence is no reason to send anything again.
fn settings_of(broker: &Fake, batch: usize) -> Settings {
    let mut settings = acknowledge::patient_as(settings(broker.addr));
    settings.batch.events = batch;
    settings.timing.progress = PATIENCE * 10;
    if let Some((_, limits)) = &mut settings.downlink.acknowledge {
        limits.patience = PATIENCE * 10;
    }
    settings
}

/// Events of one read point are refused for a while, and all go together where they can.
#[tokio::test]
async fn every_event_names_the_one_before_it_also_when_some_are_refused() {
    for batch in [1, 10] {
        let seen = Seen::default();
        let (list, refuses) = (seen.clone(), Mutex::new((57, 4)));
        let broker = Fake::start(
            |_| Answer::welcome(),
            move |_, number, publish| list.answer(&refuses, number, publish),
        )
        .await;
        let mut rig = Rig::start(settings_of(&broker, batch), 0).await;
        let place = |number: usize| {
            if (number / 20).is_multiple_of(2) {
                "dock_1"
            } else {
                "dock_2"
            }
        };
        commit_at(&mut rig.store, 1, 200, place).await;
        rig.committed.send_replace(200);
        seen.complete(200).await;
        assert_eq!(rig.health.counters().unconfirmed.get(), 200);
        rig.forwarder.abort();
    }
}

/// What was refused goes again while a status, which is no event, is not acknowledged yet.
#[tokio::test]
async fn every_event_names_the_one_before_it_also_while_a_status_is_under_way() {
    let seen = Seen::default();
    let (list, refuses) = (seen.clone(), Mutex::new((4, 1)));
    let broker = Fake::gated(
        |_| Answer::welcome(),
        move |_, number, publish| match number {
            0 if publish.payload.windows(5).any(|text| text == b"cable") => {
                Answer::taken_later(publish)
            }
            _ => list.answer(&refuses, number, publish),
        },
    )
    .await;
    let mut rig = Rig::start(settings_of(&broker, 1), 0).await;
    let reason = "cable".to_owned();
    rig.health
        .device("dock_1", crate::health::DeviceState::Down { reason });
    let told = || broker.log().statuses.iter().any(|it| it.contains("cable"));
    wait_until("the status", PATIENCE, told).await.unwrap();
    // Not so many that the client comes to a packet number still in use.
    rig.add(6).await;
    let again = || {
        let heard = broker.log().heard;
        heard.iter().filter(|(_, number)| *number == 4).count() > 1
    };
    wait_until("the refused ones again", PATIENCE, again)
        .await
        .unwrap();
    rig.health.device("dock_1", crate::health::DeviceState::Up);
    broker.admit();
    seen.complete(6).await;
    rig.forwarder.abort();
}
