import { expect } from 'vitest'
import type { Draft, Posted } from '../../src/chat/model.ts'
import { limits } from '../../src/limits/limits.ts'
import { byUser, idsOf, type Promises, range, readAll, send } from './opened-store.ts'

const ALL = { limit: 100, offset: 0 }

export const messages: Promises = {
  'a message is committed together with the event that brings it': async (open) => {
    const { api, daemon } = await open()
    const posted = await api.messages.post({ senderId: 1, receiverId: 2, message: 'Hello' })
    const { message, json } = posted

    expect(posted).toMatchObject({ isNew: true, message: { receiverId: 2, readAt: null } })
    expect(json).toBe(JSON.stringify(api.wire.message(message)))
    expect(await readAll(daemon.events.tail())).toEqual([
      {
        eventId: expect.any(Number),
        event: 'chat:message',
        userId: 2,
        data: json,
        messageId: message.messageId,
        subjectUserId: null,
      },
    ])
    const { conversationId } = message
    expect((await daemon.messages.history(conversationId, ALL, 2)).messages).toEqual([message])
  },

  'where senders are sent their own messages too, both events name the message': async (open) => {
    const { api, daemon } = await open({ echoesToSender: true })
    const { messageId } = await send(api, 1, 2)
    expect(byUser(await readAll(daemon.events.tail()))).toMatchObject([
      { event: 'chat:message', userId: 1, messageId },
      { event: 'chat:message', userId: 2, messageId },
    ])
  },

  'a message with media keeps what belongs to it, and its file is found by path': async (open) => {
    const { api, daemon } = await open()
    const media = { type: 'voice', path: 'chat/voice/a.ogg', fileSize: 7, duration: 3 } as const
    const message = await send(api, 1, 2, { message: '', media })
    expect(message).toMatchObject({
      messageType: 'voice',
      mediaPath: media.path,
      fileSize: 7,
      mediaDuration: 3,
    })
    expect((await daemon.messages.since(2, 0, 1)).messages).toEqual([message])
    expect(await api.messages.peopleOfMedia(media.path)).toEqual([1, 2])
    expect(await api.messages.peopleOfMedia('chat/voice/b.ogg')).toEqual([])
  },

  'a retry is answered with the first try, and sends nothing': async (open) => {
    const { api, daemon } = await open()
    const draft = { senderId: 1, receiverId: 2, message: 'Hello', clientMessageId: 'a' }
    const tries = await Promise.all(range(5).map(() => api.messages.post(draft)))
    const later = await daemon.messages.post({ ...draft, message: 'Said in other words' })

    expect(tries.map(({ isNew }) => isNew)).toEqual([true, false, false, false, false])
    const first = tries[0] as Posted
    for (const answer of [...tries, later]) {
      expect(answer).toEqual({ ...first, isNew: answer === first })
    }
    expect(await readAll(daemon.events.tail())).toHaveLength(1)
  },

  "a name is the sender's own, and of a message to one receiver": async (open) => {
    const { api } = await open()
    const first = await send(api, 1, 2, { clientMessageId: 'a' })
    const ofAnother = await send(api, 2, 1, { clientMessageId: 'a' })
    expect(ofAnother.messageId).toBeGreaterThan(first.messageId)
    await expect(send(api, 1, 3, { clientMessageId: 'a' })).rejects.toMatchObject({
      code: 'invalid',
      message: 'client_message_id was used for a message to another user',
    })
  },

  'a draft that cannot be a message is refused, and leaves no trace': async (open) => {
    const { api, daemon } = await open({ messageLengthMax: 5 })
    const drafts: Partial<Draft>[] = [
      { receiverId: 1 },
      { message: ' \n' },
      { message: 'sixsix' },
      { clientMessageId: 'x'.repeat(limits.clientMessageIdLength.max + 1) },
    ]
    for (const draft of drafts) {
      await expect(send(api, 1, 2, draft)).rejects.toMatchObject({ code: 'invalid' })
    }
    expect(await api.messages.lastId()).toBe(0)
    expect(await api.users.find(2)).toBeUndefined()
    expect(await readAll(daemon.events.tail())).toEqual([])
    await send(api, 1, 2, { message: '👍👍👍👍👍' })
  },

  'neither of a blocked pair can write to the other, and a send that is refused fails alone':
    async (open) => {
      const { api, daemon } = await open()
      const first = await send(api, 1, 2, { clientMessageId: 'before' })
      await api.blocks.block(2, 1, false)
      const [toBlocker, toBlocked, other] = await Promise.allSettled([
        send(api, 1, 2),
        send(api, 2, 1),
        send(api, 1, 3),
      ])
      const code = 'forbidden'
      expect(toBlocker).toMatchObject({
        reason: { code, message: expect.stringContaining('has blocked you') },
      })
      expect(toBlocked).toMatchObject({
        reason: { code, message: expect.stringContaining('You have blocked') },
      })
      expect(other).toMatchObject({ status: 'fulfilled' })
      expect(await send(api, 1, 2, { clientMessageId: 'before' })).toEqual(first)
      const events = byUser(await readAll(daemon.events.tail()))
      expect(events.map(({ userId }) => userId)).toEqual([2, 3])
    },

  'history comes page by page, counted or from a message back, oldest first': async (open) => {
    const { api, daemon } = await open()
    const sent = await Promise.all(range(7).map((n) => send(api, 1 + (n % 2), 2 - (n % 2))))
    await send(api, 1, 3)
    const ids = idsOf(sent)
    const conversationId = sent[0]?.conversationId ?? 0
    const page = async (offset: number, beforeMessageId?: number) => {
      const asked = { limit: 3, offset, beforeMessageId }
      const found = await daemon.messages.history(conversationId, asked, 1)
      return [idsOf(found.messages), found.hasMore]
    }
    expect(await page(0)).toEqual([ids.slice(4), true])
    expect(await page(3)).toEqual([ids.slice(1, 4), true])
    expect(await page(6)).toEqual([ids.slice(0, 1), false])
    expect(await page(7)).toEqual([[], false])
    expect(await page(0, ids[3])).toEqual([ids.slice(0, 3), false])
    expect(await page(1, ids[6])).toEqual([ids.slice(2, 5), true])
  },

  'the newest message is known by its id': async (open) => {
    const { api, daemon } = await open()
    expect(await daemon.messages.lastId()).toBe(0)
    const { messageId } = await send(api, 1, 2)
    expect(await daemon.messages.lastId()).toBe(messageId)
  },
}
