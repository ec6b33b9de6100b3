import { charsOf } from '../lib/brief';
import { FieldNote, noteId } from '../ui/field';

/** The part of a limit from which on the room that is left is shown. */
const NEAR = 0.8;

export interface TextFieldProps {
  field: string;
  id: string;
  label: string;
  value: string;
  rule: string | undefined;
  hint?: string;
  placeholder?: string;
  charsMax?: number;
  /** A text area of so many rows. */
  rows?: number;
  inputMode?: 'decimal' | 'numeric';
  onInput: (value: string) => void;
  onLeave: () => void;
}

/** A label, a box, the room that is left, and the rule that is broken or a hint. */
export function TextField(props: TextFieldProps) {
  const { field, id, label, value, rule, hint, charsMax, rows, onInput, onLeave } = props;
  const shared = {
    id,
    value,
    autocomplete: 'off' as const,
    placeholder: props.placeholder,
    'aria-invalid': rule !== undefined,
    'aria-describedby': noteId(field),
    onBlur: onLeave,
  };
  return (
    <div class="field">
      <div class="label">
        <label for={id}>{label}</label>
        {charsMax !== undefined && <Count chars={charsOf(value)} max={charsMax} />}
      </div>
      {rows === undefined ? (
        <input {...shared} inputMode={props.inputMode} onInput={(event) => onInput(event.currentTarget.value)} />
      ) : (
        <textarea {...shared} rows={rows} onInput={(event) => onInput(event.currentTarget.value)} />
      )}
      <FieldNote field={field} name={label} rule={rule} {...(hint === undefined ? {} : { hint })} />
    </div>
  );
}

/** How much of a limit is used, once it is near. */
export function Count({ chars, max }: { chars: number; max: number }) {
  if (chars < max * NEAR) return null;
  return (
    <span class="count" data-over={chars > max ? '' : undefined}>
      {chars.toLocaleString('en')} of {max.toLocaleString('en')}
    </span>
  );
}
