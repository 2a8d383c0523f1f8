/** No pool counts so far; half of what a number holds exactly. */
const FAR = 2 ** 52
const STEP_MAX = 2 ** 20

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

  /**
   * Values beyond what a clock can reach by counting are not believed: they would stop it for ever, and whatever was told
   * with them could never be gainsaid. Once it has been driven that far, it goes on in small steps.
   */
  believes(time: number): boolean {
    return time < FAR || time < this.#time + STEP_MAX
  }

  witness(time: number): void {
    if (time >= this.#time && this.believes(time)) this.#time = time + 1
  }
}
