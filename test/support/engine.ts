/** Whether the chat of these tests is on an SQLite file: the tests of the project `shared` are not. */
export const ON_SQLITE = process.env.CHAT_TEST_ENGINE !== 'mysql'
