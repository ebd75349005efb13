/* How old a scan is, and how far the phone's clock is off, whatever is done to the clock. */
import assert from "node:assert/strict"
import { test } from "node:test"

import { makeSender } from "../../static/js/door/sync.js"

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const EVENING = Date.UTC(2027, 0, 29, 17)

/** A phone, its server, and the time that passes for both. `ahead` is how far its clock is
    off. What is sent is lost while `isOffline`. */
function phone(ahead = 0) {
  const world = { time: EVENING, ahead, steady: 5, isOffline: false, sent: [], took: 40 }
  const pass = (milliseconds) => {
    world.time += milliseconds
    world.steady += milliseconds
  }
  const sender = makeSender({
    async post(body) {
      world.sent.push(body)
      if (world.isOffline) {
        await world.whileOffline?.()
        throw new TypeError("Failed to fetch")
      }
      pass(world.took / 2)
      const now = new Date(world.time).toISOString()
      world.whileAnswering?.()
      pass(world.took / 2)
      const verdicts = body.scans.map(({ id }) => ({ id, verdict: "welcome" }))
      return { status: 200, data: { verdicts, now } }
    },
    answered: () => {},
    now: () => world.time + world.ahead,
    elapsed: () => world.steady,
    pause: async (milliseconds) => pass(milliseconds),
  })
  return {
    world,
    sender,
    pass,
    /** Some systems let the steady clock stand still meanwhile. */
    sleep(milliseconds) {
      world.time += milliseconds
    },
    set(milliseconds) {
      world.ahead += milliseconds
    },
    /** Scan while offline; what `meanwhile` does happens before it goes out. */
    async scanThen(meanwhile) {
      world.isOffline = true
      world.whileOffline = () => {
        world.isOffline = false
        return meanwhile()
      }
      await sender.send({ id: "a", code: "1X", direction: "in" })
    },
    /** As the server reads them: the age of the last scan, and its corrected time. */
    told() {
      const { sent_at, scans } = world.sent.at(-1)
      const [{ at, offset_ms }] = scans
      return { age: Date.parse(sent_at) - Date.parse(at), at: Date.parse(at) + offset_ms }
    },
    offBy: () => sender.now() - world.time,
  }
}

/** Within what an exchange takes. */
function near(value, expected) {
  assert.ok(Math.abs(value - expected) <= 50, `${value} is not ${expected}`)
}

for (const ahead of [0, -HOUR, 3 * SECOND, 400 * 24 * HOUR]) {
  for (const set of [0, HOUR, -HOUR, -20 * SECOND, 400 * 24 * HOUR]) {
    test(`a clock that is ${ahead} ms ahead and then set by ${set} lies about no age`, async () => {
      const it = phone(ahead)
      await it.sender.refresh()
      await it.scanThen(() => {
        it.pass(10 * SECOND)
        it.set(set)
      })

      near(it.told().age, 11 * SECOND)
      near(it.told().at, EVENING)
      near(it.offBy(), 0)
    })

    test(`… nor about when an old scan was made (${ahead}, ${set})`, async () => {
      const it = phone(ahead)
      await it.scanThen(() => {
        it.set(set)
        it.pass(5 * MINUTE)
      })

      // Of a clock that was never known or was set, it is learned first.
      assert.deepEqual(it.world.sent.map(({ scans }) => scans.length), [1, 0, 1])
      near(it.told().age, 5 * MINUTE + SECOND)
      near(it.told().at, EVENING)
    })
  }
}

for (const standsStill of [true, false]) {
  test(`who slept with a scan in hand tells how long (steady clock ${standsStill})`, async () => {
    const it = phone(-HOUR)
    await it.sender.refresh()
    await it.scanThen(() => (standsStill ? it.sleep : it.pass)(10 * MINUTE))

    near(it.told().age, 10 * MINUTE + SECOND)
    near(it.told().at, EVENING)
  })
}

test("a scan at once is not held up by what is not known of the clock", async () => {
  const it = phone(HOUR)
  await it.sender.send({ id: "a", code: "1X", direction: "in" })
  it.set(-3 * HOUR)
  await it.sender.send({ id: "b", code: "1X", direction: "in" })

  assert.deepEqual(it.world.sent.map(({ scans }) => scans.length), [1, 1])
  near(it.told().age, 0)
})

test("a slow answer teaches less than a quick one before, unless they contradict", async () => {
  const it = phone(2 * SECOND)
  await it.sender.refresh()
  it.world.took = 3 * SECOND
  it.world.whileAnswering = () => it.pass(SECOND)
  await it.sender.refresh()
  near(it.offBy(), 0)

  // By so little that the two clocks seem to agree, again and again.
  it.world.whileAnswering = undefined
  it.world.took = 60
  for (let turn = 0; turn < 5; turn += 1) {
    it.set(200)
    await it.sender.refresh()
  }
  near(it.offBy(), 0)
})

for (const [what, happens, stillOff] of [
  ["set", (it) => it.set(HOUR), HOUR],
  ["asleep", (it) => it.sleep(HOUR), 0],
]) {
  test(`an exchange in which the phone was ${what} teaches nothing, the next one all`, async () => {
    const it = phone(MINUTE)
    await it.sender.refresh()
    it.world.whileAnswering = () => {
      it.world.whileAnswering = undefined
      happens(it)
    }
    await it.sender.refresh()
    near(it.offBy(), stillOff)
    await it.sender.refresh()
    near(it.offBy(), 0)
  })
}
