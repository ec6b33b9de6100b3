import { useEffect, useRef } from 'preact/hooks';
import type { FieldError } from '../lib/brief';

export const noteId = (field: string): string => `${field.replace(/\W+/g, '-')}-note`;

/** What stands below a field: the rule it breaks, or else its hint. */
export function FieldNote(props: { field: string; name: string; rule: string | undefined; hint?: string }) {
  const { field, name, rule, hint } = props;
  return (
    <p id={noteId(field)} class={rule === undefined ? 'hint' : 'rule'}>
      {rule === undefined ? hint : `${name} ${rule}.`}
    </p>
  );
}

/** A ref for a form in which the first invalid field takes the focus when new errors arrive. */
export function useFocusOnError(errors: readonly FieldError[]) {
  const form = useRef<HTMLFormElement>(null);
  const known = useRef(0);
  useEffect(() => {
    if (errors.length > known.current) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
    known.current = errors.length;
  }, [errors]);
  return form;
}
