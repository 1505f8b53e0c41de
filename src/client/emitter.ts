/** Typed events: `Events` maps each event's name to what its listeners are given. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>()

  /** Calls `listener` on each event from now on; returns a function that ends that. */
  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    // One function may listen twice: each call gets an entry, and an end, of its own.
    const entry = (payload: Events[Name]) => listener(payload)
    listeners.add(entry)
    return () => listeners.delete(entry)
  }

  protected emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        ;(listener as (payload: Events[Name]) => void)(payload)
      } catch (error) {
        // An error of one listener must not stop the others, nor break the socket.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
