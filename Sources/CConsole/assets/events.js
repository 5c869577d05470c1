// The newest facts of all four services as they come. It never reads all of them: with each status
// it asks every log that moved for the page at its end, and what lies between is counted, not read.
import { get, query } from './api.js';
import { fill, h, moment, orderLink } from './dom.js';
import { count, identity, pretty, rate, timeOfDay } from './format.js';
import { logs, setPace, shop } from './shop.js';
import { problem } from './view.js';

export const title = 'Events';

/** Milliseconds between two looks; each is a status and at most one page a log. */
const pace = 400;
/** How far from its end a log is read, and how many facts a page has. */
const pageLength = 50;
/** Rows in the document, and facts that are kept for when the filter changes. */
const shownRows = 200;
const keptEvents = 1000;

export function show(view) {
  const stream = new Stream(view);
  stream.build();
  setPace(pace);
  view.onStatus(() => stream.look());
  view.onKey((key) => stream.key(key));
}

class Stream {
  /** Newest first. */
  events = [];
  /** By log: up to where it was looked at. */
  seen = new Map();
  passed = 0;
  isPaused = false;
  selected = null;
  isAsking = false;

  constructor(view) {
    this.view = view;
    this.filter = { service: view.query.get('service') ?? '', text: view.query.get('text') ?? '' };
  }

  build() {
    this.pauseButton = h('button', { type: 'button', id: 'pause', 'aria-pressed': 'false',
      on: { click: () => this.pause(!this.isPaused) } }, 'Pause');
    const service = h('select', { id: 'service', on: { change: () => this.refilter() } },
      h('option', { value: '' }, 'all services'),
      logs.map((log) => h('option', { value: log }, log)));
    service.value = this.filter.service;
    const text = h('input', { id: 'filter', type: 'search', placeholder: 'type, stream or text',
      value: this.filter.text, autocomplete: 'off', spellcheck: 'false',
      on: { input: () => this.refilter() } });
    this.fields = { service, text };
    this.tally = h('span', { class: 'note', id: 'tally' });
    this.trouble = h('div');
    this.body = h('tbody');
    this.detail = h('section', { class: 'panel detail', 'aria-label': 'The event', hidden: true });
    const list = h('div', { class: 'stream scroll', tabindex: 0, role: 'region', id: 'stream',
      'aria-label': 'Newest events; up and down arrows choose one',
      on: { click: (event) => this.pick(event), pointerdown: (event) => this.pick(event) } },
    h('table', {}, h('caption', { class: 'unseen' }, 'Newest events, newest first'),
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Time'),
      h('th', { scope: 'col' }, 'Type'), ['Stream', 'Event', 'Actor'].map((name) => h('th',
        { scope: 'col', class: 'wide' }, name)))), this.body));
    this.list = list;
    this.view.root.append(h('div', { class: 'bar' }, this.pauseButton,
      h('label', { for: 'service', class: 'unseen' }, 'Service'), service,
      h('label', { for: 'filter', class: 'unseen' }, 'Filter'), text, this.tally),
    this.trouble, h('div', { class: 'split' }, list, this.detail));
  }

  /** Reads what is new at the end of each log that moved. Awaited by whoever asks for statuses. */
  async look() {
    if (this.isPaused || this.isAsking || document.hidden || this.view.signal.aborted) return;
    this.isAsking = true;
    try {
      const moved = logs.filter((log) => {
        const head = shop.head(log);
        // A log that was restored from a backup begins anew before where it was.
        if (head < (this.seen.get(log) ?? 0)) this.seen.delete(log);
        const isWanted = this.filter.service === '' || this.filter.service === log;
        return isWanted && head > (this.seen.get(log) ?? 0);
      });
      const pages = await Promise.all(moved.map((log) => this.page(log, shop.head(log))));
      fill(this.trouble);
      // Paused meanwhile: what came is read again when it goes on.
      if (!this.isPaused) this.take(pages);
    } catch (error) {
      if (error.name !== 'AbortError') fill(this.trouble, problem(error));
    } finally {
      this.isAsking = false;
    }
  }

  async page(log, head) {
    const seen = this.seen.get(log);
    const after = Math.max(seen ?? 0, head - pageLength, 0);
    const page = await get(query('/v1/events', { service: log, after, limit: pageLength }),
      this.view);
    return { log, passed: seen === undefined ? 0 : after - seen, events: page.events ?? [],
      next: Math.max(after, page.next ?? head) };
  }

  take(pages) {
    for (const page of pages) {
      this.seen.set(page.log, page.next);
      this.passed += page.passed;
    }
    const events = pages.flatMap((page) => page.events);
    const total = rate(shop.last('events'));
    const passed = this.passed > 0 ? `, ${count(this.passed)} passed unread` : '';
    this.tally.textContent = `${total} events/s${passed}`;
    if (events.length === 0) return;
    events.sort((a, b) => (a.recordedAt < b.recordedAt ? 1 : a.recordedAt > b.recordedAt ? -1 : 0));
    this.events = [...events, ...this.events].slice(0, keptEvents);
    const rows = events.filter((event) => this.matches(event)).slice(0, shownRows);
    this.body.prepend(...rows.map((event) => this.row(event)));
    while (this.body.childElementCount > shownRows) this.body.lastElementChild.remove();
  }

  row(event) {
    const log = identity(event.id)?.log ?? '';
    const row = h('tr', { data: { id: event.id } },
      h('td', { class: 'mono', title: event.recordedAt }, timeOfDay(event.recordedAt)),
      h('td', {}, h('span', { class: `lane ${logs.includes(log) ? log : ''}` }, event.type)),
      h('td', { class: 'mono wide' }, event.stream),
      h('td', { class: 'mono wide' }, event.id),
      h('td', { class: 'wide' }, event.actor));
    if (this.selected === event.id) row.setAttribute('aria-current', 'true');
    return row;
  }

  matches(event) {
    const { service, text } = this.filter;
    if (service !== '' && !event.id.startsWith(`${service}/`)) return false;
    if (text === '') return true;
    const wanted = text.toLowerCase();
    event.plain ??= (`${event.type} ${event.stream} ${event.id} ${event.actor} `
      + `${event.correlationId} ${pretty(event.data)}`).toLowerCase();
    return event.plain.includes(wanted);
  }

  refilter() {
    this.filter = { service: this.fields.service.value, text: this.fields.text.value.trim() };
    this.view.setQuery(this.filter);
    const rows = this.events.filter((event) => this.matches(event)).slice(0, shownRows);
    this.body.replaceChildren(...rows.map((event) => this.row(event)));
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.pauseButton.textContent = isPaused ? 'Go on' : 'Pause';
    this.pauseButton.setAttribute('aria-pressed', String(isPaused));
    this.view.root.classList.toggle('paused', isPaused);
    // What came meanwhile is passed over: it goes on at the logs' ends.
    if (!isPaused) this.close();
  }

  /** Rows move: what was pressed on is what is meant, not what has come under the pointer since. */
  pick(event) {
    const row = event.target.closest('tr[data-id]');
    const isTouch = event.type === 'pointerdown' && event.pointerType !== 'mouse';
    if (row && event.button === 0 && !isTouch) this.select(row.dataset.id);
  }

  select(id) {
    const event = this.events.find((known) => known.id === id);
    if (!event) return;
    if (!this.isPaused) this.pause(true);
    this.selected = id;
    for (const row of this.body.rows) {
      if (row.dataset.id === id) {
        row.setAttribute('aria-current', 'true');
        row.scrollIntoView({ block: 'nearest' });
      } else row.removeAttribute('aria-current');
    }
    this.detail.hidden = false;
    fill(this.detail, drawDetail(event), h('div', { class: 'acts' },
      h('button', { type: 'button', on: { click: () => this.close() } }, 'Close')));
  }

  close() {
    this.selected = null;
    this.detail.hidden = true;
    for (const row of this.body.rows) row.removeAttribute('aria-current');
  }

  key(key) {
    if (key === 'p') this.pause(!this.isPaused);
    else if (key === 'Escape' && this.selected) this.close();
    else if (key === 'ArrowDown' || key === 'ArrowUp') {
      if (!this.list.contains(document.activeElement)) return false;
      const rows = [...this.body.rows];
      const at = rows.findIndex((row) => row.dataset.id === this.selected);
      const next = rows[at < 0 ? 0 : at + (key === 'ArrowDown' ? 1 : -1)];
      if (next) this.select(next.dataset.id);
    } else return false;
    return true;
  }
}

/** The order that an event's stream is about, where it is about one. */
function orderOf(event) {
  const found = /^(?:order|checkout|payment|reservation|delivery|notification)-(.+)$/
    .exec(event.stream ?? '');
  return found ? found[1] : null;
}

/** All there is to say of an event: its envelope and its data. */
export function drawDetail(event) {
  const order = orderOf(event);
  const pairs = [
    ['Event', h('span', { class: 'mono' }, event.id)],
    ['Stream', event.stream && h('span', { class: 'mono' },
      `${event.stream}, version ${event.version}`)],
    ['Order', order && orderLink(order)],
    ['Recorded', moment(event.recordedAt)],
    ['Occurred', event.occurredAt && moment(event.occurredAt)],
    ['Actor', event.actor],
    ['Cause', event.causationId && h('span', { class: 'mono' }, event.causationId)],
    ['Correlation', event.correlationId && h('span', { class: 'mono' }, event.correlationId)],
  ];
  return [h('h2', {}, event.type),
    h('dl', { class: 'pairs' }, pairs.filter(([, what]) => what).map(([name, what]) => [
      h('dt', {}, name), h('dd', {}, what)])),
    h('pre', { tabindex: 0, 'aria-label': 'Data' }, pretty(event.data))];
}
