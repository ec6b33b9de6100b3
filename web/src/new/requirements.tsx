import { useEffect, useRef, useState } from 'preact/hooks';
import { charsOf, type FieldError, type Requirement, REQUIREMENT_CHARS_MAX, REQUIREMENTS_MAX, textRule } from '../lib/brief';
import { counted } from '../lib/format';
import { linesOf, moved } from '../lib/list';
import { FieldNote, noteId } from '../ui/field';
import { Item } from './requirement';
import { Count } from './text-field';

interface Props {
  items: readonly Requirement[];
  pending: string;
  errors: readonly FieldError[];
  onPending: (text: string) => void;
  onChange: (items: readonly Requirement[]) => void;
}

/** The list of requirements: Enter adds, a pasted list adds all of its lines; each can be edited, moved and removed. */
export function Requirements({ items, pending, errors, onPending, onChange }: Props) {
  const [refused, setRefused] = useState<string>();
  const [told, setTold] = useState('');
  const [dragged, setDragged] = useState<number>();
  const box = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLOListElement>(null);
  /** What gets the focus once the list is shown as it is now. */
  const focus = useRef<string>(undefined);
  useEffect(() => {
    if (focus.current) list.current?.querySelector<HTMLElement>(focus.current)?.focus();
    focus.current = undefined;
  });
  const listRule = errors.find((error) => error.field === 'requirements')?.rule;
  const rule = refused ?? listRule;

  const addAll = (texts: readonly string[]): boolean => {
    const isFull = items.length + texts.length > REQUIREMENTS_MAX;
    const broken = isFull
      ? `list has room for ${counted(REQUIREMENTS_MAX - items.length, 'more')}: the limit is ${REQUIREMENTS_MAX}`
      : texts.map((text) => textRule(text, REQUIREMENT_CHARS_MAX)).find((found) => found !== undefined);
    setRefused(broken);
    if (broken !== undefined) return false;
    const first = Math.max(-1, ...items.map(({ id }) => id)) + 1;
    onChange([...items, ...texts.map((text, at) => ({ id: first + at, text: text.trim() }))]);
    setTold(texts.length === 1 ? 'Added' : `Added ${texts.length}`);
    return true;
  };
  const add = () => {
    if (addAll([pending])) onPending('');
    box.current?.focus();
  };
  const paste = (event: ClipboardEvent) => {
    const lines = linesOf(event.clipboardData?.getData('text') ?? '');
    if (lines.length < 2) return;
    event.preventDefault();
    addAll(pending.trim() === '' ? lines : [pending, ...lines]);
    onPending('');
  };
  const move = (from: number, to: number, by: 'up' | 'down' | 'drag') => {
    const item = items[from];
    if (!item || to < 0 || to >= items.length || from === to) return;
    onChange(moved(items, from, to));
    setTold(`Moved to ${to + 1} of ${items.length}`);
    // At an end its button is disabled, so the other one goes on.
    const isAtEnd = (by === 'up' && to === 0) || (by === 'down' && to === items.length - 1);
    const word = isAtEnd ? (by === 'up' ? 'down' : 'up') : by;
    if (by !== 'drag') focus.current = `[data-id="${item.id}"] [data-move="${word}"]`;
  };
  const remove = (index: number) => {
    const neighbour = items[index + 1] ?? items[index - 1];
    onChange(items.filter((_, at) => at !== index));
    setTold('Removed');
    if (neighbour) focus.current = `[data-id="${neighbour.id}"] [data-remove]`;
    else box.current?.focus();
  };

  return (
    <fieldset class="requirements">
      <legend>
        Requirements <span class="count">{items.length > 0 && `${items.length} of ${REQUIREMENTS_MAX}`}</span>
      </legend>
      {items.length > 0 && (
        <ol ref={list} onDragEnd={() => setDragged(undefined)}>
          {items.map((item, index) => (
            <Item
              key={item.id}
              item={item}
              index={index}
              count={items.length}
              rule={errors.find((error) => error.field === `requirements[${index}]`)?.rule}
              isDragged={dragged === index}
              onText={(text) => onChange(items.map((known) => (known.id === item.id ? { ...known, text } : known)))}
              onMove={(to, by) => move(index, to, by)}
              onRemove={() => remove(index)}
              onDrag={() => setDragged(index)}
              onOver={() => {
                if (dragged === undefined || dragged === index) return;
                move(dragged, index, 'drag');
                setDragged(index);
              }}
            />
          ))}
        </ol>
      )}
      <div class="field">
        <div class="label">
          <label for="requirement" class="hidden">
            Requirement
          </label>
          <Count chars={charsOf(pending)} max={REQUIREMENT_CHARS_MAX} />
        </div>
        <div class="row">
          <input
            ref={box}
            id="requirement"
            autocomplete="off"
            value={pending}
            aria-invalid={rule !== undefined}
            aria-describedby={noteId('requirement')}
            onPaste={paste}
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
          hint="What must be true of it in the end. Enter adds it; a pasted list adds one for each line. Optional."
        />
      </div>
      <span class="hidden" role="status">
        {told}
      </span>
    </fieldset>
  );
}
