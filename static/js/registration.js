/* After registering: the next form in this tab is another registration. */
import { sendOnce } from "./lib/send-once.js"
import { forgetSubmissions } from "./lib/submission.js"

forgetSubmissions(sessionStorage)
for (const form of document.querySelectorAll("form")) sendOnce(form)
