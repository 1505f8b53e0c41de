/** The prefix of EXIF in a JPEG, and in some WebPs. */
export const EXIF_NAME = Buffer.from('Exif\0\0')
/** The orientation of a picture that is shown as it is stored. */
export const UPRIGHT = 1
const ORIENTATIONS = [UPRIGHT, 2, 3, 4, 5, 6, 7, 8]
const ORIENTATION_TAG = 0x0112
const SHORT = 3
const ENTRY_BYTES = 12

/** Parses the orientation of EXIF; undefined when it has none. */
export function orientationOf(exif: Buffer): number | undefined {
  const isNamed = exif.subarray(0, EXIF_NAME.length).equals(EXIF_NAME)
  const tiff = isNamed ? exif.subarray(EXIF_NAME.length) : exif
  const order = tiff.toString('latin1', 0, 2)
  if (tiff.length < 8 || (order !== 'II' && order !== 'MM')) return undefined
  const read = (bytes: Buffer, at: number, size: number) =>
    order === 'II' ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size)
  const list = tiff.subarray(read(tiff, 4, 4))
  const count = list.length < 2 ? 0 : read(list, 0, 2)
  for (const entry of entriesOf(list.subarray(2), count)) {
    if (read(entry, 0, 2) !== ORIENTATION_TAG || read(entry, 2, 2) !== SHORT) continue
    return ORIENTATIONS.find((one) => one === read(entry, 8, 2))
  }
  return undefined
}

function entriesOf(list: Buffer, count: number): Buffer[] {
  const found = Math.min(count, Math.floor(list.length / ENTRY_BYTES))
  return Array.from({ length: found }, (_, index) =>
    list.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES),
  )
}

/** EXIF with the orientation and nothing else. */
export function tiffOf(orientation: number): Buffer {
  const head = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8]
  const entry = [0x01, 0x12, 0, SHORT, 0, 0, 0, 1, 0, orientation, 0, 0]
  return Buffer.from([...head, 0, 1, ...entry, 0, 0, 0, 0])
}
