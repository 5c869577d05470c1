// A view's life: what it is given to work with, and that all it began ends with it.
import { Problem, Unreachable } from './api.js';
import { fill, h, renew } from './dom.js';
import { Poller } from './poll.js';
import { shop } from './shop.js';

/**
 * Shows a view: `{ title, show(view) }`. It is given
 *
 *   root       where it puts its elements
 *   argument   what stands behind its name in the address; `query`, what stands behind the `?`
 *   signal     for its requests, which end with it
 *   poll(slot, ask, draw, every, ease)   see below
 *   clear(slot)   empties a slot, until the next answer
 *   onStatus(act)   called with each new status, first at once where there is one
 *   onKey(act)      given a key; says whether it took it
 *   setQuery(members)   writes what is filtered into the address, without a new entry
 */
export function openView(module, { argument, query, name }, main) {
  const over = new AbortController();
  const pollers = [];
  const hooks = [];
  let takeKey = () => false;
  const root = h('div', { class: `view ${name}` });
  fill(main, h('h1', { tabindex: -1 }, module.title), root);
  const view = {
    root, argument, query, signal: over.signal,

    /**
     * Asks every so often and draws what came into the slot, as long as it differs from before.
     * What fails is said above it; what was there before stays, greyed.
     */
    poll(slot, ask, draw, every = 2000, ease = 4) {
      const poller = new Poller(() => drawn(slot, ask, draw, over.signal), every, ease);
      pollers.push(poller);
      return poller;
    },

    /** Empties a slot that something else is asked for now: the same answer is drawn again. */
    clear(slot) {
      lastDrawn.delete(slot);
      fill(slot, h('p', { class: 'note' }, 'Asking …'));
    },

    onStatus(act) {
      hooks.push(act);
      shop.hooks.add(act);
      if (shop.status) act(shop.status);
    },

    onKey(act) { takeKey = act; },

    setQuery(members) {
      const known = Object.entries(members).filter(([, v]) => v !== '' && v !== false && v != null);
      const text = new URLSearchParams(known.map(([k, v]) => [k, String(v)])).toString();
      const path = argument ? `${name}/${encodeURIComponent(argument)}` : name;
      history.replaceState(null, '', `#/${path}${text ? `?${text}` : ''}`);
    },
  };
  module.show(view);
  return {
    leave() {
      over.abort();
      for (const poller of pollers) poller.stop();
      for (const hook of hooks) shop.hooks.delete(hook);
    },
    refresh() { for (const poller of pollers) poller.kick(); },
    key: (key) => takeKey(key),
  };
}

const lastDrawn = new WeakMap();

async function drawn(slot, ask, draw, signal) {
  try {
    const value = await ask();
    if (signal.aborted) return;
    const text = JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}` : part));
    if (lastDrawn.get(slot) !== text || slot.querySelector(':scope > .problem')) {
      if (renew(slot, draw(value))) lastDrawn.set(slot, text);
    }
    slot.classList.remove('stale');
  } catch (error) {
    if (signal.aborted || error.name === 'AbortError') return;
    // The banner says that nothing can be reached; here it is about this answer.
    slot.classList.add('stale');
    slot.querySelector(':scope > .problem')?.remove();
    if (!(error instanceof Unreachable)) {
      slot.prepend(problem(error));
      lastDrawn.delete(slot);
      if (!(error instanceof Problem)) throw error;
    } else if (slot.childElementCount === 0) {
      slot.prepend(problem(error));
    }
    throw error;
  }
}

/** What an error says, for the place where it happened. */
export function problem(error) {
  if (!(error instanceof Problem)) {
    return h('div', { class: 'problem', role: 'alert' }, h('strong', {}, error.message));
  }
  const detail = error.isUnknownPath
    ? 'This shop does not offer this: its build is older than the console expects.' : error.message;
  return h('div', { class: 'problem', role: 'alert' },
    h('strong', {}, detail), ' ',
    h('span', { class: 'mono' }, `${error.status} ${error.code}`),
    error.errors.length === 0 ? null : h('ul', {}, error.errors.map((e) => h('li', {},
      h('code', {}, e.pointer ?? e.parameter ?? e.header ?? ''), ' ', e.detail ?? ''))),
    error.traceId ? h('span', { class: 'mono trace' }, `trace ${error.traceId}`) : null);
}

let toastTimer = null;

/** Says that something was done; heard by those who do not see it. */
export function tell(...what) {
  const toast = document.getElementById('toast');
  fill(toast, ...what);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => fill(toast), 12_000);
}
