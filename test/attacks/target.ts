import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../faults/random.ts'
import type { Headers } from './mode.ts'
import { upgrade } from './request.ts'
import { Wire } from './wire.ts'

/** What is known of the service by whoever attacks it; as plain data, since they are another process. */
export interface Scene {
  apiUrl: string
  daemonUrl: string
  /** What the attackers that are users prove it with, by user id; undefined where nobody has to. */
  credentials: Record<number, Headers> | undefined
  /** A user who is online all the time, and is nobody's enemy. */
  victimId: number
  /** The path of a picture that somebody has sent. */
  mediaPath: string
}

/** Users of the attackers are numbered from 1. The first two have a long conversation. */
export const ATTACKER_COUNT = 40
const STRANGERS = '127.0.0.1'
/** Elsewhere: the logins of strangers fail, until their address is not listened to any more. */
const USERS = '127.0.0.3'

/** A status that was answered at one of the two doors; `head` with the headers. */
export type OnAnswer = (door: 'api' | 'daemon', status: number, head: string) => void

/** The service as one attack sees it: by whom, and through which connections. */
export class Target {
  readonly scene: Scene
  readonly userId: number
  /** What the attacker says of itself in every request: nothing, if it is a stranger. */
  readonly headers: Headers
  readonly #localAddress: string
  readonly #onAnswer: OnAnswer
  readonly #wires: Wire[] = []

  constructor(scene: Scene, random: Random, onAnswer: OnAnswer) {
    this.scene = scene
    this.userId = random.pick([1, 2, random.integer(1, ATTACKER_COUNT)])
    const isStranger = scene.credentials === undefined || random.next() < 0.5
    this.headers = isStranger ? {} : (scene.credentials?.[this.userId] ?? {})
    this.#localAddress = isStranger ? STRANGERS : USERS
    this.#onAnswer = onAnswer
  }

  /** With whom the attacker has a conversation: the first two a long one. */
  get peerId(): number {
    return this.userId === 1 ? 2 : 1
  }

  /** Connects to the API. */
  openApi(): Promise<Wire> {
    return this.#open('api', this.scene.apiUrl)
  }

  /** Connects to the daemon, and says nothing yet. */
  openDaemon(): Promise<Wire> {
    return this.#open('daemon', this.scene.daemonUrl)
  }

  /** Opens a WebSocket; whether one comes of it, the wire tells. */
  async openSocket(query = `user_id=${this.userId}`): Promise<Wire> {
    const wire = await this.openDaemon()
    await wire.ask(upgrade(query, this.headers))
    return wire
  }

  /** As many connections as there are to be had. */
  async openMany(count: number, open: () => Promise<Wire>): Promise<Wire[]> {
    const results = await Promise.allSettled(Array.from({ length: count }, open))
    return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  }

  pause(milliseconds: number): Promise<void> {
    return delay(milliseconds)
  }

  /** Hangs up everything. */
  close(): void {
    for (const wire of this.#wires) wire.hangUp()
  }

  async #open(door: 'api' | 'daemon', url: string): Promise<Wire> {
    const onAnswer = (status: number, head: string) => this.#onAnswer(door, status, head)
    const wire = await Wire.open(url, { localAddress: this.#localAddress, onAnswer })
    this.#wires.push(wire)
    return wire
  }
}
