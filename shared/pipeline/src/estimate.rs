//! What carrying out a plan will probably take. A guess from sizes, made before anything is
//! spent; it binds nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::SUM_MAX;
use crate::plan::{Assignment, Plan};
use crate::plan_rules;

/// Prices of a model in micro-USD for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// For tokens read.
    pub input: u64,
    /// For tokens read again, from the service's cache.
    pub cached: u64,
    /// For tokens written.
    pub output: u64,
}

/// Prices of the models that carry out a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of the reviewer.
    pub reviewer: Rate,
    /// Of the agents.
    pub agents: Rate,
}

/// What carrying out a plan will probably take, from its first agent to the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Agents that are started, rework not counted.
    pub agents: u64,
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Millionths of a US dollar.
    pub cost_micro_usd: u64,
    /// Minutes by the clock.
    pub minutes: u64,
}

/// What one assignment takes.
struct Work {
    turns: u64,
    output: u64,
    seconds: u64,
}

/// Tokens of the rules and the tools that every turn of an agent begins with.
const RULES_TOKENS: u64 = 3_500;
/// Tokens of a judgement's rules, its question left out.
const REVIEW_TOKENS: u64 = 1_500;
/// Tokens that a judgement writes, reasoning included.
const JUDGEMENT_TOKENS: u64 = 2_000;
/// Seconds of a review: its judgements run at the same time.
const REVIEW_SECONDS: u64 = 40;
/// Seconds of the release and the deployment.
const DELIVERY_SECONDS: u64 = 60;
/// Of a hundred assignments so many are done once more after a review.
const REWORK_PERCENT: u64 = 25;
/// Bytes of a token, of plans and code.
const TOKEN_BYTES: u64 = 4;
/// Tokens for which a [`Rate`] is given.
const RATE_TOKENS: u128 = 1_000_000;

/// By size; one that is none of the three counts as the middle one.
fn work(assignment: &Assignment) -> Work {
    let (turns, output, seconds) = match assignment.size.as_str() {
        "S" => (4, 6_000, 90),
        "L" => (14, 40_000, 480),
        _ => (8, 16_000, 210),
    };
    Work {
        turns,
        output,
        seconds,
    }
}

/// What `plan` will probably take with `parallelism` agents at the same time.
pub fn estimate(plan: &Plan, parallelism: u32, rates: &Rates) -> Estimate {
    let bytes = serde_json::to_string(plan).map_or(0, |text| text.len() as u64);
    let project = RULES_TOKENS + bytes / TOKEN_BYTES;
    let mut total = Estimate {
        agents: plan.assignments.len() as u64,
        minutes: minutes(&plan.assignments, parallelism),
        ..Estimate::default()
    };
    let mut cost = 0;
    for assignment in &plan.assignments {
        let Work { turns, output, .. } = work(assignment);
        // Every turn reads the project and what was written so far; all but what is new to
        // it comes from the cache.
        let fresh = project + output;
        let cached = (turns - 1) * project + turns * output / 2;
        let judged = REVIEW_TOKENS + output;
        cost += price(&rates.agents, fresh, cached, output);
        cost += price(&rates.reviewer, judged, 0, JUDGEMENT_TOKENS);
        total.input_tokens += with_rework(fresh + cached + judged);
        total.output_tokens += with_rework(output + JUDGEMENT_TOKENS);
    }
    let cost = cost * u128::from(100 + REWORK_PERCENT) / 100;
    let cost = u64::try_from(cost.div_ceil(RATE_TOKENS)).unwrap_or(u64::MAX);
    total.cost_micro_usd = cost.min(SUM_MAX);
    total
}

const fn with_rework(amount: u64) -> u64 {
    amount * (100 + REWORK_PERCENT) / 100
}

fn price(rate: &Rate, fresh: u64, cached: u64, output: u64) -> u128 {
    let line = |tokens: u64, rate: u64| u128::from(tokens) * u128::from(rate);
    line(fresh, rate.input) + line(cached, rate.cached) + line(output, rate.output)
}

/// The first free agent takes the first assignment in the plan's order whose dependencies
/// are done, as the real ones do.
fn minutes(assignments: &[Assignment], parallelism: u32) -> u64 {
    let mut waiting = plan_rules::order(assignments);
    let mut done_at: BTreeMap<&str, u64> = BTreeMap::new();
    let mut at_work: Vec<(u64, &str)> = Vec::new();
    let mut now = 0;
    loop {
        while at_work.len() < parallelism.max(1) as usize {
            let is_ready = |item: &&Assignment| {
                let mut on = item.depends_on.iter();
                on.all(|id| done_at.contains_key(id.as_str()))
            };
            let Some(place) = waiting.iter().position(is_ready) else {
                break;
            };
            let next = waiting.remove(place);
            at_work.push((now + work(next).seconds, &next.id));
        }
        at_work.sort_unstable_by(|one, other| other.cmp(one));
        let Some((at, id)) = at_work.pop() else {
            break;
        };
        now = at;
        done_at.insert(id, at);
    }
    let seconds = with_rework(now + REVIEW_SECONDS) + DELIVERY_SECONDS;
    seconds.div_ceil(60)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::messages;

    const RATES: Rates = Rates {
        reviewer: Rate {
            input: 2_000_000,
            cached: 500_000,
            output: 6_000_000,
        },
        agents: Rate {
            input: 2_000_000,
            cached: 100_000,
            output: 10_000_000,
        },
    };

    fn plan(assignments: &[(&str, &str, &[&str])]) -> Plan {
        let one = |(id, size, depends_on): &(&str, &str, &[&str])| -> Value {
            json!({"id": id, "title": "t", "type": "ui", "specialization": "web", "estimate": "?", "priority": 1,
                "objective": "o", "depends_on": depends_on, "owns": [id], "may_read": [], "contracts": [],
                "acceptance": [{"id": "c1", "check": "c"}], "out_of_scope": [], "size": size})
        };
        let assignments: Vec<Value> = assignments.iter().map(one).collect();
        let plan = json!({"refused": "", "project_name": "p", "summary": "s", "risks": [],
            "stack": {"language": "js", "framework": "none", "build_command": "", "test_command": "", "output_dir": ".", "appwrite_kind": "static-site"},
            "shared_files": [], "contracts": [], "assignments": assignments});
        serde_json::from_value(plan).unwrap()
    }

    fn of(assignments: &[(&str, &str, &[&str])], parallelism: u32) -> Estimate {
        estimate(&plan(assignments), parallelism, &RATES)
    }

    #[test]
    fn larger_parts_take_more_of_everything() {
        let sizes = ["S", "M", "L"].map(|size| of(&[("a", size, &[])], 4));
        for pair in sizes.windows(2) {
            let [less, more] = pair else { panic!() };
            assert!(less.input_tokens < more.input_tokens);
            assert!(less.output_tokens < more.output_tokens);
            assert!(less.cost_micro_usd < more.cost_micro_usd);
            assert!(less.minutes < more.minutes);
        }
    }

    #[test]
    fn rates_that_nobody_has_are_estimated_and_told() {
        let rate = Rate {
            input: u64::MAX,
            cached: u64::MAX,
            output: u64::MAX,
        };
        let rates = Rates {
            reviewer: rate,
            agents: rate,
        };
        let mut estimate = estimate(&plan(&[("a", "L", &[])]), 1, &rates);
        assert_eq!(estimate.cost_micro_usd, SUM_MAX);
        // As a row may say.
        estimate.cost_micro_usd = u64::MAX;
        assert!(messages::estimate(&estimate).contains('$'));
    }

    #[test]
    fn agents_at_the_same_time_save_minutes_and_no_money() {
        let four = [
            ("a", "M", &[] as &[&str]),
            ("b", "M", &[]),
            ("c", "M", &[]),
            ("d", "M", &[]),
        ];
        let (one, all) = (of(&four, 1), of(&four, 4));
        assert!(one.minutes > 2 * all.minutes, "{one:?} {all:?}");
        let with = |estimate: &Estimate| (estimate.agents, estimate.cost_micro_usd);
        assert_eq!(with(&one), with(&all));
    }

    #[test]
    fn who_waits_for_another_takes_its_time_too() {
        let side_by_side = of(&[("a", "L", &[]), ("b", "L", &[])], 4);
        let in_turn = of(&[("a", "L", &[]), ("b", "L", &["a"])], 4);
        assert!(in_turn.minutes > side_by_side.minutes);
    }

    #[test]
    fn one_small_part_costs_what_its_tokens_cost() {
        let estimate = of(&[("a", "S", &[])], 4);
        assert_eq!((estimate.agents, estimate.minutes), (1, 4));
        // An answer costs most: 6,000 tokens of code and 2,000 of judgement, a quarter again.
        let answers = (6_000 * 10 + 2_000 * 6) * 5 / 4;
        assert!(estimate.cost_micro_usd > answers, "{estimate:?}");
        assert!(estimate.cost_micro_usd < 2 * answers, "{estimate:?}");
        let free = super::estimate(&plan(&[("a", "S", &[])]), 4, &Rates::default());
        assert_eq!(free.cost_micro_usd, 0);
    }
}
