//! Reads and checks a Messages request.

use serde_json::Value;

use super::super::agent::Message;
use super::super::catalog::{Behaviour, ClaudeModel, claude};
use super::{Refused, block, conversation, error, invalid, tools};

/// Cache breakpoints that one request may have.
const BREAKPOINTS_MAX: usize = 4;

const FIELDS: &[&str] = &[
    "model",
    "max_tokens",
    "stream",
    "system",
    "tools",
    "tool_choice",
    "messages",
    "cache_control",
    "output_config",
    "thinking",
    "metadata",
    "stop_sequences",
    "service_tier",
    "container",
    "inference_geo",
    "speed",
    "temperature",
    "top_p",
    "top_k",
    "context_management",
];

/// A checked request.
pub(super) struct Request {
    pub(super) model_name: String,
    pub(super) model: ClaudeModel,
    pub(super) behaviour: Behaviour,
    pub(super) max_tokens: u64,
    pub(super) stream: bool,
    /// Text blocks; a plain string is one block.
    pub(super) system: Vec<Value>,
    pub(super) tools: Vec<Value>,
    pub(super) messages: Vec<Message>,
    /// Whether thinking is shown as text.
    pub(super) shows_thinking: bool,
    /// The whole request.
    pub(super) body: Value,
}

impl Request {
    pub(super) fn parse(
        body: Value,
        needs_max_tokens: bool,
        is_latest_version: bool,
    ) -> Refused<Self> {
        let Some(members) = body.as_object() else {
            return invalid("The request body must be an object");
        };
        if let Some(unknown) = members.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return invalid(format!("{unknown}: Extra inputs are not permitted"));
        }
        let Some(model_name) = body["model"].as_str() else {
            return invalid("model: Field required");
        };
        let Some((model, behaviour)) = claude(model_name) else {
            return Err(Box::new(error(
                404,
                "not_found_error",
                format!("model: {model_name}"),
            )));
        };
        let max_tokens = check_max_tokens(&body, &model, needs_max_tokens)?;
        if !matches!(body["stream"], Value::Null | Value::Bool(_)) {
            return invalid("stream: Input should be a valid boolean");
        }
        check_sampling(&body, &model, is_latest_version)?;
        check_thinking(&body["thinking"], &model)?;
        check_output(&body["output_config"], &body["thinking"], &model)?;
        tools::check(&body, &model)?;
        let system = block::system(&body["system"])?;
        let messages = conversation::read(&body["messages"], &model)?;
        check_breakpoints(&body, &system, &messages)?;
        Ok(Self {
            model_name: model_name.to_owned(),
            model,
            behaviour,
            max_tokens,
            stream: body["stream"] == true,
            system,
            tools: body["tools"].as_array().cloned().unwrap_or_default(),
            messages,
            shows_thinking: body["thinking"]["display"] == "summarized",
            body,
        })
    }

    /// The texts of the system blocks.
    pub(super) fn system_texts(&self) -> Vec<String> {
        self.system
            .iter()
            .filter_map(|block| block["text"].as_str())
            .map(str::to_owned)
            .collect()
    }
}

fn check_max_tokens(body: &Value, model: &ClaudeModel, is_needed: bool) -> Refused<u64> {
    match &body["max_tokens"] {
        Value::Null if is_needed => invalid("max_tokens: Field required"),
        Value::Null => Ok(model.output_max),
        value => match value.as_u64() {
            None => invalid("max_tokens: Input should be a valid integer"),
            Some(count) if count > model.output_max => invalid(format!(
                "max_tokens: {count} > {}, which is the maximum allowed number of output tokens for {}",
                model.output_max, model.id
            )),
            Some(count) => Ok(count),
        },
    }
}

fn check_sampling(body: &Value, model: &ClaudeModel, is_latest_version: bool) -> Refused<()> {
    for name in ["temperature", "top_p", "top_k"] {
        if body[name].is_null() {
            continue;
        }
        if model.is_newest || is_latest_version {
            return invalid(format!("`{name}` is not supported for this model."));
        }
        if !body[name].is_number() {
            return invalid(format!("{name}: Input should be a valid number"));
        }
    }
    Ok(())
}

fn check_thinking(thinking: &Value, model: &ClaudeModel) -> Refused<()> {
    if thinking.is_null() {
        return Ok(());
    }
    let kind = thinking["type"].as_str().unwrap_or_default();
    if !["adaptive", "disabled", "enabled", "between_tools"].contains(&kind) {
        return invalid(format!(
            "thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        ));
    }
    if !model.thinking.contains(&kind) {
        return invalid(format!(
            "\"thinking.type.{kind}\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior."
        ));
    }
    if kind == "enabled"
        && thinking["budget_tokens"]
            .as_u64()
            .is_none_or(|budget| budget < 1_024)
    {
        return invalid(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        );
    }
    if !matches!(
        thinking["display"].as_str(),
        None | Some("summarized" | "omitted")
    ) {
        return invalid("thinking.display: Input should be 'summarized' or 'omitted'");
    }
    Ok(())
}

fn check_output(output: &Value, thinking: &Value, model: &ClaudeModel) -> Refused<()> {
    if output.is_null() {
        return Ok(());
    }
    if let Some(unknown) = output.as_object().and_then(|members| {
        members
            .keys()
            .find(|name| !["effort", "format"].contains(&name.as_str()))
    }) {
        return invalid(format!(
            "output_config.{unknown}: Extra inputs are not permitted"
        ));
    }
    if let Some(effort) = output["effort"].as_str() {
        if !["low", "medium", "high", "xhigh", "max"].contains(&effort) {
            return invalid(
                "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
            );
        }
        let is_too_high = thinking["type"] == "between_tools" && ["xhigh", "max"].contains(&effort);
        if !model.has_effort
            || is_too_high
            || (model.id == "claude-sonnet-4-6" && effort == "xhigh")
        {
            return invalid(format!(
                "output_config.effort: \"{effort}\" is not supported for this model."
            ));
        }
    } else if !output["effort"].is_null() {
        return invalid("output_config.effort: Input should be a valid string");
    }
    if !output["format"].is_null() {
        if output["format"]["type"] != "json_schema" {
            return invalid("output_config.format.type: Input should be 'json_schema'");
        }
        tools::check_schema("output_config.format.schema", &output["format"]["schema"])?;
    }
    Ok(())
}

fn check_breakpoints(
    body: &Value,
    system: &[Value],
    messages: &[super::super::agent::Message],
) -> Refused<()> {
    let tools = body["tools"].as_array().into_iter().flatten();
    let blocks = messages.iter().flat_map(|message| &message.blocks);
    let mut controls: Vec<&Value> = tools
        .chain(system)
        .chain(blocks)
        .map(|block| &block["cache_control"])
        .filter(|control| !control.is_null())
        .collect();
    if !body["cache_control"].is_null() {
        controls.push(&body["cache_control"]);
    }
    if controls.len() > BREAKPOINTS_MAX {
        return invalid(format!(
            "A maximum of {BREAKPOINTS_MAX} blocks with cache_control may be provided. Found {}.",
            controls.len()
        ));
    }
    let mut is_short = false;
    for control in controls {
        if control["type"] != "ephemeral"
            || !matches!(control["ttl"].as_str(), None | Some("5m" | "1h"))
        {
            return invalid(
                "cache_control: Input should be {\"type\": \"ephemeral\"} with ttl '5m' or '1h'",
            );
        }
        let is_long = control["ttl"] == "1h";
        if is_long && is_short {
            return invalid(
                "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.",
            );
        }
        is_short |= !is_long;
    }
    Ok(())
}
