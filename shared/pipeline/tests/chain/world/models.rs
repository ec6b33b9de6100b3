//! The models of the world, and what is handed in to them.

use pipeline::effect::{Effect, Entry, ModelCall, Submission};
use pipeline::model::Question;
use pipeline::{Code, Failure, UnitKey};
use serde_json::json;

use super::World;
use crate::answers::{judgement, reply, tagged, turn};

impl World {
    pub(super) fn count_call(&mut self, unit: &UnitKey, key: &str) {
        *self.calls.entry(format!("{unit} {key}")).or_default() += 1;
    }

    /// What a model says to the call under `key`.
    pub(super) fn answer(&mut self, unit: &UnitKey, key: &str, call: &ModelCall) -> Entry {
        match call {
            ModelCall::Planner(_) => {
                let attempt: usize = key[1..].parse().unwrap();
                let later = attempt.checked_sub(1);
                reply(
                    later
                        .and_then(|it| self.later_plans.get(it))
                        .unwrap_or(&self.plan),
                )
            }
            ModelCall::Reviewer(question) => self.judge(unit, question),
            ModelCall::Agent(prompt) => {
                if self.stuck.remove(&unit.name) {
                    let message = "The agent is stuck.";
                    return Entry::Failed(Failure::new(Code::AgentStuck, message));
                }
                turn(unit, prompt)
            }
        }
    }

    /// A call is paid for once it is handed in. Batches are looked for before, by a name of
    /// their own; deferred completions can not be found.
    pub(super) fn hand_in(&mut self, unit: &UnitKey, effect: &Effect, call: &ModelCall) -> Entry {
        let key = &effect.key;
        let mut ticket = format!("{unit} {key}");
        let is_batch = matches!(call, ModelCall::Agent(_));
        if !is_batch {
            ticket = format!("{ticket} {}", self.handed_in.len());
        }
        if !self.handed_in.contains_key(&ticket) {
            self.count_call(unit, effect.call_key());
            self.handed_in.insert(ticket.clone(), false);
        }
        Entry::Submitted(Submission { ticket, at_unix: 1 })
    }

    /// The answer to a deferred completion can be read once.
    pub(super) fn pick_up(
        &mut self,
        unit: &UnitKey,
        effect: &Effect,
        call: &ModelCall,
        ticket: &str,
    ) -> Entry {
        let is_batch = matches!(call, ModelCall::Agent(_));
        let was_read = std::mem::replace(self.handed_in.get_mut(ticket).unwrap(), true);
        if was_read && !is_batch {
            let why = "it was read before".to_owned();
            return Entry::Lost { why };
        }
        self.answer(unit, effect.call_key(), call)
    }

    /// Assignment `a` is wrong in the first rounds; the whole always fits together.
    fn judge(&self, unit: &UnitKey, question: &Question) -> Entry {
        let asked = tagged(&question.turns[0].1, question.schema_name);
        let mut answer = if question.schema_name == "integration" {
            let contracts = asked["contracts"].as_array().unwrap().iter();
            let kept = contracts
                .map(|item| json!({"id": item["id"], "verdict": "kept", "evidence": "read"}))
                .collect::<Vec<_>>();
            json!({"contracts": kept, "findings": [], "overall": "approve", "confidence": "high"})
        } else {
            judgement(&asked, unit.round <= self.defects)
        };
        let earlier = asked["earlier_findings"].as_array().unwrap();
        if !earlier.is_empty() {
            let state = if unit.round <= self.defects {
                "open"
            } else {
                "resolved"
            };
            let marks = earlier.iter();
            let marks = marks.map(|finding| json!({"id": finding["id"], "state": state}));
            answer["earlier"] = marks.collect();
        }
        reply(&answer)
    }
}
