import type { Api } from '../lib/api';
import { integer, usd } from '../lib/format';
import { EVERYTHING, statusWord } from '../lib/history';
import { troubleOf } from '../lib/trouble';
import { Shares } from '../result/costs-part';
import { Panel, TroubleNotice } from '../ui/notice';
import { useLoaded } from '../ui/use-loaded';
import { duration, type Spread, STAGE_TABLES, type StageSummary, stageOf, type TasksSummary, tasksOf } from './summary';
import '../style/result.css';

/** The newest tasks, and the newest units of each stage, that count. */
const TASKS_MAX = 100;
const UNITS_MAX = 400;

const STAGE_WORDS: Record<StageSummary['table'], string> = {
  plans: 'Planning',
  assignments: 'Coding, each agent',
  reviews: 'Reviewing',
  releases: 'Publishing',
  deployments: 'Deploying',
};

async function load(api: Api) {
  const [{ tasks, total }, ...units] = await Promise.all([
    api.tasks(EVERYTHING, TASKS_MAX),
    ...STAGE_TABLES.map((table) => api.units(table, UNITS_MAX)),
  ]);
  return { total, tasks: tasksOf(tasks), stages: STAGE_TABLES.map((table, at) => stageOf(table, units[at] ?? [])) };
}

/** How long tasks and their stages take, what is repeated, and what models cost. */
export function Figures({ api }: { api: Api }) {
  const { value, problem, retry } = useLoaded('figures', () => load(api));
  return (
    <div class="stack">
      <header class="title">
        <h1>Figures</h1>
        <button type="button" onClick={retry}>
          Refresh
        </button>
      </header>
      {problem !== undefined && <TroubleNotice trouble={troubleOf(problem, api.endpoint)} onRetry={retry} />}
      {!value && problem === undefined && (
        <p class="empty" role="status">
          Loading…
        </p>
      )}
      {value && (
        <>
          <Tasks total={value.total} summary={value.tasks} />
          <Stages stages={value.stages} />
          <Shares title="Models" first="Model" shares={value.tasks.models.map((model) => ({ ...model, name: model.id }))} total={value.tasks.total} />
        </>
      )}
    </div>
  );
}

function Tasks({ total, summary: { statuses, took, cost, total: spent } }: { total: number; summary: TasksSummary }) {
  return (
    <Panel title={total > TASKS_MAX ? `The newest ${TASKS_MAX} of ${integer(total)} projects` : 'Projects'}>
      <dl class="figures">
        {statuses.map(([status, count]) => (
          <Figure key={status} name={statusWord(status)} value={integer(count)} />
        ))}
        <Figure name="Time to the end" value={duration(took.median)} more={mostOf(took, duration)} />
        <Figure name="Cost of one" value={cost.median === undefined ? '–' : usd(cost.median)} more={mostOf(cost, (value) => usd(value ?? 0))} />
        <Figure name="Cost of all" value={usd(spent.costMicroUsd)} more="at list prices" />
        <Figure name="Model calls" value={integer(spent.modelCalls)} />
        <Figure name="Tokens in" value={integer(spent.inputTokens)} />
        <Figure name="Tokens out" value={integer(spent.outputTokens)} />
      </dl>
    </Panel>
  );
}

const mostOf = ({ most }: Spread, word: (value: number | undefined) => string) => (most === undefined ? '' : `nine of ten up to ${word(most)}`);

function Figure({ name, value, more }: { name: string; value: string; more?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
      {more && <dd class="aside">{more}</dd>}
    </div>
  );
}

function Stages({ stages }: { stages: readonly StageSummary[] }) {
  return (
    <Panel title="Stages">
      <div class="scroll" tabIndex={0} role="region" aria-label="Stages">
        <table class="shares">
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <th scope="col">Ended</th>
              <th scope="col">Takes</th>
              <th scope="col">9 of 10</th>
              <th scope="col">Waits to start</th>
              <th scope="col">9 of 10</th>
              <th scope="col">Several executions</th>
              <th scope="col">Rework</th>
              <th scope="col">Failed</th>
            </tr>
          </thead>
          <tbody>
            {stages.map(({ table, took, queued, repeated, reworked, failed }) => (
              <tr key={table}>
                <th scope="row">{STAGE_WORDS[table]}</th>
                <td>{integer(took.count)}</td>
                <td>{duration(took.median)}</td>
                <td>{duration(took.most)}</td>
                <td>{duration(queued.median)}</td>
                <td>{duration(queued.most)}</td>
                <td>{integer(repeated)}</td>
                <td>{integer(reworked)}</td>
                <td>{integer(failed)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="aside">Of the newest {UNITS_MAX} units of each stage. What waits for an answer or a build counts as taking its time.</p>
    </Panel>
  );
}
