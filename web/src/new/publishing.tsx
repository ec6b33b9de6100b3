import type { Brief } from '../lib/brief';
import { FieldNote, noteId } from '../ui/field';

const WORKFLOW_WORDS: Record<Brief['workflows'], string> = {
  '': 'As usual: one for a new repository, none for an existing one',
  none: 'None',
  ci: 'Build and test',
  deploy: 'Build, test and deploy to Appwrite',
};

interface Props {
  brief: Brief;
  rule: (field: string) => string | undefined;
  onChange: (part: Partial<Brief>, ...fields: string[]) => void;
}

/** Where the files go: a new repository, or an existing one that gets a pull request. */
export function Publishing({ brief, rule, onChange }: Props) {
  const isNew = brief.repository.trim() === '';
  const input = (name: 'repository' | 'branch' | 'organization' | 'topics', label: string, hint: string) => {
    const field = `options.${name}`;
    return (
      <div class="field">
        <label for={name}>{label}</label>
        <input
          id={name}
          autocomplete="off"
          value={brief[name]}
          aria-invalid={rule(field) !== undefined}
          aria-describedby={noteId(field)}
          onInput={(event) => onChange({ [name]: event.currentTarget.value }, field)}
        />
        <FieldNote field={field} name={label} rule={rule(field)} hint={hint} />
      </div>
    );
  };
  const broken = ['repository', 'branch', 'organization', 'topics', 'workflows'].some(
    (name) => rule(`options.${name}`) !== undefined,
  );
  return (
    <details open={broken}>
      <summary>Repository</summary>
      {input('repository', 'Existing repository', 'As owner/name: it gets a pull request. Empty for a new one.')}
      {!isNew && input('branch', 'Branch', 'The one that is changed. Empty for its default branch.')}
      {isNew && input('organization', 'Organization', 'Where the new repository is made. Empty for the account that publishes.')}
      {isNew && input('topics', 'Topics', 'With spaces between them.')}
      <div class="field">
        <label for="workflows">Workflows</label>
        <select
          id="workflows"
          value={brief.workflows}
          onChange={(event) => onChange({ workflows: event.currentTarget.value as Brief['workflows'] }, 'options.workflows')}
        >
          {(Object.keys(WORKFLOW_WORDS) as Brief['workflows'][]).map((word) => (
            <option key={word} value={word}>
              {WORKFLOW_WORDS[word]}
            </option>
          ))}
        </select>
        <p class="hint">Workflows need a GitHub token with the scope workflow (fine-grained: Workflows, write).</p>
      </div>
    </details>
  );
}
