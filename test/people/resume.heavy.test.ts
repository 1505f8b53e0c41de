import { expect, test } from 'vitest'
import { sendText, TestDevice } from '../support/clients.ts'
import { startApi, startChat } from '../support/in-process.ts'
import { waitFor } from '../support/wait.ts'

test('no gap and no duplicate while messages commit during the replay', async () => {
  const messageCount = 600
  const { api, daemon, folder } = await startChat()
  const secondApi = await startApi(folder)
  const devices = [new TestDevice(2), new TestDevice(2)]
  let remaining = messageCount
  const sentIds: number[] = []
  const keepSending = async (from: number) => {
    while (remaining-- > 0) {
      const url = remaining % 2 === 0 ? api.url : secondApi.url
      sentIds.push((await sendText(url, from, 2, 'Hello')).message_id)
    }
  }
  const keepReconnecting = async (device: TestDevice) => {
    for (let round = 0; remaining > 0; round++) {
      await device.connect(daemon.url)
      // Every other time it is gone again in the middle of the replay.
      const enough = device.messageIds.length + (round % 2 === 0 ? 0 : 5)
      await waitFor(() => device.messageIds.length >= enough || remaining <= 0, 'some messages')
      device.disconnect()
    }
  }
  const senders = [11, 12, 13, 14, 15, 16, 17, 18].map(keepSending)
  await Promise.all([...senders, ...devices.map(keepReconnecting)])

  const expected = sentIds.sort((a, b) => a - b)
  expect(expected.length).toBe(messageCount)
  for (const device of devices) {
    await device.connect(daemon.url)
    const last = await sendText(api.url, 1, 2, 'The last')
    expected.push(last.message_id)
    await waitFor(() => device.lastMessageId === last.message_id, 'the last message')
    expect(device.messageIds).toEqual(expected)
    // This test is worth its name only if there were reconnects, and all were recovered.
    expect(device.recovered.length).toBeGreaterThan(5)
    expect(new Set(device.recovered)).toEqual(new Set([true]))
  }
})
