import { type Noted, storyOf } from './noted';

const STATES: Record<Noted['state'], string> = { open: 'Open', resolved: 'Resolved', remark: 'Remark' };

/** Beside the line that it is about. What is resolved is folded. */
export function NotedCard({ noted, isTarget }: { noted: Noted; isTarget: boolean }) {
  const head = (
    <>
      <Severity noted={noted} />
      <span class="aside">{storyOf(noted)}</span>
    </>
  );
  return (
    <aside
      class="noted"
      data-state={noted.state}
      data-target={isTarget || undefined}
      tabIndex={isTarget ? -1 : undefined}
      aria-label={`${STATES[noted.state]} finding of the review${noted.line > 0 ? `, line ${noted.line}` : ''}`}
    >
      {noted.state === 'resolved' && !isTarget ? (
        <details>
          <summary>
            <span class="row">{head}</span>
          </summary>
          <Words noted={noted} />
        </details>
      ) : (
        <>
          <p class="row">{head}</p>
          <Words noted={noted} />
        </>
      )}
    </aside>
  );
}

/** How bad it is, and what became of it. */
export function Severity({ noted }: { noted: Noted }) {
  return (
    <span class="chip" data-state={noted.state === 'open' ? noted.severity : noted.state}>
      {noted.state === 'resolved' ? `${noted.severity}, resolved` : noted.severity}
    </span>
  );
}

/** What is wrong, and what must change. */
export function Words({ noted }: { noted: Noted }) {
  return (
    <>
      <p dir="auto">
        <Marked text={noted.problem} />
      </p>
      {noted.requiredChange && (
        <p class="aside" dir="auto">
          Required: <Marked text={noted.requiredChange} />
        </p>
      )}
    </>
  );
}

/** Text in which what stands between backticks is code. */
function Marked({ text }: { text: string }) {
  const parts = text.split(/`([^`\n]+)`/);
  return <>{parts.map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>;
}
