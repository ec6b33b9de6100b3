import { useState } from 'preact/hooks';
import { useOnline } from '../lib/online';
import type { Connection, Feed } from '../lib/live';
import { useRoute } from '../lib/route';
import { chooseTheme, currentTheme, nextTheme, type Theme } from '../lib/theme';
import { Icon } from './icon';
import { useFeedState } from './use-feed-state';

/** The head of every page: where one can go, how the connection is, and who is here. */
export function Top({ feed, who }: { feed: Feed | undefined; who: string | undefined }) {
  const { view } = useRoute();
  const current = (own: string) => (view === own ? 'page' : undefined);
  return (
    <header class="top">
      <a class="brand" href="#/">
        <Mark />
        <span>Orchestrator</span>
      </a>
      <nav class="places" aria-label="Places">
        <a href="#/" aria-current={current('new')}>
          New project
        </a>
        <a href="#/projects" aria-current={current('projects')}>
          Projects
        </a>
      </nav>
      {feed && <ConnectionChip feed={feed} />}
      <ThemeButton />
      <a class="who" href="#/account" aria-current={current('account')} title={who}>
        <span class="face" aria-hidden="true">
          {who ? who.charAt(0).toUpperCase() : <Icon name="person" />}
        </span>
        <span class="text">{who ? <>Account<span class="hidden"> of </span> {who}</> : 'Account'}</span>
      </a>
    </header>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <path d="M8 10h7M8 16h16M17 22h7" stroke="var(--on-accent)" stroke-width="3" stroke-linecap="round" />
      <circle cx="21" cy="10" r="2.5" fill="var(--on-accent)" />
      <circle cx="11" cy="22" r="2.5" fill="var(--on-accent)" />
    </svg>
  );
}

const THEME_WORDS: Record<Theme, string> = { auto: 'as the system', light: 'light', dark: 'dark' };

function ThemeButton() {
  const [theme, setTheme] = useState(currentTheme);
  const next = nextTheme(theme);
  const label = `Colours: ${THEME_WORDS[theme]}. Change to ${THEME_WORDS[next]}`;
  return (
    <button
      type="button"
      class="bare"
      aria-label={label}
      title={label}
      onClick={() => {
        chooseTheme(next);
        setTheme(next);
      }}
    >
      <Icon name={theme} />
    </button>
  );
}

const WORDS: Record<Connection | 'offline', string> = {
  connecting: 'Connecting…',
  live: 'Live',
  reconnecting: 'Reconnecting…',
  offline: 'Offline',
};

function ConnectionChip({ feed }: { feed: Feed }) {
  const isOnline = useOnline();
  const known = useFeedState(feed);
  const state = isOnline ? known : 'offline';
  return (
    <span class="chip" role="status" data-state={state}>
      {WORDS[state]}
    </span>
  );
}
