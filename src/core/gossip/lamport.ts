/** A Lamport clock as Serf keeps them: a message carries the value, whoever hears a later one goes beyond it. */
export class LamportClock {
  #time = 0

  get time(): number {
    return this.#time
  }

  increment(): number {
    this.#time += 1
    return this.#time
  }

  /** Values beyond what a clock can reach by counting are not believed: they would stop it for ever. */
  witness(time: number): void {
    if (time >= this.#time && time < Number.MAX_SAFE_INTEGER) this.#time = time + 1
  }
}
