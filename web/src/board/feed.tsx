import { Component } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { clock, counted, integer } from '../lib/format';
import type { FeedLine } from '../lib/work';
import { Panel } from '../ui/notice';
import { type Filter, filtered, NO_FILTER, valuesOf } from './feed-view';

/** Lines on the page at first, and how many come with each wish for earlier ones. */
const LINES_SHOWN = 300;
/** So near to the end, in pixels, is at the end. */
const END_PX = 24;

/** What happened, newest last. It follows the newest line while its end is in view. */
export function FeedLines({ lines, ended }: { lines: readonly FeedLine[]; ended: boolean }) {
  const [filter, setFilter] = useState<Filter>(NO_FILTER);
  const [shown, setShown] = useState(LINES_SHOWN);
  const found = useMemo(() => filtered(lines, filter), [lines, filter]);
  const hidden = Math.max(0, found.length - shown);
  const { box, isAtEnd, fresh, onScroll, toEnd } = useEnd(found.at(-1)?.id, found.length);
  return (
    <Panel title="What happened" aside={counted(lines.length, 'line')}>
      <Filters lines={lines} filter={filter} change={setFilter} />
      {found.length === 0 && <p class="empty">{emptyText(lines.length > 0, ended)}</p>}
      <div class="feed-box">
        {/* Read on demand: the stages are announced, and every line would be too much. */}
        <div ref={box} class="feed-scroll" role="log" aria-live="off" aria-label="Feed" tabIndex={0} onScroll={onScroll}>
          {hidden > 0 && (
            <button type="button" class="quiet" onClick={() => setShown(shown + LINES_SHOWN)}>
              Show {integer(Math.min(hidden, LINES_SHOWN))} earlier of {integer(hidden)}
            </button>
          )}
          <ol class="feed">
            {found.slice(hidden).map((line) => (
              <Line key={line.id} line={line} />
            ))}
          </ol>
        </div>
        {!isAtEnd && (
          <button type="button" class="feed-new" onClick={toEnd}>
            {fresh > 0 ? `${integer(fresh)} new` : 'To the end'}
          </button>
        )}
      </div>
    </Panel>
  );
}

function emptyText(isFiltered: boolean, ended: boolean): string {
  if (isFiltered) return 'No line is like that. Choose less above.';
  return ended ? 'Nothing was recorded.' : 'Nothing yet. It starts in a moment.';
}

/** Stays at the end of a box that grows, unless somebody has scrolled away from it. */
function useEnd(newest: string | undefined, count: number) {
  const box = useRef<HTMLDivElement>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  /** Lines when the end was last in view. */
  const [seen, setSeen] = useState(count);
  const toEnd = () => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (!isAtEnd) return;
    setSeen(count);
    toEnd();
  }, [newest, count, isAtEnd]);
  const onScroll = () => {
    if (!box.current) return;
    const { scrollHeight, scrollTop, clientHeight } = box.current;
    setAtEnd(scrollHeight - scrollTop - clientHeight <= END_PX);
  };
  return { box, isAtEnd, fresh: Math.max(0, count - seen), onScroll, toEnd };
}

/** A line hardly ever changes: thousands of them are compared, not drawn, when one more comes. */
class Line extends Component<{ line: FeedLine }> {
  override shouldComponentUpdate({ line }: { line: FeedLine }) {
    return this.props.line !== line;
  }

  override render({ line }: { line: FeedLine }) {
    return (
      <li data-level={line.level} data-id={line.id}>
        <span class="aside number">
          <time dateTime={line.at}>{clock(line.at)}</time> {line.stage}
        </span>
        <span class="text" dir="auto">
          {line.level !== 'info' && <strong>{line.level}: </strong>}
          {line.text}
        </span>
      </li>
    );
  }
}

const LEVELS: readonly (readonly [Filter['level'], string])[] = [
  ['all', 'All levels'],
  ['warning', 'Warnings and errors'],
  ['error', 'Errors'],
];

function Filters({ lines, filter, change }: { lines: readonly FeedLine[]; filter: Filter; change: (filter: Filter) => void }) {
  const stages = useMemo(() => valuesOf(lines, 'stage'), [lines]);
  const agents = useMemo(() => valuesOf(lines, 'agent'), [lines]);
  return (
    <fieldset class="feed-filter">
      <legend class="hidden">Filter the feed</legend>
      <select aria-label="Stage" value={filter.stage} onChange={(event) => change({ ...filter, stage: event.currentTarget.value })}>
        <option value="">All stages</option>
        {stages.map((stage) => (
          <option key={stage}>{stage}</option>
        ))}
      </select>
      <select aria-label="Agent" value={filter.agent} onChange={(event) => change({ ...filter, agent: event.currentTarget.value })}>
        <option value="">All agents</option>
        {agents.map((agent) => (
          <option key={agent}>{agent}</option>
        ))}
      </select>
      <select
        aria-label="Level"
        value={filter.level}
        onChange={(event) => change({ ...filter, level: event.currentTarget.value as Filter['level'] })}
      >
        {LEVELS.map(([level, word]) => (
          <option key={level} value={level}>
            {word}
          </option>
        ))}
      </select>
    </fieldset>
  );
}
