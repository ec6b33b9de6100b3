/** The brief and its rules: the same that the function `create-task` applies. */

export const NAME_CHARS_MAX = 80;
export const DESCRIPTION_CHARS_MAX = 10_000;
export const REQUIREMENTS_MAX = 100;
export const REQUIREMENT_CHARS_MAX = 1_000;
export const BUDGET_USD_MAX = 10_000;
export const TOPICS_MAX = 20;
/** Bytes of the whole request as JSON. */
export const BRIEF_BYTES_MAX = 65_536;

export const PROJECT_TYPES = ['web', 'mobile', 'api', 'fullstack'] as const;
export type ProjectType = (typeof PROJECT_TYPES)[number];

export interface Brief {
  name: string;
  description: string;
  type: ProjectType;
  requirements: readonly string[];
  /** Whether the plan waits for the owner's word. */
  approval: 'auto' | 'plan';
  /** How soon models are to answer: at once, or when it is cheap. */
  speed: 'normal' | 'economy';
  /** Whether the owner looks at the built site before it is published. */
  preview: boolean;
  /** What model calls may cost in all, in US dollars, as typed; empty for no limit. */
  budget: string;
  /** The existing repository that is changed, `owner/name`; empty for a new one. */
  repository: string;
  /** Its branch; empty for the default one. */
  branch: string;
  /** Where a new repository is made; empty for the account that publishes. */
  organization: string;
  /** Topics of a new repository, as typed, with commas or spaces between them. */
  topics: string;
  /** The workflows that are added; empty for what is usual. */
  workflows: '' | 'none' | 'ci' | 'deploy';
}

/** The topics one by one. */
export const topicsOf = (brief: Brief): string[] => brief.topics.split(/[\s,]+/).filter((topic) => topic !== '');

/** The options of a brief as `create-task` takes them: what is empty is left out. */
export function optionsOf(brief: Brief) {
  const { approval, speed, preview, budget, repository, branch, organization, workflows } = brief;
  const chosen = (text: string) => (text.trim() === '' ? undefined : text.trim());
  const isNew = chosen(repository) === undefined;
  const topics = topicsOf(brief);
  return {
    approval,
    speed,
    // An api has no site to look at, and who has an existing repository looks at the pull request.
    preview: (preview && isNew && brief.type !== 'api') || undefined,
    budgetUsd: budget.trim() === '' ? undefined : Number(budget),
    repository: chosen(repository),
    branch: isNew ? undefined : chosen(branch),
    organization: isNew ? chosen(organization) : undefined,
    topics: isNew && topics.length > 0 ? topics : undefined,
    workflows: chosen(workflows),
  };
}

/** A field by its path (`requirements[3]`) and the rule it breaks, as a phrase that follows its name. */
export interface FieldError {
  field: string;
  rule: string;
}

/** The rule that `text` breaks, or undefined. Characters are code points, as the server counts them. */
export function textRule(text: string, charsMax: number): string | undefined {
  if (text.trim() === '') return 'must not be empty';
  const chars = [...text].length;
  if (chars > charsMax) {
    return `has ${chars.toLocaleString('en')} characters, the limit is ${charsMax.toLocaleString('en')}`;
  }
  if (text.includes('\0')) return 'must not contain NUL';
  return undefined;
}

/** Every field that breaks a rule, in the order of the form. */
export function validate(brief: Brief): FieldError[] {
  const errors: FieldError[] = [];
  const check = (field: string, text: string, charsMax: number) => {
    const rule = textRule(text, charsMax);
    if (rule !== undefined) errors.push({ field, rule });
  };
  check('name', brief.name, NAME_CHARS_MAX);
  check('description', brief.description, DESCRIPTION_CHARS_MAX);
  if (!PROJECT_TYPES.includes(brief.type)) {
    errors.push({ field: 'type', rule: `must be one of ${PROJECT_TYPES.join(', ')}` });
  }
  if (brief.requirements.length > REQUIREMENTS_MAX) {
    const count = brief.requirements.length;
    errors.push({ field: 'requirements', rule: `has ${count} entries, the limit is ${REQUIREMENTS_MAX}` });
  }
  brief.requirements.forEach((text, index) => check(`requirements[${index}]`, text, REQUIREMENT_CHARS_MAX));
  const rule = budgetRule(brief.budget);
  if (rule !== undefined) errors.push({ field: 'options.budgetUsd', rule });
  const repository = brief.repository.trim();
  if (repository !== '' && !/^[A-Za-z0-9-]{1,39}\/[A-Za-z0-9._-]{1,100}$/.test(repository)) {
    errors.push({ field: 'options.repository', rule: 'must be an existing repository, as owner/name' });
  }
  const topics = topicsOf(brief);
  if (topics.length > TOPICS_MAX || !topics.every((topic) => /^[a-z0-9][a-z0-9-]{0,49}$/.test(topic))) {
    const rule = `must be at most ${TOPICS_MAX} words of lower-case letters, digits and hyphens`;
    errors.push({ field: 'options.topics', rule });
  }
  return errors;
}

function budgetRule(budget: string): string | undefined {
  if (budget.trim() === '') return undefined;
  const usd = Number(budget);
  return usd > 0 && usd <= BUDGET_USD_MAX ? undefined : `must be a number above 0, at most ${BUDGET_USD_MAX}`;
}
