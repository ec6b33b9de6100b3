import { clock } from '../lib/format';
import { Panel } from '../ui/notice';
import type { FeedLine } from '../lib/work';

/** What happened, newest last. */
export function FeedLines({ lines, ended }: { lines: readonly FeedLine[]; ended: boolean }) {
  return (
    <Panel title="What happened">
      {lines.length === 0 && <p class="empty">{ended ? 'Nothing was recorded.' : 'Nothing yet. It starts in a moment.'}</p>}
      <div role="log" aria-label="Feed">
        <ol class="feed">
          {lines.map((line) => (
            <li key={line.id} data-level={line.level}>
              <span class="aside">
                <time dateTime={line.at}>{clock(line.at)}</time> {line.stage}
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
