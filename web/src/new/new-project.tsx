import { LabelMissing } from '../account/label-missing';
import { Recent } from '../history/recent';
import type { Api } from '../lib/api';
import type { Feed } from '../lib/live';
import { mayCreate, type Person } from '../lib/session';
import { BriefForm } from './form';

interface Props {
  api: Api;
  feed: Feed;
  person: Person;
  onPerson: (person: Person) => void;
}

/** Where a project begins, with the last ones beside. */
export function NewProject({ api, feed, person, onPerson }: Props) {
  return (
    <div class="columns">
      <div>
        <header>
          <h1>What should be built?</h1>
          <p class="lead">
            A planner divides the work, agents write it, a reviewer checks it. The result is a repository and a running
            app.
          </p>
        </header>
        {mayCreate(person) ? <BriefForm api={api} /> : <LabelMissing api={api} person={person} onPerson={onPerson} />}
      </div>
      <div>
        <Recent api={api} feed={feed} />
      </div>
    </div>
  );
}
