import type { ComponentChildren } from 'preact';
import type { StandIns } from '../lib/settings';
import type { Trouble } from '../lib/trouble';

/** Something the person should know or do, read aloud when it appears. */
export function TroubleNotice({ trouble, onRetry }: { trouble: Trouble; onRetry?: () => void }) {
  return (
    <div class="notice bad" role="alert">
      <p>{trouble.message}</p>
      {onRetry && (
        <button type="button" class="quiet" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Nothing is lost without a network, and the page says so. */
export function OfflineBanner() {
  return (
    <p class="banner bad" role="status">
      This browser is offline. What you see is what was known last; what you type is kept. Projects go on without you.
    </p>
  );
}

export function StandInBanner({ models, github }: StandIns) {
  if (!models && !github) return null;
  return (
    <p class="banner" role="note">
      {bannerText(models, github)}
    </p>
  );
}

function bannerText(models: boolean, github: boolean): string {
  if (models && github) {
    return 'Scripted models and a stand-in GitHub: nothing leaves this machine and nothing is charged.';
  }
  return models
    ? 'Scripted models: no model is asked and nothing is charged. GitHub is the real one.'
    : 'A stand-in GitHub: repositories stay on this machine. The models are the real ones and are charged.';
}

export function Panel({ title, aside, children }: { title: string; aside?: string; children: ComponentChildren }) {
  const id = `panel-${title.toLowerCase().replace(/\W+/g, '-')}`;
  return (
    <section class="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside && <p class="aside">{aside}</p>}
      </header>
      {children}
    </section>
  );
}
