//! Who drives where: operations one after the other at each door, people now and then, items on belts.

use super::dice::Dice;
use super::goods::{Body, BodyKind, Cause, Recipe, Warehouse};
use super::path::Path;
use super::radio::Point;
use super::site::{BELT_SPACING_M, HALF_DOOR_M};
use super::situation::{Operation, Preset};

/// Bodies come from and go to this far; no antenna hears them there.
const AWAY_M: f64 = 9.0;
/// Trucks follow the middle of their load this far behind.
const BEHIND_M: f64 = 1.7;
const TRUCK: Point = [1.6, 1.0, 2.0];
const TRUCK_DB_PER_M: f64 = 10.0;
const PERSON: Point = [0.4, 0.5, 1.8];
const PERSON_DB_PER_M: f64 = 15.0;
/// Rows of staging places between the doors, metres inside the door line.
const ROWS_M: [f64; 3] = [1.5, 2.9, 4.3];
/// Places in the trailer at each door: from the line, and aside from the lane.
const TRAILER_M: ([f64; 2], f64) = ([-3.2, -4.6], 0.9);
/// Items on a belt come into view and leave this far from the line.
const BELT_REACH_M: f64 = 2.5;

/// A place on the floor where a pallet can stand.
#[derive(Debug, Clone, Copy)]
struct Slot {
    x: f64,
    y: f64,
    taken: Option<usize>,
    /// A truck is under way to it or from it until then.
    busy_until: f64,
}

/// The day's bodies in the making.
pub(super) struct Traffic<'a> {
    preset: &'a Preset,
    dice: Dice,
    length_s: f64,
    pub(super) bodies: Vec<Body>,
    pub(super) warehouse: Warehouse,
    slots: Vec<Slot>,
    trips: u32,
}

impl<'a> Traffic<'a> {
    pub(super) fn new(preset: &'a Preset, dice: Dice, length_s: f64) -> Self {
        Self {
            preset,
            dice,
            length_s,
            bodies: Vec::new(),
            warehouse: Warehouse::default(),
            slots: Vec::new(),
            trips: 0,
        }
    }

    /// Fills the day.
    pub(super) fn run(&mut self) {
        if self.preset.mix.is_empty() {
            for belt in 0..self.preset.site.gates.len() {
                self.belt(belt);
            }
            return;
        }
        self.stage();
        let mut free: Vec<f64> = (0..self.preset.site.gates.len())
            .map(|_| self.dice.between(2.0, 15.0))
            .collect();
        // The door that is free first is next, so that places are taken and left in order of time.
        while let Some((door, at)) = (free.iter().copied().enumerate())
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .filter(|(_, at)| *at < self.length_s - 40.0)
        {
            let done = self.operate(door, at);
            free[door] = done + 2.0 + self.dice.gap(self.preset.gap_s);
        }
        for door in 0..free.len() {
            self.people(door);
        }
        let end = self.length_s + 60.0;
        for slot in &self.slots {
            if let Some(body) = slot.taken {
                self.bodies[body].path.stay_until(end);
            }
        }
    }

    fn y(&self, door: usize) -> f64 {
        self.preset.site.gates[door].y
    }

    fn stage(&mut self) {
        if self.preset.staged == 0.0 {
            return;
        }
        let doors = self.preset.site.gates.len();
        let spacing = if doors > 1 {
            self.y(1) - self.y(0)
        } else {
            3.5
        };
        let mut places = Vec::new();
        for row in ROWS_M {
            places.extend((0..=doors).map(|lane| (row, spacing * (lane as f64 - 0.5))));
        }
        for door in 0..doors {
            let (rows, aside) = TRAILER_M;
            for row in rows {
                places.extend([-aside, aside].map(|aside| (row, self.y(door) + aside)));
            }
        }
        for (x, y) in places {
            let x = x + x.signum() * self.dice.between(0.0, 0.3);
            let y = y + self.dice.between(-0.1, 0.1);
            let taken = self.dice.chance(self.preset.staged).then(|| {
                let recipe = self.preset.recipe;
                self.load(&recipe, Path::new(-60.0, x, y), 0)
            });
            self.slots.push(Slot {
                x,
                y,
                taken,
                busy_until: 0.0,
            });
        }
    }

    fn load(&mut self, recipe: &Recipe, path: Path, trip: u32) -> usize {
        let (tags, db_per_m) = self.warehouse.load(&mut self.dice, recipe);
        let trip = if trip == 0 { self.trip() } else { trip };
        self.bodies.push(Body {
            kind: BodyKind::Load,
            size: recipe.size,
            db_per_m,
            path,
            tags,
            trip,
            episodes: Vec::new(),
        });
        self.bodies.len() - 1
    }

    fn trip(&mut self) -> u32 {
        self.trips += 1;
        self.trips
    }

    fn truck(&mut self, path: Path) {
        let number = self.dice.whole(1, 12);
        let tags = self.warehouse.carrier(&mut self.dice, number);
        self.bodies.push(Body {
            kind: BodyKind::Truck,
            size: TRUCK,
            db_per_m: TRUCK_DB_PER_M,
            path,
            tags,
            trip: 0,
            episodes: Vec::new(),
        });
    }

    fn speed(&mut self) -> f64 {
        if self.dice.chance(0.15) {
            self.dice.between(0.5, 3.0)
        } else {
            self.dice.between(0.8, 2.0)
        }
    }

    /// One operation from `at` on; returns when the door is free again.
    fn operate(&mut self, door: usize, at: f64) -> f64 {
        let mix = self.preset.mix;
        let index = self.dice.weighted(mix.iter().map(|(_, weight)| *weight));
        let way = self.dice.sign();
        match mix.get(index).map_or(Operation::Pass, |(what, _)| *what) {
            Operation::Pass => self.pass(door, at, way, None),
            Operation::Pause => {
                let halt = (self.dice.between(-0.7, 0.7), self.dice.between(3.0, 15.0));
                self.pass(door, at, way, Some(halt))
            }
            Operation::Twin => self.twin(door, at, way),
            Operation::Tailgate => {
                let first = self.pass(door, at, way, None);
                let behind = self.dice.between(2.5, 5.0);
                first.max(self.pass(door, at + behind, way, None))
            }
            Operation::TurnBack => self.turn_back(door, at, way),
            Operation::Shuttle => self.shuttle(door, at, way),
            Operation::DriveBy => self.drive_by(door, at),
            Operation::PutDown => self.put_down(door, at),
            Operation::PickUp => self.pick_up(door, at),
            Operation::Handle => self.handle(door, at),
        }
    }

    /// From far away on the side of origin to the door line, a little aside.
    fn approach(&mut self, door: usize, at: f64, way: f64) -> (Path, f64) {
        let lane = self.y(door) + self.dice.between(-0.3, 0.3);
        (Path::new(at, -way * AWAY_M, lane), lane)
    }

    fn pass(&mut self, door: usize, at: f64, way: f64, halt: Option<(f64, f64)>) -> f64 {
        let speed = self.speed();
        let (mut path, lane) = self.approach(door, at, way);
        if let Some((x, seconds)) = halt {
            let there = path.go(x, lane, speed);
            path.stay_until(there + seconds);
        }
        path.go(way * 3.0, lane, speed);
        let drift = if way > 0.0 {
            self.dice.between(-3.0, 3.0)
        } else {
            0.0
        };
        path.go(way * AWAY_M, lane + drift, speed);
        self.trucked(path, way)
    }

    /// A load on this way with its truck behind; returns when it is away.
    fn trucked(&mut self, path: Path, way: f64) -> f64 {
        let (start, end) = (path.start(), path.end());
        self.truck(path.shifted(start, end, -way * BEHIND_M, 0.0));
        let recipe = self.preset.recipe;
        self.load(&recipe, path, 0);
        end
    }

    fn twin(&mut self, door: usize, at: f64, way: f64) -> f64 {
        let speed = self.dice.between(0.7, 1.5);
        let (mut path, lane) = self.approach(door, at, way);
        path.go(way * AWAY_M, lane, speed);
        let (start, end) = (path.start(), path.end());
        let (dx, dy) = if self.dice.chance(0.5) {
            (0.0, 0.42)
        } else {
            (0.62, 0.0)
        };
        let trip = self.trip();
        let recipe = self.preset.recipe;
        for sign in [1.0, -1.0] {
            let own = path.shifted(start, end, sign * dx, sign * dy);
            self.load(&recipe, own, trip);
        }
        self.truck(path.shifted(start, end, -way * (BEHIND_M + dx), 0.0));
        end
    }

    fn turn_back(&mut self, door: usize, at: f64, way: f64) -> f64 {
        let speed = self.speed();
        let (mut path, lane) = self.approach(door, at, way);
        let there = path.go(way * self.dice.between(-1.0, 0.3), lane, speed);
        path.stay_until(there + self.dice.between(0.0, 4.0));
        path.go(-way * AWAY_M, lane, speed.min(1.5));
        let end = self.trucked(path, way);
        self.excuse(at, end, Cause::TurnBack);
        end
    }

    fn shuttle(&mut self, door: usize, at: f64, way: f64) -> f64 {
        let speed = self.speed();
        let (mut path, lane) = self.approach(door, at, way);
        let there = path.go(way * self.dice.between(2.0, 5.0), lane, speed);
        path.stay_until(there + self.dice.between(3.0, 25.0));
        path.go(-way * AWAY_M, lane, speed.min(1.5));
        self.trucked(path, way)
    }

    fn drive_by(&mut self, door: usize, at: f64) -> f64 {
        let (speed, way) = (self.speed(), self.dice.sign());
        let x = self.dice.between(1.8, 3.5) * if self.dice.chance(0.85) { 1.0 } else { -1.0 };
        let middle = self.y(door);
        let mut path = Path::new(at, x, middle - way * AWAY_M);
        path.go(x, middle + way * AWAY_M, speed);
        let (start, end) = (path.start(), path.end());
        self.truck(path.shifted(start, end, 0.0, -way * BEHIND_M));
        let recipe = self.preset.recipe;
        self.load(&recipe, path, 0);
        self.excuse(at, end, Cause::DriveBy);
        end
    }

    /// The newest load makes no movement then.
    fn excuse(&mut self, from: f64, to: f64, cause: Cause) {
        if let Some(body) = self.bodies.last_mut() {
            body.episodes.push((from, to, cause));
        }
    }

    /// A place beside the door, free or taken.
    fn slot(&mut self, door: usize, at: f64, taken: bool) -> Option<usize> {
        let y = self.y(door);
        let fits = |slot: &Slot| {
            slot.taken.is_some() == taken && slot.busy_until < at && (slot.y - y).abs() < 2.5
        };
        let found: Vec<usize> = (self.slots.iter().enumerate())
            .filter(|(_, slot)| fits(slot))
            .map(|(index, _)| index)
            .collect();
        let pick = self
            .dice
            .whole(0, u32::try_from(found.len()).ok()?.checked_sub(1)?);
        found.get(pick as usize).copied()
    }

    /// Through the door to a free place; or from the same side, which is no movement.
    fn put_down(&mut self, door: usize, at: f64) -> f64 {
        let Some(index) = self.slot(door, at, false) else {
            return self.pass(door, at, 1.0, None);
        };
        let Slot { x, y, .. } = self.slots[index];
        let speed = self.speed().min(2.0);
        let through = self.dice.chance(0.7);
        let way = if through { x.signum() } else { -x.signum() };
        let (mut path, lane) = self.approach(door, at, way);
        path.go(x.signum() * x.abs().max(2.3) - 0.4 * way, lane, speed);
        path.go(x, y, 0.7 * speed);
        let (start, there) = (path.start(), path.end());
        let mut truck = path.shifted(start, there, -way * BEHIND_M, 0.0);
        truck.stay_until(there + 1.5);
        truck.go(-way * AWAY_M, lane, speed);
        let end = truck.end();
        self.truck(truck);
        let recipe = self.preset.recipe;
        let body = self.load(&recipe, path, 0);
        if !through {
            self.excuse(at, there, Cause::Handled);
        }
        let slot = &mut self.slots[index];
        (slot.taken, slot.busy_until) = (Some(body), end);
        end
    }

    fn pick_up(&mut self, door: usize, at: f64) -> f64 {
        let Some(index) = self.slot(door, at, true) else {
            return self.pass(door, at, -1.0, None);
        };
        let lane = self.y(door) + self.dice.between(-0.3, 0.3);
        let speed = self.speed().min(2.0);
        let side = self.slots[index].x.signum();
        self.take(
            index,
            at,
            &[(side * 2.5, lane), (-side * AWAY_M, lane)],
            speed,
        )
    }

    /// Moves a staged load deeper into the building, to another place, or a little.
    fn handle(&mut self, door: usize, at: f64) -> f64 {
        let Some(index) = self.slot(door, at, true) else {
            return at;
        };
        let speed = self.dice.between(0.5, 1.2);
        let Slot { x, y, taken, .. } = self.slots[index];
        let (body, side) = (taken, x.signum());
        let place = self.slot(door, at, false);
        let end = match place {
            Some(other) if self.slots[other].x * side > 0.0 && self.dice.chance(0.5) => {
                let to = self.slots[other];
                let lane = side * 2.6;
                let end = self.take(index, at, &[(lane, y), (lane, to.y), (to.x, to.y)], speed);
                let slot = &mut self.slots[other];
                (slot.taken, slot.busy_until) = (body, end);
                end
            }
            _ if self.dice.chance(0.5) => {
                let end = self.take(index, at, &[(x + side, y), (x, y)], speed);
                self.slots[index].taken = body;
                end
            }
            _ => self.take(index, at, &[(x + 2.0 * side, y), (side * AWAY_M, y)], speed),
        };
        if let Some(body) = body.and_then(|body| self.bodies.get_mut(body)) {
            body.episodes.push((at, end, Cause::Handled));
        }
        end
    }

    /// A truck comes, takes the load of a place and brings it along `stops`; the place is free then.
    fn take(&mut self, index: usize, at: f64, stops: &[(f64, f64)], speed: f64) -> f64 {
        let Slot { x, y, taken, .. } = self.slots[index];
        let Some(body) = taken else { return at };
        let behind = x.signum() * BEHIND_M;
        let mut truck = Path::new(at, x.signum() * AWAY_M, y);
        let there = truck.go(x + behind, y, 1.5);
        let path = &mut self.bodies[body].path;
        path.stay_until(there + 1.5);
        for (x, y) in stops {
            path.go(*x, *y, speed);
        }
        let (start, end) = (there + 1.5, path.end());
        let carried = path.shifted(start, end, behind, 0.0);
        truck.stay_until(start);
        for (_, to) in carried.legs() {
            truck.stay_until(truck.end());
            let (from_x, from_y) = truck.place();
            let way = (to.x - from_x).hypot(to.y - from_y);
            truck.go(to.x, to.y, (way / (to.at - truck.end()).max(0.1)).max(0.05));
        }
        self.truck(truck);
        let slot = &mut self.slots[index];
        (slot.taken, slot.busy_until) = (None, end);
        end
    }

    fn people(&mut self, door: usize) {
        let mut at = self.dice.gap(self.preset.people_s);
        while at < self.length_s {
            let way = self.dice.sign();
            let y = self.y(door) + self.dice.between(-1.0, 1.0) * (HALF_DOOR_M - 0.4);
            let mut path = Path::new(at, -way * 5.0, y);
            path.go(way * 5.0, y, self.dice.between(0.8, 1.6));
            let tags = if self.dice.chance(0.2) {
                let number = self.dice.whole(1000, 1999);
                self.warehouse.carrier(&mut self.dice, number)
            } else {
                0..0
            };
            self.bodies.push(Body {
                kind: BodyKind::Person,
                size: PERSON,
                db_per_m: PERSON_DB_PER_M,
                path,
                tags,
                trip: 0,
                episodes: Vec::new(),
            });
            at += self.dice.gap(self.preset.people_s);
        }
    }

    /// Items one after the other; now and then the belt stands still with all that is on it.
    fn belt(&mut self, belt: usize) {
        let way = if belt == 0 { 1.0 } else { -1.0 };
        let y = belt as f64 * BELT_SPACING_M;
        let speed = self.dice.between(0.4, 0.8);
        let mut stops: Vec<(f64, f64)> = Vec::new();
        let mut at = self.dice.gap(180.0);
        while at < self.length_s {
            let until = at + self.dice.between(2.0, 8.0);
            stops.push((at, until));
            at = until + 5.0 + self.dice.gap(180.0);
        }
        let mut at = self.dice.between(1.0, 4.0);
        while at < self.length_s - 40.0 {
            let mut recipe = self.preset.recipe;
            if self.dice.chance(0.2) {
                recipe.tags = (2, 3);
            }
            let aside = y + self.dice.between(-0.05, 0.05);
            let mut path = Path::new(at, -way * BELT_REACH_M, aside);
            for (from, until) in stops.iter().filter(|(_, until)| *until > at) {
                let left = way * BELT_REACH_M - path.place().0;
                let reach = (from - path.end()).max(0.0) * speed;
                if reach >= left.abs() {
                    break;
                }
                path.go(path.place().0 + way * reach.max(1e-6), aside, speed);
                path.stay_until(*until);
            }
            path.go(way * BELT_REACH_M, aside, speed);
            self.load(&recipe, path, 0);
            let spacing = recipe.size[0] + self.dice.between(0.3, 1.0);
            let mut next = at + spacing / speed;
            // What is not yet on the belt waits with it.
            for (from, until) in &stops {
                if *from > at && *from < next {
                    next += until - from;
                }
            }
            at = next;
        }
    }
}
