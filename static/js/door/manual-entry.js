/* A code that is typed: checked before it is sent, and the mistake named beside it. */
import { readCode } from "./code.js"

/** `send` gets a code that may be one; `mistakes` are words by what is wrong. Gives what
    sends the form as its button does. */
export function prepareManualEntry(form, { mistakes, send }) {
  const input = form.elements.code
  const line = form.querySelector("[data-mistake]")
  const hint = input.getAttribute("aria-describedby").split(" ")[0]

  function tell(words) {
    line.textContent = words
    line.hidden = !words
    if (words) input.setAttribute("aria-invalid", "true")
    else input.removeAttribute("aria-invalid")
    input.setAttribute("aria-describedby", words ? `${hint} ${line.id}` : hint)
  }

  // Our own words are kinder than the browser's.
  form.noValidate = true
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    submit()
  })
  input.addEventListener("input", () => tell(""))

  async function submit() {
    const { code, mistake } = await readCode(input.value)
    tell(mistake ? mistakes[mistake] : "")
    if (mistake) {
      input.focus()
      return
    }
    input.value = ""
    send(code)
  }

  return { submit }
}
