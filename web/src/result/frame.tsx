import { useEffect, useRef, useState } from 'preact/hooks';
import { webUrl } from '../lib/format';
import type { Snapshot } from '../lib/snapshot';
import { Icon, type IconName } from '../ui/icon';
import { framingOf } from './frame-url';

interface Size {
  key: string;
  word: string;
  icon: IconName;
  /** In pixels. */
  width: number;
  height: number;
}

const PHONE: Size = { key: 'phone', word: 'Phone', icon: 'mobile', width: 390, height: 760 };
const DESKTOP: Size = { key: 'desktop', word: 'Desktop', icon: 'web', width: 1280, height: 800 };
const SIZES: readonly Size[] = [
  PHONE,
  { key: 'tablet', word: 'Tablet', icon: 'tablet', width: 820, height: 1_060 },
  DESKTOP,
];
/** A page that is narrower begins with the window of a phone, in pixels. */
const NARROW = 640;
/** A site that has not come after this time probably will not, in milliseconds. */
const PATIENCE_MS = 10_000;
/** The site is a stranger here: it runs as its own origin and can not steer the page. */
const SANDBOX =
  'allow-scripts allow-same-origin allow-forms allow-modals allow-downloads allow-popups allow-popups-to-escape-sandbox';

/** The site, or what waits for a word of its owner, as a visitor sees it. */
export function Frame({ snapshot }: { snapshot: Snapshot }) {
  const { task, deployments } = snapshot;
  const preview = webUrl(task?.totals?.previewUrl ?? '');
  const site = task?.siteUrl || deployments.findLast(({ url, state }) => url !== '' && state === 'active')?.url || '';
  const framing = framingOf(preview ?? site, location.origin);
  if (framing.kind === 'none') return <NoSite task={task} />;
  const served = `${framing.url} ${task?.totals?.release ?? 0}`;
  return (
    <section class="panel flush" aria-label="App">
      {preview && (
        <p class="notice warn">
          This is what was built, at an address that nobody else knows. It is published when you say so above.
        </p>
      )}
      {framing.kind === 'link' || task?.type === 'api' ? (
        <div class="blank">
          <Icon name="out" />
          <h2>{framing.kind === 'link' ? 'Open it in a tab of its own' : 'An API has no page'}</h2>
          <p>{framing.kind === 'link' ? framing.why : 'Its address answers programs. A browser shows the answer as text.'}</p>
          <AddressLink url={framing.url} />
        </div>
      ) : (
        <Window key={served} url={framing.url} />
      )}
    </section>
  );
}

function NoSite({ task }: { task: Snapshot['task'] }) {
  const isOver = task?.status === 'completed' || task?.status === 'failed' || task?.status === 'cancelled';
  return (
    <div class="panel blank">
      <Icon name="web" />
      <h2>{isOver ? 'No site was deployed' : 'Not deployed yet'}</h2>
      <p>{isOver ? 'What there is stands in the repository and among the files.' : 'The app appears here when it is deployed.'}</p>
    </div>
  );
}

function AddressLink({ url }: { url: string }) {
  return (
    <a class="button" href={url} target="_blank" rel="noopener">
      <Icon name="out" />
      Open in a tab
    </a>
  );
}

/** A window of a chosen size, made smaller where the page has less room. */
function Window({ url }: { url: string }) {
  const [size, setSize] = useState(() => (window.innerWidth < NARROW ? PHONE : DESKTOP));
  const [attempt, setAttempt] = useState(0);
  const [state, setState] = useState<'loading' | 'late' | 'there'>('loading');
  const [room, setRoom] = useState(DESKTOP.width);
  const stage = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => entry && setRoom(entry.contentRect.width));
    if (stage.current) watch.observe(stage.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    setState('loading');
    const timer = setTimeout(() => setState((known) => (known === 'there' ? known : 'late')), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [attempt]);
  const scale = Math.min(1, room / size.width);
  return (
    <>
      <div class="toolbar">
        <div class="segments" role="group" aria-label="Size of the window">
          {SIZES.map((own) => (
            <button key={own.key} type="button" aria-pressed={own.key === size.key} onClick={() => setSize(own)}>
              <Icon name={own.icon} />
              {own.word}
            </button>
          ))}
        </div>
        <code class="text address">{url}</code>
        <button type="button" class="quiet" onClick={() => setAttempt(attempt + 1)}>
          <Icon name="again" />
          Reload
        </button>
        <AddressLink url={url} />
      </div>
      {state === 'late' && (
        <p class="notice warn" role="status">
          The site has not answered yet. Reload it, or open it in a tab.
        </p>
      )}
      <div class="stage" ref={stage} aria-busy={state === 'loading'}>
        <div class="window" style={{ width: `${size.width * scale}px`, height: `${size.height * scale}px` }}>
          <iframe
            key={attempt}
            src={url}
            title="The app, as a visitor sees it"
            sandbox={SANDBOX}
            referrerpolicy="no-referrer"
            style={{ width: `${size.width}px`, height: `${size.height}px`, transform: `scale(${scale})` }}
            onLoad={() => setState('there')}
          />
        </div>
      </div>
      <p class="aside note">Nothing to see? Some sites refuse to be shown inside another page. Open it in a tab.</p>
    </>
  );
}
