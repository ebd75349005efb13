/* Sends scans to the server, in their order, each until it is answered. What is sent again
   has the same id, so it is stored once. */

const MOST = 200 // the server takes no more at a time
const PAUSES = [1000, 2000, 4000, 8000, 15000]
/** Of a network that wants a sign-in of its own, or of a server with much to do. */
const AGAIN = [401, 403, 408, 429]
/** Past this the phone's clock is no clock: then the server's time is sent in its place. */
const CLOCK_OFF = 20 * 24 * 60 * 60 * 1000

/** Up to this age the server goes by when a scan arrived, not by when it was made. */
const AT_ONCE = 30_000
/** What two clocks of one phone may differ by meanwhile, if neither was set. */
const CLOCKS_DIFFER = 250

/** `post` sends an object and gives `{status, data}`, or throws where nothing came back.
    `heard` is told of each reply, `answered` of each scan's answer, `late` whether scans
    wait, `refused` why this phone may not scan any more. `now` is the clock on the wall,
    `elapsed` one that nobody can set; both in milliseconds. */
export function makeSender({
  post,
  heard = () => {},
  answered,
  late = () => {},
  refused,
  now = () => Date.now(),
  elapsed = () => performance.now(),
  pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
}) {
  const waiting = []
  const clock = makeClock(now, elapsed)
  let seq = 0
  let failures = 0
  let isBusy = false
  let isOver = false
  let goOn = () => {} // ends the pause

  async function flush() {
    if (isBusy || isOver) return
    isBusy = true
    await null // what is sent in the same breath goes together, and is answered so
    while (waiting.length && !isOver) await sendSome()
    isBusy = false
  }

  async function sendSome() {
    const some = waiting.slice(0, MOST)
    const reply = (await isReadyFor(some)) ? await exchange(some) : null
    if (isOver) return
    if (reply === null) {
      late(true)
      const woken = new Promise((done) => (goOn = done))
      await Promise.race([pause(PAUSES[Math.min(failures, PAUSES.length - 1)]), woken])
      failures += 1
      return
    }
    failures = 0
    waiting.splice(0, some.length)
    late(false)
    const entries = new Map(reply.verdicts.map((entry) => [entry.id, entry]))
    // Without an entry, or with an error, it was not stored: the screen says so.
    answered(some.map(({ scan }) => [scan, entries.get(scan.id) ?? { error: "missing" }]))
  }

  /** Whether they can be sent. The server places old ones by this phone's clock, and of
      those from before it leapt nobody knows how old they are: then how far it is off has
      to be known first. */
  async function isReadyFor(some) {
    if (clock.isKnown()) return true
    const mayGo = ({ made }) => clock.age(made) <= AT_ONCE && !clock.leaptSince(made)
    return some.every(mayGo) || (await exchange([])) !== null
  }

  /** The reply, or null where it is worth trying again. */
  async function exchange(some) {
    const began = clock.read()
    let reply
    try {
      reply = await post(batch(some))
    } catch {
      return null
    }
    const { status, data } = reply
    if (status === 200) {
      clock.learn(began, data.now)
      heard(data)
      return data
    }
    if ((status === 401 || status === 403) && data?.code) {
      isOver = true
      refused(data.code)
      return null
    }
    if (AGAIN.includes(status) || status >= 500) return null
    // It was understood and refused: sending it again would change nothing.
    return { verdicts: [] }
  }

  /** What is sent: all times by one clock, as it stands now. */
  function batch(some) {
    const { sentAt, offset } = clock.stamp()
    const iso = (instant) => new Date(Math.round(instant)).toISOString()
    return {
      sent_at: iso(sentAt),
      scans: some.map(({ scan, made }) => ({
        ...scan,
        at: iso(sentAt - clock.age(made)),
        offset_ms: offset,
      })),
    }
  }

  function stamped(scan) {
    seq += 1
    // `shown` would be a verdict of the phone's own; so far it has none.
    const whole = { code: null, of: null, index: null, epoch: 0, seq, shown: null, ...scan }
    return { scan: whole, made: clock.read() }
  }

  return {
    /** Queue a scan: `{id, code, direction, of}`. */
    send(scan) {
      waiting.push(stamped(scan))
      return flush()
    },
    /** Ask about scans that are not kept, once: their answers, or null. */
    async ask(scans) {
      if (isOver) return null
      const reply = await exchange(scans.map(stamped))
      return reply && reply.verdicts
    },
    /** Ask how many are in, and what time it is; does nothing while scans are sent. */
    async refresh() {
      if (!isBusy && !isOver) await exchange([])
    },
    /** Try again at once: there may be a network again. */
    hurry: () => goOn(),
    /** Whether something would be lost with this page. */
    isWaiting: () => waiting.length > 0 && !isOver,
    now: clock.now,
  }
}

/** What the phone knows of its clocks.

    The one on the wall can be set; the other only goes on, and on some systems it stands
    still while the phone sleeps. Where they disagree one of the two has happened, and
    how far the first is off is learned anew. */
function makeClock(now, elapsed) {
  let offset = 0
  let isKnown = false
  let quickest = 0
  let last = { wall: now(), steady: elapsed() }

  function read() {
    const next = { wall: now(), steady: elapsed() }
    if (differ(last, next)) isKnown = false
    last = next
    return { ...next, offset: isKnown ? offset : null }
  }

  const differ = (a, b) => Math.abs(b.wall - a.wall - (b.steady - a.steady)) > CLOCKS_DIFFER

  return {
    read,
    /** From what the server said in an exchange that began at a reading. */
    learn(began, serverNow) {
      const ended = read()
      const server = Date.parse(serverNow ?? "")
      // Set, or asleep, in the middle of it: then it tells nothing.
      if (Number.isNaN(server) || differ(began, ended)) return
      const took = ended.steady - began.steady
      const learned = Math.round(server + took / 2 - ended.wall)
      // Each is off by half of what it took at most. Two that can't both be right: then
      // the clock was set by little, or has drifted.
      const agree = Math.abs(learned - offset) <= (took + quickest) / 2
      if (isKnown && took > quickest && agree) return
      offset = learned
      quickest = took
      isKnown = true
    },
    isKnown() {
      read()
      return isKnown
    },
    leaptSince: (then) => differ(then, read()),
    /** How long ago a reading was. */
    age(then) {
      const present = read()
      const steadily = present.steady - then.steady
      const mayTell = present.offset !== null && then.offset !== null
      if (!differ(then, present) || !mayTell) return steadily
      // Asleep or set: the server's time, as it was known then and is now, says which.
      return Math.max(steadily, present.wall + present.offset - then.wall - then.offset)
    },
    stamp() {
      const { wall } = read()
      return Math.abs(offset) > CLOCK_OFF
        ? { sentAt: wall + offset, offset: 0 }
        : { sentAt: wall, offset }
    },
    now: () => now() + offset,
  }
}
