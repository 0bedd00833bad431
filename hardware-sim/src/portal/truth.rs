//! What really happened, read off the ways of the bodies: nobody has to declare a movement.

use tracegate_pipeline::config::{Direction, Side};

use super::goods::{Body, BodyKind, TagIndex};
use super::site::Gate;

/// Two bodies of one trip that pass within this are one movement.
const TOGETHER_S: f64 = 4.0;

/// A load that passed a gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Movement {
    /// Which gate, as an index in the order of their names.
    pub read_point: usize,
    /// Which way.
    pub direction: Direction,
    /// The goods' tags, in order.
    pub(super) tags: Vec<TagIndex>,
    /// Those of them that were read at the gate around the passage, in order.
    pub(super) read: Vec<TagIndex>,
    /// When the middle of the load left the settled place on its side of origin, seconds of the day.
    pub from_s: f64,
    /// When it crossed the line for the last time.
    pub crossed_s: f64,
    /// When it reached the settled place on the other side: the end of the passage.
    pub to_s: f64,
}

/// All movements of `bodies`, in order of their end. `tags_of` tells the goods' tags of a body.
pub(super) fn movements(
    gates: &[Gate],
    bodies: &[Body],
    tags_of: impl Fn(&Body) -> Vec<TagIndex>,
) -> Vec<Movement> {
    let mut found: Vec<(u32, Movement)> = Vec::new();
    for body in bodies.iter().filter(|body| body.kind == BodyKind::Load) {
        for passage in passages(gates, body) {
            let tags = tags_of(body);
            let twin = found.iter_mut().find(|(trip, other)| {
                *trip == body.trip
                    && (other.read_point, other.direction)
                        == (passage.read_point, passage.direction)
                    && (other.crossed_s - passage.crossed_s).abs() < TOGETHER_S
            });
            if let Some((_, other)) = twin {
                other.tags.extend(tags);
                other.tags.sort_unstable();
                other.from_s = other.from_s.min(passage.from_s);
                other.to_s = other.to_s.max(passage.to_s);
            } else {
                found.push((body.trip, Movement { tags, ..passage }));
            }
        }
    }
    let mut movements: Vec<Movement> = found.into_iter().map(|(_, movement)| movement).collect();
    movements.retain(|movement| !movement.tags.is_empty());
    movements.sort_by(|a, b| a.to_s.total_cmp(&b.to_s));
    movements
}

/// A body's passages: from settled on one side to settled on the other, with the last crossing in between.
fn passages(gates: &[Gate], body: &Body) -> Vec<Movement> {
    let mut found = Vec::new();
    // Farther out than any settled place there are no marks, but the side is clear.
    let farthest = gates.iter().map(|gate| gate.settled_m).fold(0.0, f64::max);
    let mut settled: Option<(Side, f64)> = None;
    let mut crossing: Option<(usize, f64)> = None;
    for (from, to) in body.path.legs() {
        if settled.is_none() && from.x.abs() >= farthest {
            settled = Some((side_of(from.x), from.at));
        }
        let run = to.x - from.x;
        let when = |x: f64| from.at + (x - from.x) / run * (to.at - from.at);
        // What happens on this piece, in order of time: 0 is the line, else the side of the settled place.
        let mut marks: Vec<(f64, Option<Side>, usize)> = Vec::new();
        for (index, gate) in gates.iter().enumerate() {
            let sides = [
                (gate.settled_m, Some(Side::Inside)),
                (-gate.settled_m, Some(Side::Outside)),
            ];
            let levels = sides.into_iter().chain([(0.0, None)]);
            for (x, side) in levels {
                let within = from.x.min(to.x) <= x && x <= from.x.max(to.x);
                if within && run.abs() > 1e-9 {
                    marks.push((when(x), side, index));
                }
            }
        }
        marks.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (at, mark, gate) in marks {
            match mark {
                None => {
                    let y = body.path.position(at).map_or(f64::MAX, |(_, y)| y);
                    let through = gates
                        .get(gate)
                        .is_some_and(|gate| (y - gate.y).abs() <= gate.half_width_m);
                    if through {
                        crossing = Some((gate, at));
                    }
                }
                Some(side) => {
                    if let (Some((origin, from_s)), Some((gate, crossed_s))) = (settled, crossing)
                        && origin != side
                    {
                        found.push(Movement {
                            read_point: gate,
                            direction: Direction::towards(side),
                            tags: Vec::new(),
                            read: Vec::new(),
                            from_s,
                            crossed_s,
                            to_s: at,
                        });
                    }
                    crossing = None;
                    settled = Some((side, at));
                }
            }
        }
    }
    found
}

fn side_of(x: f64) -> Side {
    if x >= 0.0 {
        Side::Inside
    } else {
        Side::Outside
    }
}
