// Talking to the server: reads are repeated until they succeed, writes carry a CSRF token and an idempotency key.

export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? `The server answered ${status}.`);
    this.status = status;
    this.body = body;
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function once(path, options = {}) {
  const response = await fetch(path, { credentials: "same-origin", ...options });
  if (response.status === 401) {
    location.assign(`/auth/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    throw new Refused(401, { message: "You are signed out." });
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}

/** Whether trying again may help: no answer at all, or the server is just coming up. */
const passing = (error) => !(error instanceof Refused) || error.status >= 500;

/** GET, repeated with growing pauses while the server is away; `alive()` false ends it. */
export async function read(path, { alive = () => true, waiting = () => {} } = {}) {
  for (let tries = 0; ; tries++) {
    try {
      return await once(path);
    } catch (error) {
      if (!passing(error) || !alive()) throw error;
      waiting(error);
      await pause(Math.min(8000, 500 * 2 ** tries));
    }
  }
}

let me = null;
/** Who is signed in; asked once per page. */
export function whoami() {
  me ??= read("/api/me").catch((error) => {
    me = null;
    throw error;
  });
  return me;
}

/** POST or DELETE, once. The CSRF token is fetched anew when it was refused (signed in again meanwhile). */
export async function write(method, path, { body, key } = {}) {
  for (const last of [false, true]) {
    const headers = { "X-CSRF-Token": (await whoami()).csrf };
    if (key) headers["Idempotency-Key"] = key;
    if (body) headers["Content-Type"] = "application/json";
    try {
      return await once(path, { method, headers, body: body ? JSON.stringify(body) : undefined });
    } catch (error) {
      if (last || !(error instanceof Refused) || error.status !== 403) throw error;
      me = null;
    }
  }
}

export { passing, pause };
