import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface Props {
  title: string;
  /** What the button that does it says. */
  action: string;
  /** What the other one says. */
  keep?: string;
  children: ComponentChildren;
  onConfirm: () => void;
  onCancel: () => void;
}

/** Asks before something that can not be taken back. Escape and the first button do nothing. */
export function Confirm({ title, action, keep = 'No, keep everything', children, onConfirm, onCancel }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const [box, before] = [dialog.current, document.activeElement];
    box?.showModal();
    return () => {
      box?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="confirm"
      aria-labelledby="confirm-title"
      onCancel={(event) => {
        event.preventDefault();
        onCancel();
      }}
    >
      <h2 id="confirm-title">{title}</h2>
      <p>{children}</p>
      <div class="row">
        <button type="button" onClick={onCancel}>
          {keep}
        </button>
        <button type="button" class="danger" onClick={onConfirm}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
