import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createSecureContext } from 'node:tls'
import type { Config } from './config/config.ts'
import { ChatError, messageOf, systemCode } from './errors.ts'
import type { Log } from './log.ts'

export interface Certificate {
  cert: Buffer
  key: Buffer
}

/** The settings with the paths of certificate and key. */
type CertificateFiles = Pick<Config, 'tlsCert' | 'tlsKey'>

/**
 * Reads a certificate and its key; undefined when none is set.
 *
 * @throws ChatError `setup` for files that cannot be read or do not belong together
 */
export function readCertificate({ tlsCert, tlsKey }: CertificateFiles): Certificate | undefined {
  if (tlsCert === '') return undefined
  try {
    const certificate = { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) }
    createSecureContext(certificate)
    return certificate
  } catch (error) {
    const reason = systemCode(error) || messageOf(error)
    const files = `CHAT_TLS_CERT ${tlsCert} and CHAT_TLS_KEY ${tlsKey}`
    throw new ChatError('setup', `${files} cannot be used (${reason})`, { cause: error })
  }
}

/** Reads the certificate again; keeps the old one when the new one cannot be used. */
export function renewCertificate(
  files: CertificateFiles,
  log: Log,
  use: (certificate: Certificate) => void,
): void {
  try {
    const certificate = readCertificate(files)
    if (certificate === undefined) return
    use(certificate)
    log.info('The TLS certificate was read again')
  } catch (error) {
    log.warn(`${messageOf(error)}; the old one stays in use`)
  }
}

/** Over TLS: sends HSTS, for a year. */
export function setTransportSecurity(response: ServerResponse): void {
  const isEncrypted = response.socket !== null && 'encrypted' in response.socket
  if (isEncrypted) response.setHeader('Strict-Transport-Security', 'max-age=31536000')
}
