import { reasonOf } from '../../client/reason.ts'
import { part, setText } from '../dom.ts'
import { notice } from './notices.ts'
import { spanOf } from './times.ts'
import { RECORDING_SECONDS_MAX, type Recording, VoiceRecorder } from './voice-recorder.ts'
import { createBars, LEVEL_MIN, showLevels } from './waveform.ts'

const METER_BARS = 32
/** Between two bars of the meter, in ms. */
const METER_INTERVAL_MS = 80
/** Shorter than this is a slip of the finger, in seconds. */
const SECONDS_MIN = 0.4

/** Stands in place of the composer during a recording: how long, how loud, discard or send. */
export class RecordingBar {
  readonly #onRecorded: (recording: Recording) => void
  readonly #meter = createBars(METER_BARS)
  #levels: number[] = []
  #recorder: VoiceRecorder | undefined
  #isStarting = false
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(onRecorded: (recording: Recording) => void) {
    this.#onRecorded = onRecorded
    part('recording-meter').append(...this.#meter)
    part('record').addEventListener('click', () => this.#start())
    part('recording-cancel').addEventListener('click', () => this.#leave())
    part('recording-send').addEventListener('click', () => this.#finish())
    part('recording').addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.#leave()
    })
  }

  /** Forgets a recording under way. */
  cancel(): void {
    this.#recorder?.cancel()
    this.#recorder = undefined
    this.#show()
  }

  async #start(): Promise<void> {
    if (this.#isStarting || this.#recorder !== undefined) return
    this.#isStarting = true
    try {
      this.#recorder = await VoiceRecorder.start()
      this.#show()
      part('recording-send').focus()
    } catch (error) {
      notice(reasonOf(error))
    } finally {
      this.#isStarting = false
    }
  }

  #leave(): void {
    this.cancel()
    part('record').focus()
  }

  async #finish(): Promise<void> {
    const recorder = this.#recorder
    if (recorder === undefined) return
    if (recorder.seconds < SECONDS_MIN) return this.#leave()
    this.#recorder = undefined
    const recording = await recorder.stop()
    this.#show()
    part('record').focus()
    this.#onRecorded(recording)
  }

  #show(): void {
    const isRecording = this.#recorder !== undefined
    part('recording').hidden = !isRecording
    part('composer').classList.toggle('recording', isRecording)
    clearInterval(this.#timer)
    this.#levels = Array(METER_BARS).fill(LEVEL_MIN)
    if (!isRecording) return
    this.#tick()
    this.#timer = setInterval(() => this.#tick(), METER_INTERVAL_MS)
  }

  #tick(): void {
    const recorder = this.#recorder
    if (recorder === undefined) return
    setText(part('recording-time'), spanOf(recorder.seconds))
    this.#levels = [...this.#levels.slice(1), Math.max(LEVEL_MIN, recorder.level)]
    showLevels(this.#meter, this.#levels)
    if (recorder.seconds >= RECORDING_SECONDS_MAX) this.#finish()
  }
}
