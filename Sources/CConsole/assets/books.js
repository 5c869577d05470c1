// The books: every fact that was recorded is published and applied; money and goods balance.
import { get } from './api.js';
import { badge, h, moment, orderLink, panel, table } from './dom.js';
import { count, money } from './format.js';

export const title = 'Books';

export function show(view) {
  const slot = h('div', { class: 'results' });
  view.root.append(slot);
  view.poll(slot, () => get('/v1/accounts', view), draw, 5000);
}

const balance = (isBalanced) => badge(isBalanced ? 'balanced' : 'out of balance',
  isBalanced ? 'good' : 'bad');

function draw(books) {
  return [
    h('p', {}, balance(books.balanced), ' as of ', moment(books.at), ', ',
      books.ordersOutOfBalance > 0
        ? h('strong', {}, `${count(books.ordersOutOfBalance)} orders out of balance`)
        : 'no order out of balance'),
    panel('Alarms', drawAlarms(books.alarms ?? [])),
    panel('Hops: from log to reader', drawHops(books.hops ?? [])),
    h('div', { class: 'columns' },
      (books.money ?? []).map((book) => panel(`Money, ${book.currency}`,
        h('p', {}, balance(book.balanced)), drawAccounts(book.accounts ?? [], money,
          `Money accounts in ${book.currency}`))),
      books.stock ? panel('Stock', h('p', {}, balance(books.stock.balanced)),
        drawAccounts(books.stock.accounts ?? [], count, 'Stock accounts, in units')) : null),
  ];
}

function drawAlarms(alarms) {
  return table([
    { name: 'Book', cell: (alarm) => alarm.book },
    { name: 'Code', class: 'mono', cell: (alarm) => alarm.code },
    { name: 'What', class: 'reason', cell: (alarm) => alarm.detail },
    { name: 'Order', cell: (alarm) => (alarm.order ? orderLink(alarm.order) : '–') },
  ], alarms, { caption: 'Alarms of the books', empty: 'None.',
    row: () => ({ class: 'wrong' }) });
}

/** A row a reader; a channel that nobody reads has one too. */
function drawHops(hops) {
  const rows = hops.flatMap((hop) => {
    const readers = hop.readers?.length > 0 ? hop.readers : [null];
    return readers.map((reader) => ({ hop, reader }));
  });
  return table([
    { name: 'Channel', cell: ({ hop }) => h('span', { class: `lane ${hop.log}` },
      `${hop.log}/${hop.channel}`) },
    { name: 'Recorded', class: 'num', cell: ({ hop }) => count(hop.recorded) },
    { name: 'Published', class: 'num', cell: ({ hop }) => count(hop.published) },
    { name: 'Reader', cell: ({ reader }) => reader?.reader ?? '–' },
    { name: 'Applied', class: 'num', cell: ({ reader }) => count(reader?.applied) },
    { name: 'Waiting', class: 'num', cell: ({ reader }) => count(reader?.waiting) },
    { name: 'Parked', class: 'num', cell: ({ reader }) => count(reader?.parked) },
    { name: 'Hop', cell: ({ hop }) => balance(hop.balanced) },
  ], rows, { caption: 'Hops', empty: 'No hop is known.',
    row: ({ hop }) => ({ class: hop.balanced ? null : 'wrong' }) });
}

function drawAccounts(accounts, show, caption) {
  return table([
    { name: 'Account', cell: (account) => account.account },
    { name: 'Debit', class: 'num', cell: (account) => show(account.debit) },
    { name: 'Credit', class: 'num', cell: (account) => show(account.credit) },
    { name: 'Balance', class: 'num', cell: (account) => show(account.balance) },
  ], accounts, { caption, empty: 'No account has a line.' });
}
