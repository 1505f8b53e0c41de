/**
 * One limit: how much of what, for whom, why, and what the one beyond it gets. Every limit that a
 * stranger or a user can run into stands below; the README's table is made of the same rows.
 *
 * By comparison, as they come: Centrifugo 6 takes 64 KB of body and of frame, and disconnects a
 * reader who owes 1 MB; it limits sockets, in all and of a user, where it is told to. Socket.IO 4
 * takes 1 MB of body and of packet, and limits neither sockets nor what their readers owe.
 */
export interface Limit {
  /** What is counted, as the README says it. */
  what: string
  /** So much is allowed; the next is one too many. A text names the setting that says it. */
  max: number | string
  /** Counted over so many seconds; undefined for what is counted at any one time. */
  seconds?: number
  per: 'user' | 'pair of users' | 'address' | 'socket' | 'connection' | 'request' | 'process'
  /** What the one beyond it gets: an HTTP status, a close code, or what happens. */
  beyond: string
  /** Told to the one beyond it; undefined where the place that refuses has its own words. */
  refusal?: string
  /** Why it is there, and why it is no lower. */
  reason: string
}

/** A limit whose number stands in the table itself. */
export type FixedLimit = Limit & { max: number }

const KB = 1024
const MB = 1024 * KB
const MINUTE = 60
const DAY = 24 * 60 * MINUTE

function fixed(limit: FixedLimit): FixedLimit {
  return limit
}

export const limits = {
  // Connections and requests of chat-api.
  httpConnections: fixed({
    what: 'HTTP connections',
    max: 4_096,
    per: 'process',
    beyond: 'idle ones are closed; then the newest is dropped',
    reason: 'each is a file descriptor, and uploads and the database need some too',
  }),
  httpConnectionsPerAddress: fixed({
    what: 'HTTP connections',
    max: 512,
    per: 'address',
    beyond: 'dropped',
    reason: 'a browser opens six; an office behind one address some hundreds',
  }),
  openRequests: fixed({
    what: 'unanswered HTTP requests',
    max: 1,
    per: 'connection',
    beyond: 'the connection is cut',
    reason: 'no client, browser or nginx pipelines; whoever does makes the server hold the answers',
  }),
  requestsPerConnection: fixed({
    what: 'HTTP requests',
    max: 10_000,
    per: 'connection',
    beyond: '`Connection: close`',
    reason: 'what a connection holds on to is let go of now and then',
  }),
  bytesUnderWay: fixed({
    what: 'bytes of bodies and answers in memory',
    max: 64 * MB,
    per: 'process',
    beyond: '503',
    refusal: 'The server is busy. Please try again in a moment.',
    reason: 'a body that never ends, or an answer that nobody reads, is memory',
  }),
  bytesUnderWayPerAddress: fixed({
    what: 'bytes of bodies and answers in memory',
    max: 16 * MB,
    per: 'address',
    beyond: '429',
    refusal: 'Too much is under way from your address',
    reason: 'one address is not to use up what all share; 200 whole bodies fit',
  }),
  requests: {
    what: 'reads, receipts and status requests',
    max: 'CHAT_REQUEST_RATE_LIMIT',
    seconds: MINUTE,
    per: 'user',
    beyond: '429',
    refusal: 'You ask too often',
    reason: 'ten a second is more than a person with several devices makes',
  },
  messages: {
    what: 'messages',
    max: 'CHAT_RATE_LIMIT',
    seconds: MINUTE,
    per: 'user',
    beyond: '429',
    refusal: 'You send too many messages',
    reason: 'two a second: nobody writes faster',
  },
  blocks: fixed({
    what: 'blocks and unblocks',
    max: 30,
    seconds: MINUTE,
    per: 'user',
    beyond: '429',
    refusal: 'You block and unblock too often',
    reason: 'people block now and then; programs build lists',
  }),
  blockList: fixed({
    what: 'blocked users',
    max: 1_000,
    per: 'user',
    beyond: '400',
    reason: 'nobody blocks more by hand; each is a row that stays',
  }),
  pageOffset: fixed({
    what: '`offset` of a page',
    max: 10_000,
    per: 'request',
    beyond: 'counts as that many',
    reason: 'rows passed over cost time each; `before_message_id` goes as far back as one likes',
  }),
  pageLimit: fixed({
    what: 'entries of a page',
    max: 100,
    per: 'request',
    beyond: 'counts as that many',
    reason: 'what is listed is read at once, while others wait',
  }),
  text: {
    what: 'bytes of a text body',
    max: '12 × CHAT_MAX_MESSAGE_LENGTH + 8 KB',
    per: 'request',
    beyond: '413',
    reason: 'the longest message in the longest way to write it, and room for what belongs to it',
  },
  fields: fixed({
    what: 'parameters',
    max: 50,
    per: 'request',
    beyond: '413',
    reason: "the document's longest form has five",
  }),
  fieldNameBytes: fixed({
    what: 'bytes of the name of a parameter',
    max: 100,
    per: 'request',
    beyond: '413',
    reason: 'the longest that is known has 17',
  }),
  clientMessageIdLength: fixed({
    what: 'characters of `client_message_id`',
    max: 64,
    per: 'request',
    beyond: '400',
    reason: 'a UUID has 36; each stands in an index',
  }),
  nameLength: fixed({
    what: 'characters of a name',
    max: 100,
    per: 'user',
    beyond: 'cut',
    reason: 'it goes out with every message',
  }),
  profileUrlLength: fixed({
    what: 'characters of `profile_url`',
    max: 2_000,
    per: 'user',
    beyond: 'dropped',
    reason: 'as long as browsers take; it goes out with every message',
  }),
  eventNameLength: fixed({
    what: 'characters of the name of an event',
    max: 64,
    per: 'request',
    beyond: '400',
    reason: 'as long as `pending_events` takes',
  }),
  eventDataBytes: fixed({
    what: 'bytes of `data` of a broadcast',
    max: 64 * KB,
    per: 'request',
    beyond: '413',
    reason: 'it may go out to every socket',
  }),
  eventDataLevels: fixed({
    what: 'levels of `data` of a broadcast',
    max: 1_000,
    per: 'request',
    beyond: '400',
    reason: "what SQLite's json_valid takes",
  }),

  // Uploads.
  uploads: {
    what: 'files sent',
    max: 'CHAT_UPLOAD_RATE_LIMIT',
    seconds: MINUTE,
    per: 'user',
    beyond: '429',
    refusal: 'You send too many files',
    reason: 'one every two seconds',
  },
  uploadBytes: {
    what: 'bytes of files sent',
    max: 'CHAT_UPLOAD_BYTES_PER_DAY',
    seconds: DAY,
    per: 'user',
    beyond: '429',
    refusal: 'You have sent too much for one day',
    reason: 'all share the disk',
  },
  uploadsAtOnce: fixed({
    what: 'files coming in',
    max: 10,
    per: 'user',
    beyond: '429',
    refusal: 'Wait until your other files are sent',
    reason: 'somebody picks a handful of pictures; most phones send one after the other',
  }),
  uploadsAtOncePerAddress: fixed({
    what: 'files coming in',
    max: 32,
    per: 'address',
    beyond: '429',
    refusal: 'Too many files come from your address',
    reason: 'each may lie on the disk, unfinished, for five minutes',
  }),
  uploadsAtOnceInAll: fixed({
    what: 'files coming in',
    max: 256,
    per: 'process',
    beyond: '503',
    refusal: 'The server takes many files at the moment. Please try again in a moment.',
    reason: 'each is a file descriptor and up to 20 MB of disk',
  }),
  imageParts: fixed({
    what: 'parts of an image (segments of a JPEG, chunks of a PNG or WebP)',
    max: 10_000,
    per: 'request',
    beyond: '413',
    reason: 'each is looked at; a camera writes some dozens, and a long animation a few thousand',
  }),

  // Logins.
  failedLogins: fixed({
    what: 'failed logins',
    max: 60,
    seconds: MINUTE,
    per: 'address',
    beyond: '429',
    refusal: 'Too many failed logins from your address',
    reason: 'an office fails now and then, a guesser every second; who proves who they are passes',
  }),
  tokenBytes: fixed({
    what: 'bytes of a token',
    max: 8 * KB,
    per: 'request',
    beyond: '401',
    reason: 'it is parsed before its signature can be checked; usual ones have some hundred',
  }),
  callbackQuestionsPerAddress: fixed({
    what: 'questions under way to the callback',
    max: 16,
    per: 'address',
    beyond: 'waits up to 3 s, then 429',
    refusal: 'Too many logins are being checked for your address',
    reason: 'one address is not to take the places of all; an office takes turns',
  }),
  callbackQuestions: fixed({
    what: 'questions under way to the callback, about known and about unknown cookies each',
    max: 64,
    per: 'process',
    beyond: 'waits up to 1 s, then 503',
    refusal: 'Too many logins are being checked. Please try again in a moment.',
    reason: 'strangers with invented cookies are not to overload the shop by way of the chat',
  }),
  callbackAnswerBytes: fixed({
    what: 'bytes in an answer of the callback',
    max: 64 * KB,
    per: 'request',
    beyond: '503',
    reason: 'an answer is a few names and a number',
  }),

  // Sockets.
  connects: {
    what: 'new sockets',
    max: 'CHAT_CONNECT_RATE_LIMIT',
    seconds: 1,
    per: 'address',
    beyond: '429',
    refusal: 'Too many connections at once',
    reason: 'all phones of an office come back at once after a restart',
  },
  handshakes: fixed({
    what: 'connections that have not become sockets',
    max: 4_096,
    per: 'address',
    beyond: 'dropped',
    reason: 'each is a file descriptor for up to ten seconds; thousands come back after a restart',
  }),
  sockets: {
    what: 'sockets',
    max: 'CHAT_MAX_CONNECTIONS',
    per: 'process',
    beyond: '4409',
    reason: 'each is a file descriptor and some 8 KB',
  },
  socketsPerAddress: {
    what: 'sockets',
    max: 'CHAT_MAX_CONNECTIONS_PER_ADDRESS',
    per: 'address',
    beyond: '4409',
    reason: 'so that one address cannot take all of them',
  },
  socketsPerUser: {
    what: 'sockets',
    max: 'CHAT_MAX_CONNECTIONS_PER_USER',
    per: 'user',
    beyond: '4409',
    reason: 'phones, tablets and tabs of one person',
  },
  resumedConversations: fixed({
    what: 'conversations changed since `last_message_id`',
    max: 1_000,
    per: 'socket',
    beyond: '`recovered: false`',
    reason: 'each is looked into, 2 ms in all; as many as CHAT_MAX_REPLAY, if that is more',
  }),
  frameBytes: fixed({
    what: 'bytes in a frame of a client',
    max: 4 * KB,
    per: 'socket',
    beyond: '1009',
    reason: 'an honest frame has a hundred',
  }),
  frameFragments: fixed({
    what: 'fragments of a frame',
    max: 8,
    per: 'socket',
    beyond: '1008',
    reason: 'nobody cuts a hundred bytes into pieces',
  }),
  frameChunks: fixed({
    what: 'pieces in which a frame may trickle in',
    max: 32,
    per: 'socket',
    beyond: '1008',
    reason: 'each piece keeps alive the memory that it came in',
  }),
  frames: fixed({
    what: 'frames, pings and pongs of a client',
    max: 50,
    seconds: 1,
    per: 'user',
    beyond: '4429',
    reason: 'somebody who types and reads on several devices needs a handful',
  }),
  frameBytesPerSecond: fixed({
    what: 'bytes of a client',
    max: 64 * KB,
    seconds: 1,
    per: 'user',
    beyond: '4429',
    reason: 'fifty frames of a usual length are a tenth of it',
  }),
  typing: fixed({
    what: 'typing indicators',
    max: 180,
    seconds: MINUTE,
    per: 'user',
    beyond: 'an error frame',
    refusal: 'You say too often that you type',
    reason: 'three a second, in all conversations together',
  }),
  typingToOne: fixed({
    what: 'typing indicators',
    max: 60,
    seconds: MINUTE,
    per: 'pair of users',
    beyond: 'an error frame',
    refusal: 'You say too often that you type',
    reason: 'the other one is told at most once a second',
  }),
  unreadBytes: fixed({
    what: 'bytes that wait for the reader of a socket',
    max: 4 * MB,
    per: 'socket',
    beyond: '4408',
    reason: 'some hundreds of the longest messages, and more than the largest event',
  }),
  waitingEvents: fixed({
    what: 'events that wait for a socket which is told what it missed',
    max: 1_000,
    per: 'socket',
    beyond: '4408',
    reason: 'they are memory; whoever cannot keep up resumes',
  }),

  // What is written down.
  errorLines: fixed({
    what: 'stacks of failed requests in the log',
    max: 60,
    seconds: MINUTE,
    per: 'process',
    beyond: 'not written',
    reason: 'a bug that one request shows, a flood of them shows as well',
  }),
  auditLines: fixed({
    what: 'audit lines in the log',
    max: 1,
    seconds: MINUTE,
    per: 'address',
    beyond: 'not written',
    reason: 'one line says it; a thousand fill the disk',
  }),
  auditLinesInAll: fixed({
    what: 'audit lines in the log',
    max: 600,
    seconds: MINUTE,
    per: 'process',
    beyond: 'not written',
    reason: 'a thousand addresses fill the disk as well',
  }),
} satisfies Record<string, Limit>
