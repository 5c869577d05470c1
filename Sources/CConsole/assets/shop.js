// The shop's state as the whole page knows it: the newest status, how it moved, what is wrong.
import { get, query } from './api.js';
import { Poller } from './poll.js';

/** How many samples, about one a second, the small lines have. */
const kept = 120;
/** What is less than this behind the sample before is no sample of its own. */
const spacing = 950;

/** The newest values, oldest first. */
class Series {
  values = [];

  push(value) {
    this.values.push(value);
    if (this.values.length > kept) this.values.shift();
  }

  get last() { return this.values[this.values.length - 1]; }
}

export const shop = {
  /** The newest answer of `/v1/status`; null before the first. */
  status: null,
  /** Of `/v1/sagas?stuck=true` and `/v1/accounts`, asked for now and then; null where not known. */
  sagas: null,
  accounts: null,
  /** By name: `events/orders`, `accepted`, `lag` and so on. */
  series: new Map(),
  /** Called, one after the other and awaited, with each new status. */
  hooks: new Set(),
  /** Milliseconds between two statuses; a view may want more. */
  every: 1000,

  /** The shop's clock, in milliseconds since 1970: ages are by it. */
  now() { return Date.now() + skew; },

  values(name) { return this.series.get(name)?.values ?? []; },
  last(name) { return this.series.get(name)?.last; },

  push(name, value) {
    if (!this.series.has(name)) this.series.set(name, new Series());
    this.series.get(name).push(value);
  },

  /** A log's newest position; 0 where it is not known. */
  head(log) { return partOf(this.status, log)?.logHead ?? 0; },
};

export const logs = ['orders', 'payments', 'deliveries', 'notifications'];

let skew = 0;
let before = null;
let counts = null;
let poller = null;

function partOf(status, name) {
  return status?.parts?.find((part) => part.part === name && part.logHead !== undefined);
}

/** Begins to ask; called once. */
export function watchShop() {
  poller = new Poller(async () => {
    const asked = Date.now();
    const status = await get('/v1/status');
    skew = Date.parse(status.at) - (asked + Date.now()) / 2;
    shop.status = status;
    sample(status);
    for (const hook of [...shop.hooks]) await hook(status);
  }, shop.every);
  const seldom = (member, path, every) => new Poller(async () => {
    if (document.hidden) return;
    try {
      shop[member] = await get(path);
    } catch (error) {
      shop[member] = null;
      throw error;
    }
  }, every, 20);
  seldom('sagas', query('/v1/sagas', { stuck: true, limit: 20 }), 5000);
  seldom('accounts', '/v1/accounts', 15_000);
}

/** How often the status is asked for from now on. */
export function setPace(every) {
  shop.every = every;
  if (poller) poller.every = every;
}

function sample(status) {
  const at = Date.parse(status.at);
  if (before && at - before.at < spacing) return;
  const seconds = before ? (at - before.at) / 1000 : 0;
  const heads = Object.fromEntries(logs.map((log) => [log, partOf(status, log)?.logHead]));
  // A long gap is no rate of now: the page was hidden, or the shop away.
  const isUsable = seconds > 0 && seconds < 30;
  let all = 0;
  for (const log of logs) {
    const moved = isUsable ? Math.max(0, heads[log] - before.heads[log]) / seconds : NaN;
    shop.push(`events/${log}`, moved);
    if (Number.isFinite(moved)) all += moved;
  }
  if (isUsable) shop.push('events', all);
  shop.push('sagas', status.sagas?.open);
  shop.push('lag', Math.max(0, ...(status.consumers ?? []).map((c) => c.behindMilliseconds)));
  for (const c of status.consumers ?? []) {
    shop.push(`lag/${c.consumer}/${c.source}`, c.behindMilliseconds);
  }
  shop.push('parked', parkedIn(status));
  before = { at, heads };
}

/** Messages that are parked in all services. */
export function parkedIn(status) {
  return (status?.parts ?? []).reduce((sum, part) => sum + (part.parkedMessages ?? 0), 0);
}

/** Takes the counts of orders by status, and makes rates of them. */
export function sampleOrders(report) {
  const rows = report.rows ?? [];
  const sum = (some) => some.reduce((all, row) => all + row.orders, 0);
  const now = { at: performance.now(), all: sum(rows),
    completed: sum(rows.filter((row) => row.status === 'completed')) };
  const seconds = counts ? (now.at - counts.at) / 1000 : 0;
  // With millions of orders it is asked for once a minute.
  if (seconds > 0 && seconds < 180) {
    shop.push('accepted', Math.max(0, now.all - counts.all) / seconds);
    shop.push('completed', Math.max(0, now.completed - counts.completed) / seconds);
  }
  counts = now;
}
