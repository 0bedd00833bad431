//! Photo-eyes: two beams across each dock door, just outside and just inside the line.

use tracegate_pipeline::config::{GateEye, Side};

use super::delivery::{Arrival, Clock, Outage, gateway_time, seconds};
use super::dice::Dice;
use super::goods::Body;
use super::site::Gate;
use tracegate_pipeline::Time;

/// From the door line to each beam.
const BEAM_M: f64 = 0.3;

/// A beam was interrupted or came free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EyeEdge {
    /// Gateway time.
    pub at: Time,
    /// Which gate.
    pub read_point: usize,
    /// Which of its two eyes.
    pub side: Side,
    /// Interrupted, or free again.
    pub blocked: bool,
}

/// All edges of the day. Belts have no eyes.
pub(super) fn eye_edges(gates: &[Gate], bodies: &[Body], length_s: f64) -> Vec<EyeEdge> {
    let mut edges = Vec::new();
    for (read_point, gate) in gates.iter().enumerate().filter(|(_, gate)| !gate.belt) {
        for (side, beam) in [(Side::Outside, -BEAM_M), (Side::Inside, BEAM_M)] {
            let mut spans: Vec<(f64, f64)> = Vec::new();
            for body in bodies {
                spans.extend(interruptions(body, gate, beam, length_s));
            }
            spans.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut merged: Vec<(f64, f64)> = Vec::new();
            for (from, until) in spans {
                match merged.last_mut() {
                    Some(last) if from <= last.1 => last.1 = last.1.max(until),
                    _ => merged.push((from, until)),
                }
            }
            for (from, until) in merged {
                for (at, blocked) in [(from, true), (until, false)] {
                    edges.push(EyeEdge {
                        at: gateway_time(at),
                        read_point,
                        side,
                        blocked,
                    });
                }
            }
        }
    }
    edges.sort_by_key(|edge| edge.at);
    edges
}

/// The inputs of reader `device` that the eyes of gate `gate` are wired to: one reader stands at each door.
pub(super) fn wiring(device: u16) -> Vec<GateEye> {
    let eye = |(port, side)| GateEye {
        device,
        port,
        side,
        blocked_high: true,
    };
    [(1, Side::Outside), (2, Side::Inside)].map(eye).to_vec()
}

/// What arrives of the edges at one reader, in order of arrival. Each comes by itself, beside the reports; what happens
/// without a link is delivered after it or gone, and then the reader is asked for its inputs.
pub(super) fn eye_arrivals(
    edges: &[EyeEdge],
    clock: &Clock,
    outages: &[Outage],
    late: f64,
    dice: &mut Dice,
) -> Vec<(f64, Arrival)> {
    let input = |at: f64, edge: &EyeEdge, clock| {
        let port = if edge.side == Side::Outside { 1 } else { 2 };
        let high = edge.blocked;
        (at, Arrival::Input { port, high, clock })
    };
    let mut arrivals = Vec::new();
    let asked = |from: f64, at: f64, arrivals: &mut Vec<_>| {
        for side in [Side::Outside, Side::Inside] {
            let before = edges.iter().filter(|edge| edge.side == side);
            let last = before.take_while(|edge| seconds(edge.at) <= from).last();
            let edge = EyeEdge {
                at: gateway_time(from),
                read_point: 0,
                side,
                blocked: last.is_some_and(|edge| edge.blocked),
            };
            arrivals.push(input(at, &edge, None));
        }
    };
    asked(0.0, 0.01, &mut arrivals);
    for outage in outages {
        asked(outage.until, outage.until + 0.02, &mut arrivals);
    }
    for edge in edges {
        let at = seconds(edge.at);
        let time = Some(clock.read(at));
        let mut delay = 0.004 + dice.between(0.0, 0.02);
        if dice.chance(late) {
            delay += dice.between(0.05, 0.6);
        }
        match outages
            .iter()
            .find(|it| it.from <= at + delay && at < it.until)
        {
            None => arrivals.push(input(at + delay, edge, time)),
            Some(outage) if outage.held => arrivals.push(input(outage.until + 0.03, edge, time)),
            Some(_) => {}
        }
    }
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    arrivals
}

/// When a body stands in a beam.
fn interruptions(body: &Body, gate: &Gate, beam: f64, length_s: f64) -> Vec<(f64, f64)> {
    let half = body.size[0] / 2.0;
    let mut spans = Vec::new();
    for (from, to) in body.path.legs() {
        let run = to.x - from.x;
        let (low, high) = (beam - half, beam + half);
        let (enter, leave) = if run.abs() < 1e-9 {
            if from.x < low || from.x > high {
                continue;
            }
            (0.0, 1.0)
        } else {
            let (one, two) = ((low - from.x) / run, (high - from.x) / run);
            (one.min(two).max(0.0), one.max(two).min(1.0))
        };
        if enter >= leave {
            continue;
        }
        let middle = from.y + (enter + leave) / 2.0 * (to.y - from.y);
        let when = |share: f64| (from.at + share * (to.at - from.at)).clamp(0.0, length_s);
        let span = (when(enter), when(leave));
        if (middle - gate.y).abs() <= gate.half_width_m && span.0 < span.1 {
            spans.push(span);
        }
    }
    spans
}
