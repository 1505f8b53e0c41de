import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { expect, test } from 'vitest'
import { settings } from '../../src/config/config.ts'
import { limits } from '../../src/limits/limits.ts'
import { JWT_SECRET } from '../support/auth.ts'
import { Contract, type Schema } from '../support/contract.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi } from '../support/in-process.ts'

const contract = new Contract()
const { openapi, asyncapi } = contract
const { schemas, parameters } = openapi.components
const PACKAGE = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const SHOP = 'https://shop.example'

test('openapi.json is valid by the official schema of OpenAPI 3.1', async () => {
  const problemsOf = async (document: object) =>
    (await new Validator().validate({ ...structuredClone(document) })).errors

  expect(await problemsOf(openapi)).toBeUndefined()
  expect(await problemsOf({ ...openapi, info: {} })).not.toBeUndefined()
})

test('asyncapi.json is valid by the official schema of AsyncAPI 3', () => {
  const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json')
  // It has the schema of schemas in itself.
  const ajv = new Ajv({ strict: false, meta: false, validateSchema: false })
  addFormats.default(ajv)
  const validate = ajv.compile(schema)

  expect(validate(asyncapi) || validate.errors).toBe(true)
  expect(validate({ ...asyncapi, info: {} })).toBe(false)
})

test('each schema of both is valid JSON Schema, with no keyword that means nothing', () => {
  const { messages } = asyncapi.components
  const all: [pointer: string, schema: Schema][] = [
    ...entries(schemas, (name, schema) => [`#/components/schemas/${name}`, schema]),
    ...entries(parameters, (name, { schema }) => [
      `#/components/parameters/${name}/schema`,
      schema,
    ]),
    ...entries(messages, (name, { payload }) => [
      `asyncapi.json#/components/messages/${name}/payload`,
      payload,
    ]),
  ]
  const ajv = new Ajv2020()
  for (const [pointer, schema] of all) {
    expect(ajv.validateSchema(schema), pointer).toBe(true)
    expect(() => contract.violation(pointer, {}), pointer).not.toThrow()
  }
})

function entries<Value>(
  named: Record<string, Value>,
  toEntry: (name: string, value: Value) => [string, Schema],
): [string, Schema][] {
  return Object.entries(named).map(([name, value]) => toEntry(name, value))
}

test('both are of the version of the package, and in it', () => {
  expect([openapi.info.version, asyncapi.info.version]).toEqual([PACKAGE.version, PACKAGE.version])
  expect(PACKAGE.files).toContain('public')
})

test.for(['openapi.json', 'asyncapi.json'])(
  '%s is served to everybody who may ask, as JSON that is asked for again',
  async (name) => {
    const file = readFileSync(new URL(`../../public/${name}`, import.meta.url), 'utf8')
    const login = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET }
    const { url } = await startApi(temporaryFolder(), { ...login, CHAT_ALLOWED_ORIGINS: SHOP })

    const response = await fetch(`${url}/${name}`, { headers: { Origin: SHOP } })

    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json; charset=utf-8')
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe(SHOP)
    expect(response.headers.get('Cache-Control')).toBe('public, max-age=0')
    expect(response.headers.get('ETag')).not.toBe(null)
    expect(await response.text()).toBe(file)
  },
)

test('the limits in them are those of the service', () => {
  const ofParameter = (name: string) => parameters[name]?.schema
  const { messageLengthMax } = settings

  expect(ofParameter('message')).toMatchObject({ maxLength: Number(messageLengthMax.fallback) })
  const { clientMessageIdLength, eventNameLength, pageLimit } = limits
  expect(ofParameter('client_message_id')).toMatchObject({ maxLength: clientMessageIdLength.max })
  expect(schemas.Message?.properties?.client_message_id).toMatchObject({
    maxLength: clientMessageIdLength.max,
  })
  expect(ofParameter('event')).toMatchObject({ maxLength: eventNameLength.max })
  const { conversations } = schemas.Conversations?.properties ?? {}
  const { messages } = schemas.Messages?.properties ?? {}
  expect([conversations, messages].map((list) => list?.maxItems)).toEqual([
    pageLimit.max,
    pageLimit.max,
  ])
})
