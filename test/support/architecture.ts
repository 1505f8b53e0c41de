import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'

/** A part of src/: a folder, or a file beside the folders, by its name; of pages/ each page is one. */
type Part = string

/** What every part may know about. */
const LEAVES: Part[] = [
  'config',
  'errors',
  'jobs',
  'limits',
  'listener',
  'log',
  'metrics',
  'outage',
  'thresholds',
  'tls',
  'urls',
]

/** Which part may import which others; a part may always import from itself. */
const IMPORTS: Record<Part, Part[]> = {
  cli: ['http', 'websocket', 'webhook', 'auth', 'media', 'chat', 'sqlite', 'mysql', ...LEAVES],
  http: ['auth', 'media', 'chat', ...LEAVES],
  websocket: ['auth', 'chat', ...LEAVES],
  webhook: ['chat', ...LEAVES],
  auth: ['chat', ...LEAVES],
  media: ['config', 'errors', 'limits', 'log', 'outage'],
  chat: ['errors', 'limits', 'thresholds'],
  sqlite: ['chat', 'errors', 'jobs', 'limits', 'log', 'outage', 'thresholds'],
  mysql: ['chat', 'errors', 'jobs', 'limits', 'log', 'outage', 'thresholds'],
  client: [],
  'pages/chat': ['client', 'pages/dom'],
  // To be copied, so it imports the library by the name of its package.
  'pages/react': [],
  'pages/status': ['client', 'pages/dom'],
  'pages/dom': [],

  jobs: ['log', 'outage'],
  config: ['errors', 'log'],
  log: [],
  metrics: [],
  errors: [],
  limits: ['errors'],
  thresholds: [],
  outage: ['errors', 'log'],
  tls: ['config', 'errors', 'log'],
  listener: ['errors', 'limits', 'tls'],
  urls: [],
}

/** Where each package may be imported; one that is not here, nowhere. */
const PACKAGES: Record<string, Part[]> = {
  'better-sqlite3': ['sqlite'],
  mysql2: ['mysql'],
  'node-cron': ['jobs'],
  aws4fetch: ['media'],
  busboy: ['http'],
  'file-type': ['media'],
  send: ['http'],
  standardwebhooks: ['webhook'],
  ws: ['websocket', 'client'],
  commander: ['cli'],
  jose: ['auth'],
  'prom-client': ['metrics'],
  'rate-limiter-flexible': ['limits'],
  'chat-websocket': ['pages/react'],
  react: ['pages/react'],
  'react-dom': ['pages/react'],
  uplot: ['pages/status'],
}

/** The process as a whole is the command line's: nobody else reads its environment or ends it. */
const PROCESS_PART: Part = 'cli'
const PROCESS_USE = /\bprocess\s*(?:\?\.|\.)\s*(env|exit|exitCode|abort|on|once|addListener)\b/g
/** Ways around the pattern above. */
const PROCESS_DETOUR = /\bprocess\s*\[|\}\s*=\s*process\b/g

/** In quotes the word is none. */
const STATIC_IMPORT = /(?<!['"])\b(?:import|export)\b(?:[\s\w*{},$]*?\bfrom)?\s*(['"])([^'"]+)\1/g
const DYNAMIC_IMPORT = /\b(?:import|require)\s*\(\s*(['"`])([^'"`]+)\1/g
const COMPUTED_IMPORT = /\b(?:import|require)\s*\(\s*[^'"`\s]/g
/** How a thread is named: new URL('./checkpoint-worker.js', import.meta.url). */
const MODULE_URL = /\bnew\s+URL\(\s*(['"])(\.[^'"]+\.[jt]sx?)\1/g
const COMMENT = /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g

/** Everything in the source tree at `folder` that the tables above do not allow, a line each. */
export function violations(folder: string): string[] {
  return sourcesIn(folder).flatMap((file) => {
    const source = readSource(folder, file)
    const found = [...importViolations(file, source), ...processViolations(file, source)]
    return found.map((violation) => `${file} ${violation}`)
  })
}

export function sourcesIn(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return files.filter((file) => /\.tsx?$/.test(file)).sort()
}

/** Without its comments. */
function readSource(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8').replace(COMMENT, '$1')
}

function importViolations(file: string, source: string): string[] {
  const part = partOf(file)
  if (IMPORTS[part] === undefined) return ['is in no known part']
  const specifiers = [STATIC_IMPORT, DYNAMIC_IMPORT, MODULE_URL].flatMap((pattern) =>
    [...source.matchAll(pattern)].map((match) => match[2] as string),
  )
  const computed = [...source.matchAll(COMPUTED_IMPORT)].map(() => 'imports what it computes')
  const forbidden = specifiers.filter((specifier) => !isAllowed(file, part, specifier))
  return [...computed, ...forbidden.map((specifier) => `imports ${specifier}`)]
}

function isAllowed(file: string, part: Part, specifier: string): boolean {
  if (specifier.startsWith('.')) {
    const imported = partOf(join(dirname(file), specifier))
    return imported === part || IMPORTS[part]?.includes(imported) === true
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  if (['process', 'node:process'].includes(specifier)) return part === PROCESS_PART
  // SQLite has one folder, whoever makes the engine.
  if (specifier === 'node:sqlite') return part === 'sqlite'
  if (specifier.startsWith('node:') || builtinModules.includes(name)) return true
  return PACKAGES[name]?.includes(part) === true
}

function processViolations(file: string, source: string): string[] {
  if (partOf(file) === PROCESS_PART) return []
  const uses = [...source.matchAll(PROCESS_USE)].map(([, use]) => `uses process.${use}`)
  return [...uses, ...[...source.matchAll(PROCESS_DETOUR)].map(() => 'takes process apart')]
}

/** 'http' for http/endpoints/health.ts, 'log' for log.ts, 'pages/chat', '..' for what is outside. */
function partOf(file: string): Part {
  const [part = '', page] = relative('.', file).split('/')
  return (part === 'pages' ? `pages/${page}` : part).replace(/\.[jt]sx?$/, '')
}

/** Files that import each other in a circle, types included: 'a.ts → b.ts → a.ts'. */
export function circles(folder: string): string[] {
  const sources = sourcesIn(folder)
  const imports = new Map(sources.map((file) => [file, importedBy(folder, file)]))
  const found: string[] = []
  const finished = new Set<string>()
  const walk = (file: string, path: string[]): void => {
    const at = path.indexOf(file)
    if (at !== -1) found.push([...path.slice(at), file].join(' → '))
    if (at !== -1 || finished.has(file)) return
    for (const imported of imports.get(file) ?? []) walk(imported, [...path, file])
    finished.add(file)
  }
  for (const file of sources) walk(file, [])
  return found
}

function importedBy(folder: string, file: string): string[] {
  const specifiers = [...readSource(folder, file).matchAll(STATIC_IMPORT)].map(
    (match) => match[2] as string,
  )
  return specifiers.filter((one) => one.startsWith('.')).map((one) => join(dirname(file), one))
}
