// The shop at a glance: counters with their last minutes, what needs somebody, parts and logs.
import { get } from './api.js';
import { alarms } from './alarms.js';
import { badge, h, meaning, moment, panel, renew, sparkline, table } from './dom.js';
import { bytes, count, plural, rate, span } from './format.js';
import { logs, parkedIn, sampleOrders, shop } from './shop.js';

export const title = 'Overview';

export function show(view) {
  const attention = h('div', { class: 'attention', 'aria-live': 'polite' });
  const tiles = h('div', { class: 'tiles' });
  const logTable = h('div');
  const partTable = h('div');
  const orders = h('div');
  view.root.append(attention, tiles, h('div', { class: 'columns' },
    panel('Logs', logTable), panel('Orders by status', orders)), panel('Parts', partTable));
  let said = '';
  view.onStatus((status) => {
    const found = alarms();
    const text = JSON.stringify(found);
    // Said again only where it differs: it is read out.
    if (text !== said && renew(attention, drawAttention(found))) said = text;
    renew(tiles, drawTiles(status));
    renew(logTable, drawLogs());
    renew(partTable, drawParts(status));
  });
  // It is summed from all orders, so it is asked for with ease.
  view.poll(orders, async () => {
    const report = await get('/v1/reports/orders?by=status', view);
    sampleOrders(report);
    return report;
  }, drawOrders, 1000, 20);
}

function drawAttention(found) {
  if (found.length === 0) return h('p', { class: 'well' }, 'All is well: nothing needs you.');
  return h('ul', { class: 'alarms' }, found.map((alarm) => h('li', { class: alarm.level },
    h('strong', {}, alarm.what), ' ', h('span', {}, alarm.todo), ' ',
    alarm.href ? h('a', { href: alarm.href, data: { focus: alarm.what } }, 'Look') : null)));
}

function tile(name, value, unit, note, series, least) {
  return h('div', { class: 'tile' },
    h('div', { class: 'name' }, name),
    h('div', { class: 'value' }, value, unit ? h('span', { class: 'unit' }, ` ${unit}`) : null),
    series ? sparkline(series, { least }) : null,
    h('div', { class: 'note' }, note));
}

function drawTiles(status) {
  const consumers = status.consumers ?? [];
  const slowest = consumers.reduce((worst, c) => (
    !worst || c.behindMilliseconds > worst.behindMilliseconds ? c : worst), null);
  const waiting = status.sagas?.waiting;
  const parked = parkedIn(status);
  return [
    tile('Orders accepted', rate(shop.last('accepted')), '/s', 'as reads see them',
      shop.values('accepted')),
    tile('Orders completed', rate(shop.last('completed')), '/s', 'as reads see them',
      shop.values('completed')),
    tile('Events recorded', rate(shop.last('events')), '/s', 'all four logs',
      shop.values('events')),
    tile('Sagas in flight', count(status.sagas?.open), '',
      waiting === undefined ? 'not known' : `${count(waiting)} not begun`, shop.values('sagas')),
    tile('Lag', slowest ? span(slowest.behindMilliseconds) : '–', '',
      slowest ? `${slowest.consumer} of ${slowest.source}` : 'no reader', shop.values('lag'), 5000),
    tile('Parked', count(parked), '', parked === 0 ? 'nothing waits for you'
      : 'their orders wait', shop.values('parked')),
    tile('Intake', status.intakeStopped ? badge('stopped', 'bad') : badge('open', 'good'), '',
      status.intakeStopped ? 'orders get 503' : 'orders are taken', null),
  ];
}

function drawLogs() {
  return table([
    { name: 'Log', cell: (log) => h('span', { class: `lane ${log}` }, log) },
    { name: 'Newest position', class: 'num', cell: (log) => count(shop.head(log)) },
    { name: 'Events/s', class: 'num', cell: (log) => rate(shop.last(`events/${log}`)) },
    { name: 'Last minutes', class: 'wide', cell: (log) => sparkline(
      shop.values(`events/${log}`), { width: 140, height: 20 }) },
  ], logs, { caption: 'Logs' });
}

function drawOrders(report) {
  return table([
    { name: 'Status', cell: (row) => h('a', {
      href: `#/search?status=${encodeURIComponent(row.status)}`,
      data: { focus: `status ${row.status} ${row.currency}` } }, row.status) },
    { name: 'Orders', class: 'num', cell: (row) => count(row.orders) },
    { name: 'Total', class: 'num', cell: (row) => row.total?.text ?? '–' },
  ], report.rows ?? [], { caption: 'Orders by status', empty: 'No order yet.' });
}

function drawParts(status) {
  return table([
    { name: 'Part', cell: (part) => part.part },
    { name: 'State', cell: (part) => badge(part.state, meaning(part.state)) },
    { name: 'Up for', class: 'num', cell: (part) => span(part.upMilliseconds) },
    { name: 'Memory', class: 'num', cell: (part) => bytes(part.residentBytes) },
    { name: 'Inputs', class: 'num', cell: (part) => count(part.inputsWaiting) },
    { name: 'Calls out', class: 'num', cell: (part) => count(part.callsWaiting) },
    { name: 'Parked', class: 'num', cell: (part) => (part.parkedMessages > 0
      ? h('a', { href: `#/parked?service=${encodeURIComponent(part.part)}`,
        data: { focus: `parked ${part.part}` } }, count(part.parkedMessages))
      : count(part.parkedMessages)) },
    { name: 'Calls to it', class: 'wide', cell: (part) => (part.calls
      ? [badge(part.calls.breaker, part.calls.breaker === 'closed' ? 'idle' : 'bad'),
        ` ${count(part.calls.failed)} of ${count(part.calls.made)} failed`] : '–') },
    { name: 'Where', class: 'wide', cell: (part) => h('span', { class: 'mono' },
      part.address ?? (part.process ? `process ${part.process}` : '–')) },
    { name: 'Since', class: 'wide', cell: (part) => moment(part.startedAt) },
  ], status.parts ?? [], { caption: `Parts, ${plural((status.parts ?? []).length, 'part')}`,
    empty: 'No part has said that it is there.',
    row: (part) => ({ class: ['up', 'elsewhere'].includes(part.state) ? null : 'wrong' }) });
}
