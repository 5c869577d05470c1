// What is wrong, and what to do about it: rules over what the shop says of itself.
import { count, plural, span } from './format.js';
import { parkedIn, shop } from './shop.js';

/** Behind by more than this is worth a look; by more than the second it is wrong. */
const slow = 10_000;
const stuckBehind = 60_000;

/** What needs somebody, worst first: `{ level, what, todo, href }`. */
export function alarms() {
  const { status } = shop;
  if (!status) return [];
  const found = [...ofParts(status), ...ofShop(status), ...ofSagas(), ...ofBooks()];
  const order = ['bad', 'warn'];
  return found.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
}

function ofParts(status) {
  const found = [];
  for (const part of status.parts ?? []) {
    if (part.logHalted) {
      found.push({ level: 'bad', what: `The log of ${part.part} writes no more.`,
        todo: 'Run shopctl doctor: it says why. Put the files back as they were, or restore a '
          + 'backup and run shopctl epoch open.' });
    }
    if (!['up', 'elsewhere'].includes(part.state) && !(part.state === 'halted' && part.logHalted)) {
      const isStarting = part.state === 'starting';
      found.push({ level: isStarting ? 'warn' : 'bad', what: `${part.part} is ${part.state}.`,
        todo: isStarting ? 'It should be up within seconds.'
          : 'What needs it waits, and no order is cancelled for it. Mend what it complains of '
            + 'in its own output, then start it again.' });
    } else if (part.calls && part.calls.breaker !== 'closed') {
      found.push({ level: 'warn', what: `Calls to ${part.part} are held back.`,
        todo: 'It did not answer lately; one call at a time tries. Look at its output if it '
          + 'lasts.' });
    }
  }
  return found;
}

function ofShop(status) {
  const found = [];
  if (status.intakeStopped) {
    found.push({ level: 'bad', what: 'New orders and goods are refused.', href: '#/lag',
      todo: 'The disk is nearly full, or too much waits: make room, or see which reader is '
        + 'behind. It goes on by itself.' });
  }
  if (status.status !== 'ready') {
    found.push({ level: 'warn', what: 'Reads are not to be trusted yet.', href: '#/lag',
      todo: 'The rows that reads are answered from have not caught up; GET /readyz says why.' });
  }
  const parked = parkedIn(status);
  if (parked > 0) {
    found.push({ level: 'warn', href: '#/parked',
      what: `${plural(parked, 'message')} parked: their orders wait.`,
      todo: 'See why each could not be applied, then retry, edit or discard.' });
  }
  for (const c of status.consumers ?? []) {
    if (c.behindMilliseconds < slow || c.behindEvents === 0) continue;
    found.push({ level: c.behindMilliseconds >= stuckBehind ? 'bad' : 'warn', href: '#/lag',
      what: `${c.consumer} is ${span(c.behindMilliseconds)} behind ${c.source}.`,
      todo: `${plural(c.behindEvents, 'event')} wait. A burst is worked off by itself; a reader `
        + 'that stands still is named in the output of its part.' });
  }
  return found;
}

function ofSagas() {
  const stuck = (shop.sagas?.steps ?? []).filter((step) => step.stuck > 0);
  return stuck.map((step) => ({ level: 'warn',
    what: `${plural(step.stuck, 'order')} stuck at “${step.step}”`
      + `${step.direction === 'undo' ? ', going back' : ''}.`,
    href: `#/sagas?stuck=true&step=${encodeURIComponent(step.step)}`,
    todo: 'See why, then retry, skip or compensate.' }));
}

function ofBooks() {
  const accounts = shop.accounts;
  const found = (accounts?.alarms ?? []).slice(0, 5).map((alarm) => ({ level: 'bad',
    what: `Books of ${alarm.book}: ${alarm.detail}`, href: '#/books',
    todo: alarm.order ? `Look at order ${alarm.order}.` : `Its code is ${alarm.code}.` }));
  const more = (accounts?.alarms ?? []).length - found.length;
  if (more > 0) {
    found.push({ level: 'bad', what: `${count(more)} more alarms of the books.`, href: '#/books',
      todo: 'The list is there.' });
  }
  return found;
}
