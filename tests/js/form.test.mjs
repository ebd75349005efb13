/* The registration form's own rules: what is asked, what the button says, who is shown. */
import assert from "node:assert/strict"
import { test } from "node:test"

import { invitationIn, isAsked, sendLabel } from "../../static/js/lib/form.js"
import { localTime } from "../../static/js/lib/local-time.js"
import { guestsShown } from "../../static/js/lib/party.js"
import { forgetSubmissions, newId, submissionFor } from "../../static/js/lib/submission-id.js"

class Storage {
  getItem(key) {
    return this[key] ?? null
  }
  setItem(key, value) {
    this[key] = value
  }
  removeItem(key) {
    delete this[key]
  }
}

for (const [onlyFor, chosen, asked] of [
  [undefined, "hall", true],
  ["", "hall", true],
  ["hall", "hall", true],
  ["hall balcony", "balcony", true],
  ["hall", "webinar", false],
  ["hall", undefined, false],
  ["hall-a", "hall", false],
]) {
  test(`a question for ${onlyFor || "all"} is ${asked ? "" : "not "}asked of ${chosen}`, () => {
    assert.equal(isAsked(onlyFor, chosen), asked)
  })
}

for (const [search, code] of [
  ["", ""],
  ["?invitation=1ABC-DEF", "1ABC-DEF"],
  ["?from=mail&invitation=%201ABC%20", "1ABC"],
  ["?invitation=", ""],
  ["?Invitation=1ABC", ""],
  [`?invitation=${"x".repeat(300)}`, "x".repeat(200)],
]) {
  test(`an address with ${search.slice(0, 40) || "nothing"} carries ${code.slice(0, 20) || "no code"}`, () => {
    assert.equal(invitationIn(search), code)
  })
}

const WORDS = { register: "Register", waitAt: "Join the waitlist ({place} in line)" }

for (const [way, party, label] of [
  [{ left: "", waits: "", line: "" }, 4, "Register"],
  [{ left: "2", waits: "", line: "1st" }, 2, "Register"],
  [{ left: "2", waits: "", line: "1st" }, 3, "Join the waitlist (1st in line)"],
  [{ left: "0", waits: "1", line: "4th" }, 1, "Join the waitlist (4th in line)"],
  [{ left: "1", waits: "1", line: "4th" }, 1, "Join the waitlist (4th in line)"],
  [{ left: "0", waits: "1", line: "" }, 1, "Register"],
]) {
  test(`for ${party} with ${JSON.stringify(way)} the button says ${label}`, () => {
    assert.equal(sendLabel(way, party, WORDS), label)
  })
}

for (const [party, filled, shown] of [
  [1, [false, false, false], 0],
  [2, [false, false, false], 1],
  [1, [true, false, false], 1],
  [1, [false, true, false], 2],
  [9, [false, false, false], 3],
]) {
  test(`a party of ${party} with ${filled} shows ${shown} guests`, () => {
    assert.equal(guestsShown(party, filled, 3), shown)
  })
}

test("the visitor's own hours are told where their clocks differ", () => {
  const starts = new Date("2027-02-04T20:00:00-05:00")
  const ends = new Date("2027-02-04T21:30:00-05:00")

  const told = localTime(starts, ends, "America/New_York", "Europe/Lisbon", "en-GB")

  assert.equal(told.place, "Lisbon")
  assert.match(told.time, /^Friday,? 5 February, 01:00–02:30$/)
})

test("nothing is told where the visitor's clocks show the same", () => {
  const starts = new Date("2027-01-29T18:00:00+01:00")
  const ends = new Date("2027-01-29T21:30:00+01:00")

  assert.equal(localTime(starts, ends, "Europe/Amsterdam", "Europe/Rome", "en-GB"), null)
})

test("a form keeps its id until a registration came of it", () => {
  const storage = new Storage()
  const first = submissionFor("/events/letters", storage)

  assert.equal(submissionFor("/events/letters", storage), first)
  assert.notEqual(submissionFor("/events/other", storage), first)
  forgetSubmissions(storage)
  assert.notEqual(submissionFor("/events/letters", storage), first)
})

test("forgetting leaves alone what is not ours", () => {
  const storage = new Storage()
  storage.setItem("theme", "dark")
  submissionFor("/events/letters", storage)

  forgetSubmissions(storage)

  assert.deepEqual(Object.keys(storage), ["theme"])
})

test("an id can be made on a page served without TLS", () => {
  const bare = { getRandomValues: (bytes) => crypto.getRandomValues(bytes) }

  const id = newId(bare)

  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
