type Child = Node | string | undefined | false
type Properties<Tag extends keyof HTMLElementTagNameMap> = {
  [Key in keyof HTMLElementTagNameMap[Tag]]?: HTMLElementTagNameMap[Tag][Key]
}

/** Makes an element: properties by their names in JavaScript, attributes in `attributes`. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties<Tag> = {},
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = Object.assign(document.createElement(tag), properties)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children.filter((child) => child !== undefined && child !== false))
  return made
}

const SVG = 'http://www.w3.org/2000/svg'

/** A picture from icons.svg. Screen readers pass over it: the element around it needs a label. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  const use = document.createElementNS(SVG, 'use')
  use.setAttribute('href', `icons.svg#${name}`)
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  svg.append(use)
  return svg
}

/** An element of the page's HTML. */
export function part<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`The page has no #${id}`)
  return found as Type
}

/** Text that only a screen reader reads. */
export function spoken(text: string): HTMLElement {
  return element('span', { className: 'spoken', textContent: text })
}

/** Writes only what differs: a live region repeats whatever is written into it. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text
}
