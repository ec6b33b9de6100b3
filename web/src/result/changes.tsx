import { useState } from 'preact/hooks';
import { counted, integer } from '../lib/format';
import { troubleOf } from '../lib/trouble';
import { Icon } from '../ui/icon';
import { useLoaded } from '../ui/use-loaded';
import { isBinary, type Line, LINES_AT_ONCE } from './code';
import { LineText } from './code-view';
import type { Contents } from './contents';
import type { DiffLine } from './diffs';
import { PointChoice } from './files';
import { type Change, changesBetween, NOTHING, pairOf, type Point } from './versions';

interface Props {
  contents: Contents;
  points: readonly Point[];
  /** Shows a file as of a point. */
  open: (path: string, point: string) => void;
}

/** Files whose lines are shown without asking. */
const OPEN_MAX = 12;

/** What differs between two points. */
export function Changes({ contents, points, open }: Props) {
  const [wanted, setWanted] = useState({ from: '', to: '' });
  const [from, to] = pairOf(points, wanted.from, wanted.to);
  const changes = changesBetween(from, to);
  const all = [...points].reverse();
  if (points.length === 0) {
    return (
      <div class="panel blank">
        <Icon name="branch" />
        <h2>Nothing to compare yet</h2>
        <p>When files are written, you see here what each round of work has changed.</p>
      </div>
    );
  }
  return (
    <section class="stack" aria-label="Changes">
      <div class="panel toolbar">
        <PointChoice id="from" label="From" points={[...all, NOTHING]} chosen={from.key} choose={(key) => setWanted({ from: key, to: to.key })} />
        <PointChoice id="to" label="To" points={all} chosen={to.key} choose={(key) => setWanted({ from: wanted.from, to: key })} />
        <p class="aside number" role="status">
          {summary(changes)}
        </p>
      </div>
      {changes.length === 0 && <p class="panel empty">The files are the same at both.</p>}
      {changes.map((change, index) => (
        <ChangedFile
          key={`${change.path} ${change.before?.id} ${change.after?.id}`}
          contents={contents}
          change={change}
          isFirst={index < OPEN_MAX && change.kind === 'changed'}
          show={change.after && (() => open(change.path, to.key))}
        />
      ))}
    </section>
  );
}

function summary(changes: readonly Change[]): string {
  const count = (kind: Change['kind']) => changes.filter((change) => change.kind === kind).length;
  const words = (['added', 'changed', 'removed'] as const).filter((kind) => count(kind) > 0);
  return words.length === 0 ? 'No changes' : words.map((kind) => `${counted(count(kind), 'file')} ${kind}`).join(', ');
}

interface FileProps {
  contents: Contents;
  change: Change;
  isFirst: boolean;
  show: (() => void) | undefined;
}

function ChangedFile({ contents, change, isFirst, show }: FileProps) {
  const [isOpen, setOpen] = useState(isFirst);
  return (
    <details class="panel flush changed" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <code class="text">{change.path}</code>
        <span class="chip" data-state={change.kind}>
          {change.kind}
        </span>
      </summary>
      {isOpen && <DiffView contents={contents} change={change} show={show} />}
    </details>
  );
}

/** Loads both versions and compares them. */
async function compared(contents: Contents, { path, before, after }: Change) {
  const [{ lit }, { diffOf }, [old = '', own = '']] = await Promise.all([
    import('./colours'),
    import('./diffs'),
    contents.texts([before, after]),
  ]);
  const isText = !isBinary(old) && !isBinary(own);
  return { diff: isText ? diffOf(old, own) : undefined, old: lit(path, old), own: lit(path, own) };
}

function DiffView({ contents, change, show }: Omit<FileProps, 'isFirst'>) {
  const { value, problem, retry } = useLoaded(change.path, () => compared(contents, change));
  const [count, setCount] = useState(LINES_AT_ONCE);
  if (problem !== undefined) {
    return (
      <div class="notice bad" role="alert">
        <p>{troubleOf(problem, contents.endpoint).message}</p>
        <button type="button" class="quiet" onClick={retry}>
          Try again
        </button>
      </div>
    );
  }
  if (!value) return <p class="empty">Comparing…</p>;
  const { diff, old, own } = value;
  if (!diff) return <p class="empty">The two have too little in common to be shown line by line.</p>;
  const total = diff.hunks.reduce((sum, { lines }) => sum + lines.length, 0);
  let room = count;
  return (
    <>
      <p class="row file-head">
        <span class="aside number text">
          <span aria-hidden="true">
            +{integer(diff.added)} −{integer(diff.removed)}
          </span>
          <span class="hidden">
            {counted(diff.added, 'line')} added, {diff.removed} removed
          </span>
        </span>
        {show && (
          <button type="button" class="quiet" onClick={show}>
            Show the file
          </button>
        )}
      </p>
      <div class="code diff" tabIndex={0} role="region" aria-label={`Changes of ${change.path}`}>
        {diff.hunks.map(({ lines }, index) => {
          const shown = lines.slice(0, Math.max(0, room));
          room -= lines.length;
          return shown.length > 0 && <Hunk key={index} lines={shown} old={old} own={own} />;
        })}
      </div>
      {total > count && (
        <button type="button" class="more" onClick={() => setCount(count + LINES_AT_ONCE)}>
          Show more: {integer(total - count)} lines are left
        </button>
      )}
    </>
  );
}

interface HunkProps {
  lines: readonly DiffLine[];
  old: readonly Line[];
  own: readonly Line[];
}

/** Both numbers in columns of their own. */
const numbers = (...pair: number[]) => pair.map((number) => `${number || ''}`.padStart(5)).join('') + ' ';

const SIGNS: Record<DiffLine['kind'], string> = { added: '+', removed: '−', same: ' ' };

function Hunk({ lines, old, own }: HunkProps) {
  return (
    <pre>
      {lines.map(({ kind, before, after }, index) => {
        const Tag = kind === 'added' ? 'ins' : kind === 'removed' ? 'del' : 'span';
        const line = (after > 0 ? own[after - 1] : old[before - 1]) ?? [];
        return (
          <Tag key={index} class="line" data-n={numbers(before, after) + SIGNS[kind]}>
            <LineText line={line} />
          </Tag>
        );
      })}
    </pre>
  );
}
