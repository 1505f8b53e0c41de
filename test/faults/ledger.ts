/** What a sender knows of a send when it is over. */
export type Answer =
  | { kind: 'acknowledged'; messageId: number }
  /** The service said no: then nothing may come of it. */
  | { kind: 'refused'; status: number }
  /** The connection died, or the answer says nothing: it may have been stored, once. */
  | { kind: 'unknown'; reason: string }

export interface SentFile {
  kind: 'image' | 'voice'
  content: Buffer
}

/** One message that somebody wanted to send. */
export interface Send {
  senderId: number
  receiverId: number
  /** Unlike that of any other send of this run; the caption of a file. */
  body: string
  file: SentFile | undefined
  /** With it a send is tried again until it is answered, as the client library does; without, never. */
  clientMessageId: string | undefined
  /** Where the last try went. */
  apiUrl: string
  /** One for each try. */
  answers: Answer[]
  /** Of the first try, by performance.now(). */
  startedAt: number
  /** Of the last answer, by performance.now(); `startedAt` until it is here. */
  answeredAt: number
}

/** One chat:message frame that a receiver got. */
export interface Delivery {
  receiverId: number
  messageId: number
  body: string
  /** By performance.now(). */
  at: number
}

/** The id that a send was acknowledged with; undefined if it never was. */
export function acknowledgedId(send: Send): number | undefined {
  const answer = send.answers.at(-1)
  return answer?.kind === 'acknowledged' ? answer.messageId : undefined
}

/** Whether nothing may have come of a send: each try was answered, and the answer was no. */
export function isRefused(send: Send): boolean {
  return send.answers.length > 0 && send.answers.every(({ kind }) => kind === 'refused')
}
