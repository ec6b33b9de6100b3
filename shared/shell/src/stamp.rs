//! Which of the seven functions an executable is.
//!
//! They differ in nothing but their stage, so `scripts/package` links only one and writes the
//! others' names into copies of it: a fat link costs half a minute of a processor.

use std::hint::black_box;

use pipeline::Stage;

/// Bytes in front of the name. `scripts/package` looks for them.
const MARK_BYTES: usize = 32;

/// The mark, and a blank place for the name of a function. It stands in an executable once.
static PLACE: [u8; MARK_BYTES + 16] = *b"this executable is the function:                ";

/// The function whose name was written into this executable; `None` for one that was linked as
/// what it is.
pub(crate) fn stage() -> Option<Stage> {
    // What the compiler can not know, it can not put in place of the read.
    named(black_box(&PLACE).get(MARK_BYTES..)?)
}

fn named(place: &[u8]) -> Option<Stage> {
    let name = place.trim_ascii_end();
    Stage::ALL
        .into_iter()
        .find(|stage| stage.function_id().as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_is_what_is_written_into_it_or_what_it_was_linked_as() {
        assert_eq!(stage(), None);
        for stage in Stage::ALL {
            let place = format!("{:16}", stage.function_id());
            assert_eq!(place.len(), PLACE.len() - MARK_BYTES, "{place}");
            assert_eq!(named(place.as_bytes()), Some(stage));
        }
        assert_eq!(named(b"planet          "), None);
    }
}
