import { DAY, type Limit, MINUTE } from './limit.ts'

/** Files that users send. */
export const uploadLimits = {
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
  uploadsAtOnce: {
    what: 'files coming in',
    max: 10,
    per: 'user',
    beyond: '429',
    refusal: 'Wait until your other files are sent',
    reason: 'a user picks a handful of pictures; most phones send one after the other',
  },
  uploadsAtOncePerAddress: {
    what: 'files coming in',
    max: 32,
    per: 'address',
    beyond: '429',
    refusal: 'Too many files come from your address',
    reason: 'each may lie on the disk, unfinished, for five minutes',
  },
  uploadsAtOnceInAll: {
    what: 'files coming in',
    max: 256,
    per: 'process',
    beyond: '503',
    refusal: 'The server takes many files at the moment. Please try again in a moment.',
    reason: 'each is a file descriptor and up to 20 MB of disk',
  },
  imageParts: {
    what: 'parts of an image (segments of a JPEG, chunks of a PNG or WebP)',
    max: 10_000,
    per: 'request',
    beyond: '413',
    reason: 'each is looked at; a camera writes some dozens, and a long animation a few thousand',
  },
} satisfies Record<string, Limit>
