//! Who is near a reader, at any moment of the day.

use super::goods::Body;
use super::site::ReaderSite;

/// Beyond this, seen from above, no tag is heard.
pub(super) const EARSHOT_M: f64 = 9.0;
/// Time slices in which bodies are looked up.
const SLICE_S: f64 = 1.0;

/// Where a body is at one moment.
#[derive(Debug)]
pub(super) struct Present<'a> {
    /// Its index in the day's list.
    pub(super) index: usize,
    pub(super) body: &'a Body,
    pub(super) at: (f64, f64),
    pub(super) moves: bool,
}

/// The bodies that may come within earshot of a reader, by time.
pub(super) struct Floor<'a> {
    bodies: &'a [Body],
    slices: Vec<Vec<usize>>,
}

impl<'a> Floor<'a> {
    pub(super) fn new(reader: &ReaderSite, bodies: &'a [Body], length_s: f64) -> Self {
        Self {
            bodies,
            slices: slices(reader, bodies, length_s),
        }
    }

    /// Those that are there at `at`, in the order of the day's list.
    pub(super) fn present(&self, at: f64) -> Vec<Present<'a>> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time of the day is positive and small"
        )]
        let slice = (at / SLICE_S) as usize;
        let near = self.slices.get(slice).into_iter().flatten();
        near.filter_map(|index| {
            let body = &self.bodies[*index];
            Some(Present {
                index: *index,
                body,
                at: body.path.position(at)?,
                moves: body.path.moves_at(at),
            })
        })
        .collect()
    }
}

/// For each slice of the day, the bodies that may come within earshot of the reader in it.
fn slices(reader: &ReaderSite, bodies: &[Body], length_s: f64) -> Vec<Vec<usize>> {
    let middle = reader
        .ports
        .iter()
        .map(|port| port.antenna.at[1])
        .sum::<f64>()
        / reader.ports.len().max(1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times of the day are clamped to it"
    )]
    let slice = |at: f64| (at.clamp(0.0, length_s) / SLICE_S) as usize;
    let mut slices = vec![Vec::new(); slice(length_s) + 1];
    for (index, body) in bodies.iter().enumerate() {
        for number in slice(body.path.start())..=slice(body.path.end()) {
            // Positions within a slice differ by a few metres at most.
            let middle_of = (number as f64 + 0.5) * SLICE_S;
            let at = middle_of.clamp(body.path.start(), body.path.end());
            let near = body
                .path
                .position(at)
                .is_some_and(|(x, y)| x.hypot(y - middle) < EARSHOT_M + 4.0);
            if near && let Some(list) = slices.get_mut(number) {
                list.push(index);
            }
        }
    }
    slices
}
