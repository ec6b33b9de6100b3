//! Makes the response object.

use serde_json::{Value, json};

use super::super::catalog::Behaviour;
use super::super::digest::sha256_hex;
use super::super::server::State;
use super::super::structure::conform;
use super::super::wire::tokens;
use super::super::{brief::tagged, planner, reviewer};
use super::request::Request;

/// The constant time of every response, in Unix seconds.
pub(super) const CREATED_AT: u64 = 1_790_000_000;

/// Tokens that every answer spends on reasoning.
const REASONING_TOKENS: u64 = 128;
/// Longer prompts cost twice as much, in tokens.
const LONG_PROMPT_TOKENS: u64 = 200_000;
/// One nano-USD is ten ticks.
const TICKS_PER_NANO: u64 = 10;

/// What the model says.
fn content(request: &Request) -> Result<String, &'static str> {
    if request.behaviour == Behaviour::Refusal {
        return Err("I cannot help with this request.");
    }
    let schema = &request.format["schema"];
    let is_about = |tag: &str| request.texts.iter().any(|text| tagged(text, tag).is_some());
    let value = match request.format["name"].as_str() {
        Some("plan") => planner::plan(&request.texts, request.behaviour),
        Some("review") => review(request),
        Some("integration") => integration(request),
        // Without the schema's name, what is asked shows in the question.
        _ if is_about("brief") => planner::plan(&request.texts, request.behaviour),
        _ if is_about("review") => review(request),
        _ if is_about("integration") => integration(request),
        _ if request.format["type"] == "json_schema" => conform(Value::Null, schema),
        _ => {
            return Ok(
                "The scripted model plans and reviews; it holds no conversation.".to_owned(),
            );
        }
    };
    Ok(conform(value, schema).to_string())
}

fn review(request: &Request) -> Value {
    let text = request
        .texts
        .iter()
        .find(|text| tagged(text, "review").is_some());
    reviewer::review(text.map_or("", |text| text), request.behaviour)
}

fn integration(request: &Request) -> Value {
    let mut texts = request.texts.iter();
    let text = texts.find(|text| tagged(text, "integration").is_some());
    reviewer::integrate(text.map_or("", |text| text))
}

/// Makes the response. `truncated` breaks the text off as at a token limit.
pub(super) fn response(state: &State, request: &Request, truncated: bool) -> Value {
    let id = sha256_hex(request.body.to_string().as_bytes());
    let mut content = content(request);
    let mut incomplete = Value::Null;
    if let Ok(text) = &mut content {
        let limit = match request.max_output_tokens {
            Some(limit) if tokens(text) > limit => Some(limit as usize * 4),
            _ if truncated => Some(text.len() / 2),
            _ => None,
        };
        if let Some(bytes) = limit {
            text.truncate(text.floor_char_boundary(bytes));
            incomplete = json!({"reason": "max_output_tokens"});
        }
    }
    let text_tokens = content.as_ref().map_or(8, |text| tokens(text));
    let part = match &content {
        Ok(text) => json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []}),
        Err(refusal) => json!({"type": "refusal", "refusal": refusal}),
    };
    let status = if incomplete.is_null() {
        "completed"
    } else {
        "incomplete"
    };
    let seal = state.seal(&id);
    json!({
        "id": format!("resp_{}", &id[..24]), "object": "response", "created_at": CREATED_AT, "completed_at": CREATED_AT,
        "model": request.model_name, "status": status, "incomplete_details": incomplete, "error": null,
        "output": [
            {"type": "reasoning", "id": format!("rs_{}", &id[..24]), "status": "completed",
             "summary": [{"type": "summary_text", "text": "The scripted model follows its rules."}],
             "encrypted_content": format!("{id}.{seal}")},
            {"type": "message", "id": format!("msg_{}", &id[..24]), "role": "assistant", "status": status, "content": [part]},
        ],
        "usage": usage(state, request, text_tokens),
        "parallel_tool_calls": request.body["parallel_tool_calls"] != false,
        "text": {"format": if request.format.is_null() { json!({"type": "text"}) } else { request.format.clone() }},
        "tool_choice": if request.body["tool_choice"].is_null() { json!("auto") } else { request.body["tool_choice"].clone() },
        "tools": if request.body["tools"].is_null() { json!([]) } else { request.body["tools"].clone() },
        "store": request.store, "service_tier": "default", "temperature": 1, "top_p": 1, "metadata": {}, "background": false,
        "truncation": "disabled", "top_logprobs": 0, "presence_penalty": 0, "frequency_penalty": 0,
        "instructions": request.body["instructions"], "max_output_tokens": request.body["max_output_tokens"],
        "reasoning": {"effort": request.body["reasoning"]["effort"], "summary": null}, "previous_response_id": null,
    })
}

/// Usage and cost. With a cache key, instructions that were sent under it before count as cached.
pub(super) fn usage(state: &State, request: &Request, text_tokens: u64) -> Value {
    let mut cached = 0;
    if !request.prompt_cache_key.is_empty() && !request.instructions.is_empty() {
        let prefix = sha256_hex(
            format!(
                "xai\n{}\n{}\n{}",
                request.model.id, request.prompt_cache_key, request.instructions
            )
            .as_bytes(),
        );
        if state.swap_prefixes(std::slice::from_ref(&prefix), std::slice::from_ref(&prefix))
            == [true]
        {
            cached = tokens(&request.instructions);
        }
    }
    let output = text_tokens + REASONING_TOKENS;
    let (input_price, cached_price, output_price) = request.model.ticks;
    let factor = if request.input_tokens >= LONG_PROMPT_TOKENS {
        2
    } else {
        1
    };
    let ticks = factor
        * ((request.input_tokens - cached) * input_price
            + cached * cached_price
            + output * output_price);
    json!({
        "input_tokens": request.input_tokens, "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output, "output_tokens_details": {"reasoning_tokens": REASONING_TOKENS},
        "total_tokens": request.input_tokens + output, "num_sources_used": 0, "num_server_side_tools_used": 0,
        "cost_in_usd_ticks": ticks, "cost_in_nano_usd": ticks / TICKS_PER_NANO,
        "context_details": {"input_tokens": request.input_tokens, "output_tokens": output},
    })
}
