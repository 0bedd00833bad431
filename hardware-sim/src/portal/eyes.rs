//! Photo-eyes: two beams across each dock door, just outside and just inside the line.

use tracegate_pipeline::config::Side;

use super::delivery::gateway_time;
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
