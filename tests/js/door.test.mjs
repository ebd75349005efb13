/* The scanner's own rules: what a code is, what the screen shows, what is sent again. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"

import { readCode } from "../../static/js/door/code.js"
import { makeSender } from "../../static/js/door/sync.js"
import { clockIn, screenOf } from "../../static/js/door/verdict.js"

function cases(name) {
  return JSON.parse(readFileSync(new URL(`../cases/${name}.json`, import.meta.url)))
}

// --- codes ---------------------------------------------------------------------------

for (const { payload } of [...cases("door").sealed, ...cases("door").derived]) {
  test(`${payload} is a code`, async () => {
    assert.deepEqual(await readCode(payload), { code: payload })
  })
}

for (const { what, typed, code, mistake } of cases("codes")) {
  test(`typed ${what} it is ${code ? "the code" : `a mistake: ${mistake}`}`, async () => {
    assert.deepEqual(await readCode(typed), code ? { code } : { mistake })
  })
}

test("without TLS the server alone knows whether a code has a typo", async () => {
  const { typed } = cases("codes").find(({ mistake }) => mistake === "typo")
  const french = cases("codes").find(({ what }) => what === "by keys of a French keyboard")

  assert.deepEqual(await readCode(` ${typed}`, null), { code: typed })
  // What it is by another keyboard's keys is left to the server, too.
  assert.deepEqual(await readCode(french.typed, null), { code: french.typed })
  assert.deepEqual(await readCode("1ABC", null), { mistake: "short" })
})

// --- the screen ----------------------------------------------------------------------

const CASES = cases("verdicts")
const WORDS = {
  ...Object.fromEntries(
    CASES.map(({ verdict, word }) => [verdict, { word, why: "", whyAtDoor: "" }]),
  ),
  already_in: {
    word: "Already in",
    why: "Came in at {time}",
    whyAtDoor: "Came in at {time} at {door}",
  },
  guest: "Guest {number}",
}
const clock = clockIn("Europe/Amsterdam")

const shown = (answer) => screenOf(answer, WORDS, clock)

for (const { what, verdict, tone, sign, word } of CASES) {
  test(`${what}: the screen says ${word}`, () => {
    const screen = shown({ verdict, name: null, party: [] })

    assert.deepEqual([screen.tone, screen.sign, screen.word], [tone, sign, word])
  })
}

test("only who may come in is shown as welcome", () => {
  const green = CASES.filter(({ verdict }) => shown({ verdict }).tone === "welcome")

  assert.deepEqual(new Set(green.map(({ verdict }) => verdict)), new Set(["welcome", "left_and_back"]))
  assert.equal(shown({ verdict: "something newer" }).tone, "no")
  assert.equal(shown({ verdict: "constructor" }).tone, "no")
  assert.equal(shown({}).tone, "no")
})

test("who is in already is told since when and at which door", () => {
  const answer = { verdict: "already_in", name: "Zoë Ωmega", at: "2027-01-29T17:42:10+00:00" }

  assert.equal(shown({ ...answer, door: "$& Main entrance" }).why, "Came in at 18:42 at $& Main entrance")
  assert.equal(shown(answer).why, "Came in at 18:42")
  assert.equal(shown({ ...answer, at: null }).why, "")
  assert.equal(shown(answer).stays, null)
  assert.equal(shown(answer).mayLeave, true)
})

for (const [later, ago] of [
  [-2000, "1 second ago"],
  [400, "1 second ago"],
  [4000, "4 seconds ago"],
  [59_400, "59 seconds ago"],
  [60_000, ""],
]) {
  test(`${later} ms after coming in it says: ${ago || "no more than the time"}`, () => {
    const answer = { verdict: "already_in", at: "2027-01-29T17:42:10+00:00" }
    const now = Date.parse(answer.at) + later

    assert.equal(screenOf(answer, WORDS, clock, now).ago, ago)
    assert.equal(screenOf({ ...answer, verdict: "welcome" }, WORDS, clock, now).ago, "")
  })
}

test("of a party those who aren't in yet come first, the nameless by their number", () => {
  const party = [
    { name: "Ada", position: 0, is_in: true, is_this: false },
    { name: null, position: 1, is_in: true, is_this: true },
    { name: "Cy", position: 2, is_in: false, is_this: false },
  ]
  const screen = shown({ verdict: "welcome", name: null, party })

  assert.equal(screen.name, "Guest 1")
  assert.deepEqual(
    screen.party.map(({ name, is_in }) => [name, is_in]),
    [["Cy", false], ["Ada", true], ["Guest 1", true]],
  )
  assert.deepEqual(shown({ verdict: "welcome", party: party.slice(0, 1) }).party, [])
  // Nobody waits for those who may not come in.
  for (const verdict of ["cancelled", "not_in_person", "too_early", "over"]) {
    assert.deepEqual(shown({ verdict, party }).party, [])
  }
})

for (const [verdict, undone, stays] of [
  ["welcome", true, 3000],
  ["left_and_back", true, 3000],
  ["left", true, 2500],
  ["already_in", false, null],
  ["cancelled", false, null],
  ["undone", false, 2500],
]) {
  test(`${verdict} may ${undone ? "" : "not "}be undone and stays ${stays ?? "until tapped"}`, () => {
    const screen = shown({ verdict })

    assert.deepEqual([screen.mayBeUndone, screen.stays], [undone, stays])
  })
}

// --- sending -------------------------------------------------------------------------

/** A sender whose server answers with each of `replies` in turn, the last one for ever. */
function sending(...replies) {
  const own = replies[0].pause ? replies.shift() : {}
  const seen = { sent: [], answers: [], late: [], refused: [], pauses: [] }
  const verdicts = ({ scans }) => scans.map(({ id }) => ({ id, verdict: "welcome" }))
  const sender = makeSender({
    async post(body) {
      seen.sent.push(body.scans)
      const reply = replies.length > 1 ? replies.shift() : replies[0]
      if (reply === "lost") throw new TypeError("Failed to fetch")
      if (typeof reply === "number") return { status: reply, data: null }
      return { status: 200, data: { verdicts: verdicts(body), now: "", ...reply }, ...reply.whole }
    },
    answered: (pairs) => seen.answers.push(...pairs),
    late: (isLate) => seen.late.push(isLate),
    refused: (code) => seen.refused.push(code),
    now: () => Date.UTC(2027, 0, 29, 17),
    elapsed: () => 0,
    pause: async (milliseconds) => seen.pauses.push(milliseconds),
    ...own,
  })
  return { sender, seen }
}

const SCAN = { id: "a", code: "1X", direction: "in" }

test("a scan has its number, and the time by the phone", async () => {
  const { sender, seen } = sending({})
  await sender.send(SCAN)
  await sender.send({ id: "b", direction: "undo", of: "a" })

  assert.deepEqual(seen.sent, [
    [
      {
        id: "a",
        code: "1X",
        index: null,
        direction: "in",
        of: null,
        seq: 1,
        epoch: 0,
        shown: null,
        at: "2027-01-29T17:00:00.000Z",
        offset_ms: 0,
      },
    ],
    [{ ...seen.sent[0][0], id: "b", code: null, direction: "undo", of: "a", seq: 2 }],
  ])
})

for (const trouble of ["lost", 500, 503, 429, 408, 401]) {
  test(`after ${trouble} the same scan is sent again until it arrives`, async () => {
    const { sender, seen } = sending(trouble, trouble, {})
    await sender.send(SCAN)

    assert.equal(seen.sent.length, 3)
    for (const scans of seen.sent) assert.deepEqual(scans, seen.sent[0])
    assert.deepEqual(seen.late, [true, true, false])
    assert.deepEqual(seen.pauses, [1000, 2000])
    assert.deepEqual(seen.answers.map(([scan, entry]) => [scan.id, entry.verdict]), [["a", "welcome"]])
  })
}

test("what was scanned meanwhile goes with it, in order", async () => {
  const { sender, seen } = sending("lost", {})
  const first = sender.send(SCAN)
  sender.send({ ...SCAN, id: "b" }) // in the same breath
  await Promise.resolve()
  sender.send({ ...SCAN, id: "c" })
  await first

  const ids = seen.sent.map((scans) => scans.map(({ id }) => id))
  assert.deepEqual(ids, [["a", "b"], ["a", "b", "c"]])
  assert.deepEqual(seen.answers.map(([scan]) => scan.id), ["a", "b", "c"])
})

test("a pause ends once there may be a network again", async () => {
  const never = () => new Promise(() => {})
  const { sender, seen } = sending({ pause: never }, "lost", {})
  const sent = sender.send(SCAN)
  await new Promise((done) => setImmediate(done))
  assert.deepEqual([seen.sent.length, sender.isWaiting()], [1, true])
  sender.hurry()
  await sent

  assert.deepEqual([seen.sent.length, sender.isWaiting()], [2, false])
})

test("pauses grow, to a quarter of a minute", async () => {
  const { sender, seen } = sending(...Array(7).fill("lost"), {})
  await sender.send(SCAN)

  assert.deepEqual(seen.pauses, [1000, 2000, 4000, 8000, 15000, 15000, 15000])
})

test("a scan the server can't read is not sent for ever", async () => {
  const { sender, seen } = sending(400)
  await sender.send(SCAN)

  assert.equal(seen.sent.length, 1)
  assert.deepEqual(seen.answers.map(([, entry]) => entry.error), ["missing"])
})

test("a phone that was sent home stops, and says why", async () => {
  const whole = { whole: { status: 403, data: { code: "phone_stopped" } } }
  const { sender, seen } = sending(whole)
  await sender.send(SCAN)
  await sender.send({ ...SCAN, id: "b" })
  await sender.refresh()

  assert.equal(seen.sent.length, 1)
  assert.deepEqual(seen.refused, ["phone_stopped"])
  assert.deepEqual(seen.answers, [])
})

for (const [server, stamp] of [
  ["2027-01-29T17:04:00Z", { at: "2027-01-29T17:00:00.000Z", offset_ms: 240_000 }],
  ["2027-01-29T16:59:58Z", { at: "2027-01-29T17:00:00.000Z", offset_ms: -2000 }],
  ["2027-03-29T17:00:00Z", { at: "2027-03-29T17:00:00.000Z", offset_ms: 0 }],
]) {
  test(`where the server says ${server}, a scan says how far its clock is off`, async () => {
    const { sender, seen } = sending({ now: server })
    await sender.refresh()
    await sender.send(SCAN)

    const [{ at, offset_ms }] = seen.sent[1]
    assert.deepEqual({ at, offset_ms }, stamp)
    assert.equal(sender.now(), Date.parse(server))
  })
}
