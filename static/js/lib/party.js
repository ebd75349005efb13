/* Guests added one by one. Without this there is a number to fill in, and all guests'
   fields are folded away below it. */

/** How many guests to show: those counted, or those something was typed for. */
export function guestsShown(party, filled, most) {
  return Math.min(most, Math.max(party - 1, filled.lastIndexOf(true) + 1, 0))
}

export function prepareParty(box, changed) {
  const guests = [...box.querySelectorAll("[data-guest]")]
  const count = box.querySelector('[name="party"]')
  // More people than there are fields for: the number stays, it alone can say so.
  if (guests.length < Number(box.dataset.most) - 1) return

  const details = box.querySelector("details")
  details.open = true
  details.querySelector("summary").hidden = true
  const number = count.closest(".field")
  number.hidden = !number.querySelector(".field__mistake")

  const add = button("button form__add", box.dataset.add)
  box.append(add)

  let shown = guestsShown(Number(count.value) || 1, guests.map(isFilled), guests.length)
  const show = () => {
    guests.forEach((guest, index) => {
      guest.hidden = index >= shown
    })
    add.hidden = shown >= guests.length
    count.value = String(shown + 1)
    details.hidden = shown === 0
    changed()
  }
  add.addEventListener("click", () => {
    shown += 1
    show()
    guests[shown - 1].querySelector("input, textarea")?.focus()
  })
  guests.forEach((guest, index) => {
    const remove = button("button button--quiet", box.dataset.remove)
    remove.addEventListener("click", () => {
      // Those behind move up; the last place is emptied.
      for (let at = index; at < shown - 1; at += 1) copy(guests[at + 1], guests[at])
      empty(guests[shown - 1])
      shown -= 1
      show()
      add.focus()
    })
    guest.append(remove)
  })
  show()
}

function button(classes, words) {
  const made = document.createElement("button")
  made.type = "button"
  made.className = classes
  made.textContent = words
  return made
}

const inputs = (guest) => [...guest.querySelectorAll("input, textarea")]
const isTicked = (input) => ["radio", "checkbox"].includes(input.type)

function isFilled(guest) {
  return inputs(guest).some((input) => (isTicked(input) ? input.checked : input.value))
}

function copy(from, to) {
  const sources = inputs(from)
  inputs(to).forEach((input, index) => {
    if (isTicked(input)) input.checked = sources[index].checked
    else input.value = sources[index].value
  })
}

function empty(guest) {
  for (const input of inputs(guest)) {
    if (isTicked(input)) input.checked = false
    else input.value = ""
  }
}
