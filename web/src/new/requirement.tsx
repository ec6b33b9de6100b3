import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { charsOf, type Requirement, REQUIREMENT_CHARS_MAX } from '../lib/brief';
import { Icon, type IconName } from '../ui/icon';
import { Count } from './text-field';

interface Props {
  item: Requirement;
  index: number;
  count: number;
  rule: string | undefined;
  isDragged: boolean;
  onText: (text: string) => void;
  onMove: (to: number, by: 'up' | 'down') => void;
  onRemove: () => void;
  onDrag: () => void;
  onOver: () => void;
}

/** One requirement: its text, which can be edited in place, and what can be done with it. */
export function Item(props: Props) {
  const { item, index, count, rule, isDragged, onMove, onRemove, onDrag, onOver } = props;
  const [isEdited, setEdited] = useState(false);
  const edit = useRef<HTMLButtonElement>(null);
  /** Whether the focus comes back to the button once that is shown again: not to who has moved on. */
  const comesBack = useRef(false);
  useLayoutEffect(() => {
    if (comesBack.current) edit.current?.focus();
    comesBack.current = false;
  }, [isEdited]);
  const button = (label: string, icon: IconName, act: () => void, more: Record<string, unknown> = {}) => (
    <button type="button" class="tool" aria-label={`${label} ${item.text}`} title={label} onClick={act} {...more}>
      <Icon name={icon} />
    </button>
  );
  return (
    <li
      data-id={item.id}
      data-dragged={isDragged ? '' : undefined}
      draggable={!isEdited}
      onDragStart={(event) => {
        event.dataTransfer?.setData('text/plain', item.text);
        onDrag();
      }}
      onDragEnter={onOver}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') || isEdited) return;
        event.preventDefault();
        const isUp = event.key === 'ArrowUp';
        onMove(index + (isUp ? -1 : 1), isUp ? 'up' : 'down');
      }}
    >
      <span class="grip" aria-hidden="true">
        <Icon name="grip" />
      </span>
      <span class="place">{index + 1}</span>
      {isEdited ? (
        <Editor
          {...props}
          onDone={(by) => {
            comesBack.current = by === 'key';
            setEdited(false);
          }}
        />
      ) : (
        <>
          <span class="text" dir="auto" onDblClick={() => setEdited(true)}>
            {item.text}
          </span>
          <span class="tools">
            {button('Move up', 'up', () => onMove(index - 1, 'up'), { disabled: index === 0, 'data-move': 'up' })}
            {button('Move down', 'down', () => onMove(index + 1, 'down'), { disabled: index === count - 1, 'data-move': 'down' })}
            {button('Edit', 'pencil', () => setEdited(true), { ref: edit })}
            {button('Remove', 'cross', onRemove, { 'data-remove': '' })}
          </span>
        </>
      )}
      {rule !== undefined && <p class="rule">This one {rule}.</p>}
    </li>
  );
}

/** Enter and leaving keep what was typed, Escape keeps what there was; nothing at all removes it. */
function Editor({ item, onText, onRemove, onDone }: Props & { onDone: (by: 'key' | 'leaving') => void }) {
  const [text, setText] = useState(item.text);
  const isOver = useRef(false);
  const end = (isKept: boolean, by: 'key' | 'leaving') => {
    if (isOver.current) return;
    isOver.current = true;
    onDone(by);
    if (isKept && text.trim() === '') onRemove();
    else if (isKept && text !== item.text) onText(text.trim());
  };
  return (
    <span class="text">
      <input
        aria-label={`Text of requirement ${item.text}`}
        autocomplete="off"
        value={text}
        ref={(input) => {
          if (input && document.activeElement !== input && !isOver.current) input.focus();
        }}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={() => end(true, 'leaving')}
        onKeyDown={(event) => {
          if (event.isComposing || (event.key !== 'Enter' && event.key !== 'Escape')) return;
          event.preventDefault();
          end(event.key === 'Enter', 'key');
        }}
      />
      <Count chars={charsOf(text)} max={REQUIREMENT_CHARS_MAX} />
    </span>
  );
}
