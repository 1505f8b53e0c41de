/** The operator's page: asks for /status.json every 2 s and draws what it says. */
import { element, part, setText } from '../dom.ts'
import { Plot } from './plot.ts'
import { type Sample, Samples, type Status } from './samples.ts'

const INTERVAL_MS = 2_000
const SECRET_KEY = 'chat-metrics-secret'
/** A lag of a second or two is a busy moment. */
const LAG_SECONDS_GOOD_MAX = 10

const samples = new Samples()
const stateLine = part('state')
const numbers = part('numbers')
const secretForm = part('secret-form')
const secretInput = part<HTMLInputElement>('secret')
let plots: Plot[] | undefined
let timer: ReturnType<typeof setTimeout> | undefined

secretForm.addEventListener('submit', formOnSubmit)
update()

async function update(): Promise<void> {
  clearTimeout(timer)
  try {
    const response = await fetch('status.json', { headers: authorization(), cache: 'no-store' })
    if (response.status === 403) return askForSecret()
    if (!response.ok) throw new Error(`chat-api answers ${response.status}`)
    show((await response.json()).data)
  } catch (error) {
    samples.addNothing()
    showPlots()
    const isHttp = error instanceof Error && error.message.startsWith('chat-api')
    setState('bad', isHttp ? error.message : 'chat-api does not answer; trying again')
  }
  timer = setTimeout(update, INTERVAL_MS)
}

function authorization(): Record<string, string> {
  const secret = sessionStorage.getItem(SECRET_KEY)
  return secret === null ? {} : { Authorization: `Bearer ${secret}` }
}

function askForSecret(): void {
  const isWrong = sessionStorage.getItem(SECRET_KEY) !== null
  sessionStorage.removeItem(SECRET_KEY)
  setState(isWrong ? 'bad' : 'warn', isWrong ? 'That was not the secret' : 'Not for everybody')
  secretForm.hidden = false
  numbers.hidden = true
  secretInput.focus()
}

function formOnSubmit(event: Event): void {
  event.preventDefault()
  sessionStorage.setItem(SECRET_KEY, secretInput.value)
  secretInput.value = ''
  update()
}

function show(status: Status): void {
  secretForm.hidden = true
  numbers.hidden = false
  const sample = samples.add(status)
  setState(...stateOf(status))
  part('tiles').replaceChildren(...tiles(status, sample))
  showPlots()
}

function stateOf({ daemon, daemons, lag_seconds }: Status): ['good' | 'warn' | 'bad', string] {
  const which = daemons.length > 1 ? 'A daemon' : 'The daemon'
  if (daemon.state === 'stopped') return ['bad', 'The daemon does not run']
  if (daemon.state === 'unhealthy') return ['bad', `${which} does not poll`]
  if (lag_seconds > LAG_SECONDS_GOOD_MAX) return ['warn', `${which} lags behind`]
  return ['good', 'All is well']
}

function setState(level: 'good' | 'warn' | 'bad', text: string): void {
  setText(stateLine, text)
  stateLine.className = `state ${level}`
}

function tiles(status: Status, sample: Sample): HTMLElement[] {
  const { daemon, daemons } = status
  const isBad = daemon.state !== 'running'
  return [
    tile('Daemon', daemon.state, isBad),
    daemons.length > 1
      ? tile('How many', daemons.length.toLocaleString())
      : tile('Its pid', known(daemons[0]?.pid ?? null, String)),
    tile(
      'Last good poll',
      known(worst(daemons.map((each) => each.poll_age_seconds)), (age) => `${age} s ago`),
      isBad,
    ),
    tile('Slowest poll', known(worst(daemons.map((each) => each.poll_ms)), milliseconds)),
    tile('Event lag', `${status.lag_seconds} s`, status.lag_seconds > LAG_SECONDS_GOOD_MAX),
    tile('Sockets', status.connections.toLocaleString()),
    tile('Users', status.users.toLocaleString()),
    tile('Messages', status.message_count.toLocaleString()),
    tile('Time to send', known(sample.sendMs, milliseconds)),
    tile('Write-ahead log', `${(status.wal_bytes / 1024 / 1024).toFixed(1)} MB`),
  ]
}

function tile(name: string, value: string, isBad = false): HTMLElement {
  const title = element('dt', { textContent: name })
  const number = element('dd', { textContent: value, className: isBad ? 'bad' : '' })
  return element('div', {}, {}, title, number)
}

function worst(values: number[]): number | null {
  return values.length === 0 ? null : Math.max(...values)
}

function known(value: number | null, show: (value: number) => string): string {
  return value === null ? '–' : show(value)
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`
}

/** Plots are created when they are first shown: a hidden element has no width. */
function showPlots(): void {
  if (numbers.hidden) return
  plots ??= [
    new Plot(part('lag'), 5, [
      { label: 'Lag (s)', color: '--plot-1', value: (one) => one.lag, digits: 0 },
    ]),
    new Plot(part('rates'), 1, [
      { label: 'Messages', color: '--plot-1', value: (one) => one.messageRate, digits: 1 },
      {
        label: 'Events',
        color: '--plot-2',
        value: (one) => one.eventRate,
        digits: 1,
        isDashed: true,
      },
      { label: 'Delivered', color: '--plot-3', value: (one) => one.deliveredRate, digits: 1 },
    ]),
    new Plot(part('connections'), 5, [
      { label: 'Sockets', color: '--plot-1', value: (one) => one.connections, digits: 0 },
      { label: 'Users', color: '--plot-2', value: (one) => one.users, digits: 0, isDashed: true },
    ]),
  ]
  for (const plot of plots) plot.show(samples.rows)
}
