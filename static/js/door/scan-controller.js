/* From what is seen, typed or sent by a scanner to what the screen shows. It knows no
   document: the page draws, and passes the time in. */
import { readCode, readKeys } from "./code.js"
import { makeCodesInView } from "./codes-in-view.js"
import { makeScreenQueue } from "./screen-queue.js"
import { choiceOf, groupOf, listOf, screenOf } from "./verdict.js"

/** How long to wait for what several codes in a picture are; then nobody is let in. */
const LOOKED = 2500
/** Texts whose reading is remembered, since the camera sees the same ones all the time. */
const REMEMBERED = 50

/** `sender` is what `makeSender` gives; it tells `answered` of each answer. `show` draws a
    screen (null: none), `hint` one quiet line of what is held on: `again`, `several`, or
    null. `repeated` is told where the code of this very screen was scanned once more,
    `changed` whether there is a last scan to take back. */
export function makeScanController({
  sender,
  words,
  clock,
  show,
  hint,
  repeated,
  changed,
  now,
  after,
  newId,
  subtle,
}) {
  const awaited = new Set() // codes that were sent and not yet answered
  const groups = new Map() // by the id of a scan: {ids, pairs} of a party
  let looking = [] // codes of a picture that was asked about
  let last = [] // scans that "Undo last" takes back
  let readings = new Map()
  let inOrder = Promise.resolve()

  const screenQueue = makeScreenQueue({
    show,
    listOf: (several) => withScans(several, listOf(several, words)),
    now,
    after,
  })
  const isShown = (code) => screenQueue.all.some(({ codes }) => codes.includes(code))
  const codesInView = makeCodesInView({
    isBusy: (code) => awaited.has(code) || looking.includes(code) || isShown(code),
    isQuiet: () => !awaited.size && !looking.length && !screenQueue.current,
    mayAct: () => !looking.length && !screenQueue.current?.isChoice,
  })

  // --- what comes in -------------------------------------------------------------------

  /** One after the other, since reading takes a moment and order matters. */
  function queue(step) {
    inOrder = inOrder.then(step).catch((error) => console.error(error))
    return inOrder
  }

  async function read(text) {
    if (!readings.has(text)) {
      if (readings.size >= REMEMBERED) readings = new Map()
      readings.set(text, await readCode(text, subtle))
    }
    return readings.get(text)
  }

  /** The texts of one still. */
  function picture(texts) {
    return queue(async () => {
      const found = await Promise.all(texts.map(read))
      const codes = found.flatMap(({ code }) => code ?? [])
      const others = texts.filter((_text, at) => !found[at].code)
      const { scan, several, foreign, held } = codesInView.see(codes, others, now())
      if (scan) send([{ code: scan, direction: "in" }])
      if (several) ask(several)
      if (foreign !== undefined) put("unreadable", [foreign])
      hint(held && !screenQueue.current && !awaited.size ? HINTS[held] : null)
    })
  }

  /** What a scanner typed, as `makeKeyboardScanner` tells it. Says whether it was a code;
      nothing is shown of what was none where somebody may have typed it (`isTyped`). */
  function keyed(scan, isTyped = false) {
    return queue(async () => {
      const { code, mistake } = await readKeys(scan, subtle)
      if (!code && !isTyped) put(CUT_SHORT.includes(mistake) ? "misread" : "unreadable", [])
      // Many scanners read twice what is held on.
      else if (code && (awaited.has(code) || isShown(code))) repeated()
      else if (code) send([{ code, direction: "in" }])
      return Boolean(code)
    })
  }

  function typed(code) {
    if (awaited.has(code)) repeated()
    else send([{ code, direction: "in" }])
  }

  // --- what is sent --------------------------------------------------------------------

  /** Those that are sent together are shown together. */
  function send(scans) {
    const sent = scans.map((scan) => ({ id: newId(), ...scan }))
    const ids = sent.map(({ id }) => id)
    if (ids.length > 1) {
      const group = { ids, pairs: [] }
      for (const id of ids) groups.set(id, group)
    }
    for (const scan of sent) {
      if (scan.code) awaited.add(scan.code)
      sender.send(scan)
    }
  }

  async function ask(codes) {
    looking = codes
    const asked = codes.map((code) => ({ id: newId(), code, direction: "look" }))
    const entries = await inTime(sender.ask(asked))
    looking = []
    const answers = asked.map(({ id }) => entries?.find((entry) => entry.id === id))
    const [first] = answers
    const isParty =
      first?.party_key && answers.every((one) => one?.party_key === first.party_key)
    if (!isParty) {
      put("one_at_a_time", [])
      return
    }
    const looks = answers
      .map((answer, at) => ({
        ...screenOf(answer, words, clock, sender.now()),
        codes: [codes[at]],
      }))
      .sort((a, b) => a.position - b.position)
    const choice = choiceOf(looks, words)
    if (!choice.isChoice) codesInView.settle(codes)
    add(choice.isChoice ? choice : groupOf(looks, words), codes, [])
  }

  function inTime(promise) {
    return new Promise((done) => {
      const callOff = after(LOOKED, () => done(null))
      promise.catch(() => null).then((value) => {
        callOff()
        done(value)
      })
    })
  }

  // --- what comes back -----------------------------------------------------------------

  /** Of each scan its answer, as the sender tells it. */
  function answered(pairs) {
    const single = []
    for (const [scan, entry] of pairs) {
      awaited.delete(scan.code)
      const group = groups.get(scan.id)
      if (group) answeredOf(group, [scan, entry])
      else single.push(made([scan, entry]))
    }
    if (!single.length) return
    setLast(single.at(-1).mayBeUndone ? single.at(-1).scans : [])
    screenQueue.add(...single)
  }

  function answeredOf(group, pair) {
    group.pairs.push(pair)
    if (group.pairs.length < group.ids.length) return
    for (const id of group.ids) groups.delete(id)
    const several = group.pairs.map(made)
    setLast(several.filter((one) => one.mayBeUndone).flatMap(({ scans }) => scans))
    screenQueue.add(withScans(several, groupOf(several, words)))
  }

  function made([scan, entry]) {
    const answer = entry.error ? { verdict: "not_stored" } : entry
    const screen = screenOf(answer, words, clock, sender.now())
    return { ...screen, scans: [scan], codes: scan.code ? [scan.code] : [] }
  }

  function withScans(screens, screen) {
    return {
      ...screen,
      scans: screens.flatMap(({ scans }) => scans),
      codes: screens.flatMap(({ codes }) => codes),
    }
  }

  /** Something that is no answer of the server's. */
  function put(verdict, codes) {
    add(screenOf({ verdict }, words, clock), codes, [])
  }

  function add(screen, codes, scans) {
    screenQueue.add({ ...screen, codes, scans })
  }

  function setLast(scans) {
    last = scans
    changed(scans.length > 0)
  }

  function undo(scans) {
    if (scans === last) setLast([])
    send(scans.map(({ id }) => ({ direction: "undo", of: id })))
  }

  return {
    picture,
    keyed,
    typed,
    answered,
    undoLast: () => undo(last),
    /** Put the screen away, and do what was pressed on it: `admit`, `undo`, `leave`, or
        nothing; `isSure`: by a key. */
    press(what, isSure) {
      const screen = screenQueue.current
      if (!screenQueue.tap(isSure)) return
      if (what === "undo") {
        setLast([])
        undo(screen.scans)
      }
      if (what === "leave") send([{ code: screen.scans[0].code, direction: "out" }])
      if (what === "admit" && screen.isChoice) {
        codesInView.settle(screen.codes)
        send(screen.admits.map((code) => ({ code, direction: "in" })))
      }
    },
    setVisible: screenQueue.setVisible,
    /** The camera begins anew. */
    beginPictures: codesInView.forgetAll,
  }
}

const HINTS = { code: "again", several: "several" }
const CUT_SHORT = ["short", "long", "typo"]
