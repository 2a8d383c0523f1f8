/** A moment as Go's time values tell it, kept part by part so that what peers sent is sent on unchanged. */

/** Wire form: wire/go-time.ts. */
export interface GoTime {
  /** Since 1970, UTC. */
  seconds: number
  nanos: number
  /** Minutes east of UTC; null is UTC itself, which the wire tells from a zone at offset 0. */
  offsetMin: number | null
  /** Seconds of the zone's offset beyond the minutes, which later versions of Go send when it is not 0. */
  offsetSec: number
}

const EPOCH_SECONDS = 62_135_596_800

/** Go's zero time: midnight of 1 January of the year 1, UTC. Shared, so never changed. */
export const ZERO_TIME: GoTime = Object.freeze({ seconds: -EPOCH_SECONDS, nanos: 0, offsetMin: null, offsetSec: 0 })
