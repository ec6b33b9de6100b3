//! Server-sent events, cut into pieces.

use models::StreamFault;
use models::sse::{Decoder, Frame};

/// The events of a stream, which do not depend on how it was cut: the first byte of the input
/// says how. Events that are written are read back.
pub(crate) fn frames(data: &[u8]) -> Vec<Frame> {
    let Some((seed, stream)) = data.split_first() else {
        return Vec::new();
    };
    let whole = Decoder::new().push(stream);
    let pieces = in_pieces(stream, *seed);
    match whole {
        Ok(frames) => {
            assert_eq!(pieces, Ok(frames.clone()));
            assert_eq!(
                Decoder::new().push(written(&frames).as_bytes()),
                Ok(frames.clone())
            );
            frames
        }
        Err(fault) => {
            assert_eq!(pieces, Err(fault));
            Vec::new()
        }
    }
}

fn in_pieces(stream: &[u8], seed: u8) -> Result<Vec<Frame>, StreamFault> {
    let (mut decoder, mut frames, mut rest) = (Decoder::new(), Vec::new(), stream);
    let mut state = u32::from(seed) + 1;
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, after) = rest.split_at((1 + (state >> 28) as usize).min(rest.len()));
        frames.extend(decoder.push(piece)?);
        rest = after;
    }
    Ok(frames)
}

fn written(frames: &[Frame]) -> String {
    let mut text = String::new();
    for Frame { event, data } in frames {
        text.push_str(&format!("event: {event}\n"));
        for line in data.split('\n') {
            text.push_str(&format!("data: {line}\n"));
        }
        text.push('\n');
    }
    text
}
