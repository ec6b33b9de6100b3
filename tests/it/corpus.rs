//! The list of known misbehaviours, row by row: which tests show what comes of each, or why
//! there is nothing to show.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Tests that show what comes of it, by their names.
type Tests = &'static [&'static str];

const PLANNER: &str = "what_a_planner_does_wrong_is_told_in_a_sentence";
const REVIEWER: &str = "what_a_reviewer_does_wrong_is_told_in_a_sentence";
const AGENT: &str = "what_an_agent_does_wrong_is_told_to_it_and_to_the_owner";
/// On the whole system.
const WHOLE: &str = "planners_and_reviewers_that_misbehave_are_told_in_a_sentence";

/// What models, and what stands between them and us, do wrong.
const ROWS: [(&str, Tests); 40] = [
    ("malformed JSON", &[PLANNER, REVIEWER]),
    (
        "plans that keep the schema and make no sense",
        &[PLANNER, WHOLE],
    ),
    ("words in another case", &[PLANNER, REVIEWER]),
    (
        "answers that are cut off",
        &[
            PLANNER,
            REVIEWER,
            AGENT,
            "row_04_truncated_stream_is_no_answer",
        ],
    ),
    (
        "arguments of tools that are no JSON",
        &[
            AGENT,
            "row_05_arguments_that_are_no_json_are_told_to_the_model",
        ],
    ),
    (
        "nothing at all",
        &[
            PLANNER,
            REVIEWER,
            AGENT,
            "row_06_empty_answer_is_an_empty_turn",
        ],
    ),
    (
        "refusals",
        &[
            PLANNER,
            REVIEWER,
            AGENT,
            WHOLE,
            "row_07_refusals_are_refusals",
        ],
    ),
    ("tools and arguments that do not exist", &[AGENT]),
    ("results that fit no call", &[AGENT]),
    (
        "a conversation that was changed",
        &[
            AGENT,
            "what_was_said_goes_back_as_it_came",
            "contents_are_sent_byte_for_byte",
        ],
    ),
    ("loops", &[AGENT]),
    ("claims to be done, and files that are not", &[AGENT]),
    (
        "paths that lead elsewhere",
        &["paths_that_lead_elsewhere_are_refused_by_every_tool"],
    ),
    (
        "files of others",
        &[AGENT, "the_wish_of_an_agent_reaches_the_reviewer"],
    ),
    ("two agents that need the same file", &[AGENT, PLANNER]),
    (
        "secrets in briefs, plans and files",
        &[
            AGENT,
            PLANNER,
            "row_16_a_brief_with_a_credential_is_refused",
            "row_16_what_holds_a_credential_is_not_released",
            "no_configured_secret_survives",
        ],
    ),
    ("files that are too large", &[AGENT]),
    ("what is no text", &[AGENT]),
    (
        "texts meant to influence who reads them",
        &[
            PLANNER,
            REVIEWER,
            WHOLE,
            "no_file_ends_its_own_delimiter",
            "text_that_stays_meant_to_influence_the_reviewer_ends_the_task",
        ],
    ),
    (
        "code that harms whoever runs it",
        &[
            AGENT,
            "row_20_harmful_files_are_blockers_whatever_the_reviewer_says",
        ],
    ),
    (
        "packages that do not exist",
        &["row_21_packages_that_nobody_installs_are_blockers"],
    ),
    (
        "too many calls",
        &[
            "a_long_wait_is_left_to_a_delayed_execution",
            "passing_failures_are_repeated",
        ],
    ),
    (
        "used-up credits",
        &[
            WHOLE,
            "spend_limits_are_not_repeated",
            "used_up_credits_are_not_repeated",
        ],
    ),
    (
        "overload, errors of the server, lost connections",
        &[
            WHOLE,
            "passing_failures_are_repeated",
            "lost_connection_is_repeated_and_unsettled",
            "retries_are_bounded",
        ],
    ),
    (
        "errors in the middle of an answer, or with status 200",
        &[
            "error_event_within_the_answer_ends_the_call",
            "row_25_error_with_status_200_is_an_error",
            "error_with_status_200_is_repeated_when_passing",
        ],
    ),
    (
        "streams without end",
        &[
            "silent_stream_times_out",
            "pings_keep_a_stream_alive_until_the_total_time",
            "endless_line_is_cut_off",
            "endless_stream_is_cut_off",
        ],
    ),
    (
        "a function that is killed during a call",
        &[
            "a_killed_function_is_made_up_for",
            "a_killed_platform_goes_on_where_it_stopped",
            "a_call_that_was_lost_with_its_execution_counts_at_its_worst",
        ],
    ),
    (
        "deliveries that come twice",
        &[
            "every_event_twice_reaches_same_end",
            "every_event_five_times_and_out_of_order_reaches_same_end",
        ],
    ),
    (
        "models that do not exist",
        &[PLANNER, REVIEWER, AGENT, WHOLE],
    ),
    (
        "parameters that a model refuses",
        &[
            "row_30_schema_that_is_refused_is_told_in_words",
            "row_30_strict_tools_that_are_refused_are_sent_without",
            "rejected_effort_is_left_out_once",
        ],
    ),
    (
        "a wrong key",
        &[
            "row_31_a_wrong_key_fails_at_once_and_is_not_shown",
            "errors_never_show_the_key",
        ],
    ),
    (
        "hidden reasoning that costs more than it may",
        &[
            "answers_are_cut_off_at_their_allowance",
            "row_32_reasoning_that_xai_leaves_out_is_counted_and_ticks_are_preferred",
            "every_call_is_reserved_for_and_settled",
        ],
    ),
    (
        "reviewers who approve everything, or nothing",
        &[
            REVIEWER,
            WHOLE,
            "a_reviewer_who_is_never_satisfied_leaves_the_best_version",
        ],
    ),
    ("findings in files that do not exist", &[REVIEWER, WHOLE]),
    // Ours, not the models': no test rests on what a real model says.
    (
        "answers that differ from time to time",
        &["row_35_equal_questions_have_equal_answers"],
    ),
    (
        "servers with gaps",
        &[
            "row_36_every_call_is_told_apart_although_all_have_index_0",
            "row_36_empty_and_repeated_ids_are_replaced",
            "row_36_arguments_may_be_an_object",
            "row_36_tool_calls_are_run_whatever_reason_is_given",
            "row_36_missing_usage_is_unsettled",
        ],
    ),
    ("line ends and quotation marks", &[AGENT]),
    ("prompts that are too long", &[AGENT, WHOLE]),
    (
        "text that belongs to somebody else",
        &["row_39_reviewers_look_for_what_belongs_to_somebody_else"],
    ),
    (
        "cancelling",
        &["row_40_cancelling_drops_the_answers_under_way_and_shows_what_they_cost"],
    ),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !["target", "node_modules", "dist"]
                .iter()
                .any(|name| path.ends_with(name))
            {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The names of functions that follow `#[test]` or one of its kind.
fn tests_in(source: &str) -> Vec<String> {
    let is_mark = |line: &str| {
        let line = line.trim();
        line.starts_with("#[test]") || line.starts_with("#[tokio::test")
    };
    let (mut found, mut is_marked, mut in_macro) = (Vec::new(), false, false);
    for line in source.lines() {
        is_marked |= is_mark(line);
        in_macro |= line.contains("proptest! {") || line.contains("proptest::proptest! {");
        let line = line.trim().trim_start_matches("async ");
        if let Some(rest) = line.strip_prefix("fn ")
            && (is_marked || in_macro)
        {
            found.push(rest.split(['(', '<']).next().unwrap().to_owned());
            is_marked = false;
        }
    }
    found
}

#[test]
fn every_row_of_the_misbehaviours_has_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for folder in ["shared", "local", "tests", "cli"] {
        sources(&root.join(folder), &mut found);
    }
    let mut known = BTreeSet::new();
    for path in found {
        known.extend(tests_in(&fs::read_to_string(path).unwrap()));
    }
    assert!(known.len() > 500, "{}", known.len());
    for (number, (what, tests)) in (1..).zip(ROWS) {
        assert!(!tests.is_empty(), "row {number}: {what}");
        for test in tests {
            assert!(
                known.contains(*test),
                "row {number}: {what}: there is no test `{test}`"
            );
        }
    }
}

/// What a corpus shows names its rows: each row that is said to be in one is.
#[test]
fn every_corpus_shows_the_rows_it_is_named_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let corpora = root.join("shared/pipeline/tests/chain/corpus/snapshots");
    for (test, folder, prefix) in [
        (PLANNER, corpora.clone(), "chain__corpus__planner__"),
        (REVIEWER, corpora.clone(), "chain__corpus__reviewer__"),
        (AGENT, corpora, "chain__corpus__agent__"),
        (WHOLE, root.join("tests/it/snapshots"), "it__misbehaviour__"),
    ] {
        let shown = fs::read_to_string(folder.join(format!("{prefix}{test}.snap"))).unwrap();
        for (number, (what, tests)) in (1..).zip(ROWS) {
            assert!(
                !tests.contains(&test) || shown.contains(&format!("row {number}: ")),
                "row {number}: {what}: not in `{test}`"
            );
        }
    }
}
