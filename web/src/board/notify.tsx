import { useState } from 'preact/hooks';
import { type NoticeState, noticeState, wantNotices } from '../lib/notices';
import { Icon } from '../ui/icon';

const HINTS: Partial<Record<NoticeState, string>> = {
  blocked: 'This browser blocks notifications of this page. Allow them in its settings for this page.',
};

/** Switches the browser's notifications on and off: for a plan that waits, a budget, a failure, and the end. */
export function NotifyButton() {
  const [state, setState] = useState(noticeState);
  const [isAsked, setAsked] = useState(false);
  if (state === 'missing') return null;
  const isOn = state === 'on';
  const hint = isAsked ? HINTS[state] : undefined;
  return (
    <>
      <button
        type="button"
        class="notify"
        aria-pressed={isOn}
        onClick={() => {
          setAsked(true);
          wantNotices(!isOn).then(setState, () => setState(noticeState()));
        }}
      >
        <Icon name={isOn ? 'check' : 'bell'} />
        {isOn ? 'You are notified' : 'Notify me'}
      </button>
      {hint && (
        <p class="notice warn" role="status">
          {hint}
        </p>
      )}
    </>
  );
}
