// Finds an order by its id, a customer's orders, a SKU's stock; lists orders by status, in pages.
import { Problem, get, query } from './api.js';
import { badge, fill, h, meaning, moment, orderLink, panel, table } from './dom.js';
import { count, money } from './format.js';
import { problem } from './view.js';

export const title = 'Search';

const statuses = ['placed', 'confirmed', 'packed', 'shipped', 'completed', 'cancelling',
  'cancelled', 'rejected', 'expired'];
const pageLength = 50;

export function show(view) {
  const wanted = view.query.get('q') ?? '';
  const status = view.query.get('status') ?? '';
  const input = h('input', { id: 'q', name: 'q', type: 'search', value: wanted, maxlength: 64,
    autocomplete: 'off', spellcheck: 'false', placeholder: 'an order’s id, a customer, a SKU' });
  const choice = h('select', { id: 'status', name: 'status' },
    h('option', { value: '' }, 'any status'),
    [...new Set([...statuses, status])].filter((s) => s !== '')
      .map((s) => h('option', { value: s }, s)));
  choice.value = status;
  const go = () => {
    const known = { q: input.value.trim(), status: choice.value };
    const target = query('#/search', known);
    if (location.hash === target) search();
    else location.hash = target;
  };
  const results = h('div', { class: 'results' });
  const search = () => find(view, results, wanted, status);
  view.root.append(h('form', { class: 'bar', role: 'search', on: { submit: (event) => {
    event.preventDefault();
    go();
  } } }, h('label', { for: 'q', class: 'unseen' }, 'Search for'), input,
  h('label', { for: 'status', class: 'unseen' }, 'Status'), choice, h('button', {}, 'Search'),
  h('span', { class: 'note' }, 'A merchant’s reference cannot be asked for; it shows in lists.')),
  results);
  choice.addEventListener('change', go);
  input.focus({ preventScroll: true });
  input.select();
  search();
}

async function find(view, results, wanted, status) {
  fill(results);
  const list = h('div');
  if (wanted === '') {
    results.append(panel(status === '' ? 'Newest orders' : `Newest orders, ${status}`, list));
    await page(view, list, '/v1/orders', { status }, []);
    return;
  }
  const order = h('div');
  const stock = h('div');
  results.append(panel('Order', order), panel(`Orders of customer ${wanted}`, list),
    panel(`Stock of ${wanted}`, stock));
  await Promise.all([
    one(view, order, `/v1/orders/${encodeURIComponent(wanted)}`, 'No order has this id.',
      (found) => drawOrders([{ ...found, lines: found.lines?.length }])),
    page(view, list, '/v1/orders', { customer: wanted, status }, []),
    one(view, stock, `/v1/stock/${encodeURIComponent(wanted)}`, 'Nothing is sold under this SKU.',
      drawStock),
  ]);
}

/** Shows one thing, or that there is none; what is no id at all is none as well. */
async function one(view, slot, path, none, draw) {
  try {
    fill(slot, draw(await get(path, view)));
  } catch (error) {
    if (error.name === 'AbortError') return;
    const isNone = error instanceof Problem && [400, 404, 422].includes(error.status);
    fill(slot, isNone ? h('p', { class: 'empty' }, none) : problem(error));
  }
}

/** `before` holds the cursors of the pages before this one: an undefined is the first one's. */
async function page(view, slot, path, filter, before, cursor) {
  try {
    const answer = await get(query(path, { ...filter, limit: pageLength, cursor }), view);
    const turn = (text, id, isThere, to) => h('button', { type: 'button', disabled: !isThere,
      data: { focus: id }, on: { click: to } }, text);
    fill(slot, drawOrders(answer.orders ?? []), h('div', { class: 'acts' },
      turn('Newer', 'newer', before.length > 0, () => page(view, slot, path, filter,
        before.slice(0, -1), before.at(-1))),
      turn('Older', 'older', answer.next, () => page(view, slot, path, filter,
        [...before, cursor], answer.next)),
      h('span', { class: 'note' }, `page ${before.length + 1}, ${pageLength} a page`)));
  } catch (error) {
    if (error.name !== 'AbortError') fill(slot, problem(error));
  }
}

function drawOrders(orders) {
  return table([
    { name: 'Order', cell: (o) => orderLink(o.id) },
    { name: 'Status', cell: (o) => badge(o.status, meaning(o.status)) },
    { name: 'Total', class: 'num', cell: (o) => money(o.total) },
    { name: 'Lines', class: 'num wide', cell: (o) => count(o.lines) },
    { name: 'Customer', cell: (o) => (o.customer ? h('a', {
      href: query('#/search', { q: o.customer }), data: { focus: `customer ${o.id}` } },
    o.customer) : '–') },
    { name: 'Reference', class: 'mono wide', cell: (o) => o.reference ?? '–' },
    { name: 'Placed', cell: (o) => moment(o.placedAt) },
    { name: 'Reason', class: 'wide', cell: (o) => o.reason ?? '' },
  ], orders, { caption: 'Orders', empty: 'No such order.' });
}

function drawStock(stock) {
  return table([
    { name: 'SKU', cell: (s) => h('span', { class: 'mono' }, s.sku) },
    { name: 'On hand', class: 'num', cell: (s) => count(s.onHand) },
    { name: 'Reserved', class: 'num', cell: (s) => count(s.reserved) },
    { name: 'Available', class: 'num', cell: (s) => count(s.available) },
  ], [stock], { caption: 'Stock' });
}
