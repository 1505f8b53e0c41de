import type { ThreadItem } from '../../client/chat-client.ts'
import { element, icon } from '../dom.ts'
import type { MediaFiles } from './media.ts'
import { notice } from './notices.ts'
import { spanOf } from './times.ts'
import { BARS, createBars, readWaveform, showLevels } from './waveform.ts'

/** A recording up to this size is loaded when it comes into view, a larger one when it is played. */
const EAGER_BYTES_MAX = 1024 * 1024

let playing: VoicePlayer | undefined

export function stopPlaying(): void {
  playing?.pause()
}

/** A voice message: play, pause, and a waveform that is also the slider to seek with. */
export class VoicePlayer {
  readonly element: HTMLElement
  readonly #files: MediaFiles
  readonly #item: ThreadItem
  readonly #audio = new Audio()
  readonly #button: HTMLButtonElement
  readonly #slider: HTMLInputElement
  readonly #bars = createBars(BARS)
  readonly #clock: HTMLElement
  #seconds: number
  #loading: Promise<void> | undefined
  #frame = 0

  constructor(item: ThreadItem, files: MediaFiles) {
    this.#item = item
    this.#files = files
    this.#seconds = item.message?.media_duration ?? item.outgoing?.duration ?? 0
    this.#button = element('button', { type: 'button', className: 'icon-button accent' })
    this.#slider = element(
      'input',
      { type: 'range', min: '0', max: '1000', value: '0', step: '10' },
      { 'aria-label': 'Position in the voice message' },
    )
    this.#clock = element('span', { className: 'voice-clock' })
    const waveform = element(
      'span',
      { className: 'waveform' },
      {},
      element('span', { className: 'bars' }, { 'aria-hidden': 'true' }, ...this.#bars),
      this.#slider,
    )
    this.element = element('div', { className: 'player' }, {}, this.#button, waveform, this.#clock)
    this.#listen()
    this.#show()
  }

  #listen(): void {
    this.#button.addEventListener('click', () => this.#toggle())
    this.#slider.addEventListener('input', () => this.#seek(Number(this.#slider.value) / 1_000))
    for (const event of ['play', 'pause', 'seeked', 'ended', 'loadedmetadata']) {
      this.#audio.addEventListener(event, () => this.#show())
    }
    this.#audio.addEventListener('ended', () => {
      this.#audio.currentTime = 0
    })
    const bytes = this.#item.message?.file_size ?? this.#item.outgoing?.file?.size ?? 0
    if (bytes > EAGER_BYTES_MAX) return
    const observer = new IntersectionObserver(([entry]) => {
      if (!entry?.isIntersecting) return
      observer.disconnect()
      this.#load().catch(() => {})
    })
    observer.observe(this.element)
  }

  async #toggle(): Promise<void> {
    if (!this.#audio.paused) return this.#audio.pause()
    try {
      await this.#load()
      if (playing !== this) playing?.pause()
      playing = this
      await this.#audio.play()
    } catch {
      notice('This voice message cannot be played here.')
    }
  }

  pause(): void {
    this.#audio.pause()
  }

  async #seek(part: number): Promise<void> {
    await this.#load().catch(() => {})
    this.#audio.currentTime = part * this.#seconds
    this.#show()
  }

  /** Loads the whole file: browsers cannot seek otherwise in what a browser has recorded. */
  #load(): Promise<void> {
    this.#loading ??= this.#loadOnce()
    this.#loading.catch(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #loadOnce(): Promise<void> {
    const blob = await this.#files.blob(this.#item)
    this.#audio.src = URL.createObjectURL(blob)
    try {
      const { levels, seconds } = await readWaveform(blob)
      this.#seconds = seconds
      showLevels(this.#bars, levels)
    } catch {
      // The waveform cannot be drawn; the recording may still play.
    }
    this.#show()
  }

  #show(): void {
    cancelAnimationFrame(this.#frame)
    const isPlaying = !this.#audio.paused
    const at = this.#audio.currentTime
    const played = this.#seconds === 0 ? 0 : Math.min(1, at / this.#seconds)
    const label = isPlaying ? 'Pause voice message' : 'Play voice message'
    if (this.#button.ariaLabel !== label) {
      this.#button.ariaLabel = label
      this.#button.replaceChildren(icon(isPlaying ? 'pause' : 'play'))
    }
    this.#slider.value = String(played * 1_000)
    this.#slider.setAttribute('aria-valuetext', `${spanOf(at)} of ${spanOf(this.#seconds)}`)
    for (const [index, bar] of this.#bars.entries()) {
      bar.classList.toggle('played', index < played * BARS)
    }
    this.#clock.textContent = spanOf(at > 0 ? at : this.#seconds)
    if (isPlaying) this.#frame = requestAnimationFrame(() => this.#show())
  }
}
