/* The same code held in front of the camera is one scan, not ten a second. */

const AWAY = 5000

/** Says of each text whether it is new: not seen in the last five seconds. A code that
    stays in view stays known, since each look counts. */
export function makeSeen(away = AWAY) {
  const lastSeen = new Map()
  return {
    isNew(text, now) {
      for (const [other, at] of lastSeen) {
        if (now - at > away) lastSeen.delete(other)
      }
      const fresh = !lastSeen.has(text)
      lastSeen.set(text, now)
      return fresh
    },
  }
}
