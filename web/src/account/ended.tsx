import type { Api } from '../lib/api';
import { Panel } from '../ui/notice';
import { Credentials } from './credentials';

/** The session of an account has ended, here or from elsewhere. */
export function Ended({ api, email, onBack, onLeave }: { api: Api; email: string; onBack: () => void; onLeave: () => void }) {
  return (
    <div class="account narrow">
      <h1>Your session has ended</h1>
      <p class="lead">It was signed out, perhaps from another place, or is too old. What you typed is kept, and projects go on.</p>
      <Panel title="Sign in again">
        <Credentials
          name="again"
          action="Sign in"
          isNew={false}
          isMain
          email={email}
          endpoint={api.endpoint}
          perform={async (address, password) => {
            await api.session.signIn(address, password);
            onBack();
          }}
        />
      </Panel>
      <button type="button" class="quiet" onClick={onLeave}>
        Go on as a guest, without this account’s projects
      </button>
    </div>
  );
}
