//! Answers of Anthropic: streams, batches, errors.

use models::wire::anthropic::batch::{answer, batch, outcome, page};
use models::wire::anthropic::{Applied, Assembly, blocks};
use models::wire::faults::from_status;

const MODEL: &str = "claude-sonnet-5-5";

/// An answer that is put together can be sent back: it is a JSON array of the blocks it says.
pub fn run(data: &[u8]) {
    let mut assembly = Assembly::new(MODEL);
    for frame in crate::stream::frames(data) {
        match assembly.apply(&frame) {
            Ok(Applied::Event(_)) => {
                let _ = assembly.billed();
            }
            Ok(Applied::Done) => {
                if let Ok(answer) = assembly.finish() {
                    assert_eq!(blocks(&answer.content).unwrap(), answer.blocks);
                }
                break;
            }
            Err(_) => break,
        }
    }
    others(data);
}

fn others(data: &[u8]) {
    let text = crate::text(data);
    let _ = (batch(&text), page(&text));
    for line in text.lines() {
        let _ = outcome(line, "a");
    }
    if let Ok(raw) = serde_json::from_str::<Box<serde_json::value::RawValue>>(&text)
        && let Ok(answer) = answer(&raw, MODEL)
    {
        assert_eq!(blocks(&answer.content).unwrap(), answer.blocks);
    }
    for status in [400, 401, 429, 500, 529] {
        let _ = from_status(status, data, MODEL);
    }
}
