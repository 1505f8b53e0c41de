import { Mariadb } from '../../support/mariadb.ts'

/** MariaDB's own defaults: among them that a commit is on the disk before it is answered. */
const DEFAULTS = [
  '--innodb-flush-log-at-trx-commit=1',
  '--innodb-buffer-pool-size=128M',
  '--innodb-log-file-size=96M',
]

/** The database of a peer, in `folder`: the same for all that have one. */
export function startMariadb(folder: string): Promise<Mariadb> {
  return Mariadb.start(folder, DEFAULTS)
}
