/** Text as lines of coloured parts. Pure: the parts are text, and become no HTML anywhere. */

/** A part of a line; `kind` is the class that highlight.js gives it, empty for plain text. */
export interface Part {
  text: string;
  kind: string;
}

export type Line = readonly Part[];

/** Larger texts are shown without colours, in bytes. */
export const COLOURED_BYTES_MAX = 120_000;
/** Lines that are shown at once. */
export const LINES_AT_ONCE = 2_000;
/** Characters of a line that are shown. */
export const LINE_CHARS_MAX = 2_000;

/** The names are those of highlight.js; the ends are those of files. */
const LANGUAGES: readonly (readonly [string, readonly string[]])[] = [
  ['xml', ['html', 'htm', 'svg', 'xml', 'vue', 'svelte']],
  ['css', ['css', 'scss']],
  ['javascript', ['js', 'mjs', 'cjs', 'jsx']],
  ['typescript', ['ts', 'mts', 'tsx']],
  ['json', ['json', 'webmanifest', 'map']],
  ['markdown', ['md']],
  ['bash', ['sh', 'bash', 'env']],
  ['yaml', ['yml', 'yaml']],
];

/** The language of a file; undefined where it is shown without colours. */
export function languageOf(path: string): string | undefined {
  const end = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  return LANGUAGES.find(([, ends]) => ends.includes(end))?.[0];
}

/** Whether a text is none that a person can read. */
export const isBinary = (text: string): boolean => /[\0-\x08\x0e-\x1a]/.test(text.slice(0, 8_000));

/** The lines of a text. What ends the last one begins no other. */
export function plainLines(text: string): Line[] {
  const lines = text.split(/\r\n|\n/);
  if (lines.length > 1 && lines.at(-1) === '') lines.pop();
  return lines.map((line) => (line === '' ? [] : [{ text: line, kind: '' }]));
}

const ENTITIES = new Map([
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&#x27;', "'"],
]);

/** Reads what highlight.js has written: spans with a class, and escaped text. */
export function colouredLines(html: string): Line[] {
  const open: string[] = [];
  const lines: Part[][] = [[]];
  const kind = () => open.findLast((own) => own !== '') ?? '';
  const add = (text: string) => {
    const last = lines.at(-1)?.at(-1);
    if (last && last.kind === kind()) last.text += text;
    else lines.at(-1)?.push({ text, kind: kind() });
  };
  for (const [token] of html.matchAll(/<span class="[^"]*">|<\/span>|\r?\n|&[a-z0-9#]+;|[^<&\r\n]+|[<&\r]/g)) {
    if (token.startsWith('<span')) open.push(/hljs-([a-z_-]+)/.exec(token)?.[1] ?? '');
    else if (token === '</span>') open.pop();
    else if (token.endsWith('\n')) lines.push([]);
    else add(ENTITIES.get(token) ?? token);
  }
  if (lines.length > 1 && lines.at(-1)?.length === 0) lines.pop();
  return lines;
}

/** As much of a line as is shown, and how many characters are not. */
export function cut(line: Line): { parts: Line; rest: number } {
  let room = LINE_CHARS_MAX;
  const parts: Part[] = [];
  let rest = 0;
  for (const part of line) {
    const text = part.text.slice(0, room);
    if (text !== '') parts.push({ ...part, text });
    rest += part.text.length - text.length;
    room -= text.length;
  }
  return { parts, rest };
}
