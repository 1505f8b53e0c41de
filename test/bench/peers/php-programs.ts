import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What a Debian machine has for PHP sites, by path. */
export interface PhpPrograms {
  nginx: string
  phpFpm: string
  php: string
  mariadbd: string
  mariadbInstallDb: string
  mariadb: string
}

/** Where a name is looked for: daemons are not in everybody's PATH. */
const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']

/** @throws Error that says in one line what is not installed */
export function findPhpPrograms(): PhpPrograms {
  const programs = {
    nginx: find('nginx', /^nginx$/),
    phpFpm: find('php-fpm', /^php-fpm[\d.]*$/),
    php: find('php', /^php$/),
    mariadbd: find('mariadbd', /^mariadbd$/),
    mariadbInstallDb: find('mariadb-install-db', /^mariadb-install-db$/),
    mariadb: find('mariadb', /^mariadb$/),
  }
  const hasDriver = 'exit(extension_loaded("pdo_mysql") ? 0 : 1);'
  if (spawnSync(programs.php, ['-r', hasDriver]).status !== 0) {
    throw new Error('php-mysql is not installed')
  }
  return programs
}

/** Why the PHP peer cannot run here; undefined if it can. */
export function whyNoPhp(): string | undefined {
  try {
    findPhpPrograms()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function find(name: string, pattern: RegExp): string {
  for (const folder of FOLDERS) {
    const file = filesIn(folder).find((candidate) => pattern.test(candidate))
    if (file !== undefined) return join(folder, file)
  }
  throw new Error(`${name} is not installed`)
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
