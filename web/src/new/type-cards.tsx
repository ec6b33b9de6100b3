import { PROJECT_TYPES, type ProjectType } from '../lib/brief';
import { Icon } from '../ui/icon';

/** What each type becomes. */
const WORDS: Record<ProjectType, readonly [name: string, becomes: string]> = {
  web: ['Website', 'Pages for every browser. Becomes a site.'],
  mobile: ['Mobile app', 'A site that can be installed on a phone and opens without a network.'],
  api: ['API', 'A service for programs. Becomes functions with a public address.'],
  fullstack: ['Full stack', 'A site, with functions for what must not run in the browser.'],
};

export function TypeCards({ value, onChange }: { value: ProjectType; onChange: (type: ProjectType) => void }) {
  return (
    <fieldset class="types">
      <legend>Type</legend>
      <div class="cards">
        {PROJECT_TYPES.map((type) => {
          const [name, becomes] = WORDS[type];
          return (
            <label key={type} class="card">
              <input
                type="radio"
                name="type"
                value={type}
                checked={value === type}
                aria-labelledby={`type-${type}`}
                aria-describedby={`type-${type}-becomes`}
                onChange={() => onChange(type)}
              />
              <Icon name={type} />
              <b id={`type-${type}`}>{name}</b>
              <span id={`type-${type}-becomes`} class="hint">
                {becomes}
              </span>
            </label>
          );
        })}
      </div>
      <p class="hint">Each may have a database. The result is a repository, and an address where it runs.</p>
    </fieldset>
  );
}
