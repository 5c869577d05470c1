// The sagas that are under way: how many at which step, which are stuck, and acts on each.
import { get, query } from './api.js';
import { badge, fill, h, meaning, moment, orderLink, panel, table } from './dom.js';
import { count } from './format.js';
import { sagaActs } from './acts.js';
import { problem } from './view.js';

export const title = 'Sagas';

const pageLength = 50;

export function show(view) {
  const [steps, list] = [h('div'), h('div')];
  const filter = { stuck: view.query.get('stuck') === 'true', step: view.query.get('step') ?? '' };
  let cursors = [];
  let cursor;
  let poller = null;
  const stuck = h('input', { type: 'checkbox', id: 'stuck' });
  stuck.checked = filter.stuck;
  const restart = () => {
    [cursors, cursor] = [[], undefined];
    view.setQuery(filter);
    view.clear(list);
    poller.kick();
  };
  stuck.addEventListener('change', () => {
    filter.stuck = stuck.checked;
    restart();
  });
  const only = h('span', { class: 'note' });
  const chosen = () => fill(only, filter.step === '' ? 'all steps'
    : [`only “${filter.step}” `,
      h('button', { type: 'button', on: { click: () => choose('') } }, 'All steps')]);
  const choose = (step) => {
    filter.step = step;
    chosen();
    restart();
  };
  chosen();
  const turn = (text, id, isThere, go) => h('button', { type: 'button', disabled: !isThere,
    data: { focus: id }, on: { click: () => {
      go();
      poller.kick();
    } } }, text);
  view.root.append(panel('By step', steps), panel('Orders', h('div', { class: 'bar' },
    h('label', { for: 'stuck' }, stuck, ' Stuck only'), only), list));
  // One answer has both: the counts by step are of all, whatever the list is filtered by.
  poller = view.poll(list, async () => {
    const asked = JSON.stringify([filter, cursor]);
    const answer = await get(query('/v1/sagas', { stuck: filter.stuck ? true : '',
      step: filter.step, limit: pageLength, cursor }), view);
    fill(steps, drawSteps(answer.steps ?? [], choose));
    // What was asked before the filter changed is no answer to it.
    if (asked !== JSON.stringify([filter, cursor])) {
      setTimeout(() => poller.kick(), 0);
      throw new DOMException('asked anew', 'AbortError');
    }
    return answer;
  }, (answer) => [drawSagas(answer.sagas ?? [], view, () => poller.kick()),
    h('div', { class: 'acts' },
      turn('Before', 'before', cursors.length > 0, () => { cursor = cursors.pop(); }),
      turn('Next', 'next', answer.next, () => {
        cursors.push(cursor);
        cursor = answer.next;
      }), h('span', { class: 'note' }, `page ${cursors.length + 1}`))], 2000);
}

function drawSteps(steps, choose) {
  return table([
    { name: 'Step', cell: (step) => h('button', { type: 'button', class: 'link',
      data: { focus: `step ${step.step} ${step.direction}` },
      on: { click: () => choose(step.step) } },
    `${step.direction === 'undo' ? 'undo ' : ''}${step.step}`) },
    { name: 'Open', class: 'num', cell: (step) => count(step.open) },
    { name: 'Stuck', class: 'num', cell: (step) => (step.stuck > 0
      ? badge(count(step.stuck), 'bad') : count(step.stuck)) },
    { name: 'Oldest', cell: (step) => moment(step.oldestAt) },
  ], steps, { caption: 'Sagas by step', empty: 'No saga is under way.' });
}

function drawSagas(sagas, view, again) {
  return table([
    { name: 'Order', cell: (saga) => orderLink(saga.order) },
    { name: 'State', cell: (saga) => [badge(saga.state, meaning(saga.state)),
      saga.stuck ? [' ', badge('stuck', 'bad')] : null] },
    { name: 'Step', cell: (saga) => (saga.step
      ? `${saga.direction === 'undo' ? 'undo ' : ''}${saga.step}` : '–') },
    { name: 'Attempt', class: 'num wide', cell: (saga) => count(saga.attempt) },
    { name: 'Due', class: 'wide', cell: (saga) => moment(saga.dueAt) },
    { name: 'Why', class: 'reason wide', cell: (saga) => saga.why ?? '' },
    { name: 'Acts', cell: (saga) => h('button', { type: 'button',
      data: { focus: `acts ${saga.order}` },
      on: { click: (event) => openActs(event.currentTarget, saga.order, view, again) } },
    'Acts…') },
  ], sagas, { caption: 'Orders with a saga under way', empty: 'No such saga.',
    row: (saga) => ({ class: saga.stuck ? 'wrong' : null }) });
}

/** The acts need to know more of the saga than a list tells: it is asked for first. */
async function openActs(button, order, view, again) {
  const dialog = h('dialog', { 'aria-labelledby': 'acts-title' },
    h('h2', { id: 'acts-title' }, 'Acts on ', h('span', { class: 'mono' }, order)));
  const place = h('div', {}, 'Asking …');
  dialog.append(place, h('form', { method: 'dialog', class: 'acts' }, h('button', {}, 'Close')));
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (button.isConnected) button.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  try {
    const saga = await get(`/v1/sagas/${encodeURIComponent(order)}`, view);
    const acts = [sagaActs(saga, again)].flat();
    for (const act of acts) act.addEventListener('click', () => dialog.close());
    fill(place, saga.why ? h('p', { class: 'why' }, saga.why) : null,
      h('div', { class: 'acts' }, acts));
    place.querySelector('button:not([disabled])')?.focus();
  } catch (error) {
    if (error.name !== 'AbortError') fill(place, problem(error));
  }
}
