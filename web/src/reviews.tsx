import { Panel } from './notice';
import type { Finding, Review } from './task';

const VERDICTS: Record<string, string> = { approved: 'approved', changes_requested: 'changes requested' };

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
          <Findings title="Must change" findings={review.rework} />
          <Findings title="Remarks" findings={review.remarks} />
        </section>
      ))}
    </Panel>
  );
}

function Findings({ title, findings }: { title: string; findings: readonly Finding[] }) {
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
