import type { IncomingMessage, ServerResponse } from 'node:http'
import { allowedMethods } from './routes.ts'

/** How long a browser may remember a preflight's answer: Chrome caps it at two hours. */
const PREFLIGHT_MAX_AGE_SECONDS = 7_200

/** Says whether pages of the request's origin may read the answer. */
export function allowOrigin(
  request: IncomingMessage,
  response: ServerResponse,
  allowedOrigins: readonly string[],
): void {
  const { origin } = request.headers
  response.setHeader('Access-Control-Expose-Headers', 'Retry-After')
  if (allowedOrigins.includes('*')) {
    response.setHeader('Access-Control-Allow-Origin', '*')
    return
  }
  response.setHeader('Vary', 'Origin')
  if (origin === undefined || !allowedOrigins.includes(origin)) return
  response.setHeader('Access-Control-Allow-Origin', origin)
  response.setHeader('Access-Control-Allow-Credentials', 'true')
}

/** Answers a browser that asks beforehand what another site's page may do. */
export function answerPreflight(
  request: IncomingMessage,
  response: ServerResponse,
  methods: readonly string[],
): void {
  const headers = request.headers['access-control-request-headers']
  response.writeHead(204, {
    Allow: allowedMethods(methods),
    'Access-Control-Allow-Methods': allowedMethods(methods),
    'Access-Control-Allow-Headers': headers ?? 'Content-Type, Authorization',
    'Access-Control-Max-Age': PREFLIGHT_MAX_AGE_SECONDS,
  })
  response.end()
}
