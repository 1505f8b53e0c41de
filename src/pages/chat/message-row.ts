import type { ThreadItem } from '../../client/chat-client.ts'
import { element, icon, spoken } from '../dom.ts'
import { openImage } from './image-viewer.ts'
import type { Row } from './keyed-list.ts'
import type { MediaFiles } from './media.ts'
import { isLargeEmoji, richText } from './rich-text.ts'
import { timeOf } from './times.ts'
import { VoicePlayer } from './voice-player.ts'

/** A line of a thread: a message, or the day on which those below it were written. */
export type Line =
  | { kind: 'day'; key: string; day: string }
  | {
      kind: 'message'
      key: string
      item: ThreadItem
      moment: Date
      senderName: string
      /** The message before is by the same person, less than CONTINUED_MS ago. */
      isContinued: boolean
    }

export type MessageLine = Extract<Line, { kind: 'message' }>

export interface MessageActions {
  files: MediaFiles
  retry: (clientMessageId: string) => void
  discard: (clientMessageId: string) => void
}

/** Icon and words of each status. */
const STATUSES: Record<ThreadItem['status'], [string, string]> = {
  queued: ['clock', 'waiting to be sent'],
  sending: ['clock', 'sending'],
  failed: ['alert', 'not sent'],
  sent: ['check', 'sent'],
  read: ['checks', 'read'],
}

export function createLine(line: Line, actions: MessageActions): Row<Line> {
  return line.kind === 'day' ? createDay(line.day) : createMessage(line, actions)
}

function createDay(day: string): Row<Line> {
  const label = element('span', { textContent: day })
  const update = (line: Line) => {
    if (line.kind === 'day') label.textContent = line.day
  }
  return { element: element('li', { className: 'day' }, {}, label), update }
}

function createMessage(line: MessageLine, actions: MessageActions): Row<Line> {
  const { item } = line
  const status = element('span', { className: 'status' })
  const time = element('time')
  const meta = element('span', { className: 'meta' }, {}, time, item.isMine && status)
  const failure = element('div', { className: 'failure', hidden: true })
  const progress = element('progress', { max: 1, hidden: true }, { 'aria-label': 'Upload' })
  const bubble = element(
    'div',
    { className: `bubble of-${item.type}` },
    {},
    spoken(`${line.senderName}: `),
    ...content(item, actions),
    progress,
    meta,
  )
  const row = element('li', {}, {}, bubble, failure)
  const update = (changed: Line) => {
    if (changed.kind !== 'message') return
    row.className = `message ${changed.item.isMine ? 'mine' : 'theirs'}`
    row.classList.toggle('continued', changed.isContinued)
    row.dataset.status = changed.item.status
    time.dateTime = changed.moment.toISOString()
    time.textContent = timeOf(changed.moment)
    showStatus(status, changed.item)
    showProgress(progress, changed.item)
    showFailure(failure, changed.item, actions)
  }
  update(line)
  return { element: row, update }
}

function content(item: ThreadItem, actions: MessageActions): HTMLElement[] {
  const parts: HTMLElement[] = []
  if (item.type === 'image') parts.push(picture(item, actions.files))
  if (item.type === 'voice') parts.push(new VoicePlayer(item, actions.files).element)
  if (item.text !== '') {
    const className = isLargeEmoji(item.text) ? 'text emoji' : 'text'
    parts.push(element('p', { className, dir: 'auto' }, {}, ...richText(item.text)))
  }
  return parts
}

function picture(item: ThreadItem, files: MediaFiles): HTMLElement {
  const image = element('img', { alt: item.text || 'Image', loading: 'lazy' })
  const button = element('button', { type: 'button', className: 'photo' }, {}, image)
  button.setAttribute('aria-label', `Open image${item.text === '' ? '' : `: ${item.text}`}`)
  files.address(item).then(
    (address) => {
      image.src = address
    },
    () => button.classList.add('missing'),
  )
  image.addEventListener('error', () => button.classList.add('missing'))
  button.addEventListener('click', () => openImage(image.src, item.text))
  return button
}

function showStatus(target: HTMLElement, { status }: ThreadItem): void {
  if (target.dataset.status === status) return
  target.dataset.status = status
  const [iconName, words] = STATUSES[status]
  target.replaceChildren(icon(iconName), spoken(words))
}

function showProgress(target: HTMLProgressElement, { outgoing, status }: ThreadItem): void {
  target.hidden = outgoing?.file === undefined || status !== 'sending'
  target.value = outgoing?.progress ?? 0
}

function showFailure(target: HTMLElement, item: ThreadItem, actions: MessageActions): void {
  const hasFailed = item.status === 'failed'
  if (target.hidden === !hasFailed) return
  target.hidden = !hasFailed
  target.replaceChildren()
  if (!hasFailed) return
  const again = element('button', { type: 'button', textContent: 'Try again' })
  const discard = element('button', { type: 'button', textContent: 'Discard' })
  again.addEventListener('click', () => actions.retry(item.key))
  discard.addEventListener('click', () => actions.discard(item.key))
  target.append(`Not sent. ${item.outgoing?.error ?? ''} `, again, discard)
}
