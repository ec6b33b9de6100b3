import { webUrl } from '../lib/format';
import type { Snapshot } from '../lib/snapshot';
import { CopyButton } from '../ui/copy';
import { Icon } from '../ui/icon';

/** What the task led to: the repository and the app, or why not. */
export function Outcome({ snapshot }: { snapshot: Snapshot }) {
  const { task } = snapshot;
  if (!task) return null;
  return (
    <>
      {task.status === 'failed' && (
        <div class="notice bad" role="alert">
          <p>
            <strong>It could not be completed.</strong> {task.failure?.message}
          </p>
          {task.failure && <p class="aside">Code: {task.failure.code}</p>}
        </div>
      )}
      <Links snapshot={snapshot} />
    </>
  );
}

function Links({ snapshot: { task, releases, deployments } }: { snapshot: Snapshot }) {
  const release = releases.findLast((row) => row.commitSha !== '');
  const cloneUrl = webUrl(task?.totals?.cloneUrl || release?.cloneUrl || '');
  const repository = webUrl(task?.repositoryUrl || release?.repositoryUrl || '') ?? cloneUrl;
  const site = webUrl(task?.siteUrl || deployments.findLast((row) => row.url !== '' && row.state === 'active')?.url || '');
  const pullRequest = webUrl(task?.totals?.pullRequestUrl || '');
  const commit = task?.commitSha || release?.commitSha || '';
  if (!repository && !site) return null;
  const clone = `git clone ${cloneUrl}`;
  return (
    <nav class="outcome" aria-label="Results">
      {site && <OutLink url={site} word="Open the app" isPrimary />}
      {pullRequest && <OutLink url={pullRequest} word="Pull request" isPrimary />}
      {repository && <OutLink url={repository} word="Repository" />}
      {cloneUrl && (
        <span class="clone">
          <code>{clone}</code>
          <CopyButton text={clone} what="the line that clones it" />
        </span>
      )}
      {commit && (
        <span class="aside" title={commit}>
          commit <code>{commit.slice(0, 7)}</code>
        </span>
      )}
    </nav>
  );
}

function OutLink({ url, word, isPrimary = false }: { url: string; word: string; isPrimary?: boolean }) {
  return (
    <a class={isPrimary ? 'button primary' : 'button'} href={url} target="_blank" rel="noopener">
      <Icon name="out" />
      {word}
    </a>
  );
}
