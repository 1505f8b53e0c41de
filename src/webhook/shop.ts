import { Webhook } from 'standardwebhooks'
import { integerFrom } from '../chat/integers.ts'
import type { Config } from '../config/config.ts'
import { ChatError } from '../errors.ts'

/** An application that has not answered by then may still have taken it: it is asked again. */
export const POST_TIMEOUT_MS = 5_000
/** What is read of an answer, so that its connection can be used again. */
const ANSWER_BYTES_MAX = 16 * 1024
const RETRY_AFTER_SECONDS_MAX = 3_600
/** Statuses of the 4xx that are not about the message: 429, and those of a proxy. */
const BUSY = [408, 425, 429]

/**
 * What became of a POST: the application has taken the message; refuses this one; or takes none at
 * the moment, for `error.retryAfterSeconds` if it said so.
 */
export type ShopAnswer =
  | { result: 'taken' }
  | { result: 'refused'; error: ChatError }
  | { result: 'failed'; error: ChatError }

/** The shop's own application at CHAT_WEBHOOK_URL, which knows how to wake phones. */
export class Shop {
  readonly #url: string
  readonly #signer: Webhook

  constructor({ webhookUrl, webhookSecret }: Pick<Config, 'webhookUrl' | 'webhookSecret'>) {
    this.#url = webhookUrl
    this.#signer = new Webhook(webhookSecret)
  }

  /**
   * Posts one webhook, signed as Standard Webhooks has it. Never rejects.
   *
   * @param id the same in each try, by which the application recognises a repeat
   * @param body JSON
   */
  async post(id: string, body: string): Promise<ShopAnswer> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: this.#headers(id, body),
        body,
        // Whoever the redirect leads to was not meant to have the messages.
        redirect: 'manual',
        signal: AbortSignal.timeout(POST_TIMEOUT_MS),
      })
      const answer = answerFrom(response)
      await discard(response)
      return answer
    } catch (cause) {
      return failed('did not answer', { cause })
    }
  }

  #headers(id: string, body: string): Record<string, string> {
    const now = new Date()
    return {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': this.#signer.sign(id, now, body),
    }
  }
}

function answerFrom({ ok, status, headers }: Response): ShopAnswer {
  if (ok) return { result: 'taken' }
  if (status >= 300 && status < 400) return failed(`answered ${status}, a redirect`)
  if (status >= 500 || BUSY.includes(status)) {
    const seconds = integerFrom(headers.get('retry-after')) ?? 0
    const retryAfterSeconds = Math.min(seconds, RETRY_AFTER_SECONDS_MAX)
    return failed(`answered ${status}`, { retryAfterSeconds })
  }
  return { result: 'refused', error: shopError(`answered ${status}`) }
}

function failed(
  what: string,
  options: ConstructorParameters<typeof ChatError>[2] = {},
): ShopAnswer {
  return { result: 'failed', error: shopError(what, options) }
}

function shopError(what: string, options?: ConstructorParameters<typeof ChatError>[2]): ChatError {
  return new ChatError('unavailable', `The application at CHAT_WEBHOOK_URL ${what}`, options)
}

/** The status has said everything: whatever goes wrong with the rest, or is too long, does not matter. */
async function discard(response: Response): Promise<void> {
  try {
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > ANSWER_BYTES_MAX) return
    }
  } catch {}
}
