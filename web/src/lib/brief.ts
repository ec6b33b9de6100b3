/**
 * A brief as it is typed, as it is sent, and its rules: the same that the function `create-task`
 * applies, in its words. `shared/pipeline/tests/briefs.json` holds both to them.
 */

import { holdsCredential } from './secrets';

export const NAME_CHARS_MAX = 80;
export const DESCRIPTION_CHARS_MAX = 10_000;
export const REQUIREMENTS_MAX = 100;
export const REQUIREMENT_CHARS_MAX = 1_000;
export const BUDGET_USD_MAX = 10_000;
export const PARALLELISM_MAX = 16;
export const ASSIGNMENTS_MAX = 64;
export const TOPICS_MAX = 20;
const TOPIC_CHARS_MAX = 50;
const BRANCH_CHARS_MAX = 200;
/** Bytes of the whole request as JSON. */
export const BRIEF_BYTES_MAX = 65_536;

export const PROJECT_TYPES = ['web', 'mobile', 'api', 'fullstack'] as const;
export type ProjectType = (typeof PROJECT_TYPES)[number];

/** One entry of a list that can be edited and moved. The id is the page's own. */
export interface Requirement {
  id: number;
  text: string;
}

/** A brief as the form holds it: options as typed, empty where nothing was chosen. */
export interface Draft {
  name: string;
  description: string;
  type: ProjectType;
  requirements: readonly Requirement[];
  approval: boolean;
  preview: boolean;
  economy: boolean;
  isPublic: boolean;
  budget: string;
  parallelism: string;
  assignmentsMax: string;
  repository: string;
  branch: string;
  organization: string;
  /** With commas or spaces between them. */
  topics: string;
  workflows: '' | 'none' | 'ci' | 'deploy';
}

export const BLANK: Draft = {
  name: '',
  description: '',
  type: 'web',
  requirements: [],
  approval: false,
  preview: false,
  economy: false,
  isPublic: false,
  budget: '',
  parallelism: '',
  assignmentsMax: '',
  repository: '',
  branch: '',
  organization: '',
  topics: '',
  workflows: '',
};

/** A brief as `create-task` takes it. A number that was typed as something else is null. */
export interface BriefRequest {
  name: string;
  description: string;
  type: string;
  requirements?: readonly string[];
  options?: {
    requestId?: string | undefined;
    approval?: string | undefined;
    preview?: boolean | undefined;
    speed?: string | undefined;
    visibility?: string | undefined;
    budgetUsd?: number | null | undefined;
    parallelism?: number | null | undefined;
    assignmentsMax?: number | null | undefined;
    repository?: string | undefined;
    branch?: string | undefined;
    organization?: string | undefined;
    topics?: readonly string[] | undefined;
    workflows?: string | undefined;
  };
}

/** What is sent of a draft: what is empty, or is for another kind of repository, is left out. */
export function requestOf(draft: Draft, requestId?: string): BriefRequest {
  const chosen = (text: string) => (text.trim() === '' ? undefined : text.trim());
  const number = (text: string) => {
    const value = Number(text);
    return text.trim() === '' ? undefined : Number.isFinite(value) ? value : null;
  };
  const repository = chosen(draft.repository);
  const isNew = repository === undefined;
  const topics = draft.topics.split(/[\s,]+/).filter((topic) => topic !== '');
  return {
    name: draft.name,
    description: draft.description,
    type: draft.type,
    requirements: draft.requirements.map(({ text }) => text),
    options: {
      requestId,
      approval: draft.approval ? 'plan' : 'auto',
      // An api has no site to look at, and who has an existing repository looks at the pull request.
      preview: (draft.preview && isNew && draft.type !== 'api') || undefined,
      speed: draft.economy ? 'economy' : 'normal',
      visibility: draft.isPublic && isNew ? 'public' : undefined,
      budgetUsd: number(draft.budget),
      parallelism: number(draft.parallelism),
      assignmentsMax: number(draft.assignmentsMax),
      repository,
      branch: isNew ? undefined : chosen(draft.branch),
      organization: isNew ? chosen(draft.organization) : undefined,
      topics: isNew && topics.length > 0 ? topics : undefined,
      workflows: chosen(draft.workflows),
    },
  };
}

/** A field by its path (`requirements[3]`) and the rule it breaks, as a phrase that follows its name. */
export interface FieldError {
  field: string;
  rule: string;
}

export const EMPTY_RULE = 'must not be empty';

/** The rule that `text` breaks, or undefined. Characters are code points, as the server counts them. */
export function textRule(text: string, charsMax: number): string | undefined {
  if (text.trim() === '') return EMPTY_RULE;
  const chars = charsOf(text);
  if (chars > charsMax) return `has ${chars} characters, the limit is ${charsMax}`;
  if (text.includes('\0')) return 'must not contain NUL';
  if (holdsCredential(text)) {
    return 'holds what looks like a credential: leave it out, and make it invalid at its service, because it was sent here';
  }
  return undefined;
}

export const charsOf = (text: string): number => [...text].length;

/** Every field that breaks a rule. */
export function validate(request: BriefRequest): FieldError[] {
  const bytes = new TextEncoder().encode(JSON.stringify(request)).length;
  if (bytes > BRIEF_BYTES_MAX) {
    return [{ field: 'body', rule: `is ${bytes} bytes of JSON, the limit is ${BRIEF_BYTES_MAX}` }];
  }
  const errors: FieldError[] = [];
  const demand = (field: string, rule: string | false | undefined) => {
    if (rule) errors.push({ field, rule });
  };
  demand('name', textRule(request.name, NAME_CHARS_MAX));
  demand('description', textRule(request.description, DESCRIPTION_CHARS_MAX));
  const isType = PROJECT_TYPES.some((type) => type === request.type);
  demand('type', !isType && `must be one of ${PROJECT_TYPES.join(', ')}`);
  const requirements = request.requirements ?? [];
  if (requirements.length > REQUIREMENTS_MAX) {
    demand('requirements', `has ${requirements.length} entries, the limit is ${REQUIREMENTS_MAX}`);
  } else {
    requirements.forEach((text, index) => demand(`requirements[${index}]`, textRule(text, REQUIREMENT_CHARS_MAX)));
  }
  optionErrors(request, demand);
  return errors;
}

function optionErrors({ type, options = {} }: BriefRequest, demand: (field: string, rule: string | false) => void) {
  const { budgetUsd, repository, branch, organization, topics, visibility, preview } = options;
  const whole = (name: 'parallelism' | 'assignmentsMax', max: number) => {
    const value = options[name];
    const isGood = value === undefined || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= max);
    demand(`options.${name}`, !isGood && `must be a whole number from 1 to ${max}`);
  };
  const isBudget = budgetUsd === undefined || (Math.round(Number(budgetUsd) * 1e6) > 0 && Number(budgetUsd) <= BUDGET_USD_MAX);
  demand('options.budgetUsd', !isBudget && `must be a number above 0, at most ${BUDGET_USD_MAX}`);
  whole('parallelism', PARALLELISM_MAX);
  whole('assignmentsMax', ASSIGNMENTS_MAX);
  const isRepository = repository === undefined || isRepositoryName(repository);
  demand('options.repository', !isRepository && 'must be an existing repository, as owner/name');
  demand('options.branch', branch !== undefined && !isBranch(branch) && 'must be the name of a branch');
  demand('options.organization', organization !== undefined && !isLogin(organization) && 'must be the name of an organization');
  const areTopics = topics === undefined || (topics.length <= TOPICS_MAX && topics.every(isTopic));
  demand(
    'options.topics',
    !areTopics &&
      `must be at most ${TOPICS_MAX} topics of lower-case letters, digits and hyphens, each of at most ${TOPIC_CHARS_MAX} characters`,
  );
  demand('options.preview', preview === true && type === 'api' && 'is for what can be looked at: an api has no site');
  if (repository === undefined || !isRepository) {
    const isAlone = branch !== undefined && isBranch(branch);
    demand('options.branch', isAlone && 'is for an existing repository: name it in options.repository');
    return;
  }
  const rule = 'can not be chosen for an existing repository';
  demand('options.visibility', visibility !== undefined && rule);
  demand('options.organization', organization !== undefined && isLogin(organization) && rule);
  demand('options.topics', topics !== undefined && topics.length > 0 && areTopics && rule);
  demand('options.preview', preview === true && rule);
}

const isLogin = (text: string): boolean => text.length <= 39 && /^[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*$/.test(text);
const isTopic = (text: string): boolean => text.length <= TOPIC_CHARS_MAX && /^[a-z0-9][a-z0-9-]*$/.test(text);

function isRepositoryName(text: string): boolean {
  const [owner = '', ...rest] = text.split('/');
  const name = rest.join('/');
  return isLogin(owner) && /^[A-Za-z0-9._-]{1,100}$/.test(name) && name !== '.' && name !== '..' && !name.endsWith('.git');
}

function isBranch(text: string): boolean {
  const isSegment = (part: string) => part !== '' && !/^[.-]/.test(part) && !part.endsWith('.') && !part.endsWith('.lock');
  const isPlain = text.length <= BRANCH_CHARS_MAX && /^[A-Za-z0-9._/-]+$/.test(text) && !text.includes('..');
  return isPlain && text.split('/').every(isSegment);
}
