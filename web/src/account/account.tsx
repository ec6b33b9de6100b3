import { Panel } from '../ui/notice';

/** Whose projects these are. */
export function Account() {
  return (
    <Panel title="How it is kept">
      <p class="aside">Projects belong to this browser: it holds an anonymous session. They go on when the page is closed.</p>
    </Panel>
  );
}
