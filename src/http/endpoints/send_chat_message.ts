import type { Media, Posted } from '../../chat/model.ts'
import type { Uploads } from '../../media/uploads.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Form } from '../form.ts'
import { successOf } from '../response.ts'

/** A longer voice message is a mistake in units. */
const DURATION_SECONDS_MAX = 24 * 60 * 60

/**
 * POST /send_chat_message.php: sender_id, receiver_id (or from_user_id, to_user_id), and message,
 * image or voice, duration of a voice; client_message_id → the message. Emits chat:message to the
 * receiver. Idempotent by client_message_id: a retry is answered with the first message.
 */
export const sendChatMessage: Endpoint = {
  methods: ['POST'],
  access: 'user',
  takesFile: true,
  handle: async (context) => {
    const { form, chat, caller, uploads, limits, metrics } = context
    const startedAt = performance.now()
    const senderId = caller.assertActsAs(form.id('sender_id', 'from_user_id'))
    const receiverId = form.id('receiver_id', 'to_user_id')
    const message = form.text('message')
    const clientMessageId = form.text('client_message_id') || undefined
    await limits.messages.count(senderId)
    if (form.upload !== undefined) await limits.uploads.count(senderId, form.upload.bytes)
    const posted = await postWithFile(form, uploads, (media) =>
      chat.messages.post({ senderId, receiverId, message, media, clientMessageId }),
    )
    metrics.sendSeconds.observe((performance.now() - startedAt) / 1000)
    if (posted.isNew) metrics.messages[posted.message.messageType] += 1
    return successOf('Message sent successfully', posted.json)
  },
}

/** Posts a message with the form's file, if it has one. */
function postWithFile(
  form: Form,
  uploads: Uploads,
  post: (media: Media | undefined) => Promise<Posted>,
): Promise<Posted> {
  const isVoice = form.upload?.kind === 'voice'
  const duration = isVoice ? form.optionalSeconds('duration', DURATION_SECONDS_MAX) : undefined
  const upload = form.takeUpload()
  if (upload === undefined) return post(undefined)
  const { kind: type, bytes: fileSize } = upload
  return uploads.keep(upload, (path) => post({ type, path, fileSize, duration }))
}
