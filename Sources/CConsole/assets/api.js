// What is asked of the shop, and whether the shop can be reached at all.
import { parseJSON } from './format.js';

/** How long an answer may take. */
const patience = 10_000;

/** An error that the shop answered with (RFC 9457). */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || body?.title || `The shop answered ${status}.`);
    this.status = status;
    this.code = body?.code ?? '';
    this.errors = Array.isArray(body?.errors) ? body.errors : [];
    this.traceId = body?.traceId ?? '';
  }

  /** Whether this shop has no such thing to ask: an older build. */
  get isUnknownPath() { return this.status === 404 && this.code === 'not-found'; }
}

/** No answer came. */
export class Unreachable extends Error {}

/** Whether the shop answers; `changed` is called as that changes. */
export const line = {
  isUp: true,
  downSince: null,
  changed: () => {},
};

function set(isUp) {
  if (line.isUp === isUp) return;
  line.isUp = isUp;
  line.downSince = isUp ? null : Date.now();
  line.changed(isUp);
}

/**
 * GET: the answer's JSON.
 *
 * Throws Problem, Unreachable, or AbortError where `signal` called it off.
 */
export function get(path, { signal } = {}) {
  return ask('GET', path, undefined, signal);
}

/** POST of a JSON text, or of a value that is written as one. */
export function post(path, body, { signal } = {}) {
  return ask('POST', path, typeof body === 'string' ? body : JSON.stringify(body), signal);
}

async function ask(method, path, body, signal) {
  const timeout = AbortSignal.timeout(patience);
  let response;
  let text;
  try {
    response = await fetch(path, {
      method, body, cache: 'no-cache', credentials: 'same-origin',
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw new DOMException('called off', 'AbortError');
    set(false);
    throw new Unreachable(timeout.aborted
      ? `No answer within ${patience / 1000} s.` : 'The shop cannot be reached.');
  }
  set(true);
  let value = null;
  try {
    value = text === '' ? null : parseJSON(text);
  } catch {
    if (response.ok) throw new Problem(response.status, { detail: 'The answer is no JSON.' });
  }
  if (!response.ok) throw new Problem(response.status, value);
  return value;
}

/** The query of a path: members that are empty are left out. */
export function query(path, members) {
  const known = Object.entries(members)
    .filter(([, value]) => value !== undefined && value !== null && value !== '');
  const text = new URLSearchParams(known.map(([k, v]) => [k, String(v)])).toString();
  return text === '' ? path : `${path}?${text}`;
}
