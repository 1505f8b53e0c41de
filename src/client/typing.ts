/** While the user types, chat:typing is sent at this interval … */
const REPEAT_MS = 3_000
/** … and a pause of this length ends it. */
const PAUSE_MS = 4_000
/** The other user's typing ends without an event for this long: their connection may be lost. */
const EXPIRY_MS = 7_000

type Timer = ReturnType<typeof setTimeout>

/** Turns keystrokes into few chat:typing frames. */
export class OwnTyping {
  readonly #say: (receiverId: number, isTyping: boolean) => void
  readonly #typing = new Map<number, { saidAt: number; timer: Timer }>()

  constructor(say: (receiverId: number, isTyping: boolean) => void) {
    this.#say = say
  }

  /** Call on each keystroke. */
  keyPressed(receiverId: number): void {
    const known = this.#typing.get(receiverId)
    clearTimeout(known?.timer)
    const isDue = known === undefined || Date.now() - known.saidAt >= REPEAT_MS
    if (isDue) this.#say(receiverId, true)
    const timer = setTimeout(() => this.stop(receiverId), PAUSE_MS)
    this.#typing.set(receiverId, { saidAt: isDue ? Date.now() : known.saidAt, timer })
  }

  stop(receiverId: number): void {
    const known = this.#typing.get(receiverId)
    if (known === undefined) return
    clearTimeout(known.timer)
    this.#typing.delete(receiverId)
    this.#say(receiverId, false)
  }

  stopAll(): void {
    for (const receiverId of [...this.#typing.keys()]) this.stop(receiverId)
  }
}

/** The users who type to this one; each expires without a further event. */
export class OthersTyping {
  readonly #onChange: (senderId: number, isTyping: boolean) => void
  readonly #timers = new Map<number, Timer>()

  constructor(onChange: (senderId: number, isTyping: boolean) => void) {
    this.#onChange = onChange
  }

  isTyping(senderId: number): boolean {
    return this.#timers.has(senderId)
  }

  heard(senderId: number, isTyping: boolean): void {
    const wasTyping = this.#timers.has(senderId)
    clearTimeout(this.#timers.get(senderId))
    this.#timers.delete(senderId)
    if (isTyping) {
      this.#timers.set(
        senderId,
        setTimeout(() => this.heard(senderId, false), EXPIRY_MS),
      )
    }
    if (wasTyping !== isTyping) this.#onChange(senderId, isTyping)
  }

  forgetAll(): void {
    for (const senderId of [...this.#timers.keys()]) this.heard(senderId, false)
  }
}
