// How far each reader is behind each of its sources.
import { h, panel, renew, sparkline, table } from './dom.js';
import { count, span } from './format.js';
import { shop } from './shop.js';

export const title = 'Lag';

export function show(view) {
  const slot = h('div');
  view.root.append(panel('Readers by source', slot, h('p', { class: 'note' },
    'A quiet source says once a second up to when all is read: up to about a second behind with no '
    + 'event waiting is how it is at rest. Events are counted in the source’s log, whether they '
    + 'are for this reader or not.')));
  view.onStatus((status) => renew(slot, draw(status.consumers ?? [])));
}

function draw(consumers) {
  const isLate = (c) => c.behindMilliseconds >= 10_000 && c.behindEvents > 0;
  return table([
    { name: 'Reader', cell: (c) => c.consumer },
    { name: 'Source', cell: (c) => h('span', { class: `lane ${c.source.split('/')[0]}` },
      c.source) },
    { name: 'Behind, events', class: 'num', cell: (c) => count(c.behindEvents) },
    { name: 'Behind, time', class: 'num', cell: (c) => span(c.behindMilliseconds) },
    { name: 'Read to', class: 'num wide', cell: (c) => count(c.position) },
    { name: 'Last minutes', class: 'wide', cell: (c) => sparkline(
      shop.values(`lag/${c.consumer}/${c.source}`), { width: 140, height: 20, least: 5000 }) },
  ], consumers, { caption: 'Readers by source', empty: 'No reader is seen.',
    row: (c) => ({ class: isLate(c) ? 'wrong' : null }) });
}
