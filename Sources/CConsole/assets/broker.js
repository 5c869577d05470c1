// What the broker holds of each stream. It is a window on the logs and may lose all of it.
import { h, panel, renew, s, table } from './dom.js';
import { bytes, count } from './format.js';

export const title = 'Broker';

export function show(view) {
  const slot = h('div');
  view.root.append(panel('Streams', slot, h('p', { class: 'note' },
    'The broker is a bounded window on the logs: what is missing in it is read from the logs '
    + 'themselves.')));
  view.onStatus((status) => renew(slot, draw(status.streams ?? [])));
}

function draw(streams) {
  const most = Math.max(1, ...streams.map((stream) => stream.bytes));
  return table([
    { name: 'Stream', cell: (stream) => h('span', { class: 'mono' }, stream.stream) },
    { name: 'Messages', class: 'num', cell: (stream) => count(stream.messages) },
    { name: 'Size', class: 'num', cell: (stream) => bytes(stream.bytes) },
    { name: 'Bytes', class: 'num wide', cell: (stream) => count(stream.bytes) },
    { name: 'Share', class: 'wide', cell: (stream) => bar(stream.bytes / most) },
  ], streams, { caption: 'Streams of the broker', empty: 'The broker tells of no stream.' });
}

function bar(share) {
  return s('svg', { class: 'meter', width: 140, height: 10, 'aria-hidden': 'true' },
    s('rect', { class: 'all', width: 140, height: 10, rx: 2 }),
    s('rect', { class: 'part', width: Math.max(1, 140 * share), height: 10, rx: 2 }));
}
