//! System turns for models that know none.

use super::{Rendering, Template};
use crate::domain::chat::{Speaker, Turn};

/// Words that no template writes by itself.
const PROBE: &str = "zq7-system-probe";

/// Whether `template` renders the words of a system turn. One that refuses is asked again for each conversation,
/// since it may refuse only some.
pub(super) fn knows_system(template: &Template) -> bool {
    let turn = |speaker, text: &str| Turn { speaker, text: text.to_owned() };
    let turns = [turn(Speaker::System, PROBE), turn(Speaker::User, "?")];
    let rendering = Rendering { answer_begins: true, now_ms: 0, thinking: None };
    template.render(&turns, &rendering).map_or(true, |text| text.contains(PROBE))
}

/// `turns` without system turns: their words stand before those of the first user's turn that follows them.
///
/// Words that no user's turn follows become a turn of the user, since they must not be lost.
pub(super) fn system_into_user(turns: &[Turn]) -> Vec<Turn> {
    let (mut folded, mut waiting) = (Vec::with_capacity(turns.len()), Vec::new());
    for turn in turns {
        match turn.speaker {
            Speaker::System => waiting.push(turn.text.as_str()),
            Speaker::User => {
                waiting.push(turn.text.as_str());
                folded.push(Turn { speaker: Speaker::User, text: waiting.join("\n\n") });
                waiting.clear();
            }
            Speaker::Assistant => folded.push(turn.clone()),
        }
    }
    if !waiting.is_empty() {
        folded.push(Turn { speaker: Speaker::User, text: waiting.join("\n\n") });
    }
    folded
}
