import { useEffect, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import { dropDraft } from '../lib/draft';
import { counted, day } from '../lib/format';
import { isGuest, mayCreate, type Person } from '../lib/session';
import { troubleOf } from '../lib/trouble';
import { Confirm } from '../ui/confirm';
import { Panel } from '../ui/notice';
import { Credentials } from './credentials';
import { LabelMissing } from './label-missing';

interface Props {
  api: Api;
  person: Person;
  /** The same user has more to its name now: nothing has to be fetched again. */
  onPerson: (person: Person) => void;
  /** Somebody else is here now, or nobody. */
  onLeave: () => void;
}

/** Whose projects these are, and how to reach them from elsewhere. */
export function Account(props: Props) {
  const { person } = props;
  const [isMade, setMade] = useState(false);
  const onPerson = (next: Person) => {
    setMade(isGuest(person) && !isGuest(next));
    props.onPerson(next);
  };
  return (
    <div class="account">
      <h1>{isGuest(person) ? 'You are here as a guest' : 'Your account'}</h1>
      <p class={isMade ? 'notice good' : 'hidden'} role="status">
        {isMade && 'Your account is made, and your projects belong to it.'}
      </p>
      {isGuest(person) ? <Guest {...props} onPerson={onPerson} /> : <Member {...props} />}
      {!mayCreate(person) && <LabelMissing api={props.api} person={person} onPerson={props.onPerson} />}
    </div>
  );
}

/** How many projects the person has; undefined until that is known. */
function useProjects(api: Api, person: Person): number | undefined {
  const [count, setCount] = useState<number>();
  useEffect(() => {
    let isGone = false;
    api.countTasks().then(
      (known) => {
        if (!isGone) setCount(known);
      },
      // Then the page speaks of projects without a number.
      () => undefined,
    );
    return () => {
      isGone = true;
    };
  }, [api, person.id]);
  return count;
}

const projects = (count: number | undefined): string =>
  count === undefined ? 'the projects of this browser' : `${count === 1 ? 'the' : 'all'} ${counted(count, 'project')} of this browser`;

function Guest({ api, person, onPerson, onLeave }: Props) {
  const count = useProjects(api, person);
  const [asked, setAsked] = useState<{ email: string; password: string; settle: (error?: unknown) => void }>();
  const signIn = async (email: string, password: string) => {
    if (count !== 0) {
      await new Promise<void>((resolve, reject) => {
        setAsked({ email, password, settle: (error) => (error ? reject(error) : resolve()) });
      });
      return;
    }
    await api.session.signIn(email, password);
    onLeave();
  };
  return (
    <>
      <p class="lead">
        Projects belong to this browser alone until you have an account. With one you reach them from everywhere, and
        they survive when this browser forgets its data.
      </p>
      <div class="pair">
        <Panel title="Create an account">
          <p class="aside">
            {count === 0 ? 'What you create from now on belongs to it.' : `Keeps ${projects(count)}. Nothing is interrupted.`}
          </p>
          <Credentials
            name="new"
            action="Create account"
            isNew
            isMain
            endpoint={api.endpoint}
            perform={async (email, password) => {
              onPerson(await api.session.signUp(email, password));
            }}
          />
        </Panel>
        <Panel title="Sign in">
          <p class="aside">For those who have an account already.</p>
          <Credentials name="known" action="Sign in" isNew={false} endpoint={api.endpoint} perform={signIn} />
        </Panel>
      </div>
      {count !== 0 && <Leave api={api} person={person} count={count} onLeave={onLeave} />}
      {asked && (
        <Confirm
          title="Leave the guest’s projects behind?"
          action="Sign in and leave them"
          onConfirm={async () => {
            setAsked(undefined);
            try {
              await api.session.signIn(asked.email, asked.password);
              asked.settle();
              onLeave();
            } catch (error) {
              asked.settle(error);
            }
          }}
          onCancel={() => {
            setAsked(undefined);
            asked.settle();
          }}
        >
          Your account has its own projects. Nobody can reach {projects(count)} afterwards. To keep them, create an
          account for them instead.
        </Confirm>
      )}
    </>
  );
}

function Member({ api, person, onLeave }: Props) {
  return (
    <Panel title={person.email}>
      <dl class="facts">
        <dt>User</dt>
        <dd>
          <code>{person.id}</code>
        </dd>
        <dt>Since</dt>
        <dd>{day(person.createdAt)}</dd>
      </dl>
      <p class="aside">Sign in with this address in any browser, or in a terminal.</p>
      <Leave api={api} person={person} count={undefined} onLeave={onLeave} />
    </Panel>
  );
}

/** Signing out. Nobody can come back to an anonymous user, so that one is asked first. */
function Leave({ api, person, count, onLeave }: { api: Api; person: Person; count: number | undefined; onLeave: () => void }) {
  const [isAsked, setAsked] = useState(false);
  const [refusal, setRefusal] = useState('');
  const leave = async () => {
    setAsked(false);
    try {
      await api.session.signOut();
      // Whoever sits here next must not read what was typed.
      dropDraft();
      onLeave();
    } catch (error) {
      setRefusal(troubleOf(error, api.endpoint).message);
    }
  };
  return (
    <div class="stack">
      <div class="row">
        <button type="button" class={isGuest(person) ? 'quiet' : ''} onClick={() => (isGuest(person) ? setAsked(true) : void leave())}>
          {isGuest(person) ? 'Forget this guest' : 'Sign out'}
        </button>
      </div>
      {refusal !== '' && (
        <p class="notice bad" role="alert">
          {refusal}
        </p>
      )}
      {isAsked && (
        <Confirm
          title="Forget this guest?"
          action="Forget it"
          onConfirm={() => void leave()}
          onCancel={() => setAsked(false)}
        >
          Nobody can sign in as this guest again, so nobody can reach {projects(count)} afterwards. What is at work goes
          on. To keep them, create an account first.
        </Confirm>
      )}
    </div>
  );
}
