import { type HttpAnswer, post } from './clients.ts'

export type Parameters = Record<string, string | number>
type Call = (url: string, parameters: Parameters) => Promise<HttpAnswer>

/** The ways in which a POST may say the same thing. */
export const ENCODINGS: Record<'query' | 'urlencoded' | 'json' | 'multipart', Call> = {
  query: (url, parameters) => post(`${url}?${urlencoded(parameters)}`, new URLSearchParams()),
  urlencoded: (url, parameters) => post(url, urlencoded(parameters)),
  json: (url, parameters) => post(url, parameters),
  multipart: (url, parameters) => post(url, multipart(parameters)),
}

/** The same, one after the other, for a table of tests. */
export const ENCODING_NAMES = Object.keys(ENCODINGS) as (keyof typeof ENCODINGS)[]

export function urlencoded(parameters: Parameters): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) form.append(name, String(value))
  return form
}

export function multipart(parameters: Parameters): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(parameters)) form.append(name, String(value))
  return form
}
