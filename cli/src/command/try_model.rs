//! `orchestrator try`: one model call, alone.

use std::process::ExitCode;

use anyhow::Context;
use models::{
    Anthropic, InputMessage, InputRole, Message, MessagesRequest, ResponsesRequest, Role, Settings,
    Xai,
};
use secrecy::SecretString;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::args::{Service, TryArgs};
use crate::environment::Environment;
use crate::hosting::{Services, point_at, scripted_models};
use crate::output::Output;
use crate::summary::usd;
use crate::trouble::Exit;

const ANSWER_TOKENS_MAX: u32 = 8_000;

/// Asks one model and prints its answer, what served it and what it cost.
///
/// # Errors
/// The service refuses or does not answer.
pub(crate) async fn try_model(args: &TryArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
    let mut environment = Environment::read()?;
    let services = Services::of(&environment);
    let scripted = scripted_models(Default::default()).await?;
    point_at(&mut environment, &scripted, services);
    let [grok, claude, _] = services.lines();
    let is_scripted = match args.service {
        Service::Grok => !services.grok,
        Service::Claude => !services.claude,
    };
    let result = match args.service {
        Service::Grok => {
            output.note(&grok);
            ask_grok(&environment, &args.prompt).await
        }
        Service::Claude => {
            output.note(&claude);
            ask_claude(&environment, &args.prompt).await
        }
    };
    scripted.shutdown().await;
    let (text, model, cost_micro_usd) = result?;
    let usd = usd(cost_micro_usd);
    let charged = match is_scripted {
        true => " at list prices; nothing was charged",
        false => "",
    };
    let value = json!({"type": "answer", "text": text, "model": model, "costUsd": usd, "scripted": is_scripted});
    let cost = format!("Model {model}, ${usd:.6}{charged}");
    output.tell(&value, &[String::new(), text, String::new(), cost]);
    Ok(Exit::Done.into())
}

fn settings(
    environment: &Environment,
    key: &str,
    base_url: &str,
    base_default: &str,
) -> anyhow::Result<Settings> {
    let key = environment
        .get(key)
        .with_context(|| format!("{key} is not set"))?;
    let base = environment.get(base_url).unwrap_or(base_default);
    Ok(Settings::new(base, SecretString::from(key)))
}

async fn ask_grok(
    environment: &Environment,
    prompt: &str,
) -> anyhow::Result<(String, String, u64)> {
    let client = Xai::new(settings(
        environment,
        "GROK_API_KEY",
        "GROK_BASE_URL",
        models::XAI_BASE_URL,
    )?)?;
    let request = ResponsesRequest {
        model: environment
            .get("GROK_MODEL")
            .unwrap_or("grok-4.7")
            .to_owned(),
        instructions: String::new(),
        input: vec![InputMessage {
            role: InputRole::User,
            text: prompt.to_owned(),
        }],
        format: None,
        effort: None,
        max_output_tokens: Some(ANSWER_TOKENS_MAX),
        cache_key: None,
        output_allowance: None,
    };
    let answer = client.respond(&request).await?;
    Ok((answer.text, answer.model, answer.cost.0))
}

async fn ask_claude(
    environment: &Environment,
    prompt: &str,
) -> anyhow::Result<(String, String, u64)> {
    let client = Anthropic::new(settings(
        environment,
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        models::ANTHROPIC_BASE_URL,
    )?)?;
    let content = RawValue::from_string(json!([{"type": "text", "text": prompt}]).to_string())?;
    let request = MessagesRequest {
        model: environment
            .get("ANTHROPIC_MODEL")
            .unwrap_or("claude-sonnet-5-5")
            .to_owned(),
        max_tokens: ANSWER_TOKENS_MAX,
        system: Vec::new(),
        tools: [].into(),
        messages: vec![Message {
            role: Role::User,
            content,
        }],
        effort: None,
        cache_tail: false,
        charged_once: false,
    };
    let answer = client.create(&request, &mut |_| {}).await?;
    let blocks: Vec<Value> = serde_json::from_str(answer.content.get())?;
    let text: Vec<&str> = blocks
        .iter()
        .filter_map(|block| block["text"].as_str())
        .collect();
    Ok((text.join("\n"), answer.model, answer.cost.0))
}
