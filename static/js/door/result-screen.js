/* The verdict over the whole screen, as `screen-queue.js` says what is to be seen: one answer,
   a list of several, or the question whether a party is let in together. */

const isLong = (name) => name.length > 24

/** `behind` is what can't be reached meanwhile; `chip` and `row` are templates of one of
    the party and of one answer in a list. `shown` is told of each screen as it appears,
    `pressed` of what was pressed on it (`admit`, `undo`, `leave`, or null to put it away)
    and whether by a key. */
export function makeResultScreen({ section, spoken, behind, chip, row, words, shown, pressed }) {
  const part = (name) => section.querySelector(`[data-${name}]`)
  const next = part("next")
  const admit = part("admit")
  let focusedBefore = null
  let mayAct = true
  let wasList = false // a list that grew is seen from its end

  function draw(screen) {
    if (screen) open(screen)
    else close()
  }

  function open(screen) {
    if (section.hidden) focusedBefore = document.activeElement
    for (const name of ["sign", "word", "name", "ago", "why", "admission"]) {
      part(name).textContent = screen[name]
    }
    part("name").dataset.long = isLong(screen.name) ? "yes" : "no"
    part("rehearsal").hidden = !screen.isRehearsal
    part("again").hidden = true
    part("leave").hidden = !(mayAct && screen.mayLeave)
    part("undo-this").hidden = !(mayAct && screen.mayBeUndone)
    admit.hidden = !(mayAct && screen.isChoice)
    if (screen.isChoice) admit.textContent = words.admit.replace("{number}", screen.admits.length)
    next.textContent = screen.isChoice ? words.notNow : words.next
    part("party").replaceChildren(...screen.party.map(chipOf))
    part("rows").replaceChildren(...screen.rows.map((one) => rowOf(one, screen)))
    const isMuch = screen.rows.length > 3 || screen.rows.some(({ name }) => isLong(name))
    part("rows").dataset.many = isMuch ? "yes" : "no"
    section.dataset.tone = screen.tone
    for (const element of behind) element.inert = true
    // Hidden for a moment, so that the same verdict is seen to come again.
    section.hidden = true
    void section.offsetWidth
    section.hidden = false
    section.scrollTop = screen.isList && wasList ? section.scrollHeight : 0
    wasList = Boolean(screen.isList)
    ;(admit.hidden ? next : admit).focus({ preventScroll: true })
    spoken.textContent = spokenOf(screen)
    shown(screen)
  }

  function chipOf(person) {
    const made = chip.content.firstElementChild.cloneNode(true)
    made.dataset.in = person.is_in ? "yes" : "no"
    if (person.is_this) made.setAttribute("aria-current", "true")
    made.querySelector("[data-mark]").textContent = person.is_in ? "✓" : "○"
    made.querySelector("[data-name]").textContent = person.name
    made.querySelector("[data-state]").textContent = person.is_in ? words.in : words.notIn
    return made
  }

  function rowOf({ tone, sign, name, word, why }, screen) {
    const made = row.content.firstElementChild.cloneNode(true)
    made.dataset.tone = tone
    made.querySelector("[data-sign]").textContent = sign
    made.querySelector("[data-name]").textContent = name || word
    // What the headline says of all need not be said of each.
    const said = name && word !== screen.word ? [word, why] : [why]
    made.querySelector("[data-why]").textContent = said.filter(Boolean).join(" · ")
    return made
  }

  function spokenOf(screen) {
    const missing = screen.party.filter((person) => !person.is_in)
    const party = missing.map((person) => `${person.name}: ${words.notIn}`)
    const rows = screen.rows.map(({ name, word }) => [name, word].filter(Boolean).join(": "))
    const own = [screen.word, screen.name, screen.ago, screen.why]
    return [...own, ...rows, ...party].filter(Boolean).join(". ")
  }

  function close() {
    section.hidden = true
    spoken.textContent = "" // or else the same words again would not be read out
    wasList = false
    for (const element of behind) element.inert = false
    focusedBefore?.focus({ preventScroll: true })
  }

  section.addEventListener("click", ({ target, detail }) => {
    const button = target.closest("[data-press]")
    pressed(button ? button.dataset.press : null, detail === 0)
  })
  // Wherever the focus is: a tap beside the buttons takes it away.
  section.ownerDocument.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !section.hidden) pressed(null, true)
  })

  return {
    draw,
    /** What is shown, now and later, can only be put away. */
    stop() {
      mayAct = false
      for (const button of [part("leave"), part("undo-this"), admit]) button.hidden = true
    },
    /** The code of this very screen was scanned once more. */
    repeat() {
      part("again").hidden = section.hidden
    },
  }
}
