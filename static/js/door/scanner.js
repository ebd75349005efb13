/* The scanner's page: joins the camera, the sending and the screen to the document. */
import { newId } from "../lib/submission-id.js"
import { makeCamera } from "./camera.js"
import { makeDecoder } from "./decoder.js"
import { makeKeyboardScanner, REST } from "./keyboard-scanner.js"
import { prepareManualEntry } from "./manual-entry.js"
import { makeResultScreen } from "./result-screen.js"
import { makeScanController } from "./scan-controller.js"
import { makeSound } from "./sound.js"
import { makeSender } from "./sync.js"
import { clockIn } from "./verdict.js"
import { makeWakeLock } from "./wake-lock.js"

const PATIENCE = 8000 // how long a request may take before it counts as lost
const SLOW = 600 // after this long without an answer the page says that it is asking
const REFRESH = 20_000 // other doors let people in too

export function prepareScanner(door) {
  const find = (name) => door.querySelector(`[data-${name}]`)
  const findAll = (name) => [...door.querySelectorAll(`[data-${name}]`)]
  const troubles = wordsIn(find("troubles"), "why", ({ title }, text) => ({ title, text }))
  const mistakes = wordsIn(find("mistakes"), "mistake", (_data, text) => text)
  const lists = wordsIn(find("lists"), "list", (_data, text) => text)
  const words = {
    ...wordsIn(find("looks"), "verdict", (data) => ({ ...data })),
    guest: door.dataset.guest,
    lists,
  }
  const sound = makeSound()
  const line = makeLine(find("line"))
  let isOver = false
  let asking = null

  // --- what is shown -----------------------------------------------------------------

  const screen = makeResultScreen({
    section: find("verdict"),
    spoken: find("spoken"),
    behind: [...findAll("behind"), ...document.querySelectorAll(".skip")],
    chip: find("chip"),
    row: find("row"),
    words: { ...lists, in: door.dataset.in },
    shown: (shown) => sound.play(shown.sound),
    pressed: (what, isSure) => controller.press(what, isSure),
  })

  const sender = makeSender({
    post: (body) => post(door.dataset.scans, body),
    heard({ counts }) {
      find("count").textContent = door.dataset.countWords
        .replace("{inside}", counts.inside)
        .replace("{expected}", counts.expected)
      const countsFrom = Date.parse(door.dataset.countsFrom)
      find("rehearsal-line").hidden = sender.now() >= countsFrom
    },
    answered(pairs) {
      quiet()
      controller.answered(pairs)
    },
    late(isLate) {
      quiet()
      line.say("late", isLate ? door.dataset.late : "")
    },
    refused: stopForGood,
  })

  const controller = makeScanController({
    sender: { ...sender, send: (scan) => tellIfSlow(sender.send(scan)), ask: askAndTell },
    words,
    clock: clockIn(door.dataset.zone, document.documentElement.lang),
    show: screen.draw,
    hint: (key) => line.say("hint", key ? door.dataset[key] : ""),
    repeated: screen.repeat,
    changed: (mayUndo) => (find("undo").disabled = !mayUndo),
    now: () => performance.now(),
    after,
    newId,
  })

  function tellIfSlow(sending) {
    clearTimeout(asking)
    asking = setTimeout(() => line.say("asking", door.dataset.checking), SLOW)
    return sending
  }

  async function askAndTell(scans) {
    try {
      return await tellIfSlow(sender.ask(scans))
    } finally {
      quiet()
    }
  }

  function quiet() {
    clearTimeout(asking)
    line.say("asking", "")
  }

  find("undo").addEventListener("click", () => controller.undoLast())

  function stopForGood() {
    isOver = true
    camera.stop()
    sound.play("no")
    // Whoever was let in just now is seen until the screen goes.
    screen.stop()
    door.dataset.state = "stopped"
    for (const element of findAll("behind")) element.hidden = true
    find("stopped").hidden = false
  }

  // --- the camera --------------------------------------------------------------------

  const video = find("video")
  const keepAwake = makeWakeLock()
  const decoder = makeDecoder({
    video,
    addresses: door.dataset,
    mayRead: () => camera.isReadable && !document.hidden,
    found: (texts) => controller.picture(texts),
    ready: () => line.say("camera", ""),
    broken() {
      camera.stop()
      tellTrouble("broken")
    },
  })
  const camera = makeCamera({
    media: navigator.mediaDevices,
    isSecure: globalThis.isSecureContext,
    async attach(stream) {
      video.srcObject = stream
      if (stream) await video.play()
    },
    changed: followCamera,
    after,
  })

  function followCamera({ phase, why, canLight, isLit, canSwitch }) {
    const isScanning = phase === "opening" || phase === "on"
    const isWaiting = phase === "opening" || (phase === "on" && !decoder.isReady)
    line.say("camera", isWaiting ? door.dataset.opening : "")
    if (!isScanning) line.say("hint", "")
    keepAwake(phase === "on")
    find("torch").hidden = !canLight
    find("torch").setAttribute("aria-pressed", isLit)
    find("switch").hidden = !canSwitch
    if (phase === "on") decoder.start()
    else decoder.stop()
    if (isOver) return
    if (door.dataset.state !== (isScanning ? "scanning" : "start")) setState(isScanning)
    if (why) tellTrouble(why)
  }

  function setState(isScanning) {
    door.dataset.state = isScanning ? "scanning" : "start"
    find("trouble").hidden = true
    find("camera").hidden = !isScanning
    find("controls").hidden = !isScanning
    for (const element of findAll("start")) element.hidden = isScanning
  }

  function tellTrouble(why) {
    const trouble = troubles[why]
    find("trouble-title").textContent = trouble.title
    find("trouble-text").textContent = trouble.text
    find("trouble").hidden = false
    // Where a new start may do, it comes first; elsewhere codes are typed.
    if (["taken", "busy"].includes(why)) find("begin").focus()
    else openTyped(true)
  }

  find("begin").addEventListener("click", () => {
    sound.unlock()
    controller.beginPictures()
    find("trouble").hidden = true
    openTyped(false)
    camera.start()
  })
  find("pause").addEventListener("click", () => {
    camera.stop()
    find("begin").focus()
  })
  find("switch").addEventListener("click", () => camera.switch())
  find("torch").addEventListener("click", () => camera.light())
  toggle(find("mute"), sound.isMuted, (isOn) => sound.mute(isOn))
  navigator.mediaDevices?.addEventListener?.("devicechange", () => camera.recount())
  document.addEventListener("visibilitychange", () => {
    camera.setVisible(!document.hidden)
    controller.setVisible(!document.hidden)
    if (!document.hidden) sender.hurry()
  })
  addEventListener("pagehide", () => camera.leave())
  addEventListener("pageshow", () => camera.setVisible(!document.hidden))

  // --- the typed code ----------------------------------------------------------------

  const typed = find("typed")
  const field = typed.querySelector("#code")
  const form = prepareManualEntry(find("typed-form"), {
    mistakes,
    send(code) {
      sound.unlock()
      openTyped(false)
      controller.typed(code)
    },
  })

  function openTyped(isOpen) {
    typed.hidden = !isOpen
    for (const button of findAll("type")) button.setAttribute("aria-expanded", isOpen)
    if (isOpen) field.focus()
  }

  for (const button of findAll("type")) {
    button.addEventListener("click", () => {
      sound.unlock()
      openTyped(typed.hidden)
    })
  }
  find("close").addEventListener("click", closeTyped)
  typed.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeTyped()
  })

  function closeTyped() {
    openTyped(false)
    findAll("type").find((button) => button.checkVisibility?.() ?? true)?.focus()
  }

  // --- scanners that stand for a keyboard --------------------------------------------

  let valueBefore = ""
  let resting = null
  const keyboard = makeKeyboardScanner({ began: () => (valueBefore = field.value) })

  // Before anybody else: Enter would press what has the focus.
  addEventListener("keydown", keyDown, true)

  function keyDown(event) {
    if (isOver) return
    const isCommand = event.ctrlKey || event.metaKey || event.altKey
    const { scan, isOurs } = keyboard.press({
      key: event.key ?? "",
      code: event.code,
      at: event.timeStamp,
      isRepeated: event.repeat,
      isCommand: isCommand && !event.getModifierState?.("AltGraph"),
    })
    if (isOurs && !(event.key === " " && event.target === field)) {
      event.preventDefault()
      event.stopImmediatePropagation()
    }
    clearTimeout(resting)
    if (scan) takeKeys(scan, event.target === field)
    else if (event.target !== field) resting = setTimeout(takeRest, REST)
  }

  /** Some scanners end with no key. What is none of our codes is nobody's business then. */
  function takeRest() {
    const { scan } = keyboard.rest()
    if (!scan || isOver) return
    sound.unlock()
    controller.keyed(scan, true)
  }

  /** What came by keys into the field may have been typed by somebody quick. */
  async function takeKeys(scan, isInField) {
    sound.unlock()
    const isCode = await controller.keyed(scan, isInField)
    if (isInField && isCode) field.value = valueBefore
    else if (isInField) form.submit()
  }

  // --- begin -------------------------------------------------------------------------

  const hadMistake = !typed.querySelector("[data-mistake]").hidden
  for (const element of findAll("scripted")) element.hidden = false
  find("close").hidden = false
  setState(false)
  openTyped(hadMistake)
  sender.refresh()
  setInterval(() => document.hidden || sender.refresh(), REFRESH)
  addEventListener("online", () => {
    sender.hurry()
    sender.refresh()
  })
  // What was scanned and not yet sent is known to this page alone.
  addEventListener("beforeunload", (event) => {
    if (sender.isWaiting()) event.preventDefault()
  })
}

/** One line for what several would say; the most urgent is shown. */
function makeLine(element) {
  const said = { late: "", asking: "", camera: "", hint: "" }
  return {
    say(what, text) {
      said[what] = text
      const shown = Object.values(said).find(Boolean) ?? ""
      if (element.textContent !== shown) element.textContent = shown
    },
  }
}

/** Words that stand in a template, by one of their data attributes. */
function wordsIn(template, key, read) {
  const lines = [...template.content.querySelectorAll(`[data-${key}]`)]
  return Object.fromEntries(
    lines.map((line) => [line.dataset[key], read(line.dataset, line.textContent)]),
  )
}

function toggle(button, isOn, changed) {
  button.setAttribute("aria-pressed", isOn)
  button.addEventListener("click", () => {
    const pressed = button.getAttribute("aria-pressed") !== "true"
    button.setAttribute("aria-pressed", pressed)
    changed(pressed)
  })
}

/** Run it after so many milliseconds; gives what calls it off. */
function after(milliseconds, run) {
  const timer = setTimeout(run, milliseconds)
  return () => clearTimeout(timer)
}

async function post(address, body) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout?.(PATIENCE),
  })
  const data = await response.json().catch(() => null)
  // Networks that want a sign-in of their own answer everything with a page.
  if (response.ok && !Array.isArray(data?.verdicts)) throw new Error("not our answer")
  return { status: response.status, data }
}
