import { expect, onTestFinished, test, vi } from 'vitest'
import { Form } from '../../src/http/form.ts'
import { STATUS_OF } from '../../src/http/response.ts'
import { ENDPOINTS } from '../../src/http/routes.ts'
import { JWT_SECRET } from '../support/auth.ts'
import { get, type HttpAnswer, post } from '../support/clients.ts'
import { Contract, type Operation, type Parameter, type Schema } from '../support/contract.ts'
import { temporaryFolder } from '../support/folders.ts'
import {
  ENCODING_NAMES,
  ENCODINGS,
  multipart,
  type Parameters,
  urlencoded,
} from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'
import { JPEG, MP3 } from '../support/media.ts'
import { rows } from '../support/readme.ts'

// Nothing of the HTTP side is missing from openapi.json, and nothing stands there that is not.

const contract = new Contract()
const { openapi } = contract
/** Of the paths that are endpoints: files have no code of their own. */
const PATHS = Object.keys(openapi.paths).filter((path) => !path.includes('{'))
const BODY_TYPES = ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data']
const FILES: Record<string, File> = {
  image: new File([JPEG], 'holiday.jpg'),
  voice: new File([MP3], 'note.mp3'),
}

test('each endpoint is described, with its methods', () => {
  const described = PATHS.map((path) => [path, Object.keys(openapi.paths[path] as object).sort()])
  const real = [...ENDPOINTS].map(([path, { methods }]) => [
    path,
    methods.map((method) => method.toLowerCase()).sort(),
  ])

  expect(described).toEqual(real)
})

test('the parameters of each endpoint are those that it asks for, in each encoding', async () => {
  const { url } = await startApi(temporaryFolder())
  const asked = watchForms()
  for (const path of PATHS) {
    const { get: reading, post: writing } = openapi.paths[path] ?? {}
    for (const example of examplesOf(writing)) {
      const answers = await answersTo(url + path, example, reading !== undefined)
      expect(
        answers.map(({ status }) => status),
        path,
      ).toEqual(answers.map(() => 200))
    }
    for (const kind of filesOf(writing)) await sendFile(url + path, kind)
    const real = asked()

    for (const operation of [reading, writing]) {
      if (operation !== undefined) expect(inQuery(operation), path).toEqual(real)
    }
    for (const type of BODY_TYPES) {
      if (writing !== undefined) expect(inBody(writing, type), `${path}: ${type}`).toEqual(real)
    }
  }
})

test('the examples are as their schemas describe', () => {
  for (const path of PATHS) {
    const { post: writing } = openapi.paths[path] ?? {}
    const { schema } = writing?.requestBody?.content?.['application/json'] ?? {}
    for (const example of examplesOf(writing)) {
      expect(contract.violation(String(schema?.$ref), example), path).toBeUndefined()
    }
  }
})

test('what is required in a query is refused without it', async () => {
  const { url } = await startApi(temporaryFolder())
  for (const path of PATHS) {
    const { get: reading, post: writing } = openapi.paths[path] ?? {}
    const required = parametersOf(reading).filter((parameter) => parameter.required)
    for (const { name } of required) {
      const [example] = examplesOf(writing)
      const others = { ...(example as Parameters), [name]: '' }
      const { status, body } = await get(`${url}${path}?${urlencoded(others)}`)
      expect({ status, message: body.message }).toEqual({
        status: 400,
        message: `${name} is required`,
      })
    }
  }
})

test('a file is described where one is taken, under the names that are', async () => {
  const { url } = await startApi(temporaryFolder())
  for (const [path, { takesFile = false, methods }] of ENDPOINTS) {
    const described = filesOf(openapi.paths[path]?.post)
    if (methods.includes('POST') && takesFile) {
      const { body } = await sendFile(url + path, 'image', 'another name')
      expect(body.message).toBe(`A file must be sent as ${described.join(' or ')}`)
    } else expect(described, path).toEqual([])
  }
})

test('a token in the query is described under its name', async () => {
  const { url } = await startApi(temporaryFolder(), {
    CHAT_AUTH: 'jwt',
    CHAT_JWT_SECRET: JWT_SECRET,
  })
  const asked = vi.spyOn(URLSearchParams.prototype, 'get')
  onTestFinished(() => asked.mockRestore())

  await get(`${url}/get_conversations.php`)

  const schemes = Object.values(openapi.components.securitySchemes)
  const inQueries = schemes.filter((scheme) => scheme.in === 'query').map(({ name }) => name)
  expect(inQueries).toEqual([...new Set(asked.mock.calls.flat())])
})

test('each status of an error is described, and in the README', () => {
  const operations = Object.values(openapi.paths).flatMap(Object.values) as Operation[]
  const described = new Set(operations.flatMap(({ responses }) => Object.keys(responses)))
  const real = [...new Set(Object.values(STATUS_OF).map(String))]
  const inReadme = rows('| status | meaning |').flatMap(([statuses = '']) => statuses.split(', '))

  // Of a method that an operation is not described for, in no operation.
  expect([...described, '405']).toEqual(expect.arrayContaining(real))
  expect(real.filter((status) => status !== '500').sort()).toEqual(inReadme.sort())
})

/** Returns the names that forms were asked for since it was last called. */
function watchForms(): () => string[] {
  const readers = Object.getOwnPropertyNames(Form.prototype).filter(
    (name) => !['constructor', 'set'].includes(name),
  )
  const spies = readers.map((name) => vi.spyOn(Form.prototype, name as 'text'))
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore()
  })
  return () => {
    const given = spies.flatMap(({ mock }) => mock.calls.flat()) as unknown[]
    for (const spy of spies) spy.mockClear()
    return [...new Set(given.filter((one) => typeof one === 'string'))].sort()
  }
}

function examplesOf(operation: Operation | undefined): object[] {
  const { examples = {} } = operation?.requestBody?.content?.['application/json'] ?? {}
  return Object.values(examples).map(({ value }) => value)
}

/** What a request is answered that gives the example in each of the ways in which it may. */
async function answersTo(url: string, example: object, isReading: boolean): Promise<HttpAnswer[]> {
  const texts = Object.entries(example).map(([name, value]) => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : value,
  ])
  const parameters: Parameters = Object.fromEntries(texts)
  const answers = [await post(url, example)]
  for (const name of ENCODING_NAMES) answers.push(await ENCODINGS[name](url, parameters))
  return isReading ? [...answers, await get(`${url}?${urlencoded(parameters)}`)] : answers
}

function sendFile(url: string, kind: string, name = kind): Promise<HttpAnswer> {
  const file = FILES[kind] as File
  return post(url, multipart({ sender_id: 1, receiver_id: 2, [name]: file }))
}

/** The names of the files in an operation's body. */
function filesOf(operation: Operation | undefined): string[] {
  return operation === undefined
    ? []
    : propertiesOf(operation, 'multipart/form-data').filter((name) => name in FILES)
}

function parametersOf(operation: Operation | undefined): Parameter[] {
  return (operation?.parameters ?? []).map((parameter) => contract.resolve(parameter))
}

function inQuery(operation: Operation): string[] {
  return parametersOf(operation)
    .map(({ name }) => name)
    .sort()
}

function inBody(operation: Operation, type: string): string[] {
  return propertiesOf(operation, type)
    .filter((name) => !(name in FILES))
    .sort()
}

function propertiesOf({ requestBody }: Operation, type: string): string[] {
  const { schema } = requestBody?.content?.[type] ?? {}
  return Object.keys(contract.resolve(schema as Schema | { $ref: string }).properties ?? {})
}
