// Makes elements. Whatever comes from the shop goes in as text: nothing here takes markup.
import { age, iso } from './format.js';
import { shop } from './shop.js';

const svgNames = 'http://www.w3.org/2000/svg';

/**
 * An element: h('a', { href: '#/lag', class: 'x', on: { click } }, 'text', node, [more]).
 * Attributes that are null or false are left out. A link leads to a place in this page only.
 */
export function h(name, attributes, ...children) {
  return build(document.createElement(name), attributes, children);
}

/** The same for a picture's elements. */
export function s(name, attributes, ...children) {
  return build(document.createElementNS(svgNames, name), attributes, children);
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') {
      for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    } else if (name === 'data') {
      for (const [key, text] of Object.entries(value)) element.dataset[key] = text;
    } else if (name === 'href' && !String(value).startsWith('#')) {
      throw new Error(`a link out of the page: ${value}`);
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** What the pointer is pressed on: drawn anew under it, it would not be clicked. */
let pressed = null;
document.addEventListener('pointerdown', (event) => { pressed = event.target; }, true);
for (const end of ['pointerup', 'pointercancel', 'dragend']) {
  document.addEventListener(end, () => { pressed = null; }, true);
}

/**
 * Puts new contents into a place, unless somebody selects text in it or presses on it: then the old
 * ones stay, and false is returned.
 */
export function renew(place, ...children) {
  const selection = document.getSelection();
  const isSelecting = selection && !selection.isCollapsed && place.contains(selection.anchorNode);
  if (isSelecting || (pressed && place.contains(pressed))) return false;
  fill(place, ...children);
  return true;
}

/**
 * Puts new contents into a place. Whoever had the focus in it has it again, by its `data-focus`;
 * what was scrolled or opened stays so.
 */
export function fill(place, ...children) {
  const focused = place.contains(document.activeElement)
    ? document.activeElement.dataset.focus : undefined;
  const scrolled = [...place.querySelectorAll('.scroll')].map((element) => element.scrollLeft);
  const opened = [...place.querySelectorAll('details')].map((element) => element.open);
  place.replaceChildren();
  append(place, children);
  place.querySelectorAll('.scroll').forEach((element, at) => {
    if (scrolled[at] > 0) element.scrollLeft = scrolled[at];
  });
  place.querySelectorAll('details').forEach((element, at) => {
    if (opened[at]) element.open = true;
  });
  if (!focused) return;
  const again = [...place.querySelectorAll('[data-focus]')]
    .find((element) => element.dataset.focus === focused);
  again?.focus({ preventScroll: true });
}

/** A moment with how long ago it is; `refreshAges` keeps the latter true. */
export function moment(text, { brief = false } = {}) {
  if (!text) return '–';
  const ago = h('span', { class: 'age', data: { at: text } }, age(text, shop.now()));
  return h('time', { datetime: text, title: text },
    brief ? null : h('span', { class: 'iso' }, iso(text)), brief ? null : ' ', ago);
}

/** Called every second. */
export function refreshAges() {
  const now = shop.now();
  for (const element of document.querySelectorAll('.age')) {
    const text = age(element.dataset.at, now);
    if (element.textContent !== text) element.textContent = text;
  }
}

/**
 * A table with a header for each column.
 *
 * columns: [{ name, class, cell(row) }]; the first is each row's header. options: caption (for
 * those who hear it), empty (what is said where there are no rows), row(row) gives attributes.
 */
export function table(columns, rows, { caption, empty = 'Nothing here.', row = () => ({}) } = {}) {
  const head = h('tr', {}, columns.map((c) => h('th', { scope: 'col', class: c.class }, c.name)));
  const body = rows.map((item) => h('tr', row(item), columns.map((column, at) => h(
    at === 0 ? 'th' : 'td', { class: column.class, scope: at === 0 ? 'row' : null },
    column.cell(item)))));
  if (rows.length === 0) {
    body.push(h('tr', {}, h('td', { class: 'empty', colspan: columns.length }, empty)));
  }
  return h('div', { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: 0,
    data: { focus: `table ${caption}` } },
  h('table', {}, h('caption', { class: 'unseen' }, caption), h('thead', {}, head),
    h('tbody', {}, body)));
}

/** A panel with a heading. */
export function panel(title, ...children) {
  return h('section', { class: 'panel', 'aria-label': title }, h('h2', {}, title), children);
}

/** A word in the colour of what it means: `good`, `warn`, `bad`, `idle` or `busy`. */
export function badge(text, meaning) {
  return h('span', { class: `badge ${meaning}` }, text);
}

/** The colour of an order's, a step's or a part's state. */
export function meaning(state) {
  const known = {
    good: ['completed', 'up', 'elsewhere', 'done', 'captured', 'delivered', 'sent', 'ready'],
    busy: ['placed', 'confirmed', 'packed', 'shipped', 'pending', 'waiting', 'starting',
      'not-begun', 'undoing', 'authorizing', 'authorized', 'capturing', 'voiding', 'handingOver',
      'handedOver', 'outForDelivery'],
    warn: ['postponed', 'skipped', 'cancelling', 'silent', 'undone', 'cancelled'],
    bad: ['rejected', 'down', 'halted', 'refused', 'expired', 'declined', 'lost', 'failed'],
  };
  return Object.keys(known).find((key) => known[key].includes(state)) ?? 'idle';
}

export const orderLink = (id) => h('a', {
  href: `#/order/${encodeURIComponent(id)}`, class: 'mono', data: { focus: `order ${id}` },
}, id);

/**
 * A small line of the newest values; what it shows stands beside it as a number. It is as high as
 * the greatest of them, or `least`.
 */
export function sparkline(values, { width = 120, height = 28, least = 1e-9 } = {}) {
  const known = values.filter((v) => Number.isFinite(v));
  const picture = s('svg', { class: 'spark', width, height, viewBox: `0 0 ${width} ${height}`,
    'aria-hidden': 'true', preserveAspectRatio: 'none' });
  if (known.length < 2) return picture;
  const most = Math.max(...known, least);
  const step = width / Math.max(values.length - 1, 1);
  const points = values.map((v, at) => [at * step, Number.isFinite(v)
    ? height - 2 - (v / most) * (height - 4) : height - 2]);
  const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  picture.append(s('polygon', { class: 'under', points: `0,${height} ${line} ${width},${height}` }),
    s('polyline', { class: 'line', points: line }));
  return picture;
}
