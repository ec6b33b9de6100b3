import { webUrl } from '../lib/format';
import type { Snapshot } from '../lib/snapshot';

/** What the task led to: the repository and the app, or why not. */
export function Outcome({ snapshot }: { snapshot: Snapshot }) {
  const { task, releases, deployments } = snapshot;
  if (!task) return null;
  const release = releases.findLast((row) => row.commitSha !== '');
  const cloneUrl = webUrl(task.totals?.cloneUrl || release?.cloneUrl || '');
  const repository = webUrl(task.repositoryUrl || release?.repositoryUrl || '') ?? cloneUrl;
  const site = webUrl(task.siteUrl || deployments.findLast((row) => row.url !== '' && row.state === 'active')?.url || '');
  const pullRequest = webUrl(task.totals?.pullRequestUrl || '');
  const commit = task.commitSha || release?.commitSha || '';
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
      {(repository || site) && (
        <nav class="outcome" aria-label="Results">
          {site && (
            <a class="button primary" href={site} target="_blank" rel="noopener">
              Open the app
            </a>
          )}
          {pullRequest && (
            <a class="button primary" href={pullRequest} target="_blank" rel="noopener">
              Pull request
            </a>
          )}
          {repository && (
            <a class="button" href={repository} target="_blank" rel="noopener">
              Repository
            </a>
          )}
          {cloneUrl && <code>git clone {cloneUrl}</code>}
          {commit && <span class="aside">commit {commit.slice(0, 7)}</span>}
        </nav>
      )}
    </>
  );
}
