import { useRef, useState } from 'preact/hooks';
import type { Api, Submitted } from '../lib/api';
import { BLANK, type Draft, requestOf } from '../lib/brief';
import { dropDraft, keepDraft, type Kept, readDraft } from '../lib/draft';
import { troubleOf } from '../lib/trouble';

const AFRESH: Kept = { draft: BLANK, pending: '', at: '' };

/** What stands in the form. Each change is kept in this browser, and comes back after a reload. */
export function useDraft(api: Api) {
  const [restored] = useState(readDraft);
  const [kept, show] = useState<Kept>(restored ?? AFRESH);
  const latest = useRef(kept);
  /** A draft came back, and nobody has said yet what to do with it. */
  const [isOffered, setOffered] = useState(restored !== undefined);
  /** Keeps it at once, not with the next picture: the page may be left before that. */
  const setKept = (part: Partial<Kept>) => {
    latest.current = { ...latest.current, ...part, at: new Date().toISOString() };
    keepDraft(latest.current);
    show(latest.current);
  };
  const change = (part: Partial<Draft>) => setKept({ draft: { ...latest.current.draft, ...part } });
  const setPending = (pending: string) => setKept({ pending });
  const replace = (draft: Draft) => {
    setKept({ draft, pending: '', sent: undefined });
    setOffered(false);
  };
  /** Sends it. A repeat of the same brief after a lost answer carries the same request id. */
  const send = async (draft: Draft): Promise<Submitted> => {
    const text = JSON.stringify(requestOf(draft));
    const { sent } = latest.current;
    const requestId = sent?.text === text ? sent.requestId : newRequestId();
    setKept({ draft, pending: '', sent: { text, requestId } });
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
