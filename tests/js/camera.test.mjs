/* The camera: at most one is ever live, none once it is off, and the page knows. */
import assert from "node:assert/strict"
import { test } from "node:test"

import { makeWakeLock } from "../../static/js/door/wake-lock.js"
import { makeCamera, whyOf } from "../../static/js/door/camera.js"
import { makeClock, settle } from "./clock.mjs"

class Track extends EventTarget {
  readyState = "live"
  muted = false
  torch = false
  constructor(device) {
    super()
    this.device = device
  }
  stop() {
    this.readyState = "ended"
  }
  getSettings() {
    const { id, facing } = this.device
    return { deviceId: id, ...(facing && { facingMode: facing }), torch: this.torch }
  }
  getCapabilities() {
    return { torch: this.device.torch !== undefined }
  }
  async applyConstraints({ advanced: [{ torch }] }) {
    if (this.device.torch === "refuses") throw new Error("OverconstrainedError")
    if (this.device.torch === "works") this.torch = torch
  }
}

const BACK = { id: "back", facing: "environment", torch: "works" }
const WIDE = { id: "wide", facing: "environment" }
const FRONT = { id: "front", facing: "user" }
const DESK = { id: "desk" }
const SHELF = { id: "shelf" }

/** A phone whose camera opens when the test says so: `opens` and `fails` answer the oldest
    question, or the one of that number. */
function phone(devices = [BACK, FRONT], { isSecure = true, isSlow = false, shows } = {}) {
  const clock = makeClock()
  const tracks = []
  const asked = []
  const states = []
  let attached = null
  const media = {
    getUserMedia({ video }) {
      return new Promise((opens, fails) => {
        const { deviceId, facingMode } = video
        const device =
          devices.find(({ id }) => id === deviceId?.exact) ??
          devices.find(({ facing }) => facing && facing === facingMode?.ideal) ??
          devices[0]
        const question = {
          device,
          opens() {
            const track = new Track(device)
            tracks.push(track)
            opens({ getTracks: () => [track], getVideoTracks: () => [track] })
            return settle()
          },
          fails(name) {
            fails(Object.assign(new Error(name), { name }))
            return settle()
          },
        }
        asked.push(question)
        if (!isSlow) question.opens()
      })
    },
    async enumerateDevices() {
      return devices.map(({ id }) => ({ kind: "videoinput", deviceId: id }))
    },
  }
  const camera = makeCamera({
    media,
    isSecure,
    async attach(stream) {
      attached = stream
      if (stream) await shows?.(stream.getVideoTracks()[0])
    },
    changed: (state) => states.push(state),
    after: clock.after,
  })
  return {
    camera,
    clock,
    asked,
    tracks,
    states,
    live: () => tracks.filter(({ readyState }) => readyState === "live").map(({ device }) => device.id),
    get last() {
      return states.at(-1)
    },
    get attached() {
      return attached
    },
    /** Something that happens to the newest track. */
    async happens(event) {
      if (event === "ended") tracks.at(-1).readyState = "ended"
      tracks.at(-1).dispatchEvent(new Event(event))
      await settle()
    },
  }
}

test("a camera that is off while it opens is closed as soon as it is there", async () => {
  const { camera, asked, live, ...here } = phone(undefined, { isSlow: true })
  camera.start()
  await settle()
  camera.stop()
  await asked[0].opens()

  assert.deepEqual(live(), [])
  assert.equal(here.attached, null)
  assert.equal(here.states.at(-1).phase, "off")
})

// Every order in which two or three starts may be answered.
for (const order of [[0, 1], [1, 0], [0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1]]) {
  test(`of ${order.length} starts that come in the order ${order} the last one counts`, async () => {
    const { camera, asked, live } = phone(undefined, { isSlow: true })
    for (const _ of order) {
      camera.switch()
      await settle()
    }
    for (const at of order) await asked[at].opens()

    assert.deepEqual(live(), [asked.at(-1).device.id])
    camera.stop()
    assert.deepEqual(live(), [])
  })

  test(`and none if it is off by then (${order})`, async () => {
    const { camera, asked, live } = phone(undefined, { isSlow: true })
    for (const _ of order) camera.start()
    await settle()
    camera.stop()
    for (const at of order) await asked[at].opens()

    assert.deepEqual(live(), [])
  })
}

test("a start that is overtaken may fail without a word", async () => {
  const { camera, asked, ...here } = phone(undefined, { isSlow: true })
  camera.start()
  await settle()
  camera.switch()
  await settle()
  await asked[1].opens()
  await asked[0].fails("NotReadableError")

  assert.equal(here.states.at(-1).phase, "on")
})

test("a camera that a start of our own still holds is waited for", async () => {
  const { camera, asked, live, states } = phone(undefined, { isSlow: true })
  camera.start()
  await settle()
  camera.switch()
  await settle()
  await asked[1].fails("NotReadableError")
  await asked[0].opens()
  await asked[2].opens()

  assert.deepEqual(live(), ["front"])
  assert.equal(states.at(-1).phase, "on")
})

for (const [what, devices, expected] of [
  ["a phone's looks the other way", [BACK, FRONT], ["back", "front", "back"]],
  ["of two that look the same way it is the other one", [BACK, WIDE], ["back", "wide", "back"]],
  ["a desk's is the next one", [DESK, SHELF], ["desk", "shelf", "desk"]],
]) {
  test(`the other camera: ${what}`, async () => {
    const { camera, live } = phone(devices)
    await camera.start()
    const seen = live()
    for (let i = 0; i < 2; i += 1) {
      await camera.switch()
      seen.push(...live())
    }

    assert.deepEqual(seen, expected)
  })
}

test("where the other camera can't be had the first one is started next time", async () => {
  const { camera, asked, states } = phone(undefined, { isSlow: true })
  camera.start()
  await settle()
  await asked[0].opens()
  camera.switch()
  await settle()
  await asked[1].fails("NotReadableError")

  assert.deepEqual([states.at(-1).phase, states.at(-1).why], ["off", "busy"])
  camera.start()
  await settle()
  assert.equal(asked[2].device.id, "back")
})

test("a camera that is unplugged says so, and starts again", async () => {
  const here = phone()
  await here.camera.start()
  await here.happens("ended")

  assert.deepEqual([here.last.phase, here.last.why], ["off", "taken"])
  assert.equal(here.attached, null)
  await here.camera.start()
  assert.equal(here.last.phase, "on")
  assert.deepEqual(here.live(), ["back"])
})

test("what happens to a camera of before is nothing", async () => {
  const here = phone()
  await here.camera.start()
  const [old] = here.tracks
  await here.camera.switch()
  for (const event of ["ended", "mute"]) old.dispatchEvent(new Event(event))
  await here.clock.pass(5000)

  assert.equal(here.last.phase, "on")
})

test("a call takes the picture away, and brings it back", async () => {
  const here = phone()
  await here.camera.start()
  await here.happens("mute")

  assert.equal(here.camera.isReadable, false)
  assert.equal(here.last.phase, "on") // it may be for a moment only
  await here.clock.pass(600)
  assert.deepEqual([here.last.phase, here.last.why], ["away", "taken"])
  await here.happens("unmute")
  assert.equal(here.last.phase, "on")
  assert.equal(here.camera.isReadable, true)

  await here.happens("mute")
  await here.happens("unmute")
  await here.clock.pass(5000)
  assert.equal(here.last.phase, "on")

  await here.happens("mute")
  await here.clock.pass(600)
  await here.camera.start() // pressed meanwhile
  assert.equal(here.last.phase, "on")
  assert.deepEqual(here.live(), ["back"])
})

test("one that is taken while it opens is not said to be on", async () => {
  for (const [event, phase] of [["ended", "off"], ["mute", "away"]]) {
    const here = phone(undefined, { shows: (track) => track.dispatchEvent(new Event(event)) })
    await here.camera.start()
    await here.clock.pass(1000)

    assert.deepEqual([here.last.phase, here.last.why], [phase, "taken"])
  }
})

test("a start that waited for another and is overtaken asks for nothing more", async () => {
  const { camera, asked, live } = phone(undefined, { isSlow: true })
  camera.start()
  await settle()
  camera.switch()
  await settle()
  await asked[1].fails("NotReadableError")
  camera.stop()
  await asked[0].opens()

  assert.equal(asked.length, 2)
  assert.deepEqual(live(), [])
})

for (const event of ["ended", "mute"]) {
  test(`taken by an app in front (${event}), it is back with the page`, async () => {
    const here = phone()
    await here.camera.start()
    here.camera.setVisible(false)
    await here.happens(event)
    await here.clock.pass(60_000)
    here.camera.setVisible(true)
    await settle()
    if (event === "mute") await here.happens("unmute")
    await here.clock.pass(5000)

    assert.equal(here.last.phase, "on")
    assert.deepEqual(here.live(), ["back"])
  })
}

test("a page that is left has no camera, and has it again when it comes back", async () => {
  const here = phone()
  await here.camera.start()
  here.camera.setVisible(false)
  here.camera.leave()

  assert.deepEqual(here.live(), [])
  here.camera.setVisible(true)
  await settle()
  assert.equal(here.last.phase, "on")

  here.camera.stop()
  here.camera.setVisible(false)
  here.camera.leave()
  here.camera.setVisible(true)
  await settle()
  assert.deepEqual(here.live(), [])
})

for (const [torch, told] of [["works", true], ["refuses", false], ["lies", false]]) {
  test(`a light that ${torch}: the button says ${told ? "on" : "off"}`, async () => {
    const here = phone([{ ...BACK, torch }, FRONT])
    await here.camera.start()
    assert.equal(here.last.canLight, true)
    await here.camera.light()

    assert.equal(here.last.isLit, told)
    if (told) await here.camera.light()
    assert.equal(here.last.isLit, false)
    // Pressed twice, quickly: as it was.
    here.camera.light()
    await here.camera.light()
    assert.equal(here.last.isLit, false)
  })
}

test("another camera has its own light, or none", async () => {
  const here = phone()
  await here.camera.start()
  await here.camera.light()
  await here.camera.switch()
  assert.deepEqual([here.last.canLight, here.last.isLit], [false, false])
  await here.camera.switch()
  assert.deepEqual([here.last.canLight, here.last.isLit], [true, false])

  // Phones put it out while the page is hidden.
  await here.camera.light()
  here.camera.setVisible(false)
  here.tracks.at(-1).torch = false
  here.camera.setVisible(true)
  assert.equal(here.last.isLit, false)
})

for (const [name, why] of [
  ["NotAllowedError", "denied"],
  ["SecurityError", "denied"],
  ["NotFoundError", "missing"],
  ["OverconstrainedError", "missing"],
  ["NotReadableError", "busy"],
  [undefined, "missing"],
]) {
  test(`a camera that fails by ${name} is ${why}`, async () => {
    const { camera, asked, states } = phone(undefined, { isSlow: true })
    camera.start()
    await settle()
    await asked[0].fails(name)

    assert.deepEqual([states.at(-1).phase, states.at(-1).why], ["off", why])
    assert.equal(whyOf({ name }), why)
  })
}

test("where browsers have no camera it is said why", async () => {
  const { camera, states } = phone([BACK], { isSecure: false })
  await camera.start()
  assert.equal(states.at(-1).why, "insecure")

  const without = []
  await makeCamera({ isSecure: true, attach() {}, changed: (state) => without.push(state) }).start()
  assert.equal(without.at(-1).why, "missing")
})

test("whoever starts and stops quickly leaves no screen awake", async () => {
  const asked = []
  let awake = 0
  globalThis.document = Object.assign(new EventTarget(), { hidden: false })
  const keepAwake = makeWakeLock({ request: () => new Promise((done) => asked.push(done)) })
  const give = () => {
    let isHeld = true
    awake += 1
    asked.shift()({ release: () => (awake -= isHeld ? 1 : 0, (isHeld = false)) })
    return settle()
  }
  try {
    for (const isOn of [true, false, true]) keepAwake(isOn)
    await give()
    await give()
    assert.equal(awake, 1)
    keepAwake(false)
    assert.equal(awake, 0)

    for (const isOn of [true, false]) keepAwake(isOn)
    await give()
    assert.equal(awake, 0)
  } finally {
    delete globalThis.document
  }
})

test("one camera has no other", async () => {
  const here = phone([DESK])
  await here.camera.start()

  assert.equal(here.last.canSwitch, false)
})
