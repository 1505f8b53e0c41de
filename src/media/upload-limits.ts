import type { Config } from '../config/config.ts'
import type { LimitStore } from '../limits/limit-store.ts'
import { limits } from '../limits/limits.ts'
import { Quota, Share } from '../limits/quota.ts'
import { RateLimit } from '../limits/rate-limit.ts'

/** The limits on the number and size of uploads. */
export class UploadLimits {
  readonly #perMinute: RateLimit
  readonly #bytesPerDay: RateLimit
  readonly #ofUser = new Quota(limits.uploadsAtOnce)
  readonly #ofAddress = new Quota(limits.uploadsAtOncePerAddress)
  readonly #inAll = new Quota(limits.uploadsAtOnceInAll)

  /** @param store as of RateLimit */
  constructor(config: Pick<Config, 'uploadRateLimit' | 'uploadBytesPerDay'>, store?: LimitStore) {
    this.#perMinute = new RateLimit(limits.uploads, config.uploadRateLimit, store)
    this.#bytesPerDay = new RateLimit(limits.uploadBytes, config.uploadBytesPerDay, store)
  }

  /**
   * Call when a file begins, before any of it is written; release the share when its request is
   * answered: it may take a while to keep the file.
   *
   * @param userId undefined while the sender is not known
   * @throws ChatError `too_many` for a user or address that sends too much, `busy` when all do
   */
  async begin(userId: number | undefined, address: string): Promise<Share> {
    if (userId !== undefined) {
      await this.#perMinute.check(userId)
      await this.#bytesPerDay.check(userId)
    }
    const user = userId === undefined ? [] : [[this.#ofUser, userId] as const]
    const share = new Share(...user, [this.#ofAddress, address], [this.#inAll, ''])
    share.take()
    return share
  }

  /** Counts a complete file. @throws ChatError `too_many` */
  async count(userId: number, bytes: number): Promise<void> {
    await this.#perMinute.count(userId)
    await this.#bytesPerDay.count(userId, bytes)
  }
}
