import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkCertificate } from '../../src/cli/checks/machine.ts'
import { CERTIFICATE_DAYS_MIN } from '../../src/thresholds.ts'
import { type CertificateFiles, makeCertificate } from '../support/certificate.ts'
import { runDoctor } from '../support/doctor.ts'
import { temporaryFolder } from '../support/folders.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** What is found so long before the certificate ends. */
function levelAt({ cert, key }: CertificateFiles, msLeft: number): string {
  const endsAt = Date.parse(new X509Certificate(readFileSync(cert)).validTo)
  return checkCertificate({ tlsCert: cert, tlsKey: key }, endsAt - msLeft).level
}

test('a certificate is a warning in its last 14 days, and an error from its end on', () => {
  const files = makeCertificate(temporaryFolder(), 'own')

  const lastDaysMs = CERTIFICATE_DAYS_MIN * DAY_MS
  expect(levelAt(files, lastDaysMs)).toBe('ok')
  expect(levelAt(files, lastDaysMs - 1)).toBe('warning')
  expect(levelAt(files, 1)).toBe('warning')
  expect(levelAt(files, 0)).toBe('error')
  expect(CERTIFICATE_DAYS_MIN).toBe(14)
})

test('doctor says until when the certificate is good, and how to renew it', async () => {
  const folder = temporaryFolder()
  const { cert, key } = makeCertificate(folder, 'own')

  const { code, found } = await runDoctor(folder, { CHAT_TLS_CERT: cert, CHAT_TLS_KEY: key })

  // It was made for two days.
  expect(code).toBe(0)
  const { level, message } = found('TLS') ?? {}
  expect(level).toBe('warning')
  expect(message).toMatch(
    /own\.crt is good until 2\d{3}-\d\d-\d\d\. Renew it, then send both programs a/,
  )
  expect((await runDoctor(folder)).found('TLS')).toMatchObject({ level: 'ok' })
})

test.for([
  ['belongs to another key', 'own.crt', 'other.key'],
  ['is none', 'own.key', 'own.key'],
  ['cannot be read', 'missing.crt', 'own.key'],
])('a certificate that %s is an error', async ([, cert, key]) => {
  const folder = temporaryFolder()
  for (const name of ['own', 'other']) makeCertificate(folder, name)

  const { code, found } = await runDoctor(folder, {
    CHAT_TLS_CERT: `${folder}/${cert}`,
    CHAT_TLS_KEY: `${folder}/${key}`,
  })

  expect(code).toBe(1)
  expect(found('TLS')).toMatchObject({
    level: 'error',
    message: expect.stringContaining('cannot be used'),
  })
})
