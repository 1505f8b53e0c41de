import { expect, test } from 'vitest'
import { connect, sendText, TestSocket } from '../support/clients.ts'
import { startChat } from '../support/in-process.ts'
import { call } from '../support/people.ts'

test('every socket of a user gets every event of theirs, and the same', async () => {
  const { api, daemon } = await startChat()
  const devices = []
  for (let device = 0; device < 3; device++) devices.push(await connect(daemon.url, 2))
  const stranger = await connect(daemon.url, 3)
  const sender = await connect(daemon.url, 1)

  const sent = await sendText(api.url, 1, 2, 'Hello')
  const answer = await sendText(api.url, 2, 1, 'An answer')
  await call(api.url, 'mark_as_read', { user_id: 1, message_id: answer.message_id })
  sender.send({ event: 'chat:typing', data: { receiver_id: 2, is_typing: true } })
  const offer = { event: 'shop:offer', data: { percent: 10 } }
  await call(api.url, 'chat_websocket_broadcast', { ...offer, user_id: 2 })
  await call(api.url, 'chat_websocket_broadcast', { event: 'shop:closing', data: {} })

  for (const socket of [...devices, stranger]) await socket.event('shop:closing')
  for (const socket of devices) {
    expect(await socket.event('chat:message')).toEqual(sent)
    expect(await socket.event('chat:read')).toMatchObject({ message_id: answer.message_id })
    expect(await socket.event('chat:typing')).toEqual({ sender_id: 1, is_typing: true })
    expect(await socket.event('shop:offer')).toEqual(offer.data)
    const counts = ['chat:message', 'chat:read', 'chat:typing', 'shop:offer', 'shop:closing']
    expect(counts.map((event) => socket.all(event).length)).toEqual([1, 1, 1, 1, 1])
  }
  const strange = stranger.frames.map(({ event }) => event)
  expect(strange.filter((event) => event !== 'chat:user_status')).toEqual([
    'chat:connected',
    'shop:closing',
  ])
})

test('one device that leaves takes nothing from the others', async () => {
  const { api, daemon } = await startChat()
  const phone = await connect(daemon.url, 2)
  const laptop = await connect(daemon.url, 2)
  await phone.close()
  const sent = await sendText(api.url, 1, 2, 'Hello')
  expect(await laptop.event('chat:message')).toEqual(sent)
})

test('a sender’s devices are told of their own message only with CHAT_ECHO_TO_SENDER=on', async () => {
  for (const echo of ['on', 'off']) {
    const { api, daemon } = await startChat({ CHAT_ECHO_TO_SENDER: echo })
    const phone = await connect(daemon.url, 1)
    const laptop = await connect(daemon.url, 1)
    const receiver = await connect(daemon.url, 2)
    const sent = await sendText(api.url, 1, 2, 'Hello')
    expect(await receiver.event('chat:message')).toEqual(sent)
    await call(api.url, 'chat_websocket_broadcast', { event: 'end', data: {} })
    for (const socket of [phone, laptop, receiver]) {
      await socket.event('end')
      const isTold = socket === receiver || echo === 'on'
      expect(socket.all('chat:message')).toEqual(isTold ? [sent] : [])
    }
  }
})

test('CHAT_MAX_CONNECTIONS_PER_USER devices are let in; one more is closed with 4409', async () => {
  const { daemon } = await startChat({ CHAT_MAX_CONNECTIONS_PER_USER: '2' })
  const phone = await connect(daemon.url, 2)
  await connect(daemon.url, 2)
  const { code, reason } = await new TestSocket(`${daemon.url}/?user_id=2`).whenClosed()
  expect(code).toBe(4409)
  expect(reason).toMatch(/close one/)
  // Others are not concerned, and a place that is given up is free again.
  await connect(daemon.url, 3)
  await phone.close()
  await connect(daemon.url, 2)
})
