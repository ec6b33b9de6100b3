//! Every bound of the pipeline, by name. A test stands at each limit and one past it.

/// Characters of a task's name.
pub const NAME_CHARS_MAX: usize = 80;
/// Characters of a brief's description.
pub const DESCRIPTION_CHARS_MAX: usize = 10_000;
/// Requirements of a brief.
pub const REQUIREMENTS_MAX: usize = 100;
/// Characters of one requirement.
pub const REQUIREMENT_CHARS_MAX: usize = 1_000;
/// Bytes of a brief as JSON.
pub const BRIEF_BYTES_MAX: usize = 64 * 1024;
/// Characters of a `requestId`.
pub const REQUEST_ID_CHARS_MAX: usize = 64;
/// Largest `budgetUsd` a brief may ask for.
pub const BUDGET_USD_MAX: f64 = 10_000.0;
/// Largest `parallelism` a brief may ask for.
pub const PARALLELISM_MAX: u32 = 16;
/// Agents of one task that run at the same time unless the brief says otherwise.
pub const PARALLELISM_DEFAULT: u32 = 4;

/// Topics of a new repository: GitHub takes 20.
pub const TOPICS_MAX: usize = 20;
/// Characters of a topic.
pub const TOPIC_CHARS_MAX: usize = 50;
/// Characters of a branch's name.
pub const BRANCH_CHARS_MAX: usize = 200;

/// Files of an existing repository.
pub const REPOSITORY_PATHS_MAX: usize = 5_000;
/// Bytes of the paths of an existing repository, as JSON.
pub const REPOSITORY_PATHS_BYTES_MAX: usize = 200_000;
/// Files of an existing repository that are shown: a project has room for new ones.
pub const SHOWN_FILES_MAX: usize = 250;
/// Bytes of a file of an existing repository that is shown.
pub const SHOWN_FILE_BYTES_MAX: usize = 96 * 1024;
/// Bytes of all files of an existing repository that are shown, as JSON: with the paths they
/// fit a journal's entry.
pub const SHOWN_BYTES_MAX: usize = 600_000;
/// Paths of files that are not shown which the planner and the agents are told.
pub const UNSHOWN_TOLD_MAX: usize = 300;
/// Bytes of the files of an existing repository that the planner is told in full.
pub const PLANNER_FILES_BYTES_MAX: usize = 32 * 1024;

/// Most assignments of a plan that a brief may ask for.
pub const ASSIGNMENTS_MAX: u32 = 64;
/// Assignments of a plan unless the brief says otherwise.
pub const ASSIGNMENTS_DEFAULT_MAX: usize = 8;
/// Acceptance checks of one assignment.
pub const ACCEPTANCE_MAX: usize = 30;
/// Paths one assignment owns.
pub const OWNS_MAX: usize = 50;
/// Characters of a plan's prose fields (title, objective, check, contract).
pub const PLAN_TEXT_CHARS_MAX: usize = 8_000;
/// Characters of an assignment's type.
pub const KIND_CHARS_MAX: usize = 32;
/// Characters of an assignment's specialization, estimate, and the ids of its checks.
pub const WORD_CHARS_MAX: usize = 64;
/// Characters of a plan's command, which is shown and never executed.
pub const COMMAND_CHARS_MAX: usize = 1_000;
/// Characters of an assignment's title.
pub const TITLE_CHARS_MAX: usize = 200;
/// Bytes of a plan as JSON: it must fit its row and its journal entry.
pub const PLAN_BYTES_MAX: usize = 400_000;
/// Repair calls after a first plan that breaks the rules.
pub const PLAN_REPAIRS_MAX: u32 = 2;

/// Tables of an app's database.
pub const TABLES_MAX: usize = 20;
/// Columns of one of its tables.
pub const COLUMNS_MAX: usize = 40;
/// Indexes of one of its tables.
pub const INDEXES_MAX: usize = 16;
/// Words of an enumeration.
pub const ELEMENTS_MAX: usize = 50;
/// Characters that a string may be planned for: beyond them Appwrite keeps another kind of text.
pub const STRING_SIZE_MAX: u32 = 16_000;
/// Characters of all strings of a row: `MariaDB` takes 65,535 bytes, four for each.
pub const ROW_CHARS_MAX: u32 = 16_000;
/// Characters of the strings of an index: `MariaDB` takes 768 bytes, four for each.
pub const INDEXED_CHARS_MAX: u32 = 190;
/// Functions of an app.
pub const FUNCTIONS_MAX: usize = 8;
/// Characters of a function's id: it is part of a public address.
pub const FUNCTION_ID_CHARS_MAX: usize = 20;

/// Bytes of one file.
pub const FILE_BYTES_MAX: usize = 256 * 1024;
/// Files of a project.
pub const FILES_MAX: usize = 300;
/// Bytes of all files of a project.
pub const PROJECT_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Bytes of a path.
pub const PATH_BYTES_MAX: usize = 1_024;
/// Bytes of one segment of a path.
pub const PATH_SEGMENT_BYTES_MAX: usize = 255;
/// Segments of a path.
pub const PATH_DEPTH_MAX: usize = 20;

/// Model turns of one agent.
pub const AGENT_TURNS_MAX: u32 = 40;
/// Tool calls of one agent.
pub const AGENT_TOOL_CALLS_MAX: usize = 120;
/// Tool calls in a row that may be malformed before the agent is stopped.
pub const AGENT_INVALID_CALLS_MAX: usize = 3;
/// Times an agent may make the very same call before it is stopped as stuck.
pub const AGENT_SAME_CALL_MAX: usize = 4;
/// Times an agent may make each of two calls in turns before it is stopped as stuck.
pub const AGENT_ALTERNATIONS_MAX: usize = 3;
/// Turns without a change, after the first one, until an agent is told so; after as many
/// again it is stopped.
pub const AGENT_IDLE_TURNS_MAX: usize = 3;
/// Turns or tool calls left from which on an agent is told how many they are.
pub const AGENT_LEFT_TOLD_MAX: u32 = 5;
/// Output tokens an agent may use in one turn.
pub const AGENT_MAX_TOKENS: u32 = 64_000;
/// Output tokens of all turns of one agent; the turn that passes it is its last.
pub const AGENT_OUTPUT_TOKENS_MAX: u64 = 200_000;
/// What one agent may cost, in millionths of a US dollar; the turn that passes it is its last.
pub const AGENT_COST_MICRO_USD_MAX: u64 = 3_000_000;
/// Answers of one agent that may be cut off: after the first it is asked again with more
/// room, after the second for smaller pieces.
pub const AGENT_TRUNCATIONS_MAX: u32 = 2;
/// Times another model takes over because the first one declined.
pub const AGENT_REFUSALS_MAX: u32 = 1;
/// Input tokens of one turn after which an agent goes on in a new conversation.
pub const AGENT_CONTEXT_TOKENS_MAX: u64 = 150_000;
/// New conversations of one agent because the one before was too long.
pub const AGENT_HANDOVERS_MAX: u32 = 3;
/// Times a conversation may be too long even for the model.
pub const AGENT_OVERFLOWS_MAX: u32 = 1;
/// Characters of an agent's last words that the next conversation is told.
pub const HANDOVER_WORDS_CHARS_MAX: usize = 2_000;
/// Bytes quoted of tool arguments that are no JSON.
pub const INVALID_JSON_BYTES_MAX: usize = 2 * 1024;
/// Characters kept of what an agent wishes a contract said.
pub const CONTRACT_REQUEST_CHARS_MAX: usize = 1_000;
/// Nudges for an agent that ends its turn without `finish`.
pub const AGENT_NUDGES_MAX: usize = 1;
/// Characters of encoded data without a break that a file may hold.
pub const BLOB_CHARS_MAX: usize = 4_096;
/// A file that becomes smaller than this part of itself draws a warning, in percent.
pub const SHRINKS_TO_PERCENT_MIN: usize = 40;
/// Lines `read_file` returns at most.
pub const READ_LINES_MAX: usize = 400;
/// Bytes `read_file` returns at most.
pub const READ_BYTES_MAX: usize = 48 * 1024;
/// Paths `list_files` returns at most.
pub const LIST_FILES_MAX: usize = 500;
/// Matches `search_files` returns at most.
pub const SEARCH_MATCHES_MAX: usize = 100;

/// Review rounds of a generation, the first included.
pub const REVIEW_ROUNDS_MAX: u32 = 3;
/// Findings kept from one judgement.
pub const FINDINGS_MAX: usize = 15;
/// Characters kept of what a finding says is wrong, and of what it wants changed.
pub const FINDING_CHARS_MAX: usize = 1_500;
/// Characters of a review's findings in its row.
pub const FINDINGS_COLUMN_CHARS_MAX: usize = 60_000;
/// Bytes of the files that are shown with one question to the reviewer.
pub const REVIEWED_BYTES_MAX: usize = 1_000_000;
/// Repair calls for one malformed judgement.
pub const JUDGEMENT_REPAIRS_MAX: u32 = 1;

/// The largest sum of tokens, of money or of requests: what the columns of rows hold, and a
/// browser reads exactly. Whatever a service says it has counted, sums end here.
pub const SUM_MAX: u64 = (1 << 53) - 1;

/// Commands of one task.
pub const COMMANDS_MAX: usize = 100;
/// Facts of one task: every unit's end lists them all.
pub const FACTS_MAX: usize = 3_000;
/// Facts that can follow from one command: a plan of as many assignments as there may be,
/// its rounds, and calls that do not fit into the budget, each with room to spare.
pub const FACTS_OF_A_COMMAND_MAX: usize = 1_000;
/// Bytes of all follow-ups of a task as JSON: the brief goes with every plan's row.
pub const FOLLOW_UPS_BYTES_MAX: usize = 256 * 1024;
/// Characters of an owner's comment on a plan.
pub const COMMENT_CHARS_MAX: usize = 4_000;

/// Times that a model call is handed in to be answered later; then it is made at once.
pub const HAND_INS_MAX: u32 = 2;
/// Times a unit is started before it is given up.
pub const UNIT_ATTEMPTS_MAX: u64 = 8;
/// Times a unit may let go to go on later: for the next slice of time, or after a wait.
pub const UNIT_PAUSES_MAX: u64 = 200;
/// Characters of a line of progress.
pub const PROGRESS_CHARS_MAX: usize = 1_000;
/// Bytes of the paths that a line of progress lists for programs, as JSON: with the rest of
/// its data they fit a column of 4,000 characters.
pub const PROGRESS_FILES_BYTES_MAX: usize = 3_000;
/// Characters of a failure's message.
pub const FAILURE_CHARS_MAX: usize = 600;
/// Bytes of one journal outcome.
pub const OUTCOME_BYTES_MAX: usize = 900_000;
/// Times a build may be repaired before the task fails; a retry begins anew.
pub const BUILD_REPAIRS_MAX: u32 = 2;
/// Times a build that hangs is called off and begun anew before it counts as failed.
pub const BUILD_RESTARTS_MAX: u32 = 1;
/// Lines kept of the end of a build log.
pub const BUILD_LOG_LINES_MAX: usize = 100;
/// Characters kept of the end of a build log.
pub const BUILD_LOG_CHARS_MAX: usize = 8_000;
/// Characters kept of one line of a build log.
pub const BUILD_LOG_LINE_CHARS_MAX: usize = 500;
/// Lines kept of the first error in a build log.
pub const BUILD_ERROR_LINES_MAX: usize = 20;

/// Characters of a commit's message, and of a pull request's text: GitHub takes 65,536.
pub const PUBLISHED_TEXT_CHARS_MAX: usize = 60_000;
