import { useEffect, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import type { PlannedAssignment } from '../lib/plan';
import { type Trouble, troubleOf } from '../lib/trouble';

export interface Planned {
  /** The plan that they are of. */
  planId: string;
  assignments: readonly PlannedAssignment[] | undefined;
  trouble: Trouble | undefined;
}

/** Pause before a plan that could not be fetched is asked for again. */
const AGAIN_MS = 4_000;

/** The assignments of a finished plan, which never changes. */
export function usePlanned(api: Api, planId: string | undefined): Planned {
  const [planned, setPlanned] = useState<Planned>(none(''));
  useEffect(() => {
    if (!planId) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let closed = false;
    const fetch = () =>
      api.assignments(planId).then(
        (assignments) => !closed && setPlanned({ planId, assignments, trouble: undefined }),
        (error: unknown) => {
          if (closed) return;
          setPlanned({ ...none(planId), trouble: troubleOf(error, api.endpoint) });
          timer = setTimeout(() => void fetch(), AGAIN_MS);
        },
      );
    void fetch();
    return () => {
      closed = true;
      clearTimeout(timer);
    };
  }, [api, planId]);
  return planned.planId === planId ? planned : none(planId ?? '');
}

const none = (planId: string): Planned => ({ planId, assignments: undefined, trouble: undefined });
