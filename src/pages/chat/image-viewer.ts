import { part } from '../dom.ts'

/** Shows a picture as large as the window allows; Escape or a click closes it. */
export function openImage(address: string, caption: string): void {
  const viewer = part<HTMLDialogElement>('image-viewer')
  const image = part<HTMLImageElement>('image-viewer-image')
  image.src = address
  image.alt = caption || 'Image'
  part('image-viewer-caption').textContent = caption
  part<HTMLAnchorElement>('image-viewer-download').href = address
  viewer.showModal()
}

export function prepareImageViewer(): void {
  const viewer = part<HTMLDialogElement>('image-viewer')
  viewer.addEventListener('click', ({ target }) => {
    const isLink = target instanceof Element && target.closest('a') !== null
    if (!isLink) viewer.close()
  })
}
