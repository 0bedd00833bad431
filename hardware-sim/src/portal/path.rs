//! Where a body is over time.

/// A way in straight pieces, each at its own speed. Before its beginning and after its end the body is far away.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    points: Vec<Waypoint>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Waypoint {
    /// Seconds from the beginning of the day.
    pub(super) at: f64,
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Path {
    /// Begins there and then.
    pub(super) fn new(at: f64, x: f64, y: f64) -> Self {
        Self {
            points: vec![Waypoint { at, x, y }],
        }
    }

    pub(super) fn start(&self) -> f64 {
        self.points.first().map_or(0.0, |point| point.at)
    }

    pub(super) fn end(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.at)
    }

    /// Where it ends.
    pub(super) fn place(&self) -> (f64, f64) {
        self.points
            .last()
            .map_or((0.0, 0.0), |point| (point.x, point.y))
    }

    /// Goes on to (`x`, `y`) at `speed` metres a second; returns when it is there.
    pub(super) fn go(&mut self, x: f64, y: f64, speed: f64) -> f64 {
        let (from_x, from_y) = self.place();
        let at = self.end() + (x - from_x).hypot(y - from_y) / speed;
        self.points.push(Waypoint { at, x, y });
        at
    }

    /// Stands still until `at`, if that is later.
    pub(super) fn stay_until(&mut self, at: f64) {
        let (x, y) = self.place();
        if at > self.end() {
            self.points.push(Waypoint { at, x, y });
        }
    }

    /// The part between two times, beside itself by (`dx`, `dy`).
    pub(super) fn shifted(&self, from: f64, to: f64, dx: f64, dy: f64) -> Self {
        let inner = self.points.iter().filter(|p| p.at > from && p.at < to);
        let mut points: Vec<Waypoint> = inner.copied().collect();
        let edge = |at| self.position(at).map(|(x, y)| Waypoint { at, x, y });
        points.splice(0..0, edge(from));
        points.extend(edge(to));
        for point in &mut points {
            point.x += dx;
            point.y += dy;
        }
        Self { points }
    }

    pub(super) fn position(&self, at: f64) -> Option<(f64, f64)> {
        if at < self.start() || at > self.end() {
            return None;
        }
        let next = self.points.partition_point(|point| point.at <= at);
        let from = self.points.get(next.checked_sub(1)?)?;
        let Some(to) = self.points.get(next) else {
            return Some((from.x, from.y));
        };
        let share = (at - from.at) / (to.at - from.at).max(1e-9);
        Some((
            from.x + share * (to.x - from.x),
            from.y + share * (to.y - from.y),
        ))
    }

    /// The straight pieces in order.
    pub(super) fn legs(&self) -> impl Iterator<Item = (Waypoint, Waypoint)> {
        self.points
            .iter()
            .zip(self.points.iter().skip(1))
            .map(|(from, to)| (*from, *to))
    }

    pub(super) fn moves_at(&self, at: f64) -> bool {
        let next = self.points.partition_point(|point| point.at <= at);
        let ends = next
            .checked_sub(1)
            .and_then(|last| Some((self.points.get(last)?, self.points.get(next)?)));
        ends.is_some_and(|(from, to)| (to.x - from.x).hypot(to.y - from.y) > 1e-6)
    }
}
