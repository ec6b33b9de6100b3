import { useRef, useState } from 'preact/hooks';
import type { Api, Submitted } from '../lib/api';
import {
  BRIEF_BYTES_MAX,
  type Brief,
  DESCRIPTION_CHARS_MAX,
  type FieldError,
  PROJECT_TYPES,
  type ProjectType,
  validate,
} from '../lib/brief';
import { FieldNote, noteId, useFocusOnError } from '../ui/field';
import { Publishing } from './publishing';
import { Requirements } from './requirements';
import { taskHref } from '../lib/route';
import { troubleOf } from '../lib/trouble';

const TYPE_WORDS: Record<ProjectType, string> = {
  web: 'Web: a site',
  mobile: 'Mobile: an installable web app',
  api: 'API: an HTTP service',
  fullstack: 'Full stack: a site with a service and a database',
};

const BLANK: Brief = {
  name: '',
  description: '',
  type: 'web',
  requirements: [],
  approval: 'auto',
  speed: 'normal',
  preview: false,
  budget: '',
  repository: '',
  branch: '',
  organization: '',
  topics: '',
  workflows: '',
};

/** Sends a brief; a repeat of the same brief after a lost answer carries the same request id. */
function useSubmit(api: Api) {
  const sent = useRef<{ text: string; requestId: string }>(undefined);
  return async (brief: Brief): Promise<Submitted> => {
    const text = JSON.stringify(brief);
    if (new TextEncoder().encode(text).length > BRIEF_BYTES_MAX - 100) {
      return { kind: 'refused', message: 'All of it together is too long: the limit is 64 KiB.', fields: [] };
    }
    if (sent.current?.text !== text) sent.current = { text, requestId: newRequestId() };
    try {
      const answer = await api.submit(brief, sent.current.requestId);
      if (answer.kind === 'created') sent.current = undefined;
      return answer;
    } catch (error) {
      const { message } = troubleOf(error, api.endpoint);
      return { kind: 'refused', message: `${message} Your text is kept; sending it again makes nothing twice.`, fields: [] };
    }
  };
}

/** 128 random bits. Not `randomUUID`, which pages without TLS on other hosts do not have. */
function newRequestId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function BriefForm({ api }: { api: Api }) {
  const [brief, setBrief] = useState(BLANK);
  const [pending, setPending] = useState('');
  const [errors, setErrors] = useState<readonly FieldError[]>([]);
  const [message, setMessage] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = useSubmit(api);
  const form = useFocusOnError(errors);

  const change = (part: Partial<Brief>, ...fields: string[]) => {
    setBrief({ ...brief, ...part });
    setErrors(errors.filter((error) => !fields.some((field) => error.field.startsWith(field))));
  };
  const send = async () => {
    const whole = withPending(brief, pending);
    const broken = validate(whole);
    setBrief(whole);
    setPending('');
    setErrors(broken);
    setMessage('');
    if (broken.length > 0) return;
    setBusy(true);
    const answer = await submit(whole);
    setBusy(false);
    if (answer.kind === 'created') {
      location.hash = taskHref(answer.taskId);
      return;
    }
    setErrors(answer.fields);
    setMessage(messageOf(answer.message, answer.fields));
  };
  const rule = (field: string) => errors.find((error) => error.field === field)?.rule;

  return (
    <form
      ref={form}
      class="brief"
      noValidate
      aria-busy={busy}
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void send();
      }}
    >
      <div class="field">
        <label for="name">Name</label>
        <input
          id="name"
          autocomplete="off"
          value={brief.name}
          aria-invalid={rule('name') !== undefined}
          aria-describedby={noteId('name')}
          onInput={(event) => change({ name: event.currentTarget.value }, 'name')}
        />
        <FieldNote field="name" name="Name" rule={rule('name')} />
      </div>
      <div class="field">
        <label for="description">Description</label>
        <textarea
          id="description"
          rows={5}
          value={brief.description}
          aria-invalid={rule('description') !== undefined}
          aria-describedby={noteId('description')}
          onInput={(event) => change({ description: event.currentTarget.value }, 'description')}
        />
        <FieldNote
          field="description"
          name="Description"
          rule={rule('description')}
          hint={`What it is for, who uses it, what it must do. Up to ${DESCRIPTION_CHARS_MAX.toLocaleString('en')} characters.`}
        />
      </div>
      <div class="field">
        <label for="type">Type</label>
        <select
          id="type"
          value={brief.type}
          aria-invalid={rule('type') !== undefined}
          aria-describedby={noteId('type')}
          onChange={(event) => change({ type: event.currentTarget.value as ProjectType }, 'type')}
        >
          {PROJECT_TYPES.map((type) => (
            <option key={type} value={type}>
              {TYPE_WORDS[type]}
            </option>
          ))}
        </select>
        <FieldNote field="type" name="Type" rule={rule('type')} />
      </div>
      <Requirements
        items={brief.requirements}
        pending={pending}
        errors={errors}
        onPending={setPending}
        onChange={(requirements) => change({ requirements }, 'requirements')}
      />
      <div class="field">
        <label for="budget">Budget</label>
        <input
          id="budget"
          inputMode="decimal"
          autocomplete="off"
          value={brief.budget}
          aria-invalid={rule('options.budgetUsd') !== undefined}
          aria-describedby={noteId('options.budgetUsd')}
          onInput={(event) => change({ budget: event.currentTarget.value }, 'options.budgetUsd')}
        />
        <FieldNote
          field="options.budgetUsd"
          name="Budget"
          rule={rule('options.budgetUsd')}
          hint="What the models may cost in all, in US dollars; at the limit the project waits for you. Empty for no limit."
        />
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={brief.approval === 'plan'}
          onChange={(event) => change({ approval: event.currentTarget.checked ? 'plan' : 'auto' }, 'options.approval')}
        />
        Show me the plan before anybody starts
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={brief.speed === 'economy'}
          onChange={(event) => change({ speed: event.currentTarget.checked ? 'economy' : 'normal' }, 'options.speed')}
        />
        Take your time: cheaper, but it may take a day
      </label>
      {brief.type !== 'api' && brief.repository.trim() === '' && (
        <label class="check">
          <input
            type="checkbox"
            checked={brief.preview}
            onChange={(event) => change({ preview: event.currentTarget.checked }, 'options.preview')}
          />
          Show me the built site before it is published
        </label>
      )}
      <Publishing brief={brief} rule={rule} onChange={change} />
      {message !== '' && (
        <p class="notice bad" role="alert">
          {message}
        </p>
      )}
      <button type="submit" class="primary" disabled={busy}>
        {busy ? 'Creating…' : 'Create project'}
      </button>
    </form>
  );
}

/** The brief with what still stands in the requirement's box: nobody means to lose it. */
function withPending(brief: Brief, pending: string): Brief {
  return pending.trim() === '' ? brief : { ...brief, requirements: [...brief.requirements, pending.trim()] };
}

/** The server's message, with the rules of what the form has no field for. */
function messageOf(message: string, fields: readonly FieldError[]): string {
  const shown = /^(name|description|type|requirements|options\.budgetUsd)\b/;
  const others = fields.filter(({ field }) => !shown.test(field)).map(({ field, rule }) => `${field} ${rule}`);
  return [message, ...others].join(' ');
}
