/* What to do about what the camera sees. A picture is judged as a whole: several codes in
   it let nobody in by themselves, and what is none of ours beside one of ours is nothing.
   A code is scanned once, however long it is held; out of the picture and back again, it is
   scanned again. Pure: time is passed in. */

/** A code is out of the picture when it was not read for so long, and in so many stills:
    readers miss one now and then, and slow phones read few. */
const GONE = 600
const STILLS = 3
/** Posters stay where they are. */
const GONE_FOREIGN = 5000
/** How long what is none of ours has to be there alone, in case a ticket is beside it. */
const ALONE = 500
/** Of two stills that say the same, the second is at most so much later. */
const AGAIN = 3000
/** A code that was scanned may still be on its way out when the next is held up. */
const LEAVING = 800

/** `isBusy` says of a code whether it waits for its answer, or that is on the screen;
    `isQuiet` whether nothing is on the screen and no answer is to come; `mayAct` whether
    another picture may do something now. */
export function makeCodesInView({ isBusy, isQuiet, mayAct }) {
  let known = new Map() // by code or text: {at, still, isDone, mixedAt, mixedStill}
  let told = null // codes that were together and have been told of
  let candidate = null // what was read last and not yet acted on: {key, since, stills}
  let still = 0

  const entryOf = (text) => known.get(text)
  const isGone = ({ at, still: last }, now, gone) => now - at > gone && still - last >= STILLS

  /** Was it beside another of ours a moment ago? */
  const isMixed = ({ mixedAt, mixedStill }, now) =>
    mixedAt !== null && !(now - mixedAt > GONE && still - mixedStill > STILLS)

  function note(texts, now, isForeign) {
    for (const text of texts) {
      const entry = entryOf(text) ?? { isDone: false, mixedAt: null, mixedStill: 0, isForeign }
      known.set(text, Object.assign(entry, { at: now, still }))
    }
  }

  function forget(now) {
    for (const [text, entry] of known) {
      const gone = entry.isForeign ? GONE_FOREIGN : GONE
      if (!isBusy(text) && isGone(entry, now, gone)) known.delete(text)
    }
    if (told && told.every((code) => !known.has(code))) told = null
  }

  /** Is it the second still in which just this is seen, or a later one? */
  function isSettled(key, now, least) {
    const isSame = candidate?.key === key && now - candidate.at <= AGAIN
    candidate = isSame
      ? { ...candidate, at: now, stills: candidate.stills + 1 }
      : { key, since: now, at: now, stills: 1 }
    return candidate.stills >= 2 && now - candidate.since >= least
  }

  function one(code, now) {
    const entry = entryOf(code)
    if (entry.isDone) return { held: "code" }
    if (isMixed(entry, now)) return told?.includes(code) ? { held: "several" } : {}
    if (!mayAct() || !isSettled(code, now, 0)) return {}
    entry.isDone = true
    return { scan: code }
  }

  function several(codes, now) {
    for (const code of codes) Object.assign(entryOf(code), { mixedAt: now, mixedStill: still })
    if (told && codes.every((code) => told.includes(code))) {
      return { held: codes.every((code) => entryOf(code).isDone) ? "code" : "several" }
    }
    if (!mayAct() || codes.some(isBusy)) return {}
    const hasDone = codes.some((code) => entryOf(code).isDone)
    if (!isSettled(codes.join(" "), now, hasDone ? LEAVING : 0)) return {}
    told = codes
    return { several: codes }
  }

  function foreign(texts, now) {
    const [text] = texts.filter((one) => !entryOf(one).isDone)
    if (text === undefined || !isQuiet() || [...known.values()].some((one) => !one.isForeign)) {
      return {}
    }
    if (!isSettled(text, now, ALONE)) return {}
    for (const one of texts) entryOf(one).isDone = true
    return { foreign: text }
  }

  /** What a still without any code missed, or what has only just gone. */
  function stillHeld() {
    if (told?.some((code) => known.has(code) && !entryOf(code).isDone)) return "several"
    return [...known.values()].some((one) => one.isDone && !one.isForeign) ? "code" : undefined
  }

  return {
    /** One still: the codes of ours and the other texts that were read in it. Says what to
        do: `{scan}`, `{several}` or `{foreign}`; or what is held on: `{held}`; or nothing. */
    see(ours, others, now) {
      // Whoever comes back was away before this still.
      forget(now)
      still += 1
      const codes = [...new Set(ours)].sort()
      note(codes, now, false)
      note(others, now, true)
      forget(now)
      if (codes.length) {
        // What is beside a ticket is a poster, or whatever else lies there.
        for (const text of others) entryOf(text).isDone = true
        return codes.length === 1 ? one(codes[0], now) : several(codes, now)
      }
      const done = others.length ? foreign(others, now) : {}
      return done.foreign === undefined ? { held: stillHeld() } : done
    },
    /** These have had their answer together: none of them is scanned alone until it was out
        of the picture. */
    settle(codes) {
      for (const code of codes) if (known.has(code)) entryOf(code).isDone = true
    },
    /** The camera starts anew: what is held then is meant. */
    forgetAll() {
      known = new Map()
      told = null
      candidate = null
    },
  }
}
