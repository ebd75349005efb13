/* An evening at a door, without a browser: a camera that sees what is held up, a network
   that loses things, a server that judges, and a screen that somebody looks at. */
import { makeScanController } from "../../static/js/door/scan-controller.js"
import { makeSender } from "../../static/js/door/sync.js"
import { clockIn } from "../../static/js/door/verdict.js"
import { makeClock, settle } from "./clock.mjs"

const codeOf = (sign) => `1${sign.repeat(28)}`
export const [ZOE, ADA, BEN, CY, OLD, DAN, EVE] = [..."ZABCQDE"].map(codeOf)
export const POSTER = "https://reading-room.example.org/menu"

const TICKETS = {
  [ZOE]: { name: "Zoë", party: "one", position: 0 },
  [ADA]: { name: "Ada", party: "one", position: 1 },
  [BEN]: { name: "Ben", party: "two", position: 0 },
  [CY]: { name: "Cy", party: "three", position: 0, verdict: "cancelled" },
  [DAN]: { name: "Dan", party: "four", position: 0 },
  [EVE]: { name: "Eve", party: "four", position: 1 },
}

const STILL = 110

const looks = ["welcome", "already_in", "unknown", "cancelled", "undone", "left", "not_stored"]
const own = ["unreadable", "misread", "one_at_a_time"]
const WORDS = {
  ...Object.fromEntries([...looks, ...own].map((name) => [name, { word: name, why: "" }])),
  guest: "Guest {number}",
  lists: { answers: "{number} answers", some: "{number} of {of} in", party: "One party", notIn: "" },
}

/** With a `seed`, what happens is drawn by lot. */
export function evening({ seed } = {}) {
  const clock = makeClock(Date.UTC(2027, 0, 29, 17))
  const lot = seed === undefined ? null : lots(seed)
  const network = { isOff: false }
  const server = makeServer(clock, lot, network)
  const screens = [] // {at, screen}
  const stills = [] // {at, codes}
  const sent = [] // {at, code, isByTap}
  const keyed = new Set() // codes that came from a scanner, too
  let isPressing = false
  let ids = 0
  const tonight = { hint: null, repeats: 0 }

  const sender = makeSender({
    post: server.post,
    answered: (pairs) => scanning.answered(pairs),
    refused() {},
    now: clock.now,
    elapsed: clock.now,
    pause: (milliseconds) => new Promise((done) => clock.after(milliseconds, done)),
  })
  const scanning = makeScanController({
    sender: {
      ...sender,
      now: clock.now,
      send(scan) {
        if (scan.direction === "in") sent.push({ at: clock.now(), code: scan.code, isByTap: isPressing })
        return sender.send(scan)
      },
    },
    words: WORDS,
    clock: clockIn("UTC"),
    show: (screen) => screens.push({ at: clock.now(), screen, byTap: isPressing }),
    hint: (key) => (tonight.hint = key),
    repeated: () => (tonight.repeats += 1),
    changed() {},
    now: clock.now,
    after: clock.after,
    newId: () => `scan-${(ids += 1)}`,
    subtle: null,
  })

  async function still(texts) {
    stills.push({ at: clock.now(), codes: texts.filter((text) => text in TICKETS || text === OLD) })
    scanning.picture(texts)
    await clock.pass(STILL)
  }

  async function hold(texts, milliseconds) {
    const until = clock.now() + milliseconds
    while (clock.now() < until) {
      const isMissed = () => lot !== null && lot() < 0.12
      await still(texts.filter(() => !isMissed()))
    }
  }

  async function press(what) {
    isPressing = true
    scanning.press(what === "tap" ? null : what)
    isPressing = false
    await settle()
  }

  async function goOn(milliseconds) {
    const all = [...Object.keys(TICKETS), OLD]
    const any = () => all[Math.floor(lot() * all.length)]
    const until = clock.now() + milliseconds
    while (clock.now() < until) {
      const many = [0, 1, 1, 1, 1, 2, 2, 3][Math.floor(lot() * 8)]
      const texts = Array.from({ length: many }, any)
      if (lot() < 0.15) texts.unshift(POSTER)
      if (lot() < 0.1) network.isOff = !network.isOff
      if (lot() < 0.1) {
        const typed = any()
        keyed.add(typed)
        await scanning.keyed({ typed, places: "" })
      }
      if (lot() < 0.08) scanning.setVisible(false)
      await hold(texts, 100 + lot() * 2500)
      scanning.setVisible(true)
      const { screen } = screens.at(-1) ?? {}
      if (screen?.isChoice && lot() < 0.7) await press("admit")
      else if (screen?.mayBeUndone && lot() < 0.1) await press("undo")
      else if (lot() < 0.3) await press("tap")
    }
    network.isOff = false
    server.calm()
    for (let i = 0; i < 30; i += 1) {
      await hold([], 5000)
      await press("tap")
    }
  }

  /** What was seen, by its verdict or word, and by whom it was of where they were several. */
  function seen() {
    return screens.flatMap(({ screen }) => (screen ? [told(screen)] : []))
  }

  function told({ verdict, word, rows, isChoice, isList }) {
    if (isChoice || !rows.length) return verdict || word
    if (isList) return `${word}: ${rows.map((row) => `${row.name} ${row.word}`).join(", ")}`
    if (rows.length === 1) return word
    return `${word}: ${rows.map(({ name }) => name).join(", ")}`
  }

  /** What must never be, as sentences. */
  function faults() {
    const found = []
    const wasShown = new Set(
      screens.flatMap(({ screen }) => (screen && !screen.isChoice ? screen.scans : [])).map(({ id }) => id),
    )
    for (const { id, code } of server.admitted) {
      if (!wasShown.has(id)) found.push(`${TICKETS[code].name} was let in and not shown`)
    }
    screens.forEach(({ at, screen }, index) => {
      const next = screens[index + 1]
      const isKept = next?.screen?.isList && screen?.isList
      if (!screen?.verdict || screen.tone !== "welcome" || isKept) return
      if (next && !next.byTap && next.at - at < 1000) found.push(`a welcome for ${next.at - at} ms`)
    })
    for (const { at, code, isByTap } of sent) {
      const beside = stills.filter(
        (one) => one.at <= at && at - one.at <= 600 && one.codes.includes(code) && new Set(one.codes).size > 1,
      )
      if (isByTap || keyed.has(code)) continue
      if (beside.length) found.push(`${code} was scanned beside ${beside.at(-1).codes}`)
    }
    for (const { group } of server.groups(sent.filter(({ isByTap }) => isByTap))) {
      if (group.size > 1) found.push(`one tap let in ${[...group]}`)
    }
    return found
  }

  return Object.assign(tonight, {
    clock,
    network,
    scanning,
    hold,
    press,
    goOn,
    seen,
    faults,
    get inside() {
      return server.inside
    },
  })
}

function makeServer(clock, lot, network) {
  const inside = new Map() // by code: since when
  const stored = new Map() // by id: the answer
  const admitted = []
  let isCalm = false

  const wait = (milliseconds) => new Promise((done) => clock.after(milliseconds, done))

  async function post({ scans }) {
    const luck = isCalm || !lot ? 1 : lot()
    await wait(lot && !isCalm ? 20 + lot() ** 3 * 3000 : 40)
    if (network.isOff || luck < 0.1) throw new TypeError("Failed to fetch")
    const verdicts = scans.map(judge)
    await wait(20)
    if (luck < 0.2) throw new TypeError("the answer was lost")
    return { status: 200, data: { verdicts, counts: {}, now: new Date(clock.now()).toISOString() } }
  }

  function judge(scan) {
    if (scan.direction === "look") return { id: scan.id, ...answer(scan.code, worth(scan.code)) }
    if (!stored.has(scan.id)) stored.set(scan.id, { id: scan.id, ...judgeNew(scan) })
    return stored.get(scan.id)
  }

  function judgeNew({ id, code, direction, of }) {
    if (direction === "undo") {
      const undone = stored.get(of)
      inside.delete(undone.code)
      return answer(undone.code, "undone")
    }
    const verdict = worth(code)
    if (verdict === "welcome") {
      inside.set(code, clock.now())
      admitted.push({ id, code })
    }
    return answer(code, verdict)
  }

  function worth(code) {
    const ticket = TICKETS[code]
    if (!ticket) return "unknown"
    return ticket.verdict ?? (inside.has(code) ? "already_in" : "welcome")
  }

  function answer(code, verdict) {
    const ticket = TICKETS[code]
    if (!ticket) return { code, verdict, party: [], party_key: null }
    const party = Object.entries(TICKETS).filter(([, one]) => one.party === ticket.party)
    return {
      code,
      verdict,
      name: ticket.name,
      party_key: ticket.party,
      party: party.map(([other, { name, position }]) => ({
        name,
        position,
        is_in: inside.has(other),
        is_this: other === code,
      })),
    }
  }

  return {
    post,
    admitted,
    calm: () => (isCalm = true),
    get inside() {
      return inside.keys()
    },
    groups(sent) {
      const byTap = new Map()
      for (const { at, code } of sent) {
        byTap.set(at, (byTap.get(at) ?? new Set()).add(TICKETS[code]?.party))
      }
      return [...byTap.values()].map((group) => ({ group }))
    },
  }
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function lots(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
