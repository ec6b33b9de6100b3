import { clock } from './format';
import { Panel } from './notice';
import type { Progress } from './task';

/** What happened, newest last, in the order it was written. */
export function FeedLines({ lines, ended }: { lines: readonly Progress[]; ended: boolean }) {
  return (
    <Panel title="What happened">
      {lines.length === 0 && <p class="empty">{ended ? 'Nothing was recorded.' : 'Nothing yet. It starts in a moment.'}</p>}
      <div role="log" aria-label="Feed">
        <ol class="feed">
          {lines.map((line) => (
            <li key={line.id} data-level={line.level}>
              <span class="aside">
                <time dateTime={line.createdAt}>{clock(line.createdAt)}</time> {line.stage}
              </span>
              <span class="text" dir="auto">
                {line.level !== 'info' && <strong>{line.level}: </strong>}
                {line.text}
              </span>
            </li>
          ))}
        </ol>
      </div>
    </Panel>
  );
}
