//! Which settings would fit better, each with its reason.

use std::collections::BTreeMap;

use tracegate_pipeline::config::{GateConfig, Side, Tuning};
use tracegate_pipeline::time::Span;

use super::figures::{Antenna, Figures};
use super::trial::{self, Outcome};
use super::{Proposal, Walk};

/// Distance kept between `min_rssi` and the weakest goods, dB: other days and other goods are weaker.
const RESERVE_DB: i16 = 6;
/// Levels that `min_rssi` may have, dBm.
const MIN_RSSI: std::ops::RangeInclusive<i16> = -90..=-40;
/// An antenna that reads less than this share of the goods is too quiet.
const SEES_ENOUGH: f64 = 0.8;
/// An antenna of whose reads this share stands about is too loud.
const STRAY_SHARE: f64 = 0.2;
/// Goods that are this far above `min_rssi` bear less power, dB.
const LOUD_DB: i16 = 15;
/// How much to turn power up or down at a time, dB; and what readers can do at most, dBm.
const POWER: (f64, f64) = (3.0, 30.0);
/// Changes of the side tracker and its like that are tried, one after the other.
const STEPS: usize = 3;

/// What to change, and what would come of it.
pub(super) fn propose(
    walk: &Walk<'_>,
    gate: &GateConfig,
    figures: &Figures,
    now: Outcome,
) -> (Vec<Proposal>, Outcome) {
    let mut search = Search {
        walk,
        gate: gate.clone(),
        outcome: now,
        proposals: Vec::new(),
    };
    search.sides();
    search.min_rssi(figures);
    search.tuning();
    search.power(&figures.antennas());
    (search.proposals, search.outcome)
}

struct Search<'a> {
    walk: &'a Walk<'a>,
    gate: GateConfig,
    outcome: Outcome,
    proposals: Vec<Proposal>,
}

impl Search<'_> {
    fn add(&mut self, line: String, reason: String) {
        let section = format!("[read_point.{}]", self.walk.read_point);
        self.proposals.push(Proposal {
            section,
            line,
            reason,
        });
    }

    fn adopt(&mut self, gate: GateConfig, outcome: Outcome, line: String, reason: String) {
        self.gate = gate;
        self.outcome = outcome;
        self.add(line, reason);
    }

    /// Inside and outside exchanged, or two cables.
    fn sides(&mut self) {
        if self.outcome.wrong_way() <= self.outcome.right() {
            return;
        }
        let mut swapped = self.gate.clone();
        for antenna in &mut swapped.antennas {
            antenna.side = antenna.side.opposite();
        }
        let outcome = trial::run(self.walk, &swapped);
        if outcome.penalty() >= self.outcome.penalty() {
            return;
        }
        let reason = format!(
            "{} of {} passes were told as the other way: the sides are exchanged",
            self.outcome.wrong_way(),
            self.walk.passes.len()
        );
        let lists = [("inside", Side::Inside), ("outside", Side::Outside)];
        let lines = lists.map(|(key, side)| {
            let own = swapped.antennas.iter().filter(|it| it.side == side);
            let names = own.map(|it| {
                let device = self.walk.config.devices.get(usize::from(it.device));
                format!("\"{}/{}\"", device.map_or("?", String::as_str), it.antenna)
            });
            format!("{key} = [{}]", names.collect::<Vec<_>>().join(", "))
        });
        self.adopt(swapped, outcome, lines.join("\n"), reason);
    }

    /// Between what stands about and the goods, if there is room.
    fn min_rssi(&mut self, figures: &Figures) {
        let Some(goods) = figures.weakest_goods().map(i16::from) else {
            return;
        };
        let now = i16::from(self.gate.tuning.min_rssi_dbm);
        let highest = goods - RESERVE_DB;
        let strays = figures.strongest_strays().map(i16::from);
        let (level, reason) = match strays {
            Some(strays) if strays < highest && strays >= now => (
                strays + 1,
                format!(
                    "95 % of the reads of {} tags that stand about are at most {strays} dBm, and 95 % of the goods reach {goods} dBm on each side that reads them",
                    figures.strays()
                ),
            ),
            _ if now > highest => (
                highest,
                format!(
                    "goods reach only {goods} dBm on a side, and min_rssi ({now} dBm) leaves less than {RESERVE_DB} dB of reserve"
                ),
            ),
            _ => return,
        };
        let level = level.clamp(*MIN_RSSI.start(), *MIN_RSSI.end());
        let mut gate = self.gate.clone();
        gate.tuning.min_rssi_dbm = i8::try_from(level).unwrap_or(i8::MIN);
        let outcome = trial::run(self.walk, &gate);
        if level != now && outcome.penalty() <= self.outcome.penalty() {
            self.adopt(gate, outcome, format!("min_rssi = \"{level} dBm\""), reason);
        }
    }

    /// What makes fewer mistakes over the same reads.
    fn tuning(&mut self) {
        for _ in 0..STEPS {
            if self.outcome.penalty() == 0 {
                return;
            }
            let tried = candidates(&self.gate.tuning)
                .into_iter()
                .map(|(line, tuning)| {
                    let gate = GateConfig {
                        tuning,
                        ..self.gate.clone()
                    };
                    let outcome = trial::run(self.walk, &gate);
                    (outcome, line, gate)
                });
            let best = tried.min_by_key(|(outcome, _, _)| outcome.penalty());
            let Some((outcome, line, gate)) = best else {
                return;
            };
            if outcome.penalty() >= self.outcome.penalty() {
                return;
            }
            let reason = format!(
                "over the same reads it tells {} passes rightly instead of {}, with {} movements too many instead of {}",
                outcome.right(),
                self.outcome.right(),
                outcome.extra,
                self.outcome.extra
            );
            self.adopt(gate, outcome, line, reason);
        }
    }

    /// Too quiet for the goods, or loud enough to hear what stands about.
    fn power(&mut self, antennas: &[Antenna]) {
        let mut readers: BTreeMap<&str, Vec<(u16, f64, String)>> = BTreeMap::new();
        for antenna in antennas {
            if let Some((by, reason)) = self.verdict(antenna) {
                let changes = readers.entry(&antenna.device).or_default();
                changes.push((antenna.antenna, by, reason));
            }
        }
        for (device, changes) in readers {
            let (line, reason) = self.powers(device, &changes);
            let section = format!("[llrp.{device}]");
            self.proposals.push(Proposal {
                section,
                line,
                reason,
            });
        }
    }

    /// By how much an antenna should be louder, dB, and why.
    fn verdict(&self, antenna: &Antenna) -> Option<(f64, String)> {
        let min_rssi = i16::from(self.gate.tuning.min_rssi_dbm);
        let (read, all) = antenna.read;
        if ratio(read as u64, all as u64) < SEES_ENOUGH {
            let reason = format!(
                "it read the goods in only {read} of {all} passes of a tag; if more power does not help, look at its cable and where it points"
            );
            return Some((POWER.0, reason));
        }
        let sum = |histogram: &super::Histogram| histogram.values().sum::<u64>();
        let (goods, strays) = (sum(&antenna.goods), sum(&antenna.strays));
        let share = ratio(strays, goods + strays);
        let peak = antenna.median_peak?;
        (share >= STRAY_SHARE && i16::from(peak) - min_rssi > LOUD_DB).then(|| {
            let reason = format!(
                "{:.0} % of its reads are of what stands about, and goods are loud enough (median {peak} dBm) to bear less",
                share * 100.0
            );
            (-POWER.0, reason)
        })
    }

    /// The setting with these changes, if it is known whole; else what to do by hand.
    fn powers(&self, device: &str, changes: &[(u16, f64, String)]) -> (String, String) {
        let known = self.walk.power_dbm.iter();
        let mut powers: BTreeMap<u16, f64> = known
            .filter(|((name, _), _)| name == device)
            .map(|((_, port), power)| (*port, *power))
            .collect();
        let (mut by_hand, mut reasons, mut changed) = (Vec::new(), Vec::new(), false);
        for (port, by, reason) in changes {
            reasons.push(format!("antenna {port}: {reason}"));
            match powers.get_mut(port) {
                Some(power) if *power + by <= POWER.1 => {
                    *power += by;
                    changed = true;
                }
                Some(power) => by_hand.push(format!(
                    "# antenna {port}: its power is at its end ({power} dBm); turn it towards the goods, or add another"
                )),
                None => by_hand.push(format!(
                    "# antenna {port}: {} its power by {} dB; its present power stands on the reader, see `antennas`",
                    if *by > 0.0 { "raise" } else { "lower" },
                    by.abs()
                )),
            }
        }
        if changed {
            let ports = powers
                .iter()
                .map(|(port, power)| format!("{port} = \"{power} dBm\""));
            let ports: Vec<String> = ports.collect();
            by_hand.push(format!("antennas = {{ {} }}", ports.join(", ")));
        }
        (by_hand.join("\n"), reasons.join("\n# "))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a walk are small")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / (whole as f64).max(1.0)
}

/// Settings one step away, with their lines.
fn candidates(now: &Tuning) -> Vec<(String, Tuning)> {
    let mut all = Vec::new();
    let mut add = |line: String, change: &dyn Fn(&mut Tuning)| {
        let mut tuning = now.clone();
        change(&mut tuning);
        if tuning != *now {
            all.push((line, tuning));
        }
    };
    for level in [0.15, 0.2, 0.25, 0.3, 0.4, 0.5] {
        add(format!("side_level = {level}"), &|it| it.side_level = level);
    }
    for hold in [100, 250, 400, 600, 900] {
        add(format!("side_hold = \"{hold}ms\""), &|it| {
            it.side_hold = Span::millis(hold);
        });
    }
    for tau in [300, 450, 700, 1000] {
        add(format!("side_tau = \"{tau}ms\""), &|it| {
            it.side_tau = Span::millis(tau);
        });
    }
    for tags in [1, 2, 3] {
        add(format!("min_tags = {tags}"), &|it| it.min_tags = tags);
    }
    for share in [0.2, 0.35, 0.5] {
        add(format!("flip_ratio = {share}"), &|it| it.flip_ratio = share);
    }
    for gap in [700, 1300, 2000] {
        add(format!("load_gap = \"{gap}ms\""), &|it| {
            it.load_gap = Span::millis(gap);
        });
    }
    all
}
