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
}

export type IsPosted = (path: string) => Promise<boolean>
