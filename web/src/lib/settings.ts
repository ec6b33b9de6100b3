/** Where the page finds its project: `/config.json`, from the same origin. */

export interface Settings {
  endpoint: string;
  projectId: string;
  /** Models or GitHub are served by stand-ins: nothing leaves the machine. */
  standIns: StandIns;
}

export interface StandIns {
  models: boolean;
  github: boolean;
}

/**
 * Reads the settings.
 *
 * Throws what `fetch` throws where nothing answers, and an `Error` where the answer is no settings.
 */
export async function loadSettings(): Promise<Settings> {
  const response = await fetch('/config.json', { cache: 'no-store', headers: { accept: 'application/json' } });
  const wrong = () => new Error(`${location.origin}/config.json does not name an endpoint and a projectId.`);
  const data: unknown = response.ok ? await response.json().catch(() => undefined) : undefined;
  if (typeof data !== 'object' || data === null) throw wrong();
  const { endpoint, projectId, services } = data as Record<string, unknown>;
  if (typeof endpoint !== 'string' || typeof projectId !== 'string') throw wrong();
  const { models, github } = (services ?? {}) as Record<string, unknown>;
  return {
    endpoint: new URL(endpoint, location.href).href.replace(/\/$/, ''),
    projectId,
    standIns: { models: models === 'scripted', github: github === 'stand-in' },
  };
}
