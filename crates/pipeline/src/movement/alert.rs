//! The event of something that may not leave and moves towards the way out.

use tracegate_epcis::{Action, EventData};
use tracegate_gs1::TagIdentity;

use super::{Context, event_time, finish, short};
use crate::guard::{self, Judgement};
use crate::input::MovementEvent;

/// What was seen is that it stands there to leave, and why it may not: `gw:alert` is the rule. It is no movement.
///
/// # Errors
/// The event would not be valid; the text names the field.
pub fn alert(
    context: Context<'_>,
    tag: &TagIdentity,
    judgement: &Judgement,
) -> Result<MovementEvent, String> {
    let uri = tag.uri();
    let summary = format!("alert {}: {}", short(&uri), judgement.text());
    let time = event_time(context)?;
    let mut event = EventData::object(time, Action::Observe, vec![uri], Vec::new());
    guard::alert(judgement, &mut event);
    finish(context, event, summary)
}
