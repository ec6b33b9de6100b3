/** Syntax colours, loaded when the first file is shown. */

import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import css from 'highlight.js/lib/languages/css';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import markdown from 'highlight.js/lib/languages/markdown';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { COLOURED_BYTES_MAX, colouredLines, languageOf, type Line, plainLines } from './code';

const LANGUAGES = { bash, css, javascript, json, markdown, typescript, xml, yaml };
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

/** The lines of a file with their colours, or without where it is too large or of no known language. */
export function lit(path: string, text: string): Line[] {
  const language = languageOf(path);
  if (!language || text.length > COLOURED_BYTES_MAX) return plainLines(text);
  return colouredLines(hljs.highlight(text, { language, ignoreIllegals: true }).value);
}
