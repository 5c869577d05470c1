// Asks again and again: one request at a time, slower where the shop is slow or nobody looks.

/** While the page is hidden. */
const hiddenPause = 15_000;
/** Where it fails: so soon a shop that is back is seen. */
const longestPause = 5000;

/**
 * Runs `run` every so many milliseconds; a run begins when the one before it has ended, and after a
 * pause of `ease` times as long as that took: what costs the shop much is asked for less often.
 */
export class Poller {
  #timer = null;
  #isRunning = false;
  #isStopped = false;
  #failures = 0;

  constructor(run, every, ease = 1) {
    this.run = run;
    this.every = every;
    this.ease = ease;
    this.seen = () => { if (!document.hidden) this.kick(); };
    document.addEventListener('visibilitychange', this.seen);
    this.#go();
  }

  /** Runs now, unless it runs already. */
  kick() {
    if (this.#isStopped || this.#isRunning) return;
    clearTimeout(this.#timer);
    this.#go();
  }

  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    document.removeEventListener('visibilitychange', this.seen);
  }

  async #go() {
    this.#isRunning = true;
    const began = performance.now();
    try {
      await this.run();
      this.#failures = 0;
    } catch {
      // Whoever runs shows its errors; here they only slow down what comes next.
      this.#failures += 1;
    }
    this.#isRunning = false;
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => this.#go(), this.#pause(performance.now() - began));
  }

  #pause(elapsed) {
    if (document.hidden) return hiddenPause;
    const wanted = Math.max(this.every - elapsed, elapsed * this.ease, this.every / 4);
    if (this.#failures === 0) return wanted;
    return Math.max(this.every, Math.min(longestPause, 500 * 2 ** Math.min(this.#failures, 6)));
  }
}
