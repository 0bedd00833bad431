//! Stack lights over real sockets, on a module that misbehaves, and on a reader.

use tracegate_sim::module::{ModuleFault, SimModule};

use super::*;
use crate::core::{Feedback, Told};
use crate::downlink::order::{Action, OutputState};
use crate::health::DeviceCounter;
use crate::source::light::{Context, Lamp, Lamps, Light, Show, Shows, Way, run};

const TIME: Duration = Duration::from_secs(60);

fn show(lamps: &[Lamp], time: Option<Duration>) -> Show {
    let mut show = Show {
        time,
        ..Show::default()
    };
    lamps
        .iter()
        .for_each(|lamp| *show.lamps.of_mut(*lamp) = true);
    show
}

/// Green 0, amber 1, red 2, buzzer 3, from `first`; what is refused stays.
fn light(name: &str, first: u16) -> Light {
    let mut outputs = Lamps::default();
    for (lamp, output) in Lamp::ALL.into_iter().zip(first..) {
        *outputs.of_mut(lamp) = Some(output);
    }
    Light {
        name: name.to_owned(),
        unit: 1,
        outputs,
        shows: Shows {
            accept: show(&[Lamp::Green], Some(TIME)),
            warn: show(&[Lamp::Amber], Some(Duration::from_millis(100))),
            refuse: show(&[Lamp::Red, Lamp::Buzzer], None),
        },
    }
}

struct Lit {
    health: Health,
    told: mpsc::Sender<Told>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Lit {
    fn start(way: Way, lights: Vec<Light>) -> Self {
        let health = Health::new("plant-3", "epoch");
        health.broker(BrokerState::Up);
        let (told, receiver) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let context = Context {
            told: receiver,
            health: health.clone(),
            beat: health.beat("lights"),
            stop: stop.clone(),
        };
        let task = tokio::spawn(run(way, lights, context));
        Self {
            health,
            told,
            stop,
            task,
        }
    }

    async fn module(coils: u16, lights: Vec<Light>) -> (SimModule, Self) {
        let module = SimModule::start(coils).await.unwrap();
        let lit = Self::start(Way::Modbus(module.address().to_string()), lights);
        (module, lit)
    }

    /// A verdict on a scan of this moment, for the first light.
    async fn verdict(&self, verdict: Feedback) {
        self.tell(0, verdict, Duration::ZERO).await;
    }

    async fn tell(&self, light: usize, verdict: Feedback, age: Duration) {
        let scanned = tokio::time::Instant::now().checked_sub(age).unwrap();
        let told = Told {
            light,
            verdict,
            scanned,
        };
        self.told.send(told).await.unwrap();
    }

    fn dropped(&self) -> u64 {
        self.health.counters().answers_dropped.get()
    }

    fn count(&self, counter: DeviceCounter) -> u64 {
        let kind = crate::health::DeviceKind::Light;
        let report = self.health.device_report("lamp_1", kind);
        report.counters.get(counter.as_str()).copied().unwrap_or(0)
    }

    async fn says(&self, text: &str) {
        self.health.says(text, PATIENCE).await;
    }

    async fn well(&self) {
        wait_until("no condition", PATIENCE, || {
            self.health.conditions().is_empty() && self.health.is_up("lamp_1")
        })
        .await
        .unwrap();
    }

    async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

async fn lit(module: &SimModule, coils: &[u16]) {
    wait_until("the lamps", PATIENCE, || module.lit() == coils)
        .await
        .unwrap_or_else(|error| panic!("{error}: {:?}, not {coils:?}", module.lit()));
}

#[tokio::test]
async fn verdicts_are_shown_on_coils_and_a_stop_leaves_none_on() {
    let (module, lights) = Lit::module(8, vec![light("lamp_1", 0), light("lamp_2", 4)]).await;
    lit(&module, &[]).await;
    lights.well().await;
    lights.verdict(Feedback::Accept).await;
    lit(&module, &[0]).await;
    lights.verdict(Feedback::Refuse).await;
    lit(&module, &[2, 3]).await;
    lights.tell(1, Feedback::Accept, Duration::ZERO).await;
    lit(&module, &[2, 3, 4]).await;
    let before = module.writes().len();
    lights.verdict(Feedback::Warn).await;
    lit(&module, &[4]).await;
    let on = |coil| move |write: &&tracegate_sim::module::CoilWrite| write.coil == coil && write.on;
    assert_eq!(module.writes()[before..].iter().filter(on(1)).count(), 1);
    assert_eq!(lights.dropped(), 0);
    assert!(lights.health.is_up("lamp_1") && lights.health.is_up("lamp_2"));
    lights.stop().await;
    lit(&module, &[]).await;
}

#[tokio::test]
async fn a_scan_of_long_ago_is_not_shown_and_still_ends_what_was() {
    let (module, lights) = Lit::module(4, vec![light("lamp_1", 0)]).await;
    lit(&module, &[]).await;
    lights.verdict(Feedback::Refuse).await;
    lit(&module, &[2, 3]).await;
    let old = Duration::from_millis(301);
    lights.tell(0, Feedback::Accept, old).await;
    lit(&module, &[]).await;
    assert!(
        !module
            .writes()
            .iter()
            .any(|write| write.coil == 0 && write.on)
    );
    assert_eq!(
        (
            lights.dropped(),
            lights.count(DeviceCounter::AnswersDropped)
        ),
        (1, 1)
    );
    lights.stop().await;
}

#[tokio::test]
async fn a_module_that_misbehaves_is_told_and_found_again() {
    let (module, lights) = Lit::module(4, vec![light("lamp_1", 0)]).await;
    lit(&module, &[]).await;
    for (fault, says) in [
        (ModuleFault::Garbage, "it does not speak Modbus/TCP"),
        (ModuleFault::HalfFrame, "closed the connection"),
        (ModuleFault::WrongNumber, "answers what was not asked"),
        (
            ModuleFault::BlackHole,
            "does not answer; check its address and cable",
        ),
        (ModuleFault::Unplugged, "closed the connection"),
    ] {
        lights.well().await;
        module.fault(fault);
        // Verdicts are taken whatever the module does.
        for _ in 0..50 {
            timeout(PATIENCE, lights.verdict(Feedback::Accept))
                .await
                .unwrap();
        }
        lights.says(says).await;
        assert!(lights.dropped() > 0, "{fault:?}");
        module.fault(ModuleFault::None);
        lights.well().await;
        // What was lit by then goes off; the next scan is shown.
        lights.verdict(Feedback::Refuse).await;
        lit(&module, &[2, 3]).await;
        lights
            .tell(0, Feedback::Refuse, Duration::from_secs(1))
            .await;
        lit(&module, &[]).await;
    }
    assert!(lights.count(DeviceCounter::Disconnects) >= 5);
    lights.stop().await;
}

#[tokio::test]
async fn answers_in_pieces_and_modules_of_few_functions_are_good_enough() {
    for fault in [ModuleFault::Drip, ModuleFault::NoWriteMany] {
        let module = SimModule::start(4).await.unwrap();
        module.fault(fault);
        let way = Way::Modbus(module.address().to_string());
        let lights = Lit::start(way, vec![light("lamp_1", 0)]);
        lit(&module, &[]).await;
        lights.verdict(Feedback::Refuse).await;
        lit(&module, &[2, 3]).await;
        lights.well().await;
        assert_eq!(lights.count(DeviceCounter::Disconnects), 0, "{fault:?}");
        lights.stop().await;
    }
}

#[tokio::test]
async fn a_lamp_that_is_not_there_is_named_and_the_others_go_on() {
    let (module, lights) = Lit::module(3, vec![light("lamp_1", 0)]).await;
    lights
        .says("was not switched: it has no such coil (exception 2)")
        .await;
    // All were on when it started.
    lit(&module, &[]).await;
    let conditions = lights.health.conditions();
    lights.health.shows_alone("OUTPUT-FAILED");
    assert!(
        conditions[0].contains("output 3 (buzzer)"),
        "{conditions:?}"
    );
    lights.verdict(Feedback::Accept).await;
    lit(&module, &[0]).await;
    assert!(lights.count(DeviceCounter::OutputFailures) > 0);
    lights.stop().await;
}

#[tokio::test]
async fn a_module_that_is_away_is_no_reason_to_wait() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let lights = Lit::start(Way::Modbus(address), vec![light("lamp_1", 0)]);
    lights.says("cannot connect to").await;
    for _ in 0..100 {
        timeout(PATIENCE, lights.verdict(Feedback::Accept))
            .await
            .unwrap();
    }
    wait_until("verdicts to go", PATIENCE, || lights.dropped() >= 90)
        .await
        .unwrap();
    lights.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_s_outputs_are_pulsed_and_one_that_is_away_is_told() {
    let (target, orders) = Target::new(false, Vec::new());
    let lights = Lit::start(
        Way::Reader("dock_1".to_owned(), target),
        vec![light("lamp_1", 1)],
    );
    let next = async || {
        let order = timeout(PATIENCE, orders.next()).await.unwrap();
        order.done.send(Ok(())).unwrap();
        match order.action {
            Action::Output { port, state } => (port, state),
            Action::Identify(_) => panic!("nobody asked for that"),
        }
    };
    for port in 1..=4 {
        assert_eq!(next().await, (port, OutputState::Off));
    }
    lights.verdict(Feedback::Accept).await;
    let (port, state) = next().await;
    assert!(matches!(state, OutputState::Pulse(time) if port == 1 && time <= TIME));
    lights.verdict(Feedback::Refuse).await;
    assert_eq!(next().await, (3, OutputState::On));
    assert_eq!(next().await, (4, OutputState::On));
    assert_eq!(next().await, (1, OutputState::Off));
    lights.well().await;
    // Nobody takes the order.
    lights.verdict(Feedback::Accept).await;
    lights
        .says("reader dock_1 does not switch its outputs")
        .await;
    for _ in 0..4 {
        let (_, state) = next().await;
        assert_eq!(
            state,
            OutputState::Off,
            "what was wanted long ago is not done"
        );
    }
    lights.well().await;
    assert_eq!(lights.dropped(), 1);
    lights.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_comes_while_the_gateway_stops_lights_nothing() {
    let (target, orders) = Target::new(false, Vec::new());
    let way = Way::Reader("dock_1".to_owned(), target);
    let lights = Lit::start(way, vec![light("lamp_1", 1)]);
    let next = async || timeout(PATIENCE, orders.next()).await.unwrap();
    for _ in 0..4 {
        next().await.done.send(Ok(())).unwrap();
    }
    lights.verdict(Feedback::Refuse).await;
    for _ in 0..2 {
        next().await.done.send(Ok(())).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    lights.stop.cancel();
    for _ in 0..2 {
        let order = next().await;
        lights.verdict(Feedback::Accept).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        let is_off = matches!(
            order.action,
            Action::Output {
                state: OutputState::Off,
                ..
            }
        );
        assert!(is_off, "{:?}", order.action);
        order.done.send(Ok(())).unwrap();
    }
    timeout(PATIENCE, lights.task).await.unwrap().unwrap();
    assert!(timeout(PATIENCE, orders.next()).await.is_err());
}
