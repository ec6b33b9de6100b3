import { useEffect, useState } from 'preact/hooks';
import type { Api, Submitted } from '../lib/api';
import { BLANK, type Draft, requestOf } from '../lib/brief';
import { dropDraft, keepDraft, type Kept, readDraft } from '../lib/draft';
import { troubleOf } from '../lib/trouble';

const AFRESH: Kept = { draft: BLANK, pending: '', at: '' };

/** What stands in the form. Each change is kept in this browser, and comes back after a reload. */
export function useDraft(api: Api) {
  const [restored] = useState(readDraft);
  const [kept, setKept] = useState<Kept>(restored ?? AFRESH);
  /** A draft came back, and nobody has said yet what to do with it. */
  const [isOffered, setOffered] = useState(restored !== undefined);
  useEffect(() => {
    if (kept !== restored) keepDraft(kept);
  }, [kept]);

  const change = (part: Partial<Draft>) =>
    setKept((known) => ({ ...known, draft: { ...known.draft, ...part }, at: new Date().toISOString() }));
  const setPending = (pending: string) => setKept((known) => ({ ...known, pending, at: new Date().toISOString() }));
  const replace = (draft: Draft) => {
    setKept({ draft, pending: '', at: new Date().toISOString() });
    setOffered(false);
  };
  /** Sends it. A repeat of the same brief after a lost answer carries the same request id. */
  const send = async (draft: Draft): Promise<Submitted> => {
    const text = JSON.stringify(requestOf(draft));
    const requestId = kept.sent?.text === text ? kept.sent.requestId : newRequestId();
    const next: Kept = { draft, pending: '', at: new Date().toISOString(), sent: { text, requestId } };
    setKept(next);
    keepDraft(next);
    try {
      const answer = await api.submit(requestOf(draft, requestId));
      if (answer.kind === 'created') dropDraft();
      return answer;
    } catch (error) {
      const { message } = troubleOf(error, api.endpoint);
      return { kind: 'refused', message: `${message} Your text is kept; sending it again makes nothing twice.`, fields: [] };
    }
  };
  return { draft: kept.draft, pending: kept.pending, at: kept.at, isOffered, setOffered, change, setPending, replace, send };
}

/** 128 random bits. Not `randomUUID`, which pages without TLS on other hosts do not have. */
function newRequestId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
