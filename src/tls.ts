import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createSecureContext } from 'node:tls'
import { ChatError, systemCode } from './errors.ts'

export interface Certificate {
  cert: Buffer
  key: Buffer
}

/**
 * Reads a certificate and its key; undefined when none is set.
 *
 * @throws ChatError `setup` for files that cannot be read or do not belong together
 */
export function readCertificate(certFile: string, keyFile: string): Certificate | undefined {
  if (certFile === '') return undefined
  try {
    const certificate = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
    createSecureContext(certificate)
    return certificate
  } catch (error) {
    const reason = systemCode(error) || (error instanceof Error ? error.message : String(error))
    const files = `CHAT_TLS_CERT ${certFile} and CHAT_TLS_KEY ${keyFile}`
    throw new ChatError('setup', `${files} cannot be used (${reason})`, { cause: error })
  }
}

/** Over TLS: tells the client that this host is not to be asked without it, for a year. */
export function setTransportSecurity(response: ServerResponse): void {
  const isEncrypted = response.socket !== null && 'encrypted' in response.socket
  if (isEncrypted) response.setHeader('Strict-Transport-Security', 'max-age=31536000')
}
