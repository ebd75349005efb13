/* The verdict over the whole screen: it stays until it is tapped, a welcome for three
   seconds, and the next one takes its place. */

/** A no that just came is not wiped off by the next code in the same picture. */
const FRESH = 1500

/** `behind` is what can't be reached meanwhile; `chip` the template of one of the party;
    `shown` is told of each screen as it appears. */
export function makeScreen({ section, spoken, behind, chip, words, shown }) {
  const part = (name) => section.querySelector(`[data-${name}]`)
  const next = part("next")
  let waiting = []
  let timer = null
  let focusedBefore = null
  let current = null
  let since = 0

  function show(screen) {
    clearTimeout(timer)
    current = screen
    since = Date.now()
    if (section.hidden) focusedBefore = document.activeElement
    for (const name of ["sign", "word", "name", "why", "admission"]) {
      part(name).textContent = screen[name]
    }
    part("name").dataset.long = screen.name.length > 24 ? "yes" : "no"
    part("rehearsal").hidden = !screen.isRehearsal
    part("leave").hidden = !screen.mayLeave
    part("undo-this").hidden = !screen.mayBeUndone
    part("party").replaceChildren(...screen.party.map(chipOf))
    section.dataset.tone = screen.tone
    for (const element of behind) element.inert = true
    // Hidden for a moment, so that the same verdict is seen to come again.
    section.hidden = true
    void section.offsetWidth
    section.hidden = false
    section.scrollTop = 0
    next.focus({ preventScroll: true })
    spoken.textContent = spokenOf(screen)
    shown(screen)
    if (screen.stays) timer = setTimeout(close, screen.stays)
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

  function spokenOf(screen) {
    const missing = screen.party.filter((person) => !person.is_in)
    const party = missing.map((person) => `${person.name}: ${words.notIn}`)
    return [screen.word, screen.name, screen.why, ...party].filter(Boolean).join(". ")
  }

  function close() {
    clearTimeout(timer)
    const [following, ...rest] = waiting
    if (following) {
      waiting = rest
      show(following)
      return
    }
    section.hidden = true
    for (const element of behind) element.inert = false
    focusedBefore?.focus({ preventScroll: true })
  }

  section.addEventListener("click", close)
  section.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close()
  })

  return {
    /** Show the last of them; those before that were no welcome follow, tap by tap. */
    showAll(screens) {
      const isFresh = Date.now() - since < FRESH
      if (!section.hidden && current.stays === null && isFresh) {
        waiting.push(...screens)
        return
      }
      waiting.push(...screens.slice(0, -1).filter((screen) => screen.stays === null))
      show(screens.at(-1))
    },
    get current() {
      return current
    },
  }
}
