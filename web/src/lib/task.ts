/** The rows a task consists of, as the page needs them, read from what Appwrite sends. */

import type * as rows from './rows';

export const STAGES = ['pending', 'planning', 'coding', 'reviewing', 'publishing', 'deploying', 'completed'] as const satisfies readonly rows.Status[];
/** Functions should be at work on a task that has one of these. */
export const AT_WORK: readonly string[] = STAGES.filter((stage) => stage !== 'completed');
export const FINAL: readonly string[] = ['completed', 'failed', 'cancelled'] satisfies readonly rows.Status[];

/** The tables that hold what the page shows of a task, beside `tasks`. */
export const TABLES = ['plans', 'assignments', 'progress', 'files', 'reviews', 'releases', 'deployments'] as const;
export type Table = (typeof TABLES)[number];
/** Those whose rows are units of work. */
export type UnitTable = Exclude<Table, 'progress' | 'files'>;

/** What every row has. `sequence` is the order of creation within its table. */
export interface Row {
  id: string;
  sequence: number;
  createdAt: string;
  updatedAt: string;
}

/** A row of a unit of work. Its line says how the unit ended, and is empty until then. */
export interface Unit extends Row {
  generation: number;
  round: number;
  line: string;
  level: string;
  /** Milliseconds from its creation to its first execution; undefined before its end, and where that is not known. */
  queuedMs: number | undefined;
  /** Executions that it took; 0 before its end. */
  executions: number;
}

export interface Totals extends Cost {
  githubRequests: number;
  /** The part of each model. */
  models: readonly ModelCost[];
  assignments: number;
  agentRuns: number;
  reviews: number;
  cloneUrl: string;
  /** The pull request, in an existing repository. */
  pullRequestUrl: string;
  /** The number of the release that is served; 0 before the first. */
  release: number;
  /** Where the owner can look at what was built, while the task waits for a word on it. */
  previewUrl: string;
  /** Columns whose values would be lost, while the task waits for a word on it. */
  replaces: readonly string[];
  /** The call that did not fit into the budget, until it is raised. */
  exhausted: Exhausted | undefined;
}

/** Amounts are millionths of a US dollar. */
export interface Exhausted {
  limitMicroUsd: number;
  spentMicroUsd: number;
  neededMicroUsd: number;
}

export interface Failure {
  code: string;
  message: string;
}

export interface Task extends Row {
  name: string;
  type: string;
  status: string;
  rev: number;
  generation: number;
  round: number;
  totals: Totals | undefined;
  repositoryUrl: string;
  siteUrl: string;
  commitSha: string;
  failure: Failure | undefined;
}

/** What the brief says beside the work. */
export interface Terms {
  /** What model calls may cost in all, unless that was raised; undefined for no limit. */
  budgetMicroUsd: number | undefined;
  /** Agents at the same time. */
  parallelism: number;
}

export interface Estimate {
  agents: number;
  inputTokens: number;
  outputTokens: number;
  costMicroUsd: number;
  minutes: number;
}

export interface Plan extends Unit {
  summary: string;
  assignmentCount: number;
  /** What it will probably take; none in plans of older versions. */
  estimate: Estimate | undefined;
}

export interface Assignment extends Unit {
  /** The generation of the plan that it belongs to. */
  planGeneration: number;
  name: string;
  title: string;
  type: string;
  agentId: string;
  state: string;
  turn: number;
  inputTokens: number;
  outputTokens: number;
  costMicroUsd: number;
}

/** What calls of models cost. Amounts are millionths of a US dollar. */
export interface Cost {
  modelCalls: number;
  inputTokens: number;
  outputTokens: number;
  costMicroUsd: number;
}

/** What the calls of one model cost. */
export interface ModelCost extends Cost {
  /** The model that answered. */
  id: string;
}

/** A turn of an agent. */
export interface Turn {
  number: number;
  /** The files it changed. */
  files: readonly string[];
  /** What the agent has cost with it. */
  total: Cost;
}

/** A line that was written while a unit was at work. */
export interface Progress extends Row {
  unitId: string;
  stage: string;
  level: string;
  text: string;
  turn: Turn | undefined;
  /** The command of the owner that it tells of. */
  command: string;
  /** The budget that this command set, in millionths of a US dollar; 0 for any other. */
  budgetMicroUsd: number;
  /** What it tells of: `turn`, `judgement`, … Empty for lines that are only text. */
  kind: string;
  /** What that cost; undefined where it cost nothing. */
  spent: Cost | undefined;
}

/** One version of a file. Its content is fetched when somebody asks for it. */
export interface FileVersion extends Row {
  path: string;
  bytes: number;
  /** Of its content: versions with the same one are equal. */
  hash: string;
  assignment: string;
  generation: number;
  round: number;
  deleted: boolean;
}

export interface Finding {
  /** The same in every round of a plan, within its assignment; empty in rows of older versions. */
  id: string;
  assignment: string;
  severity: string;
  path: string;
  line: number;
  problem: string;
  requiredChange: string;
  /** The review that found it first, 0 where that is not known. */
  since: number;
}

/** How good the files of an assignment are: 100 at best. */
export interface Score {
  assignment: string;
  points: number;
}

export interface Review extends Unit {
  verdict: string;
  rework: readonly Finding[];
  resolved: readonly Finding[];
  remarks: readonly Finding[];
  scores: readonly Score[];
}

export interface Release extends Unit {
  repositoryUrl: string;
  cloneUrl: string;
  commitSha: string;
}

export interface Deployment extends Unit {
  state: string;
  url: string;
  /** What was put out with it; none before its end, and none of a preview. */
  release: ReleaseRecord | undefined;
}

/** What was put out at one time. */
export interface ReleaseRecord {
  /** 1 for the first one. */
  number: number;
  commitSha: string;
  url: string;
  parts: readonly ReleasedPart[];
  verdicts: readonly Score[];
  /** Review rounds that were held for it. */
  reviews: number;
  /** Models that answered, by id. */
  models: readonly string[];
  /** What the task had cost until then, in millionths of a US dollar. */
  costMicroUsd: number;
}

/** A site or a function of a release. */
export interface ReleasedPart {
  /** Its id in the plan; empty for the site. */
  name: string;
  url: string;
}

/** Which shape the rows of a table have. */
export interface RowOf {
  plans: Plan;
  assignments: Assignment;
  progress: Progress;
  files: FileVersion;
  reviews: Review;
  releases: Release;
  deployments: Deployment;
}

/** What was sent where a `T` is meant: nobody has looked at it. */
type Sent<T> = { readonly [K in keyof T]?: unknown };
type SentRow<T extends keyof rows.Columns> = Sent<rows.Columns[T] & Record<'$id' | '$sequence' | '$createdAt' | '$updatedAt', unknown>>;
type Held = rows.JsonColumns;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The SDK hands integers over as numbers, as strings, or as big numbers with a `toString`. */
function number(value: unknown): number {
  const parsed = value === null || value === undefined || value === '' ? Number.NaN : Number(value);
  return Number.isFinite(parsed) ? parsed : 0;
}

const object = <T>(value: unknown): Sent<T> => (typeof value === 'object' && value !== null ? (value as Sent<T>) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** A JSON column; undefined where it is null or can not be read. */
function column<T>(value: unknown): Sent<T> | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  try {
    return object<T>(JSON.parse(value));
  } catch {
    return undefined;
  }
}

function row(data: SentRow<Table>): Row {
  return {
    id: text(data.$id),
    sequence: number(data.$sequence),
    createdAt: text(data.$createdAt),
    updatedAt: text(data.$updatedAt),
  };
}

function unit(data: SentRow<UnitTable>): Unit {
  return {
    ...row(data),
    generation: number(data.generation),
    round: number(data.round),
    line: text(data.line),
    level: text(data.level),
    queuedMs: data.queuedMs === null || data.queuedMs === undefined ? undefined : number(data.queuedMs),
    executions: number(data.executions),
  };
}

export const parseUnit = unit;

export function parseTask(data: SentRow<'tasks'>): Task {
  const failure = column<Held['tasks']['failure']>(data.failure);
  return {
    ...row(data),
    name: text(data.name),
    type: text(data.type),
    status: text(data.status),
    rev: number(data.rev),
    generation: number(data.generation),
    round: number(data.round),
    totals: parseTotals(column(data.totals)),
    repositoryUrl: text(data.repositoryUrl),
    siteUrl: text(data.siteUrl),
    commitSha: text(data.commitSha),
    failure: failure && { code: text(failure.code), message: text(failure.message) },
  };
}

function parseTotals(totals: Sent<rows.Totals> | undefined): Totals | undefined {
  if (!totals) return undefined;
  const spent = object<rows.Spent>(totals.spent);
  return {
    ...cost(spent),
    githubRequests: number(spent.githubRequests),
    models: Object.entries(object(spent.models)).map(([id, part]) => {
      const data = object<rows.ModelSpent>(part);
      return { ...cost({ ...data, modelCalls: data.calls }), id };
    }),
    assignments: number(totals.assignments),
    agentRuns: number(totals.agentRuns),
    reviews: number(totals.reviews),
    cloneUrl: text(totals.cloneUrl),
    pullRequestUrl: text(totals.pullRequestUrl),
    release: number(totals.release),
    previewUrl: text(totals.previewUrl),
    replaces: list(totals.replaces).map((entry) => {
      const { table, column } = object<rows.Replaced>(entry);
      return `${text(table)}.${text(column)}`;
    }),
    exhausted: totals.exhausted === undefined ? undefined : parseExhausted(object(totals.exhausted)),
  };
}

function parseExhausted(data: Sent<rows.Exhausted>): Exhausted {
  return {
    limitMicroUsd: number(data.limitMicroUsd),
    spentMicroUsd: number(data.spentMicroUsd),
    neededMicroUsd: number(data.neededMicroUsd),
  };
}

/** Agents at the same time, where the brief does not say. */
const PARALLELISM_DEFAULT = 4;

/** The terms of a row of `briefs`. */
export function parseTerms(data: SentRow<'briefs'>): Terms {
  const options = object<rows.Options>(column<Held['briefs']['brief']>(data.brief)?.options);
  return {
    budgetMicroUsd: number(options.budgetMicroUsd) || undefined,
    parallelism: number(options.parallelism) || PARALLELISM_DEFAULT,
  };
}

function parseEstimate(estimate: Sent<rows.Estimate> | undefined): Estimate | undefined {
  if (!estimate) return undefined;
  return {
    agents: number(estimate.agents),
    inputTokens: number(estimate.inputTokens),
    outputTokens: number(estimate.outputTokens),
    costMicroUsd: number(estimate.costMicroUsd),
    minutes: number(estimate.minutes),
  };
}

function cost(data: Sent<rows.CostTold>): Cost {
  return {
    modelCalls: number(data.modelCalls),
    inputTokens: number(data.inputTokens),
    outputTokens: number(data.outputTokens),
    costMicroUsd: number(data.costMicroUsd),
  };
}

function parseProgress(data: SentRow<'progress'>): Progress {
  const told = column<rows.TurnTold & rows.CommandTold & Pick<rows.Told, 'kind'>>(data.data);
  const turn =
    told?.kind === ('turn' satisfies rows.Told['kind'])
      ? { number: number(told.turn), files: list(told.files).map(text), total: cost(object(told.total)) }
      : undefined;
  return {
    ...row(data),
    unitId: text(data.unitId),
    stage: text(data.stage),
    level: text(data.level),
    text: text(data.text),
    turn,
    command: text(told?.command),
    budgetMicroUsd: number(told?.budgetMicroUsd),
    kind: text(told?.kind),
    spent: told?.spent === undefined ? undefined : cost(object(told.spent)),
  };
}

function finding(value: unknown, assignment: string): Finding {
  const data = object<rows.Finding>(value);
  return {
    id: text(data.id),
    assignment,
    severity: text(data.severity),
    path: text(data.path),
    line: number(data.line),
    problem: text(data.problem),
    requiredChange: text(data.required_change),
    since: number(data.since),
  };
}

function parseReview(data: SentRow<'reviews'>): Review {
  const findings = column<Held['reviews']['findings']>(data.findings);
  const grouped = (groups: unknown) =>
    list(groups).flatMap((value) => {
      const item = object<rows.Rework>(value);
      return list(item.findings).map((entry) => finding(entry, text(item.assignment)));
    });
  return {
    ...unit(data),
    verdict: text(data.verdict),
    rework: grouped(findings?.rework),
    resolved: grouped(findings?.resolved),
    scores: scores(findings?.scores),
    remarks: list(findings?.remarks).map((entry) => finding(entry, '')),
  };
}

function scores(value: unknown): Score[] {
  return list(value).map((entry) => {
    const score = object<rows.Score>(entry);
    return { assignment: text(score.assignment), points: number(score.points) };
  });
}

function parseRelease(data: Sent<rows.ReleaseRecord> | undefined): ReleaseRecord | undefined {
  if (!data) return undefined;
  return {
    number: number(data.number),
    commitSha: text(data.commitSha),
    url: text(data.url),
    parts: list(data.parts).map((entry) => {
      const part = object<rows.ReleasedPart>(entry);
      return { name: text(part.name), url: text(part.url) };
    }),
    verdicts: scores(data.verdicts),
    reviews: number(data.reviews),
    models: list(data.models).map(text),
    costMicroUsd: number(data.costMicroUsd),
  };
}

/** How a row of each table is read. Missing columns read as empty: units fill theirs at their end. */
export const PARSE: { readonly [T in Table]: (data: SentRow<T>) => RowOf[T] } = {
  plans: (data) => ({
    ...unit(data),
    summary: text(data.summary),
    assignmentCount: number(data.assignmentCount),
    estimate: parseEstimate(column(data.estimate)),
  }),
  assignments: (data) => ({
    ...unit(data),
    planGeneration: number(data.planGeneration),
    name: text(data.name),
    title: text(data.title),
    type: text(data.type),
    agentId: text(data.agentId),
    state: text(data.state),
    turn: number(data.turn),
    inputTokens: number(data.inputTokens),
    outputTokens: number(data.outputTokens),
    costMicroUsd: number(data.costMicroUsd),
  }),
  progress: parseProgress,
  files: (data) => ({
    ...row(data),
    path: text(data.path),
    bytes: number(data.bytes),
    hash: text(data.contentHash),
    assignment: text(data.assignment),
    generation: number(data.generation),
    round: number(data.round),
    deleted: data.deleted === true,
  }),
  reviews: parseReview,
  releases: (data) => ({
    ...unit(data),
    repositoryUrl: text(data.repositoryUrl),
    cloneUrl: text(data.cloneUrl),
    commitSha: text(data.commitSha),
  }),
  deployments: (data) => ({
    ...unit(data),
    state: text(data.state),
    url: text(data.url),
    release: parseRelease(column(data.release)),
  }),
};
