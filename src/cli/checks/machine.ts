import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { ChatError, systemCode } from '../../errors.ts'
import { CERTIFICATE_DAYS_MIN, FILES_BESIDE_SOCKETS } from '../../thresholds.ts'
import { readCertificate } from '../../tls.ts'
import { error, type Finding, ok, warning } from './finding.ts'

const DAY_MS = 24 * 60 * 60 * 1000

export function checkUploads(folder: string): Finding {
  const name = 'uploads'
  try {
    // With the dot, a file in its place is an error.
    accessSync(`${folder}/.`, constants.W_OK | constants.X_OK)
    return ok(name, `${folder} can be written to`)
  } catch (cause) {
    const code = systemCode(cause)
    if (code === 'ENOENT') return warning(name, `${folder} does not exist. chat-api makes it`)
    const advice = 'Make it writable for the user of chat-api, or set CHAT_UPLOADS_DIR'
    return error(name, `${folder} cannot be written to (${code}). ${advice}`)
  }
}

/** The limit of this process: a daemon that is started from the same shell inherits it. */
export function checkOpenFiles(connectionsMax: number): Finding {
  const name = 'open files'
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()
  const needed = connectionsMax + FILES_BESIDE_SOCKETS
  if (limit === 'unlimited' || Number(limit) >= needed) {
    return ok(name, `limit ${limit} here, for CHAT_MAX_CONNECTIONS=${connectionsMax}`)
  }
  const advice = `Raise it to ${needed} (LimitNOFILE in systemd, ulimit -n), or set CHAT_MAX_CONNECTIONS`
  return warning(name, `limit ${limit} here: too low for ${connectionsMax} sockets. ${advice}`)
}

/** Whether the certificate can be used, and when it expires. */
export function checkCertificate(
  files: Pick<Config, 'tlsCert' | 'tlsKey'>,
  now = Date.now(),
): Finding {
  const name = 'TLS'
  try {
    const certificate = readCertificate(files)
    if (certificate === undefined) return ok(name, 'off: CHAT_TLS_CERT is not set')
    const endsAt = Date.parse(new X509Certificate(certificate.cert).validTo)
    const end = `${files.tlsCert} is good until ${new Date(endsAt).toISOString().slice(0, 10)}`
    if (endsAt - now >= CERTIFICATE_DAYS_MIN * DAY_MS) return ok(name, end)
    const message = `${end}. Renew it, then send both programs a SIGHUP`
    return endsAt > now ? warning(name, message) : error(name, message)
  } catch (cause) {
    if (cause instanceof ChatError) return error(name, cause.message)
    throw cause
  }
}
