/**
 * Where the client keeps what must survive a reload: unsent messages and the last message seen.
 * Values are whatever structured clone copies: with media among them, files too.
 */
export interface ClientStorage {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<void>
  delete(key: string): Promise<void>
  /** Every value whose key begins with `prefix`, in the order of their keys. */
  list(prefix: string): Promise<unknown[]>
}

/** A storage in memory, which ends with the process. */
export class MemoryStorage implements ClientStorage {
  readonly #values = new Map<string, unknown>()

  async get(key: string): Promise<unknown> {
    return this.#values.get(key)
  }

  async set(key: string, value: unknown): Promise<void> {
    this.#values.set(key, value)
  }

  async delete(key: string): Promise<void> {
    this.#values.delete(key)
  }

  async list(prefix: string): Promise<unknown[]> {
    const keys = [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort()
    return keys.map((key) => this.#values.get(key))
  }
}

const STORE = 'values'

/** A browser's own database: keeps unsent images and recordings as they are, beside text. */
export class BrowserStorage implements ClientStorage {
  readonly #database: Promise<IDBDatabase>

  constructor(name = 'chat', factory: IDBFactory = globalThis.indexedDB) {
    this.#database = open(name, factory)
    // Each use rejects with the error; without one it would be unhandled.
    this.#database.catch(() => {})
  }

  async get(key: string): Promise<unknown> {
    return this.#run('readonly', (store) => store.get(key))
  }

  async set(key: string, value: unknown): Promise<void> {
    await this.#run('readwrite', (store) => store.put(value, key))
  }

  async delete(key: string): Promise<void> {
    await this.#run('readwrite', (store) => store.delete(key))
  }

  async list(prefix: string): Promise<unknown[]> {
    const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`)
    return this.#run('readonly', (store) => store.getAll(range))
  }

  async #run<Result>(
    mode: IDBTransactionMode,
    request: (store: IDBObjectStore) => IDBRequest<Result>,
  ): Promise<Result> {
    const transaction = (await this.#database).transaction(STORE, mode)
    const result = resultOf(request(transaction.objectStore(STORE)))
    // The browser rolls the write back when the page closes before the transaction completes.
    await completionOf(transaction)
    return result
  }
}

/** IndexedDB where there is one, else memory: some browsers have none in private windows. */
export function defaultStorage(): ClientStorage {
  return globalThis.indexedDB === undefined ? new MemoryStorage() : new BrowserStorage()
}

function open(name: string, factory: IDBFactory): Promise<IDBDatabase> {
  const request = factory.open(name, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(STORE)
  return resultOf(request)
}

function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function completionOf(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
}
