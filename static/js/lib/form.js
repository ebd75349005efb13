/* The registration form: only the questions that are asked, guests one by one, a button
   that says what it does. */
import { prepareParty } from "./party.js"
import { sendOnce } from "./send-once.js"
import { submissionFor } from "./submission-id.js"

/** Whether a question is asked of those who chose `admission` (a key). While nothing is
    chosen, only those that everybody is asked are. */
export function isAsked(onlyFor, admission) {
  return !onlyFor || onlyFor.split(" ").includes(admission)
}

/** What the button says: `way` has `left` ("" for no limit), `waits` and `line`. */
export function sendLabel(way, party, words) {
  const fits = !way.waits && (way.left === "" || party <= Number(way.left))
  return fits || !way.line ? words.register : words.waitAt.replace("{place}", way.line)
}

/** The invitation code that an address carries after its `?`, or "". */
export function invitationIn(search) {
  return new URLSearchParams(search).get("invitation")?.trim().slice(0, 200) ?? ""
}

function fieldsOf(fieldset) {
  return [...fieldset.querySelectorAll(":scope > div > .field")]
}

/** The chosen way of attending, or null while none is. */
function chosenIn(form) {
  return form.querySelector('[name="admission"]:is(:checked, [type="hidden"])')
}

/** Shows only the questions for the chosen way, now and at each call of what it gives. */
export function askOnly(form) {
  const questions = [...form.querySelectorAll("[data-only-for]")]
  const groups = [...form.querySelectorAll("[data-shared]")]
  // Who sees only what is asked needn't read for whom it is.
  for (const words of form.querySelectorAll("[data-ways]")) words.hidden = true
  const update = () => {
    const way = chosenIn(form)
    for (const question of questions) {
      question.hidden = !isAsked(question.dataset.onlyFor, way?.value)
    }
    // A heading over nothing would only puzzle.
    for (const group of groups) {
      group.hidden = fieldsOf(group).every((field) => field.hidden)
    }
  }
  form.addEventListener("change", update)
  addEventListener("pageshow", update)
  update()
  return update
}

export function prepareForm(form) {
  const send = form.querySelector("[data-send]")
  const party = form.querySelector("[data-party]")
  const fewer = form.querySelector("[data-fewer]")
  const unchosen = send.textContent
  const ask = askOnly(form)

  const people = () => Number(form.elements.party?.value) || 1
  const update = () => {
    ask()
    const way = chosenIn(form)
    // Who comes alone can't come with fewer.
    if (fewer) fewer.hidden = people() < 2
    send.textContent = way ? sendLabel(way.dataset, people(), send.dataset) : unchosen
  }
  const invitation = form.elements.invitation
  if (invitation && !invitation.value) invitation.value = invitationIn(location.search)
  if (party) prepareParty(party, update)
  form.addEventListener("change", update)
  form.addEventListener("input", update)
  update()

  sendOnce(form)
  addEventListener("pageshow", () => {
    const id = submissionFor(location.pathname, sessionStorage)
    form.elements.submission.value = id
    update()
  })
}
