/** Everything the page asks of Appwrite, through the official SDK. */

import { AppwriteException, Client, ExecutionMethod, Functions, Query, Realtime, TablesDB } from 'appwrite';
import type { BriefRequest, FieldError } from './brief';
import type { Answer, Command } from './command';
import { type Filter, queriesOf } from './history';
import type { PlannedAssignment } from './plan';
import { Session } from './session';
import type { Settings } from './settings';
import { PARSE, type RowOf, type Table, type Task, type Terms, type Unit, type UnitTable, parseTask, parseTerms, parseUnit } from './task';

export const DATABASE = 'orchestrator';
/** Rows of one page of a list. */
const PAGE_ROWS = 200;
/** Rows of one page of contents: each may hold 256 kB. */
const CONTENTS_ROWS = 20;

type Json = Record<string, unknown>;

/** What became of a brief that was sent. */
export type Submitted =
  | { kind: 'created'; taskId: string }
  | { kind: 'refused'; message: string; fields: readonly FieldError[] };

const ROW_COLUMNS = ['$id', '$sequence', '$createdAt', '$updatedAt'];
const UNIT_COLUMNS = ['generation', 'round', 'line', 'level', 'queuedMs', 'executions'];
/** What is fetched of tables that have large columns beside: contents of files, whole plans and briefs. */
const COLUMNS: { readonly [T in Table]?: readonly string[] } = {
  plans: [...UNIT_COLUMNS, 'summary', 'assignmentCount', 'estimate'],
  files: ['path', 'bytes', 'contentHash', 'assignment', 'generation', 'round', 'deleted'],
  deployments: [...UNIT_COLUMNS, 'state', 'url', 'release'],
};

export class Api {
  readonly endpoint: string;
  /** Makes a Realtime connection. */
  readonly realtime: () => Realtime;
  readonly session: Session;
  readonly #functions: Functions;
  readonly #tables: TablesDB;

  constructor(settings: Settings) {
    const client = new Client().setEndpoint(settings.endpoint).setProject(settings.projectId);
    this.endpoint = settings.endpoint;
    this.realtime = () => new Realtime(client);
    this.session = new Session(client);
    this.#functions = new Functions(client);
    this.#tables = new TablesDB(client);
  }

  /** Sends a brief. A repeat with the same `requestId` and brief returns the same task. */
  async submit(request: BriefRequest): Promise<Submitted> {
    const answer = await this.#post('/', request);
    return readAnswer(answer.responseStatusCode, answer.responseBody);
  }

  /** Hands on a command. */
  async command(taskId: string, command: Command): Promise<Answer> {
    const answer = await this.#post(`/${taskId}/commands`, command);
    const status = answer.responseStatusCode;
    if (status === 200) return { kind: 'taken' };
    // The function did not come to its end.
    if (status < 400 || status >= 500) return { kind: 'unclear' };
    const read = readAnswer(status, answer.responseBody);
    return { kind: 'refused', message: read.kind === 'refused' ? read.message : '' };
  }

  /** Has a task looked at that has been silent. Returns after how many milliseconds another look can bring something. */
  async nudge(taskId: string): Promise<number> {
    const answer = await this.#post(`/${taskId}/nudge`, {});
    const { lookAgainMs } = JSON.parse(answer.responseBody) as { lookAgainMs?: unknown };
    if (typeof lookAgainMs !== 'number') throw new Error(`create-task answered with status ${answer.responseStatusCode}`);
    return lookAgainMs;
  }

  #post(xpath: string, body: unknown) {
    return this.#functions.createExecution({
      functionId: 'create-task',
      body: JSON.stringify(body),
      async: false,
      xpath,
      method: ExecutionMethod.POST,
      headers: { 'content-type': 'application/json' },
    });
  }

  /** A page of the user's own tasks that `filter` leaves, from the one after `after` on, and how many there are. */
  async tasks(filter: Filter, limit: number, after?: string): Promise<{ tasks: Task[]; total: number }> {
    const queries = queriesOf(filter, limit, after);
    const page = await this.#tables.listRows({ databaseId: DATABASE, tableId: 'tasks', queries });
    return { tasks: page.rows.map((row) => parseTask(row as Json)), total: page.total };
  }

  /** How many tasks the user has. */
  async countTasks(): Promise<number> {
    const page = await this.#tables.listRows({ databaseId: DATABASE, tableId: 'tasks', queries: [Query.limit(1)] });
    return page.total;
  }

  async task(taskId: string): Promise<Task> {
    const row = await this.#tables.getRow({ databaseId: DATABASE, tableId: 'tasks', rowId: taskId });
    return parseTask(row as Json);
  }

  /** The terms of a task's brief; none where the brief is not there any more. */
  async terms(taskId: string): Promise<Terms> {
    try {
      return parseTerms((await this.#tables.getRow({ databaseId: DATABASE, tableId: 'briefs', rowId: taskId })) as Json);
    } catch (error) {
      if (error instanceof AppwriteException && error.code === 404) return parseTerms({});
      throw error;
    }
  }

  /** Every row of one table that belongs to a task and was changed `since` then, page after page. */
  async rows<T extends Table>(table: T, taskId: string, since?: string): Promise<RowOf[T][]> {
    const rows: RowOf[T][] = [];
    const base = [Query.equal('taskId', taskId), Query.limit(PAGE_ROWS)];
    if (since) base.push(Query.greaterThanEqual('$updatedAt', since));
    const columns = COLUMNS[table];
    if (columns) base.push(Query.select([...ROW_COLUMNS, ...columns]));
    let queries = base;
    for (;;) {
      const page = await this.#tables.listRows({ databaseId: DATABASE, tableId: table, queries, total: false });
      rows.push(...page.rows.map((row) => PARSE[table](row as Json)));
      const last = page.rows.at(-1);
      if (!last || page.rows.length < PAGE_ROWS) return rows;
      queries = [...base, Query.cursorAfter(last.$id)];
    }
  }

  /** The newest units of one table, of all the user's tasks, the newest first. */
  async units(table: UnitTable, limit: number): Promise<Unit[]> {
    const units: Unit[] = [];
    const base = [Query.orderDesc('$createdAt'), Query.select([...ROW_COLUMNS, ...UNIT_COLUMNS])];
    while (units.length < limit) {
      const size = Math.min(PAGE_ROWS, limit - units.length);
      const last = units.at(-1);
      const queries = [...base, Query.limit(size), ...(last ? [Query.cursorAfter(last.id)] : [])];
      const page = await this.#tables.listRows({ databaseId: DATABASE, tableId: table, queries, total: false });
      units.push(...page.rows.map((row) => parseUnit(row as Json)));
      if (page.rows.length < size) break;
    }
    return units;
  }

  /** The assignments of a finished plan, with all their fields. */
  async assignments(planId: string): Promise<PlannedAssignment[]> {
    const row = await this.#tables.getRow({ databaseId: DATABASE, tableId: 'plans', rowId: planId });
    const { plan } = JSON.parse(String((row as Json).plan)) as { plan: { assignments: PlannedAssignment[] } };
    return plan.assignments;
  }

  /** The contents of versions of files, by the ids of their rows. Rows that are not there are left out. */
  async fileContents(fileIds: readonly string[]): Promise<Map<string, string>> {
    const contents = new Map<string, string>();
    for (let start = 0; start < fileIds.length; start += CONTENTS_ROWS) {
      const ids = fileIds.slice(start, start + CONTENTS_ROWS);
      const queries = [Query.equal('$id', ids), Query.limit(CONTENTS_ROWS), Query.select(['$id', 'content'])];
      const page = await this.#tables.listRows({ databaseId: DATABASE, tableId: 'files', queries, total: false });
      for (const row of page.rows) contents.set(row.$id, String((row as Json).content ?? ''));
    }
    return contents;
  }
}

function readAnswer(status: number, body: string): Submitted {
  let answer: Json = {};
  try {
    answer = JSON.parse(body) as Json;
  } catch {
    // Told below: an answer that is no JSON has neither a task nor an error to show.
  }
  if (status === 201 && typeof answer.taskId === 'string') return { kind: 'created', taskId: answer.taskId };
  const error = (answer.error ?? {}) as { message?: string; fields?: FieldError[] };
  const fallback = `The function create-task answered with status ${status}. Try again: nothing is made twice.`;
  return { kind: 'refused', message: error.message ?? fallback, fields: error.fields ?? [] };
}
