import { type Limit, MINUTE } from './limit.ts'

/** Lines of the log. */
export const logLimits = {
  errorLines: {
    what: 'stacks of failed requests in the log',
    max: 60,
    seconds: MINUTE,
    per: 'process',
    beyond: 'not written',
    reason: 'a bug that one request shows, a flood of them shows as well',
  },
  auditLines: {
    what: 'audit lines in the log',
    max: 1,
    seconds: MINUTE,
    per: 'address',
    beyond: 'not written',
    reason: 'one line says it; a thousand fill the disk',
  },
  auditLinesInAll: {
    what: 'audit lines in the log',
    max: 600,
    seconds: MINUTE,
    per: 'process',
    beyond: 'not written',
    reason: 'a thousand addresses fill the disk as well',
  },
} satisfies Record<string, Limit>
