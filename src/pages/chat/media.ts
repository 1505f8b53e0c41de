import type { ChatClient, Message, ThreadItem } from '../../client/chat-client.ts'

/** The files of messages: those that are not sent yet, and those of the server. */
export class MediaFiles {
  readonly #client: ChatClient
  readonly #needsToken: boolean
  readonly #blobs = new Map<string, Promise<Blob>>()
  readonly #addresses = new Map<string, Promise<string>>()

  constructor(client: ChatClient, needsToken: boolean) {
    this.#client = client
    this.#needsToken = needsToken
  }

  /** A URL for `src`. A file that was sent here keeps its URL, so that it does not flicker. */
  address(item: ThreadItem): Promise<string> {
    const known = this.#addresses.get(item.key)
    if (known !== undefined) return known
    const isLocal = item.outgoing?.file !== undefined
    const address =
      isLocal || this.#needsToken
        ? this.blob(item).then((blob) => URL.createObjectURL(blob))
        : Promise.resolve(this.#client.mediaUrl(item.message as Message))
    this.#remember(this.#addresses, item.key, address)
    return address
  }

  blob(item: ThreadItem): Promise<Blob> {
    const known = this.#blobs.get(item.key)
    if (known !== undefined) return known
    const file = item.outgoing?.file
    const blob =
      file === undefined ? this.#client.media(item.message as Message) : Promise.resolve(file)
    this.#remember(this.#blobs, item.key, blob)
    return blob
  }

  /** A failure is forgotten: the next call tries again. */
  #remember<Value>(known: Map<string, Promise<Value>>, key: string, value: Promise<Value>): void {
    known.set(key, value)
    value.catch(() => known.delete(key))
  }
}
