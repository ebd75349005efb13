/* The event page: everything on it works without this; with it the form is shorter. */
import { keepCardInView } from "../lib/sticky-card.js"
import { showLocalTime } from "../lib/local-time.js"
import { prepareForm } from "../lib/form.js"

for (const line of document.querySelectorAll("[data-local-time]")) showLocalTime(line)
for (const card of document.querySelectorAll("[data-card]")) keepCardInView(card)
for (const form of document.querySelectorAll("[data-form]")) prepareForm(form)
document.querySelector("#mistakes")?.focus()
