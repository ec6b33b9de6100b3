/**
 * The rows of a task, from the columns in `appwrite.json` and the Rust types of what they hold.
 * Generated: `cargo test -p pipeline write_the_types_of_the_page -- --ignored` writes it anew.
 */

/** The columns of each table, as they are sent. A column that is not required may be null. */
export interface Columns {
  tasks: {
    owner: string;
    name: string;
    type: string;
    status: string;
    rev: number;
    commands: number | null;
    generation: number;
    round: number;
    stage: number;
    totals: string | null;
    repositoryUrl: string | null;
    siteUrl: string | null;
    commitSha: string | null;
    failure: string | null;
    nextCheckAt: string | null;
  };
  briefs: {
    owner: string;
    requestId: string | null;
    digest: string;
    brief: string;
  };
  plans: {
    taskId: string;
    owner: string;
    unitKey: string;
    generation: number;
    round: number;
    planGeneration: number | null;
    ofGeneration: number | null;
    comment: string | null;
    edited: string | null;
    followUp: string | null;
    estimate: string | null;
    baseFrom: number | null;
    baseBefore: number | null;
    taskRev: number | null;
    taskUpdatedAt: string | null;
    line: string | null;
    level: string | null;
    queuedMs: number | null;
    executions: number | null;
    brief: string | null;
    name: string | null;
    plan: string | null;
    summary: string | null;
    assignmentCount: number | null;
  };
  assignments: {
    taskId: string;
    owner: string;
    unitKey: string;
    generation: number;
    round: number;
    planGeneration: number | null;
    taskRev: number | null;
    taskUpdatedAt: string | null;
    line: string | null;
    level: string | null;
    queuedMs: number | null;
    executions: number | null;
    name: string;
    title: string;
    type: string;
    priority: number;
    agentId: string;
    specialization: string;
    estimate: string;
    objective: string;
    owns: string;
    acceptance: string;
    dependsOn: string;
    findings: string | null;
    buildLog: string | null;
    state: string;
    turn: number | null;
    file: string | null;
    inputTokens: number | null;
    outputTokens: number | null;
    costMicroUsd: number | null;
  };
  reviews: {
    taskId: string;
    owner: string;
    unitKey: string;
    generation: number;
    round: number;
    planGeneration: number | null;
    roundsMax: number | null;
    taskRev: number | null;
    taskUpdatedAt: string | null;
    line: string | null;
    level: string | null;
    queuedMs: number | null;
    executions: number | null;
    verdict: string | null;
    findings: string | null;
    manifestHash: string | null;
  };
  releases: {
    taskId: string;
    owner: string;
    unitKey: string;
    generation: number;
    round: number;
    planGeneration: number | null;
    gate: string | null;
    taskRev: number | null;
    taskUpdatedAt: string | null;
    line: string | null;
    level: string | null;
    queuedMs: number | null;
    executions: number | null;
    manifestHash: string | null;
    project: string | null;
    repository: string | null;
    repositoryUrl: string | null;
    cloneUrl: string | null;
    branch: string | null;
    since: string | null;
    pullRequestUrl: string | null;
    commitSha: string | null;
  };
  deployments: {
    taskId: string;
    owner: string;
    unitKey: string;
    generation: number;
    round: number;
    planGeneration: number | null;
    taskRev: number | null;
    taskUpdatedAt: string | null;
    line: string | null;
    level: string | null;
    queuedMs: number | null;
    executions: number | null;
    manifestHash: string;
    project: string;
    owners: string | null;
    repairs: number | null;
    siteId: string | null;
    deploymentId: string | null;
    state: string | null;
    url: string | null;
    buildLog: string | null;
    goal: string | null;
    release: string | null;
  };
  files: {
    taskId: string;
    path: string;
    pathHash: string;
    content: string;
    contentHash: string;
    bytes: number;
    deleted: boolean;
    assignment: string;
    generation: number;
    round: number;
  };
  progress: {
    taskId: string;
    unitId: string;
    stage: string;
    level: string;
    text: string;
    data: string | null;
  };
}

/** What the columns hold that are JSON. */
export interface JsonColumns {
  tasks: {
    totals: Totals;
    failure: Failure;
  };
  briefs: {
    brief: Brief;
  };
  plans: {
    edited: Array<Assignment>;
    followUp: FollowUp;
    estimate: Estimate;
    brief: Brief;
    plan: { brief: Brief, plan: Plan };
  };
  assignments: {
    owns: Array<string>;
    acceptance: Array<Check>;
    dependsOn: Array<string>;
    findings: Array<Finding>;
  };
  reviews: {
    findings: Findings;
  };
  deployments: {
    release: ReleaseRecord;
  };
  progress: {
    data: Told | CommandTold | Exhausted;
  };
}

/** Who may use the rows of a table. */
export type Access = "private" | "shared" | "public";

/** A function of the app: a folder of the workspace that runs on Appwrite. */
export type AppFunction = {
  /** Its id within the plan, `^[a-z0-9][a-z0-9-]{0,19}$`. */
  id: string,
  /** The folder that holds all its files. */
  folder: string,
  /** The module in that folder whose default export answers requests. */
  entrypoint: string,
  /** Who may call it. */
  access: Callers, };

/** Whether a plan needs its owner's word. */
export type Approval = "auto" | "plan";

/** One agent's work. */
export type Assignment = {
  /** Its id within the plan, `^[a-z0-9][a-z0-9-]{0,31}$`. */
  id: string,
  /** A few words. */
  title: string,
  /** The kind of work: `ui`, `logic`, `docs` … */
  type: string,
  /** What the agent should be good at. */
  specialization: string,
  /** How long it should take, in words. */
  estimate: string,
  /** 1 is first. */
  priority: number,
  /** What to achieve. */
  objective: string,
  /** Assignments that must be done before. */
  depends_on: Array<string>,
  /** Exact files, or folders with a trailing `/`. Exclusive. */
  owns: Array<string>,
  /** Paths it is meant to read. */
  may_read: Array<string>,
  /** Contracts it takes part in. */
  contracts: Array<string>,
  /** What the reviewer will check, and nothing else. */
  acceptance: Array<Check>,
  /** What it must leave alone. */
  out_of_scope: Array<string>,
  /** `S`, `M` or `L`. */
  size: string, };

/** A checked brief. */
export type Brief = {
  /** 1–80 characters. */
  name: string,
  /** 1–10,000 characters. */
  description: string,
  /** What is to be built. */
  type: ProjectType,
  /** 0–100 strings of 1–1,000 characters. */
  requirements: Array<string>,
  /** What the owner chose beyond the defaults. */
  options: Options,
  /** What was asked for after the project had been released, in order. */
  followUps?: Array<FollowUp>,
  /** Paths of an existing repository that were shown to nobody: binary, generated or large files, workflows, and what may hold a credential. */
  unshown?: Array<string>, };

/** A call of a model. */
export type CallTold = {
  /** How often it was made. */
  attempts: number,
  /** What it cost. */
  spent: CostTold, };

/** Who may call a function. */
export type Callers = "any" | "users";

/** One thing the reviewer checks. */
export type Check = {
  /** Its id within the assignment. */
  id: string,
  /** A statement that holds or does not. */
  check: string, };

/** The stable codes of every failure a person can meet. The web page and scripts branch on them, so a code is never renamed. */
export type Code = "brief_refused" | "plan_invalid" | "model_refused" | "model_answer_invalid" | "model_unavailable" | "agent_stuck" | "agent_blocked" | "review_not_approved" | "injection_suspected" | "manifest_mismatch" | "gate_refused" | "publish_failed" | "deploy_failed" | "build_failed" | "unit_abandoned" | "journal_mismatch" | "not_configured" | "cancelled" | "project_too_large";

/** A column of a table. */
export type Column = {
  /** `^[a-z][a-zA-Z0-9_]{0,31}$`. */
  key: string,
  /** What it holds. */
  type: ColumnKind,
  /** Characters of a string; 0 for any other kind. */
  size: number,
  /** Whether a row must have it. */
  required: boolean,
  /** Whether it holds a list. */
  array: boolean,
  /** The words of an enumeration; none for any other kind. */
  elements: Array<string>, };

/** What a column holds. */
export type ColumnKind = "string" | "integer" | "float" | "boolean" | "datetime" | "enum" | "email" | "url";

/** A command of the owner. Once accepted it is a fact like any result. */
export type Command = { "command": "approve", } | { "command": "revise",
  /** 1 to [`COMMENT_CHARS_MAX`] characters. */
  comment: string, } | { "command": "edit",
  /** All of them, with all their fields. */
  assignments: Array<Assignment>, } | { "command": "follow_up",
  /** As a brief's. */
  description: string,
  /** As a brief's. */
  requirements: Array<string>, } | { "command": "pause", } | { "command": "resume", } | { "command": "cancel", } | { "command": "retry", } | { "command": "rollback",
  /** Its number; the one before what is served unless given. */
  release?: number | null, } | { "command": "budget",
  /** Millionths of a US dollar; `budgetUsd` in the request. */
  budgetUsd: number, };

/** Column `data` of the line of a command. */
export type CommandTold = {
  /** Its word. */
  command: string,
  /** The raised budget, of `budget`. */
  budgetMicroUsd?: number, };

/** What one assignment provides and others rely on. */
export type Contract = {
  /** Its id within the plan. */
  id: string,
  /** `types`, `http`, `module`, `data` or `ui`. */
  kind: string,
  /** The promise itself. */
  definition: string,
  /** The assignment that keeps it. */
  provider: string,
  /** The assignments that rely on it. */
  consumers: Array<string>, };

/** What calls cost, without the parts of each model. */
export type CostTold = {
  /** Calls, failed attempts that were billed included. */
  modelCalls: number,
  /** Tokens read, cached ones included. */
  inputTokens: number,
  /** Tokens written, reasoning included. */
  outputTokens: number,
  /** Millionths of a US dollar. */
  costMicroUsd: number, };

/** A deployment of a site or a function. */
export type DeploymentRef = {
  /** What it is a deployment of. */
  resource?: Resource,
  /** The site's or function's id. Journals call it `siteId` since there were only sites. */
  siteId: string,
  /** The deployment's id. */
  deploymentId: string, };

/** What carrying out a plan will probably take, from its first agent to the end. */
export type Estimate = {
  /** Agents that are started, rework not counted. */
  agents: number,
  /** Tokens read, cached ones included. */
  inputTokens: number,
  /** Tokens written. */
  outputTokens: number,
  /** Millionths of a US dollar. */
  costMicroUsd: number,
  /** Minutes by the clock. */
  minutes: number, };

/** The fact that a call did not fit into a task's budget. */
export type Exhausted = {
  /** The budget as it was. */
  limitMicroUsd: number,
  /** What was spent. */
  spentMicroUsd: number,
  /** What the next call can cost at most. */
  neededMicroUsd: number, };

/** Why something ended without its result: a code for programs, a sentence for a person. */
export type Failure = {
  /** What kind of failure this is. */
  code: Code,
  /** What happened and what to do about it, at most [`FAILURE_CHARS_MAX`] characters. */
  message: string, };

/** One thing that was found. */
export type Finding = {
  /** Its id, the same in every round in which it is open. */
  id: string,
  /** How bad it is. */
  severity: Severity,
  /** The file. */
  path: string,
  /** The line, 0 for the whole file. */
  line: number,
  /** What is wrong. */
  problem: string,
  /** What must change. */
  required_change: string,
  /** Who found it. */
  source: Source,
  /** The round in which it was found first; 0 in journals that do not tell. */
  since: number, };

/** A finding without its words. */
export type FindingTold = {
  /** Its id. */
  id: string,
  /** How bad it is. */
  severity: Severity,
  /** The file. */
  path: string, };

/** Column `findings` of a review's row. */
export type Findings = {
  /** What causes rework. */
  rework: Array<Rework>,
  /** What does not. */
  remarks: Array<Finding>,
  /** Earlier findings that are dealt with. */
  resolved: Array<Rework>,
  /** How good the files of each assignment are. */
  scores: Array<Score>,
  /** Earlier versions that are what remains, because they were better. */
  kept: Array<KeptVersion>, };

/** What is asked for beyond what was released. */
export type FollowUp = {
  /** 1–10,000 characters. */
  description: string,
  /** 0–100 strings of 1–1,000 characters. */
  requirements: Array<string>, };

/** An index of a table. */
export type Index = {
  /** As a column's. */
  key: string,
  /** What it is for. */
  type: IndexKind,
  /** The columns, in order; ascending. */
  columns: Array<string>, };

/** What an index is for. */
export type IndexKind = "key" | "unique" | "fulltext";

/** What the reviewer found. */
export type JudgementTold = {
  /** The assignment; empty for the whole. */
  assignment: string,
  /** The round. */
  round: number,
  /** All of them, without their words. */
  findings: Array<FindingTold>,
  /** What it cost. */
  spent: CostTold, };

/** Of an assignment the round whose version remains. */
export type KeptVersion = {
  /** The assignment. */
  assignment: string,
  /** The round. */
  round: number, };

/** How loud a line is. */
export type Level = "info" | "warning" | "error";

/** What the calls of one model cost. */
export type ModelSpent = {
  /** Calls, failed attempts that were billed included. */
  calls: number,
  /** Tokens read, cached ones included. */
  inputTokens: number,
  /** Tokens written, reasoning included. */
  outputTokens: number,
  /** Millionths of a US dollar. */
  costMicroUsd: number, };

/** The options of a brief. */
export type Options = {
  /** The client's own id for the request: a repeat returns the same task. */
  requestId: string | null,
  /** Whether the repository is public. Private unless asked for. */
  public: boolean,
  /** Agents at work at the same time. */
  parallelism: number | null,
  /** Assignments that a plan may have. */
  assignmentsMax?: number | null,
  /** Whether the plan needs the owner's word. */
  approval: Approval,
  /** What model calls may cost in all, in millionths of a US dollar. */
  budgetMicroUsd?: number | null,
  /** How soon models are to answer. */
  speed?: Speed,
  /** Whether the owner looks at what was built before it is published. */
  preview?: boolean,
  /** The existing repository that is changed, as `owner/name`; a new one unless it is named. */
  repository?: string | null,
  /** The branch of it that is changed; its default branch unless it is named. */
  branch?: string | null,
  /** The organization in which a new repository is made. */
  organization?: string | null,
  /** The topics of a new repository. */
  topics?: Array<string>,
  /** The workflows that are added. */
  workflows?: Workflows | null, };

/** A plan. The JSON schema the model is held to is [`schema()`]; the rules no schema can express are in [`crate::plan_rules`]. */
export type Plan = {
  /** Empty, or why the brief must not be built. */
  refused: string,
  /** The project's name. */
  project_name: string,
  /** What will be built, in a few sentences. */
  summary: string,
  /** What may go wrong. */
  risks: Array<string>,
  /** The technical choices all assignments share. */
  stack: Stack,
  /** Files the orchestrator writes before any agent starts. */
  shared_files: Array<SharedFile>,
  /** What assignments promise each other. */
  contracts: Array<Contract>,
  /** The tables of the app's database; none for an app without one. */
  tables?: Array<Table>,
  /** The app's functions, which run on Appwrite. */
  functions?: Array<AppFunction>,
  /** The work, one agent each. */
  assignments: Array<Assignment>, };

/** What kind of software is asked for. */
export type ProjectType = "web" | "mobile" | "api" | "fullstack";

/** One release of a task. */
export type ReleaseRecord = {
  /** 1 for the first one. */
  number: number,
  /** `owner/name` of the repository. */
  repository: string,
  /** The commit. */
  commitSha: string,
  /** Hash of the files that the reviewer approved. */
  manifestHash: string,
  /** Hash of the plan that was carried out. */
  planHash: string,
  /** Hash of the tables that the app needs; empty for an app without any. */
  schemaVersion: string,
  /** What is served; none in a draft. */
  parts: Array<ReleasedPart>,
  /** The public address. */
  url: string,
  /** The last verdict on each assignment. */
  verdicts: Array<Score>,
  /** Review rounds that were held for the plan. */
  reviews: number,
  /** Models that answered, by id. */
  models: Array<string>,
  /** What the task has cost until then, in millionths of a US dollar. */
  costMicroUsd: number, };

/** A site or a function of a release. */
export type ReleasedPart = {
  /** Its id in the plan; empty for the site. */
  name: string,
  /** What Appwrite serves. */
  deployment: DeploymentRef,
  /** Its public address, if it has one. */
  url?: string | null, };

/** A column that holds something else from now on: what it held is lost. */
export type Replaced = {
  /** The table's id. */
  table: string,
  /** The column's key. */
  column: string, };

/** What Appwrite deploys to. */
export type Resource = "site" | "function";

/** One assignment to be done again. */
export type Rework = {
  /** The assignment. */
  assignment: string,
  /** What must change. */
  findings: Array<Finding>, };

/** How good the files of one assignment are. */
export type Score = {
  /** The assignment. */
  assignment: string,
  /** 100 if all criteria are met and nothing was found, less otherwise. */
  points: number, };

/** How bad a finding is. Blockers and majors cause rework. */
export type Severity = "blocker" | "major" | "minor" | "nit";

/** A file the orchestrator writes before any agent starts. */
export type SharedFile = {
  /** Its path. */
  path: string,
  /** Its whole text. */
  content: string, };

/** Who found something, and so who says later whether it is resolved. */
export type Source = "judgement" | "integration" | "code" | "build";

/** How soon models are to answer. */
export type Speed = "normal" | "economy";

/** What calls cost. */
export type Spent = {
  /** Model calls, failed attempts that were billed included. */
  modelCalls: number,
  /** Tokens read, cached ones included. */
  inputTokens: number,
  /** Tokens written, reasoning included. */
  outputTokens: number,
  /** Millionths of a US dollar. */
  costMicroUsd: number,
  /** Requests to GitHub. */
  githubRequests: number,
  /** The part of each model, by the id of the one that answered. */
  models: { [key in string]: ModelSpent }, };

/** The technical choices all assignments share. */
export type Stack = {
  /** The main language. */
  language: string,
  /** The framework, or `none`. */
  framework: string,
  /** Shown, never executed by the orchestrator. */
  build_command: string,
  /** Shown, never executed by the orchestrator. */
  test_command: string,
  /** Folder that holds the site after a build, `.` where nothing is built. */
  output_dir: string,
  /** `static-site`, `site-ssr` or `function`. */
  appwrite_kind: string, };

/** Where a task stands. Between two commands of its owner it moves down this list; the only ways back are rework and the repair of a build, from `reviewing` and from `deploying` to `coding`, in the next round. */
export type Status = "pending" | "planning" | "awaiting_approval" | "coding" | "reviewing" | "publishing" | "deploying" | "paused" | "completed" | "failed" | "cancelled";

/** A table of the app's database. */
export type Table = {
  /** Its id, `^[a-z0-9][a-z0-9-]{0,31}$`. */
  id: string,
  /** For people. */
  name: string,
  /** Who may use its rows. */
  access: Access,
  /** What a row holds beside its id, its times and its permissions. */
  columns: Array<Column>,
  /** What rows are found by. */
  indexes: Array<Index>, };

/** Column `data` of a row of `progress`, for all lines but those of a command ([`CommandTold`]) and of a call that did not fit into the budget. */
export type Told = { "kind": "turn" } & TurnTold | { "kind": "judgement" } & JudgementTold | { "kind": "repair" } & CallTold | { "kind": "retry" } & CallTold | { "kind": "submitted", } | { "kind": "lost", } | { "kind": "repository",
  /** For people; none while no name is found. */
  url?: string, } | { "kind": "upload",
  /** The public address; empty without one. */
  url: string, } | { "kind": "schema", } | { "kind": "verified", } | { "kind": "build", } | { "kind": "secrets", } | { "kind": "wait" } & UnitTold | { "kind": "again" } & UnitTold;

/** Sums over all units of a task. */
export type Totals = {
  /** What models and GitHub were asked and what it cost. */
  spent: Spent,
  /** Assignments of the plan. */
  assignments: number,
  /** Agents' runs that are done, rework included. */
  agentRuns: number,
  /** Review rounds held. */
  reviews: number,
  /** For git. */
  cloneUrl: string | null,
  /** The pull request, for people, in an existing repository. */
  pullRequestUrl?: string | null,
  /** The call that did not fit into the budget, until the owner raises it. */
  exhausted?: Exhausted | null,
  /** The number of the release that is served. */
  release?: number | null,
  /** Where the owner can look at what was built, while the task waits for a word on it. */
  previewUrl?: string | null,
  /** Columns whose values would be lost, while the task waits for a word on it. */
  replaces?: Array<Replaced>, };

/** What one turn of an agent did. */
export type TurnTold = {
  /** The assignment. */
  assignment: string,
  /** Its round. */
  round: number,
  /** 1 for the first. */
  turn: number,
  /** The files it changed, as many as fit. */
  files: Array<string>,
  /** Whether the agent is done with it. */
  finished: boolean,
  /** How often the model was asked for it. */
  attempts: number,
  /** What it cost. */
  spent: CostTold,
  /** What the agent has cost with it. */
  total: CostTold, };

/** Which unit waits or goes on. */
export type UnitTold = {
  /** The assignment; empty for other units. */
  assignment: string,
  /** Its round. */
  round: number, };

/** Which workflows the orchestrator adds to a repository. Nobody else writes any. */
export type Workflows = "none" | "ci" | "deploy";
