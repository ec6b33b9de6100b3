//! A response as data-only server-sent events, ended by `[DONE]`.

use serde_json::{Value, json};

use super::super::wire::fragments;

/// Characters in one delta.
const DELTA_CHARS: usize = 160;

/// The events of a finished response.
pub(super) fn events(response: &Value) -> Vec<String> {
    let mut writer = Writer::default();
    let mut opening = response.clone();
    opening["status"] = json!("in_progress");
    opening["output"] = json!([]);
    opening["usage"] = Value::Null;
    opening["incomplete_details"] = Value::Null;
    writer.send(json!({"type": "response.created", "response": opening}));
    writer.send(json!({"type": "response.in_progress", "response": opening}));
    for (index, item) in response["output"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let mut started = item.clone();
        started["status"] = json!("in_progress");
        if item["type"] == "message" {
            started["content"] = json!([]);
        }
        writer.send(
            json!({"type": "response.output_item.added", "output_index": index, "item": started}),
        );
        for part in item["content"].as_array().into_iter().flatten() {
            writer.part(index, &item["id"], part);
        }
        writer.send(
            json!({"type": "response.output_item.done", "output_index": index, "item": item}),
        );
    }
    let last = if response["status"] == "completed" {
        "response.completed"
    } else {
        "response.incomplete"
    };
    writer.send(json!({"type": last, "response": response}));
    writer.0.push("data: [DONE]\n\n".to_owned());
    writer.0
}

#[derive(Default)]
struct Writer(Vec<String>);

impl Writer {
    fn send(&mut self, mut event: Value) {
        event["sequence_number"] = json!(self.0.len());
        self.0.push(format!("data: {event}\n\n"));
    }

    fn part(&mut self, output_index: usize, id: &Value, part: &Value) {
        let at = |kind: &str| json!({"type": kind, "item_id": id, "output_index": output_index, "content_index": 0});
        let mut added = at("response.content_part.added");
        added["part"] = part.clone();
        if let Some(text) = part["text"].as_str() {
            added["part"]["text"] = json!("");
            self.send(added);
            for fragment in fragments(text, DELTA_CHARS) {
                let mut delta = at("response.output_text.delta");
                delta["delta"] = json!(fragment);
                self.send(delta);
            }
            let mut done = at("response.output_text.done");
            done["text"] = json!(text);
            self.send(done);
        } else {
            self.send(added);
        }
        let mut done = at("response.content_part.done");
        done["part"] = part.clone();
        self.send(done);
    }
}
