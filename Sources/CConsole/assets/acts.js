// What an operator does to an order's saga. Each act asks who and why, says what will happen, and
// is on record in the order's log.
import { post } from './api.js';
import { h } from './dom.js';
import { ask, field } from './dialog.js';
import { tell } from './view.js';

/** The steps of a checkout, as the page tells of them. One that it does not know has its name. */
const steps = {
  'reserve stock': { does: 'reserves the lines in stock', undo: 'release the reserved stock' },
  'authorize payment': { does: 'has the amount held on the card', undo: 'void the authorization' },
  'confirm order': { does: 'records the order as confirmed' },
  pack: { does: 'packs the parcel', undo: 'unpack the parcel' },
  'hand over': { does: 'gives the parcel to the carrier', undo: 'recall the parcel' },
  'capture payment': { does: 'takes the money' },
  'complete order': { does: 'records the order as completed' },
};

const does = (step) => steps[step]?.does ?? `does “${step}”`;
const ended = ['completed', 'compensated'];

/** The buttons for a saga as `/v1/sagas/{order}` shows it; none where it has ended. */
export function sagaActs(saga, done) {
  if (ended.includes(saga.state)) {
    return h('span', { class: 'note' }, 'It has ended: no act is left.');
  }
  const button = (text, act, why) => h('button', { type: 'button',
    data: { focus: `act ${text}` }, disabled: Boolean(why), title: why || null,
    on: { click: () => act(saga, done) } }, `${text}…`);
  const idle = saga.pending ? '' : 'No step is pending.';
  const forward = saga.isPastPivot ? 'The parcel is handed over: it only goes forward.' : '';
  const back = saga.pending?.direction === 'undo' ? 'It goes back already.' : '';
  return [
    button('Retry', retry, idle),
    button('Skip', skip, idle),
    button('Compensate', compensate, idle || back || forward),
  ];
}

/** Where the pending step is carried out, as far as the list of steps says it. */
function serviceOf(saga) {
  return saga.steps?.find((step) => step.step === saga.pending?.step)?.service
    ?? 'the service of the step';
}

function retry(saga, done) {
  const { step, direction, attempt } = saga.pending;
  const what = direction === 'undo' ? `to undo “${step}”` : `for “${step}”`;
  return act(saga, done, 'retry', `Retry “${step}”`, [
    `Asks ${serviceOf(saga)} ${what} again now, as attempt ${attempt + 1}.`,
    'An answer that still comes to an older attempt is passed over. Who has done the step already '
    + 'answers so, and does it no second time.']);
}

function skip(saga, done) {
  const { step, direction } = saga.pending;
  const known = saga.steps ?? [];
  const at = known.findIndex((one) => one.step === step);
  if (direction === 'undo') {
    const before = known.slice(0, Math.max(at, 0)).filter((one) => steps[one.step]?.undo
      && one.state === 'done').at(-1);
    return act(saga, done, 'skip', `Skip undoing “${step}”`, [
      `Goes on as if “${step}” were undone: what it did stays done, unless you undo it by hand.`,
      before ? `Next it undoes “${before.step}”.` : 'Then the order ends.']);
  }
  const next = known[at + 1];
  return act(saga, done, 'skip', `Skip “${step}”`, [
    `Goes on as if “${step}” were done. ${serviceOf(saga)} is asked no more; what otherwise `
    + `${does(step)} does not happen, unless it happened already or you do it by hand.`,
    next ? `Next comes “${next.step}”, which ${does(next.step)}.` : 'Then the order ends.']);
}

function compensate(saga, done) {
  const touched = ['done', 'pending', 'skipped'];
  const undone = (saga.steps ?? []).filter((one) => touched.includes(one.state)
    && steps[one.step]?.undo).reverse();
  return act(saga, done, 'compensate', 'Compensate: undo the order', [
    'Turns the saga back for good: the customer gets nothing and pays nothing. The reason that the '
    + 'order ends with, and the customer is told, is what you say under why.',
    undone.length === 0 ? 'Nothing was done that is to be undone.'
      : ['It will:', h('ol', {}, undone.map((one) => h('li', {}, steps[one.step].undo)))]]);
}

function act(saga, done, name, title, effects) {
  // The others are about whatever is pending.
  const step = name === 'skip' ? { step: saga.pending.step } : {};
  return ask({ title, effects: [...effects,
    'The act, who did it and why are on record in the order’s timeline.'],
  confirm: title.split(' ')[0].replace(/:$/, ''),
  async act({ by, why }) {
    const answer = await post(`/v1/sagas/${encodeURIComponent(saga.order)}/acts`, {
      act: name, ...step, by, why });
    tell(`Done: ${name}, on record as `, h('span', { class: 'mono' }, answer.event), '.');
    done();
  } });
}

/** Changes what an order says of its customer. */
export function correct(order, done) {
  const fields = [
    field('customer', 'Customer', order.customer ?? ''),
    field('contact', 'Contact (is not shown; empty leaves it as it is)', ''),
  ];
  const before = { customer: order.customer ?? '', contact: '' };
  const changes = () => Object.fromEntries(fields
    .map((f) => [f.input.name, f.input.value.trim()])
    .filter(([name, value]) => value !== before[name] && value !== ''));
  return ask({ title: 'Correct the order', fields, confirm: 'Correct', effects: [
    'Only what you change is sent. Lines, prices, the reference and payments stay as they are.',
    'The correction, who made it and why are on record in the order’s timeline.'],
  check: () => (Object.keys(changes()).length === 0 ? 'Nothing is changed yet.' : null),
  async act({ by, why }) {
    const answer = await post(`/v1/orders/${encodeURIComponent(order.id)}/corrections`,
      { ...changes(), by, why });
    tell('Corrected, on record as ', h('span', { class: 'mono' }, answer.event), '.');
    done();
  } });
}
