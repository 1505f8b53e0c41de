/** One row of a list: its element, and how it takes on a new value. */
export interface Row<Value> {
  element: HTMLElement
  update: (value: Value) => void
}

/**
 * Keeps the children of an element in step with a list of values, reusing the element of a value whose
 * key was there before: focus, playback and scrolling survive an update.
 */
export class KeyedList<Value> {
  readonly #container: Element
  readonly #keyOf: (value: Value) => string
  readonly #create: (value: Value) => Row<Value>
  readonly #rows = new Map<string, Row<Value>>()

  constructor(
    container: Element,
    keyOf: (value: Value) => string,
    create: (value: Value) => Row<Value>,
  ) {
    this.#container = container
    this.#keyOf = keyOf
    this.#create = create
  }

  show(values: readonly Value[]): void {
    const keys = new Set(values.map(this.#keyOf))
    for (const [key, { element }] of this.#rows) {
      if (keys.has(key)) continue
      element.remove()
      this.#rows.delete(key)
    }
    let next = this.#container.firstElementChild
    for (const value of values) {
      const { element } = this.#row(value)
      if (element === next) next = next.nextElementSibling
      else this.#container.insertBefore(element, next)
    }
  }

  #row(value: Value): Row<Value> {
    const key = this.#keyOf(value)
    const known = this.#rows.get(key)
    if (known !== undefined) {
      known.update(value)
      return known
    }
    const row = this.#create(value)
    this.#rows.set(key, row)
    return row
  }
}
