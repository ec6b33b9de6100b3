/** Whether a site may be shown inside the page. Pure. */

import { webUrl } from '../lib/format';

export type Framing = { kind: 'frame'; url: string } | { kind: 'link'; url: string; why: string } | { kind: 'none' };

/** `own`: the origin of the page. A frame of the same origin could reach into the page. */
export function framingOf(address: string, own: string): Framing {
  const url = webUrl(address);
  if (!url || !URL.canParse(url)) return { kind: 'none' };
  const { origin, protocol } = new URL(url);
  if (origin === own) return { kind: 'link', url, why: 'It has the same address as this page, so it is not shown inside it.' };
  if (protocol === 'http:' && own.startsWith('https:')) {
    return { kind: 'link', url, why: 'Its address is not encrypted, so a browser does not show it inside this page.' };
  }
  return { kind: 'frame', url };
}
