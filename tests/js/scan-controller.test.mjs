/* From pictures and keys to screens: nobody is let in unseen, and nothing is shown so
   shortly that it is overlooked. */
import assert from "node:assert/strict"
import { test } from "node:test"

import { makeKeyboardScanner } from "../../static/js/door/keyboard-scanner.js"
import { makeScreenQueue } from "../../static/js/door/screen-queue.js"
import { makeClock } from "./clock.mjs"
import { ADA, BEN, CY, evening, OLD, POSTER, ZOE } from "./door-evening.mjs"

// --- which screen is shown when --------------------------------------------------------

/** Screens as `w` (a welcome), `n` (a no) and `q` (a question); what happens as `[at, ...what]`. */
for (const [what, acts, expected] of [
  ["a welcome goes by itself", [[0, "w1"]], [[0, "w1"], [3000, null]]],
  ["a no waits for a tap", [[0, "n1"], [9000, "tap"]], [[0, "n1"], [9000, null]]],
  ["a welcome is not replaced within a second", [[0, "w1"], [100, "w2"]], [[0, "w1"], [1000, "w2"], [4000, null]]],
  ["nor by a no", [[0, "w1"], [100, "n2"]], [[0, "w1"], [1000, "n2"]]],
  ["the next takes the place of a no that was seen", [[0, "n1"], [5000, "w2"]], [[0, "n1"], [5000, "w2"], [8000, null]]],
  ["a no that just came is seen first", [[0, "n1"], [200, "w2"]], [[0, "n1"], [1500, "w2"], [4500, null]]],
  ["what comes together is a list until a tap", [[0, "w1", "n2", "w3"], [9000, "tap"]], [[0, "w1+n2+w3"], [9000, null]]],
  ["so is what comes while a welcome is seen", [[0, "w1"], [100, "w2"], [200, "w3"]], [[0, "w1"], [1000, "w2+w3"]]],
  ["a list grows and is not pushed away", [[0, "w1", "n2"], [5000, "w3"]], [[0, "w1+n2"], [5000, "w1+n2+w3"]]],
  ["a tap leads to the next", [[0, "w1"], [500, "w2"], [600, "tap"]], [[0, "w1"], [600, "w2"], [3600, null]]],
  ["a tap at the one before is none at its follower", [[0, "w1"], [500, "w2"], [1100, "tap"]], [[0, "w1"], [1000, "w2"], [4000, null]]],
  ["nor one at a button that was there before", [[0, "n1"], [100, "tap"]], [[0, "n1"]]],
  ["nor the second of a double one", [[0, "w1"], [500, "w2"], [600, "tap"], [700, "tap"]], [[0, "w1"], [600, "w2"], [3600, null]]],
  ["a key is meant for it", [[0, "n1"], [100, "key"]], [[0, "n1"], [100, null]]],
  ["a question is asked again after an answer came in between", [[0, "q1"], [100, "w2"], [9000, "tap"]], [[0, "q1"], [1500, "w2"], [2500, "q1"], [9000, null]]],
  ["also after several", [[0, "q1"], [100, "w2", "n3"], [9000, "tap"]], [[0, "q1"], [1500, "w2+n3"], [9000, "q1"]]],
  ["it follows what is an answer and is no row in a list", [[0, "w1"], [100, "q2", "w3"]], [[0, "w1"], [1000, "w3"], [2000, "q2"]]],
  ["and pushes no list away", [[0, "w1", "n2"], [100, "q3"], [9000, "tap"]], [[0, "w1+n2"], [9000, "q3"]]],
  ["nor another question", [[0, "q1"], [100, "q2"], [9000, "tap"]], [[0, "q1"], [9000, "q2"]]],
  ["a page that can't be seen shows nothing", [[0, "w1"], [500, "hide"], [60_000, "show"]], [[0, "w1"], [62_500, null]]],
  ["what comes meanwhile is seen afterwards", [[0, "hide"], [10, "w1"], [60_000, "show"]], [[10, "w1"], [63_000, null]]],
]) {
  test(what, async () => {
    const clock = makeClock()
    const shown = []
    const made = (name) => ({ name, stays: name[0] === "w" ? 3000 : null, isChoice: name[0] === "q" })
    const screens = makeScreenQueue({
      ...clock,
      show: (screen) => shown.push([clock.now(), screen && screen.name]),
      listOf: (all) => ({ name: all.map(({ name }) => name).join("+"), stays: null, isList: true }),
    })

    for (const [at, ...acts_] of acts) {
      await clock.pass(at - clock.now())
      if (["tap", "key"].includes(acts_[0])) screens.tap(acts_[0] === "key")
      else if (["hide", "show"].includes(acts_[0])) screens.setVisible(acts_[0] === "show")
      else screens.add(...acts_.map(made))
    }
    await clock.pass(200_000)

    assert.deepEqual(shown, expected)
  })
}

// --- pictures --------------------------------------------------------------------------

/** Each line: what is held up for how many milliseconds, or what is pressed; then what was
    let in, and the screens that were seen. Zoë and Ada are one party, Ben comes alone. */
for (const [what, acts, inside, shown] of [
  ["one ticket is one scan", [[ZOE, 2500]], [ZOE], ["welcome"]],
  ["one still is not enough", [[ZOE, 100]], [], []],
  ["one after the other, quickly", [[ZOE, 500], [BEN, 2500]], [ZOE, BEN], ["welcome", "welcome"]],
  ["two of one party wait for a tap", [[ZOE, ADA, 3000]], [], ["One party"]],
  ["and are let in together by it", [[ZOE, ADA, 1000], ["admit"], [500]], [ADA, ZOE], ["One party", "welcome: Zoë, Ada"]],
  ["who doesn't tap it lets nobody in", [[ZOE, ADA, 1000], ["tap"], [ZOE, ADA, 3000]], [], ["One party"]],
  ["and may take them one by one", [[ZOE, ADA, 1000], ["tap"], [ADA, 2000]], [ADA], ["One party", "welcome"]],
  ["nobody is, while it is asked", [[ZOE, ADA, 1000], [ADA, 2000], [BEN, 2000]], [], ["One party"]],
  ["two parties let nobody in", [[ZOE, BEN, 9000]], [], ["one_at_a_time"]],
  ["but then one of them does", [[ZOE, BEN, 2000], [BEN, 2500]], [BEN], ["one_at_a_time", "welcome"]],
  ["a still in which one is missed changes nothing", [[ZOE, BEN, 900], [BEN, 250], [ZOE, BEN, 900], [ZOE, 250], [ZOE, BEN, 900]], [], ["one_at_a_time"]],
  ["nor if it is the first", [[BEN, 100], [ZOE, BEN, 3000]], [], ["one_at_a_time"]],
  ["three, of whom one is a stranger to the others", [[ZOE, ADA, BEN, 3000]], [], ["one_at_a_time"]],
  ["a ticket and one that was replaced", [[ZOE, OLD, 3000]], [], ["one_at_a_time"]],
  ["who is on the way out is no second one", [[ZOE, 600], ["tap"], [ZOE, BEN, 600], [BEN, 2500]], [ZOE, BEN], ["welcome", "welcome"]],
  ["a poster beside a ticket is nothing", [[POSTER, ZOE, 2500], [POSTER, 4000]], [ZOE], ["welcome"]],
  ["nor if it is read a moment before", [[POSTER, 300], [POSTER, ZOE, 2500]], [ZOE], ["welcome"]],
  ["nor between two of a party", [[POSTER, ZOE, ADA, 2000]], [], ["One party"]],
  ["alone it is no ticket, once", [[POSTER, 9000], ["tap"], [POSTER, 9000]], [], ["unreadable"]],
  ["the same code twice in a picture is one", [[ZOE, ` ${ZOE.toLowerCase()}`, 2500]], [ZOE], ["welcome"]],
  // The same ticket again.
  ["held on it is no second scan", [[ZOE, 20_000]], [ZOE], ["welcome"]],
  ["missed for a moment neither", [[ZOE, 5000], [300], [ZOE, 5000], [400], [ZOE, 5000]], [ZOE], ["welcome"]],
  ["taken away and held up again it is", [[ZOE, 500], [3500], [ZOE, 2000]], [ZOE], ["welcome", "already_in"]],
  ["put away by a tap, too", [[ZOE, 600], ["tap"], [1000], [ZOE, 2000]], [ZOE], ["welcome", "already_in"]],
  ["not while its answer is still there", [[ZOE, 500], [1000], [ZOE, 9000]], [ZOE], ["welcome"]],
  ["a party again tells that they are in", [[ZOE, ADA, 1000], ["admit"], [6000], [ZOE, ADA, 2000]], [ADA, ZOE], ["One party", "welcome: Zoë, Ada", "already_in: Zoë, Ada"]],
  ["one of them being in, the other is asked about", [[ZOE, 500], [6000], [ZOE, ADA, 2000], ["admit"], [500]], [ZOE, ADA], ["welcome", "One party", "welcome"]],
  // Undone it may be scanned again.
  ["what was taken back is as if it was not", [[ZOE, 600], ["undo"], [4000], [ZOE, 1500]], [ZOE], ["welcome", "undone", "welcome"]],
  ["a party is taken back by one tap", [[ZOE, ADA, 1000], ["admit"], [500], ["undo"], [500]], [], ["One party", "welcome: Zoë, Ada", "undone: Zoë, Ada"]],
]) {
  test(`pictures: ${what}`, async () => {
    const tonight = evening()
    for (const act of acts) {
      if (typeof act[0] === "string" && act.length === 1) await tonight.press(act[0])
      else await tonight.hold(act.slice(0, -1), act.at(-1))
    }

    assert.deepEqual([...tonight.inside].sort(), [...inside].sort())
    assert.deepEqual(tonight.seen(), shown)
  })
}

for (const [what, acts, hint] of [
  ["a ticket that is held on is told of by a line", [[ZOE, 5000]], "again"],
  ["which goes with it", [[ZOE, 5000], [1500]], null],
  ["two that are held on, too", [[ZOE, BEN, 2000], ["tap"], [ZOE, BEN, 500]], "several"],
  ["so are two of a party that were not let in", [[ZOE, ADA, 1000], ["tap"], [ZOE, ADA, 500]], "several"],
  ["those who were are scanned already", [[ZOE, ADA, 1000], ["admit"], [ZOE, ADA, 5000]], "again"],
  ["while its screen is there nothing else is", [[ZOE, 2000]], null],
]) {
  test(`a quiet line: ${what}`, async () => {
    const tonight = evening()
    for (const act of acts) {
      if (act.length === 1 && typeof act[0] === "string") await tonight.press(act[0])
      else await tonight.hold(act.slice(0, -1), act.at(-1))
    }

    assert.equal(tonight.hint, hint)
  })
}

test("while it can't be asked what two codes are, nobody is let in", async () => {
  const tonight = evening()
  tonight.network.isOff = true
  await tonight.hold([ZOE, ADA], 4000)

  assert.deepEqual(tonight.seen(), ["one_at_a_time"])
  tonight.network.isOff = false
  await tonight.hold([], 60_000)
  assert.deepEqual([...tonight.inside], [])
})

test("a party is let in together, or not at all while the network is gone", async () => {
  const tonight = evening()
  await tonight.hold([ZOE, ADA], 1000)
  await tonight.press("admit")
  await tonight.clock.pass(65) // the server has it, and its answer is on its way
  tonight.network.isOff = true
  await tonight.hold([], 3000)

  assert.deepEqual(tonight.seen(), ["One party", "welcome: Zoë, Ada"])
})

test("a question is still there after a scanner's answer", async () => {
  const tonight = evening()
  await tonight.hold([ZOE, ADA], 1000)
  await tonight.scanning.keyed({ typed: BEN, places: "" })
  await tonight.hold([ZOE, ADA], 6000)
  await tonight.press("admit")
  await tonight.hold([], 1000)

  assert.deepEqual(tonight.seen(), ["One party", "welcome", "One party", "welcome: Zoë, Ada"])
})

test("what was scanned without network is answered as one list", async () => {
  const tonight = evening()
  tonight.network.isOff = true
  for (const code of [ZOE, BEN, CY]) await tonight.hold([code], 1500)
  assert.deepEqual(tonight.seen(), [])
  tonight.network.isOff = false
  await tonight.hold([], 60_000)

  assert.deepEqual(tonight.seen(), ["3 answers: Zoë welcome, Ben welcome, Cy cancelled"])
  assert.deepEqual([...tonight.inside].sort(), [ZOE, BEN].sort())
})

test("the same ticket waits in the queue once", async () => {
  const tonight = evening()
  tonight.network.isOff = true
  await tonight.hold([ZOE], 1000)
  await tonight.hold([], 2000)
  await tonight.hold([ZOE], 1000)
  tonight.network.isOff = false
  await tonight.hold([], 60_000)

  assert.deepEqual(tonight.seen(), ["welcome"])
})

test("a new start of the camera means what is held up", async () => {
  const tonight = evening()
  await tonight.hold([ZOE], 4000)
  tonight.scanning.beginPictures()
  await tonight.hold([ZOE], 1000)

  assert.deepEqual(tonight.seen(), ["welcome", "already_in"])
})

test("scanners that type scan one after the other, however quickly", async () => {
  const tonight = evening()
  for (const code of [ZOE, BEN, ZOE]) await tonight.scanning.keyed({ typed: code, places: "" })
  await tonight.hold([], 5000)
  for (const typed of [ZOE, "4006381333931"]) {
    await tonight.scanning.keyed({ typed, places: "" })
    await tonight.hold([], 5000)
  }

  assert.equal(tonight.repeats, 1)
  assert.deepEqual(tonight.seen(), ["welcome", "welcome", "already_in", "unreadable"])
})

// --- many seeds ------------------------------------------------------------------------

const SEEDS = Number(process.env.SEEDS ?? 8)
const FIRST = Number(process.env.FIRST_SEED ?? 1)

test(`nobody is let in unseen, in ${SEEDS} random evenings`, async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    const tonight = evening({ seed })
    await tonight.goOn(60_000)
    assert.deepEqual(tonight.faults(), [], `FIRST_SEED=${seed} SEEDS=1`)
  }
})

// --- scanners that stand for a keyboard ------------------------------------------------

/** Presses as `[key, milliseconds since the one before]`, or a text of quick keys. */
for (const [what, presses, expected] of [
  ["quick keys and Enter", ["1EEDEA", ["Enter", 10]], ["1EEDEA"]],
  ["quick keys and Tab", ["1EEDEA", ["Tab", 10]], ["1EEDEA"]],
  ["Enter and a line feed", ["1EEDEA", ["Enter", 10], ["Enter", 10]], ["1EEDEA"]],
  ["one after the other", ["1EEDEA", ["Enter", 10], "2EEDEA", ["Enter", 10]], ["1EEDEA", "2EEDEA"]],
  ["with Shift before each letter", [["Shift", 10], ["A", 1], ["Shift", 10], ["B", 1], "CDEF", ["Enter", 5]], ["ABCDEF"]],
  ["what was pressed before is none of it", [["x", 0], ["y", 400], ["1", 400], "EEDEA", ["Enter", 10]], ["1EEDEA"]],
  ["a slow scanner", [..."1EEDEA"].map((key) => [key, 120]).concat([["Enter", 120]]), ["1EEDEA"]],
  ["somebody who types", [..."1EEDEA"].map((key) => [key, 220]).concat([["Enter", 220]]), []],
  ["quick keys and Enter after a while", ["1EEDEA", ["Enter", 500]], []],
  ["few keys", ["1EE", ["Enter", 10]], []],
  ["Enter alone", [["Enter", 0]], []],
  ["a key between that has no sign", ["1EE", ["ArrowLeft", 5], "DEA", ["Enter", 10]], []],
]) {
  test(`keys: ${what}`, () => {
    const keys = makeKeyboardScanner()
    const scans = []
    let at = 1000
    const press = (key, more = {}) => {
      const done = keys.press({ key, code: "", at, ...more })
      if (done.scan) scans.push(done.scan.typed)
      return done
    }
    for (const one of presses) {
      const list = typeof one === "string" ? [...one].map((key) => [key, 8]) : [one]
      for (const [key, later] of list) {
        at += later
        press(key)
      }
    }

    assert.deepEqual(scans, expected)
  })
}

test("keys: what belongs to a scan does nothing else, and the rest is left alone", () => {
  const keys = makeKeyboardScanner()
  let at = 0
  const press = (key, later = 8, more = {}) => {
    at += later
    return Boolean(keys.press({ key, code: "", at, ...more }).isOurs)
  }

  assert.equal(press("Enter", 900), false)
  assert.equal(press(" ", 900), false)
  for (const key of "ABC") assert.equal(press(key), false)
  assert.equal(press(" "), true)
  for (const key of "DEF") press(key)
  assert.equal(press("Enter"), true)
  assert.equal(press("j", 8, { isCommand: true }), true)
  assert.equal(press("Enter", 900), false)
  for (const key of "ABCDEF") press(key)
  assert.equal(press("m", 8, { isCommand: true }), true)
  // A key that is held down.
  press("A", 900)
  for (let i = 0; i < 20; i += 1) press("A", 30, { isRepeated: true })
  assert.equal(press("Enter", 30), false)
  assert.equal(press("v", 900, { isCommand: true }), false)
})

test("keys: a scanner that ends with no key is heard after a rest, once", () => {
  const keys = makeKeyboardScanner()
  let at = 0
  const press = (key, later = 8) => keys.press({ key, code: "", at: (at += later) })
  const type = (text) => [...text].map((sign) => press(sign))

  press("x", 900)
  press("1", 900)
  type(ZOE.slice(1, 20))
  assert.deepEqual(keys.rest(), {}) // the page was busy, and more is to come
  type(ZOE.slice(20))
  assert.equal(keys.rest().scan.typed, ZOE)
  assert.deepEqual(keys.rest(), {})
  // Its end was only late.
  assert.deepEqual(press("Enter"), { scan: undefined, isOurs: true })
  type(BEN)
  assert.equal(press("Enter").scan.typed, BEN)
  assert.deepEqual(keys.rest(), {})
  for (const sign of CY) press(sign, 200) // somebody types it
  assert.deepEqual(keys.rest(), {})
})

test("keys: the places of the keys are told beside what they gave", () => {
  const keys = makeKeyboardScanner()
  let at = 0
  const press = (key, code) => keys.press({ key, code, at: (at += 8) })
  press("+", "BracketRight")
  press("Shift", "ShiftLeft")
  press("Й", "KeyQ")
  press("Process", "Digit1")
  for (const digit of "1234") press(digit, `Numpad${digit}`)

  assert.deepEqual(press("Enter", "Enter").scan, { typed: "+Й1234", places: "]Q11234" })
})

