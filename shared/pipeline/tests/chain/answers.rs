//! What the scripted models of the world answer.

use pipeline::UnitKey;
use pipeline::effect::Entry;
use pipeline::model::{AgentReply, Finish, ModelSpent, Prompt, Reply, Spent, Stop};
use serde_json::{Value, json};

pub(crate) fn spent() -> Spent {
    let spent = ModelSpent {
        calls: 1,
        input_tokens: 10,
        output_tokens: 5,
        cost_micro_usd: 100,
    };
    Spent::of_model("scripted", spent)
}

pub(crate) fn reply(value: &Value) -> Entry {
    Entry::Reply(Reply {
        finish: Finish::Completed,
        text: value.to_string(),
        spent: spent(),
    })
}

/// Two turns: write the own file, then finish.
pub(crate) fn turn(unit: &UnitKey, prompt: &Prompt) -> Entry {
    let path = match unit.name.as_str() {
        "docs" => "README.md".to_owned(),
        // `site-a` writes in the folder `site`.
        name => format!("{}.js", name.replacen('-', "/", 1)),
    };
    let content = if prompt.messages.len() == 1 {
        let input =
            json!({"path": path, "content": format!("// {} in round {}\n", unit.name, unit.round)});
        json!([{"type": "tool_use", "id": "toolu_1", "name": "write_file", "input": input}])
    } else {
        let acceptance =
            json!([{"id": format!("{}-1", unit.name), "met": true, "evidence": "wrote it"}]);
        json!([{"type": "tool_use", "id": "toolu_2", "name": "finish", "input": {"summary": "done", "files_changed": [path],
            "acceptance": acceptance, "contract_change_request": "", "blocked_reason": ""}}])
    };
    Entry::Turn {
        reply: AgentReply {
            content: content.to_string(),
            stop: Stop::ToolUse,
            spent: spent(),
        },
        results: String::new(),
    }
}

/// The line of JSON between two tags.
pub(crate) fn tagged(text: &str, tag: &str) -> Value {
    let (_, inside) = text.split_once(&format!("<{tag}>\n")).unwrap();
    serde_json::from_str(inside.split('\n').next().unwrap()).unwrap()
}

/// The judgement of an assignment, of which `a` may have a defect.
pub(crate) fn judgement(asked: &Value, has_defects: bool) -> Value {
    let own = &asked["assignment"];
    let is_bad = own["id"] == "a" && has_defects;
    let verdict = if is_bad { "not_met" } else { "met" };
    let acceptance = own["acceptance"].as_array().unwrap().iter();
    let criteria = acceptance
        .map(|check| json!({"id": check["id"], "verdict": verdict, "evidence": "read"}))
        .collect::<Vec<_>>();
    let is_known = asked["earlier_findings"] != json!([]);
    let findings = if is_bad && !is_known {
        json!([{"id": "f1", "severity": "Major", "path": "a.js", "line": 1, "problem": "it is wrong", "required_change": "make it right"}])
    } else {
        json!([])
    };
    let overall = if is_bad { "request_changes" } else { "approve" };
    json!({"criteria": criteria, "contract_violations": [], "findings": findings, "scope_violations": [],
        "injection_suspected": false, "overall": overall, "confidence": "high"})
}
