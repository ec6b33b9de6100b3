import { useRef, useState } from 'preact/hooks';
import { bytes, counted } from '../lib/format';
import { isFinal, type Snapshot } from '../lib/snapshot';
import type { FileVersion } from '../lib/task';
import { Icon } from '../ui/icon';
import { Code } from './code-view';
import type { Contents } from './contents';
import { Download } from './download';
import type { Noted } from './noted';
import { type Folder, folderOf, found, nameOf } from './tree';
import { NOTHING, type Point } from './versions';

/** What is open: a point and a path, and the finding that led there; empty for the newest and for none. */
export interface Place {
  point: string;
  path: string;
  noted: string;
}

interface Props {
  contents: Contents;
  snapshot: Snapshot;
  points: readonly Point[];
  noted: readonly Noted[];
  place: Place;
  go: (place: Place) => void;
}

/** Shown first, where nobody has chosen. */
const FIRST = ['README.md', 'index.html', 'site/index.html'];

/** The files as they stood at some point, one of them open. */
export function Files({ contents, snapshot, points, noted, place, go }: Props) {
  const viewer = useRef<HTMLDivElement>(null);
  const newest = points.at(-1);
  const point = points.find(({ key }) => key === place.point) ?? newest ?? NOTHING;
  if (point.files.size === 0) return <NoFiles snapshot={snapshot} />;
  const first = FIRST.find((path) => point.files.has(path)) ?? [...point.files.keys()][0];
  const file = point.files.get(place.path) ?? (place.path === '' ? point.files.get(first ?? '') : undefined);
  const choose = (path: string) => {
    go({ point: place.point, path, noted: '' });
    // Where the two stand below each other, the file may be far away.
    viewer.current?.scrollIntoView({ block: 'nearest' });
  };
  return (
    <section class="panel flush" aria-label="Files">
      <div class="toolbar">
        <PointChoice
          id="files-point"
          label="As of"
          points={[...points].reverse()}
          chosen={point.key}
          choose={(key) => go({ ...place, point: key === newest?.key ? '' : key, noted: '' })}
        />
        <p class="aside number">{summary(point)}</p>
        <Download contents={contents} name={snapshot.task?.name ?? ''} point={point} />
      </div>
      <div class="browser">
        <Tree files={point.files} noted={noted.filter((it) => isOpenAt(it, point))} current={file?.path ?? ''} choose={choose} />
        <div class="viewer" ref={viewer}>
          {file ? (
            <Code
              key={`${point.key} ${file.path}`}
              contents={contents}
              file={file}
              points={points}
              noted={noted.filter((it) => it.path === file.path && it.plan === point.plan && it.since <= Math.max(1, point.round))}
              target={place.noted}
            />
          ) : (
            <p class="empty">{place.path} was not there then. Choose another version or file.</p>
          )}
        </div>
      </div>
    </section>
  );
}

const isOpenAt = ({ state, plan, since, resolvedIn }: Noted, point: Point) =>
  plan === point.plan && state !== 'remark' && since <= point.round && (resolvedIn === 0 || resolvedIn > point.round);

function summary(point: Point): string {
  const size = [...point.files.values()].reduce((sum, file) => sum + file.bytes, 0);
  return `${counted(point.files.size, 'file')}, ${bytes(size)}`;
}

function NoFiles({ snapshot }: { snapshot: Snapshot }) {
  const { task } = snapshot;
  return (
    <div class="panel blank">
      <Icon name="folder" />
      <h2>No files yet</h2>
      <p>
        {isFinal(task)
          ? 'The project ended before the first file was written.'
          : 'Files appear here as agents finish them. The board shows how far they are.'}
      </p>
    </div>
  );
}

interface ChoiceProps {
  id: string;
  label: string;
  points: readonly Point[];
  chosen: string;
  choose: (key: string) => void;
}

/** A choice among points. */
export function PointChoice({ id, label, points, chosen, choose }: ChoiceProps) {
  return (
    <div class="choice">
      <label for={id}>{label}</label>
      <select id={id} value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
        {points.map((point) => (
          <option key={point.key} value={point.key}>
            {point.label}
          </option>
        ))}
      </select>
    </div>
  );
}

interface TreeProps {
  files: ReadonlyMap<string, FileVersion>;
  noted: readonly Noted[];
  current: string;
  choose: (path: string) => void;
}

function Tree({ files, noted, current, choose }: TreeProps) {
  const [search, setSearch] = useState('');
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const hits = search.trim() === '' ? undefined : found(files.values(), search);
  const toggle = (path: string) => {
    const next = new Set(closed);
    if (!next.delete(path)) next.add(path);
    setClosed(next);
  };
  const file = (version: FileVersion, name: string) => (
    <FileButton
      key={version.path}
      path={version.path}
      name={name}
      open={noted.filter(({ path }) => path === version.path).length}
      isCurrent={version.path === current}
      choose={choose}
    />
  );
  const folder = (it: Folder) => (
    <ul>
      {it.folders.map((own) => (
        <li key={own.path}>
          <button type="button" class="entry" aria-expanded={!closed.has(own.path)} onClick={() => toggle(own.path)}>
            <Icon name="folder" />
            <span class="text">{own.name}</span>
          </button>
          {!closed.has(own.path) && folder(own)}
        </li>
      ))}
      {it.files.map((own) => file(own, nameOf(own.path)))}
    </ul>
  );
  return (
    <nav class="tree" aria-label="Files" onKeyDown={step}>
      <div class="search">
        <Icon name="search" />
        <input
          type="search"
          aria-label="Find a file"
          placeholder="Find a file"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      </div>
      <p class="hidden" role="status">
        {hits && `${counted(hits.length, 'file')} found`}
      </p>
      {hits?.length === 0 && <p class="empty">No file has this in its path.</p>}
      {hits ? <ul>{hits.map((own) => file(own, own.path))}</ul> : folder(folderOf(files.values()))}
    </nav>
  );
}

/** Arrow keys go from entry to entry, so that nobody has to pass all of them with Tab. */
function step(event: KeyboardEvent & { currentTarget: HTMLElement }) {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const way = event.key === 'ArrowDown' ? 1 : -1;
  const entries = [...event.currentTarget.querySelectorAll<HTMLElement>('input, .entry')];
  const at = entries.findIndex((entry) => entry === document.activeElement);
  entries[at + way]?.focus();
  event.preventDefault();
}

interface FileProps {
  path: string;
  name: string;
  /** Findings that are open. */
  open: number;
  isCurrent: boolean;
  choose: (path: string) => void;
}

function FileButton({ path, name, open, isCurrent, choose }: FileProps) {
  return (
    <li>
      <button type="button" class="entry" aria-current={isCurrent ? 'true' : undefined} onClick={() => choose(path)}>
        <Icon name="file" />
        <span class="text">{name}</span>
        {open > 0 && (
          <span class="mark">
            {open}
            <span class="hidden"> {open === 1 ? 'finding' : 'findings'}</span>
          </span>
        )}
      </button>
    </li>
  );
}
