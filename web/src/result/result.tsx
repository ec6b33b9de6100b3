import type { Api } from '../lib/api';
import type { Snapshot } from '../lib/snapshot';
import { Files } from './files';
import { Reviews } from './reviews';

/** What came of a task. */
export function Result({ api, snapshot }: { api: Api; snapshot: Snapshot }) {
  return (
    <div class="columns">
      <div>
        <Files api={api} versions={snapshot.files} />
      </div>
      <div>
        <Reviews reviews={snapshot.reviews} />
      </div>
    </div>
  );
}
