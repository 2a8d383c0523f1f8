/**
 * What lies between servers and clients: messages take time, get lost, arrive twice or in another order, and some ways
 * are cut, in one direction or both. It carries closures and does not look into them.
 */
import type { Random } from '../base/random.ts'
import type { Millis } from '../base/units.ts'
import type { World } from './world.ts'

export interface Weather {
  /** Of messages, 0 to 1. */
  loss: number
  duplicates: number
  delayMsMin: Millis
  delayMsMax: Millis
}

export const FAIR: Weather = { loss: 0, duplicates: 0, delayMsMin: 0.2, delayMsMax: 3 }

export class Network {
  weather: Weather = FAIR
  /** "from>to", of servers, that hear nothing. */
  readonly cuts = new Set<string>()
  private readonly world: World
  private readonly random: Random

  constructor(world: World, random: Random) {
    this.world = world
    this.random = random
  }

  /** A message of its own: it may be lost, and may come twice. */
  carry(from: string, to: string, arrive: () => void): void {
    this.once(from, to, arrive)
    if (this.random.float() < this.weather.duplicates) this.once(from, to, arrive)
  }

  /** A message of its own that lies about somewhere for so long at most, and then arrives all the same. */
  late(msMax: Millis, arrive: () => void): void {
    this.world.after(this.random.float() * msMax, arrive)
  }

  /** As over a connection: at most once. @param lost called when the connection is found to be broken */
  once(from: string, to: string, arrive: () => void, lost: () => void = () => {}): void {
    const { loss, delayMsMin, delayMsMax } = this.weather
    const gone = this.random.float() < loss
    const delayMs = delayMsMin + this.random.float() ** 3 * (delayMsMax - delayMsMin)
    this.world.after(delayMs, () => {
      if (gone || this.cuts.has(`${from}>${to}`)) lost()
      else arrive()
    })
  }
}
