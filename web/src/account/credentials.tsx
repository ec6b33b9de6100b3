import { useRef, useState } from 'preact/hooks';
import { check, type Credential, PASSWORD_CHARS_MIN, type Refusal, refusalOf } from './rules';

interface Props {
  /** Of the ids: two of these forms may stand on one page. */
  name: string;
  action: string;
  isNew: boolean;
  /** It is what most people here want to do. */
  isMain?: boolean;
  email?: string;
  endpoint: string;
  perform: (email: string, password: string) => Promise<void>;
}

/** An address, a password, and what was wrong with them. */
export function Credentials({ name, action, isNew, isMain, email: known = '', endpoint, perform }: Props) {
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState('');
  const [isShown, setShown] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const form = useRef<HTMLFormElement>(null);
  const of = (field: Credential) => refusals.find((refusal) => refusal.field === field)?.message;
  const whole = refusals.find((refusal) => refusal.field === undefined)?.message;

  const refuse = (next: readonly Refusal[]) => {
    setRefusals(next);
    const field = next[0]?.field ?? 'password';
    form.current?.querySelector<HTMLInputElement>(`[name="${field}"]`)?.focus();
  };
  const send = async () => {
    const broken = check(email.trim(), password, isNew);
    if (broken.length > 0) return refuse(broken);
    setBusy(true);
    try {
      await perform(email.trim(), password);
    } catch (error) {
      refuse([refusalOf(error, endpoint)]);
    }
    setBusy(false);
  };
  const note = (field: Credential) => `${name}-${field}-note`;
  return (
    <form
      ref={form}
      class="stack"
      noValidate
      aria-busy={isBusy}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy) void send();
      }}
    >
      <div class="field">
        <label for={`${name}-email`}>E-mail</label>
        <input
          id={`${name}-email`}
          name="email"
          type="email"
          autocomplete="username"
          value={email}
          aria-invalid={of('email') !== undefined}
          aria-describedby={note('email')}
          onInput={(event) => setEmail(event.currentTarget.value)}
        />
        <p id={note('email')} class="rule">
          {of('email')}
        </p>
      </div>
      <div class="field">
        <label for={`${name}-password`}>Password</label>
        <div class="beside">
          <input
            id={`${name}-password`}
            name="password"
            {...(isShown ? { type: 'text' } : { type: 'password' })}
            autocomplete={isNew ? 'new-password' : 'current-password'}
            value={password}
            aria-invalid={of('password') !== undefined}
            aria-describedby={note('password')}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
          <button type="button" aria-pressed={isShown} aria-label="Show the password" onClick={() => setShown(!isShown)}>
            {isShown ? 'Hide' : 'Show'}
          </button>
        </div>
        <p id={note('password')} class={of('password') ? 'rule' : 'hint'}>
          {of('password') ?? (isNew ? `At least ${PASSWORD_CHARS_MIN} characters, and not a common one.` : '')}
        </p>
      </div>
      {whole && (
        <p class="notice bad" role="alert">
          {whole}
        </p>
      )}
      <button type="submit" class={isMain ? 'primary' : undefined} disabled={isBusy}>
        {action}
      </button>
    </form>
  );
}
