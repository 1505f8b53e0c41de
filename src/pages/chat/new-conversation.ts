import { reasonOf } from '../../client/reason.ts'
import { part, setText } from '../dom.ts'
import { readUserId } from './sign-in.ts'

/** The dialog that asks whom to write to. */
export function prepareNewConversation(ownUserId: number, onOpen: (userId: number) => void): void {
  const dialog = part<HTMLDialogElement>('new-dialog')
  const input = part<HTMLInputElement>('new-user-id')
  const open = () => {
    input.value = ''
    setText(part('new-error'), '')
    dialog.showModal()
  }
  part('new-conversation').addEventListener('click', open)
  part('first-conversation').addEventListener('click', open)
  part('new-cancel').addEventListener('click', () => dialog.close())
  part('new-form').addEventListener('submit', (event) => {
    event.preventDefault()
    try {
      const userId = readUserId(input)
      if (userId === ownUserId) throw new Error('That is you. Whom do you want to write to?')
      dialog.close()
      onOpen(userId)
    } catch (error) {
      setText(part('new-error'), reasonOf(error))
    }
  })
}
