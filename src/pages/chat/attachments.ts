import { element, icon, part } from '../dom.ts'
import { notice } from './notices.ts'

const TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp']
/** Pictures that can be sent at once. */
const COUNT_MAX = 10

/** The pictures that go with the next message: picked, pasted or dropped, and shown before they go. */
export class Attachments {
  readonly #bytesMax: number
  readonly #tray = part('attachments')
  readonly #onChange: () => void
  #files: File[] = []

  constructor(bytesMax: number, onChange: () => void) {
    this.#bytesMax = bytesMax
    this.#onChange = onChange
    const picker = part<HTMLInputElement>('image-picker')
    part('attach').addEventListener('click', () => picker.click())
    picker.addEventListener('change', () => {
      this.add([...(picker.files ?? [])])
      picker.value = ''
    })
    part('composer').addEventListener('paste', ({ clipboardData }) => {
      this.add([...(clipboardData?.files ?? [])])
    })
    this.#takeDrops(part('thread'))
  }

  get isEmpty(): boolean {
    return this.#files.length === 0
  }

  add(files: File[]): void {
    for (const file of files) {
      const problem = this.#problemWith(file)
      if (problem === undefined) this.#files.push(file)
      else notice(problem)
    }
    if (files.length > 0) this.#show()
  }

  /** Returns the files and forgets them. */
  take(): File[] {
    const files = this.#files
    this.#files = []
    this.#show()
    return files
  }

  #problemWith(file: File): string | undefined {
    const name = file.name || 'This file'
    if (!TYPES.includes(file.type)) return `${name} is not a JPEG, PNG, GIF or WebP image.`
    if (file.size > this.#bytesMax) {
      return `${name} has ${megabytes(file.size)}; an image may have ${megabytes(this.#bytesMax)}.`
    }
    if (this.#files.length >= COUNT_MAX) return `At most ${COUNT_MAX} images go at once.`
    return undefined
  }

  #show(): void {
    this.#tray.hidden = this.isEmpty
    this.#tray.replaceChildren(...this.#files.map((file) => this.#preview(file)))
    this.#onChange()
  }

  #preview(file: File): HTMLElement {
    const image = element('img', { src: URL.createObjectURL(file), alt: file.name })
    image.addEventListener('load', () => URL.revokeObjectURL(image.src))
    const label = { 'aria-label': `Remove ${file.name}` }
    const remove = element('button', { type: 'button' }, label, icon('close'))
    remove.addEventListener('click', () => {
      this.#files = this.#files.filter((one) => one !== file)
      this.#show()
      part('composer-text').focus()
    })
    return element('li', {}, {}, image, remove)
  }

  #takeDrops(target: HTMLElement): void {
    const highlight = (isOver: boolean) => target.classList.toggle('drop', isOver)
    target.addEventListener('dragover', (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      highlight(true)
    })
    target.addEventListener('dragleave', ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node && target.contains(relatedTarget))) highlight(false)
    })
    target.addEventListener('drop', (event) => {
      event.preventDefault()
      highlight(false)
      this.add([...(event.dataTransfer?.files ?? [])])
    })
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1).replace('.0', '')} MB`
}
