import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'

export interface CertificateFiles {
  cert: string
  key: string
}

/** Makes a certificate for localhost that has signed itself; its files are `<name>.crt` and `.key`. */
export function makeCertificate(folder: string, name: string): CertificateFiles {
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  const request = ['req', '-x509', '-nodes', '-days', '2', '-subj', `/CN=${name}`]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const output = ['-keyout', files.key, '-out', files.cert]
  execFileSync('openssl', [...request, ...key, ...names, ...output], { stdio: 'ignore' })
  return files
}

/** Puts a renewed certificate where an old one lies. */
export function replaceCertificate(old: CertificateFiles, renewed: CertificateFiles): void {
  copyFileSync(renewed.cert, old.cert)
  copyFileSync(renewed.key, old.key)
}
