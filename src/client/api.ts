import { type Upload, uploadWithProgress } from './upload.ts'

export type Fetch = typeof globalThis.fetch

export interface ApiOptions {
  /** Where chat-api answers: 'https://shop.example', or '' for the page's own address. */
  url: string
  fetch: Fetch
  /** The token of CHAT_AUTH=jwt; called for each request, so that it may be renewed. */
  token: (() => string | Promise<string>) | undefined
  /** Whether cookies go along to another origin (CHAT_AUTH=callback). */
  withCredentials: boolean
}

/** A request that was answered with an error, or not at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  /** How long to wait before trying again, when the server says so. */
  readonly retryAfterMs: number | undefined

  constructor(status: number, message: string, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }

  /** Whether the same request may succeed later. */
  get isTemporary(): boolean {
    return this.status === 0 || [401, 408, 425, 429].includes(this.status) || this.status >= 500
  }
}

export interface RawAnswer {
  status: number
  retryAfter: string | null
  body: string
}

/** A request that takes longer than this is taken to be lost: an upload may take longer. */
const TIMEOUT_MS = 20_000

/** The HTTP side of the chat: one call, one answer's `data`. */
export class Api {
  readonly #options: ApiOptions

  constructor(options: ApiOptions) {
    this.#options = options
  }

  /** @throws ApiError */
  async call<Data>(path: string, parameters: object): Promise<Data> {
    const { fetch } = this.#options
    const answer = await unlessUnreachable(async () => {
      const response = await fetch(this.#options.url + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...(await this.#headers()) },
        body: JSON.stringify(parameters),
        credentials: this.#credentials,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      return {
        status: response.status,
        retryAfter: response.headers.get('Retry-After'),
        body: await response.text(),
      }
    })
    return dataOf<Data>(answer)
  }

  /**
   * Sends a form with a file in it.
   *
   * @param onProgress called with the part that is on its way, from 0 to 1
   * @throws ApiError
   */
  async upload<Data>(
    path: string,
    form: FormData,
    onProgress: (part: number) => void,
    signal: AbortSignal,
  ): Promise<Data> {
    const answer = await unlessUnreachable(async () => {
      const upload: Upload = {
        url: this.#options.url + path,
        form,
        headers: await this.#headers(),
        credentials: this.#credentials,
        onProgress,
        signal,
      }
      return uploadWithProgress(upload, this.#options.fetch)
    })
    return dataOf<Data>(answer)
  }

  /** A file of a message, fetched as its reader: a page's own <img> could not show a token. */
  async media(url: string): Promise<Blob> {
    const { fetch } = this.#options
    const response = await fetch(url, {
      headers: await this.#headers(),
      credentials: this.#credentials,
    })
    if (!response.ok) throw new ApiError(response.status, 'The file cannot be had')
    return response.blob()
  }

  get #credentials(): RequestCredentials {
    return this.#options.withCredentials ? 'include' : 'same-origin'
  }

  async #headers(): Promise<Record<string, string>> {
    const token = await this.#options.token?.()
    return token ? { Authorization: `Bearer ${token}` } : {}
  }
}

async function unlessUnreachable(request: () => Promise<RawAnswer>): Promise<RawAnswer> {
  try {
    return await request()
  } catch (error) {
    throw new ApiError(0, 'The chat cannot be reached', undefined, { cause: error })
  }
}

function dataOf<Data>({ status, retryAfter, body }: RawAnswer): Data {
  const answer = parsed(body)
  if (status === 200 && answer?.status === 'success') return answer.data as Data
  const seconds = Number(retryAfter ?? Number.NaN)
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1_000 : undefined
  const message = answer?.message ?? `The chat answered ${status}`
  // A proxy's page in place of an answer means that the chat behind it is down.
  throw new ApiError(answer === undefined && status < 500 ? 502 : status, message, retryAfterMs)
}

function parsed(body: string): { status: string; message: string; data: unknown } | undefined {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
