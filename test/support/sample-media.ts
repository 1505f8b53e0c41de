const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const WAV_HEADER = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQIAAACAgA=='

/** A picture of one pixel. */
export function picture(): Blob {
  return new Blob([Buffer.from(PNG, 'base64')])
}

/** A recording of two samples. */
export function recording(): Blob {
  return new Blob([Buffer.from(WAV_HEADER, 'base64')])
}

/** A multipart body; Blobs become files. */
export function multipart(parameters: Record<string, string | number | Blob>): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(parameters)) {
    if (value instanceof Blob) form.set(name, value, 'file.bin')
    else form.set(name, String(value))
  }
  return form
}
