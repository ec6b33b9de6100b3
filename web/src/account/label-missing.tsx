import { useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import { isGuest, mayCreate, OWNER_LABEL, type Person } from '../lib/session';
import { troubleOf } from '../lib/trouble';

/** For a person whom the Appwrite project does not let create projects: who must do what. */
export function LabelMissing({ api, person, onPerson }: { api: Api; person: Person; onPerson: (person: Person) => void }) {
  const [told, setTold] = useState('');
  const look = async () => {
    setTold('');
    try {
      const now = await api.session.current();
      if (now && mayCreate(now)) onPerson(now);
      else setTold('The label is not there yet.');
    } catch (error) {
      setTold(troubleOf(error, api.endpoint).message);
    }
  };
  return (
    <section class="panel label-missing" aria-labelledby="label-missing">
      <h2 id="label-missing">You can not create projects yet</h2>
      <p>
        On this Appwrite project only users with the label <code>{OWNER_LABEL}</code> may, since every project costs
        money.
      </p>
      <ol>
        {isGuest(person) && (
          <li>
            <a href="#/account">Create an account</a>, so that you can be recognized.
          </li>
        )}
        <li>
          Ask whoever runs this Appwrite project to open <b>Auth › Users › {person.email || person.id} › Labels</b> in
          its console and to add <code>{OWNER_LABEL}</code>. Your user is <code>{person.id}</code>.
        </li>
        <li>Then look again.</li>
      </ol>
      <div class="row">
        <button type="button" onClick={() => void look()}>
          Look again
        </button>
        <span role="status">{told}</span>
      </div>
    </section>
  );
}
