/* The scanner: all but the camera works without this. */
import { prepareScanner } from "./scanner.js"
import { sendOnce } from "../lib/send-once.js"

for (const form of document.querySelectorAll("[data-send-once]")) sendOnce(form)
for (const door of document.querySelectorAll("[data-door]")) prepareScanner(door)
