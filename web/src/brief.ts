/** The brief and its rules: the same that the function `create-task` applies. */

export const NAME_CHARS_MAX = 80;
export const DESCRIPTION_CHARS_MAX = 10_000;
export const REQUIREMENTS_MAX = 100;
export const REQUIREMENT_CHARS_MAX = 1_000;
export const BUDGET_USD_MAX = 10_000;
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
  /** What model calls may cost in all, in US dollars, as typed; empty for no limit. */
  budget: string;
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
  return errors;
}

function budgetRule(budget: string): string | undefined {
  if (budget.trim() === '') return undefined;
  const usd = Number(budget);
  return usd > 0 && usd <= BUDGET_USD_MAX ? undefined : `must be a number above 0, at most ${BUDGET_USD_MAX}`;
}
