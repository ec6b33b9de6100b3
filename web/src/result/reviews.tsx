import { Panel } from '../ui/notice';
import type { Finding, Review } from '../lib/task';

const VERDICTS: Record<string, string> = {
  approved: 'approved',
  changes_requested: 'changes requested',
  not_approved: 'not approved',
};

/** What became of the findings of the reviews before. */
function progress({ rework, resolved, round }: Review): string {
  const open = rework.filter((finding) => finding.since > 0 && finding.since < round).length;
  return resolved.length + open > 0 ? `${resolved.length} resolved, ${open} open` : '';
}

/** The review rounds with what was found. */
export function Reviews({ reviews }: { reviews: readonly Review[] }) {
  return (
    <Panel title="Reviews">
      {reviews.length === 0 && <p class="empty">The reviewer reads the files when the agents are done.</p>}
      {reviews.map((review) => (
        <section key={review.id} class="review" aria-label={`Review ${review.round}`}>
          <div class="row">
            <strong class="text">Review {review.round}</strong>
            <span class="chip" data-state={review.verdict || 'reviewing'}>
              {VERDICTS[review.verdict] ?? (review.verdict || 'reviewing')}
            </span>
          </div>
          {progress(review) && <p class="aside">{progress(review)}</p>}
          {review.scores.length > 0 && (
            <p class="aside">
              Score: {review.scores.map((score) => `${score.assignment} ${score.points}`).join(', ')}
            </p>
          )}
          <Findings title="Must change" findings={review.rework} round={review.round} />
          <Findings title="Resolved" findings={review.resolved} />
          <Findings title="Remarks" findings={review.remarks} />
        </section>
      ))}
    </Panel>
  );
}

/** `round`: of the review that wants the changes, to tell what has been open for longer. */
function Findings({ title, findings, round = 0 }: { title: string; findings: readonly Finding[]; round?: number }) {
  if (findings.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="findings">
        {findings.map((finding, index) => (
          <li key={index}>
            <span class="chip" data-state={finding.severity}>
              {finding.severity}
            </span>{' '}
            <code>
              {finding.path}
              {finding.line > 0 && `:${finding.line}`}
            </code>
            {finding.assignment && <span class="aside"> {finding.assignment}</span>}
            {finding.since > 0 && finding.since < round && <span class="aside"> open since review {finding.since}</span>}
            <p dir="auto">{finding.problem}</p>
            {finding.requiredChange && (
              <p class="aside" dir="auto">
                {finding.requiredChange}
              </p>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}
