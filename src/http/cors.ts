import type { IncomingMessage, ServerResponse } from 'node:http'
import { type HeaderList, setHeaders } from './response.ts'
import { allowedMethods } from './routes.ts'

/** How long a browser may remember a preflight's answer: Chrome caps it at two hours. */
const PREFLIGHT_MAX_AGE_SECONDS = 7_200

const EXPOSED = ['Access-Control-Expose-Headers', 'Retry-After']
const OF_ANY_ORIGIN = [...EXPOSED, 'Access-Control-Allow-Origin', '*']
const OF_ORIGIN = [...EXPOSED, 'Vary', 'Origin']
const WITH_CREDENTIALS = ['Access-Control-Allow-Credentials', 'true']

/** The headers of each answer: whether pages of the request's origin may read it. */
export function originHeaders(
  { headers: { origin } }: IncomingMessage,
  allowedOrigins: readonly string[],
): HeaderList {
  if (allowedOrigins.includes('*')) return OF_ANY_ORIGIN
  if (origin === undefined || !allowedOrigins.includes(origin)) return OF_ORIGIN
  return [...OF_ORIGIN, ...WITH_CREDENTIALS, 'Access-Control-Allow-Origin', origin]
}

/** Answers a browser that asks beforehand what another site's page may do. */
export function answerPreflight(
  request: IncomingMessage,
  response: ServerResponse,
  methods: readonly string[],
  headers: HeaderList,
): void {
  const asked = request.headers['access-control-request-headers']
  setHeaders(response, headers)
  response.writeHead(204, {
    Allow: allowedMethods(methods),
    'Access-Control-Allow-Methods': allowedMethods(methods),
    'Access-Control-Allow-Headers': asked ?? 'Content-Type, Authorization',
    'Access-Control-Max-Age': PREFLIGHT_MAX_AGE_SECONDS,
  })
  response.end()
}
