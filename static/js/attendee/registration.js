/* One's own registration: each form once, and only the questions that are asked. The
   next registration form in this tab is another registration. */
import { askOnly } from "../lib/form.js"
import { sendOnce } from "../lib/send-once.js"
import { forgetSubmissions } from "../lib/submission-id.js"

forgetSubmissions(sessionStorage)
for (const form of document.querySelectorAll("form")) sendOnce(form)
for (const form of document.querySelectorAll("[data-asks]")) askOnly(form)
