// The dialog that every act goes through: what will happen, who does it, why.
import { fill, h } from './dom.js';
import { problem } from './view.js';

/** Who acted last in this browser; nothing else is kept. */
function lastName() {
  try {
    return localStorage.getItem('kassa.by') ?? '';
  } catch {
    return '';
  }
}

function keepName(name) {
  try {
    localStorage.setItem('kassa.by', name);
  } catch {
    // Then it is asked for again.
  }
}

let made = 0;

/** A labelled field: `{ row, input }`. */
export function field(name, label, value, { rows, isRequired = false, maximum = 200 } = {}) {
  made += 1;
  const id = `field-${made}`;
  const shared = { id, name, required: isRequired, spellcheck: 'false', autocomplete: 'off' };
  const input = rows ? h('textarea', { ...shared, rows }) : h('input', { ...shared,
    maxlength: maximum });
  input.value = value;
  return { input, row: h('div', { class: 'field' }, h('label', { for: id }, label), input) };
}

/**
 * Asks, and acts where that is confirmed; the dialog closes when the act has gone well, and shows
 * what the shop says where it has not.
 *
 *   effects   what will happen: texts, or nodes
 *   fields    more fields, above who and why
 *   check()   why it cannot be confirmed yet; null where it can
 *   rehearse(values)   where given, must have gone well with the same input before the act: gives
 *             nodes that say what the act would do
 *   act(values)   values are `{ by, why }`
 */
export function ask({ title, effects = [], fields = [], confirm, check = () => null, rehearse,
  act }) {
  const by = field('by', 'Who', lastName(), { isRequired: true, maximum: 64 });
  const why = field('why', 'Why', '', { isRequired: true, maximum: 500 });
  const outcome = h('div', { class: 'outcome', 'aria-live': 'polite' });
  const go = h('button', { type: 'submit', class: 'primary' }, confirm);
  const dry = rehearse ? h('button', { type: 'button', on: { click: () => run(true) } }, 'Dry run')
    : null;
  const form = h('form', { on: { submit: (event) => {
    event.preventDefault();
    run(false);
  }, input: () => {
    // What was rehearsed is what may be done.
    rehearsed = null;
    update();
  } } }, h('h2', { id: 'dialog-title' }, title),
  effects.map((text) => h(typeof text === 'string' ? 'p' : 'div', {}, text)),
  fields.map((f) => f.row), by.row, why.row, outcome,
  h('div', { class: 'acts' }, dry, go, h('button', { type: 'button',
    on: { click: () => dialog.close() } }, 'Cancel')));
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' }, form);
  const opener = document.activeElement;
  const focusKey = opener?.dataset?.focus;
  let rehearsed = null;
  let isBusy = false;

  const input = () => JSON.stringify([...fields.map((f) => f.input.value), by.input.value,
    why.input.value]);

  function update() {
    go.disabled = isBusy || (rehearse !== undefined && rehearsed !== input());
    if (dry) dry.disabled = isBusy;
  }

  async function run(isDry) {
    if (isBusy || !form.reportValidity()) return;
    const refusal = check();
    if (refusal) {
      fill(outcome, h('div', { class: 'problem' }, refusal));
      return;
    }
    isBusy = true;
    update();
    const values = { by: by.input.value.trim(), why: why.input.value.trim() };
    const asked = input();
    try {
      if (isDry) {
        fill(outcome, await rehearse(values));
        rehearsed = asked;
      } else {
        await act(values);
        keepName(values.by);
        dialog.close();
      }
    } catch (error) {
      fill(outcome, problem(error));
    } finally {
      isBusy = false;
      update();
    }
    if (isDry && rehearsed === asked && !go.disabled) go.focus();
  }

  dialog.addEventListener('close', () => {
    dialog.remove();
    // The button may have been drawn anew meanwhile.
    const again = opener?.isConnected ? opener : [...document.querySelectorAll('[data-focus]')]
      .find((element) => element.dataset.focus === focusKey);
    again?.focus({ preventScroll: true });
  });
  document.body.append(dialog);
  update();
  dialog.showModal();
  (fields[0]?.input ?? (by.input.value === '' ? by : why).input).focus();
}
