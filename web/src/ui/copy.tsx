import { useEffect, useState } from 'preact/hooks';
import { Icon } from './icon';

/** How long it is said that something was copied, in milliseconds. */
const SAID_MS = 2_000;

/** Copies a text. `what` names it for whoever does not see where the button stands. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState('');
  useEffect(() => {
    if (said === '') return undefined;
    const timer = setTimeout(() => setSaid(''), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setSaid('Copied'),
      () => setSaid('Not allowed here'),
    );
  return (
    <>
      <button type="button" class="quiet" aria-label={`${said || 'Copy'} ${what}`} onClick={() => void copy()}>
        <Icon name={said === 'Copied' ? 'check' : 'copy'} />
        <span>{said || 'Copy'}</span>
      </button>
      <span class="hidden" role="status">
        {said}
      </span>
    </>
  );
}
