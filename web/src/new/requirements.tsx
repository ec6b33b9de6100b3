import { useRef, useState } from 'preact/hooks';
import { type FieldError, REQUIREMENT_CHARS_MAX, REQUIREMENTS_MAX, textRule } from '../lib/brief';
import { FieldNote, noteId } from '../ui/field';

interface Props {
  items: readonly string[];
  pending: string;
  errors: readonly FieldError[];
  onPending: (text: string) => void;
  onChange: (items: readonly string[]) => void;
}

/** The list of requirements: Enter adds, each can be removed. */
export function Requirements({ items, pending, errors, onPending, onChange }: Props) {
  const [refused, setRefused] = useState<string>();
  const box = useRef<HTMLInputElement>(null);
  const listRule = errors.find((error) => error.field === 'requirements')?.rule;
  const full = items.length >= REQUIREMENTS_MAX;
  const rule = refused ?? listRule;

  const add = () => {
    const broken = full ? `list is full: the limit is ${REQUIREMENTS_MAX}` : textRule(pending, REQUIREMENT_CHARS_MAX);
    setRefused(broken);
    if (broken === undefined) {
      onChange([...items, pending.trim()]);
      onPending('');
    }
    box.current?.focus();
  };
  const remove = (index: number) => {
    onChange(items.filter((_, at) => at !== index));
    box.current?.focus();
  };

  return (
    <fieldset>
      <legend>Requirements</legend>
      {items.length > 0 && (
        <ol class="requirements">
          {items.map((text, index) => (
            <Item
              key={`${index} ${text}`}
              text={text}
              rule={errors.find((error) => error.field === `requirements[${index}]`)?.rule}
              onRemove={() => remove(index)}
            />
          ))}
        </ol>
      )}
      <div class="field">
        <label for="requirement">Requirement</label>
        <div class="row">
          <input
            ref={box}
            id="requirement"
            autocomplete="off"
            value={pending}
            aria-invalid={rule !== undefined}
            aria-describedby={noteId('requirement')}
            onInput={(event) => {
              setRefused(undefined);
              onPending(event.currentTarget.value);
            }}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.isComposing) return;
              event.preventDefault();
              add();
            }}
          />
          <button type="button" onClick={add}>
            Add requirement
          </button>
        </div>
        <FieldNote
          field="requirement"
          name="Requirement"
          rule={rule}
          hint={`Optional. Enter adds it; up to ${REQUIREMENTS_MAX} of ${REQUIREMENT_CHARS_MAX.toLocaleString('en')} characters.`}
        />
      </div>
    </fieldset>
  );
}

function Item({ text, rule, onRemove }: { text: string; rule: string | undefined; onRemove: () => void }) {
  return (
    <li>
      <div class="row">
        <span class="text" dir="auto">
          {text}
        </span>
        <button type="button" class="quiet" aria-label={`Remove ${text}`} onClick={onRemove}>
          Remove
        </button>
      </div>
      {rule !== undefined && <p class="rule">This one {rule}.</p>}
    </li>
  );
}
