// The page's frame: which view is shown, the header, keys, theme, and what is said of the line.
import { line } from './api.js';
import { alarms } from './alarms.js';
import { h, fill, refreshAges } from './dom.js';
import { span } from './format.js';
import { openView } from './view.js';
import { setPace, shop, watchShop } from './shop.js';
import * as overview from './overview.js';
import * as events from './events.js';
import * as search from './search.js';
import * as order from './order.js';
import * as sagas from './sagas.js';
import * as lag from './lag.js';
import * as parked from './parked.js';
import * as books from './books.js';
import * as broker from './broker.js';

const views = { overview, events, search, sagas, lag, parked, books, broker, order };
/** Those that the navigation names, in its order; the keys 1 to 8 lead to them. */
const named = ['overview', 'events', 'search', 'sagas', 'lag', 'parked', 'books', 'broker'];

const place = (id) => document.getElementById(id);
let shown = null;

/** `#/order/ID?x=y` */
function route() {
  const [path, text] = location.hash.replace(/^#\/?/, '').split('?', 2);
  const [name, argument] = path.split('/');
  let decoded = '';
  try {
    decoded = decodeURIComponent(argument ?? '');
  } catch {
    // A link that somebody cut: the view says that there is no such thing.
    decoded = argument;
  }
  return { name: Object.hasOwn(views, name) ? name : 'overview', argument: decoded,
    query: new URLSearchParams(text ?? '') };
}

function show() {
  const wanted = route();
  const isFirst = shown === null;
  shown?.leave();
  setPace(1000);
  const view = views[wanted.name];
  for (const link of place('views').querySelectorAll('a')) {
    const isHere = link.dataset.view === (wanted.name === 'order' ? 'search' : wanted.name);
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${view.title} · Kassa console`;
  shown = openView(view, wanted, place('main'));
  window.scrollTo(0, 0);
  // A view may have put the focus where it is wanted most.
  if (!isFirst && !place('main').querySelector(':focus')) {
    place('main').querySelector('h1')?.focus({ preventScroll: true });
  }
}

function showState() {
  const state = place('state');
  const found = shop.status ? alarms() : [];
  const worst = found.some((a) => a.level === 'bad') ? 'bad' : 'warn';
  const text = !line.isUp ? 'shop cannot be reached'
    : shop.status === null ? 'connecting'
      : found.length === 0 ? 'all is well' : `${found.length} to look at`;
  const level = !line.isUp ? 'bad' : shop.status === null ? 'idle'
    : found.length === 0 ? 'good' : worst;
  if (state.textContent !== text) state.textContent = text;
  state.className = `state ${level}`;
  const waiting = place('views').querySelector('[data-view=parked] .tally');
  const parkedNow = shop.last('parked') ?? 0;
  if (waiting) waiting.textContent = parkedNow > 0 ? String(parkedNow) : '';
}

/** Said at once as the line breaks; then how long it is so, for the eye alone. */
function showLine() {
  const banner = place('banner');
  banner.hidden = line.isUp;
  document.body.classList.toggle('away', !line.isUp);
  if (line.isUp) {
    fill(banner);
    return;
  }
  fill(banner, 'The shop cannot be reached. What is shown is from before; the page tries again by '
    + 'itself. ', h('span', { id: 'away', 'aria-hidden': 'true' }));
}

function setTheme(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  place('theme').textContent = `Theme: ${theme}`;
  keep('theme', theme);
}

/** Keeps a setting of this browser; where that is not allowed it lasts as long as the page. */
function keep(name, value) {
  try {
    localStorage.setItem(`kassa.${name}`, value);
  } catch {
    settings[name] = value;
  }
}

const settings = {};

function setting(name, otherwise) {
  try {
    return localStorage.getItem(`kassa.${name}`) ?? otherwise;
  } catch {
    return settings[name] ?? otherwise;
  }
}

function nextTheme() {
  const all = ['auto', 'light', 'dark'];
  setTheme(all[(all.indexOf(setting('theme', 'auto')) + 1) % all.length]);
}

const keys = [
  ['1 to 8', 'the views, in the order of the navigation'],
  ['/', 'the search'],
  ['p', 'Events: pause or go on'],
  ['↑ ↓', 'Events, in the list: the event before or after; it pauses'],
  ['Escape', 'close a dialog, or what is shown of an event'],
  ['t', 'the theme: auto, light, dark'],
  ['?', 'this list'],
];

function showKeys() {
  const single = h('input', { type: 'checkbox', id: 'single-keys' });
  single.checked = setting('keys', 'on') === 'on';
  single.addEventListener('change', () => keep('keys', single.checked ? 'on' : 'off'));
  const dialog = h('dialog', { 'aria-labelledby': 'keys-title' },
    h('h2', { id: 'keys-title' }, 'Keys'),
    h('dl', { class: 'pairs' }, keys.map(([key, what]) => [
      h('dt', {}, h('kbd', {}, key)), h('dd', {}, what)])),
    h('p', {}, h('label', {}, single, ' Single keys are on')),
    h('form', { method: 'dialog', class: 'acts' }, h('button', {}, 'Close')));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName ?? '');
  if (isTyping || document.querySelector('dialog[open]') || setting('keys', 'on') === 'off') return;
  const view = named[Number(event.key) - 1];
  if (view) location.hash = `#/${view}`;
  else if (event.key === 't') nextTheme();
  else if (event.key === '?') showKeys();
  else if (event.key === '/') {
    if (route().name === 'search') place('main').querySelector('input')?.focus();
    else location.hash = '#/search';
  } else if (!shown?.key(event.key)) return;
  event.preventDefault();
}

function start() {
  place('views').append(...named.map((name) => h('a', { href: `#/${name}`, data: { view: name } },
    views[name].title, name === 'parked' ? h('span', { class: 'tally' }) : null)));
  setTheme(setting('theme', 'auto'));
  place('theme').addEventListener('click', nextTheme);
  place('keys').addEventListener('click', showKeys);
  document.querySelector('.skip').addEventListener('click', (event) => {
    // Its target is no view: the hash stays as it is.
    event.preventDefault();
    place('main').focus();
  });
  document.addEventListener('keydown', onKey);
  window.addEventListener('hashchange', show);
  line.changed = () => {
    showLine();
    showState();
    if (line.isUp) shown?.refresh();
  };
  shop.hooks.add(showState);
  setInterval(() => {
    refreshAges();
    const away = place('away');
    if (away) away.textContent = `Away for ${span(Date.now() - line.downSince)}.`;
  }, 1000);
  watchShop();
  show();
}

start();
