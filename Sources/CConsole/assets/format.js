// How numbers, times and money read. Pure; nothing here touches the page.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** `12,345`; a dash for what is not known. */
export function count(n) {
  if (typeof n === 'bigint') return n.toLocaleString('en');
  return Number.isFinite(n) ? whole.format(n) : '–';
}

/** A number a second: one decimal below ten. */
export function rate(n) {
  if (!Number.isFinite(n)) return '–';
  return n > 0 && n < 9.95 ? tenth.format(n) : whole.format(n);
}

/** `33.2 MiB` */
export function bytes(n) {
  if (!Number.isFinite(n)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let value = n;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at === 0 ? whole.format(value) : tenth.format(value)} ${units[at]}`;
}

/** A span in milliseconds, in at most two units: `94 ms`, `1.2 s`, `3 min 12 s`, `2 h 5 min`. */
export function span(ms) {
  if (!Number.isFinite(ms)) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 10) return `${tenth.format(s)} s`;
  const all = Math.floor(s);
  if (all < 60) return `${all} s`;
  if (all < 3600) return pair(Math.floor(all / 60), 'min', all % 60, 's');
  if (all < 86400) return pair(Math.floor(all / 3600), 'h', Math.floor((all % 3600) / 60), 'min');
  return pair(Math.floor(all / 86400), 'd', Math.floor((all % 86400) / 3600), 'h');
}

function pair(a, unit, b, smaller) {
  return b === 0 ? `${a} ${unit}` : `${a} ${unit} ${b} ${smaller}`;
}

/** How long ago, or until when, a moment is: `12 s ago`, `in 3 min`. */
export function age(text, now) {
  const at = Date.parse(text);
  if (!Number.isFinite(at)) return '';
  const ms = now - at;
  if (Math.abs(ms) < 1000) return 'now';
  const s = Math.floor(Math.abs(ms) / 1000);
  const coarse = s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min`
    : span((s - (s % (s < 86400 ? 60 : 3600))) * 1000);
  return ms > 0 ? `${coarse} ago` : `in ${coarse}`;
}

/** ISO 8601 to the millisecond: what the API sends has microseconds, which a title keeps. */
export function iso(text) {
  return typeof text === 'string' ? text.replace(/(\.\d{3})\d+Z$/, '$1Z') : '–';
}

/** Only the time of day of an ISO 8601 time. */
export function timeOfDay(text) {
  return iso(text).replace(/^.*T/, '').replace(/Z$/, '');
}

/** An amount with its currency, as the API wrote it: sums may be beyond what a number holds. */
export function money(m) {
  if (m === null || m === undefined) return '–';
  if (typeof m.text === 'string') return m.text;
  if (m.amount !== undefined) return `${m.amount} ${m.currency ?? ''}`;
  return `${m.minor} minor units of ${m.currency ?? '?'}`;
}

/** JSON's text as a value. Integers beyond what a number holds are kept exactly, as BigInt. */
export function parseJSON(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) => {
    const isRounded = typeof value === 'number' && !Number.isSafeInteger(value)
      && /^-?\d+$/.test(context?.source ?? '');
    return isRounded ? BigInt(context.source) : value;
  });
}

/** The text of a value, indented, with exact integers. */
export function pretty(value) {
  return JSON.stringify(value, (_, part) => {
    if (typeof part !== 'bigint') return part;
    return JSON.rawJSON ? JSON.rawJSON(String(part)) : String(part);
  }, 2) ?? '';
}

/** `1 order`, `2 orders` */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** The log's name, the epoch and the position of `orders/1/42`; null for what is none. */
export function identity(text) {
  const found = /^([a-z-]+)\/(\d+)\/(\d+)$/.exec(text ?? '');
  return found && { log: found[1], epoch: Number(found[2]), position: Number(found[3]) };
}
