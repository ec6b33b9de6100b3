import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { bytes, counted, integer } from '../lib/format';
import type { FileVersion } from '../lib/task';
import { troubleOf } from '../lib/trouble';
import { CopyButton } from '../ui/copy';
import { useLoaded } from '../ui/use-loaded';
import { cut, isBinary, type Line, LINES_AT_ONCE } from './code';
import type { Contents } from './contents';
import { NotedCard } from './finding';
import type { Noted } from './noted';
import { type Point, pointSeen } from './versions';

interface Props {
  contents: Contents;
  file: FileVersion;
  points: readonly Point[];
  /** What was found in this file. */
  noted: readonly Noted[];
  /** Key of the finding to go to; empty for none. */
  target: string;
}

/** A finding, and the line of the shown version that it stands beside; 0 for the file as a whole. */
interface Placed {
  noted: Noted;
  line: number;
}

/** One version of one file, with what reviewers found beside its lines. */
export function Code({ contents, file, points, noted, target }: Props) {
  const { value, problem, retry } = useLoaded(`${file.id} ${file.updatedAt}`, async () => {
    const [{ lit }, [text = '']] = await Promise.all([import('./colours'), contents.texts([file])]);
    return { text, lines: isBinary(text) ? undefined : lit(file.path, text) };
  });
  const placed = usePlaced(contents, file, points, noted);
  return (
    <>
      <header class="file-head">
        <h2 class="text">{file.path}</h2>
        <span class="aside number">
          {value?.lines && `${counted(value.lines.length, 'line')}, `}
          {bytes(file.bytes)}, {file.assignment}
          {file.round > 0 && `, round ${file.round}`}
        </span>
        {value && <CopyButton text={value.text} what={file.path} />}
      </header>
      {problem !== undefined && (
        <div class="notice bad" role="alert">
          <p>{troubleOf(problem, contents.endpoint).message}</p>
          <button type="button" class="quiet" onClick={retry}>
            Try again
          </button>
        </div>
      )}
      {!value && problem === undefined && <p class="empty">Loading…</p>}
      {value && !value.lines && <p class="empty">This file is not text. Download it to look at it.</p>}
      {value?.lines && <Lines path={file.path} lines={value.lines} placed={placed} target={target} />}
    </>
  );
}

/** Findings with their lines in `file`; those of another version are looked up in a comparison with it. */
function usePlaced(contents: Contents, file: FileVersion, points: readonly Point[], noted: readonly Noted[]): Placed[] {
  const seen = (it: Noted) => pointSeen(points, it.plan, it.round)?.files.get(file.path);
  const moved = noted.filter((it) => it.line > 0 && seen(it) && seen(it)?.id !== file.id);
  const key = moved.map((it) => `${it.key} ${it.line} ${it.round}`).join();
  const { value } = useLoaded(`${file.id} ${key}`, async () => {
    if (moved.length === 0) return new Map<string, number>();
    const [{ lineNow }, [now = '', ...then]] = await Promise.all([
      import('./diffs'),
      contents.texts([file, ...moved.map(seen)]),
    ]);
    return new Map(moved.map((it, index) => [it.key, lineNow(then[index] ?? '', now, it.line)]));
  });
  return noted.map((it) => ({ noted: it, line: value?.get(it.key) ?? it.line }));
}

interface LinesProps {
  path: string;
  lines: readonly Line[];
  placed: readonly Placed[];
  target: string;
}

function Lines({ path, lines, placed, target }: LinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const aim = placed.find(({ noted }) => noted.key === target);
  const [count, setCount] = useState(LINES_AT_ONCE);
  const shown = Math.min(lines.length, Math.max(count, (aim?.line ?? 0) + 1));
  useEffect(() => {
    if (target === '') return;
    const card = box.current?.querySelector<HTMLElement>('[data-target]');
    card?.scrollIntoView({ block: 'center' });
    card?.focus({ preventScroll: true });
  }, [target, aim?.line]);
  const cards = (own: readonly Placed[]) =>
    own.map(({ noted }) => <NotedCard key={noted.key} noted={noted} isTarget={noted.key === target} />);
  // A finding beside a line that is not there stands at the end.
  const at = (line: number) => Math.min(line, shown);
  const stops = [...new Set(placed.filter(({ line }) => line > 0).map(({ line }) => at(line)))].sort((one, other) => one - other);
  const ends = stops.at(-1) === shown ? stops : [...stops, shown];
  return (
    <div class="code" ref={box} tabIndex={0} role="region" aria-label={`Content of ${path}`}>
      {cards(placed.filter(({ line }) => line === 0))}
      {ends.map((end, index) => (
        <Stretch key={end} lines={lines} from={ends[index - 1] ?? 0} to={end} aim={aim ? at(aim.line) : 0}>
          {cards(placed.filter(({ line }) => line > 0 && at(line) === end))}
        </Stretch>
      ))}
      {shown < lines.length && (
        <button type="button" class="more" onClick={() => setCount(shown + LINES_AT_ONCE)}>
          Show more: {integer(lines.length - shown)} lines are left
        </button>
      )}
    </div>
  );
}

interface StretchProps {
  lines: readonly Line[];
  /** The lines after this one, up to `to`. */
  from: number;
  to: number;
  /** The line that somebody came for, 0 for none. */
  aim: number;
  children: preact.ComponentChildren;
}

function Stretch({ lines, from, to, aim, children }: StretchProps) {
  const here = aim > from && aim <= to ? aim : 0;
  const text = useMemo(
    () =>
      lines.slice(from, to).map((line, index) => (
        <span key={index} class="line" data-n={from + index + 1} data-aim={from + index + 1 === here || undefined}>
          <LineText line={line} />
        </span>
      )),
    [lines, from, to, here],
  );
  return (
    <>
      <pre>{lines.length === 1 && lines[0]?.length === 0 ? <span class="aside">(empty file)</span> : text}</pre>
      {children}
    </>
  );
}

/** The coloured parts of one line, as much of it as is shown. */
export function LineText({ line }: { line: Line }) {
  const { parts, rest } = cut(line);
  return (
    <>
      {parts.map(({ text, kind }, index) =>
        kind === '' ? (
          text
        ) : (
          <span key={index} class={`c-${kind}`}>
            {text}
          </span>
        ),
      )}
      {rest > 0 && <span class="aside"> … {integer(rest)} more characters</span>}
    </>
  );
}
