const TIMEOUT_MS = 2_000

export interface Asked {
  /** 0 stands for no answer. */
  status: number
  text: string
}

/** Asks a process of the service over HTTP. Never rejects. */
export async function ask(url: string): Promise<Asked> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    return { status: response.status, text: await response.text() }
  } catch (error) {
    return { status: 0, text: String(error) }
  }
}

/** NaN where it is not there. */
export async function readMetric(url: string, name: string): Promise<number> {
  const { text } = await ask(`${url}/metrics`)
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1])
}
