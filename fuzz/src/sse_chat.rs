//! Answers of servers that speak Chat Completions.

use models::wire::anthropic::blocks;
use models::wire::chat::{Applied, Assembly, messages_answer, responses_answer};

const MODEL: &str = "qwen3-coder:30b";

/// An answer that is put together can be sent back: it is a JSON array of the blocks it says.
pub fn run(data: &[u8]) {
    let mut turn = Assembly::new(MODEL);
    for frame in crate::stream::frames(data) {
        if !matches!(turn.apply(&frame), Ok(Applied::Wrote(_))) {
            break;
        }
    }
    sent_back(turn);
    let text = crate::text(data);
    let mut whole = Assembly::new(MODEL);
    if whole.whole(&text).is_ok() {
        sent_back(whole);
    }
    let mut question = Assembly::new(MODEL);
    if question.whole(&text).is_ok() {
        assert_eq!(responses_answer(question, text.clone()).raw, text);
    }
}

fn sent_back(assembly: Assembly) {
    let _ = assembly.billed();
    let answer = messages_answer(assembly).expect("an answer can be written");
    assert_eq!(blocks(&answer.content).unwrap(), answer.blocks);
}
