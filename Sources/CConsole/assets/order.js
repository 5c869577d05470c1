// One order: how it stands, its saga with what an operator can do, and all its events as lanes.
import { Problem, get, query } from './api.js';
import { badge, fill, h, meaning, moment, panel, table } from './dom.js';
import { drawDetail } from './events.js';
import { count, money, plural } from './format.js';
import { drawLanes, nodesOf } from './lanes.js';
import { correct, sagaActs } from './acts.js';

export const title = 'Order';

/** The most events of a timeline that are drawn: what the API gives in a page. */
const mostEvents = 500;

export function show(view) {
  const id = view.argument;
  const path = encodeURIComponent(id);
  const [summary, saga, lanes] = [h('div'), h('div'), h('div')];
  const detail = h('section', { class: 'panel detail drawer', 'aria-label': 'The event',
    hidden: true });
  view.root.append(h('p', { class: 'mono id' }, id), h('div', { class: 'columns' },
    panel('Summary', summary), panel('Saga', saga)),
  panel('Timeline', lanes), detail);
  const known = { order: null, saga: null, timeline: null };
  const pollers = [];
  const again = () => { for (const poller of pollers) poller.kick(); };

  const close = () => { detail.hidden = true; };
  const pick = (node) => {
    detail.hidden = false;
    const what = node.event
      ? drawDetail(node.event)
      : [h('h2', {}, 'A request'), h('p', {}, `${node.id} is on record in the log of ${node.log} `
        + 'and is no public fact: it asked for what follows from it.')];
    fill(detail, what, h('div', { class: 'acts' },
      h('button', { type: 'button', on: { click: close } }, 'Close')));
  };
  view.onKey((key) => {
    if (key !== 'Escape' || detail.hidden) return false;
    close();
    return true;
  });

  let drawnWidth = 0;
  const draw = () => {
    const events = known.timeline?.events ?? [];
    const named = new Map((known.saga?.history ?? []).map((event) => [event.id, event]));
    const nodes = nodesOf(events, named);
    drawnWidth = Math.max(300, lanes.clientWidth);
    return [
      events.length === 0 ? h('p', { class: 'empty' }, 'No event yet.')
        : drawLanes(nodes, drawnWidth, pick),
      events.length < mostEvents ? null
        : h('p', { class: 'note' }, `The first ${mostEvents} events.`),
      h('details', {}, h('summary', { data: { focus: 'as table' } }, 'The same as a table'),
        drawTable(events)),
    ];
  };
  new ResizeObserver(() => {
    if (known.timeline && Math.abs(lanes.clientWidth - drawnWidth) > 8) fill(lanes, draw());
  }).observe(lanes);

  pollers.push(
    view.poll(summary, async () => {
      known.order = await get(`/v1/orders/${path}`, view);
      return known.order;
    }, (order) => drawSummary(order, again)),
    view.poll(saga, async () => {
      known.saga = await sagaOf(path, view);
      // The timeline names what the saga's history tells of.
      if (known.timeline && known.saga) fill(lanes, draw());
      return known.saga;
    }, (found) => (found ? drawSaga(found, again)
      : h('p', { class: 'empty' }, 'There is no saga of this order.'))),
    view.poll(lanes, async () => {
      known.timeline = await get(`/v1/orders/${path}/timeline?limit=${mostEvents}`, view);
      return known.timeline;
    }, draw));
}

async function sagaOf(path, view) {
  try {
    return await get(`/v1/sagas/${path}`, view);
  } catch (error) {
    if (error instanceof Problem && error.code === 'order-not-found') return null;
    throw error;
  }
}

function drawSummary(order, again) {
  const pairs = [
    ['Status', [badge(order.status, meaning(order.status)),
      order.reason ? ` ${order.reason}` : '']],
    ['Total', money(order.total)],
    ['Customer', order.customer && h('a', { href: query('#/search', { q: order.customer }),
      data: { focus: 'customer' } }, order.customer)],
    ['Reference', order.reference && h('span', { class: 'mono' }, order.reference)],
    ['Placed', moment(order.placedAt)],
    ['Updated', moment(order.updatedAt)],
    ['Payment', order.payment && [badge(order.payment.status, meaning(order.payment.status)),
      order.payment.reason ? ` ${order.payment.reason}` : '']],
    ['Delivery', order.delivery && [badge(order.delivery.status, meaning(order.delivery.status)),
      ` stock ${order.delivery.reservation}`,
      order.delivery.reason ? `, ${order.delivery.reason}` : '',
      order.delivery.tracking ? [' ', h('span', { class: 'mono' }, order.delivery.tracking)] : '']],
    ['Shipping', order.shipping],
    ['Mails sent', count(order.mailsSent)],
  ];
  return [h('dl', { class: 'pairs' }, pairs.filter(([, what]) => what).map(([name, what]) => [
    h('dt', {}, name), h('dd', {}, what)])),
  h('details', {}, h('summary', { data: { focus: 'lines' } },
    plural((order.lines ?? []).length, 'line')),
  table([
    { name: 'SKU', cell: (line) => h('span', { class: 'mono' }, line.sku) },
    { name: 'Quantity', class: 'num', cell: (line) => count(line.quantity) },
    { name: 'Each', class: 'num', cell: (line) => money(line.unitPrice) },
    { name: 'Description', cell: (line) => line.description ?? '' },
  ], order.lines ?? [], { caption: 'Lines' })),
  h('div', { class: 'acts' }, h('button', { type: 'button', data: { focus: 'correct' },
    on: { click: () => correct(order, again) } }, 'Correct…'))];
}

function drawSaga(saga, again) {
  const pending = saga.pending;
  return [
    h('p', {}, badge(saga.state, meaning(saga.state)), ' ',
      pending ? `${pending.direction === 'undo' ? 'undoing ' : ''}“${pending.step}”, attempt `
        + `${pending.attempt}` : null,
      saga.stuck ? [' ', badge('stuck', 'bad')] : null,
      saga.isPastPivot ? [' ', h('span', { class: 'note' }, 'handed over: only forward')] : null,
      saga.dueAt ? [' due ', moment(saga.dueAt, { brief: true })] : null),
    saga.why ? h('p', { class: 'why' }, saga.why) : null,
    saga.reason ? h('p', { class: 'note' }, `Turned back: ${saga.reason}`) : null,
    table([
      { name: 'Step', cell: (step) => step.step },
      { name: 'Service', cell: (step) => h('span', { class: `lane ${step.service ?? ''}` },
        step.service ?? '–') },
      { name: 'State', cell: (step) => badge(step.state, meaning(step.state)) },
      { name: 'Attempts', class: 'num', cell: (step) => (step.attempts > 0
        ? count(step.attempts) : '–') },
      { name: 'At', class: 'wide', cell: (step) => moment(step.at) },
    ], saga.steps ?? [], { caption: 'Steps of the saga' }),
    (saga.parked ?? []).map((message) => h('p', { class: 'why' }, badge('parked', 'bad'),
      ` in ${message.service}: ${message.reason} `,
      h('a', { data: { focus: `parked ${message.position}` },
        href: query('#/parked', { service: message.service, key: saga.order }) }, 'Look'))),
    saga.silentServices?.length > 0 ? h('p', { class: 'why' },
      `${saga.silentServices.join(', ')} did not answer: what is parked there is unknown.`) : null,
    h('div', { class: 'acts' }, sagaActs(saga, again)),
  ];
}

function drawTable(events) {
  return table([
    { name: 'Event', class: 'mono', cell: (event) => event.id },
    { name: 'Type', cell: (event) => event.type },
    { name: 'Recorded', cell: (event) => moment(event.recordedAt) },
    { name: 'Actor', class: 'wide', cell: (event) => event.actor },
    { name: 'Cause', class: 'mono', cell: (event) => event.causationId ?? '–' },
  ], events, { caption: 'Events of the order' });
}
