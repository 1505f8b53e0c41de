/** A recording this long is sent: its user has probably forgotten to stop. */
export const RECORDING_SECONDS_MAX = 15 * 60
/** In the order of preference; Safari has only the second. */
const TYPES = ['audio/webm;codecs=opus', 'audio/mp4', 'audio/ogg;codecs=opus']

export interface Recording {
  file: Blob
  seconds: number
}

/** One recording from the microphone. */
export class VoiceRecorder {
  readonly #recorder: MediaRecorder
  readonly #stream: MediaStream
  readonly #context = new AudioContext()
  readonly #analyser: AnalyserNode
  readonly #chunks: Blob[] = []
  readonly #startedAt = performance.now()

  private constructor(stream: MediaStream) {
    this.#stream = stream
    this.#analyser = this.#context.createAnalyser()
    this.#analyser.fftSize = 512
    this.#context.createMediaStreamSource(stream).connect(this.#analyser)
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type))
    this.#recorder = new MediaRecorder(stream, mimeType === undefined ? {} : { mimeType })
    this.#recorder.ondataavailable = ({ data }) => this.#chunks.push(data)
    this.#recorder.start(1_000)
  }

  /** @throws Error with words for the user */
  static async start(): Promise<VoiceRecorder> {
    if (navigator.mediaDevices === undefined) {
      throw new Error('Browsers record only on pages that come over https.')
    }
    try {
      return new VoiceRecorder(await navigator.mediaDevices.getUserMedia({ audio: true }))
    } catch (error) {
      throw new Error(explain(error), { cause: error })
    }
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000
  }

  /** How loud it is now, from 0 to 1. */
  get level(): number {
    const samples = new Float32Array(this.#analyser.fftSize)
    this.#analyser.getFloatTimeDomainData(samples)
    const loudness = Math.sqrt(
      samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length,
    )
    return Math.min(1, loudness * 4)
  }

  async stop(): Promise<Recording> {
    const { seconds } = this
    await new Promise((resolve) => {
      this.#recorder.onstop = resolve
      this.#recorder.stop()
    })
    this.#release()
    return { file: new Blob(this.#chunks, { type: this.#recorder.mimeType }), seconds }
  }

  cancel(): void {
    this.#recorder.stop()
    this.#release()
  }

  #release(): void {
    for (const track of this.#stream.getTracks()) track.stop()
    this.#context.close()
  }
}

function explain(error: unknown): string {
  const name = error instanceof DOMException ? error.name : ''
  if (name === 'NotAllowedError') return 'The microphone is not allowed on this page.'
  if (name === 'NotFoundError') return 'There is no microphone.'
  return 'The microphone cannot be used right now.'
}
