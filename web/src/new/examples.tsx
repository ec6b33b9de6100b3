import type { Draft } from '../lib/brief';
import { draftOf } from '../lib/draft';

/** The examples of the repository. A page that is built without it has none. */
const FILES = import.meta.glob<Record<string, unknown>>('../../../examples/*.json', { eager: true, import: 'default' });

export const EXAMPLES: readonly (readonly [title: string, draft: Draft])[] = Object.entries(FILES).map(([path, brief]) => {
  const name = (path.split('/').at(-1) ?? path).replace(/\.json$/, '').replaceAll('-', ' ');
  return [name.charAt(0).toUpperCase() + name.slice(1), draftOf(brief)] as const;
});

/** Briefs to begin with. */
export function Examples({ onPick }: { onPick: (draft: Draft) => void }) {
  if (EXAMPLES.length === 0) return null;
  return (
    <div class="examples" role="group" aria-label="Examples">
      <span class="hint">Start from an example:</span>
      {EXAMPLES.map(([title, draft]) => (
        <button key={title} type="button" class="pill" onClick={() => onPick(draft)}>
          {title}
        </button>
      ))}
    </div>
  );
}
