import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import {
  BLANK,
  DESCRIPTION_CHARS_MAX,
  type Draft,
  EMPTY_RULE,
  type FieldError,
  NAME_CHARS_MAX,
  requestOf,
  validate,
} from '../lib/brief';
import { clock } from '../lib/format';
import { taskHref } from '../lib/route';
import { useFocusOnError } from '../ui/field';
import { Examples } from './examples';
import { budgetOf, chosenOf, Options } from './options';
import { Requirements } from './requirements';
import { TextField } from './text-field';
import { TypeCards } from './type-cards';
import { useDraft } from './use-draft';

const HINT = 'What it is for, who uses it, what it must do.';

export function BriefForm({ api }: { api: Api }) {
  const { draft, pending, at, isOffered, setOffered, change, setPending, replace, send } = useDraft(api);
  /** Errors the function found; what it refused of a field is forgotten once the field changes. */
  const [refused, setRefused] = useState<readonly FieldError[]>([]);
  const [message, setMessage] = useState('');
  const [busy, setBusy] = useState(false);
  /** The fields that were left, and whether all of them were sent: before that nobody is blamed. */
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [isTried, setTried] = useState(false);
  const [attempt, setAttempt] = useState<readonly FieldError[]>([]);
  const form = useFocusOnError(attempt);

  const own = validate(requestOf(draft)).filter(
    ({ field, rule }) => isTried || (left.has(field) && rule !== EMPTY_RULE) || field.startsWith('requirements'),
  );
  const errors = [...own.map(unsent), ...refused.filter(({ field }) => !own.some((error) => error.field === field))];
  const rule = (field: string) => errors.find((error) => error.field === field)?.rule;
  const leave = (field: string) => setLeft((known) => new Set(known).add(field));
  const edit = (part: Partial<Draft>) => {
    change(part);
    setRefused([]);
    setMessage('');
  };
  const begin = (next: Draft) => {
    replace(next);
    setRefused([]);
    setMessage('');
    setTried(false);
    setLeft(new Set());
  };
  const submit = async () => {
    const whole = withPending(draft, pending);
    const broken = validate(requestOf(whole));
    change({ requirements: whole.requirements });
    setPending('');
    setTried(true);
    setAttempt([...broken]);
    setRefused([]);
    setMessage(broken.length > 0 ? hiddenOf(broken) : '');
    if (broken.length > 0) return;
    setBusy(true);
    const answer = await send(whole);
    setBusy(false);
    if (answer.kind === 'created') {
      location.hash = taskHref(answer.taskId);
      return;
    }
    setRefused(answer.fields);
    setAttempt([...answer.fields]);
    setMessage(`${answer.message} ${hiddenOf(answer.fields)}`.trim());
  };

  return (
    <form
      ref={form}
      class="brief panel"
      aria-label="New project"
      noValidate
      aria-busy={busy}
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void submit();
      }}
    >
      {isOffered && <Offer at={at} onKeep={() => setOffered(false)} onDrop={() => begin(BLANK)} />}
      <Examples onPick={begin} />
      <TextField
        field="name"
        id="name"
        label="Name"
        value={draft.name}
        rule={rule('name')}
        charsMax={NAME_CHARS_MAX}
        onInput={(name) => edit({ name })}
        onLeave={() => leave('name')}
      />
      <TextField
        field="description"
        id="description"
        label="Description"
        value={draft.description}
        rule={rule('description')}
        hint={HINT}
        charsMax={DESCRIPTION_CHARS_MAX}
        rows={6}
        onInput={(description) => edit({ description })}
        onLeave={() => leave('description')}
      />
      <TypeCards value={draft.type} onChange={(type) => edit({ type })} />
      <Requirements
        items={draft.requirements}
        pending={pending}
        errors={errors}
        onPending={setPending}
        onChange={(requirements) => edit({ requirements })}
      />
      <Folded summary={chosenOf(draft)} isBroken={errors.some(({ field }) => field.startsWith('options.'))}>
        <Options draft={draft} rule={rule} onChange={edit} onLeave={leave} />
      </Folded>
      {message !== '' && (
        <p class="notice bad" role="alert">
          {message}
        </p>
      )}
      <div class="row send">
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'Creating…' : 'Create project'}
        </button>
        <span class="hint">{budgetOf(draft) ? `Costs ${budgetOf(draft)}.` : 'Without a limit on the cost; the options have one.'}</span>
      </div>
    </form>
  );
}

/** The options, which open by themselves where one of them is broken. */
function Folded(props: { summary: string; isBroken: boolean; children: ComponentChildren }) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    if (props.isBroken) setOpen(true);
  }, [props.isBroken]);
  return (
    <details class="options" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Options <span class="hint">{props.summary}</span>
      </summary>
      <div class="stack">{props.children}</div>
    </details>
  );
}

function Offer({ at, onKeep, onDrop }: { at: string; onKeep: () => void; onDrop: () => void }) {
  return (
    <div class="notice offer" role="status">
      <span>Your draft{at !== '' && ` of ${clock(at)}`} is back.</span>
      <span class="row">
        <button type="button" class="quiet" onClick={onKeep}>
          Go on with it
        </button>
        <button type="button" class="quiet" onClick={onDrop}>
          Start afresh
        </button>
      </span>
    </div>
  );
}

/** The draft with what still stands in the requirement's box: nobody means to lose it. */
function withPending(draft: Draft, pending: string): Draft {
  if (pending.trim() === '') return draft;
  const id = Math.max(-1, ...draft.requirements.map((item) => item.id)) + 1;
  return { ...draft, requirements: [...draft.requirements, { id, text: pending.trim() }] };
}

/** What is found here was not sent anywhere yet. */
const unsent = ({ field, rule }: FieldError): FieldError => ({ field, rule: rule.replace(/, and make it invalid .*/, '') });

/** The rules of what the form has no field for. */
function hiddenOf(errors: readonly FieldError[]): string {
  const shown = /^(name|description|type|requirements|options\.(budgetUsd|parallelism|assignmentsMax|repository|branch|organization|topics))\b/;
  const others = errors.filter(({ field }) => !shown.test(field));
  return others.map(({ field, rule }) => `${field === 'body' ? 'All of it together' : field} ${rule}.`).join(' ');
}
