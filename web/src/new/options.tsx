import { ASSIGNMENTS_MAX, type Draft, PARALLELISM_MAX } from '../lib/brief';
import { TextField } from './text-field';

const WORKFLOW_WORDS: Record<Draft['workflows'], string> = {
  '': 'As usual: one for a new repository, none for an existing one',
  none: 'None',
  ci: 'Build and test',
  deploy: 'Build, test and deploy to Appwrite',
};

type Words = 'budget' | 'parallelism' | 'assignmentsMax' | 'repository' | 'branch' | 'organization' | 'topics';

/** Which option of the request a field of the form becomes. */
const optionOf = (name: Words): string => `options.${name === 'budget' ? 'budgetUsd' : name}`;

interface Props {
  draft: Draft;
  rule: (field: string) => string | undefined;
  onChange: (part: Partial<Draft>) => void;
  onLeave: (field: string) => void;
}

/** The budget as it will hold; undefined where there is none, or none that can be read. */
export const budgetOf = ({ budget }: Draft): string | undefined => (Number(budget) > 0 ? `at most $${budget.trim()}` : undefined);

/** What is chosen, in a few words, for who has them folded away. */
export function chosenOf(draft: Draft): string {
  const isNew = draft.repository.trim() === '';
  const words = [
    draft.approval && 'plan waits for you',
    draft.preview && isNew && draft.type !== 'api' && 'site waits for you',
    budgetOf(draft),
    draft.economy && 'no hurry',
    draft.parallelism.trim() !== '' && `${draft.parallelism.trim()} at a time`,
    draft.assignmentsMax.trim() !== '' && `${draft.assignmentsMax.trim()} assignments`,
    !isNew && draft.repository.trim(),
    isNew && draft.isPublic && 'public',
    isNew && draft.organization.trim(),
  ];
  return words.filter((word) => word).join(', ');
}

export function Options({ draft, rule, onChange, onLeave }: Props) {
  const isNew = draft.repository.trim() === '';
  const box = (name: 'approval' | 'preview' | 'economy' | 'isPublic', label: string) => (
    <label class="check">
      <input type="checkbox" checked={draft[name]} onChange={(event) => onChange({ [name]: event.currentTarget.checked })} />
      {label}
    </label>
  );
  const field = (name: Words, label: string, hint: string, inputMode?: 'decimal' | 'numeric') => (
    <TextField
      field={optionOf(name)}
      id={name}
      label={label}
      value={draft[name]}
      rule={rule(optionOf(name))}
      hint={hint}
      {...(inputMode ? { inputMode } : {})}
      onInput={(value) => onChange({ [name]: value })}
      onLeave={() => onLeave(optionOf(name))}
    />
  );
  return (
    <>
      <fieldset>
        <legend>Your word</legend>
        <div>
          {box('approval', 'Show me the plan before anybody starts')}
          {draft.type !== 'api' && isNew && box('preview', 'Show me the built site before it is published')}
        </div>
      </fieldset>
      <fieldset>
        <legend>Cost and time</legend>
        <div class="trio">
          {field('budget', 'Budget', 'In US dollars, for all models. At the limit the project waits for you.', 'decimal')}
          {field('parallelism', 'Agents at a time', `1 to ${PARALLELISM_MAX}. As usual: 4.`, 'numeric')}
          {field('assignmentsMax', 'Assignments at most', `1 to ${ASSIGNMENTS_MAX}. As usual: 8.`, 'numeric')}
        </div>
        {box('economy', 'Take your time: cheaper, but it may take a day')}
      </fieldset>
      <fieldset>
        <legend>Repository</legend>
        <div class="trio">
          {field('repository', 'Existing repository', 'As owner/name: it gets a pull request. Empty for a new one.')}
          {!isNew && field('branch', 'Branch', 'The one that is changed. Empty for its default branch.')}
          {isNew && field('organization', 'Organization', 'Where the new one is made. Empty for the account that publishes.')}
          {isNew && field('topics', 'Topics', 'With spaces between them.')}
        </div>
        {isNew && box('isPublic', 'Make it public')}
        <div class="field">
          <label for="workflows">Workflows</label>
          <select
            id="workflows"
            value={draft.workflows}
            aria-describedby="workflows-note"
            onChange={(event) => onChange({ workflows: event.currentTarget.value as Draft['workflows'] })}
          >
            {(Object.keys(WORKFLOW_WORDS) as Draft['workflows'][]).map((word) => (
              <option key={word} value={word}>
                {WORKFLOW_WORDS[word]}
              </option>
            ))}
          </select>
          <p id="workflows-note" class="hint">
            They need a GitHub token with the scope workflow (fine-grained: Workflows, write).
          </p>
        </div>
      </fieldset>
    </>
  );
}
