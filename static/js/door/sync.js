/* Sends scans to the server, in their order, each until it is answered. What is sent again
   has the same id, so it is stored once. */

const MOST = 200 // the server takes no more at a time
const PAUSES = [1000, 2000, 4000, 8000, 15000]
/** Of a network that wants a sign-in of its own, or of a server with much to do. */
const AGAIN = [401, 403, 408, 429]
/** Past this the phone's clock is no clock: then the server's time is sent in its place. */
const CLOCK_OFF = 20 * 24 * 60 * 60 * 1000

/** `post` sends an object and gives `{status, data}`, or throws where nothing came back.
    `heard` is told of each reply, `answered` of each scan's answer, `late` whether scans
    wait, `refused` why this phone may not scan any more. */
export function makeSender({
  post,
  heard = () => {},
  answered,
  late = () => {},
  refused,
  now = () => Date.now(),
  pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
}) {
  const waiting = []
  const clock = makeClock(now)
  let seq = 0
  let failures = 0
  let isBusy = false
  let isOver = false

  async function flush() {
    if (isBusy || isOver) return
    isBusy = true
    while (waiting.length && !isOver) await sendSome()
    isBusy = false
  }

  async function sendSome() {
    const scans = waiting.slice(0, MOST)
    const reply = await exchange(scans)
    if (isOver) return
    if (reply === null) {
      late(true)
      await pause(PAUSES[Math.min(failures, PAUSES.length - 1)])
      failures += 1
      return
    }
    failures = 0
    waiting.splice(0, scans.length)
    late(false)
    const entries = new Map(reply.verdicts.map((entry) => [entry.id, entry]))
    // Without an entry, or with an error, it was not stored: the screen says so.
    answered(scans.map((scan) => [scan, entries.get(scan.id) ?? { error: "missing" }]))
  }

  /** The reply, or null where it is worth trying again. */
  async function exchange(scans) {
    const began = now()
    let reply
    try {
      reply = await post({ scans })
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

  return {
    /** Queue a scan: `{id, code, direction, of}`. */
    send(scan) {
      seq += 1
      waiting.push({ code: null, of: null, index: null, epoch: 0, seq, ...clock.stamp(), ...scan })
      return flush()
    },
    /** Ask how many are in, and what time it is; does nothing while scans are sent. */
    async refresh() {
      if (!isBusy && !isOver) await exchange([])
    },
    now: clock.now,
  }
}

/** What the phone knows of its clock, from the quickest of its exchanges. */
function makeClock(now) {
  let offset = 0
  let quickest = Infinity
  return {
    learn(began, serverNow) {
      const ended = now()
      const server = Date.parse(serverNow ?? "")
      if (Number.isNaN(server) || ended - began > quickest) return
      quickest = ended - began
      offset = Math.round(server - (began + ended) / 2)
    },
    stamp() {
      return Math.abs(offset) > CLOCK_OFF
        ? { at: new Date(now() + offset).toISOString(), offset_ms: 0 }
        : { at: new Date(now()).toISOString(), offset_ms: offset }
    },
    now: () => now() + offset,
  }
}
