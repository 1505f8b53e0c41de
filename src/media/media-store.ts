import type { IncomingMessage } from 'node:http'

/**
 * Where files are kept, under the path that their message has: chat/images/<name>.jpg. A file is
 * kept before its message is committed, and marked until that is known: after a crash, `sweep`
 * looks up what is marked.
 */
export interface MediaStore {
  /** @throws ChatError `setup` that tells the operator what to do */
  prepare(): Promise<void>
  /**
   * Keeps a file, marked; durable when it resolves. Takes the file over, whatever comes of it.
   *
   * @param file a path of this machine
   * @throws ChatError `unavailable` or `busy` when it cannot be kept now
   */
  put(path: string, file: string): Promise<void>
  /**
   * The size of a file that can be served, in bytes; undefined when there is none.
   *
   * @throws ChatError `busy` when that cannot be found out now
   */
  sizeOf(path: string): Promise<number | undefined>
  /** Removes the mark: the message is committed. Idempotent. */
  settle(path: string): Promise<void>
  /** Removes the file: no message will have it. Idempotent. */
  remove(path: string): Promise<void>
  /**
   * Removes files that no message has, and the marks, of what was kept before a time. Idempotent:
   * several processes may do so at once.
   *
   * @param isPosted whether a message has this path
   */
  sweep(isPosted: IsPosted, before: number): Promise<void>
  /**
   * Requests a file from the server that has it, or its head; resolves with the answer, whose body
   * the caller reads, and with undefined when there is none. Missing where files are on this
   * machine, and `send` reads them itself.
   *
   * @throws ChatError `busy` when the server does not give it
   */
  get?: (path: string, asked: Asked) => Promise<IncomingMessage | undefined>
}

export interface Asked {
  method: 'GET' | 'HEAD'
  /** 'bytes=0-99'; undefined for the whole. */
  range?: string
  /** Aborts the request, and its answer. */
  signal: AbortSignal
}

export type IsPosted = (path: string) => Promise<boolean>
