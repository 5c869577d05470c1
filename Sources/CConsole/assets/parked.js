// Messages that a service could not apply, and those that wait behind them: see why, then retry,
// edit or discard. A dry run comes first.
import { get, post, query } from './api.js';
import { fill, h, moment, orderLink, panel, renew, table } from './dom.js';
import { ask, field } from './dialog.js';
import { plural, pretty } from './format.js';
import { logs, shop } from './shop.js';
import { tell } from './view.js';

export const title = 'Parked';

const pageLength = 50;

export function show(view) {
  const fullest = () => logs.find((log) => waitingIn(log) > 0) ?? 'payments';
  const filter = { service: view.query.get('service') ?? fullest(),
    source: view.query.get('source') ?? '', key: view.query.get('key') ?? '' };
  if (!logs.includes(filter.service)) filter.service = fullest();
  const tabs = h('div', { class: 'tabs', role: 'group', 'aria-label': 'Service' });
  const list = h('div');
  const detail = h('section', { class: 'panel detail', 'aria-label': 'The message', hidden: true });
  let cursors = [];
  let cursor;
  let poller = null;
  const restart = () => {
    [cursors, cursor] = [[], undefined];
    detail.hidden = true;
    view.setQuery(filter);
    drawTabs();
    view.clear(list);
    poller.kick();
  };
  const drawTabs = () => renew(tabs, logs.map((log) => h('button', { type: 'button',
    'aria-pressed': String(log === filter.service), data: { focus: `tab ${log}` },
    on: { click: () => {
      filter.service = log;
      restart();
    } } }, log, ' ', h('span', { class: 'num' }, String(waitingIn(log))))));
  const input = (name, label) => {
    const made = h('input', { id: `by-${name}`, type: 'search', value: filter[name],
      autocomplete: 'off', spellcheck: 'false', placeholder: label, maxlength: 128,
      on: { change: () => {
        filter[name] = made.value.trim();
        restart();
      } } });
    return [h('label', { for: `by-${name}`, class: 'unseen' }, label), made];
  };
  view.root.append(tabs, h('div', { class: 'bar' },
    input('source', 'source, as orders/to-payments'), input('key', 'key, an order’s id')),
  h('div', { class: 'split' }, panel('Messages', list), detail));
  const asked = () => JSON.stringify([filter, cursor]);
  const choose = (message) => {
    detail.hidden = false;
    fill(detail, drawMessage(message, filter.service, () => {
      detail.hidden = true;
      poller.kick();
    }, () => { detail.hidden = true; }));
    detail.querySelector('button')?.focus({ preventScroll: true });
  };
  view.onKey((key) => {
    if (key !== 'Escape' || detail.hidden) return false;
    detail.hidden = true;
    return true;
  });
  const turn = (text, isThere, go) => h('button', { type: 'button', disabled: !isThere,
    data: { focus: text }, on: { click: () => {
      go();
      poller.kick();
    } } }, text);
  view.onStatus(drawTabs);
  poller = view.poll(list, async () => {
    const before = asked();
    const answer = await get(query('/v1/parked', { ...filter, limit: pageLength, cursor }), view);
    if (before !== asked()) {
      setTimeout(() => poller.kick(), 0);
      throw new DOMException('asked anew', 'AbortError');
    }
    return answer;
  }, (answer) => [drawMessages(answer.messages ?? [], choose), h('div', { class: 'acts' },
    turn('Before', cursors.length > 0, () => { cursor = cursors.pop(); }),
    turn('Next', answer.next, () => {
      cursors.push(cursor);
      cursor = answer.next;
    }), h('span', { class: 'note' }, `page ${cursors.length + 1}`))], 2000);
  drawTabs();
}

function waitingIn(log) {
  return shop.status?.parts?.find((part) => part.part === log)?.parkedMessages ?? 0;
}

function drawMessages(messages, choose) {
  return table([
    { name: 'Message', cell: (m) => h('button', { type: 'button', class: 'link mono',
      data: { focus: `message ${m.source} ${m.position}` }, on: { click: () => choose(m) } },
    m.id) },
    { name: 'Source', class: 'wide', cell: (m) => m.source },
    { name: 'Key', class: 'mono long wide', cell: (m) => m.key },
    { name: 'Type', class: 'wide', cell: (m) => m.type },
    { name: 'Reason', class: 'reason', cell: (m) => m.reason },
    { name: 'Since', cell: (m) => moment(m.at, { brief: true }) },
  ], messages, { caption: 'Parked messages', empty: 'Nothing is parked here.' });
}

function drawMessage(message, service, done, close) {
  const button = (text, act) => h('button', { type: 'button', data: { focus: `parked ${text}` },
    on: { click: () => act(message, service, done) } }, `${text}…`);
  return [h('h2', {}, message.type),
    h('p', { class: 'why' }, message.reason),
    h('dl', { class: 'pairs' }, [
      ['Message', h('span', { class: 'mono' }, message.id)],
      ['Source', `${message.source}, position ${message.position}`],
      ['Key', orderLink(message.key)],
      ['Parked', moment(message.at)],
    ].map(([name, what]) => [h('dt', {}, name), h('dd', {}, what)])),
    h('pre', { tabindex: 0, 'aria-label': 'Data' }, pretty(message.data)),
    h('div', { class: 'acts' }, button('Retry', retry), button('Edit', edit),
      button('Discard', discard),
      h('button', { type: 'button', on: { click: close } }, 'Close'))];
}

/** Sends an act. `data`, where given, is JSON's text and goes as it was written. */
async function send(service, members, { by, why }, dryRun, data) {
  const plain = JSON.stringify({ ...members, by, why, dryRun });
  const body = data === undefined ? plain : `${plain.slice(0, -1)},"data":${data}}`;
  return post(`/v1/parked/${encodeURIComponent(service)}/acts`, body);
}

function says(answer) {
  const would = answer.dryRun ? 'would be' : 'were';
  return [h('p', {}, `${plural(answer.applied ?? 0, 'message')} ${would} settled, `
    + `${plural(answer.left ?? 0, 'message')} of this key left.`),
  answer.stopped ? h('p', { class: 'why' },
    `It stops at position ${answer.stopped.position}: ${answer.stopped.reason}`) : null];
}

function act(service, done, { title, confirm, members, effects, fields, check, data }) {
  ask({ title, confirm, effects: [...effects,
    'A dry run changes nothing and says what the act would do. The act, who did it and why are on '
    + 'record in the service’s log.'], fields, check,
  rehearse: async (values) => says(await send(service, members, values, true, data?.())),
  async act(values) {
    const answer = await send(service, members, values, false, data?.());
    tell(says(answer), answer.event ? ['On record as ', h('span', { class: 'mono' }, answer.event),
      '.'] : null);
    done();
  } });
}

function retry(message, service, done) {
  act(service, done, { title: 'Retry this key', confirm: 'Retry',
    members: { act: 'retry', source: message.source, key: message.key },
    effects: [`Gives ${service} the parked messages of ${message.key} from ${message.source} `
      + 'again, in their order, up to the first that still cannot be applied.'] });
}

function discard(message, service, done) {
  act(service, done, { title: 'Discard this message', confirm: 'Discard',
    members: { act: 'discard', source: message.source, key: message.key,
      position: message.position },
    effects: [`${service} will never apply ${message.id} (${message.type}). It must be the first `
      + 'of its key. Those behind it stay parked until they are retried. The fact itself stays in '
      + 'the log of its source.'] });
}

function edit(message, service, done) {
  const text = field('data', 'Data (JSON)', pretty(message.data), { rows: 12, isRequired: true });
  const fault = h('p', { class: 'fault', 'aria-live': 'polite' });
  const judge = () => {
    try {
      const value = JSON.parse(text.input.value);
      return value !== null && typeof value === 'object' && !Array.isArray(value)
        ? null : 'Data must be a JSON object.';
    } catch (error) {
      return `This is no JSON yet: ${error.message}`;
    }
  };
  text.input.addEventListener('input', () => {
    const found = judge();
    fault.textContent = found ?? '';
    text.input.setAttribute('aria-invalid', String(found !== null));
  });
  text.row.append(fault);
  act(service, done, { title: 'Edit this message', confirm: 'Edit', fields: [text], check: judge,
    members: { act: 'edit', source: message.source, key: message.key, position: message.position },
    data: () => text.input.value,
    effects: [`Replaces the data of ${message.id} as ${service} is given them. It stays parked `
      + 'until its key is retried. What its source recorded stays as it was.'] });
}
