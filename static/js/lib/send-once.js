/* A second press while the first is on its way does nothing. */
export function sendOnce(form) {
  const button = form.querySelector("button")
  let sent = false
  form.addEventListener("submit", (event) => {
    if (sent) return event.preventDefault()
    sent = true
    button?.setAttribute("aria-disabled", "true")
  })
  // Back from the next page the form can be sent again.
  addEventListener("pageshow", () => {
    sent = false
    button?.removeAttribute("aria-disabled")
  })
}
