//! Reads and checks a Responses request.

use serde_json::Value;

use super::super::catalog::{Behaviour, GrokModel, grok};
use super::super::server::State;
use super::super::wire::{Reply, tokens};
use super::{error, ill_typed, invalid, schema};

/// Function tools that one request may have.
const TOOLS_MAX: usize = 350;

#[derive(Clone, Copy)]
enum Shape {
    Text,
    Flag,
    Count,
    Number,
    List,
    Object,
    TextOrList,
    TextOrObject,
    Any,
}

impl Shape {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Count => value.is_u64(),
            Self::Number => value.is_number(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::TextOrList => value.is_string() || value.is_array(),
            Self::TextOrObject => value.is_string() || value.is_object(),
            Self::Any => true,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Flag => "a boolean",
            Self::Count => "u32",
            Self::Number => "f32",
            Self::List => "a sequence",
            Self::Object => "a map",
            Self::TextOrList => "a string or a sequence",
            Self::TextOrObject => "a string or a map",
            Self::Any => "any value",
        }
    }
}

const FIELDS: &[(&str, Shape)] = &[
    ("model", Shape::Text),
    ("input", Shape::TextOrList),
    ("instructions", Shape::Text),
    ("text", Shape::Object),
    ("reasoning", Shape::Object),
    ("reasoning_effort", Shape::Text),
    ("tools", Shape::List),
    ("tool_choice", Shape::TextOrObject),
    ("parallel_tool_calls", Shape::Flag),
    ("max_output_tokens", Shape::Count),
    ("store", Shape::Flag),
    ("include", Shape::List),
    ("prompt_cache_key", Shape::Text),
    ("previous_response_id", Shape::Text),
    ("stream", Shape::Flag),
    ("temperature", Shape::Number),
    ("top_p", Shape::Number),
    ("service_tier", Shape::Text),
    ("safety_identifier", Shape::Text),
    ("max_turns", Shape::Count),
    ("user", Shape::Text),
    ("background", Shape::Flag),
    ("metadata", Shape::Object),
    ("truncation", Shape::Text),
    ("context_management", Shape::Any),
    ("logprobs", Shape::Flag),
    ("top_logprobs", Shape::Count),
    ("presence_penalty", Shape::Number),
    ("frequency_penalty", Shape::Number),
    ("stop", Shape::Any),
    ("search_parameters", Shape::Object),
];

/// A checked request.
pub(super) struct Request {
    pub(super) model_name: String,
    pub(super) model: GrokModel,
    pub(super) behaviour: Behaviour,
    pub(super) instructions: String,
    /// The texts of the user's messages in order.
    pub(super) texts: Vec<String>,
    /// `text.format`, null when absent.
    pub(super) format: Value,
    pub(super) stream: bool,
    pub(super) store: bool,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) prompt_cache_key: String,
    pub(super) input_tokens: u64,
    /// The request's JSON, for what is echoed.
    pub(super) body: Value,
}

type Refused<T> = Result<T, Box<Reply>>;

fn refuse<T>(reply: Reply) -> Refused<T> {
    Err(Box::new(reply))
}

impl Request {
    pub(super) fn parse(state: &State, body: Value) -> Refused<Self> {
        check_fields(&body)?;
        let model_name = body["model"].as_str().unwrap_or_default().to_owned();
        let Some((model, behaviour)) = grok(&model_name) else {
            let message = format!(
                "The model {model_name} does not exist or your team does not have access to it."
            );
            return refuse(error(404, "not-found", message));
        };
        if body["instructions"].is_string() && body["previous_response_id"].is_string() {
            return refuse(invalid(
                "`instructions` cannot be used together with `previous_response_id`.",
            ));
        }
        if let Some(id) = body["previous_response_id"].as_str() {
            return refuse(error(
                404,
                "not-found",
                format!("Response with id={id} not found."),
            ));
        }
        check_effort(&body, &model)?;
        check_tools(&body["tools"])?;
        let format = body["text"]["format"].clone();
        check_format(&format)?;
        let texts = read_input(state, &body["input"])?;
        let input_tokens = tokens(&body["input"].to_string())
            + tokens(body["instructions"].as_str().unwrap_or_default())
            + tokens(&body["tools"].to_string());
        if input_tokens > model.context {
            let message = format!(
                "This model's maximum prompt length is {} but the request contains {input_tokens} tokens.",
                model.context
            );
            return refuse(invalid(message));
        }
        Ok(Self {
            model_name,
            model,
            behaviour,
            instructions: body["instructions"].as_str().unwrap_or_default().to_owned(),
            texts,
            format,
            stream: body["stream"] == true,
            store: body["store"] != false,
            max_output_tokens: body["max_output_tokens"].as_u64(),
            prompt_cache_key: body["prompt_cache_key"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            input_tokens,
            body,
        })
    }
}

fn check_fields(body: &Value) -> Refused<()> {
    let Some(members) = body.as_object() else {
        return refuse(ill_typed("expected a map"));
    };
    for (name, value) in members {
        let Some((_, shape)) = FIELDS.iter().find(|(known, _)| known == name) else {
            return refuse(ill_typed(&format!("unknown field `{name}`")));
        };
        let optional = !["model", "input"].contains(&name.as_str());
        let is_left_out = optional && value.is_null();
        if !(is_left_out || shape.fits(value)) {
            return refuse(ill_typed(&format!(
                "{name}: invalid type, expected {}",
                shape.name()
            )));
        }
    }
    for required in ["model", "input"] {
        if !members.contains_key(required) {
            return refuse(ill_typed(&format!("missing field `{required}`")));
        }
    }
    Ok(())
}

fn check_effort(body: &Value, model: &GrokModel) -> Refused<()> {
    let effort = [&body["reasoning"]["effort"], &body["reasoning_effort"]]
        .into_iter()
        .find(|value| !value.is_null());
    let Some(effort) = effort else { return Ok(()) };
    let Some(effort) = effort.as_str() else {
        return refuse(ill_typed(
            "reasoning.effort: invalid type, expected a string",
        ));
    };
    if !["none", "minimal", "low", "medium", "high", "xhigh"].contains(&effort) {
        return refuse(ill_typed(&format!(
            "reasoning.effort: unknown variant `{effort}`"
        )));
    }
    if model.efforts.is_empty() {
        return refuse(invalid(format!(
            "Model {} does not support parameter reasoningEffort.",
            model.id
        )));
    }
    if !model.efforts.contains(&effort) {
        return refuse(invalid(format!(
            "Model {} does not support reasoningEffort `{effort}`.",
            model.id
        )));
    }
    Ok(())
}

fn check_tools(tools: &Value) -> Refused<()> {
    let tools = tools.as_array().map(Vec::as_slice).unwrap_or_default();
    if tools.len() > TOOLS_MAX {
        return refuse(invalid(format!(
            "Too many tools: {} of at most {TOOLS_MAX}.",
            tools.len()
        )));
    }
    for (index, tool) in tools.iter().enumerate() {
        let Some(kind) = tool["type"].as_str() else {
            return refuse(ill_typed(&format!("tools[{index}]: missing field `type`")));
        };
        if kind != "function" {
            continue;
        }
        if !tool["name"].is_string() {
            return refuse(ill_typed(&format!("tools[{index}]: missing field `name`")));
        }
        if let Err(reason) = schema::check(&tool["parameters"]) {
            return refuse(invalid(format!(
                "Invalid JSON schema for tool {}: {reason}",
                tool["name"]
            )));
        }
    }
    Ok(())
}

fn check_format(format: &Value) -> Refused<()> {
    match format["type"].as_str() {
        None if format.is_null() => Ok(()),
        Some("text" | "json_object") => Ok(()),
        Some("json_schema") => {
            for field in ["name", "schema"] {
                if format[field].is_null() {
                    return refuse(ill_typed(&format!("text.format: missing field `{field}`")));
                }
            }
            match schema::check(&format["schema"]) {
                Ok(()) => Ok(()),
                Err(reason) => refuse(invalid(format!(
                    "Invalid JSON schema for response format {}: {reason}",
                    format["name"]
                ))),
            }
        }
        _ => refuse(ill_typed("text.format: unknown variant")),
    }
}

/// Checks the input items and returns the texts of the user's messages.
fn read_input(state: &State, input: &Value) -> Refused<Vec<String>> {
    if let Some(text) = input.as_str() {
        return Ok(vec![text.to_owned()]);
    }
    let mut texts = Vec::new();
    let mut called: Vec<&str> = Vec::new();
    let items = input.as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return refuse(invalid("`input` must not be empty."));
    }
    for (index, item) in items.iter().enumerate() {
        let at = format!("input[{index}]");
        match item["type"].as_str().unwrap_or("message") {
            "message" => {
                let text = message_text(&at, item)?;
                if item["role"] == "user" {
                    texts.push(text);
                }
            }
            "function_call" => {
                for field in ["call_id", "name", "arguments"] {
                    if !item[field].is_string() {
                        return refuse(ill_typed(&format!("{at}: missing field `{field}`")));
                    }
                }
                called.extend(item["call_id"].as_str());
            }
            "function_call_output" => {
                let id = item["call_id"].as_str().unwrap_or_default();
                if !called.contains(&id) || !item["output"].is_string() {
                    return refuse(invalid(format!(
                        "{at}: no function call with call_id `{id}` comes before this output."
                    )));
                }
            }
            "reasoning" => {
                let content = item["encrypted_content"].as_str().unwrap_or_default();
                let is_ours = content
                    .split_once('.')
                    .is_some_and(|(text, seal)| state.seal(text) == seal);
                if !is_ours {
                    return refuse(invalid(format!(
                        "{at}: the reasoning item was dropped or edited."
                    )));
                }
            }
            "compaction" if item["encrypted_content"].is_string() => {}
            other => return refuse(ill_typed(&format!("{at}: unknown variant `{other}`"))),
        }
    }
    Ok(texts)
}

fn message_text(at: &str, item: &Value) -> Refused<String> {
    let role = item["role"].as_str().unwrap_or_default();
    if !["system", "developer", "user", "assistant"].contains(&role) {
        return refuse(ill_typed(&format!("{at}.role: unknown variant `{role}`")));
    }
    match &item["content"] {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => {
            let mut texts = Vec::new();
            for part in parts {
                let kind = part["type"].as_str().unwrap_or_default();
                match (kind, part["text"].as_str()) {
                    ("input_text" | "output_text", Some(text)) => texts.push(text),
                    ("input_image" | "input_file" | "refusal", _) => {}
                    _ => return refuse(ill_typed(&format!("{at}.content: unknown part `{kind}`"))),
                }
            }
            Ok(texts.join("\n"))
        }
        _ => refuse(ill_typed(&format!("{at}: missing field `content`"))),
    }
}
