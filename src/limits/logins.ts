import { KB, type Limit, MINUTE } from './limit.ts'

/** Proofs of who somebody is. */
export const loginLimits = {
  failedLogins: {
    what: 'failed logins',
    max: 60,
    seconds: MINUTE,
    per: 'address',
    beyond: '429',
    refusal: 'Too many failed logins from your address',
    reason: 'an office fails now and then, a guesser every second; valid credentials pass',
  },
  tokenBytes: {
    what: 'bytes of a token',
    max: 8 * KB,
    per: 'request',
    beyond: '401',
    reason: 'it is parsed before its signature can be checked; usual ones have some hundred',
  },
  callbackQuestionsPerAddress: {
    what: 'concurrent requests to the callback',
    max: 16,
    per: 'address',
    beyond: 'waits up to 3 s, then 429',
    refusal: 'Too many logins are being checked for your address',
    reason: 'one address is not to take the places of all; an office takes turns',
  },
  callbackQuestions: {
    what: 'concurrent requests to the callback, for known and for unknown cookies each',
    max: 64,
    per: 'process',
    beyond: 'waits up to 1 s, then 503',
    refusal: 'Too many logins are being checked. Please try again in a moment.',
    reason: 'clients with invented cookies must not overload the shop through the chat',
  },
  callbackAnswerBytes: {
    what: 'bytes in an answer of the callback',
    max: 64 * KB,
    per: 'request',
    beyond: '503',
    reason: 'an answer is a few names and a number',
  },
} satisfies Record<string, Limit>
