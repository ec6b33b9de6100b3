import { useMemo, useState } from 'preact/hooks';
import { webUrl } from '../lib/format';
import { taskHref, useRoute } from '../lib/route';
import { Changes } from './changes';
import { Contents } from './contents';
import { CostsPart } from './costs-part';
import { Files, type Place } from './files';
import { Findings } from './findings';
import { Frame } from './frame';
import { type Noted, notedIn } from './noted';
import { releasesOf } from './release-list';
import { Releases } from './releases';
import type { ResultProps } from './result';
import { changesBetween, pairOf, planGenerations, pointSeen, pointsOf } from './versions';
import '../style/result.css';

const PARTS = [
  ['files', 'Files'],
  ['changes', 'Changes'],
  ['reviews', 'Reviews'],
  ['app', 'App'],
  ['releases', 'Releases'],
  ['costs', 'Costs'],
] as const;
type Part = (typeof PARTS)[number][0];

const START: Place = { point: '', path: '', noted: '' };

/** What came of a task, part by part. The address keeps which one is open. */
export function Parts({ api, snapshot, commander, scripted }: ResultProps) {
  const route = useRoute();
  const [place, setPlace] = useState(START);
  const contents = useMemo(() => new Contents(api), [api]);
  const { plans, files, reviews, deployments, task } = snapshot;
  const points = useMemo(() => pointsOf(plans, files), [plans, files]);
  const noted = useMemo(() => notedIn(reviews, planGenerations(plans, files)), [reviews, plans, files]);
  const releases = useMemo(() => releasesOf(deployments, task?.totals?.release ?? 0), [deployments, task]);
  if (!task) return null;
  const asked = PARTS.find(([part]) => route.view === 'task' && part === route.part)?.[0];
  const part: Part = asked ?? (webUrl(task.totals?.previewUrl ?? '') ? 'app' : 'files');
  const open = (path: string, point = '', key = '') => {
    setPlace({ path, point, noted: key });
    location.hash = taskHref(task.id, 'result', 'files');
  };
  const show = (finding: Noted) => open(finding.path, pointSeen(points, finding.plan, finding.round)?.key, finding.key);
  const counts: { readonly [P in Part]?: number } = {
    files: points.at(-1)?.files.size ?? 0,
    changes: changesBetween(...pairOf(points, '', '')).length,
    reviews: reviews.length,
    releases: releases.length,
  };
  return (
    <div class="result">
      <PartLinks taskId={task.id} part={part} counts={counts} />
      {part === 'files' && (
        <Files contents={contents} snapshot={snapshot} points={points} noted={noted} place={place} go={setPlace} />
      )}
      {part === 'changes' && <Changes contents={contents} points={points} open={open} />}
      {part === 'reviews' && <Findings reviews={reviews} noted={noted} show={show} />}
      {part === 'app' && <Frame snapshot={snapshot} />}
      {part === 'releases' && <Releases task={task} releases={releases} commander={commander} scripted={scripted} />}
      {part === 'costs' && <CostsPart snapshot={snapshot} scripted={scripted} />}
    </div>
  );
}

interface LinkProps {
  taskId: string;
  part: Part;
  counts: { readonly [P in Part]?: number };
}

function PartLinks({ taskId, part, counts }: LinkProps) {
  return (
    <nav class="parts" aria-label="Parts of the result">
      {PARTS.map(([key, word]) => (
        <a key={key} href={taskHref(taskId, 'result', key)} aria-current={key === part ? 'page' : undefined}>
          {word}
          {counts[key] ? <span class="count">{counts[key]}</span> : null}
        </a>
      ))}
    </nav>
  );
}

