//! Server-sent events: bytes in, events out. Source: WHATWG HTML, "Server-sent events".
//!
//! Invariant: the events do not depend on how the bytes were split.

use crate::error::StreamFault;

/// The longest line, and the longest sum of an event's `data` lines, in bytes.
pub const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The `event` field, empty when there was none.
    pub event: String,
    /// The `data` lines, joined by newlines.
    pub data: String,
}

/// Decodes a stream that arrives in pieces of any size.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    event: String,
    data: Option<String>,
    /// The last byte was a carriage return: a line feed belongs to it.
    after_return: bool,
    /// The byte order mark may still come.
    begun: bool,
}

impl Decoder {
    /// Returns a decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and returns the events that they complete. An event that the stream
    /// ends within is never returned.
    ///
    /// # Errors
    /// A line that is too long or not UTF-8; the decoder is useless afterwards.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, StreamFault> {
        let mut frames = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.after_return {
                self.after_return = false;
                if let Some(after) = rest.strip_prefix(b"\n") {
                    rest = after;
                    continue;
                }
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + line.len() > LINE_BYTES_MAX {
                return Err(StreamFault::LineTooLong);
            }
            self.line.extend_from_slice(line);
            let Some((terminator, after)) = after.split_first() else {
                break;
            };
            self.after_return = *terminator == b'\r';
            frames.extend(self.end_line()?);
            rest = after;
        }
        Ok(frames)
    }

    fn end_line(&mut self) -> Result<Option<Frame>, StreamFault> {
        let bytes = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&bytes).map_err(|_| StreamFault::Malformed {
            what: "a line is not UTF-8",
        })?;
        let line = if self.begun {
            text
        } else {
            text.strip_prefix('\u{feff}').unwrap_or(text)
        };
        self.begun = true;
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return Ok(self.data.take().map(|data| Frame { event, data }));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => self.add_data(value)?,
            // Comments, `id` and `retry`: we never reconnect to a stream.
            _ => {}
        }
        Ok(None)
    }

    fn add_data(&mut self, value: &str) -> Result<(), StreamFault> {
        match &mut self.data {
            None => self.data = Some(value.to_owned()),
            Some(data) if data.len() + 1 + value.len() > LINE_BYTES_MAX => {
                return Err(StreamFault::LineTooLong);
            }
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Vec<(String, String)> {
        Decoder::new()
            .push(text.as_bytes())
            .unwrap()
            .into_iter()
            .map(|frame| (frame.event, frame.data))
            .collect()
    }

    fn pair(event: &str, data: &str) -> (String, String) {
        (event.to_owned(), data.to_owned())
    }

    #[test]
    fn all_line_ends_are_understood() {
        let expected = vec![pair("a", "1"), pair("b", "2")];
        for end in ["\n", "\r", "\r\n"] {
            let text = "event: a|data: 1||event: b|data: 2||".replace('|', end);
            assert_eq!(decode(&text), expected, "{end:?}");
        }
    }

    #[test]
    fn comments_and_unknown_fields_are_ignored() {
        assert_eq!(
            decode("\u{feff}: hello\nid: 7\nretry\nevent\ndata:x\ndata: y\n\n\n"),
            vec![pair("", "x\ny")]
        );
    }

    #[test]
    fn unfinished_event_is_not_returned() {
        assert_eq!(decode("data: 1\n\ndata: 2\n"), vec![pair("", "1")]);
    }

    #[test]
    fn event_without_data_is_dropped() {
        assert_eq!(decode("event: a\n\ndata: 1\n\n"), vec![pair("", "1")]);
    }

    #[test]
    fn overlong_lines_are_refused() {
        let mut decoder = Decoder::new();
        let half = vec![b'x'; LINE_BYTES_MAX / 2];
        assert!(decoder.push(&half).is_ok());
        assert!(decoder.push(&half).is_ok());
        assert_eq!(decoder.push(b"x"), Err(StreamFault::LineTooLong));
    }

    #[test]
    fn overlong_events_are_refused() {
        let mut decoder = Decoder::new();
        let line = format!("data: {}\n", "x".repeat(LINE_BYTES_MAX / 2));
        assert!(decoder.push(line.as_bytes()).is_ok());
        assert_eq!(decoder.push(line.as_bytes()), Err(StreamFault::LineTooLong));
    }

    #[test]
    fn invalid_utf8_is_refused() {
        assert!(Decoder::new().push(b"data: \xff\n").is_err());
    }
}
