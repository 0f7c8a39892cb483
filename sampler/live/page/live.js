// The stream of the sampler, and what has been put together from it.
// EventSource comes back by itself, with the place up to which everything is known.

const MOST_VERDICTS = 100;
const AGAIN_MS = 3000;

export class Live extends EventTarget {
  sessions = new Map();
  verdicts = [];
  overview = null;
  isWhole = true;
  #time = 0;
  #at = 0;

  follow() {
    const source = new EventSource("/v1/live/events");
    source.onopen = () => this.#connection("open");
    source.onmessage = (event) => this.#apply(JSON.parse(event.data));
    source.onerror = () => {
      this.#connection("lost");
      if (source.readyState === EventSource.CLOSED) { // refused: by a proxy, or for being one of too many
        setTimeout(() => this.follow(), AGAIN_MS);
      }
    };
  }

  // The sampler's clock now, unix seconds.
  now() {
    return this.#time + (performance.now() - this.#at) / 1000;
  }

  // The newest that is under way, else the last that ended.
  foremost() {
    let found = null;
    for (const one of this.sessions.values()) {
      if (found === null || isBefore(one, found)) found = one;
    }
    return found;
  }

  #apply(update) {
    if (update.reset) {
      this.sessions.clear();
      this.verdicts = [];
    }
    this.#time = update.time;
    this.#at = performance.now();
    this.overview = update.overview;
    this.isWhole = update.is_whole;
    for (const key of update.gone) this.sessions.delete(key);
    for (const one of update.sessions) this.sessions.set(one.key, one);
    this.verdicts = [...this.verdicts, ...update.verdicts].slice(-MOST_VERDICTS);
    this.dispatchEvent(new CustomEvent("update", { detail: update }));
  }

  #connection(state) {
    this.dispatchEvent(new CustomEvent("connection", { detail: state }));
  }
}

// Whether one is to be looked at rather than the other.
function isBefore(one, other) {
  const [end, otherEnd] = [one.ended_at ?? Infinity, other.ended_at ?? Infinity];
  return end === otherEnd ? one.key > other.key : end > otherEnd;
}
