import { useState } from 'preact/hooks';
import { counted } from '../lib/format';
import type { Review } from '../lib/task';
import { Icon } from '../ui/icon';
import { Panel } from '../ui/notice';
import { Severity, Words } from './finding';
import { type Noted, type NotedState, storyOf } from './noted';

const VERDICTS: Record<string, string> = {
  approved: 'approved',
  changes_requested: 'changes requested',
  not_approved: 'not approved',
};

const FILTERS: readonly (readonly [NotedState | 'all', string])[] = [
  ['all', 'All'],
  ['open', 'Open'],
  ['resolved', 'Resolved'],
  ['remark', 'Remarks'],
];

interface Props {
  reviews: readonly Review[];
  noted: readonly Noted[];
  /** Shows the line that it is about. */
  show: (noted: Noted) => void;
}

/** The verdicts, and everything that was found. */
export function Findings({ reviews, noted, show }: Props) {
  const [filter, setFilter] = useState<NotedState | 'all'>('all');
  const of = (state: NotedState | 'all') => noted.filter((it) => state === 'all' || it.state === state);
  if (reviews.length === 0) {
    return (
      <div class="panel blank">
        <Icon name="search" />
        <h2>No review yet</h2>
        <p>The reviewer reads the files when the agents are done. What it finds stands here, and beside the lines.</p>
      </div>
    );
  }
  return (
    <div class="columns">
      <div>
        <Panel title="Findings" aside={counted(noted.length, 'finding')}>
          <div class="segments" role="group" aria-label="Show">
            {FILTERS.map(([key, word]) => (
              <button key={key} type="button" aria-pressed={filter === key} onClick={() => setFilter(key)}>
                {word} <span class="count">{of(key).length}</span>
              </button>
            ))}
          </div>
          {of(filter).length === 0 && (
            <p class="empty">{noted.length === 0 ? 'The reviewer found nothing to change.' : 'None of this kind.'}</p>
          )}
          <ul class="findings">
            {of(filter).map((it) => (
              <li key={it.key}>
                <p class="row">
                  <Severity noted={it} />
                  <button type="button" class="where" onClick={() => show(it)}>
                    {it.path}
                    {it.line > 0 && `:${it.line}`}
                  </button>
                </p>
                <Words noted={it} />
                <p class="aside">
                  {storyOf(it)}
                  {it.assignment && `, ${it.assignment}`}
                </p>
              </li>
            ))}
          </ul>
        </Panel>
      </div>
      <div>
        <Panel title="Reviews">
          <ol>
            {[...reviews].reverse().map((review) => (
              <Verdict key={review.id} review={review} />
            ))}
          </ol>
        </Panel>
      </div>
    </div>
  );
}

function Verdict({ review }: { review: Review }) {
  const { verdict, rework, resolved, remarks, scores } = review;
  const found = [
    rework.length > 0 && `${rework.length} to change`,
    resolved.length > 0 && `${resolved.length} resolved`,
    remarks.length > 0 && counted(remarks.length, 'remark'),
  ].filter(Boolean);
  return (
    <li>
      <div class="row">
        <strong class="text">Review {review.round}</strong>
        <span class="chip" data-state={verdict || 'reviewing'}>
          {VERDICTS[verdict] ?? (verdict || 'reviewing')}
        </span>
      </div>
      {found.length > 0 && <p class="aside">{found.join(', ')}</p>}
      {scores.length > 0 && (
        <dl class="scores">
          {scores.map(({ assignment, points }) => (
            <div key={assignment}>
              <dt>{assignment}</dt>
              <dd>
                <span class="bar" aria-hidden="true">
                  <span style={{ width: `${Math.min(100, points)}%` }} />
                </span>
                <span class="number">{points}</span>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}
