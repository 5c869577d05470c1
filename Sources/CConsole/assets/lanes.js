// An order's events as lanes, a lane a service, time downwards, with an arrow from each cause to
// what came of it. A cause that is no public fact, such as the saga's request of a step, is drawn
// as an unnamed request in its own log's lane.
import { h, s } from './dom.js';
import { identity, span, timeOfDay } from './format.js';
import { logs } from './shop.js';

const rowHeight = 34;
const boxHeight = 24;
/** Below this width labels stand beside the lanes and not in them. */
const narrow = 760;

/**
 * The nodes in the order they are drawn in: each event, and before its effects each cause that is
 * none of them. `named` tells of events that are on record and not public, by identity.
 */
export function nodesOf(events, named = new Map()) {
  const known = new Set(events.map((event) => event.id));
  const nodes = events.map((event) => ({ ...identity(event.id), id: event.id, event,
    label: event.type, at: event.recordedAt, cause: event.causationId, isFact: true }));
  for (const event of events) {
    const cause = identity(event.causationId);
    if (!cause || known.has(event.causationId)) continue;
    known.add(event.causationId);
    const record = named.get(event.causationId);
    const step = event.data?.ref?.step;
    // Before what came of it, and before what its own log recorded later.
    let place = nodes.findIndex((node) => node.cause === event.causationId
      || (node.log === cause.log && node.epoch === cause.epoch && node.position > cause.position));
    if (record) {
      // Its time is known: it goes where that is, behind its own cause.
      const later = nodes.findIndex((node) => node.at > record.recordedAt);
      const behind = nodes.findIndex((node) => node.id === record.causationId) + 1;
      if (later >= 0) place = Math.min(place, Math.max(later, behind));
    }
    nodes.splice(place, 0, { ...cause, id: event.causationId, event: record ?? null,
      label: requestLabel(record, step, event.data?.ref), at: record?.recordedAt,
      cause: record?.causationId, isFact: false });
  }
  return nodes.filter((node) => logs.includes(node.log));
}

function requestLabel(record, step, reference) {
  if (!step) return record?.type ?? 'request';
  const undo = reference.direction === 'undo' ? 'undo ' : '';
  const again = reference.attempt > 1 ? `, attempt ${reference.attempt}` : '';
  return `${undo}${step}${again}`;
}

/** The picture, as wide as it is told. `pick(node)` is called with the node that is chosen. */
export function drawLanes(nodes, width, pick) {
  const plan = width < narrow ? compact(width) : spacious(width);
  const rows = placed(nodes);
  const height = plan.top + (rows.at(-1)?.y ?? 0) + rowHeight;
  const picture = s('svg', { class: 'lanes', width, height, viewBox: `0 0 ${width} ${height}`,
    role: 'group', 'aria-label': 'Events by service, in the order of time' },
  s('defs', {}, s('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 8,
    markerHeight: 8, markerUnits: 'userSpaceOnUse', orient: 'auto-start-reverse' },
  s('path', { d: 'M0 0.5 8 4 0 7.5z' }))));
  logs.forEach((log, at) => picture.append(plan.lane(log, at, height)));
  const byID = new Map(rows.map((row) => [row.id, row]));
  for (const row of rows) {
    const cause = byID.get(row.cause);
    if (cause && cause.y < row.y) {
      picture.append(s('path', { class: 'wire', d: plan.wire(cause, row),
        'marker-end': 'url(#arrow)', data: { from: cause.id, to: row.id } }));
    }
  }
  for (const row of rows) picture.append(node(row, rows[0], plan, pick, picture));
  return h('div', { class: 'lanes-box' }, picture);
}

/** Gives each node its height; a pause of a second or more is seen as a gap. */
function placed(nodes) {
  let y = 0;
  let before = null;
  return nodes.map((node) => {
    const pause = before && node.at ? Date.parse(node.at) - Date.parse(before) : 0;
    const gap = pause >= 1000 ? pause : 0;
    if (gap) y += 20;
    const row = { ...node, y, gap };
    y += rowHeight;
    before = node.at ?? before;
    return row;
  });
}

function node(row, first, plan, pick, picture) {
  const since = row.at ? sinceFirst(row, first) : '';
  const what = row.isFact ? row.label : `request: ${row.label}`;
  const act = () => {
    for (const other of picture.querySelectorAll('.node')) other.classList.remove('chosen');
    group.classList.add('chosen');
    pick(row);
  };
  const mark = (isOn) => {
    for (const wire of picture.querySelectorAll('.wire')) {
      const isMine = wire.dataset.from === row.id || wire.dataset.to === row.id;
      wire.classList.toggle('on', isOn && isMine);
    }
  };
  const group = s('g', { class: `node ${row.log} ${row.isFact ? 'fact' : 'request'}`, tabindex: 0,
    role: 'button', data: { focus: `node ${row.id}`, id: row.id },
    'aria-label': `${row.log}: ${what}, ${row.id}${since ? `, ${since}` : ''}`
      + `${row.cause ? `, caused by ${row.cause}` : ''}`,
    on: { click: act, pointerenter: () => mark(true), pointerleave: () => mark(false),
      focus: () => mark(true), blur: () => mark(false),
      keydown: (event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        act();
      } } },
  s('title', {}, `${row.id}  ${what}${row.at ? `\n${row.at}` : ''}`), plan.node(row, since));
  return group;
}

function sinceFirst(row, first) {
  if (!first?.at) return timeOfDay(row.at);
  return `+${span(Math.max(0, Date.parse(row.at) - Date.parse(first.at)))}`;
}

/** Cuts a text to a width; about, as it is not measured. */
function cut(text, width, perCharacter = 6.7) {
  const room = Math.max(4, Math.floor(width / perCharacter));
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`;
}

/** Boxes with their names in the lanes, and the time at the left. */
function spacious(width) {
  const times = 104;
  const top = 34;
  const lane = (width - times) / logs.length;
  const gap = 15;
  const box = lane - 2 * gap;
  const left = (row) => times + logs.indexOf(row.log) * lane + gap;
  const middle = (row) => top + row.y + rowHeight / 2;
  return {
    top,
    lane: (log, at, height) => s('g', { class: `lane-of ${log}`, 'aria-hidden': 'true' },
      s('rect', { x: times + at * lane + 2, y: 0, width: lane - 4, height, rx: 4,
        class: 'ground' }),
      s('text', { x: times + at * lane + lane / 2, y: 20, 'text-anchor': 'middle' }, log)),
    wire(from, to) {
      const [a, b] = [middle(from), middle(to)];
      if (from.log === to.log) {
        const x = left(from);
        if (b - a <= rowHeight + 20) {
          const centre = x + box / 2;
          return `M${centre} ${a + boxHeight / 2}V${b - boxHeight / 2}`;
        }
        return `M${x} ${a}C${x - 16} ${a} ${x - 16} ${b} ${x - 1} ${b}`;
      }
      const isRight = left(to) > left(from);
      const [x, end] = isRight ? [left(from) + box, left(to) - 1]
        : [left(from), left(to) + box + 1];
      const bend = isRight ? 22 : -22;
      return `M${x} ${a}C${x + bend} ${a} ${end - bend} ${b} ${end} ${b}`;
    },
    node(row, since) {
      const [x, y] = [left(row), middle(row)];
      const isLong = row.label.length * 6.7 > box - 16;
      const text = isLong ? row.label.replace(/^[a-z]+\./, '') : row.label;
      return [
        row.gap ? s('text', { x: times - 12, y: y - 28, class: 'gap', 'text-anchor': 'end' },
          `${span(row.gap)} later`) : null,
        s('text', { x: times - 12, y: y + 4, class: 'since', 'text-anchor': 'end' }, since),
        s('rect', { x, y: y - boxHeight / 2, width: box, height: boxHeight, rx: 4, class: 'box' }),
        s('text', { x: x + box / 2, y: y + 4, 'text-anchor': 'middle' }, cut(text, box - 12)),
      ];
    },
  };
}

/** Dots in narrow lanes, their names beside them. */
function compact(width) {
  const lane = 24;
  const top = 8;
  const labels = logs.length * lane + 10;
  const centre = (row) => logs.indexOf(row.log) * lane + lane / 2;
  const middle = (row) => top + row.y + rowHeight / 2;
  return {
    top,
    lane: (log, at, height) => s('g', { class: `lane-of ${log}`, 'aria-hidden': 'true' },
      s('rect', { x: at * lane + 1, y: 0, width: lane - 2, height, rx: 4, class: 'ground' })),
    wire(from, to) {
      const [x, a, end, b] = [centre(from), middle(from) + 5, centre(to), middle(to) - 7];
      if (from.log === to.log) return `M${x} ${a}V${b}`;
      return `M${x} ${a}C${x} ${a + 14} ${end} ${b - 14} ${end} ${b}`;
    },
    node(row, since) {
      const y = middle(row);
      return [
        s('rect', { x: 0, y: y - 16, width, height: 32, class: 'touch' }),
        s('circle', { cx: centre(row), cy: y, r: 5.5, class: 'box' }),
        s('text', { x: labels, y: y - 1 }, cut(row.label, width - labels, 6.9)),
        s('text', { x: labels, y: y + 12, class: 'since' },
          `${row.log}${since ? `, ${since}` : ''}`),
      ];
    },
  };
}
