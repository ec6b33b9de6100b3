//! Answers of xAI's Responses.

use models::wire::xai;
use models::wire::xai::{Applied, Reading};

const MODEL: &str = "grok-4.7";

/// A response that is read keeps its bytes, and reads the same again.
pub fn run(data: &[u8]) {
    let mut reading = Reading::default();
    for frame in crate::stream::frames(data) {
        match reading.apply(&frame, MODEL) {
            Ok(Applied::Wrote(_)) => assert!(reading.is_begun()),
            Ok(Applied::Done(raw)) => {
                read(raw);
                break;
            }
            Err(_) => break,
        }
    }
    read(crate::text(data));
}

fn read(raw: String) {
    let first = xai::answer(raw.clone(), MODEL);
    if let Ok(answer) = &first {
        assert_eq!(answer.raw, raw);
        assert_eq!(xai::answer(raw, MODEL), first);
    }
}
