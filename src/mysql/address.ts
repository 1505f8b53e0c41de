/** A database of a MySQL-protocol server, and how to get there. */
export interface DatabaseAddress {
  host: string
  port: number
  user: string
  password: string
  database: string
  /** The certificate, in PEM, that signed the server's; undefined for no TLS. */
  ca: string | undefined
}
