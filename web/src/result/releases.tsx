import { useState } from 'preact/hooks';
import type { Commander } from '../board/use-command';
import { counted, day, usd, webUrl } from '../lib/format';
import type { Task } from '../lib/task';
import { Confirm } from '../ui/confirm';
import { Icon } from '../ui/icon';
import { type Listed, meanScore } from './release-list';

interface Props {
  task: Task;
  /** The newest first. */
  releases: readonly Listed[];
  commander: Commander;
  scripted: boolean;
}

/** Everything that was put out, and the way back to it. */
export function Releases({ task, releases, commander, scripted }: Props) {
  const [asked, setAsked] = useState<Listed>();
  const [wanted, setWanted] = useState(0);
  if (releases.length === 0) return <NoReleases task={task} />;
  const served = task.totals?.release ?? 0;
  const isFree = task.status === 'completed' && !commander.busy;
  const serve = async ({ number }: Listed) => {
    setAsked(undefined);
    setWanted(number);
    if (!(await commander.send({ command: 'rollback', release: number }))) setWanted(0);
  };
  return (
    <section class="stack" aria-label="Releases">
      <p class="aside" role="status">
        {wanted > 0 && (served === wanted && isFree ? `Release ${wanted} is served.` : `Release ${wanted} is being put out…`)}
      </p>
      <ol class="releases">
        {releases.map((release) => (
          <Release key={release.number} release={release} scripted={scripted} isFree={isFree} ask={() => setAsked(release)} />
        ))}
      </ol>
      {task.status !== 'completed' && <p class="aside">Another release can be served when the project is completed.</p>}
      {asked && (
        <Confirm
          title={`Serve release ${asked.number}?`}
          action={`Serve release ${asked.number}`}
          keep={`Keep release ${served}`}
          onConfirm={() => void serve(asked)}
          onCancel={() => setAsked(undefined)}
        >
          Visitors get it at once: nothing is built. The data of the app stays as it is, and you can come back to release{' '}
          {served} in the same way.
        </Confirm>
      )}
    </section>
  );
}

function NoReleases({ task }: { task: Task }) {
  const isOver = task.status === 'failed' || task.status === 'cancelled' || task.status === 'completed';
  return (
    <div class="panel blank">
      <Icon name="branch" />
      <h2>Nothing was released{isOver ? '' : ' yet'}</h2>
      <p>{isOver ? 'There is nothing that could be served again.' : 'Each release stands here, and every earlier one can be served again at once.'}</p>
    </div>
  );
}

interface ReleaseProps {
  release: Listed;
  scripted: boolean;
  /** Nothing is at work on the project. */
  isFree: boolean;
  ask: () => void;
}

function Release({ release, scripted, isFree, ask }: ReleaseProps) {
  const { number, at, again, isServed, commitSha, models, costMicroUsd, reviews } = release;
  const score = meanScore(release);
  return (
    <li class="panel" aria-label={`Release ${number}`}>
      <div class="row">
        <h2>Release {number}</h2>
        {isServed && (
          <span class="chip" data-state="live">
            served
          </span>
        )}
        <span class="aside text">
          {day(at)}
          {again.length > 0 && `, again ${again.map(day).join(', ')}`}
        </span>
        {!isServed && (
          <button type="button" disabled={!isFree} onClick={ask}>
            Serve release {number}
          </button>
        )}
      </div>
      <dl class="figures">
        <div>
          <dt>Commit</dt>
          <dd>
            <code title={commitSha}>{commitSha.slice(0, 7) || 'none'}</code>
          </dd>
        </div>
        <div>
          <dt>Reviews</dt>
          <dd class="number">
            {counted(reviews, 'round')}
            {score !== undefined && `, score ${score}`}
          </dd>
        </div>
        <div>
          <dt>{scripted ? 'Until then, at list prices' : 'Cost until then'}</dt>
          <dd class="number">{usd(costMicroUsd)}</dd>
        </div>
        <div>
          <dt>Models</dt>
          <dd>{models.join(', ') || 'none'}</dd>
        </div>
      </dl>
      <Details release={release} />
    </li>
  );
}

function Details({ release: { parts, verdicts } }: { release: Listed }) {
  return (
    <details>
      <summary>Parts and verdicts</summary>
      <ul class="plain">
        {parts.map(({ name, url }) => (
          <li key={name}>
            {name === '' ? 'Site' : `Function ${name}`}
            {webUrl(url) && (
              <>
                {': '}
                <a href={url} target="_blank" rel="noopener">
                  {url}
                </a>
              </>
            )}
          </li>
        ))}
        {verdicts.map(({ assignment, points }) => (
          <li key={`verdict ${assignment}`}>
            {assignment}: <span class="number">{points}</span> of 100
          </li>
        ))}
      </ul>
    </details>
  );
}
