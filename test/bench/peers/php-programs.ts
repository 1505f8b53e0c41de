import { spawnSync } from 'node:child_process'
import { findProgram, whyNoMariadb } from '../../support/mariadb.ts'

/** What a Debian machine has for PHP sites, by path. */
export interface PhpPrograms {
  nginx: string
  phpFpm: string
  php: string
  mariadb: string
}

/** @throws Error that says in one line what is not installed */
export function findPhpPrograms(): PhpPrograms {
  const programs = {
    nginx: findProgram('nginx'),
    phpFpm: findProgram('php-fpm', /^php-fpm[\d.]*$/),
    php: findProgram('php'),
    mariadb: findProgram('mariadb'),
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
    return whyNoMariadb()
  } catch (error) {
    return (error as Error).message
  }
}
