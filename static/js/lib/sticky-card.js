/* Tells the stylesheet how tall a card is, so that one taller than the window stops
   scrolling at its end and not at its beginning. */
export function keepCardInView(card) {
  const tell = () => card.style.setProperty("--card-height", `${card.offsetHeight}px`)
  new ResizeObserver(tell).observe(card)
}
