/* The scanner's page: joins the camera, the sending and the screen to the document. */
import { newId } from "../lib/submission.js"
import { NoCamera, makeCamera } from "./camera.js"
import { readCode } from "./code.js"
import { makeScreen } from "./screen.js"
import { makeSeen } from "./seen.js"
import { makeSound } from "./sound.js"
import { makeSender } from "./sync.js"
import { prepareTyped } from "./typed.js"
import { clockIn, screenOf } from "./verdict.js"

const PATIENCE = 8000 // how long a request may take before it counts as lost
const SLOW = 600 // after this long without an answer the page says that it is asking
const REFRESH = 20_000 // other doors let people in too

export function prepareDoor(door) {
  const find = (name) => door.querySelector(`[data-${name}]`)
  const findAll = (name) => [...door.querySelectorAll(`[data-${name}]`)]
  const words = {
    looks: wordsIn(find("looks"), "verdict", ({ word, why, whyAtDoor }) => ({
      word,
      why,
      whyAtDoor,
    })),
    troubles: wordsIn(find("troubles"), "why", ({ title }, text) => ({ title, text })),
    mistakes: wordsIn(find("mistakes"), "mistake", (_data, text) => text),
  }
  const clock = clockIn(door.dataset.zone)
  const seen = makeSeen()
  const sound = makeSound()
  const line = find("line")
  let lastChange = null // the last scan, while it can be taken back
  let asking = null

  // --- what comes back ---------------------------------------------------------------

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
      show(pairs)
    },
    late(isLate) {
      clearTimeout(asking)
      if (isLate) line.textContent = door.dataset.late
      else quiet()
    },
    refused: stopForGood,
  })

  function show(pairs) {
    const screens = pairs.map(([scan, entry]) => {
      const answer = entry.error ? { verdict: "not_stored" } : entry
      const looks = { ...words.looks, guest: door.dataset.guest }
      return { ...screenOf(answer, looks, clock), scan }
    })
    const { mayBeUndone, scan } = screens.at(-1)
    setLastChange(mayBeUndone ? scan : null)
    verdict.showAll(screens)
  }

  const verdict = makeScreen({
    section: find("verdict"),
    spoken: find("spoken"),
    behind: findAll("behind"),
    chip: find("chip"),
    words: { in: door.dataset.in, notIn: door.dataset.notIn },
    shown: ({ tone }) => sound.play(tone),
  })

  function quiet() {
    clearTimeout(asking)
    line.textContent = ""
  }

  // --- what is sent ------------------------------------------------------------------

  function send(scan) {
    clearTimeout(asking)
    asking = setTimeout(() => {
      line.textContent ||= door.dataset.checking
    }, SLOW)
    sender.send({ id: newId(), ...scan })
  }

  function setLastChange(scan) {
    lastChange = scan
    find("undo").disabled = scan === null
  }

  function undo(scan) {
    setLastChange(null)
    send({ direction: "undo", of: scan.id })
  }

  async function found(text) {
    if (!seen.isNew(text, Date.now())) return
    const { code } = await readCode(text)
    if (code) send({ code, direction: "in" })
    else show([[{ code: text, direction: "in" }, { verdict: "unreadable" }]])
  }

  find("undo").addEventListener("click", () => undo(lastChange))
  find("undo-this").addEventListener("click", () => undo(verdict.current.scan))
  find("leave").addEventListener("click", () => {
    send({ code: verdict.current.scan.code, direction: "out" })
  })
  prepareTyped(find("typed-form"), {
    mistakes: words.mistakes,
    send(code) {
      sound.unlock()
      openTyped(false)
      send({ code, direction: "in" })
    },
  })

  // --- the camera --------------------------------------------------------------------

  const camera = makeCamera({
    video: find("video"),
    addresses: door.dataset,
    found,
    broken: () => giveUp(new NoCamera("broken")),
  })

  async function begin() {
    sound.unlock()
    setState("scanning")
    try {
      await camera.start()
    } catch (error) {
      giveUp(error)
      return
    }
    find("torch").hidden = !camera.hasTorch()
    find("switch").hidden = (await camera.count()) < 2
  }

  function giveUp(error) {
    camera.stop()
    setState("start")
    const trouble = words.troubles[error.why] ?? words.troubles.broken
    find("trouble-title").textContent = trouble.title
    find("trouble-text").textContent = trouble.text
    find("trouble").hidden = false
    openTyped(true)
  }

  function setState(state) {
    const isScanning = state === "scanning"
    door.dataset.state = state
    find("trouble").hidden = true
    find("camera").hidden = !isScanning
    find("controls").hidden = !isScanning
    for (const element of findAll("start")) element.hidden = isScanning
    openTyped(false)
  }

  function stopForGood() {
    camera.stop()
    sound.play("no")
    for (const element of findAll("behind")) element.hidden = true
    find("verdict").hidden = true
    find("stopped").hidden = false
  }

  find("begin").addEventListener("click", begin)
  find("pause").addEventListener("click", () => {
    camera.stop()
    setState("start")
    find("begin").focus()
  })
  find("switch").addEventListener("click", () => camera.switch().catch(giveUp))
  toggle(find("torch"), false, (isOn) => camera.torch(isOn)?.catch(() => {}))
  toggle(find("mute"), sound.isMuted, (isOn) => sound.mute(isOn))

  // --- the typed code ----------------------------------------------------------------

  const typed = find("typed")

  function openTyped(isOpen) {
    typed.hidden = !isOpen
    for (const button of findAll("type")) button.setAttribute("aria-expanded", isOpen)
    if (isOpen) typed.querySelector("#code").focus()
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

  // --- begin -------------------------------------------------------------------------

  const hadMistake = !typed.querySelector("[data-mistake]").hidden
  for (const element of findAll("scripted")) element.hidden = false
  find("close").hidden = false
  setState("start")
  openTyped(hadMistake)
  sender.refresh()
  setInterval(() => document.hidden || sender.refresh(), REFRESH)
  addEventListener("online", () => sender.refresh())
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
